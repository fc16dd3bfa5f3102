# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the site check about what the options say, before any server is asked. Pure: params -> verdicts. PRIVATE to the collection.

What a module of the installation refuses is refused here by the same code, as a finding. Sources: the page, sections "Prerequisites",
"Creating a VMware Cloud Gateway" and "IP Address Management".
"""
from __future__ import annotations

from . import _gateway_config as config
from ._address import address, network, network_of, overlap, span
from ._errors import Failure, InputRefused
from ._installer_options import block_of, endpoint, excluded, proxies, without_password
from ._ip_pool_object import from_params as wanted_pool
from ._palette import base_url
from ._site_check_verdict import ADDRESSES, GATEWAY, OPTIONS, PREREQUISITES, Check

SIZE = Check("gateway_size", "the gateway's size is one that it can have", "a gateway has one node or three", GATEWAY)
HIGHLY_AVAILABLE = Check("gateway_of_three", "the gateway has three nodes", "a gateway of one node is not for production", GATEWAY)
PLACEMENTS = Check("placements_form", "the placements are complete and distinct", "the placements are not complete and distinct", GATEWAY)
DOMAINS = Check("fault_domains", "each node can have a compute cluster of its own", "nodes share a compute cluster", PREREQUISITES)
POOL = Check("ip_pool_form", "the IP pool is one that Palette accepts", "the IP pool is not one that Palette accepts", ADDRESSES)
DNS = Check("name_servers_given", "the nodes have name servers", "the nodes have no name server", PREREQUISITES)
TIME_SERVERS = Check("ntp_servers_form", "the nodes' time servers are names or addresses", "a time server is neither a name nor an address", GATEWAY)
DDNS = Check("dynamic_dns", "DHCP goes with dynamic DNS", "DHCP without dynamic DNS", PREREQUISITES)
ENDPOINT = Check("console_endpoint", "the console endpoint is an https URL without a trailing slash", "the console endpoint is not usable", GATEWAY)
API = Check("palette_host", "the base URL of Palette's API is one", "the base URL of Palette's API is none", PREREQUISITES)
PROXY = Check("proxy_complete", "the proxy settings are complete, or there are none", "the proxy settings are not complete", GATEWAY)
NO_PROXY = Check("no_proxy_vcenter", "vCenter is reached without the proxy", "no_proxy does not list vCenter", GATEWAY)
NO_PROXY_LOCAL = Check("no_proxy_local", "the local networks are reached without the proxy", "no_proxy does not list the local networks", GATEWAY)
NO_PROXY_HOSTS = Check("no_proxy_hosts", "the ESXi hosts are reached without the proxy", "no_proxy does not list the ESXi hosts", GATEWAY)
NO_PROXY_CONSOLE = Check("no_proxy_console", "Palette is reached through the proxy", "no_proxy lists Palette", GATEWAY)
RANGES = Check("ranges_disjoint", "the address ranges do not overlap", "address ranges overlap", GATEWAY)
OUTSIDE = Check("addresses_outside", "no address that is in use lies in a range", "an address that is in use lies in a range", GATEWAY)
EXCLUSIVE, LOCAL = ("pod_cidr", "service_cidr"), ("node_network", "ip_pool")


def options(params):
    """All verdicts about the options alone."""
    for rule in (size, placements, pool, name_servers, ntp_servers, dynamic_dns, urls, proxy, ranges):
        yield from rule(params)


def accepted(check, function, *said, inside=""):
    """The value of a validator, and the verdict that it is refused; one of the two is None. inside: the option that holds what the validator names."""
    try:
        return function(*said), None
    except InputRefused as failure:
        return None, check.refused(failure, inside)


def size(params):
    where, value = "option size", params["size"]
    _size, wrong = accepted(SIZE, config.size, value)
    yield wrong or SIZE.passed(where, value, OPTIONS)
    if value == 1:
        yield HIGHLY_AVAILABLE.advice(where, 1, "3 for production", "set size to 3, or resize the gateway later; three never become one", OPTIONS)
    elif not wrong:
        yield HIGHLY_AVAILABLE.passed(where, value, OPTIONS)


def placements(params):
    given = params["placements"]
    found, wrong = accepted(PLACEMENTS, config.placements, given)
    yield wrong or PLACEMENTS.passed("option placements", f"{len(found)} placements", OPTIONS)
    clusters = {(each["datacenter"], each["compute_cluster"]) for each in given}
    if params["size"] == 3 and given and len(clusters) < 3:
        yield DOMAINS.advice("option placements", f"{len(clusters)} compute clusters for 3 nodes", "3",
                             "name a placement in each of three compute clusters, where there are, so that one may fail", OPTIONS)
    elif given:
        yield DOMAINS.passed("option placements", f"{len(clusters)} compute clusters for {params['size']} nodes", OPTIONS)


def pool(params):
    given = params["ip_pool"]
    if params["ip_allocation"] != "static":
        return
    if not given:
        yield POOL.error("option ip_pool", "none", "a range or a subnet", "set ip_pool, or ip_allocation to dhcp", OPTIONS,
                         title="static addresses need an IP pool")
        return
    found, wrong = accepted(POOL, wanted_pool, {**given, "state": "present"}, inside="ip_pool.")
    yield wrong or POOL.passed("option ip_pool", shown_pool(found), OPTIONS)


def shown_pool(wanted):
    return wanted.get("subnet") or f"{wanted['start']} to {wanted['end']}"


def pool_block(params):
    """The range or network of the pool; None where there is none or it is wrong."""
    given = params["ip_pool"] if params["ip_allocation"] == "static" else None
    try:
        if not given or not (given["subnet"] or (given["start"] and given["end"])):
            return None
        if given["subnet"]:
            return network(given["subnet"], "")
        return span(address(given["start"], ""), address(given["end"], ""), "")
    except InputRefused:
        return None


def node_network(params):
    """The network that the nodes are in: as given, or that of the pool's gateway."""
    given = params["ip_pool"] if params["ip_allocation"] == "static" else None
    if params["installer"].get("node_network"):
        return block_of(params["installer"]["node_network"])
    if given and given["network_gateway"] and str(given["prefix"] or "").isdigit():
        gateway = block_of(given["network_gateway"])
        return network_of(gateway.ip, int(given["prefix"])) if gateway is not None and int(given["prefix"]) <= (32 if gateway.version == 4 else 128) else None
    return None


