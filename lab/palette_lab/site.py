# SPDX-License-Identifier: GPL-3.0-or-later
"""From a site file, the LAB_* settings and kept secrets to the one runtime site (site.json in lab/README.md)."""

from __future__ import annotations

import copy
import ipaddress
import json
import os
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Mapping

import yaml

from palette_lab import access

SITES = Path(__file__).resolve().parent.parent / "sites"
HOST = {"cores": 32, "mhz": 2600, "memory_gib": 256, "ntp": ["ntp.lab.local"], "maintenance": False}
BULK_DISK_GIB = 20
FIRST_HOST = ipaddress.IPv4Address("127.1.1.1")
SERVICES = {"console.lab.local": "127.1.0.1", "api.spectrocloud.com": "127.1.0.2", "ntp.lab.local": "127.1.0.3", "vcenter.lab.local": "127.0.0.1"}
SEARCH_DOMAIN = "lab.local"
WHOLE_NUMBERS = ("clusters", "hosts", "vms", "ova_mib", "fleet", "seed")
SWITCHES = {"business_error_status": None, "reserve_install_pool": False, "strict_project_header": False, "leave_deletion_timestamps_unset": False}


class SiteError(Exception):
    """A site file or a setting that cannot be used; the text says which, what was seen and what is expected."""


@dataclass(frozen=True)
class Settings:
    """The LAB_* settings. None for clusters, hosts, vms: as many as the site file has. speed: how many seconds of work pass in one second."""

    speed: float = 60.0
    site: str = "default"
    clusters: int | None = None
    hosts: int | None = None
    vms: int | None = None
    ova_mib: int = 64
    fleet: int = 0
    seed: int = 1
    openapi: str | None = None
    check_responses: bool = False
    switches: Mapping[str, Any] = field(default_factory=dict)


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Settings out of LAB_SPEED, LAB_SITE, LAB_CLUSTERS, LAB_HOSTS, LAB_VMS, LAB_OVA_MIB, LAB_FLEET, LAB_SEED, LAB_OPENAPI, LAB_CHECK_RESPONSES.

    Raises SiteError for a value that is no number or out of range.
    """
    given = {name[4:].lower(): value.strip() for name, value in environment.items() if name.startswith("LAB_") and value.strip()}
    numbers: dict[str, Any] = {name: _number(name, given[name]) for name in WHOLE_NUMBERS if name in given}
    settings = Settings(**numbers)
    if "speed" in given:
        try:
            settings = replace(settings, speed=float(given["speed"]))
        except ValueError:
            raise SiteError(f"LAB_SPEED is {given['speed']!r}; expected a number, 0 or more") from None
    settings = replace(settings, site=given.get("site", settings.site), openapi=given.get("openapi"),
                       check_responses=given.get("check_responses", "").lower() in ("1", "true", "yes", "on"))
    return checked(settings)


def checked(settings: Settings) -> Settings:
    """The settings themselves. Raises SiteError for one that cannot be honoured."""
    if settings.fleet:
        raise SiteError(f"LAB_FLEET is {settings.fleet}; this lab cannot begin with tenant clusters yet, expected 0")
    limits = {"speed": (0, None), "clusters": (1, 200), "hosts": (1, 64), "vms": (0, 20000), "ova_mib": (1, None), "seed": (0, None)}
    for name, (low, high) in limits.items():
        value = getattr(settings, name)
        if value is not None and (value < low or high is not None and value > high):
            raise SiteError(f"LAB_{name.upper()} is {value}; expected {low} or more" + (f", at most {high}" if high else ""))
    if settings.openapi and not Path(settings.openapi).is_file():
        raise SiteError(f"LAB_OPENAPI is {settings.openapi!r}, which is no file; expected the path of the Palette OpenAPI JSON")
    unknown = set(settings.switches) - set(SWITCHES)
    if unknown:
        raise SiteError(f"unknown switches {sorted(unknown)}; there are {sorted(SWITCHES)}")
    return settings


def _number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise SiteError(f"LAB_{name.upper()} is {text!r}; expected a whole number") from None


def load(name: str) -> dict:
    """The site file of that path, or the shipped one of that name, with what it `extends` below it. Raises SiteError."""
    path = Path(name) if name.endswith((".yml", ".yaml")) else SITES / f"{name}.yml"
    if not path.is_file():
        raise SiteError(f"LAB_SITE is {name!r}: {path} does not exist; expected a path or one of {sorted(each.stem for each in SITES.glob('*.yml'))}")
    content = yaml.safe_load(path.read_text()) or {}
    if not isinstance(content, dict):
        raise SiteError(f"{path} holds a {type(content).__name__}; expected a mapping with vcenter, networks and palette")
    if "extends" not in content:
        return content
    return merged(load(content.pop("extends")), content)


def merged(below: dict, above: dict) -> dict:
    """Mappings are merged key by key, everything else is replaced."""
    both = dict(below)
    for key, value in above.items():
        both[key] = merged(both[key], value) if isinstance(value, dict) and isinstance(both.get(key), dict) else value
    return both


def compose(settings: Settings, ports: Mapping[str, int], tls: Mapping[str, str], previous: dict | None = None) -> dict:
    """The runtime site. Passwords and API keys of `previous` (the site of an earlier start) are kept, missing ones are made. Raises SiteError."""
    source = load(settings.site)
    for section in ("vcenter", "networks", "palette"):
        if not isinstance(source.get(section), dict):
            raise SiteError(f"site {settings.site!r} has no {section}")
    vcenter, palette = copy.deepcopy(source["vcenter"]), copy.deepcopy(source["palette"])
    vcenter.update(listen=f"127.0.0.1:{ports['vcenter']}", control=f"127.0.0.1:{ports['vcenter_control']}")
    palette.update(listen=f"127.0.0.1:{ports['palette']}", admin=f"127.0.0.1:{ports['palette_admin']}")
    for datacenter in vcenter["datacenters"]:
        size_datacenter(datacenter, source.get("host") or {}, settings)
    address_hosts(vcenter["datacenters"])
    try:
        access.expand(vcenter)
    except access.AccessError as error:
        raise SiteError(str(error)) from None
    palette.setdefault("gateways", [])
    before = previous or {}
    for user in vcenter["users"]:
        _keep_or_make(user, ("password",), "name", before.get("vcenter", {}).get("users", []))
    for user in palette["users"]:
        _keep_or_make(user, ("password", "api_key"), "email", before.get("palette", {}).get("users", []))
    inventory = source.get("inventory") or {}
    unknown = set(inventory) - {datacenter["name"] for datacenter in vcenter["datacenters"]}
    if unknown:
        raise SiteError(f"site {settings.site!r} has inventory for {sorted(unknown)}, which are no datacenters of it")
    switches = {**SWITCHES, **(source.get("switches") or {}), **settings.switches}
    openapi = str(Path(settings.openapi).resolve()) if settings.openapi else None
    return {"vcenter": vcenter, "networks": source["networks"], "palette": palette, "tls": dict(tls), "switches": switches,
            "inventory": inventory, "reachability": {"port": ports["hosts"], "dns": f"127.0.0.1:{ports['dns']}", "names": names_of(vcenter["datacenters"])},
            "settings": {"speed": settings.speed, "ova_mib": settings.ova_mib, "seed": settings.seed, "fleet": settings.fleet, "openapi": openapi,
                         "check_responses": settings.check_responses}}


def size_datacenter(datacenter: dict, host: dict, settings: Settings) -> None:
    """Bring the datacenter to LAB_CLUSTERS × LAB_HOSTS and add LAB_VMS machines; write every host out."""
    clusters = datacenter["compute_clusters"]
    count = len(clusters) if settings.clusters is None else settings.clusters
    for number in range(len(clusters) + 1, count + 1):
        clusters.append({**copy.deepcopy(clusters[0]), "name": f"cluster-{number}"})
    del clusters[count:]
    for cluster in clusters:
        if settings.hosts is not None:
            cluster["hosts"] = settings.hosts
        if isinstance(cluster["hosts"], int):
            cluster["hosts"] = [{"name": f"{cluster['name']}-esx-{number}"} for number in range(1, cluster["hosts"] + 1)]
        cluster["hosts"] = [copy.deepcopy({**HOST, **host, **each}) for each in cluster["hosts"]]
    if settings.vms:
        datacenter["datastores"][0]["capacity_gib"] += settings.vms * BULK_DISK_GIB
    machines = datacenter.setdefault("virtual_machines", [])
    folders = datacenter.get("folders") or []
    folder = "workloads" if "workloads" in folders else ""
    for number in range(1, (settings.vms or 0) + 1):
        machines.append({"name": f"workload-{number:05d}", "folder": folder, "compute_cluster": clusters[(number - 1) % len(clusters)]["name"],
                         "power": "off" if (number - 1) // len(clusters) % 4 == 3 else "on"})


def hosts_of(datacenters: list[dict]) -> list[dict]:
    """Every ESXi host, in the site's order."""
    return [host for datacenter in datacenters for cluster in datacenter["compute_clusters"] for host in cluster["hosts"]]


