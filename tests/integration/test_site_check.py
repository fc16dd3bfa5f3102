# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_check on labs: the default site is ready; every fault of a site, a shut listener and a silent name server are findings on the right object."""
from __future__ import annotations

import json

import pytest
from conftest import lab_at

PLACEMENT = {"datacenter": "dc-1", "compute_cluster": "cluster-1", "datastore": "ds-shared-1", "network": "pg-k8s", "resource_pool": "palette/gateways",
             "folder": "palette/gateways"}
POOL = {"name": "planned", "start": "10.10.8.30", "end": "10.10.8.39", "prefix": 22, "network_gateway": "10.10.8.1", "name_servers": ["10.10.0.2"],
        "search_domains": ["lab.local"]}
TROUBLED = """extends: default
vcenter:
  version: 6.7.0
  build: "13007421"
  api_version: 6.7.1
  datacenters:
    - name: dc-1
      folders: [palette, palette/gateways, workloads]
      datastores:
        - {name: ds-shared-1, capacity_gib: 4096, hosts: all, inaccessible_on: [esx-3]}
        - {name: ds-small, capacity_gib: 100, free_gib: 3, hosts: [esx-1, esx-2]}
      networks: [VM Network]
      distributed_switches: [{name: vds-1, port_groups: [{name: pg-k8s, vlan: 110}]}]
      compute_clusters:
        - name: cluster-1
          drs: false
          resource_pools: [palette, {path: palette/gateways, cpu_limit_mhz: 2000, memory_limit_mib: 2048, memory_reservation_mib: 0, expandable: false}]
          hosts:
            - {name: esx-1, skew_seconds: 90}
            - {name: esx-2, ntp: [], skew_seconds: -20}
            - {name: esx-3, ntp_running: false, networks: [VM Network]}
            - {name: esx-4, state: disconnected, listening: false}
            - {name: esx-5, maintenance: true, version: 6.5.0}
            - {name: esx-6, resolvable: false, version: 8.0.3, build: "24022510"}
            - {name: esx-7, listening: false, state: notResponding}
        - name: cluster-2
          hosts: [{name: esx-8, maintenance: true}]
palette:
  cluster_profiles: []
"""


def console(site):
    return f"https://console.lab.local:{site.env['LAB_HOST_PORT']}"


def task(site, **changes):
    """A task that checks a whole gateway with the lab's name server and stand-in port."""
    options = {"gateway": "planned-gw", "placements": [PLACEMENT], "ip_pool": POOL, "ntp_servers": ["ntp.lab.local"], "clusters_planned": True,
               "name_servers": [site.env["LAB_DNS"]], "host_port": int(site.env["LAB_HOST_PORT"]), "connect_timeout": 2,
               "installer": {"console_endpoint": console(site), "pod_cidr": "192.168.0.0/16", "service_cidr": "172.20.0.0/16"}, **changes}
    return {"name": "check", "palette.vmware.site_check": options}


def checked(play, site, **changes):
    """The result, after it was seen that nothing was written and nobody stayed logged in."""
    before, written = site.state(), len(site.writes())
    result = play(site, [task(site, **changes)]).result("check")
    assert (site.state(), len(site.writes()), result["changed"]) == (before, written, False)
    return result


def said(result, severities=("error", "warning")):
    """{(id, severity, last part of the object's path or of the place)}"""
    return {(each["id"], each["severity"], (each["object"]["path"] if each["object"] else each["where"]).rsplit("/", 1)[-1])
            for each in result["findings"] if each["severity"] in severities}


def test_the_default_site_is_ready(lab, play):
    result = checked(play, lab)
    assert said(result, ("error", "warning", "advice")) == {("gateway_of_three", "advice", "option size")}
    assert result["ready"] is True
    assert result["site_check"]["hosts"] == 3 and result["site_check"]["version"] == "8.0.3"
    assert result["site_check"]["counts"] == {"error": 0, "warning": 0, "advice": 1, "passed": len(result["passed"])}
    tried = [each for each in result["passed"] if each["id"].endswith(("_reached", "_name", "_answers"))]
    assert len(tried) > 8 and {each["evidence"] for each in tried} == {"controller only"}


