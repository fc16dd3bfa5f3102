# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site without faults as plain data, for tests of the site check: rows as they are read of a vCenter, options, Palette, what was tried."""
from __future__ import annotations

import copy
from types import SimpleNamespace

from ansible_collections.palette.vmware.plugins.module_utils import _site_check as noun
from ansible_collections.palette.vmware.plugins.module_utils import _site_check_capacity as room
from ansible_collections.palette.vmware.plugins.module_utils import _site_check_options as options
from ansible_collections.palette.vmware.plugins.module_utils import _site_check_palette_rules as palette_rules
from ansible_collections.palette.vmware.plugins.module_utils import _site_check_reach as reachability
from ansible_collections.palette.vmware.plugins.module_utils import _site_check_rules as rules
from ansible_collections.palette.vmware.plugins.module_utils._site_check_facts import asked_places, facts_of

GIB = 1024 ** 3
CLUSTERS, HOSTS = (1, 2, 3), (1, 2)


def structure():
    """The first read: dc-1 with three compute clusters, a pool in each, three VM folders."""
    rows = {
        "datacenter-1": {"type": "Datacenter", "name": "dc-1", "parent": "group-d1", "vmFolder": "group-v", "hostFolder": "group-h"},
        "group-v": {"type": "Folder", "name": "vm", "parent": "datacenter-1"},
        "group-h": {"type": "Folder", "name": "host", "parent": "datacenter-1"},
        "group-s": {"type": "Folder", "name": "datastore", "parent": "datacenter-1"},
        "group-n": {"type": "Folder", "name": "network", "parent": "datacenter-1"},
        "group-1": {"type": "Folder", "name": "palette", "parent": "group-v"},
        "group-2": {"type": "Folder", "name": "gateways", "parent": "group-1"},
        "group-3": {"type": "Folder", "name": "spectro-templates", "parent": "group-v"},
    }
    for number in CLUSTERS:
        hosts = [f"host-{number}{each}" for each in HOSTS]
        rows[f"domain-c{number}"] = {
            "type": "ClusterComputeResource", "name": f"cluster-{number}", "parent": "group-h", "host": hosts, "datastore": ["datastore-1", "datastore-2"],
            "network": ["network-1", "network-2"], "resourcePool": f"resgroup-{number}", "summary.effectiveCpu": 100000, "summary.effectiveMemory": 512 * 1024}
        rows[f"resgroup-{number}"] = {"type": "ResourcePool", "name": "Resources", "parent": f"domain-c{number}"}
        rows[f"resgroup-{number}1"] = {"type": "ResourcePool", "name": "palette", "parent": f"resgroup-{number}"}
    return rows


def host(number):
    return {"type": "HostSystem", "name": f"esx-{number}", "parent": f"domain-c{number // 10}", "runtime.connectionState": "connected",
            "runtime.inMaintenanceMode": False, "runtime.powerState": "poweredOn", "summary.config.product.version": "8.0.3",
            "summary.config.product.build": "24022510", "summary.hardware.numCpuThreads": 64, "summary.hardware.cpuMhz": 2600,
            "summary.quickStats.overallMemoryUsage": 10 * 1024, "config.dateTimeInfo": {"servers": ["ntp.example.com"]},
            "config.service.service": [{"key": "ntpd", "running": True, "policy": "on"}], "configManager.dateTimeSystem": f"dateTimeSystem-{number}"}


def details():
    """The second read: hosts, datastores, networks, pools, the clusters' configuration."""
    numbers = [number * 10 + each for number in CLUSTERS for each in HOSTS]
    mounts = [{"host": f"host-{number}", "mounted": True, "accessible": True, "writable": True} for number in numbers]
    rows = {f"host-{number}": host(number) for number in numbers}
    for number in (1, 2):
        rows[f"datastore-{number}"] = {"type": "Datastore", "name": f"ds-{number}", "parent": "group-s", "summary.capacity": 4096 * GIB,
                                       "summary.freeSpace": 2048 * GIB, "summary.accessible": True, "summary.maintenanceMode": "normal",
                                       "host": copy.deepcopy(mounts)}
        rows[f"network-{number}"] = {"type": "DistributedVirtualPortgroup", "name": f"pg-{number}", "parent": "group-n",
                                     "host": [f"host-{each}" for each in numbers]}
    for number in CLUSTERS:
        rows[f"domain-c{number}"] = {"type": "ClusterComputeResource", "configurationEx": {"drs": True, "ha": True}}
        rows[f"resgroup-{number}1"] = {"type": "ResourcePool", "config.memoryAllocation.limit": -1, "config.memoryAllocation.expandableReservation": True,
                                       "config.cpuAllocation.limit": -1, "runtime.memory.unreservedForVm": 400 * GIB, "runtime.memory.overallUsage": 0}
    return rows


