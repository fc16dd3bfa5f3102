# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of the site as a client of vCenter reads them, on a lab with both processes."""

from __future__ import annotations

import collections
import contextlib
import datetime
import socket
import ssl

import pytest
import requests
from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim, vmodl

from palette_lab import site, supervisor, wait

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
    with connected(lab) as instance:
        yield instance


@contextlib.contextmanager
def connected(lab):
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
    assert {name: row["config.product.version"] for name, row in hosts.items()} == {**dict.fromkeys(hosts, "6.7.0"), "esx-5": "6.5.0"}


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


def test_capacity_of_pools_and_clusters(vcenter):
    pools = read(vcenter, vim.ResourcePool, "runtime.cpu.maxUsage", "runtime.memory.maxUsage", "runtime.memory.unreservedForVm", "runtime.memory.overallUsage",
                 "config.cpuAllocation.limit", "config.memoryAllocation.limit")
    limited, whole = pools["gateways"], pools["Resources"]
    assert [limited[f"config.{kind}Allocation.limit"] for kind in ("cpu", "memory")] == [2000, 2048]
    assert (limited["runtime.cpu.maxUsage"], limited["runtime.memory.maxUsage"], limited["runtime.memory.unreservedForVm"]) == (2000, 2048 << 20, 512 << 20)
    assert pools["palette"]["config.cpuAllocation.limit"] == -1 and pools["palette"]["runtime.cpu.maxUsage"] == whole["runtime.cpu.maxUsage"] == 3 * 32 * 2600
    cluster = read(vcenter, vim.ClusterComputeResource, *(f"summary.{key}" for key in ("totalCpu", "effectiveCpu", "effectiveMemory", "numEffectiveHosts")))
    cluster = cluster["cluster-1"]
    assert cluster["summary.totalCpu"] == 5 * 32 * 2600 and cluster["summary.effectiveCpu"] == 3 * 32 * 2600
    assert (cluster["summary.effectiveMemory"], cluster["summary.numEffectiveHosts"]) == (3 * 256 << 10, 3)


MACHINE_PATHS = ("runtime.powerState", "runtime.host", "resourcePool", "parent", "guest.ipAddress", "guest.toolsRunningStatus", "summary.config.vmPathName",
                 "summary.runtime.powerState", "config.hardware.numCPU", "config.files.vmPathName", "network", "datastore")


def test_machines_in_bulk(tmp_path):
    with supervisor.running(tmp_path / "lab", clusters=4, hosts=2, vms=500, speed=0, ova_mib=1) as lab, connected(lab) as instance:
        machines = read(instance, vim.VirtualMachine, *MACHINE_PATHS)
        assert len(machines) == 500 and len({row["self"]._moId for row in machines.values()}) == 500
        assert sum(row["runtime.powerState"] == "poweredOn" for row in machines.values()) == 376
        one = machines["workload-00042"]
        assert one["config.files.vmPathName"] == one["summary.config.vmPathName"] == "[ds-shared-1] workload-00042/workload-00042.vmx"
        assert one["parent"].name == "workloads" and one["runtime.host"].parent.name == "cluster-2" and one["resourcePool"].owner.name == "cluster-2"
        assert one["self"].summary.runtime.powerState == "poweredOn" and one["self"].config.uuid != machines["workload-00043"]["self"].config.uuid
        per_host = {name: len(row["vm"]) for name, row in read(instance, vim.HostSystem, "vm").items()}
        assert sum(per_host.values()) == 500 and max(per_host.values()) - min(per_host.values()) <= 1
        used = read(instance, vim.HostSystem, "summary.quickStats.overallMemoryUsage")
        on = collections.Counter(row["runtime.host"].name for row in machines.values() if row["runtime.powerState"] == "poweredOn")
        assert {name: row["summary.quickStats.overallMemoryUsage"] for name, row in used.items()} == {
            name: min(262144 // 20 + 4096 * on[name], 262144) for name in used}
        assert requests.post(f"{lab.admin}/reset", timeout=60).status_code == 200
    with supervisor.running(tmp_path / "lab", clusters=4, hosts=2, vms=0, speed=0, ova_mib=1) as lab, connected(lab) as instance:
        assert read(instance, vim.VirtualMachine) == {}


def test_a_machine_in_bulk_is_operated_like_any_other(tmp_path):
    with supervisor.running(tmp_path / "lab", clusters=1, hosts=2, vms=8, speed=0, ova_mib=1) as lab, connected(lab) as instance:
        machines = read(instance, vim.VirtualMachine, "runtime.powerState")
        on, off = machines["workload-00006"]["self"], machines["workload-00008"]["self"]
        for task in (on.PowerOff(), on.Reconfigure(vim.vm.ConfigSpec(numCPUs=8, annotation="mine")), off.PowerOn()):
            assert finished(task) == "success", task.info.error
        assert (on.config.hardware.numCPU, on.config.annotation, off.runtime.powerState) == (8, "mine", "poweredOn")
        assert finished(on.Destroy()) == "success"
        assert sorted(read(instance, vim.VirtualMachine)) == [name for name in sorted(machines) if name != "workload-00006"]


def finished(task):
    return wait.until(lambda: task.info.state if task.info.state in ("success", "error") else None, 20)


def test_the_troubled_site_has_what_it_promises(tmp_path):
    with supervisor.running(tmp_path / "lab", site="troubled", speed=0, ova_mib=1) as lab, connected(lab) as instance:
        assert (instance.content.about.version, instance.content.about.apiVersion) == ("6.7.0", "6.7.2")
        hosts = read(instance, vim.HostSystem, "runtime.connectionState", "runtime.inMaintenanceMode", "config.service.service", "network",
                     "config.dateTimeInfo.ntpConfig.server", "summary.config.product.version")
        assert [name for name, row in hosts.items() if not row.get("config.dateTimeInfo.ntpConfig.server")] == ["cluster-1-esx-1"]
        stopped = [name for name, row in hosts.items() if not any(each.key == "ntpd" and each.running for each in row["config.service.service"])]
        assert stopped == ["cluster-1-esx-1", "cluster-1-esx-2"]
        assert [name for name, row in hosts.items() if row["runtime.inMaintenanceMode"]] == ["cluster-2-esx-2"]
        assert [name for name, row in hosts.items() if row["runtime.connectionState"] != "connected"] == ["cluster-3-esx-1"]
        assert [name for name, row in hosts.items() if not any(net.name == "pg-k8s" for net in row["network"])] == ["cluster-2-esx-3"]
        assert [row["name"] for row in requests.get(f"{lab.admin}/listeners", timeout=10).json()["items"] if not row["open"]] == [
            "host:cluster-3-esx-1", "host:cluster-3-esx-2"]
        stores = read(instance, vim.Datastore, "summary.freeSpace", "summary.maintenanceMode", "host")
        assert stores["ds-full"]["summary.freeSpace"] == 6 << 30 and len(stores["ds-shared-1"]["host"]) == 5
        assert "cluster-3-esx-3" not in lab.site["reachability"]["names"] and "cluster-3-esx-2" in lab.site["reachability"]["names"]
        key = site.palette_user(lab.site, "tenant_admin")["api_key"]
        answer = requests.get(f"{lab.env['PALETTE_HOST']}/v1/dashboard/clusterprofiles/metadata", headers={"ApiKey": key}, verify=lab.env["PALETTE_CA_PATH"],
                              timeout=10)
        assert [each["metadata"]["name"] for each in answer.json()["items"]] == ["gateway-profile", "vsphere-infra"]
        assert "cluster-3" in (tmp_path / "lab" / "inventory" / "hosts.yml").read_text()