def name_servers(params):
    where = "option ip_pool.name_servers"
    if params["ip_allocation"] != "static" or not params["ip_pool"]:
        return
    given = params["ip_pool"]["name_servers"]
    if given:
        yield DNS.passed(where, ", ".join(given), OPTIONS)
    else:
        yield DNS.error(where, "none", "one that resolves public names", "set name_servers of the pool", OPTIONS)


def ntp_servers(params):
    where = "option ntp_servers"
    for number, text in enumerate(params["ntp_servers"]):
        _host, wrong = accepted(TIME_SERVERS, config.host, text, f"option ntp_servers[{number}]")
        yield wrong or TIME_SERVERS.passed(f"option ntp_servers[{number}]", text, OPTIONS)
    if not params["ntp_servers"]:
        yield TIME_SERVERS.advice(where, "none", "the site's own", "set ntp_servers, so that nodes and hosts agree on the time", OPTIONS,
                                  title="the nodes use the time servers of their image")


def dynamic_dns(params):
    domain, where = params["ddns_search_domain"], "option ddns_search_domain"
    if params["ip_allocation"] != "dhcp":
        if domain:
            yield DDNS.error(where, domain, "ip_allocation: dhcp", "leave it out, or set ip_allocation to dhcp", OPTIONS,
                             title="a search domain of dynamic DNS goes with DHCP only")
    elif not domain:
        yield DDNS.error(where, "not set", "the domain in which DHCP registers names", "set up dynamic DNS and name its domain, or use static addresses",
                         OPTIONS)
    else:
        _domain, wrong = accepted(DDNS, config.domain, domain, where)
        yield wrong or DDNS.passed(where, domain, OPTIONS)


def urls(params):
    host, wrong = accepted(API, base_url, params["palette_host"], params["palette_validate_certs"])
    yield wrong or API.passed("option palette_host", host, OPTIONS)
    if host or params["installer"].get("console_endpoint"):
        found, wrong = accepted(ENDPOINT, endpoint, params["installer"].get("console_endpoint"), params["palette_host"], inside="installer.")
        yield wrong or ENDPOINT.passed("option installer.console_endpoint", found, OPTIONS)


def console(params):
    """The console's URL, or None where it is wrong."""
    try:
        return endpoint(params["installer"].get("console_endpoint"), params["palette_host"])
    except Failure:
        return None


def proxy(params):
    values, wrong = accepted(PROXY, proxies, params["installer"].get("proxy"), inside="installer.")
    where = "option installer.proxy"
    if wrong:
        yield wrong
        return
    if not values:
        yield PROXY.passed(where, "no proxy", OPTIONS)
        return
    yield PROXY.passed(where, f"http {without_password(values['http_proxy'].reveal())}, https {without_password(values['https_proxy'].reveal())}, "
                              f"no_proxy {values['no_proxy']}", OPTIONS)
    listed = values["no_proxy"].split(",")
    yield from direct(params, listed)


