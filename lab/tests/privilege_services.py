# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations for privileges on folders, datastores, hosts, services and tags; see privilege_operations."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from pyVmomi import vim

from privilege_operations import Act, Refused, needs
from privilege_site import Site


@needs("Folder.Create")
def create_folder(site: Site) -> Act:
    return site.folder, lambda: site.folder.CreateFolder(site.name("folder"))


def folder_of(site: Site) -> Any:
    return site.as_tester(site.as_admin(site.folder).CreateFolder(site.name("folder")))


@needs("Folder.Delete")
def delete_folder(site: Site) -> Act:
    made = folder_of(site)
    return made, lambda: site.done(made.Destroy_Task())


@needs("Folder.Rename")
def rename_folder(site: Site) -> Act:
    made = folder_of(site)
    return made, lambda: site.done(made.Rename_Task(site.name("renamed")))


@needs("Folder.Move")
def move_folder(site: Site) -> Act:
    made = folder_of(site)
    return made, lambda: site.done(site.other.MoveIntoFolder_Task([made]))


@needs("Datastore.Browse")
def search(site: Site) -> Act:
    return site.datastore, lambda: site.done(site.datastore.browser.SearchDatastore_Task("[ds-shared-1]", vim.host.DatastoreBrowser.SearchSpec()))


@needs("Datastore.FileManagement")
def make_directory(site: Site) -> Act:
    return site.datastore, lambda: site.tester.fileManager.MakeDirectory(f"[ds-shared-1] {site.name('folder')}", site.datacenter, False)


@needs("Datastore.DeleteFile")
def delete_file(site: Site) -> Act:
    path = f"[ds-shared-1] {site.name('folder')}"
    site.admin.fileManager.MakeDirectory(path, site.as_admin(site.datacenter), False)
    return site.datastore, lambda: site.datastore.browser.DeleteFile(path)


@needs("Datastore.UpdateVirtualMachineFiles")
def update_files(site: Site) -> Act:
    moved = vim.Datastore.MountPathDatastorePair(oldMountPath="/vmfs/volumes/before", datastore=site.datastore)
    return site.datastore, lambda: site.done(site.datastore.UpdateVirtualMachineFiles_Task([moved]))


@needs("Host.Config.Storage")
def rescan(site: Site) -> Act:
    return site.hosts[0], lambda: site.hosts[0].configManager.storageSystem.RescanAllHba()


@needs("Sessions.ValidateSession")
def session_is_active(site: Site) -> Act:
    own = site.tester.sessionManager.currentSession
    return site.root, lambda: site.tester.sessionManager.SessionIsActive(own.key, own.userName)


@needs("StorageProfile.View")
def query_profiles(site: Site) -> Act:
    from pyVmomi import pbm
    manager = site.storage()
    return site.root, lambda: manager.PbmQueryProfile(pbm.profile.ResourceType(resourceType="STORAGE"), None)


@needs("Resource.QueryVMotion")
def query_vmotion(site: Site) -> Act:
    machine = site.machine()
    instance = vim.ServiceInstance("ServiceInstance", site.root._stub)
    return site.root, lambda: instance.QueryVMotionCompatibility(machine, [site.hosts[1]], None)


KIND = "com.example.probe.task"


def task_of(site: Site) -> Any:
    """Registers the extension whose tasks the tests make; makes one as administrator."""
    manager = site.admin.extensionManager
    if not any(each.key == "com.example.probe" for each in manager.extensionList):
        info = vim.Description(label="probe", summary="probe")
        manager.RegisterExtension(vim.Extension(key="com.example.probe", version="1", description=info, lastHeartbeatTime=datetime.now(timezone.utc),
                                                taskList=[vim.Extension.TaskTypeInfo(taskID=KIND)]))
    return site.admin.taskManager.CreateTask(site.as_admin(site.folder), KIND, "tester", False, None, None).task


@needs("Task.Create")
def create_task(site: Site) -> Act:
    task_of(site)
    return site.root, lambda: site.tester.taskManager.CreateTask(site.folder, KIND, "tester", False, None, None)


@needs("Task.Update")
def update_task(site: Site) -> Act:
    made = site.as_tester(task_of(site))
    return site.root, lambda: made.SetTaskState("running", None, None)


def customization() -> vim.CustomizationSpecItem:
    spec = vim.vm.customization.Specification(identity=vim.vm.customization.LinuxPrep(hostName=vim.vm.customization.FixedName(name="x"), domain="lab.local"),
                                              globalIPSettings=vim.vm.customization.GlobalIPSettings())
    return vim.CustomizationSpecItem(info=vim.CustomizationSpecInfo(name="probe", description="", type="Linux"), spec=spec)


@needs("VirtualMachine.Provisioning.ModifyCustSpecs")
def write_specification(site: Site) -> Act:
    item = customization()
    item.info.name = site.name("specification")
    return site.root, lambda: site.tester.customizationSpecManager.CreateCustomizationSpec(item)


@needs("VirtualMachine.Provisioning.ReadCustSpecs")
def read_specification(site: Site) -> Act:
    return site.root, lambda: site.tester.customizationSpecManager.DoesCustomizationSpecExist("probe")


def asked(site: Site, method: str, path: str, body: Any = None) -> None:
    answer = site.rest(method, path, body)
    if answer.status_code >= 400:
        raise Refused(answer.status_code, answer.json())


@needs("InventoryService.Tagging.CreateTag")
def create_tag(site: Site) -> Act:
    body = {"name": site.name("tag"), "description": "", "category_id": site.category()}
    return site.root, lambda: asked(site, "POST", "tag", body)


@needs("InventoryService.Tagging.EditTag")
def edit_tag(site: Site) -> Act:
    tag = site.tag()
    return site.root, lambda: asked(site, "PATCH", f"tag/{tag}", {"description": "other"})


@needs("InventoryService.Tagging.DeleteTag")
def delete_tag(site: Site) -> Act:
    tag = site.tag()
    return site.root, lambda: asked(site, "DELETE", f"tag/{tag}")


@needs("InventoryService.Tagging.AttachTag")
def attach_tag(site: Site) -> Act:
    tag = site.tag()
    body = {"object_id": {"type": "Datacenter", "id": site.datacenter._moId}}
    return site.root, lambda: asked(site, "POST", f"tag-association/{tag}?action=attach", body)
