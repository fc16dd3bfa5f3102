# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The IP pool as plain data: out of options, out of the API, into the API. PRIVATE to the collection.

Source of the fields: the page, section "IP Address Management"; API: v1IpPoolInputEntity, v1IpPoolEntity (the read form spells one key
`priavetGatewayUid`; it is not used here).
"""
from __future__ import annotations

from ._address import address, network, network_of, prefix_length, span
from ._errors import InputRefused
from ._gateway_object import GATEWAYS

DECIDED = ("start", "end", "subnet", "prefix", "network_gateway", "name_servers", "search_domains", "restrict_to_single_cluster")


def pools_path(gateway_uid, pool_uid=None):
    base = f"{GATEWAYS}/vsphere/{gateway_uid}/pools"
    return f"{base}/{pool_uid}" if pool_uid else base


def from_params(params):
    """Options of ip_pool -> the wanted pool: only fields that the user set. Raises InputRefused before anything is asked of a server."""
    if not params["name"].strip():
        raise InputRefused("the pool has no name", where="option name", observed=repr(params["name"]), fix="give it a name")
    wanted = {"name": params["name"]}
    if params["state"] == "absent":
        return wanted
    block = wanted_block(params, wanted)
    prefix = params["prefix"]
    if prefix is None and params["subnet"] is None:
        raise InputRefused("the pool has no prefix", where="option prefix", expected="the prefix length of the network", fix="set prefix, such as 22")
    wanted["prefix"] = prefix_length(prefix if prefix is not None else network(params["subnet"], "option subnet").prefixlen, block.version, "option prefix")
    wanted["network_gateway"] = wanted_gateway(params, block, wanted["prefix"])
    for key in ("search_domains", "restrict_to_single_cluster"):
        if params[key] is not None:
            wanted[key] = params[key]
    if params["name_servers"] is not None:
        wanted["name_servers"] = wanted_name_servers(params["name_servers"], block.version)
    return wanted


def wanted_block(params, wanted):
    """Range or network of the pool; writes start and end, or subnet, into `wanted`."""
    has_range = params["start"] is not None or params["end"] is not None
    if has_range == (params["subnet"] is not None):
        raise InputRefused("a pool is either a range or a subnet", where="options start, end, subnet",
                           observed="both" if has_range else "neither", fix="set start and end, or subnet alone")
    if params["subnet"] is not None:
        block = network(params["subnet"], "option subnet")
        wanted["subnet"] = str(block)
        return block
    for key in ("start", "end"):
        if params[key] is None:
            raise InputRefused(f"the range has no {key}", where=f"option {key}", fix=f"set {key}, or use subnet")
    block = span(address(params["start"], "option start"), address(params["end"], "option end"), "options start, end")
    wanted.update(start=str(block[0]), end=str(block[-1]))
    return block


def wanted_name_servers(texts, version):
    """The addresses in their usual form, in order, each once; all of the pool's family."""
    found = []
    for number, text in enumerate(texts):
        server = address(text, f"option name_servers[{number}]")
        if server.version != version:
            raise InputRefused("the name server is of another address family than the pool", where=f"option name_servers[{number}]", observed=str(server),
                               expected=f"an IPv{version} address", fix="use one family")
        found.append(str(server))
    return list(dict.fromkeys(found))


def wanted_gateway(params, block, prefix):
    """The network gateway, inside the same network as the pool and not inside the range."""
    where = "option network_gateway"
    gateway = address(params["network_gateway"], where)
    if gateway.version != block.version:
        raise InputRefused("the network gateway is of another address family than the pool", where=where, observed=str(gateway), fix="use one family")
    around = network_of(gateway, prefix)
    for label, edge in (("first", block.first), ("last", block.last)):
        if not around.first <= edge <= around.last:
            raise InputRefused("the pool leaves the network of its gateway", where="option prefix", observed=f"{label} address outside {around}",
                               expected=f"all addresses inside {around}", fix="correct prefix, network_gateway or the range")
    if gateway.version == 4:
        refuse_reserved(gateway, block, around, params["subnet"] is None)
    if params["subnet"] is None and block.first <= int(gateway) <= block.last:
        raise InputRefused("the network gateway lies inside the range and would be handed out", where=where, observed=str(gateway),
                           expected="an address outside the range", fix="shorten the range around it")
    return str(gateway)


def refuse_reserved(gateway, block, around, is_range):
    """Raises InputRefused when the gateway, or an end of a range, is the IPv4 network's own address or its broadcast address."""
    for label, reserved in (("the network's own address", around.first), ("the network's broadcast address", around.last)):
        if int(gateway) == reserved:
            raise InputRefused(f"the network gateway is {label}", where="option network_gateway", observed=f"{gateway} in {around}",
                               expected="a host's address", fix="correct network_gateway or prefix")
        if is_range and reserved in (block.first, block.last):
            raise InputRefused(f"the range holds {label} and would hand it out", where="options start, end", observed=f"{block[0]} to {block[-1]} in {around}",
                               expected=f"addresses from {around[1]} to {around[-2]}", fix="shorten the range, or correct prefix")


def from_api(item):
    """v1IpPoolEntity -> pool: the decided fields, uid, in_use, clusters (uids), allotted and available (addresses, sorted)."""
    metadata, spec, status = (item.get(key) or {} for key in ("metadata", "spec", "status"))
    pool = spec.get("pool") or {}
    names = pool.get("nameserver") or {}
    return {
        "uid": metadata.get("uid"),
        "name": metadata.get("name"),
        "start": pool.get("start") or None,
        "end": pool.get("end") or None,
        "subnet": pool.get("subnet") or None,
        "prefix": pool.get("prefix"),
        "network_gateway": pool.get("gateway") or None,
        "name_servers": names.get("addresses") or [],
        "search_domains": names.get("search") or [],
        "restrict_to_single_cluster": bool(spec.get("restrictToSingleCluster")),
        "in_use": bool(status.get("inUse")),
        "clusters": sorted(status.get("associatedClusters") or []),
        "allotted": sorted(status.get("allottedIps") or [], key=sort_key),
        "available": sorted(status.get("availableIps") or [], key=sort_key),
    }


def sort_key(text):
    """Orders addresses as numbers, and whatever else a server sends behind them."""
    try:
        return (0, int(address(text, "")), "")
    except InputRefused:
        return (1, 0, text)


def to_api(have, wanted):
    """The full body that PUT replaces a pool with: what is wanted over what is there; the form that is not wanted is left out."""
    merged = {**(have or {}), **wanted}
    form = ("subnet",) if wanted.get("subnet") else ("start", "end")
    pool = {key: merged[key] for key in form}
    pool.update(prefix=merged["prefix"], gateway=merged["network_gateway"],
                nameserver={"addresses": merged.get("name_servers") or [], "search": merged.get("search_domains") or []})
    return {"metadata": {"name": merged["name"]}, "spec": {"pool": pool, "restrictToSingleCluster": bool(merged.get("restrict_to_single_cluster"))}}


def outside(pool, addresses):
    """Those of the addresses that the wanted pool does not hold."""
    block = network(pool["subnet"], "") if pool.get("subnet") else span(address(pool["start"], ""), address(pool["end"], ""), "")
    return [text for text in addresses if not block.first <= int(address(text, "")) <= block.last]


def pools_of(palette, gateway_uid):
    """All pools of a gateway, sorted by name (the API has no read of a single one)."""
    items = palette.get(pools_path(gateway_uid)).get("items") or []
    return sorted(map(from_api, items), key=lambda pool: pool["name"] or "")