def direct(params, listed):
    """What the page and faults of the field (W04) want to be, or not to be, in no_proxy."""
    where, server = "option installer.proxy.no_proxy", params["hostname"] or ""
    if server:
        yield covered(NO_PROXY, "error", where, [server], listed)
    local = [str(block) for block in (node_network(params), *(block_of(params["installer"].get(key) or "") for key in EXCLUSIVE)) if block is not None]
    if local:
        yield covered(NO_PROXY_LOCAL, "warning", where, local, listed)
    url = console(params)
    name = url.partition("//")[2].split(":")[0] if url and "[" not in url else ""
    if name and excluded(name, listed):
        yield NO_PROXY_CONSOLE.advice(where, f"{name} is excluded", "Palette through the proxy", "take it out, unless Palette is inside the site", OPTIONS)
    elif name:
        yield NO_PROXY_CONSOLE.passed(where, name, OPTIONS)


def covered(check, severity, where, wanted, listed):
    lacking = [each for each in wanted if not excluded(each, listed)]
    if lacking:
        return check.found(severity, where, ",".join(listed), ", ".join(lacking), f"write {','.join([*listed, *lacking])}", OPTIONS)
    return check.passed(where, ", ".join(wanted), OPTIONS)


def proxied_hosts(facts, params):
    """The installation writes node images to the ESXi hosts directly, so they belong into no_proxy as well."""
    values, _wrong = accepted(PROXY, proxies, params["installer"].get("proxy"), inside="installer.")
    names = sorted({host["name"] for host in facts["hosts"].values() if host["name"]})
    if values and names:
        yield covered(NO_PROXY_HOSTS, "warning", "option installer.proxy.no_proxy", names, values["no_proxy"].split(","))


def ranges(params):
    """Pods, services and nodes pairwise, the pool against the first two, and addresses in use against what is handed out."""
    blocks, wrongs = {}, []
    for key in (*EXCLUSIVE, "node_network"):
        if params["installer"].get(key):
            found, wrong = accepted(RANGES, network, params["installer"][key], f"option installer.{key}")
            blocks.update({} if found is None else {key: found})
            wrongs += [wrong] if wrong else []
    yield from wrongs
    around = node_network(params)
    if "node_network" not in blocks and around is not None:
        blocks["node_network"] = around
    handed_out = pool_block(params)
    if handed_out is not None:
        blocks["ip_pool"] = handed_out
    shared = [(one, other, overlap(blocks[one], blocks[other])) for one in blocks for other in blocks
              if list(blocks).index(one) < list(blocks).index(other) and (one, other) != ("node_network", "ip_pool")]
    for one, other, common in shared:
        if common:
            yield RANGES.error(f"options {option(one)}, {option(other)}", f"{text(blocks[one])} and {text(blocks[other])} share {common}",
                               "ranges without a common address", f"choose another {one}", OPTIONS)
    if shared and not any(common for *_pair, common in shared) and not wrongs:
        yield RANGES.passed("address ranges", ", ".join(f"{key} {text(block)}" for key, block in blocks.items()), OPTIONS)
    if handed_out is not None and blocks.get("node_network") is not None and params["installer"].get("node_network"):
        yield from inside(handed_out, blocks["node_network"])
    yield from addresses(params, blocks)


def inside(handed_out, around):
    if handed_out.version == around.version and around.first <= handed_out.first and handed_out.last <= around.last:
        return
    yield RANGES.error("options ip_pool, installer.node_network", f"{text(handed_out)} is not inside {around}", "the pool inside the nodes' network",
                       "correct node_network or the pool", OPTIONS, title="the IP pool is not in the network of the nodes")


def option(key):
    return "ip_pool" if key == "ip_pool" else f"installer.{key}"


def text(block):
    return str(block) if hasattr(block, "cidr") else f"{block[0]}-{block[-1]}"


def addresses(params, blocks):
    """vCenter, name and time servers, and the network's gateway must not be addresses that pods, services or the pool have."""
    given = params["ip_pool"] or {}
    used = [("hostname", params["hostname"]), ("ip_pool.network_gateway", given.get("network_gateway")),
            *((f"ip_pool.name_servers[{number}]", each) for number, each in enumerate(given.get("name_servers") or ())),
            *((f"ntp_servers[{number}]", each) for number, each in enumerate(params["ntp_servers"]))]
    held = {key: block for key, block in blocks.items() if key != "node_network"}
    known = [(name, block_of(value)) for name, value in used if value and block_of(value) is not None]
    clean = True
    for name, single in known:
        for key, block in held.items():
            subnet_gateway = name == "ip_pool.network_gateway" and key == "ip_pool"
            if overlap(single, block) and not subnet_gateway:
                clean = False
                yield OUTSIDE.error(f"options {name}, {option(key)}", f"{single.ip} lies in {text(block)}", "an address outside", f"choose another {key}",
                                    OPTIONS)
    if known and held and clean:
        yield OUTSIDE.passed("addresses in use", ", ".join(f"{name} {single.ip}" for name, single in known), OPTIONS)
