# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the site check, by tables: each row changes one thing of a site without faults and says which findings that makes, and no others."""
from __future__ import annotations

import pytest
from ansible_collections.palette.vmware.plugins.module_utils import _site_check as noun
from ansible_collections.palette.vmware.plugins.module_utils import _site_check_capacity as room
from ansible_collections.palette.vmware.plugins.module_utils import _site_check_options as options
from ansible_collections.palette.vmware.plugins.module_utils import _site_check_palette_rules as palette_rules
from ansible_collections.palette.vmware.plugins.module_utils import _site_check_reach as reachability
from ansible_collections.palette.vmware.plugins.module_utils import _site_check_rules as rules
from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused, PaletteUnreachable, VcenterDenied
from ansible_collections.palette.vmware.plugins.module_utils._finding import SEVERITIES, ready
from ansible_collections.palette.vmware.plugins.module_utils._site_check_verdict import Check, split

from site_samples import GIB, facts, installer, palette, params, placement, pool, proxy, site, verdicts

E1 = "error"
W1 = "warning"
A1 = "advice"


def put(target, values):
    """Properties by their paths, with __ for dots; None takes one away."""
    for key, value in values.items():
        path = key.replace("__", ".")
        if value is None:
            target.pop(path, None)
        else:
            target[path] = value


def row(moid, **values):
    """A change of one row of the second read."""
    def change(made):
        put(made.details[moid], values)
    return change


def top(moid, **values):
    """The same of the first read."""
    def change(made):
        put(made.structure[moid], values)
    return change


def asked(**changes):
    def change(made):
        made.params = params(**changes)
    return change


def about(**changes):
    return lambda made: made.about.update(changes)


def clock(moid, value):
    def change(made):
        made.clocks[moid] = value
    return change


def says(**changes):
    def change(made):
        made.palette = palette(**changes)
    return change


def heard(kind, first=None, **changes):
    """A change of what was heard of all targets of a kind. first: of their first answer."""
    def change(made):
        def results(items):
            for each in items:
                if each["target"]["kind"] == kind or kind == "all":
                    each.update(changes)
                    each["answers"] = [{**answer, **(first or {})} for answer in each["answers"]]
        made.change_results = results
    return change


def several(*changes):
    def change(made):
        for each in changes:
            each(made)
    return change


def lost(number, **values):
    def change(made):
        made.details["datastore-1"]["host"][number].update(values)
    return change


def one_node(**changes):
    return asked(size=1, placements=[placement(1)], **changes)


UNREACHABLE = PaletteUnreachable("Palette cannot be reached", where="https://api.spectrocloud.com", observed="refused", fix="see the route")
ALONE = {("gateway_of_three", A1)}
SILENT = {"addresses": [], "problem": "no answer within 5 s", "silent": True}
UNKNOWN = {"addresses": [], "problem": "the name does not exist (NXDOMAIN)", "silent": False}
GATEWAY = {"name": "gw", "state": "Running", "uid": "1"}
POOL = {"name": "gw-pool", "gateway": "gw", "start": "10.10.8.10", "end": "10.10.8.19", "subnet": None, "allotted": []}

