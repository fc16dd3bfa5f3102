# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine against the real vCenter binary, over Palette's API, on a clock that only the tests move."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import engine_lab
import pytest
from pyVmomi import vim

from palette_lab import ova, ova_descriptor, supervisor, wait
from palette_lab.engine import session, vsphere
from palette_lab.engine.errors import AccountRefused


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with supervisor.running(tmp_path_factory.mktemp("lab"), speed=0, ova_mib=1, check_responses=True,
                            openapi=os.environ.get("LAB_OPENAPI") or None) as lab:
        yield lab


@pytest.fixture
def client(real):
    yield from engine_lab.fresh(real)


def log_of(client) -> str:
    return (client.lab.directory / "log" / "installer.log").read_text()


@pytest.mark.parametrize("variant", ["a", "b"])
def test_installer_imported_from_the_ova_registers(client, tmp_path, variant):
    path = ova.write_ova(tmp_path / "x.ova", mib=1, variant=variant)
    values = client.properties("dc1-gw")
    with engine_lab.vcenter(client.lab) as content:
        machine = imported(client, content, path, variant, values)
        assert client.idle() == []
        engine_lab.power(content, machine, True)
        client.idle()
        address = client.machines()["installer"]["guest"]["ip"]
        assert address.startswith("10.10.2.") and client.overlord("dc1-gw") is None
        client.advance(299)
        assert client.overlord("dc1-gw") is None
        client.advance(1)
        found = client.overlord("dc1-gw")
        assert found["status"]["state"] == "Pending" and found["spec"]["ipAddress"] == address and not found["spec"].get("cloudAccountUid")
        engine_lab.power(content, machine, False)
        assert client.idle() == [] and client.overlord("dc1-gw")["status"]["state"] == "Pending"
    assert values["Pairing Code"] not in log_of(client)


def imported(client, content, path, variant, values):
    """ImportVApp of the OVA's descriptor, with property values by their full keys; disks are put over the lease."""
    with tarfile.open(path) as archive:
        parts = {entry.name: archive.extractfile(entry).read() for entry in archive}
    text = next(body for name, body in parts.items() if name.endswith(".ovf")).decode()
    shape = ova_descriptor.VARIANTS[variant]
    mapping = [vim.KeyValue(key=ova_descriptor.full_key(shape, label), value=value) for label, value in values.items()]
    network = vim.OvfManager.NetworkMapping(name="VM Network", network=engine_lab.find(content, vim.Network, "VM Network"))
    pool = session.read_one(content, engine_lab.find(content, vim.ClusterComputeResource, "cluster-1"), ["resourcePool"])["resourcePool"]
    made = content.ovfManager.CreateImportSpec(text, pool, engine_lab.find(content, vim.Datastore, "ds-shared-1"), vim.OvfManager.CreateImportSpecParams(
        entityName="installer", networkMapping=[network], propertyMapping=mapping))
    assert not made.error, made.error
    lease = pool.ImportVApp(made.importSpec, engine_lab.find(content, vim.Folder, "palette"))
    assert wait.until(lambda: lease.state == "ready", 10)
    for url in lease.info.deviceUrl:
        item = next(each for each in made.fileItem if each.deviceId == url.importKey)
        answer = client.web.put(url.url.replace("*", client.lab.env["VMWARE_HOST"]), data=parts[item.path], timeout=30)
        assert answer.ok, answer.text
    machine = lease.info.entity
    lease.Complete()
    return machine


@pytest.mark.parametrize("changed", [{"Console endpoint": "https://console.spectrocloud.com"}, {"Pairing Code": "wrong"}])
def test_wrong_installer_never_appears(client, changed):
    with engine_lab.vcenter(client.lab) as content:
        engine_lab.make_installer(content, "bad-installer", client.properties("bad-gw", **changed))
    client.idle()
    client.advance(3600)
    assert client.palette("GET", "/v1/overlords")["items"] == [] and "bad-installer" in log_of(client) and "did not register" in log_of(client)