def test_vcenter_is_read_in_bulk(lab, play):
    """Nine hosts in three compute clusters: two reads of the inventory, one question to each host."""
    before = len(lab.journal())
    placements = [{**PLACEMENT, "compute_cluster": f"cluster-{number}"} for number in (1, 2, 3)]
    result = checked(play, lab, placements=placements, size=3)
    calls = [item["method"] for item in lab.journal()[before:] if item["server"] == "vcenter" and item.get("agent") != "palette"]
    assert result["site_check"]["hosts"] == 9
    assert calls.count("QueryDateTime") == 9 and calls.count("RetrievePropertiesEx") == 2
    assert len(calls) <= 9 + 8, calls


HOST = "cluster-1-esx-2"
SHUT = [
    ("console", {("console_reached", "error", "CONSOLE")}),
    (f"host:{HOST}", {("host_reached", "error", HOST)}),
]


@pytest.mark.parametrize("listener, expected", SHUT, ids=[row[0] for row in SHUT])
def test_a_shut_listener_is_found_and_an_open_one_is_not(listener, expected, lab, play):
    lab.call("POST", "/listeners", {"name": listener, "open": False})
    shown = {(check, severity, console(lab).rsplit("/", 1)[-1] if where == "CONSOLE" else where) for check, severity, where in expected}
    result = checked(play, lab)
    assert said(result) == shown and result["ready"] is False
    assert {each["evidence"] for each in result["findings"] if each["severity"] == "error"} == {"controller only"}
    lab.call("POST", "/listeners", {"name": listener, "open": True})
    assert said(checked(play, lab)) == set()


def test_the_api_is_asked_for_by_its_name(lab, play):
    """The name is known to the lab's name server only, so that Palette itself cannot be asked here."""
    changes = {"palette_host": f"https://api.spectrocloud.com:{lab.env['LAB_HOST_PORT']}", "palette_retries": 0, "palette_timeout": 2}
    result = checked(play, lab, **changes)
    assert {"api_name", "api_reached"} <= {each["id"] for each in result["passed"]}
    lab.call("POST", "/listeners", {"name": "api", "open": False})
    assert ("api_reached", "error", f"api.spectrocloud.com:{lab.env['LAB_HOST_PORT']}") in said(checked(play, lab, **changes))


def test_a_silent_name_server_is_one_error_and_the_rest_is_not_checked(lab, play):
    lab.call("POST", "/listeners", {"name": "dns", "open": False})
    result = checked(play, lab, connect_timeout=1)
    errors = {each["id"]: each["where"] for each in result["findings"] if each["severity"] == "error"}
    assert errors == {"name_server_answers": f"name server {lab.env['LAB_DNS']}"}
    assert {each["id"] for each in result["findings"] if each["severity"] == "warning"} == {
        "console_name_not_checked", "console_reached_not_checked", "host_name_not_checked", "host_reached_not_checked", "ntp_server_name_not_checked"}


def test_without_tries_nothing_is_connected_to(lab, play):
    lab.call("POST", "/listeners", {"name": "dns", "open": False})
    result = checked(play, lab, reach=False)
    assert said(result) == set() and ("reachability", "advice", "option reach") in said(result, ("advice",))


def test_a_refused_login_is_a_finding_and_the_rest_is_checked(lab, play):
    result = checked(play, lab, password="wrong")
    assert ("vcenter_session", "error") in {(each["id"], each["severity"]) for each in result["findings"]}
    assert {"addresses_enough", "cluster_profile", "console_reached", "palette_session"} <= {each["id"] for each in result["passed"]}
    assert "wrong" not in json.dumps(result["findings"])


def test_the_addresses_of_the_gateway_that_runs_count_once(lab, play):
    pool = {**POOL, "name": "dc1-gw-pool", "start": "10.10.8.10", "end": "10.10.8.12"}
    assert ("addresses_enough", "error", "option ip_pool") in said(checked(play, lab, ip_pool={**pool, "end": "10.10.8.11"}))
    assert ("ip_pools_apart", "warning", "option ip_pool") in said(checked(play, lab, ip_pool=pool))
    assert said(checked(play, lab, gateway="dc1-gw", ip_pool=pool)) == set()


def folder(text, check=False):
    return {"name": "folder", "palette.vmware.vcenter_folder": {"datacenter": "dc-1", "folder": text}, "check_mode": check}


