# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway's account and configuration as plain data: out of options, out of the API, into the API. Pure. PRIVATE to the collection.

Source of the fields: the page, sections "Tenant Portal - Launch Cloud Gateway" and "Resizing a VMware Cloud Gateway"; API edge: writes
v1OverlordVsphereCloudConfig and v1OverlordVsphereAccountCreate, reads v1VsphereCloudConfig (there is no read of what was written).
"""
from __future__ import annotations

import json
import re

from ._address import address
from ._errors import InputRefused, quoted
from ._secret import secret

SIZES = (1, 3)
TEMPLATE_FOLDER = "spectro-templates"
DECIDED = ("size", "ip_allocation", "ip_pool", "ddns_search_domain", "placements", "ssh_keys", "ntp_servers")
UNORDERED = ("placements", "ssh_keys", "ntp_servers")
PLACEMENT = {"datacenter": "datacenter", "compute_cluster": "cluster", "datastore": "datastore", "resource_pool": "resourcePool", "folder": "folder",
             "image_template_folder": "imageTemplateFolder"}
ACCOUNT = {"vcenter_server": "vcenterServer", "username": "username", "insecure": "insecure"}
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
DOMAIN = re.compile(r"([a-zA-Z0-9-]+\.)+[a-zA-Z]{2,}")
KEY = re.compile(r"(ssh-|ecdsa-|sk-)[A-Za-z0-9@.-]+ [A-Za-z0-9+/=]+( .*)?")


def from_params(params):
    """Options of gateway -> the wanted configuration: only fields that the user set. Raises InputRefused."""
    wanted = {}
    if params["size"] is not None:
        wanted["size"] = size(params["size"])
    if params["placements"] is not None:
        wanted["placements"] = placements(params["placements"])
    for key in ("ip_allocation", "ip_pool", "ddns_search_domain"):
        if params[key] is not None:
            wanted[key] = params[key]
    refuse_mixed_allocation(wanted)
    if params["ssh_keys"] is not None:
        wanted["ssh_keys"] = [ssh_key(text, f"option ssh_keys[{number}]") for number, text in enumerate(params["ssh_keys"])]
    if params["ntp_servers"] is not None:
        wanted["ntp_servers"] = [host(text, f"option ntp_servers[{number}]") for number, text in enumerate(params["ntp_servers"])]
    return wanted


def size(value):
    if isinstance(value, bool) or value not in SIZES:
        raise InputRefused("a gateway has one node or three", where="option size", observed=value, expected="1 or 3",
                           fix="write 1, or 3, which is recommended for production")
    return value


def placements(items):
    """The fault domains, at least one, none twice."""
    if not items:
        raise InputRefused("the gateway has no placement", where="option placements", observed="an empty list", expected="at least one placement",
                           fix="name datacenter, compute_cluster, datastore, network, resource_pool and folder of one")
    found = []
    for number, item in enumerate(items):
        placement = {key: item[key] for key in (*PLACEMENT, "network")}
        empty = sorted(key for key, value in placement.items() if not value.strip())
        if empty:
            raise InputRefused("a placement is not complete", where=f"option placements[{number}]", observed=f"{', '.join(empty)} empty",
                               fix="name it as vCenter does")
        if placement in found:
            raise InputRefused("a placement is listed twice", where=f"option placements[{number}]",
                               observed=f"the same as placements[{found.index(placement)}]", fix="leave one of the two out")
        found.append(placement)
    return found


def refuse_mixed_allocation(wanted):
    """Static addresses come out of a pool; with DHCP, dynamic DNS names the control plane (the page: highlights, Launch Cloud Gateway)."""
    allocation = wanted.get("ip_allocation")
    if "ip_pool" in wanted and allocation != "static":
        raise InputRefused("an IP pool goes with static addresses only", where="option ip_pool", observed=f"ip_allocation {allocation or 'not set'}",
                           fix="set ip_allocation to static, or leave ip_pool out")
    if "ddns_search_domain" in wanted:
        if allocation != "dhcp":
            raise InputRefused("a search domain of dynamic DNS goes with DHCP only", where="option ddns_search_domain",
                               observed=f"ip_allocation {allocation or 'not set'}", fix="set ip_allocation to dhcp, or leave ddns_search_domain out")
        domain(wanted["ddns_search_domain"], "option ddns_search_domain")


def domain(text, where):
    """A domain name of two labels or more (API 2.6). Raises InputRefused."""
    if not DOMAIN.fullmatch(text):
        raise InputRefused("not a domain name", where=where, observed=text, expected="labels joined by dots, such as k8s.example.com", fix="correct the name")
    return text


def ssh_key(text, where):
    """One public key without the white space around it. Raises InputRefused, which never shows the value."""
    key = text.strip()
    if "PRIVATE KEY" in key:
        raise InputRefused("this is a private key", where=where, expected="a public key", fix="give the content of the .pub file, and replace this key pair")
    if not KEY.fullmatch(key):
        raise InputRefused("not an SSH public key", where=where, expected="one line: type, base64, comment", fix="give the content of the .pub file")
    return key


def host(text, where):
    """A host name or an address. Raises InputRefused."""
    if re.fullmatch(r"[0-9.]+", text) or ":" in text:
        return str(address(text, where))
    if not HOST.fullmatch(text):
        raise InputRefused("neither a host name nor an address", where=where, observed=text, fix="write the name or the address alone")
    return text


def account_from_params(params):
    """Option account -> {vcenter_server, username, insecure, password: Secret}, or None when it is not given. Raises InputRefused."""
    given = params["account"]
    if given is None:
        return None
    for key in ("username", "password"):
        if not given[key]:
            raise InputRefused(f"the account has no {key}", where=f"option account.{key}", observed="an empty text", fix=f"set account.{key}")
    return {"vcenter_server": vcenter_server(given["vcenter_server"], "option account.vcenter_server"), "username": given["username"],
            "insecure": bool(given["insecure"]), "password": secret(given["password"])}


def vcenter_server(text, where):
    """host or host:port. Raises InputRefused showing the corrected value when there is more, such as a scheme or /sdk."""
    bare = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://", "", text.strip())
    bare = re.split(r"[/?#]", bare, maxsplit=1)[0].rpartition("@")[2]
    port = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:]*))(?::([0-9]{1,5}))?", bare)
    if not port or (port.group(3) and not 0 < int(port.group(3)) < 65536):
        name = host(bare, where) if bare.count(":") > 1 else None
        if name is None:
            raise InputRefused("not a vCenter server", where=where, observed=None if "@" in text else text, expected="a host name or an address",
                               fix="write the host alone, such as vcenter.example.com")
    else:
        host(port.group(1) or port.group(2), where)
    if bare != text:
        raise InputRefused("the vCenter server is written with more than its host", where=where, observed=None if "@" in text else text, expected=bare,
                           fix=f"write {bare}")
    return bare


def account_from_api(item):
    """v1VsphereAccount -> {vcenter_server, username, insecure}; Palette does not give the password."""
    spec = item.get("spec") or {}
    return {"vcenter_server": spec.get("vcenterServer"), "username": spec.get("username"), "insecure": bool(spec.get("insecure"))}


def account_to_api(account):
    """v1VsphereCloudAccount; the password stays a Secret, the client reveals it."""
    return {**{word: account[key] for key, word in ACCOUNT.items()}, "password": account["password"]}


def from_api(item, pool_names):
    """v1VsphereCloudConfig of the gateway's own cluster -> configuration. pool_names: {uid: name} of the gateway's IP pools."""
    spec = item.get("spec") or {}
    cluster = spec.get("clusterConfig") or {}
    nodes = next(iter(spec.get("machinePoolConfig") or []), {})
    endpoint = cluster.get("controlPlaneEndpoint") or {}
    default = cluster.get("placement") or {}
    networks = [each.get("network") or {} for each in nodes.get("placements") or []]
    static = bool(cluster.get("staticIp"))
    return {
        "size": nodes.get("size"),
        "ip_allocation": "static" if static else "dhcp",
        "ip_pool": pool_of(networks, pool_names) if static else None,
        "ddns_search_domain": (endpoint.get("ddnsSearchDomain") or None) if not static else None,
        "placements": [placement_from_api(each, default) for each in nodes.get("placements") or []],
        "ssh_keys": [key.strip() for key in cluster.get("sshKeys") or []],
        "ntp_servers": list(cluster.get("ntpServers") or []),
    }


def placement_from_api(item, default):
    """A node pool's placement; what it leaves empty comes from the cluster's (API: v1VspherePlacementConfig)."""
    found = {key: item.get(word) or default.get(word) or None for key, word in PLACEMENT.items()}
    found["image_template_folder"] = found["image_template_folder"] or TEMPLATE_FOLDER
    return {**found, "network": (item.get("network") or {}).get("networkName")}


def pool_of(networks, pool_names):
    """Name of the pool that the placements take addresses from; all of them joined when they differ, None when there is none."""
    references = [network.get("parentPoolRef") or {} for network in networks]
    names = {pool_names.get(each.get("uid")) or each.get("name") or each.get("uid") for each in references if each.get("uid")}
    return ", ".join(sorted(names)) or None


def to_api(config, pool_uid, profile_uid):
    """v1OverlordVsphereCloudConfig. pool_uid: of the IP pool, None with DHCP. profile_uid: of the gateway's own (system) cluster profile."""
    static = config["ip_allocation"] == "static"
    endpoint = {"type": "VIP" if static else "DDNS", "host": "", "ddnsSearchDomain": config.get("ddns_search_domain") or ""}
    return {
        "size": config["size"],
        "clusterConfig": {
            "staticIp": static,
            "sshKeys": list(config["ssh_keys"]),
            "ntpServers": list(config["ntp_servers"]),
            "controlPlaneEndpoint": endpoint,
            "placements": [placement_to_api(each, static, pool_uid) for each in config["placements"]],
        },
        "clusterProfiles": [{"uid": profile_uid, "packValues": []}],
    }


