# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings an installer's VM into vCenter, proves it and finishes it; powers it; removes it. PRIVATE to the collection."""
from __future__ import annotations

import secrets
import uuid

from . import _ova
from ._errors import Failure, InputRefused, PaletteBadAnswer, PlanRefused, VcenterFailure
from ._gateway_object import GATEWAYS
from ._installer_properties import assignments, digests, of_vm, revealed
from ._installer_vm import OWNER, marker, marks
from ._inventory import child
from ._lease import import_vm, remove
from ._secret import Secret
from ._vsphere import label, vim

TASK_TIMEOUT = 300
PROVISIONING = {"thin": "thin", "thick": "thick", "eager_zeroed_thick": "eagerZeroedThick"}


def map_networks(wanted, declared):
    """[network of the OVF that is mapped]. Raises InputRefused with the valid names of both sides (faults A18)."""
    if list(wanted) == [""]:
        if len(declared) > 1:
            raise InputRefused("the OVA has several networks", where="option network", observed=", ".join(declared), fix="map each of them in networks")
        return sorted(declared)
    unknown, unmapped = sorted(set(wanted) - set(declared)), sorted(set(declared) - set(wanted))
    if unknown or unmapped:
        raise InputRefused("networks does not fit the OVA", where="option networks", observed="; ".join(
            part for part in (f"not in the OVA: {', '.join(unknown)}" if unknown else "", f"not mapped: {', '.join(unmapped)}" if unmapped else "") if part),
            expected=f"the OVA's networks: {', '.join(declared)}", fix="map each of the OVA's networks, and no other")
    return sorted(wanted)


def space_needed(descriptor, disk_format):
    """Bytes on the datastore: whole disks, or for thin ones what is in them as far as the OVF tells."""
    if disk_format != "thin":
        return sum(disk["capacity"] for disk in descriptor["disks"])
    return sum(disk["populated"] if disk["populated"] is not None else disk["size"] or 0 for disk in descriptor["disks"])


def pairing_code(site):
    """A new code from Palette. Fetching it is a write: each is for one installer (API: pairing/code)."""
    code = site.palette().get(f"{GATEWAYS}/pairing/code", query={"cloudType": "vsphere"}).get("pairingCode")
    if not isinstance(code, str) or not code:
        raise PaletteBadAnswer("Palette's answer holds no pairing code", where=f"GET {GATEWAYS}/pairing/code",
                               fix="set pairing_code to the one that Palette's UI shows")
    return Secret(code)


def landing_host(vsphere, cluster, datastore):
    """A host for a compute cluster without DRS, where vCenter does not choose one: connected, not in maintenance, with the datastore. None with DRS."""
    row = vsphere.get(cluster, ("configurationEx.drsConfig.enabled", "host")) if isinstance(cluster, vim.ClusterComputeResource) else vsphere.get(cluster,
                                                                                                                                                  ("host",))
    if row.get("configurationEx.drsConfig.enabled"):
        return None
    hosts = vsphere.read(row.get("host", []), ("name", "runtime.connectionState", "runtime.inMaintenanceMode", "datastore"))
    fit = sorted((facts["name"], host) for host, facts in hosts.items() if facts.get("runtime.connectionState") == "connected"
                 and not facts.get("runtime.inMaintenanceMode") and datastore in facts.get("datastore", []))
    if not fit:
        raise PlanRefused("no host of the compute cluster can take the VM", where=label(cluster),
                          expected="a connected host, not in maintenance mode, with the datastore",
                          fix="connect a host, end its maintenance mode, or choose a datastore that it has")
    return min(fit, key=lambda entry: entry[0])[1]


def import_spec(site, desired, observed, values, host):
    """OvfCreateImportSpecResult. Raises VcenterFailure for its errors; its warnings become ours."""
    places, mapping = observed["places"], observed["mapping"]
    parameters = vim.OvfManager.CreateImportSpecParams(
        locale="", deploymentOption="", entityName=desired["name"], diskProvisioning=PROVISIONING[desired["disk_format"]], hostSystem=host,
        propertyMapping=[vim.KeyValue(key=key, value=value) for key, value in sorted(values.items())],
        networkMapping=[vim.OvfManager.NetworkMapping(name=name, network=places["networks"].get(name, places["networks"].get(""))) for name in mapping])
    manager = site.vsphere.content.ovfManager
    made = site.vsphere.call(lambda: manager.CreateImportSpec(observed["head"]["text"], places["resource_pool"], places["datastore"], parameters),
                             "reading the OVF in vCenter", f"OVA {observed['head']['shown']}", idempotent=True)
    for fault in made.error or []:
        raise site.vsphere.failure(getattr(fault, "fault", fault) or fault, "vCenter refuses the OVF", f"OVA {observed['head']['shown']}")
    return made


