# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the site check about room: compute capacity, resource pools, datastores. Pure: facts -> verdicts. PRIVATE to the collection.

Sources: the page, section "Creating a VMware Cloud Gateway" (one node 2 vCPU, 4 GB, 60 GB; three nodes 6 vCPU, 12 GB, 70 GB together), and the vendor's
present documentation of gateways on vSphere (4 CPU, 4 GiB, 60 GiB for each node at least). They differ, so what only the latter asks for is a warning.
"""
from __future__ import annotations

from ._site_check_facts import INSTALLER
from ._site_check_verdict import GATEWAY, PALETTE, Check

MIB_PER_GIB, BYTES_PER_GIB = 1024, 1024 ** 3
PAGE = {1: {"cpus": 2, "memory_gib": 4, "disk_gib": 60}, 3: {"cpus": 6, "memory_gib": 12, "disk_gib": 70}}
VENDOR = {"cpus": 4, "disk_gib": 60}
OVERHEAD_MIB = 128
MEMORY = Check("compute_memory", "the compute cluster has the memory for its nodes", "the compute cluster lacks the memory for its nodes", GATEWAY)
CPUS = Check("compute_cpus", "a host of the compute cluster takes a node's CPUs", "no host of the compute cluster takes a node's CPUs", GATEWAY)
POOL_LIMIT = Check("resource_pool_limit", "the resource pool lets its nodes have their memory", "the resource pool's memory limit is too small", GATEWAY)
POOL_FREE = Check("resource_pool_reserve", "the resource pool can reserve what starting nodes takes", "the resource pool has nothing left to reserve", GATEWAY)
POOL_CPU = Check("resource_pool_cpu", "the resource pool lets its nodes have their CPUs", "the resource pool's CPU limit is small", GATEWAY)
SPACE = Check("datastore_space", "the datastore has room for its nodes", "the datastore lacks room for its nodes", GATEWAY)
READ = "grant the user System.Read (role Read-only) on it, or look in the vSphere client"
STANDING = Check("capacity", "the gateway's nodes have their places", "", GATEWAY)


def capacity(facts, params, standing=None):
    """Verdicts for what the gateway is going to take. standing: the gateway as Palette has it when its nodes exist already, or None."""
    if standing:
        yield STANDING.passed(f"gateway {standing['name']}", standing["state"], PALETTE)
        return
    shares = planned(facts["places"], params["size"], params["ova_gib"])
    for moid, share in shares["compute_cluster"].items():
        yield from compute(facts["clusters"][moid], facts["hosts"], share)
    for moid, share in shares["resource_pool"].items():
        yield from pool(facts["pools"][moid], share)
        yield pool_cpu(facts["pools"][moid], share, facts["clusters"].values())
    for moid, share in shares["datastore"].items():
        yield space(facts["datastores"][moid], share)


def planned(places, size, ova_gib):
    """{compute_cluster, resource_pool, datastore: {moid: {nodes, cpus, memory_gib, disk_gib, vendor_disk_gib, ova_gib}}}

    Nodes are dealt out to the placements in turn; the installer goes to its own place, or to the first placement.
    """
    page, shares = PAGE.get(size, PAGE[3]), {"compute_cluster": {}, "resource_pool": {}, "datastore": {}}
    of_nodes = [place for place in places if place["option"] != INSTALLER]
    for place in places:
        nodes = len(range(of_nodes.index(place), size, len(of_nodes))) if place in of_nodes else 0
        ova = ova_gib if place is places[0 if len(of_nodes) == len(places) else -1] else 0
        for key, found in shares.items():
            moid = place[key]["moid"]
            if moid is None or not (nodes or ova):
                continue
            share = found.setdefault(moid, {"nodes": 0, "ova_gib": 0})
            share["nodes"] += nodes
            share["ova_gib"] += ova
    for found in shares.values():
        for share in found.values():
            part = share["nodes"] / max(size, 1)
            share.update(memory_gib=page["memory_gib"] * part, disk_gib=page["disk_gib"] * part, vendor_disk_gib=VENDOR["disk_gib"] * share["nodes"],
                         cpus=page["cpus"] // size if share["nodes"] else 0)
    return shares


def compute(cluster, hosts, share):
    """Memory of the hosts in service against the need: as a whole (an error, vSphere starts nothing then) and beside what runs (it may be overcommitted)."""
    on, need = cluster["on"], share["memory_gib"]
    whole, used = cluster["effective_mib"], cluster["used_mib"]
    if whole is None:
        yield MEMORY.unseen(on, "its capacity is not readable", READ)
    else:
        shown = f"{whole / MIB_PER_GIB:.0f} GiB in hosts in service" + ("" if used is None else f", {used / MIB_PER_GIB:.0f} GiB used")
        wanted, free = f"{need:.0f} GiB for {share['nodes']} nodes", whole - (used or 0)
        if whole < need * MIB_PER_GIB:
            yield MEMORY.error(on, shown, wanted, "add hosts or memory, end maintenance, or choose another compute cluster")
        elif free < need * MIB_PER_GIB:
            yield MEMORY.warning(on, shown, f"{wanted} beside what runs", "free memory, add hosts, or choose another compute cluster",
                                 title="the compute cluster's memory is in use")
        else:
            yield MEMORY.passed(on, f"{shown}; {wanted}")
    yield from cpus(cluster, hosts, share)


def cpus(cluster, hosts, share):
    """A machine cannot have more CPUs than its host has logical ones (vSphere's maximum)."""
    on, threads = cluster["on"], cluster["threads"]
    if not share["nodes"]:
        return
    if not threads:
        yield CPUS.unseen(on, "its hosts' CPUs are not readable", READ)
        return
    most, page = max(threads), share["cpus"]
    shown = f"{most} logical CPUs in the largest host"
    if most < page:
        yield CPUS.error(on, shown, f"{page} for a node", "choose a compute cluster with larger hosts")
    elif most < VENDOR["cpus"]:
        yield CPUS.warning(on, shown, f"{page} for a node by the page, {VENDOR['cpus']} by the vendor's present documentation",
                           "choose a compute cluster with larger hosts")
    else:
        yield CPUS.passed(on, shown)


def pool(found, share):
    on, need, limit = found["on"], share["memory_gib"] * MIB_PER_GIB, found["limit_mib"]
    wanted = f"{share['memory_gib']:.0f} GiB for {share['nodes']} nodes"
    if limit is None:
        yield POOL_LIMIT.unseen(on, "its limits are not readable", READ)
    elif limit < 0:
        yield POOL_LIMIT.passed(on, "no limit")
    elif limit < need:
        yield POOL_LIMIT.error(on, f"limit {limit / MIB_PER_GIB:.1f} GiB", wanted, "raise the limit, or choose another resource pool")
    elif limit - (found["used_mib"] or 0) < need:
        yield POOL_LIMIT.warning(on, f"limit {limit / MIB_PER_GIB:.1f} GiB, {(found['used_mib'] or 0) / MIB_PER_GIB:.1f} GiB used",
                                 f"{wanted} beside what runs", "raise the limit, or choose another resource pool",
                                 title="the resource pool's memory limit is nearly used up")
    else:
        yield POOL_LIMIT.passed(on, f"limit {limit / MIB_PER_GIB:.1f} GiB; {wanted}")
    yield from reserve(found, share)


def pool_cpu(found, share, clusters):
    """A limit in MHz below the nodes' CPUs at full speed does not stop them; it makes them slow."""
    on, limit, speeds = found["on"], found["limit_mhz"], [each["cpu_mhz"] for each in clusters]
    if limit is None or (limit >= 0 and None in speeds):
        return POOL_CPU.unseen(on, "its limits or the hosts' speed are not readable", READ)
    if limit < 0:
        return POOL_CPU.passed(on, "no limit")
    need = share["cpus"] * share["nodes"] * min(speeds)
    if limit < need:
        return POOL_CPU.warning(on, f"limit {limit} MHz", f"{need} MHz for {share['nodes']} nodes of {share['cpus']} CPUs", "raise the limit, or choose "
                                "another resource pool")
    return POOL_CPU.passed(on, f"limit {limit} MHz; {need} MHz for {share['nodes']} nodes")


def reserve(found, share):
    """Starting a machine reserves the memory of its overhead, about 100 MiB, in its pool (vSphere admission control)."""
    on, left, need = found["on"], found["unreserved_mib"], share["nodes"] * OVERHEAD_MIB
    if left is None:
        yield POOL_FREE.unseen(on, "its reservations are not readable", READ)
    elif left < need:
        yield POOL_FREE.error(on, f"{left} MiB unreserved, expandable: {'yes' if found['expandable'] else 'no'}", f"{need} MiB for the overhead of "
                              f"{share['nodes']} nodes", "make the pool's memory reservation expandable, or raise it")
    else:
        yield POOL_FREE.passed(on, f"{left} MiB unreserved")


def space(found, share):
    """The nodes' disks by the page are an error; the installer, whose size is a figure of the options, and the vendor's present figure are warnings."""
    on, free, need, ova = found["on"], found["free"], share["disk_gib"], share["ova_gib"]
    wanted = f"{need:.0f} GiB for {share['nodes']} nodes" + (f", {ova} GiB for the installer" if ova else "")
    if free is None:
        return SPACE.unseen(on, "its free space is not readable", READ)
    left, shown = free / BYTES_PER_GIB, f"{free / BYTES_PER_GIB:.0f} GiB free"
    if left < need:
        return SPACE.error(on, shown, wanted, "free space, or choose another datastore")
    if left < need + ova:
        return SPACE.warning(on, shown, wanted, "free space, choose another datastore, or correct ova_gib")
    if left < share["vendor_disk_gib"] + ova:
        return SPACE.warning(on, shown, f"{wanted} by the page; {share['vendor_disk_gib']:.0f} GiB for the nodes by the vendor's present documentation",
                             "free space, or choose another datastore")
    return SPACE.passed(on, f"{shown}; {wanted}")


def figures(facts, params):
    """What the result says about room: planned shares and what there is, by path."""
    shares = planned(facts["places"], params["size"], params["ova_gib"])

    def share(key, moid, *names):
        return sum(shares[key].get(moid, {}).get(name, 0) for name in names)
    return {
        "planned": {**PAGE.get(params["size"], PAGE[3]), "ova_gib": params["ova_gib"], "nodes": params["size"]},
        "compute_clusters": [{"path": each["on"]["path"], "nodes": share("compute_cluster", moid, "nodes"), "memory_mib": each["effective_mib"],
                              "memory_used_mib": each["used_mib"], "cpu_mhz": each["effective_mhz"], "hosts": len(each["hosts"])}
                             for moid, each in facts["clusters"].items()],
        "datastores": [{"path": each["on"]["path"], "free_gib": None if each["free"] is None else round(each["free"] / BYTES_PER_GIB, 1),
                        "planned_gib": round(share("datastore", moid, "disk_gib", "ova_gib"), 1)} for moid, each in facts["datastores"].items()],
    }
