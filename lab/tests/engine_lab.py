# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the engine do with a real lab: call Palette, make installers in vCenter, wait for the engine."""

from __future__ import annotations

import ssl
from typing import Any, Iterator

import requests
from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim

from palette_lab import ova_descriptor, wait
from palette_lab.engine import session
from palette_lab.supervisor import Lab

POOL = {"start": "10.10.8.10", "end": "10.10.8.19", "gateway": "10.10.8.1", "prefix": 22, "nameserver": {"addresses": ["10.10.0.2"], "search": []}}
PLACEMENT = {"datacenter": "dc-1", "cluster": "cluster-1", "datastore": "ds-shared-1", "folder": "palette/gateways", "resourcePool": "palette/gateways",
             "imageTemplateFolder": "spectro-templates", "network": {"networkName": "pg-k8s", "staticIp": False}}


class Client:
    """Palette as tenant admin, the admin listener, and vCenter as administrator."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.web = requests.Session()
        self.web.trust_env = False
        self.web.verify = lab.env["PALETTE_CA_PATH"]
        self.web.headers["ApiKey"] = lab.env["PALETTE_API_KEY"]

    def palette(self, method: str, path: str, body: Any = None, status: int | None = None) -> Any:
        answer = self.web.request(method, self.lab.env["PALETTE_HOST"] + path, json=body, timeout=30)
        assert status is None and answer.ok or answer.status_code == status, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.web.request(method, self.lab.admin + path, json=body, timeout=60)
        assert answer.ok, (method, path, answer.text)
        return answer.json() if answer.content else None

    def advance(self, seconds: float) -> None:
        """Move the clock and let the engine do all that has become due."""
        self.admin("POST", "/clock", {"advance_seconds": seconds})
        self.idle()

    def idle(self) -> list[dict]:
        """Wait until nothing is due now; what waits for a later second of work is returned."""
        def calm() -> list | None:
            due = self.admin("GET", "/settled")["due"]
            return None if any(each["in_seconds_of_work"] <= 0 for each in due) else [due]

        seen = wait.until(calm, 30)
        assert seen, self.admin("GET", "/settled")
        return seen[0]

    def overlord(self, name: str) -> dict | None:
        return next((each for each in self.palette("GET", f"/v1/overlords?name={name}")["items"]), None)

    def cluster(self, name: str) -> dict:
        return self.palette("GET", f"/v1/spectroclusters/{self.overlord(name)['spec']['spectroClusterUid']}")

    def conditions(self, name: str) -> dict[str, tuple[str, str]]:
        return {each["type"]: (each["status"], each["reason"]) for each in self.cluster(name)["status"]["conditions"]}

    def events(self, name: str) -> list[tuple[str, str, str]]:
        items = self.palette("GET", f"/v1/events/components/spectrocluster/{self.overlord(name)['spec']['spectroClusterUid']}")["items"]
        return [(each["severity"], each["reason"], each["message"]) for each in items]

    def machines(self) -> dict[str, dict]:
        return {each["name"]: each for each in self.admin("GET", "/state")["vcenter"]["datacenters"][0]["vms"]}

    def pairing_code(self) -> str:
        return self.palette("GET", "/v1/overlords/pairing/code?cloudType=vsphere")["pairingCode"]

    def properties(self, name: str, **changed: str) -> dict[str, str]:
        """The page's labels and right values, with some changed."""
        right = {"Installer Name": name, "Console endpoint": self.lab.env["PALETTE_HOST"], "Pod CIDR": "192.168.0.0/16",
                 "Service cluster IP range": "10.96.0.0/12"}
        return {**right, **changed} if "Pairing Code" in changed else {**right, "Pairing Code": self.pairing_code(), **changed}

    def registered(self, name: str) -> dict:
        """A gateway in Pending with the lab's service account, made through an installer."""
        with vcenter(self.lab) as content:
            make_installer(content, f"{name}-installer", self.properties(name))
        self.idle()
        self.advance(301)
        found = self.overlord(name)
        assert found and found["status"]["state"] == "Pending"
        return found

    def account(self, uid: str, name: str) -> str:
        account = {"vcenterServer": f"{self.lab.env['VMWARE_HOST']}:{self.lab.env['VMWARE_PORT']}", "username": self.lab.env["VMWARE_USER"],
                   "password": self.lab.env["VMWARE_PASSWORD"], "insecure": False}
        return self.palette("POST", f"/v1/overlords/vsphere/{uid}/account", {"name": name, "shareWithProjects": True, "account": account})["uid"]

    def configured(self, name: str, size: int = 1, pool: dict | None = POOL, placements: list[dict] | None = None) -> str:
        """Account, pool and cloudconfig of a registered gateway; its uid."""
        uid = self.registered(name)["metadata"]["uid"]
        self.account(uid, name)
        self.palette("POST", f"/v1/overlords/vsphere/{uid}/cloudconfig", self.config(uid, size, pool, placements))
        return uid

    def config(self, uid: str, size: int, pool: dict | None = POOL, placements: list[dict] | None = None) -> dict:
        """The body of cloudconfig; makes the pool when the gateway has none."""
        given = [{**PLACEMENT, **each} for each in placements or [{}]]
        if pool:
            there = self.palette("GET", f"/v1/overlords/vsphere/{uid}/pools")["items"]
            pool_uid = there[0]["metadata"]["uid"] if there else self.palette(
                "POST", f"/v1/overlords/vsphere/{uid}/pools", {"metadata": {"name": "pool-a"}, "spec": {"pool": pool}})["uid"]
            given = [{**each, "network": {"networkName": "pg-k8s", "staticIp": True, "parentPoolUid": pool_uid}} for each in given]
        endpoint = {"type": "VIP" if pool else "DDNS", "host": "", "ddnsSearchDomain": "" if pool else "lab.local"}
        return {"size": size, "clusterConfig": {"staticIp": bool(pool), "sshKeys": [], "ntpServers": [], "controlPlaneEndpoint": endpoint,
                                                "placements": given}}


