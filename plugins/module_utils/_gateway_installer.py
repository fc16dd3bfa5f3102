# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Noun gateway_installer: the VM that, powered on, registers a gateway with Palette. PRIVATE to the collection.

The page: "vSphere - Deploy Gateway Installer", "vSphere - Clean up installer".
"""
from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from . import _installer_import as hands
from . import _ova
from ._change import Change, Unresolved
from ._errors import Failure, NotOurs, PaletteBadAnswer, PlanRefused
from ._gateway_object import GATEWAYS, PENDING, find_gateway
from ._installer_options import disjoint, from_params, proxy_passwords
from ._installer_properties import assignments, brief, differences, key_map, shown_all, wanted_options
from ._installer_vm import find_vm, kept_digests, placement_wanted, refuse_busy, result, vm_facts
from ._inventory import resolve
from ._ova_source import location
from ._ova_tar import MEGABYTE
from ._palette import Palette, connection
from ._run import Noun, run
from ._specs import spec
from ._vsphere import Vsphere, vcenter_connection

KIND = "gateway_installer"
LIBRARIES = ("pyVmomi", "requests", "netaddr")
SPEC = spec({
    "state": {"type": "str", "choices": ["present", "powered_off", "absent"], "default": "present"},
    "name": {"type": "str", "required": True},
    "datacenter": {"type": "str", "required": True},
    "folder": {"type": "str"},
    "compute_cluster": {"type": "str"},
    "resource_pool": {"type": "str"},
    "datastore": {"type": "str"},
    "network": {"type": "str"},
    "networks": {"type": "dict"},
    "disk_format": {"type": "str", "choices": ["thin", "thick", "eager_zeroed_thick"], "default": "thin"},
    "ova": {"type": "str"},
    "ova_username": {"type": "str"},
    "ova_password": {"type": "str", "no_log": True},
    "ova_ca_path": {"type": "path"},
    "ova_validate_certs": {"type": "bool", "default": True},
    "host_validate_certs": {"type": "bool", "default": True},
    "checksum": {"type": "str"},
    "manifest": {"type": "str", "choices": ["require", "prefer", "ignore"], "default": "require"},
    "installer_name": {"type": "str"},
    "console_endpoint": {"type": "str"},
    "pairing_code": {"type": "str", "no_log": True},
    "ssh_public_key": {"type": "str"},
    "pod_cidr": {"type": "str"},
    "service_cidr": {"type": "str"},
    "node_network": {"type": "str"},
    "proxy": {"type": "dict", "options": {
        "http": {"type": "str", "no_log": True},
        "https": {"type": "str", "no_log": True},
        "no_proxy": {"type": "str"},
        "certificate": {"type": "str"},
    }},
    "property_keys": {"type": "dict", "no_log": False},
    "power_on": {"type": "bool", "default": True},
    "redeploy": {"type": "bool", "default": False},
    "stall_timeout": {"type": "int", "default": 120},
}, vcenter=True, required_if=[("state", "present", ("compute_cluster", "datastore"))], mutually_exclusive=[("network", "networks")])


@dataclass(frozen=True)
class Site:
    """vsphere: Vsphere. palette() -> Palette, opened when it is first asked for."""

    vsphere: Vsphere
    palette: object


@contextmanager
def connect(params, context):
    with ExitStack() as stack:
        opened = []

        def palette():
            if not opened:
                opened.append(stack.enter_context(Palette(connection(params), context)))
            return opened[0]

        yield Site(stack.enter_context(Vsphere(vcenter_connection(params), context)), palette)


def observe(site, desired, context):
    """{vm: facts or None, places, ova, head, mapping, space, gateway, wanted, changed, datacenter, …: Unresolved where it does not exist}"""
    vsphere = site.vsphere
    places = resolve(vsphere, {"datacenter": desired["placement"]["datacenter"], "folder": desired["placement"]["folder"]})
    observed = {"vm": None, "places": places, "keys": desired.get("property_keys", {}), "head": None, "gateway": None}
    if "vm_root" in places:
        ref = find_vm(vsphere, places, desired["name"])
        observed["vm"] = vm_facts(vsphere, ref) if ref is not None else None
    have = observed["vm"]
    if have is not None and have["ours"] and not have["finished"]:
        refuse_busy(vsphere, have["ref"], desired["name"], context)
        observed["vm"] = have = vm_facts(vsphere, have["ref"])
    if desired["state"] == "present" and (have is None or have["ours"]):
        observe_wanted(site, desired, observed, context)
    else:
        for missing in (place for place in places.values() if isinstance(place, Unresolved)):
            context.warn(f"{missing.kind} '{missing.name}' does not exist, so no installer was found in it")
        observed["datacenter"] = places["datacenter"] if desired["state"] == "present" else None
    return observed


def observe_wanted(site, desired, observed, context):
    """Adds what a plan for `present` needs: the wanted placement, what differs, and where an import may come the OVA's head and the room for it."""
    vsphere, have = site.vsphere, observed["vm"]
    for text in desired["advice"]:
        context.warn(text)
    places = observed["places"] = {**observed["places"], **resolve(vsphere, {**desired["placement"], "networks": desired["networks"]})}
    observed["wanted"] = placement_wanted(vsphere, desired, places)
    named = {key: places.get(key) for key in ("datacenter", "folder", "compute_cluster", "resource_pool", "datastore")}
    named["network"] = next((ref for ref in (places.get("networks") or {}).values() if isinstance(ref, Unresolved)), None)
    observed.update({key: ref if isinstance(ref, Unresolved) else None for key, ref in named.items()})
    finished = have is not None and have["finished"]
    observed["changed"] = unlike(desired, observed["wanted"], have) if finished else {}
    replacing = bool(desired["redeploy"] and observed["changed"])
    if replacing or finished and waking(desired, observed):
        gateway = find_gateway(site.palette(), desired["properties"]["installer_name"])
        observed["gateway"] = None if isinstance(gateway, Unresolved) else {"name": gateway["name"], "state": gateway["state"]}
    if replacing or not finished or spent(desired, observed):
        observe_source(site, desired, observed, context)


