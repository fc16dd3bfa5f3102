# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of the store in the API's read shapes. The caller holds the store's lock."""

from __future__ import annotations

import datetime
import ipaddress
from typing import Iterator

from palette_lab.clock import stamp
from palette_lab.store import Store

AGENT_VERSION = "4.8.10"
HEARTBEAT = datetime.timedelta(minutes=10)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
LISTED_ADDRESSES = 256
COUNTED_ADDRESSES = 65536


def metadata(record: dict, **extra) -> dict:
    return {"name": record["name"], "uid": record["uid"], "labels": dict(record.get("labels") or {}), "annotations": dict(record.get("annotations") or {}),
            "creationTimestamp": stamp(record.get("created")), "lastModifiedTimestamp": stamp(record.get("modified")),
            "deletionTimestamp": stamp(record.get("deleted")), **extra}


def update_offered(store: Store, cluster_uid: str) -> bool:
    return any(not note["done"] for note in store.where("notifications", cluster_uid=cluster_uid))


def fresh(store: Store, heartbeat: datetime.datetime | None) -> bool:
    """An agent counts as alive for ten minutes after its last heartbeat (palette-api 2.7)."""
    return heartbeat is not None and store.now() - heartbeat < HEARTBEAT


def overlord(store: Store, record: dict) -> dict:
    """v1Overlord."""
    cluster = store.clusters.get(record["cluster_uid"])
    heartbeat = (cluster or record)["heartbeat"] or record["heartbeat"]
    health = cluster["health"] if cluster and cluster["health"] else "Healthy" if fresh(store, heartbeat) else "Unhealthy"
    return {
        "kind": "overlord", "metadata": metadata(record),
        "spec": {"cloudAccountUid": record["account_uid"], "ipAddress": record["ip_address"], "isSelfHosted": False, "isSystem": record["is_system"],
                 "ipPools": [pool(store, each) for each in store.where("pools", overlord_uid=record["uid"])],
                 "spectroClusterUid": record["cluster_uid"], "tenantUid": store.tenant_uid},
        "status": {"state": record["state"], "isActive": fresh(store, heartbeat), "isReady": record["state"] == "Running", "kubectlCommands": [],
                   "health": {"state": health, "agentVersion": AGENT_VERSION, "lastHeartBeatTimestamp": stamp(heartbeat), "conditions": []},
                   "notifications": notification_status(store, record["cluster_uid"])}}


def notification_status(store: Store, cluster_uid: str) -> dict:
    return {"isAvailable": update_offered(store, cluster_uid), "isTemplateVariableResolutionPending": False}


def pool_clusters(store: Store, record: dict) -> list[str]:
    """Clusters that hold an address of the pool or name it in a placement, without deleted ones."""
    found = {each["cluster"] for each in record["allotted"].values()}
    for config in store.cloudconfigs.values():
        for machine_pool in config["pools"]:
            for placement in machine_pool["placements"]:
                if (placement["network"].get("parentPoolRef") or {}).get("uid") == record["uid"]:
                    found.add(config["cluster_uid"])
    return sorted(uid for uid in found if uid in store.clusters and store.clusters[uid]["state"] != "Deleted")


def bounds(shape: dict) -> tuple[Address, Address] | None:
    """First and last address of a pool; None for one that makes no sense: Palette stores what it is given."""
    try:
        subnet = ipaddress.ip_network(shape["subnet"], strict=False) if shape.get("subnet") else None
        start = ipaddress.ip_address(shape["start"]) if shape.get("start") else (subnet[1] if subnet and subnet.num_addresses > 2 else None)
        end = ipaddress.ip_address(shape["end"]) if shape.get("end") else (subnet[-2] if subnet and subnet.num_addresses > 2 else None)
    except ValueError:
        return None
    return (start, end) if start is not None and end is not None and start.version == end.version else None


def addresses(shape: dict) -> Iterator[str]:
    """Addresses of a pool in order, without its gateway."""
    found = bounds(shape)
    for number in range(int(found[0]), int(found[1]) + 1) if found else ():
        address = str(type(found[0])(number))
        if address != shape.get("gateway"):
            yield address


