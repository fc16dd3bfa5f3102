# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be seen of a gateway: conditions, events, node VMs, clusters, and the sentences about them. PRIVATE to the collection.

API edge: the gateway's own cluster (v1SpectroCluster), its events, its machines; searches of clusters. Tenant scope unless a project is named.
"""
from __future__ import annotations

from ._errors import Failure, PaletteNotFound, quoted
from ._gateway_object import GONE
from ._libraries import library

CLUSTERS = "/v1/spectroclusters"
CONFIGS = "/v1/cloudconfigs/vsphere"
EVENTS = "/v1/events/components/spectrocluster"
ENDING = ("Deleting", "Deleted")
ERRORS_SHOWN = 5
CONDITIONS = {
    "ImageResolutionDone": "image resolved",
    "CloudInfrastructureReady": "infrastructure ready",
    "BootstrappingDone": "bootstrapped",
    "KubeConfigReady": "kubeconfig ready",
    "ControlPlaneNodeAdditionDone": "control plane nodes added",
    "ControlPlaneNodeDeletionDone": "control plane nodes removed",
    "WorkerNodeAdditionDone": "worker nodes added",
    "WorkerNodeDeletionDone": "worker nodes removed",
    "AddOnDeploymentDone": "add-ons deployed",
    "ImagePullSecretPropagationDone": "image pull secret in place",
    "CloudInfrastructureCleanedUp": "infrastructure cleaned up",
}
INSTALLER_PATHS = ["name", "runtime.powerState", "guest.toolsRunningStatus", "guest.ipAddress", "config.vAppConfig.property"]


def cluster(palette, gateway):
    """The gateway's own cluster: {uid, state, config_uid, conditions: [{type, status, reason, message}]}, or None when there is none (any more)."""
    if not gateway["cluster_uid"]:
        return None
    try:
        item = palette.get(f"{CLUSTERS}/{gateway['cluster_uid']}")
    except PaletteNotFound:
        return None
    status = item.get("status") or {}
    if not status or status.get("state") in GONE:
        return None
    conditions = [{key: each.get(key) or "" for key in ("type", "status", "reason", "message")} for each in status.get("conditions") or []]
    return {"uid": gateway["cluster_uid"], "state": status.get("state"), "conditions": conditions,
            "config_uid": ((item.get("spec") or {}).get("cloudConfigRef") or {}).get("uid")}


def cloud_config(palette, own):
    """v1VsphereCloudConfig of the gateway's own cluster as Palette gives it, or None. own: what `cluster` gave."""
    if own is None or not own["config_uid"]:
        return None
    try:
        return palette.get(f"{CONFIGS}/{own['config_uid']}")
    except PaletteNotFound:
        return None


def event_from_api(item):
    metadata = item.get("metadata") or {}
    return {"at": metadata.get("creationTimestamp"), "severity": item.get("severity"), "reason": item.get("reason"), "message": item.get("message") or ""}


def newest(events):
    """Newest first; Palette's times sort as text."""
    return sorted(events, key=lambda event: event["at"] or "", reverse=True)


def recent_events(palette, gateway):
    """The newest page of events ([{at, severity, reason, message}], at most 50)."""
    if not gateway["cluster_uid"]:
        return []
    try:
        page = palette.get(f"{EVENTS}/{gateway['cluster_uid']}", query={"limit": 50, "orderBy": "metadata.creationTimestamp=-1"})
    except PaletteNotFound:
        return []
    return newest(map(event_from_api, page.get("items") or []))


def all_events(palette, gateway):
    """All events that Palette keeps (at most 1,000), newest first."""
    if not gateway["cluster_uid"]:
        return []
    try:
        return newest(map(event_from_api, palette.pages(f"{EVENTS}/{gateway['cluster_uid']}")))
    except PaletteNotFound:
        return []


def node_from_api(item):
    """v1VsphereMachine -> {name, uid, state, health, address, placement}"""
    metadata, spec, status = (item.get(key) or {} for key in ("metadata", "spec", "status"))
    addresses = [each.get("address") for each in status.get("addresses") or []]
    addresses += [each for nic in spec.get("nics") or [] for each in nic.get("privateIPs") or []]
    found = spec.get("placement") or {}
    placement = {"datacenter": found.get("datacenter"), "compute_cluster": found.get("cluster"), "datastore": found.get("datastore"),
                 "folder": found.get("folder"), "resource_pool": found.get("resourcePool"), "network": (found.get("network") or {}).get("networkName")}
    return {"name": metadata.get("name"), "uid": metadata.get("uid"), "state": status.get("instanceState"),
            "health": (status.get("health") or {}).get("state"), "address": next((each for each in addresses if each), None), "placement": placement}


def nodes(palette, own):
    """Node VMs of the gateway's own cluster, sorted by name."""
    config = cloud_config(palette, own)
    found = []
    for pool in ((config or {}).get("spec") or {}).get("machinePoolConfig") or []:
        found += map(node_from_api, palette.pages(f"{CONFIGS}/{own['config_uid']}/machinePools/{pool['name']}/machines"))
    return sorted((node for node in found if node["state"] not in GONE), key=lambda node: node["name"] or "")


