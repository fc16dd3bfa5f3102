# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The installer's VM as it stands in vCenter: where it is, whose it is, how far its import got. PRIVATE to the collection."""
from __future__ import annotations

import json

from ._errors import Busy, DeadlinePassed, InputRefused, VcenterFailure
from ._installer_properties import key_map, of_vm, shown_all
from ._inventory import child
from ._until import until
from ._vsphere import vim

MARK = "palette.vmware."
OWNER = "gateway_installer"
STALE_AFTER = 15
LOOK_EVERY = 3
FACTS = ("name", "parent", "resourcePool", "datastore", "network", "runtime.powerState", "config.instanceUuid", "config.extraConfig",
         "config.vAppConfig.property",
         "guest.ipAddress")
ACTIVITY = ("config.extraConfig", "recentTask")


def marker(extra_config):
    """{key: value} of the marks that this collection sets: run, owner, started, heartbeat, finished, checksum, secrets."""
    return {option.key[len(MARK):]: option.value for option in extra_config or [] if option.key.startswith(MARK)}


def marks(values):
    return [vim.option.OptionValue(key=MARK + key, value=str(value)) for key, value in sorted(values.items())]


def find_vm(vsphere, places, name):
    """The VM of that name in the wanted folder, else one of ours elsewhere in the datacenter, or None. Raises InputRefused when several are."""
    if isinstance(places["folder"], vim.Folder):
        vm = child(vsphere, places["folder"], name, vim.VirtualMachine)
        if vm is not None:
            return vm
    named = [ref for ref, row in vsphere.below(places["vm_root"], vim.VirtualMachine, ("name",)).items() if row.get("name") == name]
    rows = vsphere.read(named, ("config.extraConfig",))
    ours = [ref for ref, row in rows.items() if marker(row.get("config.extraConfig")).get("owner") == OWNER]
    if len(ours) > 1:
        raise InputRefused(f"several installers are named '{name}'", where="option folder", observed=", ".join(sorted(vsphere.path(ref) for ref in ours)),
                           fix="give the folder of the one that is meant")
    return ours[0] if ours else None


def vm_facts(vsphere, vm):
    """{ref, moid, uid, path, power, ours, finished, run, marks, placement, properties (of_vm), ip_address} or None when it is gone meanwhile."""
    row = vsphere.get(vm, FACTS)
    if "name" not in row:
        return None
    kept = marker(row.get("config.extraConfig"))
    return {"ref": vm, "moid": vm._GetMoId(), "uid": row.get("config.instanceUuid"), "name": row["name"], "path": vsphere.path(vm),
            "power": "on" if row.get("runtime.powerState") == "poweredOn" else "off", "ours": kept.get("owner") == OWNER,
            "finished": bool(kept.get("finished")),
            "run": kept.get("run"), "marks": kept, "properties": of_vm(row.get("config.vAppConfig.property")), "ip_address": row.get("guest.ipAddress") or None,
            "placement": placement_of(vsphere, row)}


def relative(path, root):
    """What a full path says below one of its names: '/dc-1/vm/palette/x' below 'vm' is 'palette/x'; the root itself is ''."""
    return path.split(f"/{root}", 1)[1].strip("/") if f"/{root}" in path else path


def names_of(vsphere, refs):
    return sorted(row.get("name", "") for row in vsphere.read([ref for ref in refs if ref is not None], ("name",)).values())


def placement_of(vsphere, row):
    """Names of where a VM is, in the same words as placement_wanted."""
    pool = row.get("resourcePool")
    folder = vsphere.path(row["parent"]) if row.get("parent") is not None else ""
    found = {"datacenter": folder.split("/")[1] if folder else None, "folder": relative(folder, "vm") or "/",
             "datastore": ", ".join(names_of(vsphere, row.get("datastore", []))), "networks": names_of(vsphere, row.get("network", []))}
    if pool is not None:
        owner = vsphere.get(pool, ("owner",))["owner"]
        found.update(compute_cluster=vsphere.get(owner, ("name",)).get("name"), resource_pool=relative(vsphere.path(pool), "Resources") or "Resources")
    return found


def placement_wanted(vsphere, desired, places):
    """Canonical names of the wanted placement; what does not exist (yet) keeps the name that the user gave."""
    given = desired["placement"]

    def shown(key, below, root):
        ref = places.get(key)
        if not isinstance(ref, vim.ManagedEntity):
            return given[key] or root
        return relative(vsphere.path(ref), below) or root

    datacenter = places["datacenter"]
    return {"datacenter": vsphere.get(datacenter, ("name",))["name"] if isinstance(datacenter, vim.Datacenter) else given["datacenter"],
            "folder": shown("folder", "vm", "/"), "compute_cluster": name_or(vsphere, places.get("compute_cluster"), given["compute_cluster"]),
            "resource_pool": shown("resource_pool", "Resources", "Resources"), "datastore": name_or(vsphere, places.get("datastore"), given["datastore"]),
            "networks": sorted({name_or(vsphere, ref, "") or text for text, ref in network_pairs(desired, places)})}


def network_pairs(desired, places):
    return [(text, (places.get("networks") or {}).get(name)) for name, text in desired["networks"].items()]


def name_or(vsphere, ref, text):
    return vsphere.get(ref, ("name",)).get("name", text) if isinstance(ref, vim.ManagedEntity) else text


def activity(vsphere, vm):
    """What moves while an import is under way: the marker's heartbeat, and vCenter's own running tasks on the VM with their progress."""
    row = vsphere.get(vm, ACTIVITY)
    tasks = vsphere.read(row.get("recentTask", []), ("info.state", "info.progress")) if row.get("recentTask") else {}
    running = sorted((task._GetMoId(), facts.get("info.progress")) for task, facts in tasks.items() if facts.get("info.state") == "running")
    return marker(row.get("config.extraConfig")).get("heartbeat"), running


def refuse_busy(vsphere, vm, name, context):
    """Returns when the unfinished import shows no life for 15 s. Raises Busy when it does: another run, or the orphan of a killed one, is at work."""
    def observe():
        try:
            return activity(vsphere, vm)
        except VcenterFailure as failure:
            if failure.fault == "ManagedObjectNotFound":
                return None
            raise

    first = observe()
    try:
        seen = until(observe, lambda now: now != first, context, STALE_AFTER, interval=LOOK_EVERY,
                     describe=lambda now: f"unfinished import of {name}: is it alive?")
    except DeadlinePassed:
        return
    if seen is not None and seen[0] is not None:
        raise Busy(f"another run is importing '{name}'", where=f"VM {vm._GetMoId()}", observed=f"its heartbeat moves ({seen[0]})",
                   fix="wait until it ends, then run again")


def result(vm, overrides):
    """The object in the module's result."""
    keys = key_map(vm["properties"], {option: key for option, key in overrides.items() if key in {entry["id"] for entry in vm["properties"]}}, ())
    values = {option: entry["value"] or entry["default"] for option, entry in keys.items() if not entry["password"]}
    return {"name": vm["name"], "uid": vm["uid"], "moid": vm["moid"], "path": vm["path"], "power": vm["power"], **vm["placement"],
            "properties": shown_all(values),
            "finished": vm["finished"], "ip_address": vm["ip_address"]}


def kept_digests(vm):
    """{option: salted digest} that the import left on the VM; {} when it is damaged or absent."""
    try:
        found = json.loads(vm["marks"].get("secrets") or "{}")
    except ValueError:
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}