def holds(shape: dict, address: str) -> bool:
    """Whether the address lies in a pool of that shape."""
    found, wanted = bounds(shape), ipaddress.ip_address(address)
    return found is not None and found[0].version == wanted.version and int(found[0]) <= int(wanted) <= int(found[1])


def available(record: dict) -> list[str]:
    """Free addresses: at most the first 256, looked for among the first 65,536 of the pool."""
    found: list[str] = []
    for seen, address in enumerate(addresses(record["pool"])):
        if len(found) == LISTED_ADDRESSES or seen == COUNTED_ADDRESSES:
            break
        if address not in record["allotted"]:
            found.append(address)
    return found


def pool(store: Store, record: dict) -> dict:
    """v1IpPoolEntity; priavetGatewayUid is spelled as the API spells it."""
    clusters = pool_clusters(store, record)
    shape = record["pool"]
    return {"metadata": {"name": record["name"], "uid": record["uid"]},
            "spec": {"priavetGatewayUid": record["overlord_uid"], "restrictToSingleCluster": record["restrict"],
                     "pool": {**shape, "nameserver": {"addresses": list(shape["nameserver"]["addresses"]), "search": list(shape["nameserver"]["search"])}}},
            "status": {"inUse": bool(clusters or record["allotted"]), "associatedClusters": clusters,
                       "allottedIps": sorted(record["allotted"], key=ipaddress.ip_address), "availableIps": available(record)}}


def account(record: dict) -> dict:
    """v1VsphereAccount; the password is never shown (palette-api 10, decision 10)."""
    return {"kind": "vsphere", "metadata": metadata(record),
            "spec": {"vcenterServer": record["vcenter_server"], "username": record["username"], "password": "", "insecure": record["insecure"]},
            "status": {"state": record["state"]}}


def dns_mapping(record: dict) -> dict:
    return {"metadata": metadata(dict(record, name=record["dns_name"])),
            "spec": {"privateGatewayUid": record["gateway_uid"], "datacenter": record["datacenter"], "network": record["network"],
                     "dnsName": record["dns_name"]}}


def pack_ref(pack: dict) -> dict:
    return {"name": pack["name"], "layer": pack["layer"], "type": pack["type"], "tag": pack["tag"], "version": pack["version"], "packUid": pack["uid"],
            "values": pack["values"], "manifests": []}


def profile_template(profile: dict, packs: list[dict]) -> dict:
    """v1ClusterProfileTemplate; `packs` are those of the cluster, which differ from the profile's while an upgrade is offered."""
    return {"uid": profile["uid"], "name": profile["name"], "type": profile["type"], "cloudType": profile["cloud_type"],
            "profileVersion": profile["version"], "version": 1, "packs": [pack_ref(pack) for pack in packs]}


def profile_annotations(record: dict) -> dict:
    """Whose the profile is: the system's, a project's or the tenant's."""
    if record["type"] == "system":
        return {"scope": "system"}
    return {"scope": "project", "projectUid": record["project_uid"]} if record["project_uid"] else {"scope": "tenant"}


def profile(store: Store, record: dict) -> dict:
    """v1ClusterProfile; one that was never published has a draft only."""
    users = [each for each in store.where("clusters", profile_uid=record["uid"]) if each["state"] != "Deleted"]
    return {"kind": "clusterprofile",
            "metadata": {"name": record["name"], "uid": record["uid"], "labels": {},
                         "annotations": profile_annotations(record)},
            "spec": {"version": record["version"], "versions": [{"uid": record["uid"], "version": record["version"]}],
                     "published" if record["published"] else "draft": profile_template(record, record["packs"])},
            "status": {"isPublished": record["published"], "inUseClusterUids": [each["uid"] for each in users],
                       "inUseClusters": [{"kind": "spectrocluster", "name": each["name"], "uid": each["uid"], "tenantUid": store.tenant_uid,
                                          "projectUid": each["annotations"].get("projectUid", "")} for each in users]}}


def condition(record: dict) -> dict:
    return {"type": record["type"], "status": record["status"], "reason": record["reason"], "message": record["message"],
            "lastTransitionTime": stamp(record["at"]), "lastProbeTime": stamp(record["at"])}