class vcenter:
    """`with vcenter(lab) as content`: a session of the administrator."""

    def __init__(self, lab: Lab) -> None:
        self.env = lab.env

    def __enter__(self) -> Any:
        self.instance = SmartConnect(host=self.env["VMWARE_HOST"], port=int(self.env["VMWARE_PORT"]), user=self.env["VMWARE_ADMIN_USER"],
                                     pwd=self.env["VMWARE_ADMIN_PASSWORD"], sslContext=ssl.create_default_context(cafile=self.env["VMWARE_CA_PATH"]))
        return self.instance.RetrieveContent()

    def __exit__(self, *_: Any) -> None:
        Disconnect(self.instance)


def find(content: Any, kind: type, name: str) -> Any:
    return next(row["object"] for row in session.read(content, {kind: ["name"]}) if row["name"] == name)


def make_installer(content: Any, name: str, values: dict[str, str], variant: str = "a", network: str = "VM Network") -> Any:
    """A powered-on machine with the installer's product section, as an OVF import leaves it."""
    shape = ova_descriptor.VARIANTS[variant]
    properties = [vim.vApp.PropertySpec(operation="add", info=vim.vApp.PropertyInfo(
        key=number, classId=shape.property_class, instanceId=shape.instance, id=key, label=label, type="string", value=values.get(label, ""),
        userConfigurable=True)) for number, (label, key) in enumerate(shape.keys.items())]
    product = vim.vApp.ProductSpec(operation="add", info=vim.vApp.ProductInfo(key=0, classId=shape.property_class, instanceId=shape.instance,
                                                                              name="Palette Private Cloud Gateway Installer"))
    backing = vim.vm.device.VirtualEthernetCard.NetworkBackingInfo(deviceName=network, network=find(content, vim.Network, network))
    card = vim.vm.device.VirtualDeviceSpec(operation="add", device=vim.vm.device.VirtualVmxnet3(key=-1, backing=backing))
    spec = vim.vm.ConfigSpec(name=name, guestId="ubuntu64Guest", numCPUs=2, memoryMB=4096, files=vim.vm.FileInfo(vmPathName="[ds-shared-1]"),
                             deviceChange=[card], vAppConfig=vim.vApp.VmConfigSpec(product=[product], property=properties))
    pool = session.read_one(content, find(content, vim.ClusterComputeResource, "cluster-1"), ["resourcePool"])["resourcePool"]
    machine = session.finished(content, find(content, vim.Folder, "palette").CreateVM_Task(spec, pool), "creation")
    power(content, machine, True)
    return machine


def power(content: Any, machine: Any, on: bool) -> None:
    session.finished(content, machine.PowerOnVM_Task() if on else machine.PowerOffVM_Task(), "power")


def fresh(lab: Lab) -> Iterator[Client]:
    """A client of a lab that is back at its site file."""
    client = Client(lab)
    client.admin("POST", "/reset")
    yield client
