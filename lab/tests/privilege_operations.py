# SPDX-License-Identifier: GPL-3.0-or-later
"""For privileges of the page: an operation that needs it, and the object on which vCenter asks for it.

An operation is a function of the site that prepares as administrator and returns (object, act); act does it as `tester`. `GOES_ON` names the fault of
those that come past the privilege and then find that the lab has no guest. Tag operations raise Refused for an answer of 400 and more.
"""

from __future__ import annotations

import re
from typing import Any, Callable

from pyVmomi import vim

from palette_lab.engine import session
from privilege_site import Backing, Device, Site

Act = tuple[Any, Callable[[], Any]]
OPERATIONS: dict[str, Callable[[Site], Act]] = {}
GOES_ON = {f"VirtualMachine.GuestOperations.{each}": "GuestOperationsUnavailable" for each in ("Execute", "Modify", "ModifyAliases", "Query", "QueryAliases")}
HALF_DONE = {"VirtualMachine.Config.AddExistingDisk"}  # refused in the second of two steps: done anew on another machine
NOT_EXERCISED = {
    "Datastore.UpdateVirtualMachineMetadata": "no method of the API asks for it",
    "Host.Local.ReconfigVM": "counts only for a client that talks to the host itself",
    "Resource.ApplyRecommendation": "the lab's DRS makes no recommendations that could be applied",
    "StorageViews.ConfigureService": "the storage monitoring service is not part of the lab",
    "StorageViews.View": "the storage monitoring service is not part of the lab",
    "VirtualMachine.Config.DiskLease": "no method of the public API asks for it",
    "VirtualMachine.Config.ToggleForkParent": "no method of the public API asks for it any more",
    "VirtualMachine.Provisioning.DiskRandomAccess": "asked by the virtual disk library, which is no part of the API",
    "VirtualMachine.Provisioning.FileRandomAccess": "asked by the virtual disk library, which is no part of the API",
    "VirtualMachine.Provisioning.GetVmFiles": "asked by file access of a host, which the lab does not have",
    "VirtualMachine.Provisioning.PutVmFiles": "asked by file access of a host, which the lab does not have",
    **{f"VirtualMachine.Namespace.{each}": "the service of machine namespaces is not public" for each in
       ("Event", "EventNotify", "Management", "ModifyContent", "Query", "ReadContent")},
    **{f"VirtualMachine.Hbr.{each}": "the service of vSphere Replication is not public" for each in
       ("ConfigureReplication", "MonitorReplication", "ReplicaManagement")},
}


class Refused(Exception):
    """A tag operation was not done. privilege and object are those that the message names, None when it names none."""

    def __init__(self, status: int, body: dict) -> None:
        text = body["messages"][0]["default_message"]
        super().__init__(text)
        named = re.search(r"lacks the privilege (\S+) on \w+:(\S+)", text)
        self.status, self.kind = status, body["error_type"]
        self.privilege, self.object = named.groups() if named else (None, None)


def needs(*privileges: str) -> Callable:
    """Registers an operation for privileges."""
    def keep(operation: Callable[[Site], Act]) -> Callable[[Site], Act]:
        OPERATIONS.update(dict.fromkeys(privileges, operation))
        return operation
    return keep


def on_machine(act: Callable[[Site, Any], Any], **how: Any) -> Callable[[Site], Act]:
    def operation(site: Site) -> Act:
        machine = site.machine(**how)
        return machine, lambda: act(site, machine)
    return operation


def reconfigured(**fields: Any) -> Callable[[Site], Act]:
    return on_machine(lambda site, machine: site.change(machine, **fields))


def relocated(site: Site, machine: Any) -> Any:
    return site.done(machine.RelocateVM_Task(vim.vm.RelocateSpec(host=site.hosts[1], pool=site.pool)))


