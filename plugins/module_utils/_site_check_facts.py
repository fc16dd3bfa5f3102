# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of the site check out of what was read of a vCenter. Pure: rows are {moid: {"type", property path: value}}. PRIVATE to the collection.

facts: {about: {version, build, name}, clock: {offset, doubt}, refused: {moid: {path: privilege}}, places: [of each placement, {option, key: Match}],
clusters, pools, hosts, datastores, networks: {moid: dict with on: place}}. Match: {wanted: text, on: place or None, several: [paths],
among: [names], moid}.
What is not known is None.
"""
from __future__ import annotations

from ._finding import place
from ._inventory import decoded, path_text, split_path

MIB = 1024 * 1024
VM_FOLDERS = ("folder", "image_template_folder")
KEYS = ("datacenter", "compute_cluster", "resource_pool", "datastore", "network", *VM_FOLDERS)
INSTALLER = "installer"
NOWHERE = {"wanted": "", "on": None, "several": [], "among": [], "moid": None}


def needed(structure, placements):
    """Moids of the compute clusters and resource pools of the placements, which the second read starts from."""
    found = [located(structure, placement) for placement in placements]
    return sorted({where[key]["moid"] for where in found for key in ("compute_cluster", "resource_pool")} - {None})


def asked_places(params):
    """The placements, with the option that each comes from; behind them the installer's, where it has a place of its own."""
    placements = [{**each, "option": f"placements[{number}]"} for number, each in enumerate(params["placements"])]
    own = {key: params["installer"][key] for key in KEYS[:-1] if params["installer"].get(key)}
    if placements and any(placements[0][key] != value for key, value in own.items()):
        placements.append({**placements[0], **own, "option": INSTALLER})
    return placements


def names_of(rows, moid):
    """The decoded names from the top down to an object."""
    names = []
    while moid in rows:
        names.append(decoded(rows[moid].get("name") or moid))
        moid = rows[moid].get("parent")
    return names[::-1]


def place_of(rows, moid):
    return place("/" + path_text(names_of(rows, moid)), moid, rows[moid]["type"])


def below(rows, root, kinds):
    """{moid: names below root} of the objects of these types."""
    depth, found = len(names_of(rows, root)), {}
    for moid, row in rows.items():
        at = row.get("parent") if row["type"] in kinds else None
        while at in rows and at != root:
            at = rows[at].get("parent")
        if at == root and root is not None:
            found[moid] = names_of(rows, moid)[depth:]
    return found


def match(rows, candidates, text):
    """The candidate ({moid: names}) of that path, or the only one of that name."""
    wanted = split_path(text)
    found = [moid for moid, names in candidates.items() if names == wanted]
    if len(found) != 1:
        found = [moid for moid, names in candidates.items() if len(wanted) == 1 and names[-1] == wanted[0]]
    among = sorted(path_text(names) for names in candidates.values())
    if len(found) == 1:
        return {"wanted": text, "on": place_of(rows, found[0]), "several": [], "among": among, "moid": found[0]}
    return {"wanted": text, "on": None, "several": sorted(path_text(candidates[moid]) for moid in found), "among": among, "moid": None}


def located(rows, placement):
    """{option, datacenter, compute_cluster, resource_pool, folder, image_template_folder: Match}"""
    found = {"option": placement["option"], **dict.fromkeys(KEYS, NOWHERE)}
    datacenters = {moid: names_of(rows, moid) for moid, row in rows.items() if row["type"] == "Datacenter"}
    found["datacenter"] = match(rows, datacenters, placement["datacenter"])
    if not found["datacenter"]["moid"]:
        return found
    datacenter = rows[found["datacenter"]["moid"]]
    for key in VM_FOLDERS:
        found[key] = match(rows, below(rows, datacenter.get("vmFolder"), ("Folder",)), placement[key])
    clusters = below(rows, datacenter.get("hostFolder"), ("ComputeResource", "ClusterComputeResource"))
    found["compute_cluster"] = match(rows, clusters, placement["compute_cluster"])
    if found["compute_cluster"]["moid"]:
        found["resource_pool"] = pool_match(rows, rows[found["compute_cluster"]["moid"]].get("resourcePool"), placement["resource_pool"])
    return found


def pool_match(rows, root, text):
    """A pool below the compute cluster's own, or that one: vSphere calls it Resources."""
    if root in rows and split_path(text) in ([], ["Resources"]):
        return {"wanted": text, "on": place_of(rows, root), "several": [], "among": [], "moid": root}
    return match(rows, below(rows, root, ("ResourcePool", "VirtualApp")), text)