def waking(desired, observed):
    """Whether a VM as it is wanted is off and should be on."""
    return observed["vm"]["power"] == "off" and desired["power"] == "on" and not observed["changed"]


def spent(desired, observed):
    """Whether that VM was put away after it registered a gateway which is gone: a pairing code is good for one installer (API: pairing/code)."""
    return waking(desired, observed) and observed["gateway"] is None and bool(observed["vm"]["marks"].get("put_away"))


def observe_source(site, desired, observed, context):
    """Adds the OVA (Location), its head, the network mapping and the datastore's free bytes."""
    observed["ova"] = desired["ova"] or named_by_palette(site, desired)
    observed["head"] = _ova.read_head(observed["ova"], desired["manifest"], desired["checksum"])
    if observed["head"]["signed"]:
        context.warn("the OVA is signed (.cert); the signature is not verified, its digests are")
    observed["mapping"] = hands.map_networks(desired["networks"], observed["head"]["descriptor"]["networks"])
    if observed["datastore"] is None and observed["places"].get("datastore") is not None:
        observed["space"] = site.vsphere.get(observed["places"]["datastore"], ("summary.freeSpace",)).get("summary.freeSpace")


def unlike(desired, wanted, have):
    """{field: (have, want)} as shown to people; the pairing code does not count."""
    changed = {key: (have["placement"].get(key), want) for key, want in wanted.items() if have["placement"].get(key) != want}
    changed.update({f"properties.{key}": pair for key, pair in differences(desired, have["properties"], kept_digests(have)).items()})
    return changed


def named_by_palette(site, desired):
    """Location of the OVA that Palette hands out."""
    link = site.palette().get(f"{GATEWAYS}/vsphere/ova").get("location")
    if not isinstance(link, str) or not link:
        raise PaletteBadAnswer("Palette's answer holds no location of the installer OVA", where=f"GET {GATEWAYS}/vsphere/ova",
                               fix="set ova to the path or URL of the OVA")
    return location(link, **desired["source"])


def plan(desired, observed):
    """[] | create | replace | power_on | power_off | delete. Raises PlanRefused, NotOurs, InputRefused."""
    have, name = observed["vm"], desired["name"]
    if have is not None and not have["ours"]:
        raise NotOurs(f"a VM named '{name}' exists that this collection did not make", where=f"{have['path']} ({have['moid']})",
                      observed="no marker of palette.vmware on it",
                      fix="choose another name, or remove that VM yourself")
    if desired["state"] == "absent":
        return [Change("delete", KIND, name, before(have), None)] if have else []
    if desired["state"] == "powered_off":
        return [Change("power_off", KIND, name, {"power": "on"}, {"power": "off"})] if have and have["power"] == "on" else []
    if have is None or not have["finished"]:
        refuse_deployment(desired, observed)
        if have is None:
            return [Change("create", KIND, name, None, after(desired, observed))]
        return [Change("replace", KIND, name, before(have), after(desired, observed), f"found an unfinished import from run {have['run']}")]
    return plan_finished(desired, observed, have)