SIMPLE = {
    "VirtualMachine.Config.AdvancedConfig": reconfigured(extraConfig=[vim.option.OptionValue(key="guestinfo.probe", value="1")]),
    "VirtualMachine.Config.Annotation": reconfigured(annotation="words"),
    "VirtualMachine.Config.CPUCount": reconfigured(numCPUs=2),
    "VirtualMachine.Config.ChangeTracking": reconfigured(changeTrackingEnabled=True),
    "VirtualMachine.Config.ManagedBy": reconfigured(managedBy=vim.ext.ManagedByInfo(extensionKey="com.example", type="probe")),
    "VirtualMachine.Config.Memory": reconfigured(memoryMB=1024),
    "VirtualMachine.Config.MksControl": reconfigured(maxMksConnections=2),
    "VirtualMachine.Config.Resource": reconfigured(cpuAllocation=vim.ResourceAllocationInfo(reservation=10)),
    "VirtualMachine.Config.Settings": reconfigured(guestId="otherGuest64"),
    "VirtualMachine.Config.SwapPlacement": reconfigured(swapPlacement="hostLocal"),
    "VirtualMachine.Config.Rename": on_machine(lambda site, machine: site.done(machine.Rename_Task(site.name("renamed")))),
    "VirtualMachine.Config.AddNewDisk": on_machine(lambda site, machine: site.edit(machine, site.new_disk(1000, 1))),
    "VirtualMachine.Config.AddRemoveDevice": on_machine(lambda site, machine: site.edit(machine, site.card())),
    "VirtualMachine.Config.QueryFTCompatibility": on_machine(lambda _site, machine: machine.QueryFaultToleranceCompatibility()),
    "VirtualMachine.Config.QueryUnownedFiles": on_machine(lambda _site, machine: machine.QueryUnownedFiles()),
    "VirtualMachine.Config.ResetGuestInfo": on_machine(lambda _site, machine: machine.ResetGuestInformation()),
    "VirtualMachine.Config.UpgradeVirtualHardware": on_machine(lambda site, machine: site.done(machine.UpgradeVM_Task("vmx-19"))),
    "VirtualMachine.Interact.ConsoleInteract": on_machine(lambda _site, machine: machine.AcquireTicket("webmks"), on=True),
    "VirtualMachine.Interact.PowerOff": on_machine(lambda site, machine: site.done(machine.PowerOffVM_Task()), on=True),
    "VirtualMachine.Interact.PowerOn": on_machine(lambda site, machine: site.done(machine.PowerOnVM_Task())),
    "VirtualMachine.Inventory.Delete": on_machine(lambda site, machine: site.done(machine.Destroy_Task())),
    "VirtualMachine.Inventory.Unregister": on_machine(lambda _site, machine: machine.UnregisterVM()),
    "VirtualMachine.Inventory.Move": on_machine(lambda site, machine: site.done(site.other.MoveIntoFolder_Task([machine]))),
    "VirtualMachine.Provisioning.MarkAsTemplate": on_machine(lambda _site, machine: machine.MarkAsTemplate()),
    "VirtualMachine.Provisioning.MarkAsVM": on_machine(lambda site, machine: machine.MarkAsVirtualMachine(site.pool), template=True),
    "VirtualMachine.Provisioning.PromoteDisks": on_machine(lambda site, machine: site.done(machine.PromoteDisks_Task(True))),
    "VirtualMachine.State.CreateSnapshot": on_machine(lambda site, machine: site.done(machine.CreateSnapshot_Task("s", "", False, False))),
    "VApp.ExtractOvfEnvironment": on_machine(lambda _site, machine: machine.ExtractOvfEnvironment(), on=True),
    "Resource.ColdMigrate": on_machine(lambda site, machine: relocated(site, machine)),
    "Resource.HotMigrate": on_machine(lambda site, machine: relocated(site, machine), on=True),
}
OPERATIONS.update(SIMPLE)


def cloned(template: bool, to_template: bool, **more: Any) -> Callable[[Site], Act]:
    def act(site: Site, machine: Any) -> Any:
        place = vim.vm.RelocateSpec(datastore=site.datastore, pool=site.pool)
        return site.done(machine.CloneVM_Task(site.folder, site.name("clone"), vim.vm.CloneSpec(location=place, template=to_template, powerOn=False, **more)))
    return on_machine(act, template=template)


