# SPDX-License-Identifier: GPL-3.0-or-later
"""How a gateway is provisioned, resized, reset and deleted. Pure: functions change the copied `state` that step.py hands them.

`state` is {now, seed, overlord, cluster, config, pools, leases, elsewhere, networks, job, events}; records as in lab/README.md, None where there is none.
A job is {kind: "provision" | "resize" | "seed" | "", generation, vip}; events and outcomes of an older generation are ignored.
Returned: intents for vsphere.execute, and (event, absolute second of work) pairs.
"""

from __future__ import annotations

import hashlib
import ipaddress
from typing import NamedTuple

from palette_lab.engine import addresses
from palette_lab.engine.errors import AddressesExhausted

RETRY_SECONDS = 30.0
JOIN_SECONDS = 90.0
RESIZE_LEAD_SECONDS = 30.0
DELETE_SECONDS = 30.0
POOL_NAME = "cp-pool"
LETTERS = "bcdfghjklmnpqrstvwxz2456789"
Steps = tuple[list[dict], list[tuple[dict, float]]]


class Phase(NamedTuple):
    """One part of provisioning: its condition, the condition's reason when done, seconds of work before it, and what its end is called in the events."""

    condition: str
    done: str
    lead: float
    message: str


PHASES = {
    "account": Phase("", "CloudAccountValidated", 0, "vCenter accepts the cloud account"),
    "image": Phase("ImageResolutionDone", "ImageResolved", 60, "the node image is in the image template folder"),
    "infrastructure": Phase("CloudInfrastructureReady", "InfrastructureReady", 90, "the first control plane machine runs"),
    "bootstrap": Phase("BootstrappingDone", "Bootstrapped", 150, "Kubernetes runs on the first control plane machine"),
    "kubeconfig": Phase("KubeConfigReady", "KubeConfigReady", 60, "the API server answers at the control plane endpoint"),
    "nodes": Phase("ControlPlaneNodeAdditionDone", "ControlPlaneNodeAdditionDone", 60, "all control planes are updated"),
    "addons": Phase("AddOnDeploymentDone", "AddOnDeploymentDone", 120, "the gateway's services run"),
}
ORDER = list(PHASES)


def configure(state: dict, event: dict, work: float) -> Steps:
    """POST cloudconfig: from the beginning."""
    start_job(state, "provision")
    state["overlord"]["state"] = state["cluster"]["state"] = "Provisioning"
    note(state, "ClusterProvisioning", f"provisioning of the gateway cluster with {size(state)} node(s) begins")
    return run_phase(state, "account", event["due"], work)


def update(state: dict, event: dict, work: float) -> Steps:
    """PUT cloudconfig: nodes that are missing are added while the gateway stays Running."""
    if state["overlord"]["state"] != "Running" or state["job"]["kind"] or len(state["config"]["machines"]) >= size(state):
        return [], []
    start_job(state, "resize")
    condition(state, "ControlPlaneNodeAdditionDone", "False", "InProgress", "")
    note(state, "ResizingControlPlane", f"the gateway is being resized to {size(state)} nodes")
    return [], [(next_step(state, "nodes"), event["due"] + RESIZE_LEAD_SECONDS)]


def seed(state: dict, event: dict, work: float) -> Steps:
    """A gateway of the site file: all machines at once, no work."""
    if state["cluster"]["state"] == "Running":
        return [], []
    start_job(state, "seed")
    return run_phase(state, "seed", event["due"], work)


def reset(state: dict, event: dict, work: float) -> Steps:
    """Back to Pending: the cluster's records go, its addresses are free, its machines stay in vCenter (the page, Provisioning stalled/failure)."""
    end_job(state)
    drop_cluster(state)
    state["overlord"].update(state="Pending", cluster_uid="", config=None, modified=state["now"])
    return [], []


