# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options and observations of a gateway for tests; what Palette reads back for what it was sent (API 2.2, 5.4)."""
from __future__ import annotations

from ansible.module_utils.common.arg_spec import ModuleArgumentSpecValidator

from ansible_collections.palette.vmware.plugins.module_utils import _gateway
from ansible_collections.palette.vmware.plugins.module_utils import _gateway_config as config

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOPs ops@lab"
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDev dev@lab"
PLACEMENT = {"datacenter": "dc-1", "compute_cluster": "cluster-1", "datastore": "ds-shared-1", "network": "pg-k8s", "resource_pool": "palette",
             "folder": "palette/gateways", "image_template_folder": "spectro-templates"}
OTHER_PLACEMENT = {**PLACEMENT, "compute_cluster": "cluster-2"}
ACCOUNT = {"vcenter_server": "vc.lab.local", "username": "svc", "password": "canary-password", "insecure": False}
STORED_ACCOUNT = {"vcenter_server": "vc.lab.local", "username": "svc", "insecure": False}
STATIC = {"placements": [PLACEMENT], "ip_allocation": "static", "ip_pool": "pool-a"}
DHCP = {"placements": [PLACEMENT], "ip_allocation": "dhcp", "ddns_search_domain": "k8s.lab.local"}
POOL = {"uid": "p1", "name": "pool-a", "available": ["10.10.8.10", "10.10.8.11", "10.10.8.12"], "clusters": []}
BIG_POOL = {**POOL, "available": [f"10.10.8.{number}" for number in range(10, 60)]}
GATEWAY = {"uid": "g1", "name": "dc1-gw", "labels": {}, "state": "Pending", "health": "Healthy", "ip_address": "10.10.0.20", "account_uid": None,
           "cluster_uid": None, "system": False, "update_available": False}


def params(**given):
    """Options as Ansible hands them over: defaults filled in, types checked. Raises AssertionError with Ansible's own words."""
    arguments = {key: value for key, value in _gateway.SPEC.items() if key != "supports_check_mode"}
    found = ModuleArgumentSpecValidator(**arguments).validate({"name": "dc1-gw", "palette_api_key": "k", **given})
    assert not found.error_messages, found.error_messages
    return found.validated_parameters


def desired(**given):
    return _gateway.from_params(params(**given))


def configured(**given):
    """The configuration that these options come to."""
    return config.complete(desired(**given)["configuration"])


def observed(gateway=None, account=None, configuration=None, ip_pool=None, **rest):
    named = rest.pop("named", [gateway] if gateway else [])
    return {"named": named, "deleting": [], "present": [each["name"] for each in named], "gateway": gateway, "account": account, "configuration": configuration,
            "ip_pool": ip_pool, "pools": [], "own": None, "nodes": [], "users": [], "offered": None, **rest}


def gateway(state="Pending", **rest):
    account_uid, cluster_uid = ("a1", None) if state == "Pending" else ("a1", "c1")
    return {**GATEWAY, "state": state, "account_uid": account_uid, "cluster_uid": cluster_uid, **rest}


def read_back(body, pool_names):
    """v1VsphereCloudConfig as Palette answers after v1OverlordVsphereCloudConfig was sent: flat pools, parentPoolRef, one default placement."""
    sent = body["clusterConfig"]
    placements = []
    for number, each in enumerate(sent["placements"]):
        network = {key: each["network"][key] for key in ("networkName", "staticIp")}
        if "parentPoolUid" in each["network"]:
            uid = each["network"]["parentPoolUid"]
            network["parentPoolRef"] = {"uid": uid, "kind": "ippool", "name": pool_names[uid]}
        placements.append({**each, "uid": f"pl{number}", "network": network})
    cluster = {key: sent[key] for key in ("sshKeys", "ntpServers", "staticIp", "controlPlaneEndpoint")}
    return {"kind": "vsphere", "spec": {"clusterConfig": {**cluster, "placement": {"datacenter": sent["placements"][0]["datacenter"]}},
                                        "machinePoolConfig": [{"name": "cp-pool", "isControlPlane": True, "size": body["size"], "placements": placements}]}}