def test_size_one_from_configuration_to_running(client):
    uid = client.configured("dc1-gw")
    assert client.overlord("dc1-gw")["status"]["state"] == client.cluster("dc1-gw")["status"]["state"] == "Provisioning"
    client.advance(539)
    assert client.overlord("dc1-gw")["status"]["state"] == "Provisioning"
    client.advance(1)
    assert client.overlord("dc1-gw")["status"]["state"] == client.cluster("dc1-gw")["status"]["state"] == "Running"
    assert set(client.conditions("dc1-gw").values()) >= {("True", "ImageResolved"), ("True", "InfrastructureReady"), ("True", "KubeConfigReady")}
    nodes = [each for name, each in client.machines().items() if name.startswith("dc1-gw-cp-")]
    assert [(each["power"], each["folder"], each["resource_pool"], each["compute_cluster"], each["datastore"], each["networks"]) for each in nodes] == [
        ("on", "palette/gateways", "palette/gateways", "cluster-1", "ds-shared-1", ["pg-k8s"])]
    assert nodes[0]["guest"] == {"ip": "10.10.8.11", "hostname": nodes[0]["name"], "tools": "running"} and nodes[0]["cpus"] == 4
    assert client.machines()["r_u-2204-0-k-1314-0"]["template"] is True
    pool = client.palette("GET", f"/v1/overlords/vsphere/{uid}/pools")["items"][0]
    assert pool["status"]["allottedIps"] == ["10.10.8.10", "10.10.8.11"]
    assert client.idle() == [] and {severity for severity, _, _ in client.events("dc1-gw")} == {"Normal"}


def test_journal_says_that_the_engine_worked_in_vcenter_as_palette(client):
    client.configured("dc1-gw")
    client.admin("DELETE", "/journal")
    client.advance(540)
    written = [each for each in client.admin("GET", "/journal")["items"] if each["server"] == "vcenter" and each["write"]]
    assert {"CloneVM_Task", "PowerOnVM_Task", "MarkAsTemplate"} <= {each["method"] for each in written}
    assert {each["agent"] for each in written} == {"palette"}


def test_size_three_is_spread_over_the_compute_clusters_one_node_after_another(client):
    client.configured("dc1-gw", size=3, placements=[{}, {"cluster": "cluster-2"}, {"cluster": "cluster-3"}])
    for seconds, machines in ((419, 1), (2, 2), (90, 3), (208, 3)):
        client.advance(seconds)
        assert len([name for name in client.machines() if name.startswith("dc1-gw-cp-")]) == machines
        assert client.overlord("dc1-gw")["status"]["state"] == "Provisioning"
    client.advance(1)
    nodes = [each for name, each in client.machines().items() if name.startswith("dc1-gw-cp-")]
    assert sorted(each["compute_cluster"] for each in nodes) == ["cluster-1", "cluster-2", "cluster-3"] and {each["power"] for each in nodes} == {"on"}
    assert client.overlord("dc1-gw")["status"]["state"] == "Running"


def test_resize_adds_two_nodes_while_it_runs(client):
    uid = client.configured("dc1-gw")
    client.advance(540)
    before = set(client.machines())
    client.palette("PUT", f"/v1/overlords/vsphere/{uid}/cloudconfig", client.config(uid, 3))
    client.advance(125)
    assert client.overlord("dc1-gw")["status"]["state"] == "Running" and client.conditions("dc1-gw")["ControlPlaneNodeAdditionDone"][0] == "False"
    client.advance(90)
    assert client.conditions("dc1-gw")["ControlPlaneNodeAdditionDone"][0] == "True" and len(set(client.machines()) - before) == 2
    assert client.idle() == []


def test_pool_that_is_too_small_stops_until_reset_and_a_bigger_pool(client):
    uid = client.configured("dc1-gw", pool={**engine_lab.POOL, "end": "10.10.8.11"})
    client.advance(200)
    status, reason = client.conditions("dc1-gw")["CloudInfrastructureReady"]
    assert (status, reason) == ("False", "FailedIPAllocation")
    assert any(severity == "Error" and "IpPoolExhausted" in message for severity, _, message in client.events("dc1-gw"))
    pool = client.palette("GET", f"/v1/overlords/vsphere/{uid}/pools")["items"][0]["metadata"]["uid"]
    client.palette("PUT", f"/v1/overlords/{uid}/reset")
    client.palette("PUT", f"/v1/overlords/vsphere/{uid}/pools/{pool}", {"metadata": {"name": "pool-a"}, "spec": {"pool": engine_lab.POOL}})
    client.palette("POST", f"/v1/overlords/vsphere/{uid}/cloudconfig", client.config(uid, 1))
    client.advance(541)
    assert client.overlord("dc1-gw")["status"]["state"] == "Running"


