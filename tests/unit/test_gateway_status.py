# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace

import gateway_samples as given
import pytest

from ansible_collections.palette.vmware.plugins.module_utils import _gateway_status as status
from ansible_collections.palette.vmware.plugins.module_utils._errors import PaletteNotFound
from ansible_collections.palette.vmware.plugins.module_utils._run import Context


def condition(kind, holds=True, reason="", message=""):
    return {"type": kind, "status": "True" if holds else "False", "reason": reason, "message": message}


OWN = {"uid": "c1", "state": "Provisioning", "config_uid": "cc1", "conditions": [
    condition("ImageResolutionDone"), condition("CloudInfrastructureReady"), condition("BootstrappingDone", False, "Bootstrapping", "waiting for\nnode 1"),
    condition("SomethingNew", False)]}
EVENTS = [{"at": f"2026-01-01T10:00:{second:02}.000Z", "severity": severity, "reason": "R", "message": f"event {second}"}
          for second, severity in ((9, "Info"), (8, "Error"), (7, "Error"), (6, "Error"), (5, "Error"), (4, "Error"), (3, "Error"))]


class Palette:
    """Answers GETs and searches from tables; what is in no table is not found."""

    def __init__(self, answers, searches=None):
        self.answers, self.searches, self.asked = answers, searches or {}, []

    def get(self, path, query=None, project=None):
        self.asked.append((path, query))
        if path not in self.answers:
            raise PaletteNotFound("no such object")
        return self.answers[path]

    def pages(self, path, query=None, project=None):
        yield from self.get(path, query, project)["items"]

    def search(self, path, body, project=None):
        if project not in self.searches:
            raise PaletteNotFound("no such object")
        yield from self.searches[project]


@pytest.mark.parametrize("own, events, expected", [
    (OWN, EVENTS, "Provisioning: infrastructure ready (2 of 4), last event: event 9"),
    (OWN, [], "Provisioning: infrastructure ready (2 of 4)"),
    ({**OWN, "conditions": [condition("ImageResolutionDone", False)]}, [], "Provisioning: started (0 of 1)"),
    ({**OWN, "conditions": []}, [], "Provisioning"),
    (None, [], "Provisioning"),
    (OWN, [{**EVENTS[0], "message": "a\x1b[2Jb"}], "Provisioning: infrastructure ready (2 of 4), last event: a\\x1b[2Jb"),
])
def test_the_status_line(own, events, expected):
    assert status.progress(given.gateway("Provisioning"), own, events) == expected


def test_the_last_condition_shown_is_one_that_holds():
    own = {**OWN, "conditions": [condition("ImageResolutionDone", False), condition("SomethingNew")]}
    assert status.progress(given.gateway("Provisioning"), own, []) == "Provisioning: SomethingNew (1 of 2)"


def test_obstacles_name_what_is_not_done_the_last_five_errors_and_the_free_addresses():
    text = status.obstacles(OWN, EVENTS, given.POOL)
    assert "bootstrapped (Bootstrapping: waiting for\\nnode 1), SomethingNew;" in text and "infrastructure ready" not in text
    assert [f"event {second}" in text for second in (9, 8, 4, 3)] == [False, True, True, False]
    assert text.endswith("free addresses in IP pool pool-a: 3")


def test_obstacles_without_anything_to_see():
    assert status.obstacles(None, [], None) == "not done: nothing that Palette shows; last errors: none"


def test_the_cluster_is_read():
    answer = {"spec": {"cloudConfigRef": {"uid": "cc1"}}, "status": {"state": "Provisioning", "conditions": [
        {"type": "BootstrappingDone", "status": "False", "lastProbeTime": "x"}]}}
    palette = Palette({"/v1/spectroclusters/c1": answer})
    assert status.cluster(palette, given.gateway("Running")) == {
        "uid": "c1", "state": "Provisioning", "config_uid": "cc1", "conditions": [condition("BootstrappingDone", False)]}


@pytest.mark.parametrize("answers", [{}, {"/v1/spectroclusters/c1": {"status": None}}, {"/v1/spectroclusters/c1": {"status": {"state": "Deleted"}}}])
def test_a_cluster_that_is_gone_is_none(answers):
    assert status.cluster(Palette(answers), given.gateway("Running")) is None


def test_a_gateway_without_cluster_asks_nothing():
    palette, gateway = Palette({}), given.gateway("Pending")
    assert (status.cluster(palette, gateway), status.recent_events(palette, gateway), status.all_events(palette, gateway)) == (None, [], [])
    assert status.cloud_config(palette, None) is None and status.nodes(palette, None) == [] and palette.asked == []


def test_events_are_newest_first_whatever_the_order_they_come_in():
    items = [{"metadata": {"creationTimestamp": f"2026-01-01T10:00:0{second}.000Z"}, "severity": "Info", "reason": "R", "message": str(second)}
             for second in (2, 9, 5)]
    palette = Palette({"/v1/events/components/spectrocluster/c1": {"items": items}})
    for read in (status.recent_events, status.all_events):
        assert [event["message"] for event in read(palette, given.gateway("Running"))] == ["9", "5", "2"]