def delete(state: dict, event: dict, work: float) -> Steps:
    """The records go a little later; the machines stay in vCenter (the page, Deleting a VMware Cloud Gateway)."""
    end_job(state)
    state["overlord"].update(state="Deleting", deleted=state["overlord"]["deleted"] or state["now"])
    if state["cluster"]:
        state["cluster"]["state"] = "Deleting"
    return [], [({"type": "gateway.gone", "uid": state["overlord"]["uid"]}, event["due"] + DELETE_SECONDS)]


def gone(state: dict, event: dict, work: float) -> Steps:
    drop_cluster(state)
    state["overlord"], state["pools"] = None, {}
    return [], []


def advance(state: dict, event: dict, work: float) -> Steps:
    """gateway.step: the lead of a phase is over."""
    return run_phase(state, event["phase"], event["due"], work) if is_current(state, event) else ([], [])


def outcome(state: dict, event: dict, work: float) -> Steps:
    """The intents of a phase were executed: results in their order, or the first error."""
    if not is_current(state, event):
        return [], []
    if event["error"]:
        return fail(state, event["phase"], event["error"]["reason"], event["error"]["message"], work)
    machines = state["config"]["machines"]
    for result in event["results"]:
        if result.get("machine") in machines:
            machines[result["machine"]]["moid"] = result["moid"]
            note(state, "NodeCreated", f"virtual machine {machines[result['machine']]['name']} runs on host {result['host']}")
    if event["phase"] == "seed":
        return finish_seed(state)
    if event["phase"] == "nodes":
        return [], [(next_step(state, "nodes"), event["due"] + JOIN_SECONDS)]
    return complete(state, event["phase"], event["due"])


def is_current(state: dict, event: dict) -> bool:
    return state["overlord"] is not None and state["cluster"] is not None and event["generation"] == state["job"]["generation"]


def run_phase(state: dict, phase: str, due: float, work: float) -> Steps:
    """The phase's intents, or its end when it needs none."""
    machines = state["config"]["machines"]
    try:
        if phase in ("infrastructure", "nodes", "seed"):
            ensure_machines(state)
    except AddressesExhausted as error:
        return fail(state, phase, error.reason, error.message, work)
    if phase == "account":
        return [intent(state, phase, {"type": "account.check"})], []
    if phase == "image":
        note(state, "LocatingBaseImage", f"looking for {template_name(state)} in the image template folder")
        return template_intents(state, phase), []
    if phase == "infrastructure":
        return [machine_intent(state, phase, next(iter(machines.values())))], []
    if phase == "seed":
        return template_intents(state, phase) + [machine_intent(state, phase, machine) for machine in machines.values()], []
    if phase == "bootstrap":
        problem = unreachable(state, next(iter(machines.values())))
        if problem:
            return fail(state, phase, "FailedBootstrapping", problem, work)
        joined(machines)
    if phase == "kubeconfig":
        state["cluster"]["endpoint"] = state["job"]["vip"]
    if phase == "nodes":
        joined(machines)
        pending = next((machine for machine in machines.values() if not machine["moid"]), None)
        if pending:
            return [machine_intent(state, phase, pending)], []
    return complete(state, phase, due)


def complete(state: dict, phase: str, due: float) -> Steps:
    """The phase is done: its condition is True; the next one follows after its lead, or the gateway is Running."""
    row = PHASES[phase]
    if row.condition:
        condition(state, row.condition, "True", row.done, "")
    note(state, row.done, row.message)
    if state["job"]["kind"] == "resize":
        end_job(state)
        return [], []
    if phase == ORDER[-1]:
        run(state)
        return [], []
    following = ORDER[ORDER.index(phase) + 1]
    condition(state, PHASES[following].condition, "False", "InProgress", "")
    return [], [(next_step(state, following), due + PHASES[following].lead)]


def fail(state: dict, phase: str, reason: str, message: str, work: float) -> Steps:
    """A False condition, an Error event, and another try in 30 seconds of work."""
    known = PHASES["infrastructure" if phase in ("account", "seed") else phase]
    condition(state, known.condition, "False", reason, message)
    note(state, reason, message, "Error")
    return [], [(next_step(state, phase), work + RETRY_SECONDS)]


