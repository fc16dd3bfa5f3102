# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses out of IP pools and DHCP ranges. Pure."""

from __future__ import annotations

import ipaddress
import itertools
from typing import Iterable, Mapping

from palette_lab import views
from palette_lab.engine.errors import AddressesExhausted


def free_in_pool(pool: dict, elsewhere: Iterable[str] = ()) -> list[str]:
    """Free addresses of a pool record in order, the first 4,096 at most; `elsewhere`: addresses that others hold."""
    taken = set(elsewhere) | set(pool["allotted"])
    return list(itertools.islice((address for address in views.addresses(pool["pool"]) if address not in taken), 4096))


def take(pool: dict, cluster: str, wants: list[dict], spare: int, elsewhere: Iterable[str] = ()) -> list[str]:
    """Allot one address for each of `wants` ({use, machine, address?}) in the pool record and return them in order.

    `spare` more must be free, but are not taken (the page: one control-plane extra). Raises AddressesExhausted and then has taken none.
    """
    others = {entry["cluster"] for entry in pool["allotted"].values()} - {cluster}
    if pool["restrict"] and others:
        raise AddressesExhausted("FailedIPAllocation", f"IpPoolExhausted: pool '{pool['name']}' is restricted to one cluster and another one uses it")
    free = free_in_pool(pool, elsewhere)
    needed = len(wants) + spare
    if len(free) < needed:
        raise AddressesExhausted("FailedIPAllocation", f"IpPoolExhausted: pool '{pool['name']}' has {len(free)} free addresses, {needed} are needed "
                                 f"({len(wants)} to use, {spare} to spare)")
    fixed = [want["address"] for want in wants if want.get("address")]
    absent = [address for address in fixed if address not in free]
    if absent:
        raise AddressesExhausted("FailedIPAllocation", f"IpPoolExhausted: {', '.join(absent)} of pool '{pool['name']}' is not free")
    rest = iter(address for address in free if address not in fixed)
    chosen = [want.get("address") or next(rest) for want in wants]
    for want, address in zip(wants, chosen):
        pool["allotted"][address] = {"cluster": cluster, "use": want["use"], "machine": want.get("machine")}
    return chosen


def release(pool: dict, cluster: str) -> None:
    """Give back whatever the cluster holds in the pool record."""
    pool["allotted"] = {address: entry for address, entry in pool["allotted"].items() if entry["cluster"] != cluster}


def network_facts(networks: Mapping[str, dict], name: str) -> dict | None:
    """What stands behind a port group, named alone or as switch/port group."""
    return networks.get(name) or networks.get(name.rpartition("/")[2])


def lease(networks: Mapping[str, dict], leases: dict[str, str], name: str, owner: str) -> str:
    """The owner's DHCP address on a network: the one it has, or the lowest free one, which is noted in `leases` {address: owner}.

    Raises AddressesExhausted when the network has no DHCP or no free address.
    """
    facts = network_facts(networks, name)
    if not facts or not facts.get("dhcp"):
        raise AddressesExhausted("FailedIPAllocation", f"no DHCP server answers on network '{name}'")
    first, last = (int(ipaddress.ip_address(each)) for each in facts["dhcp"])
    inside = {address: holder for address, holder in leases.items() if first <= int(ipaddress.ip_address(address)) <= last}
    for address, holder in inside.items():
        if holder == owner:
            return address
    for number in range(first, last + 1):
        address = str(ipaddress.ip_address(number))
        if address not in inside:
            leases[address] = owner
            return address
    raise AddressesExhausted("FailedIPAllocation", f"the DHCP range {facts['dhcp'][0]}-{facts['dhcp'][1]} of network '{name}' has no free address")