def member(rows, moids, text):
    """The one of a compute cluster's datastores or networks that has the name (the last part of a path)."""
    candidates = {moid: [decoded(rows[moid].get("name") or moid)] for moid in moids or () if moid in rows}
    return match(rows, candidates, (split_path(text) or [""])[-1])


def facts_of(structure, details, placements, rest):
    """The facts. rest: about, clock, refused, clocks ({moid of a host: {offset, doubt} or {problem}})."""
    rows = {moid: {**structure.get(moid, {}), **details.get(moid, {})} for moid in {**structure, **details}}
    places = []
    for placement in placements:
        where = located(structure, placement)
        cluster = rows.get(where["compute_cluster"]["moid"], {})
        for key in ("datastore", "network"):
            where[key] = member(rows, cluster.get(key), placement[key])
        places.append(where)
    used = {where["compute_cluster"]["moid"] for where in places} - {None}
    pools = {where["resource_pool"]["moid"] for where in places} - {None}
    return {
        **{key: rest[key] for key in ("about", "clock", "refused")}, "places": places,
        "clusters": {moid: cluster_facts(rows, moid) for moid in sorted(used)},
        "pools": {moid: pool_facts(rows, moid) for moid in sorted(pools)},
        "hosts": {moid: host_facts(rows, moid, rest["clocks"]) for moid in sorted(rows)
                  if rows[moid]["type"] == "HostSystem" and rows[moid].get("parent") in (*used, None)},
        "datastores": {moid: datastore_facts(rows, moid) for moid in sorted({where["datastore"]["moid"] for where in places} - {None})},
        "networks": {moid: {"on": place_of(rows, moid), "hosts": rows[moid].get("host")}
                     for moid in sorted({where["network"]["moid"] for where in places} - {None})},
    }


def cluster_facts(rows, moid):
    """A compute cluster. unseen: hosts that it has and the user does not see (vCenter leaves them out of lists, but counts them)."""
    row, config = rows[moid], rows[moid].get("configurationEx") or {}
    hosts = [each for each in row.get("host") or () if each in rows]
    used = [rows[each].get("summary.quickStats.overallMemoryUsage") for each in hosts]
    threads = [rows[each].get("summary.hardware.numCpuThreads") for each in hosts]
    speeds = [rows[each].get("summary.hardware.cpuMhz") for each in hosts]
    return {"on": place_of(rows, moid), "hosts": hosts, "cpu_mhz": min(speeds) if speeds and None not in speeds else None,
            "unseen": max(row.get("summary.numHosts") or 0, len(row.get("host") or ())) - len(hosts),
            "effective_mib": row.get("summary.effectiveMemory"), "effective_mhz": row.get("summary.effectiveCpu"),
            "used_mib": sum(used) if used and None not in used else None, "threads": threads if None not in threads else None,
            "drs": config.get("drs"), "ha": config.get("ha")}


def pool_facts(rows, moid):
    row = rows[moid]
    limit, unreserved, used = (row.get(path) for path in ("config.memoryAllocation.limit", "runtime.memory.unreservedForVm",
                                                          "runtime.memory.overallUsage"))
    return {"on": place_of(rows, moid), "limit_mib": limit, "unreserved_mib": None if unreserved is None else unreserved // MIB,
            "used_mib": None if used is None else used // MIB, "expandable": row.get("config.memoryAllocation.expandableReservation"),
            "limit_mhz": row.get("config.cpuAllocation.limit")}


def host_facts(rows, moid, clocks):
    row = rows[moid]
    time, services = row.get("config.dateTimeInfo"), row.get("config.service.service")
    running = None if services is None else any(each["key"] == "ntpd" and each["running"] for each in services)
    return {"on": place_of(rows, moid), "name": decoded(row.get("name") or ""), "cluster": row.get("parent"),
            "version": row.get("summary.config.product.version"), "build": row.get("summary.config.product.build"),
            "connection": row.get("runtime.connectionState"), "maintenance": row.get("runtime.inMaintenanceMode"), "power": row.get("runtime.powerState"),
            "ntp_servers": None if time is None else time["servers"], "ntp_running": running, "clock": clocks.get(moid)}


def datastore_facts(rows, moid):
    row, mounts = rows[moid], rows[moid].get("host")
    return {"on": place_of(rows, moid), "capacity": row.get("summary.capacity"), "free": row.get("summary.freeSpace"),
            "accessible": row.get("summary.accessible"), "maintenance": row.get("summary.maintenanceMode"),
            "mounts": None if mounts is None else {each["host"]: each for each in mounts}}