def finish_seed(state: dict) -> Steps:
    state["cluster"]["endpoint"] = state["job"]["vip"]
    joined(state["config"]["machines"])
    for row in PHASES.values():
        if row.condition:
            condition(state, row.condition, "True", row.done, "")
    run(state)
    return [], []


def run(state: dict) -> None:
    end_job(state)
    state["overlord"].update(state="Running", heartbeat=state["now"], modified=state["now"])
    state["cluster"].update(state="Running", health="Healthy", heartbeat=state["now"], modified=state["now"])
    note(state, "ClusterRunning", "the gateway is Running")


def ensure_machines(state: dict) -> None:
    """Machine records, with addresses, up to the pool's size, and the control plane's address. Raises AddressesExhausted and then changes nothing."""
    config, cluster = state["config"], state["cluster"]["uid"]
    placements = config["pools"][0]["placements"]
    endpoint = config["cluster_config"]["controlPlaneEndpoint"]
    fresh = [new_machine(state, number, placements[number % len(placements)]) for number in range(len(config["machines"]), size(state))]
    wants: list[tuple[dict, dict]] = [(machine["placement"], {"use": "node", "machine": machine["uid"]}) for machine in fresh]
    if not state["job"]["vip"]:
        wants.insert(0, (placements[0], {"use": "vip", "machine": None, "address": endpoint.get("host") or ""}))
    by_pool: dict[str, list[dict]] = {}
    for placement, want in wants:
        by_pool.setdefault(pool_uid(placement), []).append(want)
    before = {uid: dict(pool["allotted"]) for uid, pool in state["pools"].items()}
    try:
        given = {uid: iter(allot(state, uid, each, cluster)) for uid, each in by_pool.items() if uid}
        taken = [next(given[pool_uid(placement)]) if pool_uid(placement) else dynamic(state, placement, want) for placement, want in wants]
    except AddressesExhausted:
        for uid, allotted in before.items():
            state["pools"][uid]["allotted"] = allotted
        raise
    if not state["job"]["vip"]:
        state["job"]["vip"] = taken.pop(0)
    for machine, address in zip(fresh, taken):
        machine["address"] = address
        config["machines"][machine["uid"]] = machine


def allot(state: dict, uid: str, wants: list[dict], cluster: str) -> list[str]:
    """One more address than is taken must be free: the page's control-plane extra, in the pool of the first placement."""
    if uid not in state["pools"]:
        raise AddressesExhausted("FailedIPAllocation", f"IP pool {uid} of a placement is not there any more")
    first = pool_uid(state["config"]["pools"][0]["placements"][0])
    return addresses.take(state["pools"][uid], cluster, wants, spare=1 if uid == first else 0, elsewhere=state["elsewhere"])


def dynamic(state: dict, placement: dict, want: dict) -> str:
    """DHCP; the endpoint is the given host or, for DDNS, the name that the domain will resolve."""
    endpoint = state["config"]["cluster_config"]["controlPlaneEndpoint"]
    if want["use"] == "vip" and (endpoint["host"] or endpoint["type"] == "DDNS"):
        return endpoint["host"] or f"{state['cluster']['name']}.{endpoint['ddnsSearchDomain'] or 'local'}"
    return addresses.lease(state["networks"], state["leases"], placement["network"]["networkName"], want["machine"] or f"vip:{state['cluster']['uid']}")


def new_machine(state: dict, number: int, placement: dict) -> dict:
    """A machine record; name and uid follow from the lab's seed, the cluster and the number."""
    digest = hashlib.sha256(f"{state['seed']}/{state['cluster']['uid']}/{number}".encode()).digest()
    suffix = "".join(LETTERS[byte % len(LETTERS)] for byte in digest[12:17])
    return {"uid": digest[:12].hex(), "name": f"{state['overlord']['name']}-cp-{suffix}", "pool": POOL_NAME, "state": "Pending", "moid": "", "address": "",
            "placement": placement, "health": "", "created": state["now"], "maintenance": None}