VCENTER = [
    ("nothing", lambda made: None, set()),
    ("vCenter 6.7 Update 3", about(version="6.7.0", build="14367737"), {("vcenter_version", A1)}),
    ("vCenter 6.7 Update 2", about(version="6.7.0", build="14367736"), {("vcenter_version", W1)}),
    ("vCenter 6.5", about(version="6.5.0", build="99999999"), {("vcenter_version", E1)}),
    ("vCenter 10.0", about(version="10.0.0", build="1"), set()),
    ("vCenter without a build", about(version="6.7.0", build=""), {("vcenter_version_not_checked", W1)}),
    ("vCenter without a version", about(version=None), {("vcenter_version_not_checked", W1)}),
    ("ESXi 6.7 Update 3", row("host-11", summary__config__product__version="6.7.0", summary__config__product__build="14320388"), {("esxi_version", A1)}),
    ("ESXi 6.7 Update 2", row("host-11", summary__config__product__version="6.7.0", summary__config__product__build="13006603"), {("esxi_version", W1)}),
    ("ESXi 6.0", row("host-11", summary__config__product__version="6.0.0"), {("esxi_version", E1)}),
    ("ESXi not readable", row("host-11", summary__config__product__version=None), {("esxi_version_not_checked", W1)}),
    ("vCenter's clock", lambda made: made.clock.update(offset=-20.0), {("vcenter_time", W1), ("time_in_step", W1)}),
    ("vCenter's clock, within the doubt", lambda made: made.clock.update(offset=5.5, doubt=0.6), set()),
    ("host disconnected", row("host-11", runtime__connectionState="disconnected"), {("host_connected", W1)}),
    ("host not responding", row("host-11", runtime__connectionState="notResponding"), {("host_connected", W1)}),
    ("host powered off", row("host-11", runtime__powerState="poweredOff"), {("host_connected", W1)}),
    ("host state unknown", row("host-11", runtime__connectionState=None), {("host_connected_not_checked", W1)}),
    ("host in maintenance", row("host-11", runtime__inMaintenanceMode=True), {("host_in_service", W1)}),
    ("a compute cluster without a usable host",
     several(row("host-11", runtime__inMaintenanceMode=True), row("host-12", runtime__connectionState="disconnected")),
     {("host_in_service", W1), ("host_connected", W1), ("compute_cluster_usable", E1)}),
    ("a compute cluster without hosts", top("domain-c1", host=[], summary__numHosts=0), {("compute_cluster_usable", E1), ("compute_cpus_not_checked", W1)}),
    ("a host that is counted and not listed", top("domain-c1", summary__numHosts=3), {("host_connected_not_checked", W1)}),
    ("a compute cluster of which no host is visible", top("domain-c1", host=[]), {("host_connected_not_checked", W1), ("compute_cpus_not_checked", W1)}),
    ("hosts that are not visible", lambda made: made.details.pop("host-11"), {("host_connected_not_checked", W1)}),
    ("no NTP", row("host-11", config__dateTimeInfo={"servers": []}), {("ntp_configured", E1)}),
    ("NTP not readable", row("host-11", config__dateTimeInfo=None), {("ntp_configured_not_checked", W1)}),
    ("ntpd stopped", row("host-11", config__service__service=[{"key": "ntpd", "running": False, "policy": "off"}]), {("ntp_running", E1)}),
    ("no ntpd", row("host-11", config__service__service=[]), {("ntp_running", E1)}),
    ("services not readable", row("host-11", config__service__service=None), {("ntp_running_not_checked", W1)}),
    ("clock 20 s ahead", clock("host-11", {"offset": 20.0, "doubt": 0.01}), {("time_in_step", W1)}),
    ("clock 2 minutes behind", clock("host-11", {"offset": -120.0, "doubt": 0.01}), {("time_in_step", E1)}),
    ("clock 6 s ahead, on a slow line", clock("host-11", {"offset": 6.0, "doubt": 1.5}), set()),
    ("clock not told", clock("host-11", {"problem": "HostNotReachable"}), {("time_in_step_not_checked", W1)}),
    ("clock not asked", lambda made: made.clocks.pop("host-11"), {("time_in_step_not_checked", W1)}),
    ("datastore on one host less", lost(0, mounted=False), {("datastore_shared", E1)}),
    ("datastore that a host has lost", lost(0, accessible=False), {("datastore_shared", E1)}),
    ("datastore read-only on a host", lost(0, writable=False), {("datastore_shared", E1)}),
    ("datastore without a mount", row("datastore-1", host=[]), {("datastore_shared", E1)}),
    ("mounts not readable", row("datastore-1", host=None), {("datastore_shared_not_checked", W1)}),
    ("datastore not accessible", row("datastore-1", summary__accessible=False), {("datastore_in_service", E1)}),
    ("datastore in maintenance", row("datastore-1", summary__maintenanceMode="inMaintenance"), {("datastore_in_service", E1)}),
    ("datastore's state not readable", row("datastore-1", summary__accessible=None), {("datastore_in_service_not_checked", W1)}),
    ("network on one host less", row("network-1", host=["host-11", "host-21", "host-22", "host-31", "host-32"]), {("network_on_hosts", E1)}),
    ("network's hosts not readable", row("network-1", host=None), {("network_on_hosts_not_checked", W1)}),
    ("DRS off", row("domain-c1", configurationEx={"drs": False, "ha": True}), {("drs_enabled", A1)}),
    ("HA off", row("domain-c1", configurationEx={"drs": True, "ha": False}), {("ha_enabled", A1)}),
    ("cluster's configuration not readable", row("domain-c1", configurationEx=None), {("drs_enabled_not_checked", W1), ("ha_enabled_not_checked", W1)}),
]
PLACES = [
    *((f"no such {key}", asked(placements=[placement(1, **{key: "other"}), placement(2), placement(3)]), {(f"{key}_present", E1)})
      for key in ("datacenter", "compute_cluster", "resource_pool", "datastore", "network", "folder", "image_template_folder")),
    ("a folder's name twice", several(lambda made: made.structure.update({"group-4": {"type": "Folder", "name": "gateways", "parent": "group-3"}}),
                                      asked(placements=[placement(number, folder="gateways") for number in (1, 2, 3)])), {("folder_present", E1)}),
    ("an installer's datastore that is not there", asked(installer=installer(proxy=proxy(), datastore="other")), {("datastore_present", E1)}),
    ("an installer's own datastore without room", several(asked(installer=installer(proxy=proxy(), datastore="ds-2")),
                                                          row("datastore-2", summary__freeSpace=50 * GIB)), {("datastore_space", W1)}),
]
ROOM = [
    ("memory for nobody", top("domain-c1", summary__effectiveMemory=3 * 1024), {("compute_memory", E1)}),
    ("memory in use", row("host-11", summary__quickStats__overallMemoryUsage=500 * 1024), {("compute_memory", W1)}),
    ("memory not readable", top("domain-c1", summary__effectiveMemory=None), {("compute_memory_not_checked", W1)}),
    ("use of memory not readable", row("host-11", summary__quickStats__overallMemoryUsage=None), set()),
    ("one CPU", several(*(row(f"host-{number}", summary__hardware__numCpuThreads=1) for number in (11, 12))), {("compute_cpus", E1)}),
    ("two CPUs, the page's figure", several(*(row(f"host-{number}", summary__hardware__numCpuThreads=2) for number in (11, 12))), {("compute_cpus", W1)}),
    ("CPUs not readable", row("host-11", summary__hardware__numCpuThreads=None), {("compute_cpus_not_checked", W1)}),
    ("pool with a small limit", row("resgroup-11", config__memoryAllocation__limit=4 * 1024 - 1), {("resource_pool_limit", E1)}),
    ("pool with a limit that fits", row("resgroup-11", config__memoryAllocation__limit=4 * 1024), set()),
    ("pool with a limit that is used", row("resgroup-11", config__memoryAllocation__limit=8 * 1024, runtime__memory__overallUsage=5 * GIB),
     {("resource_pool_limit", W1)}),
    ("pool with a CPU limit below a node's CPUs", row("resgroup-11", config__cpuAllocation__limit=5199), {("resource_pool_cpu", W1)}),
    ("pool with a CPU limit of a node's CPUs", row("resgroup-11", config__cpuAllocation__limit=5200), set()),
    ("pool's CPU limit not readable", row("resgroup-11", config__cpuAllocation__limit=None), {("resource_pool_cpu_not_checked", W1)}),
    ("pool's limit not readable", row("resgroup-11", config__memoryAllocation__limit=None), {("resource_pool_limit_not_checked", W1)}),
    ("pool without reservation", row("resgroup-11", runtime__memory__unreservedForVm=0), {("resource_pool_reserve", E1)}),
    ("pool's reservation not readable", row("resgroup-11", runtime__memory__unreservedForVm=None), {("resource_pool_reserve_not_checked", W1)}),
    ("datastore with 69 GiB", row("datastore-1", summary__freeSpace=69 * GIB), {("datastore_space", E1)}),
    ("datastore with 70 GiB, nothing for the installer", row("datastore-1", summary__freeSpace=70 * GIB), {("datastore_space", W1)}),
    ("datastore with the page's figure, not the vendor's", row("datastore-1", summary__freeSpace=150 * GIB), {("datastore_space", W1)}),
    ("datastore with the vendor's figure", row("datastore-1", summary__freeSpace=240 * GIB), set()),
    ("free space not readable", row("datastore-1", summary__freeSpace=None), {("datastore_space_not_checked", W1)}),
    ("no room, but the nodes stand", several(row("datastore-1", summary__freeSpace=GIB), says(gateway=GATEWAY)), set()),
    ("no room, and the gateway waits for its configuration", several(row("datastore-1", summary__freeSpace=GIB), says(gateway={**GATEWAY, "state": "Pending"})),
     {("datastore_space", E1)}),
]
OPTIONS = [
    ("one node", one_node(), ALONE),
    ("two nodes", asked(size=2), {("gateway_size", E1)}),
    ("no node", asked(size=0), {("gateway_size", E1)}),
    ("three nodes in one compute cluster", asked(placements=[placement(1)]), {("fault_domains", A1)}),
    ("the same placement twice", asked(placements=[placement(1), placement(2), placement(1)]), {("placements_form", E1), ("fault_domains", A1)}),
    ("no placement", asked(placements=[]), {("placements_form", E1)}),
    ("an empty folder", asked(placements=[placement(1, folder=" "), placement(2), placement(3)]), {("placements_form", E1), ("folder_present", E1)}),
    ("static without a pool", asked(ip_pool=None), {("ip_pool_form", E1)}),
    ("a pool that is reversed", asked(ip_pool=pool(start="10.10.8.19", end="10.10.8.10")), {("ip_pool_form", E1)}),
    ("a pool without a prefix", asked(ip_pool=pool(prefix=None)), {("ip_pool_form", E1)}),
    ("a pool without name servers", asked(ip_pool=pool(name_servers=None)), {("name_servers_given", E1)}),
    ("a pool of four", asked(ip_pool=pool(end="10.10.8.13")), {("addresses_enough", E1)}),
    ("a pool of five", asked(ip_pool=pool(end="10.10.8.14")), set()),
    ("a pool of two for one node", one_node(ip_pool=pool(end="10.10.8.11")), ALONE | {("addresses_enough", E1)}),
    ("a pool of three for one node", one_node(ip_pool=pool(end="10.10.8.12")), ALONE),
    ("a subnet of five hosts beside its gateway", asked(ip_pool=pool(start=None, end=None, subnet="10.10.8.0/29", prefix=None)), set()),
    ("a subnet with an address too few", asked(size=3, ip_pool=pool(start=None, end=None, subnet="10.10.8.0/30", prefix=None)), {("addresses_enough", E1)}),
    ("a pool of 2^64", asked(installer=installer(node_network=None), ip_pool=pool(
        start="fd00::10", end="fd00::ffff:ffff:ffff:ffff", prefix="64", network_gateway="fd00::1", name_servers=["fd00:1::2"])), set()),
    ("a time server that is none", asked(ntp_servers=["ntp example"]), {("ntp_servers_form", E1)}),
    ("no time server", asked(ntp_servers=[]), {("ntp_servers_form", A1)}),
    ("DHCP with dynamic DNS", asked(ip_allocation="dhcp", ddns_search_domain="k8s.example.com"), set()),
    ("DHCP without dynamic DNS", asked(ip_allocation="dhcp"), {("dynamic_dns", E1)}),
    ("DHCP with a domain that is none", asked(ip_allocation="dhcp", ddns_search_domain="k8s"), {("dynamic_dns", E1)}),
    ("static with dynamic DNS", asked(ddns_search_domain="k8s.example.com"), {("dynamic_dns", E1)}),
    ("an endpoint with a slash", asked(installer=installer(proxy=proxy(), console_endpoint="https://c.example.org/")), {("console_endpoint", E1)}),
    ("an endpoint that is http", asked(installer=installer(proxy=proxy(), console_endpoint="http://c.example.org")), {("console_endpoint", E1)}),
    ("an API that is no URL", asked(palette_host="https://a b"), {("palette_host", E1)}),
]
PROXIES = [
    ("no proxy", asked(installer=installer()), set()),
    *((f"without {' and '.join(left_out)}", asked(installer=installer(proxy=proxy(**dict.fromkeys(left_out)))), {("proxy_complete", E1)})
      for left_out in (("http",), ("https",), ("no_proxy",), ("http", "https"), ("http", "no_proxy"), ("https", "no_proxy"))),
    ("a proxy without a scheme", asked(installer=installer(proxy=proxy(http="proxy.example.com:3128"))), {("proxy_complete", E1)}),
    ("no_proxy: *", asked(installer=installer(proxy=proxy(no_proxy="*"))), {("proxy_complete", E1)}),
    ("no_proxy with the hosts and the networks alone", asked(installer=installer(proxy=proxy(
        no_proxy="10.10.8.0/22,192.168.0.0/16,172.20.0.0/16,esx-11,esx-12,esx-21,esx-22,esx-31,esx-32"))), {("no_proxy_vcenter", E1)}),
    ("no_proxy with names alone", asked(installer=installer(proxy=proxy(no_proxy=".example.com,esx-11,esx-12,esx-21,esx-22,esx-31,esx-32"))),
     {("no_proxy_local", W1)}),
    ("no_proxy without the hosts", asked(installer=installer(proxy=proxy(no_proxy=".example.com,10.0.0.0/8,192.168.0.0/16,172.16.0.0/12"))),
     {("no_proxy_hosts", W1)}),
    ("no_proxy with the console", asked(installer=installer(proxy=proxy(no_proxy=proxy()["no_proxy"] + ",console.spectrocloud.com"))),
     {("no_proxy_console", A1)}),
]
RANGES = [
    ("pods over services", asked(installer=installer(proxy=proxy(), service_cidr="192.168.128.0/17")), {("ranges_disjoint", E1)}),
    ("pods over nodes", asked(installer=installer(pod_cidr="10.0.0.0/8")), {("ranges_disjoint", E1), ("addresses_outside", E1)}),
    ("services over the pool alone", asked(installer=installer(service_cidr="10.10.8.16/28", node_network=None)), {("ranges_disjoint", E1)}),
    ("adjacent", asked(installer=installer(pod_cidr="192.168.0.0/17", service_cidr="192.168.128.0/17")), set()),
    ("pods with host bits", asked(installer=installer(pod_cidr="192.168.0.1/16")), {("ranges_disjoint", E1)}),
    ("the pool outside the nodes", asked(installer=installer(node_network="10.10.16.0/22")), {("ranges_disjoint", E1)}),
    ("vCenter in the pods", asked(hostname="192.168.7.7", installer=installer()), {("addresses_outside", E1)}),
    ("vCenter in the pool", asked(hostname="10.10.8.12", installer=installer()), {("addresses_outside", E1)}),
    ("vCenter among the nodes", asked(hostname="10.10.9.12", installer=installer()), set()),
    ("a name server in the services", asked(ip_pool=pool(name_servers=["172.20.0.10"])), {("addresses_outside", E1)}),
    ("a time server in the pool", asked(ntp_servers=["10.10.8.11"]), {("addresses_outside", E1)}),
]
PALETTE = [
    ("Palette not there", says(problem=UNREACHABLE), {("palette_session", E1), ("addresses_enough_not_checked", W1), ("cluster_profile_not_checked", W1)}),
    ("no credential", says(problem=InputRefused("no complete credential for Palette is given", where="options", fix="set it")),
     {("palette_session_not_checked", W1), ("addresses_enough_not_checked", W1), ("cluster_profile_not_checked", W1)}),
    ("profiles not readable", says(profiles=None, profile_problem=UNREACHABLE), {("cluster_profile_not_checked", W1)}),
    ("no profile", says(profiles=[]), {("cluster_profile", E1)}),
    ("a draft", says(profiles=[{"name": "infra", "version": "1.0.0", "type": "cluster", "published": False}]), {("cluster_profile", E1)}),
    ("no profile, and no cluster planned", several(asked(clusters_planned=False), says(profiles=None)), set()),
    ("the pool nearly used", says(pools=[{**POOL, "allotted": [f"10.10.8.{number}" for number in range(10, 16)]}]), {("addresses_enough", E1)}),
    ("the pool half used", says(pools=[{**POOL, "allotted": [f"10.10.8.{number}" for number in range(10, 15)]}]), set()),
    ("the pool used by the gateway itself", says(gateway=GATEWAY, pools=[{**POOL, "allotted": [f"10.10.8.{number}" for number in range(10, 19)]}]), set()),
    ("another pool with the addresses", says(pools=[POOL, {**POOL, "name": "other", "start": "10.10.8.19", "end": "10.10.8.30"}]), {("ip_pools_apart", W1)}),
    ("a pool of the name on another gateway", says(pools=[{**POOL, "gateway": "other"}]), {("ip_pools_apart", W1)}),
    ("another pool beside", says(pools=[{**POOL, "name": "other", "start": "10.10.8.20", "end": "10.10.8.30"}]), set()),
]
REACH = [
    ("every name server silent", heard("all", SILENT), {("name_server_answers", E1), *(
        (f"{key}_not_checked", W1) for key in ("console_name", "api_name", "vcenter_name", "ntp_server_name", "host_name"))}),
    ("the console unknown, behind a proxy", heard("console", UNKNOWN), {("console_name", W1)}),
    ("the console unknown, without a proxy", several(asked(installer=installer()), heard("console", UNKNOWN, problem=None)),
     {("console_name", E1), ("console_reached_not_checked", W1)}),
    ("the API unknown, without a proxy", several(asked(installer=installer()), heard("api", UNKNOWN)), {("api_name", E1)}),
    ("vCenter unknown", heard("vcenter", UNKNOWN), {("vcenter_name", E1)}),
    ("the time server unknown", heard("ntp", UNKNOWN), {("ntp_server_name", W1)}),
    ("the hosts unknown", heard("host", UNKNOWN), {("host_name", E1)}),
    ("the console does not answer", heard("console", problem="the connection was refused"), {("console_reached", E1)}),
    ("the API does not answer", heard("api", problem="no answer within 5 s"), {("api_reached", E1)}),
    ("the hosts do not answer", heard("host", problem="the connection was refused"), {("host_reached", E1)}),
    ("a host in maintenance does not answer",
     several(asked(placements=[placement(1)], size=1), row("host-11", runtime__inMaintenanceMode=True), row("host-12", runtime__inMaintenanceMode=True),
             heard("host", problem="the connection was refused")),
     ALONE | {("host_in_service", W1), ("compute_cluster_usable", E1), ("host_reached", W1)}),
    ("a name server that is none", asked(name_servers=["dns.example.com", "10.10.0.2"]), {("name_server_answers", E1)}),
]
TABLES = {"vcenter": VCENTER, "places": PLACES, "room": ROOM, "options": OPTIONS, "proxies": PROXIES, "ranges": RANGES, "palette": PALETTE, "reach": REACH}
ROWS = [(f"{table}: {name}", change, expected) for table, rows in TABLES.items() for name, change, expected in rows]