def test_a_folder_that_is_missing_is_found_then_made_then_found(lab, play):
    placements = [{**PLACEMENT, "folder": "palette/new/nodes", "image_template_folder": "palette/new/images"}]
    missing = said(checked(play, lab, placements=placements))
    assert missing == {("folder_present", "error", "option placements[0].folder"),
                       ("image_template_folder_present", "error", "option placements[0].image_template_folder")}
    made = play(lab, [folder("palette/new/nodes"), folder("palette/new/images")]).results("folder")
    assert [[change["name"] for change in each["plan"]] for each in made] == [["palette/new", "palette/new/nodes"], ["palette/new/images"]]
    result = checked(play, lab, placements=placements)
    assert said(result) == set()
    found = {each["object"]["moid"]: each["object"]["path"] for each in result["passed"] if each["id"].endswith("folder_present")}
    assert found == {each["vcenter_folder"]["moid"]: each["vcenter_folder"]["path"] for each in made}


def test_a_folder_that_somebody_else_makes_meanwhile_is_as_good(lab, play):
    """The first call is carried out and its answer lost on the way: what is found then is taken."""
    lab.fault({"server": "vcenter", "method": "CreateFolder", "kind": "drop-after-commit", "nth": 1})
    run = play(lab, [folder("palette/again")], status=None)
    first = run.result("folder")
    assert first["error"]["code"] == "VCENTER_UNREACHABLE" and first["error"]["retriable"]
    second = play(lab, [folder("palette/again")]).result("folder")
    assert second["changed"] is False and second["vcenter_folder"]["path"] == "/dc-1/vm/palette/again"


def test_a_folder_where_the_account_has_no_right_names_what_it_lacks(lab, play):
    error = play(lab, [folder("at-the-top")], status=None).result("folder")["error"]
    assert (error["code"], error["changed_something"]) == ("VCENTER_DENIED", False) and "Folder.Create" in error["observed"]


def no_access(site, *objects):
    """A task that takes from the service account, at these objects, what it has there or from above."""
    return {"name": "hide", "palette.vmware.vcenter_permission": {
        "principal": site.env["VMWARE_USER"], "grants": [{"object": each, "role": "NoAccess"} for each in objects], "replace": True,
        "username": site.env["VMWARE_ADMIN_USER"], "password": site.env["VMWARE_ADMIN_PASSWORD"]}}


def test_a_host_that_the_account_may_not_see_is_said_and_the_others_are_checked(lab, play):
    run = play(lab, [no_access(lab, f"/dc-1/host/cluster-1/{HOST}"), task(lab)])
    result = run.result("check")
    assert run.result("hide")["changed"]
    assert said(result) == {("host_connected_not_checked", "warning", "cluster-1")}
    assert {each["object"]["path"].rsplit("/", 1)[-1] for each in result["passed"] if each["id"] == "ntp_configured"} == {"cluster-1-esx-1", "cluster-1-esx-3"}


def test_a_compute_cluster_that_the_account_may_not_see_is_not_among_the_visible_ones(lab, play):
    result = play(lab, [no_access(lab, "/dc-1/host/cluster-1"), task(lab)]).result("check")
    assert said(result) == {("compute_cluster_present", "error", "option placements[0].compute_cluster")}
    [error] = [each for each in result["findings"] if each["severity"] == "error"]
    assert error["observed"] == "those that are visible in /dc-1: cluster-2, cluster-3"
    assert {"vcenter_session", "console_reached", "cluster_profile"} <= {each["id"] for each in result["passed"]}


def test_a_folder_in_a_datacenter_that_is_not_there(lab, play):
    ask = {**folder("x"), "palette.vmware.vcenter_folder": {"datacenter": "other", "folder": "x"}}
    assert play(lab, [ask], status=None).result("folder")["error"]["code"] == "PARENT_MISSING"
    assert play(lab, [{**ask, "check_mode": True}]).result("folder")["changed"] is True


def test_a_proxy_password_is_shown_nowhere(lab, play):
    canary = "hunter2canary"
    url = f"http://user:{canary}@127.0.0.1:9"
    proxy = {"http": url, "https": url, "no_proxy": "127.0.0.1,localhost,.lab.local,10.10.8.0/22"}
    for execution in ("auto", "module"):
        run = play(lab, [task(lab, installer={"console_endpoint": "https://console.example.com", "proxy": proxy})], execution=execution, verbosity=3)
        reached = [each for each in run.result("check")["findings"] if each["id"] == "console_reached"]
        assert [each["observed"] for each in reached] == ["console.example.com port 443 through the proxy ***@127.0.0.1:9: the connection was refused"]
        assert canary not in run.text + json.dumps(run.entries)


@pytest.fixture(scope="module", name="troubled")
def _troubled(tmp_path_factory):
    directory = tmp_path_factory.mktemp("troubled")
    (directory / "site.yml").write_text(TROUBLED, encoding="utf-8")
    with lab_at(directory / "lab", site=str(directory / "site.yml")) as site:
        yield site