def users(palette, gateway, own, pools):
    """Names (uids where no name is known) of tenant clusters that are there through the gateway, sorted; in tenant scope and in every project.

    Which clusters a tenant-wide search returns is not documented, so each project is searched, and what holds addresses of the pools counts too.
    """
    found = {}
    projects = [item["metadata"]["uid"] for item in palette.get("/v1/dashboard/projects/metadata").get("items") or []]
    for project in (None, *projects):
        for item in search(palette, project):
            metadata = item.get("metadata") or {}
            if (metadata.get("annotations") or {}).get("overlordUid") == gateway["uid"] and (item.get("status") or {}).get("state") not in GONE:
                found[metadata.get("uid")] = metadata.get("name")
    for pool in pools:
        for uid in pool["clusters"]:
            found.setdefault(uid, uid)
    found.pop(own["uid"] if own else gateway["cluster_uid"], None)
    return sorted(found.values())


def search(palette, project):
    """Summaries of the clusters that are not deleted, in one scope."""
    body = {"filter": {"conjunction": "and", "filterGroups": [{"conjunction": "and", "filters": [
        {"property": "isDeleted", "type": "bool", "condition": {"bool": {"value": False}}}]}]}, "sort": []}
    try:
        yield from palette.search("/v1/dashboard/spectroclusters/search", body, project=project)
    except PaletteNotFound:
        return


def words(condition):
    return CONDITIONS.get(condition["type"], condition["type"])


def progress(gateway, own, events):
    """The status line of a wait: state, the last condition that holds, done of all, the newest event."""
    conditions = own["conditions"] if own else []
    done = [each for each in conditions if each["status"] == "True"]
    text = gateway["state"] or "unknown state"
    if conditions:
        text += f": {words(done[-1])} ({len(done)} of {len(conditions)})" if done else f": started (0 of {len(conditions)})"
    return text + (f", last event: {quoted(events[0]['message'])}" if events else "")


def obstacles(own, events, pool):
    """What may hold the provisioning up: conditions that do not hold, the last errors, free addresses of the pool (a pool, or None with DHCP)."""
    waiting = [words(each) + (f" ({quoted(': '.join(filter(None, (each['reason'], each['message']))))})" if each["reason"] or each["message"] else "")
               for each in (own["conditions"] if own else []) if each["status"] != "True"]
    errors = [f"{event['at']} {quoted(event['message'])}" for event in events if event["severity"] == "Error"][:ERRORS_SHOWN]
    parts = [f"not done: {', '.join(waiting) or 'nothing that Palette shows'}", f"last errors: {'; '.join(errors) or 'none'}"]
    if pool:
        parts.append(f"free addresses in IP pool {pool['name']}: {len(pool['available'])}")
    return "; ".join(parts)


def machines_in_vcenter(params, context, paths):
    """{reference: {path: value}} of all VMs, or the reason (str) why vCenter was not looked at. Never raises a Failure: it only helps another answer."""
    if not (params.get("hostname") and params.get("username") and params.get("password")):
        return "no connection to vCenter is given (hostname, username, password)"
    if library("pyVmomi") is None:
        return "pyvmomi is not installed"
    from ._vsphere import Vsphere, vcenter_connection, vim
    try:
        with Vsphere(vcenter_connection(params), context) as vcenter:
            rows = vcenter.below(vcenter.content.rootFolder, vim.Datacenter, ["vmFolder"])
            found = {}
            for row in rows.values():
                found.update(vcenter.below(row["vmFolder"], vim.VirtualMachine, paths))
            return found
    except Failure as failure:
        return f"vCenter could not be asked ({failure.what})"


def installers(machines, name):
    """One sentence for each VM that is the gateway's installer: by its name, or by a vApp property that holds the gateway's name."""
    found = []
    for machine in machines.values():
        values = {str(each.label or each.id): str(each.value or "") for each in machine.get("config.vAppConfig.property") or []}
        if name != machine.get("name") and name not in values.values():
            continue
        endpoint = next((value for label, value in sorted(values.items()) if "endpoint" in label.lower()), None)
        tools = {"guestToolsRunning": "running", "guestToolsNotRunning": "not running"}.get(str(machine.get("guest.toolsRunningStatus")), "unknown")
        text = f"VM {machine['name']}: {machine.get('runtime.powerState')}, VMware Tools {tools}, address {machine.get('guest.ipAddress') or 'none'}"
        found.append(text + (f", console endpoint '{quoted(endpoint)}'" if endpoint else ""))
    return sorted(found)


def installer_seen(params, context, name):
    """What vCenter shows of the gateway's installer VM, in words."""
    machines = machines_in_vcenter(params, context, INSTALLER_PATHS)
    if isinstance(machines, str):
        return f"installer VM not looked at: {machines}"
    return "; ".join(installers(machines, name)) or f"no VM in vCenter is named {name} or has it as a vApp property"


def unregistered(name, host, seen, present):
    """Fields of the error of a gateway that did not register. seen: `installer_seen`; present: the gateways in Palette, in words.

    Source: the page, section "Gateway installer - Unable to register with the Tenant Portal".
    """
    return {
        "what": f"gateway '{name}' has not registered with Palette",
        "where": f"gateway {name} at {host}",
        "observed": f"{seen}; gateways in Palette: {', '.join(present) or 'none'}",
        "expected": "a gateway of that name, 5 to 10 minutes after its installer VM is powered on",
        "fix": (f"check in this order: (1) the installer VM is on and has an address; (2) its installer name is exactly '{name}'; (3) its console endpoint "
                f"leads to {host} and has no trailing slash; (4) its pairing code is its own and typed right; (5) it reaches the endpoint, directly "
                "or with all three proxy properties set; (6) /var/log/cloud-init-output.log on it, by SSH as user ubuntu, names the failed step. "
                "Wrong properties: remove the installer VM and deploy it again. If all is right, run this task again, it goes on waiting"),
    }