OPERATIONS.update({
    "VirtualMachine.Provisioning.Clone": cloned(False, False), "VirtualMachine.Provisioning.CreateTemplateFromVM": cloned(False, True),
    "VirtualMachine.Provisioning.DeployTemplate": cloned(True, False), "VirtualMachine.Provisioning.CloneTemplate": cloned(True, True),
    "VirtualMachine.Provisioning.Customize": cloned(False, False, customization=vim.vm.customization.Specification(
        identity=vim.vm.customization.LinuxPrep(hostName=vim.vm.customization.FixedName(name="probe"), domain="lab.local"),
        globalIPSettings=vim.vm.customization.GlobalIPSettings(), nicSettingMap=[])),
})


@needs("VirtualMachine.Inventory.CreateFromExisting")
def clone_into_the_folder(site: Site) -> Act:
    _, act = cloned(False, False)(site)
    return site.folder, act


def creation(on: str) -> Callable[[Site], Act]:
    def operation(site: Site) -> Act:
        changes = [*site.controller_and_disk(), site.card()]
        return getattr(site, on), lambda: site.done(site.folder.CreateVM_Task(site.spec(deviceChange=changes), site.pool))
    return operation


OPERATIONS.update({"VirtualMachine.Inventory.Create": creation("folder"), "Resource.AssignVMToPool": creation("pool"),
                   "Datastore.AllocateSpace": creation("datastore"), "Network.Assign": creation("network")})


@needs("VirtualMachine.Inventory.Register")
def register(site: Site) -> Act:
    machine = site.as_admin(site.machine())
    path = machine.config.files.vmPathName
    machine.UnregisterVM()
    return site.folder, lambda: site.done(site.folder.RegisterVM_Task(path, None, False, site.pool, site.hosts[0]))


@needs("VirtualMachine.Config.ReloadFromPath")
def reload_from_path(site: Site) -> Act:
    machine = site.machine()
    return machine, lambda: site.done(machine.ReloadFromPath(machine.config.files.vmPathName))


@needs("VirtualMachine.Config.AddExistingDisk", "VirtualMachine.Config.RemoveDisk")
def existing_disk(site: Site) -> Act:
    machine = site.machine()
    disk = site.device(machine, Device.VirtualDisk)

    def act() -> None:
        site.edit(machine, Device.VirtualDeviceSpec(operation="remove", device=disk))
        again = Device.VirtualDisk(key=-2, controllerKey=1000, unitNumber=-1, backing=Backing(fileName=disk.backing.fileName, diskMode="persistent"))
        site.edit(machine, Device.VirtualDeviceSpec(operation="add", device=again))
    return machine, act


@needs("VirtualMachine.Config.DiskExtend")
def bigger_disk(site: Site) -> Act:
    machine = site.machine()
    disk = site.device(machine, Device.VirtualDisk)
    disk.capacityInKB, disk.capacityInBytes = 2 << 20, 2 << 30
    return machine, lambda: site.edit(machine, Device.VirtualDeviceSpec(operation="edit", device=disk))


@needs("VirtualMachine.Config.EditDevice")
def other_mode(site: Site) -> Act:
    machine = site.machine()
    disk = site.device(machine, Device.VirtualDisk)
    disk.backing.diskMode = "independent_persistent"
    return machine, lambda: site.edit(machine, Device.VirtualDeviceSpec(operation="edit", device=disk))


@needs("VirtualMachine.Config.RawDevice")
def raw_device(site: Site) -> Act:
    machine = site.machine()
    passed = Device.VirtualSCSIPassthrough(key=-5, controllerKey=1000, unitNumber=-1, backing=Device.VirtualSCSIPassthrough.DeviceBackingInfo(deviceName="raw"))
    return machine, lambda: site.edit(machine, Device.VirtualDeviceSpec(operation="add", device=passed))


