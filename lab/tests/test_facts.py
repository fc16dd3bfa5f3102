# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of the site as a client of vCenter reads them, on a lab with both processes."""

from __future__ import annotations

import datetime
import socket
import ssl

import pytest
import requests
from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim, vmodl

from palette_lab import supervisor

SITE = """extends: default
vcenter:
  version: 6.7.0
  build: "13007421"
  api_version: 6.7.1
  datacenters:
    - name: dc-1
      folders: [palette, palette/gateways, spectro-templates, workloads]
      datastores:
        - {name: ds-shared-1, capacity_gib: 4096, hosts: all, inaccessible_on: [esx-3]}
        - {name: ds-small, capacity_gib: 100, free_gib: 3, hosts: [esx-1, esx-2]}
      networks: [VM Network]
      distributed_switches: [{name: vds-1, port_groups: [{name: pg-k8s, vlan: 110}]}]
      compute_clusters:
        - name: cluster-1
          resource_pools: [palette, {path: palette/gateways, cpu_limit_mhz: 2000, memory_limit_mib: 2048, memory_reservation_mib: 512, expandable: false}]
          hosts:
            - {name: esx-1, skew_seconds: 90}
            - {name: esx-2, ntp: []}
            - {name: esx-3, ntp_running: false, networks: [VM Network]}
            - {name: esx-4, state: disconnected, listening: false}
            - {name: esx-5, maintenance: true, version: 6.5.0}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    directory = tmp_path_factory.mktemp("facts")
    (directory / "site.yml").write_text(SITE)
    with supervisor.running(directory / "lab", site=str(directory / "site.yml"), speed=0, ova_mib=1) as running:
        yield running


@pytest.fixture(scope="module")
def vcenter(lab):
    context = ssl.create_default_context(cafile=lab.env["VMWARE_CA_PATH"])
    instance = SmartConnect(host=lab.env["VMWARE_HOST"], port=int(lab.env["VMWARE_PORT"]), user=lab.env["VMWARE_ADMIN_USER"],
                            pwd=lab.env["VMWARE_ADMIN_PASSWORD"], sslContext=context)
    yield instance
    Disconnect(instance)


def read(instance, kind, *paths):
    """{name: {path: value}} by one property collector call."""
    content = instance.RetrieveContent()
    view = content.viewManager.CreateContainerView(content.rootFolder, [kind], True)
    spec = vmodl.query.PropertyCollector.FilterSpec(
        objectSet=[vmodl.query.PropertyCollector.ObjectSpec(obj=view, skip=True, selectSet=[
            vmodl.query.PropertyCollector.TraversalSpec(name="view", path="view", skip=False, type=vim.view.ContainerView)])],
        propSet=[vmodl.query.PropertyCollector.PropertySpec(type=kind, pathSet=["name", *paths])])
    found = content.propertyCollector.RetrieveContents([spec])
    view.DestroyView()
    rows = [{"self": each.obj, **{prop.name: prop.val for prop in each.propSet}} for each in found]
    return {row["name"]: row for row in rows}


def test_versions(vcenter):
    about = vcenter.content.about
    assert (about.version, about.build, about.apiVersion) == ("6.7.0", "13007421", "6.7.1")
    hosts = read(vcenter, vim.HostSystem, "config.product.version")
    assert {name: row["config.product.version"] for name, row in hosts.items()} == {**dict.fromkeys(("esx-1", "esx-2", "esx-3", "esx-4"), "6.7.0"), "esx-5": "6.5.0"}


def test_management_addresses_answer_or_do_not(lab, vcenter):
    hosts = read(vcenter, vim.HostSystem, "config.network.vnic")
    port = int(lab.env["LAB_HOST_PORT"])
    addresses = {name: [nic.spec.ip.ipAddress for nic in row["config.network.vnic"]] for name, row in hosts.items()}
    assert addresses == {f"esx-{number}": [f"127.1.1.{number}"] for number in range(1, 6)}
    socket.create_connection((addresses["esx-1"][0], port), 5).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((addresses["esx-4"][0], port), 5)
    requests.post(f"{lab.admin}/listeners", json={"name": "host:esx-1", "open": False}, timeout=10).raise_for_status()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((addresses["esx-1"][0], port), 5)
    requests.post(f"{lab.admin}/listeners", json={"name": "host:esx-1", "open": True}, timeout=10).raise_for_status()
    socket.create_connection((addresses["esx-1"][0], port), 5).close()


def test_time(vcenter):
    hosts = read(vcenter, vim.HostSystem, "configManager.dateTimeSystem", "config.dateTimeInfo.ntpConfig.server", "config.service.service")
    now = vcenter.CurrentTime()
    for name, seconds in (("esx-1", 90), ("esx-2", 0)):
        skew = hosts[name]["configManager.dateTimeSystem"].QueryDateTime() - now
        assert abs(skew - datetime.timedelta(seconds=seconds)) < datetime.timedelta(seconds=2), name
    with pytest.raises(vmodl.fault.HostNotConnected):
        hosts["esx-4"]["configManager.dateTimeSystem"].QueryDateTime()
    ntpd = {name: next((each.running, each.policy) for each in row["config.service.service"] if each.key == "ntpd") for name, row in hosts.items()}
    assert ntpd == {"esx-1": (True, "on"), "esx-2": (False, "off"), "esx-3": (False, "on"), "esx-4": (True, "on"), "esx-5": (True, "on")}
    assert {name: list(row.get("config.dateTimeInfo.ntpConfig.server") or []) for name, row in hosts.items()} == {
        name: [] if name == "esx-2" else ["ntp.lab.local"] for name in hosts}


def test_states(vcenter):
    hosts = read(vcenter, vim.HostSystem, "runtime.connectionState", "runtime.inMaintenanceMode", "runtime.powerState")
    assert (hosts["esx-4"]["runtime.connectionState"], hosts["esx-4"]["runtime.powerState"]) == ("disconnected", "unknown")
    assert [name for name, row in hosts.items() if row["runtime.inMaintenanceMode"]] == ["esx-5"]


def test_networks_and_datastores_on_a_part_of_the_hosts(vcenter):
    hosts = read(vcenter, vim.HostSystem, "network", "datastore")
    group = read(vcenter, vim.dvs.DistributedVirtualPortgroup, "host")["pg-k8s"]
    stores = read(vcenter, vim.Datastore, "host", "summary.freeSpace", "summary.maintenanceMode")
    assert {host.name for host in group["host"]} == {"esx-1", "esx-2", "esx-4", "esx-5"}
    assert [name for name, row in hosts.items() if group["self"] not in row["network"]] == ["esx-3"]
    reached = {mount.key.name: mount.mountInfo.accessible for mount in stores["ds-shared-1"]["host"]}
    assert reached == {**dict.fromkeys(hosts, True), "esx-3": False}
    assert [name for name, row in hosts.items() if stores["ds-small"]["self"] in row["datastore"]] == ["esx-1", "esx-2"]
    assert stores["ds-small"]["summary.freeSpace"] == 3 << 30 and stores["ds-small"]["summary.maintenanceMode"] == "normal"
