# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the site check about Palette: addresses that are left, pools of other gateways, the cluster profile. Pure. PRIVATE to the collection.

Source: the page, sections "Prerequisites" (one or three addresses, one for the control plane's VIP, one extra; a cluster profile for VMware) and
"IP Address Management".
"""
from __future__ import annotations

from ._address import address, network, overlap, span
from ._errors import InputRefused
from ._gateway_object import PENDING
from ._site_check_options import pool_block, text
from ._site_check_verdict import ADDRESSES, OPTIONS, PALETTE, PREREQUISITES, Check

SPARE = {"VIP of the control plane": 1, "extra of the control plane": 1}
SESSION = Check("palette_session", "Palette answers", "Palette does not answer", PREREQUISITES)
ENOUGH = Check("addresses_enough", "the IP pool has the addresses that the gateway takes", "the IP pool has too few addresses", PREREQUISITES)
OTHERS = Check("ip_pools_apart", "no other pool hands out the same addresses", "another pool hands out the same addresses", ADDRESSES)
PROFILE = Check("cluster_profile", "a cluster profile for vSphere is published", "no cluster profile for vSphere is published", PREREQUISITES)
NO_CREDENTIAL = "no complete credential for Palette is given"


def palette(facts, params):
    """All verdicts that need what Palette says."""
    yield session(facts["problem"], params)
    if params["ip_allocation"] == "static":
        yield from enough(facts, params)
        yield from others(facts, params)
    if params["clusters_planned"]:
        yield profile(facts)


def standing(facts):
    """The planned gateway when it has its nodes already, or None."""
    gateway = facts["gateway"]
    return gateway if gateway and gateway["state"] != PENDING else None


def session(problem, params):
    host = params["palette_host"]
    if problem is None:
        return SESSION.passed(host, "answered", PALETTE)
    if isinstance(problem, InputRefused) and problem.what == NO_CREDENTIAL:
        return SESSION.unseen(host, problem.what, problem.fix)
    return SESSION.error(problem.where or host, problem.observed or problem.what, "an answer", problem.fix or "correct the connection to Palette", PALETTE,
                         title=problem.what, code=problem.code)


def size(params, block):
    """How many of a pool's addresses can be handed out; an IPv4 subnet keeps its first and its last, and the network's gateway."""
    kept = 0
    if params["ip_pool"]["subnet"]:
        kept = 2 if block.version == 4 else 1
        try:
            gateway = address(params["ip_pool"]["network_gateway"], "")
            kept += gateway.version == block.version and block.first < int(gateway) < block.last
        except InputRefused:
            pass
    return max(0, block.last - block.first + 1 - kept)


def enough(facts, params):
    """Nodes + VIP + extra against what the pool has, less what Palette has handed out of it."""
    block, where = pool_block(params), "option ip_pool"
    if block is None:
        return
    gateway = standing(facts)
    if gateway:
        yield ENOUGH.passed(where, f"gateway {gateway['name']} is {gateway['state']} and has its addresses", PALETTE)
        return
    need, whole = params["size"] + sum(SPARE.values()), size(params, block)
    used = next((len(each["allotted"]) for each in facts["pools"] if each["gateway"] == params["gateway"] and each["name"] == params["ip_pool"]["name"]), 0)
    wanted = f"{need}: {params['size']} for nodes, " + ", ".join(f"{count} for the {name}" for name, count in SPARE.items())
    shown = f"{whole - used} of {whole} addresses free in {text(block)}"
    evidence = OPTIONS if facts["problem"] else PALETTE
    if whole - used < need:
        yield ENOUGH.error(where, shown, wanted, f"enlarge the pool by {need - whole + used}, or choose another", evidence)
    else:
        yield ENOUGH.passed(where, f"{shown}; needed {wanted}", evidence)
    if facts["problem"]:
        yield ENOUGH.unseen(where, "what Palette has handed out of the pool is not known", "give the connection to Palette")


def others(facts, params):
    """Pools of this name and gateway are the pool itself; any other that shares addresses would hand them out twice on one network."""
    block, where, common = pool_block(params), "option ip_pool", []
    if block is None or facts["problem"]:
        return
    for each in facts["pools"]:
        if (each["gateway"], each["name"]) == (params["gateway"], params["ip_pool"]["name"]):
            continue
        other = block_of_pool(each)
        shared = overlap(block, other) if other is not None else ""
        common += [f"{shared} in pool {each['name']} of gateway {each['gateway']}"] if shared else []
    if common:
        yield OTHERS.warning(where, "; ".join(sorted(common)), "ranges without a common address", "choose another range, unless the networks are separate",
                             PALETTE)
    else:
        yield OTHERS.passed(where, f"{len(facts['pools'])} pools compared", PALETTE)


def block_of_pool(pool):
    try:
        return network(pool["subnet"], "") if pool["subnet"] else span(address(pool["start"], ""), address(pool["end"], ""), "")
    except InputRefused:
        return None


def profile(facts):
    where, problem = f"Palette, {facts['scope']}", facts["problem"] or facts["profile_problem"]
    if problem:
        return PROFILE.unseen(where, problem.observed or problem.what, problem.fix or "correct the connection to Palette")
    published = [each for each in facts["profiles"] if each["published"]]
    if published:
        return PROFILE.passed(where, f"{published[0]['name']} {published[0]['version']}", PALETTE)
    drafts = ", ".join(sorted(f"{each['name']} {each['version']}" for each in facts["profiles"])) or "none"
    return PROFILE.error(where, f"not published: {drafts}", "one that is published", "create a cluster profile for VMware in Palette and publish it", PALETTE)
