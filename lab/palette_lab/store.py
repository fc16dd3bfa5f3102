# SPDX-License-Identifier: GPL-3.0-or-later
"""The one store of the Palette process: plain dicts by uid (lab/README.md, Records).

Who makes what:
- the API makes accounts, pools, dns_mappings, pairing_codes, and on POST …/cloudconfig a gateway's cluster and cloudconfig (`add_gateway_cluster`);
- the engine makes overlords (installer.register), machines, addresses in pools, conditions, events, notifications, and moves every state.
Nobody keeps `lock` while talking to vCenter.
"""

from __future__ import annotations

import copy
import random
import threading
from datetime import datetime
from typing import Any

from palette_lab import errors
from palette_lab.clock import Clock

SYSTEM_GATEWAY = "System Private Gateway"
GATEWAY_PROFILE = "gateway-profile"

RECORDS: dict[str, dict] = {
    "overlords": {"name": "", "labels": {}, "annotations": {}, "created": None, "modified": None, "deleted": None, "state": "Pending", "ip_address": "",
                  "account_uid": "", "cluster_uid": "", "is_system": False, "installer_moid": "", "pairing_code": "", "heartbeat": None, "config": None},
    "accounts": {"name": "", "annotations": {}, "created": None, "modified": None, "vcenter_server": "", "username": "", "password": "", "insecure": False,
                 "shared": True, "state": "Running"},
    "clusters": {"name": "", "kind": "gateway", "overlord_uid": "", "config_uid": "", "labels": {}, "annotations": {}, "created": None, "modified": None,
                 "deleted": None, "aborted": None, "state": "Provisioning", "health": "", "heartbeat": None, "conditions": [], "endpoint": "",
                 "profile_uid": "", "packs": [], "upgrades": []},
    "cloudconfigs": {"cluster_uid": "", "account_uid": "", "cluster_config": {}, "pools": [], "machines": {}},
    "pools": {"overlord_uid": "", "name": "", "restrict": False,
              "pool": {"start": "", "end": "", "subnet": "", "prefix": 0, "gateway": "", "nameserver": {"addresses": [], "search": []}}, "allotted": {}},
    "dns_mappings": {"gateway_uid": "", "datacenter": "", "network": "", "dns_name": "", "created": None, "modified": None},
    "projects": {"name": ""},
    "profiles": {"name": "", "type": "", "cloud_type": "", "version": "", "packs": [], "published": True, "project_uid": ""},
    "notifications": {"cluster_uid": "", "name": "", "type": "", "action_type": "", "message": "", "done": False, "ack": False},
}
KINDS = {"overlords": "Overlord", "accounts": "CloudAccount", "clusters": "Cluster", "cloudconfigs": "CloudConfig", "pools": "IpPool",
         "dns_mappings": "DnsMapping", "projects": "Project", "profiles": "ClusterProfile", "notifications": "Notification"}
GATEWAY_PACKS = [
    {"name": "ubuntu-vsphere", "layer": "os", "type": "spectro", "tag": "22.04", "version": "22.04", "values": ""},
    {"name": "kubernetes", "layer": "k8s", "type": "spectro", "tag": "1.31.4", "version": "1.31.4", "values": "pack: {}\n"},
    {"name": "cni-calico", "layer": "cni", "type": "spectro", "tag": "3.29.2", "version": "3.29.2", "values": ""},
    {"name": "csi-vsphere-csi", "layer": "csi", "type": "spectro", "tag": "3.4.0", "version": "3.4.0", "values": ""},
]


