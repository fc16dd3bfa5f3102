# SPDX-License-Identifier: GPL-3.0-or-later
"""What Palette does in vCenter, with the credentials of a cloud account. Every function may be called again after a failure.

An account is {vcenter_server: "host[:port]", username, password, insecure}. A placement is in the API's words: {datacenter, cluster, resourcePool,
datastore, folder, network: {networkName}}; folder and resource pool are names or paths, the network a name or switch/name.
"""

from __future__ import annotations

from typing import Any

from pyVmomi import vim, vmodl

from palette_lab.engine import session
from palette_lab.engine.errors import AccountRefused, EngineError, NotFoundInVcenter, VcenterFault

OWNER = "guestinfo.palette.cluster"
INVENTORY: dict[type, list[str]] = {
    vim.Datacenter: ["name", "parent", "vmFolder"],
    vim.Folder: ["name", "parent"],
    vim.ClusterComputeResource: ["name", "parent", "resourcePool", "host", "datastore", "network"],
    vim.ResourcePool: ["name", "parent"],
    vim.Datastore: ["name", "parent"],
    vim.Network: ["name", "parent"],
    vim.HostSystem: ["name", "parent", "datastore", "vm", "runtime.connectionState", "runtime.inMaintenanceMode"],
}


def check_account(account: dict) -> None:
    """Log in and out. Raises AccountRefused."""
    def attempt() -> None:
        session.log_out(session.log_in(account))

    try:
        session.translated(account, attempt)
    except VcenterFault as fault:
        raise AccountRefused("CloudAccountValidationFailed", fault.message) from None


def datacenters(account: dict) -> list[dict]:
    """[{datacenter, computeclusters, folders}] with names and, for nested folders, paths; sorted. Raises AccountRefused."""
    found = _asked(account, Inventory)
    return sorted(({"datacenter": row["name"], "computeclusters": sorted(each["name"] for each in found.below(row, vim.ClusterComputeResource)),
                    "folders": sorted(filter(None, found.paths(row["vmFolder"], vim.Folder).values()))}
                   for row in found.rows if row["kind"] is vim.Datacenter), key=lambda item: item["datacenter"])


def compute_cluster_resources(account: dict, datacenter: str, cluster: str) -> dict:
    """{datacenter, computecluster: {name, datastores, networks, resourcePools}}, sorted. Raises AccountRefused with the code ResourceNotFound, too."""
    found = _asked(account, Inventory)
    try:
        row = found.cluster(found.datacenter(datacenter), cluster)
    except NotFoundInVcenter as error:
        raise AccountRefused("ResourceNotFound", error.message) from None
    pools = found.paths(row["resourcePool"], vim.ResourcePool)
    return {"datacenter": datacenter,
            "computecluster": {"name": cluster, "datastores": found.names(row["datastore"]), "networks": found.names(row["network"]),
                               "resourcePools": sorted(path or "Resources" for path in pools.values())}}


def _asked(account: dict, use: Any) -> Any:
    try:
        return session.with_session(account, use)
    except VcenterFault as fault:
        raise AccountRefused("CloudAccountValidationFailed", fault.message) from None