@pytest.mark.parametrize("changed, condition, words", [
    ({"folder": "nowhere"}, "CloudInfrastructureReady", "folder 'nowhere' not found"),
    ({"datastore": "ds-none"}, "ImageResolutionDone", "datastore 'ds-none' not found"),
    ({"resourcePool": "none"}, "ImageResolutionDone", "resource pool 'none' not found"),
    ({"cluster": "cluster-9"}, "ImageResolutionDone", "compute cluster 'cluster-9' not found"),
    ({"imageTemplateFolder": "none"}, "ImageResolutionDone", "folder 'none' not found"),
])
def test_placement_that_is_not_there_is_shown_and_reset_gives_another_chance(client, changed, condition, words):
    uid = client.configured("dc1-gw", placements=[changed])
    client.advance(700)
    assert client.conditions("dc1-gw")[condition][0] == "False" and client.overlord("dc1-gw")["status"]["state"] == "Provisioning"
    assert any(severity == "Error" and words in message for severity, _, message in client.events("dc1-gw")), client.events("dc1-gw")
    client.palette("PUT", f"/v1/overlords/{uid}/reset")
    assert client.overlord("dc1-gw")["status"]["state"] == "Pending" and not client.overlord("dc1-gw")["spec"].get("spectroClusterUid")
    client.palette("POST", f"/v1/overlords/vsphere/{uid}/cloudconfig", client.config(uid, 1))
    client.advance(541)
    assert client.overlord("dc1-gw")["status"]["state"] == "Running" and client.idle() == []


def test_dhcp_gateway_gets_leases_and_its_name(client):
    client.configured("dc1-gw", pool=None)
    client.advance(541)
    nodes = [each for name, each in client.machines().items() if name.startswith("dc1-gw-cp-")]
    assert [each["guest"]["ip"] for each in nodes] == ["10.10.11.10"]
    assert client.cluster("dc1-gw")["status"]["apiEndpoints"] == [{"host": "dc1-gw.lab.local", "port": 6443}]


def test_network_that_is_not_there(client):
    client.configured("dc1-gw", pool=None, placements=[{"network": {"networkName": "pg-none", "staticIp": False}}])
    client.advance(100)
    assert client.conditions("dc1-gw")["ImageResolutionDone"][0] == "False"
    assert any("network 'pg-none' not found in compute cluster cluster-1" in message for _, _, message in client.events("dc1-gw"))


def test_lab_reset_while_vcenter_hangs_leaves_nothing_of_the_old_life(client):
    client.configured("dc1-gw")
    client.advance(100)
    control = f"http://{client.lab.site['vcenter']['control']}"
    assert client.web.post(f"{control}/hang", json={"method": "CloneVM_Task", "object": "*"}, timeout=10).ok
    client.admin("POST", "/clock", {"advance_seconds": 60})
    assert wait.until(lambda: client.admin("GET", "/settled")["due"][:1] == [
        {"type": "vm.ensure", "of": client.overlord("dc1-gw")["metadata"]["uid"], "in_seconds_of_work": 0.0}], 10)
    client.admin("POST", "/reset")
    assert client.idle() == [] and client.machines() == {} and client.palette("GET", "/v1/overlords")["items"] == []


def test_reset_leaves_the_machine_and_frees_its_addresses(client):
    uid = client.configured("dc1-gw")
    client.advance(200)
    left = [name for name in client.machines() if name.startswith("dc1-gw-cp-")]
    assert len(left) == 1
    client.palette("PUT", f"/v1/overlords/{uid}/reset")
    assert client.palette("GET", f"/v1/overlords/vsphere/{uid}/pools")["items"][0]["status"]["allottedIps"] == []
    client.advance(1000)
    assert client.machines()[left[0]]["power"] == "on" and client.overlord("dc1-gw")["status"]["state"] == "Pending"


def test_delete_removes_the_records_and_leaves_the_machine(client):
    uid = client.configured("dc1-gw")
    client.advance(540)
    client.palette("DELETE", f"/v1/overlords/{uid}")
    assert client.overlord("dc1-gw")["status"]["state"] == "Deleting"
    client.advance(31)
    assert client.overlord("dc1-gw") is None and client.palette("GET", "/v1/cloudaccounts/vsphere")["items"] == []
    assert [name for name in client.machines() if name.startswith("dc1-gw-cp-")]
    client.advance(1000)
    assert client.palette("GET", "/v1/overlords")["items"] == []