def plan_finished(desired, observed, have):
    name, beyond = desired["name"], observed["gateway"] is not None and observed["gateway"]["state"] != PENDING
    changed = observed["changed"]
    if not changed:
        if have["power"] == "on" or desired["power"] == "off" or beyond:
            return []
        if spent(desired, observed):
            refuse_deployment(desired, observed)
            return [Change("replace", KIND, name, before(have), after(desired, observed), "it was put away, and its pairing code is good only once")]
        return [Change("power_on", KIND, name, {"power": "off"}, {"power": "on"}, "it was imported and not powered on")]
    shown = "; ".join(f"{key}: {old!r} is there, {new!r} is wanted" for key, (old, new) in sorted(changed.items()))
    if not desired["redeploy"]:
        raise PlanRefused(f"the installer '{name}' exists with other settings, and a running installer cannot take new ones",
                          where=f"{have['path']} ({have['moid']})",
                          observed=shown, fix="correct the options, or replace the VM with redeploy: true")
    if beyond:
        raise PlanRefused(f"the installer '{name}' is not replaced: its gateway is beyond {PENDING}", where=f"gateway {observed['gateway']['name']}",
                          observed=observed["gateway"]["state"], expected=f"no gateway, or state {PENDING}",
                          fix="keep the installer's settings, or delete the gateway first")
    refuse_deployment(desired, observed)
    return [Change("replace", KIND, name, {key: old for key, (old, _new) in sorted(changed.items())},
                   {key: new for key, (_old, new) in sorted(changed.items())},
                   "redeploy: true")]


def refuse_deployment(desired, observed):
    """Raises for what the OVA and the datastore show to be impossible."""
    descriptor = observed["head"]["descriptor"]
    keys = key_map(descriptor["properties"], desired["property_keys"], wanted_options(desired))
    assignments(desired, descriptor["properties"])
    ranges = {option: desired["properties"].get(option) or (keys[option]["default"] if option in keys else None) for option in ("pod_cidr", "service_cidr")}
    disjoint({**ranges, "node_network": desired["node_network"]})
    need, free = hands.space_needed(descriptor, desired["disk_format"]), observed.get("space")
    if free is not None and need > free:
        raise PlanRefused(f"datastore {desired['placement']['datastore']} has too little room for the OVA", where="option datastore",
                          observed=f"{free // MEGABYTE} MiB free",
                          expected=f"{need // MEGABYTE} MiB ({desired['disk_format']})", fix="free space, choose another datastore, or disk_format: thin")


def summarized(values):
    return {option: brief(text) if option == "certificate" else text for option, text in shown_all(values).items()}


def before(have):
    return {**have["placement"], "power": have["power"], "finished": have["finished"]}


def after(desired, observed):
    """What a new VM is going to be: only what the run decides."""
    return {**observed["wanted"], "disk_format": desired["disk_format"], "power": desired["power"], "properties": summarized(desired["properties"]),
            "finished": True}


def apply(site, desired, observed, change, context):
    """One change in its steps. A failure behind a step that was made says so."""
    vsphere, have, steps = site.vsphere, observed["vm"], []

    def power(vm, wanted):
        hands.power(vsphere, vm, wanted, context)
        steps.append(wanted)

    try:
        if change.verb == "power_off":
            hands.reconfigure(vsphere, have["ref"], {"put_away": context.clock.now().isoformat(timespec="seconds")}, context)
        if change.verb in ("power_on", "power_off"):
            power(have["ref"], change.after["power"])
        if change.verb in ("delete", "replace"):
            if not have["finished"]:
                context.warn(f"{change.reason or 'the installer was never finished'}; it is removed")
            if have["power"] == "on":
                power(have["ref"], "off")
            hands.remove(vsphere, have["ref"], context)
            steps.append("removed")
        if change.verb in ("create", "replace"):
            vm = hands.create(site, desired, observed, context)
            steps.append("made")
            if desired["power"] == "on":
                power(vm, "on")
    except Failure as failure:
        failure.changed_something = failure.changed_something or bool(steps)
        raise


def present(observed):
    return result(observed["vm"], observed["keys"]) if observed["vm"] else None


def predict(desired, observed, changes):
    """The VM as it will be; what vCenter assigns is absent."""
    have = present(observed)
    if not changes:
        return have
    verb = changes[0].verb
    if verb == "delete":
        return None
    if verb in ("create", "replace"):
        return {"name": desired["name"], **after(desired, observed)}
    return {**have, "power": "on" if verb == "power_on" else "off"}


def secrets(params):
    """What is secret inside options: [str]."""
    return proxy_passwords(params)


NOUN = Noun(KIND, from_params, connect, observe, plan, apply, present, predict=predict)


def execute(params, context):
    return run(NOUN, params, context)