class Inventory:
    """One bulk read of names and parents, and lookups in it. The lookups raise NotFoundInVcenter."""

    def __init__(self, content: vim.ServiceInstanceContent) -> None:
        self.content = content
        self.rows = session.read(content, INVENTORY)
        self._by_id = {row["object"]._moId: row for row in self.rows}

    def _ancestors(self, row: dict) -> list[dict]:
        chain: list[dict] = []
        above: dict | None = row
        while above and above.get("parent") is not None:
            above = self._by_id.get(above["parent"]._moId)
            if above:
                chain.append(above)
        return chain

    def below(self, top: dict, kind: type) -> list[dict]:
        return [row for row in self.rows if issubclass(row["kind"], kind) and any(each is top for each in self._ancestors(row))]

    def names(self, objects: list) -> list[str]:
        """Names of the objects that the account sees; uplink port groups are left out."""
        seen = (self._by_id.get(each._moId, {}).get("name") for each in objects or [])
        return sorted(name for name in seen if name and "-DVUplinks" not in name)

    def paths(self, top: Any, kind: type) -> dict[str, str]:
        """Object id → path below `top` by /, for all of the kind below it; "" for `top` itself."""
        found = {top._moId: ""}
        for row in self.rows:
            if row["kind"] is kind:
                chain = [row, *self._ancestors(row)]
                ids = [each["object"]._moId for each in chain]
                if top._moId in ids:
                    found[row["object"]._moId] = "/".join(each["name"] for each in reversed(chain[:ids.index(top._moId)]))
        return found

    def datacenter(self, name: str) -> dict:
        return self._one([row for row in self.rows if row["kind"] is vim.Datacenter], name, "datacenter", "vCenter")

    def cluster(self, datacenter: dict, name: str) -> dict:
        return self._one(self.below(datacenter, vim.ClusterComputeResource), name, "compute cluster", f"datacenter {datacenter['name']}")

    def _one(self, rows: list[dict], name: str, what: str, where: str) -> dict:
        for row in rows:
            if row["name"] == name:
                return row
        raise NotFoundInVcenter(f"Failed{''.join(word.title() for word in what.split())}", f"{what} '{name}' not found in {where}; there are "
                                f"{sorted(row['name'] for row in rows)}")

    def in_tree(self, top: Any, kind: type, path: str, what: str, where: str) -> Any:
        """The object whose path below `top` is `path`, or the only one whose name is."""
        paths = self.paths(top, kind)
        wanted = path.strip("/")
        exact = [key for key, each in paths.items() if each == wanted]
        named = [key for key, each in paths.items() if each.rpartition("/")[2] == wanted]
        for candidates in (exact, named):
            if len(candidates) == 1:
                return kind(candidates[0], self.content.rootFolder._stub)
        seen = "not found" if not named else f"stands for {len(named)} objects"
        raise NotFoundInVcenter(f"Failed{''.join(word.title() for word in what.split())}",
                                f"{what} '{path}' {seen} in {where}; there are {sorted(filter(None, paths.values()))}")

    def vm_folder(self, datacenter: dict, path: str) -> vim.Folder:
        return self.in_tree(datacenter["vmFolder"], vim.Folder, path, "folder", f"datacenter {datacenter['name']}")

    def resource_pool(self, cluster: dict, path: str) -> vim.ResourcePool:
        wanted = "" if path in ("", "Resources") else path
        return self.in_tree(cluster["resourcePool"], vim.ResourcePool, wanted, "resource pool", f"compute cluster {cluster['name']}")

    def attached(self, cluster: dict, key: str, name: str) -> Any:
        """A datastore or network of the compute cluster by name."""
        rows = [self._by_id[each._moId] for each in cluster[key] or [] if each._moId in self._by_id]
        return self._one(rows, name.rpartition("/")[2], key, f"compute cluster {cluster['name']}")["object"]

    def host(self, cluster: dict, datastore: Any) -> Any:
        """The connected host that mounts the datastore and has the fewest machines, the first by name among equals."""
        ids = {each._moId for each in cluster["host"] or []}
        usable = [row for row in self.rows if row["object"]._moId in ids and row["runtime.connectionState"] == "connected"
                  and not row["runtime.inMaintenanceMode"] and datastore._moId in {each._moId for each in row["datastore"] or []}]
        if not usable:
            raise NotFoundInVcenter("FailedHost", f"no usable host in compute cluster {cluster['name']} mounts the datastore")
        return min(usable, key=lambda row: (len(row["vm"] or []), row["name"]))["object"]


class Place:
    """A placement found in vCenter: folder, pool, host, datastore and network objects. Raises NotFoundInVcenter."""

    def __init__(self, found: Inventory, placement: dict) -> None:
        self.datacenter = found.datacenter(placement["datacenter"])
        cluster = found.cluster(self.datacenter, placement["cluster"])
        self.folder = found.vm_folder(self.datacenter, placement.get("folder") or "")
        self.pool = found.resource_pool(cluster, placement.get("resourcePool") or "")
        self.datastore = found.attached(cluster, "datastore", placement["datastore"])
        self.datastore_name = placement["datastore"]
        self.network = found.attached(cluster, "network", placement["network"]["networkName"])
        self.host = found.host(cluster, self.datastore)