@needs("VirtualMachine.Config.HostUSBDevice")
def usb_device(site: Site) -> Act:
    machine = site.machine()
    stick = Device.VirtualUSB(key=-6, backing=Device.VirtualUSB.USBBackingInfo(deviceName="stick"))
    return machine, lambda: site.edit(machine, Device.VirtualDeviceSpec(operation="add", device=stick))


def with_property(site: Site) -> Any:
    machine = site.as_admin(site.machine())
    added = vim.vApp.PropertySpec(operation="add", info=vim.vApp.PropertyInfo(key=1, id="probe", type="string", value="a", userConfigurable=True))
    session.finished(site.admin, machine.ReconfigVM_Task(vim.vm.ConfigSpec(vAppConfig=vim.vApp.VmConfigSpec(property=[added]))), "property")
    return site.as_tester(machine)


def property_edit(**fields: Any) -> Callable[[Site], Act]:
    def operation(site: Site) -> Act:
        machine = with_property(site)
        edited = vim.vApp.PropertySpec(operation="edit", info=vim.vApp.PropertyInfo(key=1, **fields))
        return machine, lambda: site.change(machine, vAppConfig=vim.vApp.VmConfigSpec(property=[edited]))
    return operation


OPERATIONS.update({"VApp.InstanceConfig": property_edit(value="b"), "VApp.ApplicationConfig": property_edit(id="probe", type="string", label="Probe")})


def on_snapshot(act: Callable[[Site, Any], Any]) -> Callable[[Site], Act]:
    def operation(site: Site) -> Act:
        snapshot = site.snapshot()
        machine = next(each for each in site.folder.childEntity if isinstance(each, vim.VirtualMachine) and each.snapshot
                       and each.snapshot.currentSnapshot._moId == snapshot._moId)
        return machine, lambda: act(site, snapshot)
    return operation


OPERATIONS.update({
    "VirtualMachine.State.RemoveSnapshot": on_snapshot(lambda site, snapshot: site.done(snapshot.RemoveSnapshot_Task(True))),
    "VirtualMachine.State.RevertToSnapshot": on_snapshot(lambda site, snapshot: site.done(snapshot.RevertToSnapshot_Task())),
    "VirtualMachine.State.RenameSnapshot": on_snapshot(lambda _site, snapshot: snapshot.RenameSnapshot("after")),
})


@needs("VirtualMachine.Provisioning.DiskRandomRead")
def changed_areas(site: Site) -> Act:
    machine = site.machine()
    key = site.device(machine, Device.VirtualDisk).key
    return machine, lambda: machine.QueryChangedDiskAreas(None, key, 0, "*")


def in_guest(call: Callable[[Any, Any, Any], Any]) -> Callable[[Site], Act]:
    login = vim.vm.guest.NamePasswordAuthentication(username="root", password="x", interactiveSession=False)

    def operation(site: Site) -> Act:
        machine = site.machine(on=True)
        return machine, lambda: call(site.tester.guestOperationsManager, machine, login)
    return operation


OPERATIONS.update({
    "VirtualMachine.GuestOperations.Execute": in_guest(lambda guest, machine, login: guest.processManager.StartProgramInGuest(
        machine, login, vim.vm.guest.ProcessManager.ProgramSpec(programPath="/bin/true", arguments=""))),
    "VirtualMachine.GuestOperations.Modify": in_guest(lambda guest, machine, login: guest.fileManager.MakeDirectoryInGuest(machine, login, "/tmp/x", False)),
    "VirtualMachine.GuestOperations.Query": in_guest(lambda guest, machine, login: guest.processManager.ListProcessesInGuest(machine, login, None)),
    "VirtualMachine.GuestOperations.QueryAliases": in_guest(lambda guest, machine, login: guest.aliasManager.ListGuestAliases(machine, login, "root")),
    "VirtualMachine.GuestOperations.ModifyAliases": in_guest(lambda guest, machine, login: guest.aliasManager.AddGuestAlias(
        machine, login, "root", False, "certificate", vim.vm.guest.AliasManager.GuestAuthAliasInfo(
            subject=vim.vm.guest.AliasManager.GuestAuthAnySubject(), comment=""))),
})
