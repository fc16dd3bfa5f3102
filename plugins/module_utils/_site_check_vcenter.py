# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the site check reads of a vCenter: the structure in one read, what the placements use in a second, the hosts' clocks. PRIVATE to the collection.

Rows are plain: {moid: {"type", property path: value}} with moids in the place of references; `_site_check_facts` makes the facts of them.
"""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timezone

from ._errors import VcenterFailure
from ._site_check_facts import facts_of, needed
from ._vsphere import fault_name, type_name, vim, vmodl

AT_ONCE = 8
WAYS = ("Folder.childEntity", "Datacenter.vmFolder", "Datacenter.hostFolder", "Datacenter.datastoreFolder", "Datacenter.networkFolder",
        "ComputeResource.resourcePool", "ResourcePool.resourcePool")
MEMBERS = ("ComputeResource.host", "ComputeResource.datastore", "ComputeResource.network")
STRUCTURE = {
    "Folder": ("name", "parent"),
    "Datacenter": ("name", "parent", "vmFolder", "hostFolder"),
    "ComputeResource": ("name", "parent", "host", "datastore", "network", "resourcePool", "summary.effectiveCpu", "summary.effectiveMemory",
                        "summary.numHosts"),
    "ResourcePool": ("name", "parent"),
}
DETAILS = {
    "ClusterComputeResource": ("configurationEx",),
    "ResourcePool": ("config.memoryAllocation.limit", "config.memoryAllocation.expandableReservation", "config.cpuAllocation.limit",
                     "runtime.memory.unreservedForVm", "runtime.memory.overallUsage"),
    "HostSystem": ("name", "parent", "runtime.connectionState", "runtime.inMaintenanceMode", "runtime.powerState", "summary.config.product.version",
                   "summary.config.product.build", "summary.hardware.numCpuThreads", "summary.hardware.cpuMhz", "summary.quickStats.overallMemoryUsage",
                   "config.dateTimeInfo", "config.service.service", "configManager.dateTimeSystem"),
    "Datastore": ("name", "parent", "summary.capacity", "summary.freeSpace", "summary.accessible", "summary.maintenanceMode", "host"),
    "Network": ("name", "parent", "host"),
}


def read_site(vsphere, placements, context):
    """The facts (see `_site_check_facts`) about the vCenter that somebody is logged in to. Raises VcenterFailure when it cannot be read at all."""
    about, refused = vsphere.content.about, {}
    clock = vsphere.call(lambda: behind(context, vim.ServiceInstance("ServiceInstance", vsphere.stub).CurrentTime), "reading vCenter's clock", idempotent=True)
    structure = collect(vsphere, [vsphere.content.rootFolder], WAYS, STRUCTURE, refused, deep=True)
    chosen = [getattr(vim, structure[moid]["type"])(moid, vsphere.stub) for moid in needed(structure, placements)]
    details = collect(vsphere, chosen, MEMBERS, DETAILS, refused) if chosen else {}
    clocks = host_clocks(vsphere, details, context)
    about = {"version": about.version, "build": about.build, "name": about.fullName or about.name}
    return facts_of(structure, details, placements, {"about": about, "clock": clock, "clocks": clocks, "refused": refused})


def collect(vsphere, roots, ways, wanted, refused, deep=False):
    """Rows of the roots and of what is one step from them along the ways, or (deep) of all below the roots, in one call.

    What the user does not see is not among them; writes the properties that may not be read into refused ({moid: {path: privilege}}).
    """
    query = vmodl.query.PropertyCollector
    again = [query.SelectionSpec(name=name) for name in ways] if deep else []
    steps = [query.TraversalSpec(name=name, type=getattr(vim, name.partition(".")[0]), path=name.partition(".")[2], skip=False, selectSet=again)
             for name in ways]
    spec = query.FilterSpec(objectSet=[query.ObjectSpec(obj=root, skip=deep, selectSet=steps) for root in roots],
                            propSet=[query.PropertySpec(type=getattr(vim, kind), all=False, pathSet=list(paths)) for kind, paths in wanted.items()])
    rows = {}
    for item in vsphere._retrieve([spec]):
        moid = item.obj._GetMoId()
        for missing in item.missingSet or []:
            if fault_name(missing.fault) == "NoPermission":
                refused.setdefault(moid, {})[missing.path] = getattr(missing.fault, "privilegeId", None) or "System.Read"
        rows.setdefault(moid, {"type": type_name(item.obj)}).update({prop.name: plain(prop.val) for prop in item.propSet or []})
    return rows


def plain(value):
    """A property's value without pyVmomi's types, as far as the check uses it."""
    if hasattr(value, "_GetMoId"):
        return value._GetMoId()
    if isinstance(value, vim.host.DateTimeInfo):
        return {"servers": list(value.ntpConfig.server or []) if value.ntpConfig else []}
    if isinstance(value, vim.cluster.ConfigInfoEx):
        return {"drs": bool(value.drsConfig and value.drsConfig.enabled), "ha": bool(value.dasConfig and value.dasConfig.enabled)}
    if isinstance(value, list):
        return [plain_item(item) for item in value]
    return value


def plain_item(item):
    if isinstance(item, vim.host.Service):
        return {"key": item.key, "running": bool(item.running), "policy": item.policy}
    if isinstance(item, vim.Datastore.HostMount):
        info = item.mountInfo
        return {"host": item.key._GetMoId(), "mounted": info.mounted is not False, "accessible": info.accessible is not False,
                "writable": info.accessMode == "readWrite"}
    return plain(item)


def behind(context, ask):
    """{offset: seconds that the clock asked is ahead of ours, doubt: how far that may be wrong}"""
    before = context.clock.now()
    said = ask()
    after = context.clock.now()
    said = said if said.tzinfo else said.replace(tzinfo=timezone.utc)
    doubt = (after - before).total_seconds() / 2
    return {"offset": (said - before).total_seconds() - doubt, "doubt": doubt}


def host_clocks(vsphere, details, context):
    """{moid of a host: {offset, doubt} or {problem}}; a few at once, hosts that vCenter has no connection to are left out."""
    asked = {moid: row["configManager.dateTimeSystem"] for moid, row in details.items()
             if row.get("configManager.dateTimeSystem") and row.get("runtime.connectionState") == "connected"}

    def ask(moid):
        if context.stop.is_set():
            return {"problem": "stopped"}
        system = vim.host.DateTimeSystem(asked[moid], vsphere.stub)
        try:
            return vsphere.call(lambda: behind(context, system.QueryDateTime), "asking the host for its time", idempotent=True)
        except VcenterFailure as failure:
            return {"problem": failure.observed or failure.what}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = dict(zip(asked, pool.map(ask, asked)))
    context.stop.check()
    return answers