def found_by(change):
    made = site()
    change(made)
    return split(verdicts(made))


@pytest.mark.parametrize("change, expected", [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_one_change_makes_just_these_findings(change, expected):
    findings, _passed = found_by(change)
    assert {(each["id"], each["severity"]) for each in findings} == expected
    assert ready(findings) is (E1 not in {severity for _check, severity in expected})


def checks():
    """Every Check of the rules."""
    found = {}
    for module in (noun, rules, room, options, palette_rules, reachability):
        for value in vars(module).values():
            for each in value.values() if isinstance(value, dict) else (value,):
                if isinstance(each, Check):
                    found[each.id] = each
    return found


def test_every_check_passes_somewhere_and_fails_somewhere():
    failed, good = set(), set()
    for _name, change, _expected in ROWS + [("", broken_session, None)]:
        findings, passed = found_by(change)
        failed |= {each["id"].removesuffix("_not_checked") for each in findings}
        good |= {each["id"] for each in passed}
    alone = {"capacity", "name_servers_asked", "reachability"}
    assert set(checks()) - failed == alone
    assert set(checks()) - good == {"name_servers_asked", "reachability"}


def broken_session(made):
    made.problem = VcenterDenied("login to vCenter failed", where="vCenter", observed="InvalidLogin", fix="correct it")


def test_without_vcenter_the_rest_is_still_checked():
    findings, passed = found_by(broken_session)
    assert [(each["id"], each["severity"], each["title"]) for each in findings] == [("vcenter_session", E1, "login to vCenter failed")]
    assert {"ranges_disjoint", "addresses_enough", "cluster_profile", "console_reached"} <= {each["id"] for each in passed}
    assert "datacenter_present" not in {each["id"] for each in passed}


@pytest.mark.parametrize("change", [row[1] for row in ROWS], ids=[row[0] for row in ROWS])
def test_verdicts_are_complete_and_in_order(change):
    findings, passed = found_by(change)
    for each in findings:
        assert all(each[key] for key in ("id", "severity", "title", "where", "expected", "fix", "section", "evidence")), each
        assert each["object"] is None or each["object"]["path"].startswith("/")
    assert [SEVERITIES.index(each["severity"]) for each in findings] == sorted(SEVERITIES.index(each["severity"]) for each in findings)
    assert all(each["title"] and each["where"] and each["observed"] for each in passed)


def test_a_password_in_a_proxy_is_never_shown():
    canary = "hunter2canary"
    for url in (f"http://user:{canary}@proxy.example.com:3128", f"user:{canary}@proxy", f"http://user:{canary}@proxy.example.com:3128/path"):
        made = site(params(installer=installer(proxy=proxy(https=url))))
        heard("console", problem="the proxy answered 407 Proxy Authentication Required")(made)
        findings, passed = split(verdicts(made))
        assert canary not in str(findings) + str(passed)
        assert not url.startswith("http://user") or url.endswith("path") or noun.secrets(made.params) == [canary]


def test_a_finding_of_an_option_names_it_where_the_user_has_it():
    findings, _passed = found_by(asked(installer=installer(proxy=proxy(http=None), console_endpoint="https://c/"), ip_pool=pool(start=None)))
    assert {each["id"]: each["where"] for each in findings if each["severity"] == E1} == {
        "console_endpoint": "option installer.console_endpoint", "proxy_complete": "option installer.proxy", "ip_pool_form": "option ip_pool.start"}


def test_nodes_are_dealt_out_and_the_installer_goes_first():
    shares = room.planned(facts(site())["places"], 3, 60)
    assert {moid: share["nodes"] for moid, share in shares["compute_cluster"].items()} == {"domain-c1": 1, "domain-c2": 1, "domain-c3": 1}
    assert shares["datastore"]["datastore-1"] == {"nodes": 3, "ova_gib": 60, "cpus": 2, "memory_gib": 12, "disk_gib": 70, "vendor_disk_gib": 180}


def test_more_placements_than_nodes():
    made = site(params(size=1))
    shares = room.planned(facts(made)["places"], 1, 60)
    assert {moid: share["nodes"] for moid, share in shares["compute_cluster"].items()} == {"domain-c1": 1}


def test_an_installer_of_its_own_place_takes_room_there():
    made = site(params(installer=installer(datastore="ds-2")))
    shares = room.planned(facts(made)["places"], 3, 60)["datastore"]
    assert {moid: (share["nodes"], share["ova_gib"]) for moid, share in shares.items()} == {"datastore-1": (3, 0), "datastore-2": (0, 60)}


@pytest.mark.parametrize("changes", [{"connect_timeout": 0}, {"host_port": 0}, {"ova_gib": -1}])
def test_numbers_that_are_none_are_refused(changes):
    with pytest.raises(InputRefused, match=next(iter(changes))):
        params(**changes)


def test_what_the_user_may_not_read_is_said_with_the_privilege():
    made = site()
    row("host-11", config__dateTimeInfo=None)(made)
    made.refused["host-11"] = {"config.dateTimeInfo": "System.Read"}
    findings, _passed = split(verdicts(made))
    assert [each["observed"] for each in findings] == ["the user lacks System.Read"]


@pytest.mark.parametrize("given, expected", [
    (["10.0.0.1"], [("10.0.0.1", 53)]), (["10.0.0.1:5353"], [("10.0.0.1", 5353)]), (["fd00::1"], [("fd00::1", 53)]), (["[fd00::1]:5353"], [("fd00::1", 5353)]),
    (["[fd00::1]"], [("fd00::1", 53)]), (["10.0.0.1", "10.0.0.1:53"], [("10.0.0.1", 53)]), (["dns.example.com"], []), ([""], []), (["10.0.0.1:x"], []),
])
def test_name_servers(given, expected):
    found, wrong = reachability.servers_of(params(name_servers=given))
    assert found == expected and len(wrong) == (0 if expected else 1)