def execute(intent: dict, account: dict) -> dict:
    """Carry out account.check, template.ensure, vm.ensure, vm.power or vm.remove. Raises EngineError."""
    operation = {"account.check": _account_check, "template.ensure": _template_ensure, "vm.ensure": _vm_ensure, "vm.power": _vm_power,
                 "vm.remove": _vm_remove}[intent["type"]]
    return session.with_session(account, lambda content: operation(content, intent))


def _account_check(content: vim.ServiceInstanceContent, intent: dict) -> dict:
    session.read_one(content, content.rootFolder, ["name"])
    return {}


def child(content: vim.ServiceInstanceContent, folder: vim.Folder, name: str) -> dict | None:
    """The virtual machine of that name right in the folder: {object, name, config.template, config.extraConfig, runtime.powerState}."""
    entities = session.read_one(content, folder, ["childEntity"])["childEntity"]
    for entity in entities:
        if isinstance(entity, vim.VirtualMachine):
            row = session.read_one(content, entity, ["name", "config.template", "config.extraConfig", "runtime.powerState", "runtime.host"])
            if row["name"] == name:
                return row
    return None


def _template_ensure(content: vim.ServiceInstanceContent, intent: dict) -> dict:
    """The node image, as Palette imports it into the image template folder: there, or made and marked as template."""
    found = Inventory(content)
    placement = intent["placement"]
    place = Place(found, {**placement, "folder": intent["folder"]})
    row = child(content, place.folder, intent["name"])
    if row is None:
        spec = vim.vm.ConfigSpec(name=intent["name"], guestId="ubuntu64Guest", numCPUs=intent["cpus"], memoryMB=intent["memory_mib"],
                                 annotation="Palette node image", files=vim.vm.FileInfo(vmPathName=f"[{place.datastore_name}]"),
                                 deviceChange=_devices(content, place, intent["disk_gib"]))
        machine = session.finished(content, place.folder.CreateVM_Task(spec, place.pool, place.host), f"creation of the template {intent['name']}")
        row = {"object": machine, "config.template": False}
    if not row["config.template"]:
        row["object"].MarkAsTemplate()
    return {"moid": row["object"]._moId}


def _devices(content: vim.ServiceInstanceContent, place: Place, disk_gib: int) -> list:
    controller = vim.vm.device.ParaVirtualSCSIController(key=1000, busNumber=0, sharedBus="noSharing")
    backing = vim.vm.device.VirtualDisk.FlatVer2BackingInfo(fileName=f"[{place.datastore_name}]", diskMode="persistent", thinProvisioned=True)
    disk = vim.vm.device.VirtualDisk(key=-2, controllerKey=1000, unitNumber=0, capacityInKB=disk_gib * 1024 * 1024, backing=backing)
    card = vim.vm.device.VirtualVmxnet3(key=-3, backing=_network_backing(content, place.network))
    add = vim.vm.device.VirtualDeviceSpec.Operation.add
    return [vim.vm.device.VirtualDeviceSpec(operation=add, device=controller),
            vim.vm.device.VirtualDeviceSpec(operation=add, fileOperation="create", device=disk),
            vim.vm.device.VirtualDeviceSpec(operation=add, device=card)]


def _network_backing(content: vim.ServiceInstanceContent, network: Any) -> Any:
    if isinstance(network, vim.dvs.DistributedVirtualPortgroup):
        row = session.read_one(content, network, ["key", "config.distributedVirtualSwitch"])
        switch = session.read_one(content, row["config.distributedVirtualSwitch"], ["uuid"])
        port = vim.dvs.PortConnection(portgroupKey=row["key"], switchUuid=switch["uuid"])
        return vim.vm.device.VirtualEthernetCard.DistributedVirtualPortBackingInfo(port=port)
    name = session.read_one(content, network, ["name"])["name"]
    return vim.vm.device.VirtualEthernetCard.NetworkBackingInfo(deviceName=name, network=network)