def unreachable(state: dict, machine: dict) -> str:
    """Why nobody reaches a machine with this address on its network; "" when somebody does."""
    network = machine["placement"]["network"]["networkName"]
    facts = addresses.network_facts(state["networks"], network)
    if facts is None or ipaddress.ip_address(machine["address"]) in ipaddress.ip_network(facts["cidr"]):
        return ""
    return f"{machine['name']} with address {machine['address']} does not answer: network '{network}' is {facts['cidr']}"


def joined(machines: dict) -> None:
    for machine in machines.values():
        if machine["moid"] and machine["state"] != "Running":
            machine.update(state="Running", health="Healthy")


def template_intents(state: dict, phase: str) -> list[dict]:
    """One template per datacenter of the placements."""
    by_datacenter = {each["datacenter"]: each for each in reversed(state["config"]["pools"][0]["placements"])}
    shape = state["config"]["pools"][0]["instanceType"]
    return [intent(state, phase, {"type": "template.ensure", "name": template_name(state), "folder": template_folder(placement), "placement": placement,
                                  "cpus": shape["numCPUs"], "memory_mib": shape["memoryMiB"], "disk_gib": shape["diskGiB"]})
            for placement in reversed(by_datacenter.values())]


def machine_intent(state: dict, phase: str, machine: dict) -> dict:
    machine["state"] = "Provisioning"
    shape = state["config"]["pools"][0]["instanceType"]
    return intent(state, phase, {
        "type": "vm.ensure", "machine": machine["uid"], "name": machine["name"], "placement": machine["placement"], "address": machine["address"],
        "template": {"folder": template_folder(machine["placement"]), "name": template_name(state)}, "cpus": shape["numCPUs"],
        "memory_mib": shape["memoryMiB"], "cluster_uid": state["cluster"]["uid"]})


def intent(state: dict, phase: str, content: dict) -> dict:
    return {**content, "uid": state["overlord"]["uid"], "generation": state["job"]["generation"], "phase": phase}


def template_name(state: dict) -> str:
    """r_u-<Ubuntu>-0-k-<Kubernetes>-0, as Palette names its node images (palette-api 5.4)."""
    tags = {pack["layer"]: pack["version"].replace(".", "") for pack in state["cluster"]["packs"]}
    return f"r_u-{tags.get('os', '2204')}-0-k-{tags.get('k8s', '0')}-0"


def template_folder(placement: dict) -> str:
    return placement.get("imageTemplateFolder") or "spectro-templates"


def next_step(state: dict, phase: str) -> dict:
    return {"type": "gateway.step", "uid": state["overlord"]["uid"], "generation": state["job"]["generation"], "phase": phase}


def start_job(state: dict, kind: str) -> None:
    vip = state["job"]["vip"] if kind == "resize" else ""
    state["job"] = {"kind": kind, "generation": state["job"]["generation"] + 1, "vip": vip or state["cluster"]["endpoint"]}


def end_job(state: dict) -> None:
    state["job"] = {"kind": "", "generation": state["job"]["generation"] + 1, "vip": ""}


def drop_cluster(state: dict) -> None:
    if state["cluster"]:
        for pool in state["pools"].values():
            addresses.release(pool, state["cluster"]["uid"])
    state["cluster"] = state["config"] = None


def size(state: dict) -> int:
    return state["config"]["pools"][0]["size"]


def pool_uid(placement: dict) -> str:
    """"" when the placement takes its addresses from DHCP."""
    network = placement["network"]
    return (network.get("parentPoolRef") or {}).get("uid", "") if network.get("staticIp") else ""


def condition(state: dict, kind: str, status: str, reason: str, message: str) -> None:
    """Set one condition; `at` moves only when the status does."""
    rows = state["cluster"]["conditions"]
    before = next((row for row in rows if row["type"] == kind), None)
    if before is None:
        rows.append({"type": kind, "status": status, "reason": reason, "message": message, "at": state["now"]})
        return
    before.update(reason=reason, message=message, at=before["at"] if before["status"] == status else state["now"], status=status)


def note(state: dict, reason: str, message: str, severity: str = "Normal") -> None:
    state["events"].append({"reason": reason, "message": message, "severity": severity, "component": "palette"})