def first_marks(desired, observed, context, run):
    now, salt = context.clock.now().isoformat(timespec="seconds"), secrets.token_hex(8)
    checksum = ":".join(desired["checksum"]) if desired["checksum"] else f"ovf-sha256:{observed['head']['digest']}"
    return {"owner": OWNER, "run": run, "started": now, "heartbeat": now, "finished": "", "checksum": checksum, "secrets": digests(desired["properties"], salt)}


def create(site, desired, observed, context):
    """Imports the VM, reads its properties back, marks it finished; returns it."""
    code = desired["properties"].get("pairing_code") or pairing_code(site)
    properties = {**desired["properties"], "pairing_code": code}
    context.secrets.extend(revealed(value) for value in properties.values() if isinstance(value, Secret))
    return carry(site, {**desired, "properties": properties}, observed, context)


def carry(site, desired, observed, context):
    vsphere, places, head, run = site.vsphere, observed["places"], observed["head"], uuid.uuid4().hex
    values = assignments(desired, head["descriptor"]["properties"])
    host = landing_host(vsphere, places["compute_cluster"], places["datastore"])
    made = import_spec(site, desired, observed, values, host)
    config = made.importSpec.configSpec
    config.extraConfig = list(config.extraConfig or []) + marks(first_marks(desired, observed, context, run))

    def find_ours():
        vm = child(vsphere, places["folder"], desired["name"], vim.VirtualMachine)
        return vm if vm is not None and marker(vsphere.get(vm, ("config.extraConfig",)).get("config.extraConfig")).get("run") == run else None

    order = {"name": desired["name"], "spec": made.importSpec, "items": made.fileItem or [], "pool": places["resource_pool"], "folder": places["folder"],
             "host": host,
             "validate": desired["validate_host"], "stall_timeout": desired["stall_timeout"], "find_ours": find_ours, "mark": heartbeat(vsphere, context)}
    place, rule = observed["ova"], desired["manifest"]
    vm, _digests = import_vm(vsphere, order, lambda: _ova.opened(place, head, rule, desired["checksum"]), context)
    try:
        read_back(vsphere, vm, values)
    except Failure:
        remove(vsphere, vm, context)
        raise
    try:
        reconfigure(vsphere, vm, {"finished": context.clock.now().isoformat(timespec="seconds")}, context)
    except Failure as failure:
        failure.changed_something, failure.leftovers = True, sorted({*failure.leftovers, f"VM {desired['name']}, which the next run replaces"})
        raise
    return vm


def heartbeat(vsphere, context):
    """mark(vm): lets others see that the import lives. A vCenter that refuses to change a VM under import is left alone: its own task moves then."""
    refused = []

    def mark(vm):
        if refused:
            return
        spec = vim.vm.ConfigSpec(extraConfig=marks({"heartbeat": context.clock.now().isoformat(timespec="seconds")}))
        try:
            vsphere.call(lambda: vm.ReconfigVM_Task(spec), "marking the import as alive", label(vm), idempotent=True)
        except VcenterFailure as failure:
            if failure.fault not in ("TaskInProgress", "InvalidState", "MethodDisabled", "InvalidPowerState"):
                raise
            refused.append(failure.fault)
    return mark


def reconfigure(vsphere, vm, values, context):
    spec = vim.vm.ConfigSpec(extraConfig=marks(values))
    task = vsphere.call(lambda: vm.ReconfigVM_Task(spec), "marking the VM", label(vm), idempotent=True)
    vsphere.wait_task(task, context, TASK_TIMEOUT, "marking the VM", label(vm))


def read_back(vsphere, vm, values):
    """Raises VcenterFailure when a property is not on the VM as it was given; servers drop unknown ones without a word. Names keys, never values."""
    found = {entry["id"]: entry for entry in of_vm(vsphere.get(vm, ("config.vAppConfig.property",)).get("config.vAppConfig.property"))}
    lacking = sorted(key for key in values if key not in found)
    wrong = sorted(key for key,
                   value in values.items() if key in found and not found[key]["password"] and (found[key]["value"] or found[key]["default"]) != value)
    if lacking or wrong:
        raise VcenterFailure("vCenter did not take the properties as they were given", where=label(vm), fault="PropertiesDiffer", observed="; ".join(
            part for part in (f"missing: {', '.join(lacking)}" if lacking else "", f"different: {', '.join(wrong)}" if wrong else "") if part),
            fix="report this with the OVA's version; the VM was removed")


def power(vsphere, vm, wanted, context):
    """Turns the VM on or (hard) off; a VM that is so already is fine."""
    method = vm.PowerOnVM_Task if wanted == "on" else vm.PowerOffVM_Task
    try:
        task = vsphere.call(method, f"power {wanted}", label(vm))
        vsphere.wait_task(task, context, TASK_TIMEOUT, f"power {wanted}", label(vm))
    except VcenterFailure as failure:
        if failure.fault != "InvalidPowerState":
            raise