def _vm_ensure(content: vim.ServiceInstanceContent, intent: dict) -> dict:
    """A powered-on clone of the node image at its placement; one that carries the cluster's uid is taken as it is."""
    found = Inventory(content)
    place = Place(found, intent["placement"])
    row = child(content, place.folder, intent["name"])
    if row is None:
        source = child(content, found.vm_folder(place.datacenter, intent["template"]["folder"]), intent["template"]["name"])
        if source is None:
            raise NotFoundInVcenter("FailedTemplate", f"template '{intent['template']['name']}' not found in folder '{intent['template']['folder']}'")
        row = _cloned(content, source["object"], place, intent)
    marks = {each.key: each.value for each in row.get("config.extraConfig") or []}
    if marks.get(OWNER) != intent["cluster_uid"]:
        raise VcenterFault("FailedCreateNode", f"virtual machine '{intent['name']}' in folder '{intent['placement'].get('folder')}' is not one of this cluster")
    if row["runtime.powerState"] != "poweredOn":
        session.finished(content, row["object"].PowerOnVM_Task(), f"power-on of {intent['name']}")
    host = session.read_one(content, row["runtime.host"], ["name"])["name"]
    return {"moid": row["object"]._moId, "host": host}


def _cloned(content: vim.ServiceInstanceContent, source: vim.VirtualMachine, place: Place, intent: dict) -> dict:
    """Clone; what a failed clone leaves behind is removed, so that the next try does not meet it."""
    task = source.CloneVM_Task(place.folder, intent["name"], _clone_spec(content, source, place, intent))
    try:
        machine = session.finished(content, task, f"clone of {intent['name']}")
    except vmodl.MethodFault:
        left = child(content, place.folder, intent["name"])
        if left:
            session.finished(content, left["object"].Destroy_Task(), f"removal of the failed clone {intent['name']}")
        raise
    return session.read_one(content, machine, ["config.extraConfig", "runtime.powerState", "runtime.host"])


def _clone_spec(content: vim.ServiceInstanceContent, source: vim.VirtualMachine, place: Place, intent: dict) -> vim.vm.CloneSpec:
    changes = []
    for device in session.read_one(content, source, ["config.hardware.device"])["config.hardware.device"]:
        if isinstance(device, vim.vm.device.VirtualEthernetCard):
            device.backing = _network_backing(content, place.network)
            changes.append(vim.vm.device.VirtualDeviceSpec(operation=vim.vm.device.VirtualDeviceSpec.Operation.edit, device=device))
    guest = {"SET.guest.ipAddress": intent["address"], "SET.guest.hostName": intent["name"], "SET.guest.toolsRunningStatus": "guestToolsRunning",
             OWNER: intent["cluster_uid"]}
    config = vim.vm.ConfigSpec(numCPUs=intent["cpus"], memoryMB=intent["memory_mib"], deviceChange=changes,
                               extraConfig=[vim.option.OptionValue(key=key, value=value) for key, value in guest.items()])
    return vim.vm.CloneSpec(location=vim.vm.RelocateSpec(pool=place.pool, host=place.host, datastore=place.datastore), powerOn=False, template=False,
                            config=config)


def _by_id(content: vim.ServiceInstanceContent, moid: str) -> vim.VirtualMachine:
    return vim.VirtualMachine(moid, content.rootFolder._stub)


def _vm_power(content: vim.ServiceInstanceContent, intent: dict) -> dict:
    machine = _by_id(content, intent["moid"])
    wanted = "poweredOn" if intent["on"] else "poweredOff"
    if session.read_one(content, machine, ["runtime.powerState"])["runtime.powerState"] != wanted:
        task = machine.PowerOnVM_Task() if intent["on"] else machine.PowerOffVM_Task()
        session.finished(content, task, f"power change of {intent['moid']}")
    return {}


def _vm_remove(content: vim.ServiceInstanceContent, intent: dict) -> dict:
    present = {row["object"]._moId for row in session.read(content, {vim.VirtualMachine: ["name"]})}
    if intent["moid"] in present:
        _vm_power(content, {"moid": intent["moid"], "on": False})
        session.finished(content, _by_id(content, intent["moid"]).Destroy_Task(), f"removal of {intent['moid']}")
    return {}


__all__ = ["AccountRefused", "EngineError", "check_account", "compute_cluster_resources", "datacenters", "execute"]