def address_hosts(datacenters: list[dict]) -> None:
    """A loopback address of its own for every host that the site file gives none, the same at every start."""
    for number, host in enumerate(hosts_of(datacenters)):
        host.setdefault("address", str(FIRST_HOST + number // 250 * 256 + number % 250))


def names_of(datacenters: list[dict]) -> dict[str, str]:
    """What the lab's name server knows: services, and hosts with and without the search domain unless the site file says `resolvable: false`."""
    names = dict(SERVICES)
    for host in hosts_of(datacenters):
        if host.get("resolvable", True):
            names.update({host["name"]: host["address"], f"{host['name']}.{SEARCH_DOMAIN}": host["address"]})
    return names


def _keep_or_make(user: dict, secret_names: tuple[str, ...], key: str, before: list[dict]) -> None:
    kept = next((each for each in before if each.get(key) == user[key]), {})
    for name in secret_names:
        user[name] = user.get(name) or kept.get(name) or secrets.token_hex(16)


def read(path: Path) -> dict | None:
    """The runtime site of an earlier start, None when there is none."""
    return json.loads(path.read_text()) if path.exists() else None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)


def vcenter_user(site: dict, admin: bool) -> dict:
    """The first vCenter user who is (or is not) an administrator. Raises SiteError."""
    for user in site["vcenter"]["users"]:
        if bool(user.get("admin")) is admin:
            return user
    raise SiteError(f"the site has no vCenter user with admin: {str(admin).lower()}")


def palette_user(site: dict, role: str) -> dict:
    """The first Palette user of the role tenant_admin, project_admin or viewer. Raises SiteError."""
    for user in site["palette"]["users"]:
        if user["role"] == role:
            return user
    raise SiteError(f"the site has no Palette user of the role {role}")