def cluster_status(store: Store, record: dict) -> dict:
    """What v1SpectroCluster and the dashboard's summary have in common."""
    running = record["state"] == "Running"
    return {"state": record["state"], "abortTimestamp": stamp(record["aborted"]),
            "apiEndpoints": [{"host": record["endpoint"], "port": 6443}] if record["endpoint"] else [],
            "conditions": [condition(each) for each in record["conditions"]],
            "packs": [{"name": each["name"], "version": each["version"], "type": each["type"], "profileUid": record["profile_uid"],
                       "condition": {"type": "Ready", "status": "True" if running else "False",
                                     "reason": "InstallSuccess" if running else "WaitingForOtherLayers"}}
                      for each in record["packs"]],
            "spcApply": {"canBeApplied": True, "actionType": "DownloadAndInstall"},
            "upgrades": [{"reason": list(each["reason"]), "timestamp": stamp(each["at"])} for each in record["upgrades"]]}


def cluster(store: Store, record: dict) -> dict:
    """v1SpectroCluster."""
    return {"kind": "spectrocluster", "metadata": metadata(record),
            "spec": {"cloudType": "vsphere", "clusterType": "PureManage",
                     "cloudConfigRef": {"kind": "VsphereCloudConfig", "name": record["name"], "uid": record["config_uid"]},
                     "clusterConfig": {"timezone": "UTC", "hostClusterConfig": {"isHostCluster": False}, "updateWorkerPoolsInParallel": False,
                                       "lifecycleConfig": {"pause": False}},
                     "clusterProfileTemplates": cluster_templates(store, record)},
            "status": {**cluster_status(store, record), "repave": {"state": "Approved"}, "location": {}}}


def cluster_templates(store: Store, record: dict) -> list[dict]:
    attached = store.profiles.get(record["profile_uid"])
    return [profile_template(attached, record["packs"])] if attached else []


def template_metas(store: Store, record: dict) -> list[dict]:
    """v1ClusterProfileTemplateMeta has no profileVersion and has a scope."""
    metas = []
    for template in cluster_templates(store, record):
        version = template.pop("profileVersion")
        metas.append({**template, "scope": "system" if template["type"] == "system" else "tenant", "version": int(version.split(".")[0])})
    return metas


def cluster_health(store: Store, record: dict) -> dict:
    return {"state": record["health"] or ("Healthy" if fresh(store, record["heartbeat"]) else "Unhealthy"), "agentVersion": AGENT_VERSION,
            "lastHeartBeatTimestamp": stamp(record["heartbeat"]), "conditions": []}


def machine_pool_metas(config: dict) -> list[dict]:
    metas = []
    for each in config["pools"]:
        machines = [machine for machine in config["machines"].values() if machine["pool"] == each["name"]]
        metas.append({"cloudType": "vsphere", "isControlPlane": each["isControlPlane"], "labels": list(each["labels"]), "size": each["size"],
                      "healthy": sum(machine["health"] == "Healthy" for machine in machines), "maintenanceMode": 0})
    return metas


def cluster_dashboard(store: Store, record: dict) -> dict:
    """v1SpectroClusterUidSummary."""
    config = store.cloudconfigs[record["config_uid"]]
    owner = store.accounts.get(config["account_uid"])
    kubernetes = next((pack["version"] for pack in record["packs"] if pack["layer"] == "k8s"), "")
    return {"metadata": metadata(record),
            "spec": {"cloudConfig": {"cloudType": "vsphere", "uid": config["uid"], "machinePools": machine_pool_metas(config)},
                     "cloudaccount": {"name": owner["name"] if owner else "", "uid": config["account_uid"]},
                     "clusterProfileTemplates": template_metas(store, record)},
            "status": {**cluster_status(store, record), "health": cluster_health(store, record),
                       "notifications": notification_status(store, record["uid"]),
                       "kubeMeta": {"hasKubeConfig": bool(record["endpoint"]),
                                    "hasKubeConfigClient": bool(record["endpoint"]), "kubernetesVersion": kubernetes}}}