def machine(name, state="Running", **rest):
    return {"metadata": {"name": name, "uid": f"uid-{name}"}, "spec": {"placement": {"cluster": "cluster-1", "network": {"networkName": "pg-k8s"}}, **rest},
            "status": {"instanceState": state, "addresses": [{"type": "InternalIP", "address": "10.10.8.14"}], "health": {"state": "Healthy"}}}


def test_nodes_of_all_pools_without_those_that_are_gone():
    base = "/v1/cloudconfigs/vsphere/cc1"
    palette = Palette({base: {"spec": {"machinePoolConfig": [{"name": "cp"}, {"name": "w"}]}}, f"{base}/machinePools/cp/machines": {"items": [machine("b")]},
                       f"{base}/machinePools/w/machines": {"items": [machine("a"), machine("c", "Deleted")]}})
    found = status.nodes(palette, OWN)
    assert [(node["name"], node["state"], node["address"], node["placement"]["compute_cluster"], node["placement"]["network"]) for node in found] == [
        ("a", "Running", "10.10.8.14", "cluster-1", "pg-k8s"), ("b", "Running", "10.10.8.14", "cluster-1", "pg-k8s")]


def test_a_nodes_address_may_come_from_its_network_card():
    item = machine("a", nics=[{"networkName": "pg-k8s", "privateIPs": ["10.10.8.15"]}])
    item["status"]["addresses"] = None
    assert status.node_from_api(item)["address"] == "10.10.8.15"


def summary(uid, name, overlord="g1", state="Running"):
    return {"metadata": {"uid": uid, "name": name, "annotations": {"overlordUid": overlord}}, "status": {"state": state}}


def test_users_are_found_in_every_scope_and_by_the_addresses_they_hold():
    searches = {None: [summary("c1", "dc1-gw")], "p1": [summary("t1", "team-a"), summary("t2", "other", "g2"), summary("t3", "gone", state="Deleted")],
                "p2": [summary("t4", "team-b", state="Deleting")]}
    palette = Palette({"/v1/dashboard/projects/metadata": {"items": [{"metadata": {"uid": uid}} for uid in ("p1", "p2", "p3")]}}, searches)
    assert status.users(palette, given.gateway("Running"), OWN, []) == ["team-a", "team-b"]
    assert status.users(palette, given.gateway("Running"), OWN, [{"clusters": ["c1", "t1", "t9"]}]) == ["t9", "team-a", "team-b"]
    assert status.users(palette, given.gateway("Running"), None, [{"clusters": ["c1"]}]) == ["team-a", "team-b"]


def installer(name, endpoint, power="poweredOn", **rest):
    properties = [SimpleNamespace(label=label, id=f"palette.{number}", value=value) for number, (label, value) in enumerate((
        ("Installer Name", "dc1-gw"), ("Console endpoint", endpoint), ("Pairing Code", "canary")))]
    return {"name": name, "runtime.powerState": power, "config.vAppConfig.property": properties, **rest}


def test_the_installer_is_known_by_its_name_or_by_its_property():
    machines = {1: installer("vm-one", "https://palette.lab/", **{"guest.toolsRunningStatus": "guestToolsRunning", "guest.ipAddress": "10.10.0.9"}),
                2: {"name": "dc1-gw", "runtime.powerState": "poweredOff"}, 3: {"name": "other", "runtime.powerState": "poweredOn"}}
    assert status.installers(machines, "dc1-gw") == [
        "VM dc1-gw: poweredOff, VMware Tools unknown, address none",
        "VM vm-one: poweredOn, VMware Tools running, address 10.10.0.9, console endpoint 'https://palette.lab/'"]


def test_the_pairing_code_is_never_shown():
    assert "canary" not in str(status.installers({1: installer("x", "y")}, "dc1-gw"))


@pytest.mark.parametrize("connection", [{}, {"hostname": "vc"}, {"hostname": "vc", "username": "u", "password": None}])
def test_without_a_connection_vcenter_is_not_looked_at(connection):
    assert status.installer_seen(connection, Context(), "dc1-gw").startswith("installer VM not looked at: no connection to vCenter is given")


def test_a_vcenter_that_does_not_answer_is_said_and_no_failure():
    refused = {"hostname": "https://vc/sdk", "port": 1, "username": "u", "password": "canary", "ca_path": None, "validate_certs": True}
    text = status.installer_seen(refused, Context(), "dc1-gw")
    assert text.startswith("installer VM not looked at: vCenter could not be asked (") and "canary" not in text


def test_what_is_said_of_a_gateway_that_does_not_register():
    fields = status.unregistered("dc1-gw", "https://palette.lab", "VM dc1-gw: poweredOff", ["a", "b"])
    assert fields["observed"] == "VM dc1-gw: poweredOff; gateways in Palette: a, b"
    for words in ("'dc1-gw'", "https://palette.lab", "trailing slash", "pairing code", "proxy", "/var/log/cloud-init-output.log", "ubuntu", "deploy it again"):
        assert words in fields["fix"]