def test_all_that_is_wrong_with_a_site_is_said_at_once(troubled, play):
    placements = [PLACEMENT, {**PLACEMENT, "compute_cluster": "cluster-2", "datastore": "ds-small", "resource_pool": "Resources"}]
    result = checked(play, troubled, placements=placements)
    assert said(result) == {
        ("vcenter_version", "warning", "VMware vCenter Server 6.7.0 build-13007421"),
        *(("esxi_version", "warning", f"esx-{number}") for number in (1, 2, 3, 4, 7, 8)), ("esxi_version", "error", "esx-5"),
        ("time_in_step", "error", "esx-1"), ("time_in_step", "warning", "esx-2"), ("ntp_configured", "error", "esx-2"), ("ntp_running", "error", "esx-2"),
        ("ntp_running", "error", "esx-3"), ("datastore_shared", "error", "ds-shared-1"), ("network_on_hosts", "error", "pg-k8s"),
        ("host_connected", "warning", "esx-4"), ("host_connected", "warning", "esx-7"), ("time_in_step_not_checked", "warning", "esx-4"),
        ("time_in_step_not_checked", "warning", "esx-7"), ("host_in_service", "warning", "esx-5"), ("host_in_service", "warning", "esx-8"),
        ("compute_cluster_usable", "error", "cluster-2"), ("datastore_present", "error", "option placements[1].datastore"),
        ("image_template_folder_present", "error", "option placements[0].image_template_folder"),
        ("resource_pool_limit", "error", "gateways"), ("resource_pool_reserve", "error", "gateways"), ("resource_pool_cpu", "warning", "gateways"),
        ("host_name", "error", "esx-6"), ("host_reached_not_checked", "warning", "esx-6"), ("host_reached", "warning", "esx-4"),
        ("host_reached", "warning", "esx-7"), ("cluster_profile", "error", "Palette, project 'Default'"),
    }
    assert ("drs_enabled", "advice", "cluster-1") in said(result, ("advice",))
    assert result["ready"] is False and result["site_check"]["counts"]["error"] == sum(each["severity"] == "error" for each in result["findings"])


@pytest.fixture(scope="module", name="shipped")
def _shipped(tmp_path_factory):
    with lab_at(tmp_path_factory.mktemp("shipped"), site="troubled") as site:
        yield site


def test_the_troubled_site_of_the_lab(shipped, play):
    """One fault on each object, as its site file says; the placements are those of its inventory."""
    placements = [{**PLACEMENT, "compute_cluster": f"cluster-{number}", "datastore": datastore}
                  for number, datastore in ((1, "ds-shared-1"), (2, "ds-full"), (3, "ds-lost"))]
    result = checked(play, shipped, placements=placements, size=3)
    assert said(result) == {
        ("vcenter_version", "warning", "VMware vCenter Server 6.7.0 build-13010631"), ("image_template_folder_present", "error",
                                                                                       "option placements[0].image_template_folder"),
        *(("esxi_version", "warning", f"cluster-{cluster}-esx-{number}") for cluster in (1, 2, 3) for number in (1, 2, 3) if (cluster, number) != (3, 3)),
        ("esxi_version", "error", "cluster-3-esx-3"), ("ntp_configured", "error", "cluster-1-esx-1"), ("ntp_running", "error", "cluster-1-esx-1"),
        ("ntp_running", "error", "cluster-1-esx-2"), ("datastore_shared", "error", "ds-shared-1"), ("datastore_space", "error", "ds-full"),
        ("datastore_in_service", "error", "ds-lost"), ("datastore_shared", "error", "ds-lost"), ("time_in_step", "error", "cluster-2-esx-1"),
        ("host_in_service", "warning", "cluster-2-esx-2"), ("network_on_hosts", "error", "pg-k8s"), ("host_connected", "warning", "cluster-3-esx-1"),
        ("time_in_step_not_checked", "warning", "cluster-3-esx-1"), ("host_reached", "warning", "cluster-3-esx-1"),
        ("host_reached", "error", "cluster-3-esx-2"), ("host_name", "error", "cluster-3-esx-3"),
        ("host_reached_not_checked", "warning", "cluster-3-esx-3"), ("resource_pool_limit", "error", "gateways"),
        ("resource_pool_cpu", "warning", "gateways"), ("cluster_profile", "error", "Palette, project 'Default'"),
    }
    assert ("drs_enabled", "advice", "cluster-2") in said(result, ("advice",))