class Store:
    """Records by collection and uid, one re-entrant lock, one seeded source of uids, the lab's clock.

    `pairing_codes` is {code: {code, created, used_by}}; `events` is {cluster uid: [{uid, at, reason, message, severity, component}]};
    `seeded` lists the overlords for which the engine has to make machines ({"type": "gateway.seed", "uid"}).
    """

    def __init__(self, site: dict, clock: Clock | None = None) -> None:
        self.lock = threading.RLock()
        self.clock = clock or Clock(site.get("settings", {}).get("speed", 60))
        self.reset(site)

    def reset(self, site: dict) -> None:
        """Back to the site: projects, the locked gateway profile, seeded gateways. The clock is left as it is."""
        with self.lock:
            self.site = site
            self._random = random.Random(f"uid-{site.get('settings', {}).get('seed', 1)}")
            self._secrets = random.Random(f"pairing-{site.get('settings', {}).get('seed', 1)}")
            self.overlords: dict[str, dict] = {}
            self.accounts: dict[str, dict] = {}
            self.clusters: dict[str, dict] = {}
            self.cloudconfigs: dict[str, dict] = {}
            self.pools: dict[str, dict] = {}
            self.dns_mappings: dict[str, dict] = {}
            self.projects: dict[str, dict] = {}
            self.profiles: dict[str, dict] = {}
            self.notifications: dict[str, dict] = {}
            self.pairing_codes: dict[str, dict] = {}
            self.events: dict[str, list] = {}
            self.seeded: list[str] = []
            self.tenant_uid = self.new_uid()
            self.users = [dict(user, uid=self.new_uid()) for user in site["palette"].get("users", [])]
            for name in site["palette"].get("projects", []):
                self.add("projects", name=name)
            packs = [dict(pack, uid=self.new_uid()) for pack in GATEWAY_PACKS]
            self.gateway_profile_uid = self.add("profiles", name=GATEWAY_PROFILE, type="system", cloud_type="vsphere", version="1.0.0", packs=packs)["uid"]
            for profile in site["palette"].get("cluster_profiles") or []:
                seed_profile(self, profile)
            for gateway in site["palette"].get("gateways") or []:
                self.seeded.append(seed_gateway(self, gateway)["uid"])

    def now(self) -> datetime:
        return self.clock.now()

    def new_uid(self) -> str:
        """24 hex digits, as Palette's object ids are."""
        with self.lock:
            return f"{self._random.getrandbits(96):024x}"

    def new_pairing_code(self) -> str:
        with self.lock:
            return "".join(self._secrets.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(24))

    def add(self, collection: str, **fields) -> dict:
        """Make and keep a record with every key present; uid and times are filled in. Raises KeyError for a field the record does not have."""
        with self.lock:
            unknown = set(fields) - set(RECORDS[collection]) - {"uid"}
            if unknown:
                raise KeyError(f"{collection} has no {sorted(unknown)}")
            record = {"uid": fields.get("uid") or self.new_uid(), **copy.deepcopy(RECORDS[collection]), **fields}
            moment = self.now()
            record.update({key: moment for key in ("created", "modified") if key in record and record[key] is None})
            getattr(self, collection)[record["uid"]] = record
            return record

    def find(self, collection: str, uid: str) -> dict:
        """The record. Raises ApiError 404 ResourceNotFound."""
        with self.lock:
            record = getattr(self, collection).get(uid)
            if record is None:
                raise errors.not_found(KINDS[collection], uid)
            return record

    def where(self, collection: str, **fields) -> list[dict]:
        """Records whose fields equal these, in order of creation."""
        with self.lock:
            return [record for record in getattr(self, collection).values() if all(record[key] == value for key, value in fields.items())]

    def add_event(self, cluster_uid: str, reason: str, message: str, severity: str = "Normal", component: str = "palette") -> dict:
        """Keep the last 1,000 events of a cluster, as Palette does."""
        with self.lock:
            event = {"uid": self.new_uid(), "at": self.now(), "reason": reason, "message": message, "severity": severity, "component": component}
            kept = self.events.setdefault(cluster_uid, [])
            kept.append(event)
            del kept[:-1000]
            return event


def seed_profile(store: Store, profile: dict) -> dict:
    """A cluster profile of the site file: {name, version, cloud_type, type, published, packs, project?}. Without packs it has those of a gateway."""
    project = store.where("projects", name=profile["project"])[0]["uid"] if profile.get("project") else ""
    packs = [{"type": "spectro", "values": "", "version": pack["tag"], **pack, "uid": store.new_uid()} for pack in profile.get("packs") or GATEWAY_PACKS]
    return store.add("profiles", name=profile["name"], type=profile.get("type") or "cluster", cloud_type=profile.get("cloud_type") or "vsphere",
                     version=str(profile.get("version") or "1.0.0"), published=profile.get("published", True), project_uid=project, packs=packs)


def pool_in_read_shape(store: Store, config: dict) -> dict:
    """The gateway's one machine pool (API read shape) out of the v1OverlordVsphereCloudConfig that was sent."""
    placements = [placement_in_read_shape(store, placement) for placement in config["clusterConfig"].get("placements") or []]
    return {"name": "cp-pool", "isControlPlane": True, "useControlPlaneAsWorker": True, "size": config.get("size") or 1, "minSize": config.get("size") or 1,
            "maxSize": config.get("size") or 1, "labels": ["control-plane"], "additionalLabels": {}, "taints": [],
            "updateStrategy": {"type": "RollingUpdateScaleOut"}, "instanceType": {"numCPUs": 4, "memoryMiB": 4096, "diskGiB": 60}, "placements": placements}


def placement_in_read_shape(store: Store, placement: dict) -> dict:
    """Write shape has network.parentPoolUid, read shape network.parentPoolRef (palette-api 5.4)."""
    network = placement.get("network") or {}
    shape: dict[str, Any] = {"uid": placement.get("uid") or store.new_uid()}
    for key in ("datacenter", "folder", "cluster", "datastore", "resourcePool", "imageTemplateFolder", "storagePolicyName"):
        shape[key] = placement.get(key) or ""
    shape["network"] = {"networkName": network.get("networkName") or "", "staticIp": bool(network.get("staticIp"))}
    pool = store.pools.get(network.get("parentPoolUid") or "")
    if pool:
        shape["network"]["parentPoolRef"] = {"uid": pool["uid"], "kind": "ippool", "name": pool["name"]}
    return shape


