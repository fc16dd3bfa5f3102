# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles and permissions of the site: `rows` of roles and `grants` written out as vCenter reads them.

A role is {name, privileges, rows: [lists of sites/privileges/page.yml]}. A grant is {principal, group, role, propagate, places}; its places are
root, datacenters, compute_clusters, hosts, datastores, networks (port groups, too), distributed_switches and folder:PATH (where a datacenter has it).
"""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import yaml

ROWS = Path(__file__).resolve().parent.parent / "sites" / "privileges" / "page.yml"


class AccessError(Exception):
    """A role or grant that cannot be written out; the text says which, what was seen and what is expected."""


def expand(vcenter: dict) -> None:
    """Write out `roles` and `grants` of the site's vcenter into `roles` and `permissions`. Raises AccessError."""
    vcenter["roles"] = [role(each) for each in vcenter.get("roles") or []]
    vcenter["groups"] = list(vcenter.get("groups") or [])
    permissions = list(vcenter.get("permissions") or [])
    for grant in vcenter.pop("grants", None) or []:
        permissions += permissions_of(grant, vcenter["datacenters"])
    vcenter["permissions"] = permissions


def role(given: dict) -> dict:
    """{name, privileges} with the privileges of the named rows. Raises AccessError."""
    lists = yaml.safe_load(ROWS.read_text())
    wanted = set(given.get("privileges") or [])
    for name in given.get("rows") or []:
        if name not in lists:
            raise AccessError(f"vcenter.roles: {given['name']!r} names the rows {name!r}; there are {sorted(lists)}")
        wanted |= set(lists[name])
    return {"name": given["name"], "privileges": sorted(wanted)}


def permissions_of(grant: dict, datacenters: list[dict]) -> list[dict]:
    """One permission for each object of the grant's places. Raises AccessError."""
    rest = {"principal": grant["principal"], "group": bool(grant.get("group")), "role": grant["role"], "propagate": bool(grant.get("propagate"))}
    return [{"object": path, **rest} for place in grant["places"] for path in paths(place, datacenters)]


def paths(place: str, datacenters: list[dict]) -> Iterator[str]:
    """Inventory paths of a place, in the order of the site. Raises AccessError for a place that there is not."""
    if place == "root":
        yield "/"
        return
    for datacenter in datacenters:
        top = f"/{datacenter['name']}"
        clusters = datacenter.get("compute_clusters") or []
        switches = datacenter.get("distributed_switches") or []
        if place == "datacenters":
            yield top
        elif place == "compute_clusters":
            yield from (f"{top}/host/{each['name']}" for each in clusters)
        elif place == "hosts":
            yield from (f"{top}/host/{each['name']}/{host['name']}" for each in clusters for host in each["hosts"])
        elif place == "datastores":
            yield from (f"{top}/datastore/{each['name']}" for each in datacenter.get("datastores") or [])
        elif place == "networks":
            groups = [group["name"] for each in switches for group in each["port_groups"]]
            yield from (f"{top}/network/{each}" for each in [*(datacenter.get("networks") or []), *groups])
        elif place == "distributed_switches":
            yield from (f"{top}/network/{each['name']}" for each in switches)
        elif place.startswith("folder:"):
            folder = place.removeprefix("folder:").strip("/")
            if folder in (datacenter.get("folders") or []):
                yield f"{top}/vm/{folder}"
        else:
            raise AccessError(f"vcenter.grants: {place!r} is no place; expected root, datacenters, compute_clusters, hosts, datastores, networks, "
                              "distributed_switches or folder:PATH")
