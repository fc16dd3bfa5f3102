# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab whose user `tester` holds one role, `probe`, on the root folder; and what the operations of test_privileges are done on."""

from __future__ import annotations

import itertools
import re
import ssl
from typing import Any, Iterable

import requests
from pyVim.connect import SmartConnect
from pyVmomi import SoapStubAdapter, VmomiSupport, pbm, vim

from engine_lab import find
from palette_lab.engine import session
from palette_lab.supervisor import Lab

SITE = """extends: default
vcenter:
  users:
    - {name: administrator@vsphere.local, admin: true}
    - {name: svc-palette@vsphere.local}
    - {name: tester@vsphere.local, password: test-password}
  roles:
    - {name: palette-root, rows: [page_root]}
    - {name: palette-spectro, rows: [page_spectro]}
    - {name: probe, rows: [page_root, page_spectro]}
  permissions:
    - {object: /, principal: tester@vsphere.local, role: probe, propagate: true}
"""
Spec, Device, Backing = vim.vm.ConfigSpec, vim.vm.device, vim.vm.device.VirtualDisk.FlatVer2BackingInfo


class Site:
    """Sessions of the administrator and of `tester`, and the site's objects by name; `as_tester` gives the tester's handle of one."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.numbers = itertools.count(1)
        self.admin = self.login(lab.env["VMWARE_ADMIN_USER"], lab.env["VMWARE_ADMIN_PASSWORD"])
        self.tester = self.login("tester@vsphere.local", "test-password")
        self.root = self.tester.rootFolder
        self.datacenter = self.known(vim.Datacenter, "dc-1")
        self.cluster = self.known(vim.ClusterComputeResource, "cluster-1")
        self.folder, self.other = self.known(vim.Folder, "palette"), self.known(vim.Folder, "spectro-templates")
        self.datastore, self.network = self.known(vim.Datastore, "ds-shared-1"), self.known(vim.Network, "VM Network")
        self.pool = self.cluster.resourcePool
        self.hosts = list(self.cluster.host)

    def login(self, user: str, password: str) -> vim.ServiceInstanceContent:
        env = self.lab.env
        return SmartConnect(host=env["VMWARE_HOST"], port=int(env["VMWARE_PORT"]), user=user, pwd=password,
                            sslContext=ssl.create_default_context(cafile=env["VMWARE_CA_PATH"])).RetrieveContent()

    def known(self, kind: type, name: str) -> Any:
        return find(self.tester, kind, name)

    def as_tester(self, managed: Any) -> Any:
        return type(managed)(managed._moId, self.root._stub)

    def as_admin(self, managed: Any) -> Any:
        return type(managed)(managed._moId, self.admin.rootFolder._stub)

    def done(self, task: Any) -> Any:
        """The result of a task of the tester's; raises its fault."""
        return session.finished(self.tester, task, "operation")

    def grant(self, privileges: Iterable[str]) -> None:
        """Make these, and the three that every role has, the privileges of `probe`."""
        manager = self.admin.authorizationManager
        role = next(each for each in manager.roleList if each.name == "probe")
        manager.UpdateAuthorizationRole(role.roleId, "probe", sorted(privileges))

    def name(self, what: str) -> str:
        return f"{what}-{next(self.numbers)}"

    def spec(self, **more: Any) -> vim.vm.ConfigSpec:
        return Spec(name=self.name("machine"), guestId="ubuntu64Guest", numCPUs=1, memoryMB=512, files=vim.vm.FileInfo(vmPathName="[ds-shared-1]"), **more)

    def machine(self, on: bool = False, template: bool = False) -> vim.VirtualMachine:
        """A machine of the administrator's with one disk of 1 GiB, as the tester's handle."""
        folder, pool = self.as_admin(self.folder), self.as_admin(self.pool)
        spec = self.spec(deviceChange=self.controller_and_disk())
        made = session.finished(self.admin, folder.CreateVM_Task(spec, pool, self.as_admin(self.hosts[0])), "creation")
        if on:
            session.finished(self.admin, made.PowerOnVM_Task(), "power")
        if template:
            made.MarkAsTemplate()
        return self.as_tester(made)

    def snapshot(self) -> vim.vm.Snapshot:
        machine = self.as_admin(self.machine())
        return self.as_tester(session.finished(self.admin, machine.CreateSnapshot_Task("before", "", False, False), "snapshot"))

    def controller_and_disk(self) -> list:
        controller = Device.VirtualDeviceSpec(operation="add", device=Device.ParaVirtualSCSIController(key=1000, busNumber=0, sharedBus="noSharing"))
        return [controller, self.new_disk(1000, 0)]

    def new_disk(self, controller: int, unit: int, **more: Any) -> vim.vm.device.VirtualDeviceSpec:
        backing = Backing(fileName="[ds-shared-1]", diskMode="persistent", thinProvisioned=True)
        return Device.VirtualDeviceSpec(operation="add", fileOperation="create", device=Device.VirtualDisk(
            key=-2, controllerKey=controller, unitNumber=unit, capacityInKB=1 << 20, backing=backing, **more))

    def device(self, machine: vim.VirtualMachine, kind: type) -> Any:
        return next(each for each in machine.config.hardware.device if isinstance(each, kind))

    def change(self, machine: vim.VirtualMachine, **fields: Any) -> None:
        self.done(machine.ReconfigVM_Task(Spec(**fields)))

    def edit(self, machine: vim.VirtualMachine, *changes: Any) -> None:
        self.change(machine, deviceChange=list(changes))

    def card(self) -> vim.vm.device.VirtualDeviceSpec:
        backing = Device.VirtualEthernetCard.NetworkBackingInfo(deviceName="VM Network", network=self.network)
        return Device.VirtualDeviceSpec(operation="add", device=Device.VirtualVmxnet3(key=-3, backing=backing))

    def rest(self, method: str, path: str, body: Any = None, admin: bool = False) -> requests.Response:
        """A call of the tagging API by the tester, or by the administrator."""
        env = self.lab.env
        user = (env["VMWARE_ADMIN_USER"], env["VMWARE_ADMIN_PASSWORD"]) if admin else ("tester@vsphere.local", "test-password")
        base = f"https://{env['VMWARE_HOST']}:{env['VMWARE_PORT']}/api"
        with requests.Session() as web:
            web.trust_env, web.verify = False, env["VMWARE_CA_PATH"]
            web.headers["vmware-api-session-id"] = web.post(f"{base}/session", auth=user).json()
            return web.request(method, f"{base}/cis/tagging/{path}", json=body)

    def category(self) -> str:
        body = {"name": self.name("category"), "description": "", "cardinality": "MULTIPLE", "associable_types": []}
        return self.rest("POST", "category", body, admin=True).json()

    def tag(self) -> str:
        return self.rest("POST", "tag", {"name": self.name("tag"), "description": "", "category_id": self.category()}, admin=True).json()

    def storage(self) -> Any:
        """The profile manager of the storage policy service, in the tester's session."""
        stub = self.root._stub
        other = SoapStubAdapter(host=self.lab.env["VMWARE_HOST"], port=int(self.lab.env["VMWARE_PORT"]), path="/pbm",
                                version=VmomiSupport.newestVersions.GetName("pbm"),
                                sslContext=ssl.create_default_context(cafile=self.lab.env["VMWARE_CA_PATH"]))
        VmomiSupport.GetRequestContext()["vcSessionCookie"] = re.search('=\\s*"?([^";]+)', stub.cookie).group(1)
        return pbm.ServiceInstance("ServiceInstance", other).PbmRetrieveServiceContent().profileManager