def test_refused_login_and_lost_session_are_told_apart(client):
    uid = client.registered("dc1-gw")["metadata"]["uid"]
    account = {"vcenterServer": client.lab.site["vcenter"]["listen"], "username": client.lab.env["VMWARE_USER"], "password": "wrong", "insecure": False}
    refused = client.palette("POST", f"/v1/overlords/vsphere/{uid}/account/validate", {"account": account}, status=400)
    assert refused["code"] == "CloudAccountValidationFailed" and "refused the login of svc-palette@vsphere.local" in refused["message"]
    assert "wrong" not in refused["message"].replace("is wrong", "")
    client.account(uid, "dc1-gw")
    client.palette("POST", f"/v1/overlords/vsphere/{uid}/cloudconfig", client.config(uid, 1))
    client.advance(100)
    client.admin("POST", "/revoke-sessions")
    client.advance(440)
    assert client.overlord("dc1-gw")["status"]["state"] == "Running"
    assert {severity for severity, _, _ in client.events("dc1-gw")} == {"Normal"}


def test_fault_of_vcenter_is_an_error_event_and_is_tried_again(client):
    client.configured("dc1-gw")
    client.advance(100)
    client.admin("POST", "/faults", [{"server": "vcenter", "method": "CloneVM_Task", "kind": "fault", "fault": "InsufficientResourcesFault"}])
    client.advance(60)
    assert client.conditions("dc1-gw")["CloudInfrastructureReady"][0] == "False"
    errors = [message for severity, _, message in client.events("dc1-gw") if severity == "Error"]
    assert len(errors) == 1 and "InsufficientResources" in errors[0]
    client.advance(31)
    client.advance(541)
    assert client.overlord("dc1-gw")["status"]["state"] == "Running"


def test_properties_name_what_vcenter_has(client):
    uid = client.registered("dc1-gw")["metadata"]["uid"]
    client.account(uid, "dc1-gw")
    base = f"/v1/overlords/vsphere/{uid}/properties"
    assert client.palette("GET", f"{base}/datacenters")["items"] == [{"datacenter": "dc-1", "computeclusters": ["cluster-1", "cluster-2", "cluster-3"],
                                                                     "folders": ["palette", "palette/gateways", "spectro-templates"]}]
    found = client.palette("GET", f"{base}/computecluster/resources?datacenter=dc-1&computecluster=cluster-2")
    assert found["computecluster"] == {"name": "cluster-2", "datastores": ["ds-shared-1"], "networks": ["VM Network", "pg-k8s"],
                                       "resourcePools": ["Resources", "palette", "palette/gateways"]}
    client.palette("GET", f"{base}/computecluster/resources?datacenter=dc-1&computecluster=cluster-9", status=404)


def test_certificate_of_vcenter_is_checked_unless_insecure(client):
    account = {"vcenter_server": client.lab.site["vcenter"]["listen"], "username": client.lab.env["VMWARE_USER"],
               "password": client.lab.env["VMWARE_PASSWORD"], "insecure": False}
    session.trust(client.lab.env["VMWARE_CA_PATH"])
    try:
        vsphere.check_account(account)
        session.trust(None)
        vsphere.check_account({**account, "insecure": True})
        with pytest.raises(AccountRefused, match="(?i)certificate"):
            vsphere.check_account(account)
        with pytest.raises(AccountRefused, match="cannot be reached"):
            vsphere.check_account({**account, "vcenter_server": "127.0.0.1:1"})
    finally:
        session.trust(None)
        session.forget_all()


def test_seeded_gateway_runs_from_the_start(tmp_path: Path):
    with supervisor.running(tmp_path / "lab", speed=0, site="seeded", ova_mib=1) as lab:
        client = engine_lab.Client(lab)
        assert client.admin("GET", "/journal")["items"] == [] and client.overlord("dc1-gw")["status"]["state"] == "Running"
        before = client.admin("GET", "/state?canonical=1")
        assert [each["power"] for name, each in client.machines().items() if name.startswith("dc1-gw-cp-")] == ["on"]
        client.admin("POST", "/reset")
        assert client.admin("GET", "/state?canonical=1") == before and client.admin("GET", "/journal")["items"] == []