def placement(number=1, **changes):
    return {"datacenter": "dc-1", "compute_cluster": f"cluster-{number}", "datastore": "ds-1", "network": "pg-1", "resource_pool": "palette",
            "folder": "palette/gateways", "image_template_folder": "spectro-templates", **changes}


def pool(**changes):
    blank = dict.fromkeys(noun.POOL)
    return {**blank, "name": "gw-pool", "start": "10.10.8.10", "end": "10.10.8.19", "prefix": "22", "network_gateway": "10.10.8.1",
            "name_servers": ["10.10.0.2"], **changes}


def proxy(**changes):
    return {"http": "http://proxy.example.com:3128", "https": "http://proxy.example.com:3128", "certificate": None,
            "no_proxy": "vcenter.example.com,10.10.8.0/22,192.168.0.0/16,172.20.0.0/16,.example.com,esx-11,esx-12,esx-21,esx-22,esx-31,esx-32", **changes}


def installer(**changes):
    return {**dict.fromkeys(noun.INSTALLER), "pod_cidr": "192.168.0.0/16", "service_cidr": "172.20.0.0/16", "node_network": "10.10.8.0/22", **changes}


def params(**changes):
    """A gateway of three nodes, each in a compute cluster of its own, with static addresses, behind a proxy."""
    blank = {name: copy.deepcopy(entry.get("default")) for name, entry in noun.SPEC["argument_spec"].items()}
    given = {"gateway": "gw", "placements": [placement(number) for number in CLUSTERS], "size": 3, "ip_pool": pool(), "installer": installer(proxy=proxy()),
             "hostname": "vcenter.example.com", "ntp_servers": ["ntp.example.com"], "clusters_planned": True}
    return noun.normal({**blank, **given, **changes})


def palette(**changes):
    return {"problem": None, "gateway": None, "pools": [], "profiles": [{"name": "infra", "version": "1.0.0", "type": "cluster", "published": True}],
            "profile_problem": None, "scope": "tenant scope", **changes}


def site(asked=None):
    """Everything that the verdicts are made of, to be changed by a test: params, structure, details, about, clock, clocks, refused, palette, change_results."""
    clocks = {f"host-{number}{each}": {"offset": 0.1, "doubt": 0.01} for number in CLUSTERS for each in HOSTS}
    return SimpleNamespace(params=asked or params(), structure=structure(), details=details(),
                           about={"version": "8.0.3", "build": "24022515", "name": "vCenter"}, clock={"offset": 0.0, "doubt": 0.01}, clocks=clocks,
                           refused={}, palette=palette(), change_results=lambda results: None, problem=None)


def answered(target):
    """What is heard of a target when all is well."""
    named = reachability.named(target["name"])
    answer = {"server": "10.10.0.2", "addresses": ["10.10.0.9"], "problem": "", "silent": False}
    return {"target": target, "answers": [answer] if named else [], "problem": "" if target["port"] else None}


def facts(made):
    rest = {"about": made.about, "clock": made.clock, "clocks": made.clocks, "refused": made.refused}
    return facts_of(made.structure, made.details, asked_places(made.params), rest)


def verdicts(made):
    """All that the rules say of the site."""
    seen = facts(made) if made.problem is None else None
    said = [*options.options(made.params), noun.session(made.problem, made.params), *palette_rules.palette(made.palette, made.params)]
    if seen:
        said += [*rules.vcenter(seen), *room.capacity(seen, made.params, palette_rules.standing(made.palette)),
                 *options.proxied_hosts(seen, made.params)]
    servers, wrong = reachability.servers_of(made.params)
    results = [answered(target) for target in reachability.targets(made.params, seen)]
    made.change_results(results)
    return [*said, *reachability.reach(results, servers, wrong)]