def placement_to_api(placement, static, pool_uid):
    network = {"networkName": placement["network"], "staticIp": static}
    if static:
        network["parentPoolUid"] = pool_uid
    return {**{word: placement[key] for key, word in PLACEMENT.items()}, "network": network}


def complete(wanted):
    """The configuration that a gateway without one is given: what is wanted over the defaults."""
    blank = {"size": 1, "ip_allocation": None, "ip_pool": None, "ddns_search_domain": None, "placements": None, "ssh_keys": [], "ntp_servers": []}
    return {**blank, **wanted}


def differing(wanted, have):
    """Fields of `wanted` that `have` does not hold; the order of placements, keys and time servers does not count."""
    def canonical(key, value):
        return sorted(value, key=lambda item: json.dumps(item, sort_keys=True)) if key in UNORDERED else value
    return [key for key in DECIDED if key in wanted and canonical(key, wanted[key]) != canonical(key, have[key])]


def shown(config, fields):
    """Those fields for a reader, an SSH key by its comment or its end."""
    def short(key, value):
        return [each.partition(" ")[2].partition(" ")[2] or "…" + each[-12:] for each in value] if key == "ssh_keys" else value
    return "; ".join(f"{key} {quoted(json.dumps(short(key, config[key]), sort_keys=True, ensure_ascii=False))}" for key in fields)