def cluster_config_in_read_shape(config: dict) -> dict:
    """clusterConfig of a cloudconfig (v1VsphereClusterConfig) out of the overlord's cloudconfig; `placement` is its first fault domain."""
    sent = config["clusterConfig"]
    first = (sent.get("placements") or [{}])[0]
    endpoint = sent.get("controlPlaneEndpoint") or {}
    return {"sshKeys": list(sent.get("sshKeys") or []), "ntpServers": list(sent.get("ntpServers") or []), "staticIp": bool(sent.get("staticIp")),
            "controlPlaneEndpoint": {"type": endpoint.get("type") or "VIP", "host": endpoint.get("host") or "",
                                     "ddnsSearchDomain": endpoint.get("ddnsSearchDomain") or ""},
            "placement": {"datacenter": first.get("datacenter") or "", "folder": first.get("folder") or "",
                          "imageTemplateFolder": first.get("imageTemplateFolder") or "spectro-templates"}}


def add_gateway_cluster(store: Store, overlord: dict, config: dict) -> dict:
    """Make the gateway's own cluster and its cloudconfig, without machines, and point the overlord at them. Returns the cluster."""
    with store.lock:
        cluster_uid, config_uid = store.new_uid(), store.new_uid()
        profile = store.profiles[store.gateway_profile_uid]
        store.add("cloudconfigs", uid=config_uid, cluster_uid=cluster_uid, account_uid=overlord["account_uid"],
                  cluster_config=cluster_config_in_read_shape(config), pools=[pool_in_read_shape(store, config)])
        cluster = store.add("clusters", uid=cluster_uid, name=overlord["name"], kind="gateway", overlord_uid=overlord["uid"], config_uid=config_uid,
                            annotations={"overlordUid": overlord["uid"], "scope": "tenant", "tenantUid": store.tenant_uid},
                            profile_uid=profile["uid"], packs=copy.deepcopy(profile["packs"]))
        overlord.update(cluster_uid=cluster_uid, config=copy.deepcopy(config), modified=store.now())
        return cluster


def seed_gateway(store: Store, gateway: dict) -> dict:
    """A Running gateway of the site file: {name, size, datacenter, placements, pool?, account?, ssh_keys?, ntp_servers?}; its machines are the engine's work.

    Placements are in the API's write shape or in the field's words (compute_cluster, resource_pool, network as a name).
    """
    overlord = store.add("overlords", name=gateway["name"], state="Running", is_system=bool(gateway.get("system")),
                         annotations={"cloudType": "vsphere", "scope": "tenant"}, heartbeat=store.now(), ip_address=gateway.get("ip_address", ""))
    account = gateway.get("account") or default_account(store.site)
    overlord["account_uid"] = store.add(
        "accounts", name=gateway["name"], annotations={"overlordUid": overlord["uid"], "scope": "tenant"}, vcenter_server=account["vcenter_server"],
        username=account["username"], password=account["password"], insecure=bool(account.get("insecure", True)))["uid"]
    pool = None
    if gateway.get("pool"):
        given = gateway["pool"]
        shape = copy.deepcopy(RECORDS["pools"]["pool"])
        shape.update({key: given[key] for key in ("start", "end", "subnet", "gateway") if given.get(key)}, prefix=int(given.get("prefix") or 0))
        shape["nameserver"] = {"addresses": list(given.get("nameservers") or []), "search": list(given.get("search") or [])}
        pool = store.add("pools", overlord_uid=overlord["uid"], name=given.get("name") or f"{gateway['name']}-pool",
                         restrict=bool(given.get("restrict")), pool=shape)
    placements = [seed_placement(gateway, placement, pool) for placement in gateway["placements"]]
    config = {"size": int(gateway.get("size") or 1),
              "clusterConfig": {"staticIp": pool is not None, "sshKeys": list(gateway.get("ssh_keys") or []), "placements": placements,
                                "ntpServers": list(gateway.get("ntp_servers") or []),
                                "controlPlaneEndpoint": {"type": "VIP" if pool else "DDNS", "host": "", "ddnsSearchDomain": ""}},
              "clusterProfiles": [{"uid": store.gateway_profile_uid, "packValues": []}]}
    add_gateway_cluster(store, overlord, config)
    return overlord


def seed_placement(gateway: dict, placement: dict, pool: dict | None) -> dict:
    network = placement["network"] if isinstance(placement["network"], dict) else {"networkName": placement["network"]}
    network = dict(network, staticIp=pool is not None, **({"parentPoolUid": pool["uid"]} if pool else {}))
    return {"datacenter": placement.get("datacenter") or gateway.get("datacenter", ""),
            "cluster": placement.get("cluster") or placement.get("compute_cluster", ""),
            "resourcePool": placement.get("resourcePool") or placement.get("resource_pool", ""),
            "datastore": placement["datastore"], "folder": placement.get("folder", ""), "network": network,
            "imageTemplateFolder": placement.get("imageTemplateFolder") or placement.get("image_template_folder") or "spectro-templates"}


def default_account(site: dict) -> dict:
    """The site's service account: the first vCenter user who is not an administrator."""
    users = site["vcenter"]["users"]
    user = next((each for each in users if not each.get("admin")), users[0])
    return {"vcenter_server": site["vcenter"]["listen"], "username": user["name"], "password": user["password"], "insecure": True}