def cluster_summary(store: Store, record: dict) -> dict:
    """An item of v1SpectroClustersSummary."""
    full = cluster_dashboard(store, record)
    project_uid = record["annotations"].get("projectUid", "")
    project = store.projects.get(project_uid)
    return {"metadata": full["metadata"],
            "specSummary": {"cloudAccountMeta": full["spec"]["cloudaccount"], "cloudConfig": full["spec"]["cloudConfig"],
                            "clusterProfileTemplates": full["spec"]["clusterProfileTemplates"],
                            "projectMeta": {"name": project["name"] if project else "", "uid": project_uid}},
            "status": {"state": record["state"], "health": full["status"]["health"], "notifications": full["status"]["notifications"],
                       "repave": {"state": "Approved"}, "location": {}}}


def event(store: Store, cluster_record: dict, record: dict) -> dict:
    """An item of v1Events."""
    name = f"{cluster_record['name']}.{record['uid']}"
    return {"metadata": {"name": name, "uid": record["uid"], "creationTimestamp": stamp(record["at"])},
            "message": record["message"], "reason": record["reason"], "severity": record["severity"], "source": {"component": record["component"], "host": ""},
            "involvedObject": {"kind": "spectrocluster", "name": cluster_record["name"], "uid": cluster_record["uid"]},
            "relatedObject": {"kind": "spectrocluster", "name": cluster_record["name"], "uid": cluster_record["uid"]}}


def notification(store: Store, record: dict) -> dict:
    """An item of v1Notifications."""
    return {"metadata": {"uid": record["uid"], "name": record["name"]}, "type": record["type"] or "NotificationNone", "source": {"component": "hubble"},
            "relatedObject": {"kind": "spectrocluster", "name": store.clusters[record["cluster_uid"]]["name"], "uid": record["cluster_uid"]},
            "action": {"actionType": record["action_type"] or "NotifyActionNone", "actionMessage": record["message"], "ack": record["ack"],
                       "isDone": record["done"], "isInfo": False, "link": "", "events": {}}}


def cloudconfig(store: Store, record: dict) -> dict:
    """v1VsphereCloudConfig; `kind` must be usable as the cloudType of the maintenance call (palette-api 5.4)."""
    owner = store.clusters[record["cluster_uid"]]
    return {"kind": "vsphere", "metadata": metadata(dict(owner, uid=record["uid"], deleted=None)),
            "spec": {"cloudAccountRef": {"kind": "cloudaccount", "uid": record["account_uid"],
                                         "name": store.accounts.get(record["account_uid"], {}).get("name", "")},
                     "clusterConfig": record["cluster_config"], "machinePoolConfig": record["pools"]},
            "status": {"conditions": [condition(each) for each in owner["conditions"]]}}


def machine(store: Store, config: dict, record: dict) -> dict:
    """v1VsphereMachine."""
    pool_shape = next((each for each in config["pools"] if each["name"] == record["pool"]), None)
    placement = record["placement"] or {}
    network = (placement.get("network") or {}).get("networkName", "")
    owner = store.accounts.get(config["account_uid"], {})
    ready = record["state"] == "Running" and record["health"] == "Healthy"
    digest = record["uid"][-6:]
    return {"kind": "vsphere", "metadata": {"name": record["name"], "uid": record["uid"], "creationTimestamp": stamp(record["created"])},
            "spec": {"vcenterServer": owner.get("vcenter_server", ""), "placement": placement,
                     "instanceType": pool_shape["instanceType"] if pool_shape else {"numCPUs": 4, "memoryMiB": 4096, "diskGiB": 60}, "images": [],
                     "nics": [{"index": 0, "networkName": network, "macAddress": f"00:50:56:{digest[:2]}:{digest[2:4]}:{digest[4:]}",
                               "privateIPs": [record["address"]] if record["address"] else []}]},
            "status": {"instanceState": record["state"], "ready": ready,
                       "addresses": [{"type": "InternalIP", "address": record["address"]}] if record["address"] else [],
                       "instanceStateLastUpdate": stamp(record["created"]),
                       "health": {"state": record["health"], "lastHeartBeatTimestamp": stamp(store.clusters[config["cluster_uid"]]["heartbeat"]),
                                  "conditions": [{"type": "Ready", "status": "True" if ready else "False", "message": "",
                                                  "reason": "KubeletReady" if ready else "KubeletNotReady"}]},
                       **({"maintenanceStatus": record["maintenance"]} if record["maintenance"] else {})}}
