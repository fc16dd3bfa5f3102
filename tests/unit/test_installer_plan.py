# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Property keys by label, values on a VM against wanted ones, and the plan table of gateway_installer."""
from __future__ import annotations

import json

import pytest
from test_installer_options import params

import crafted_ova as crafted
from ansible_collections.palette.vmware.plugins.module_utils import _gateway_installer as noun
from ansible_collections.palette.vmware.plugins.module_utils import _ovf
from ansible_collections.palette.vmware.plugins.module_utils._change import Change
from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused, NotOurs, PlanRefused
from ansible_collections.palette.vmware.plugins.module_utils._installer_import import map_networks, space_needed
from ansible_collections.palette.vmware.plugins.module_utils._installer_options import from_params
from ansible_collections.palette.vmware.plugins.module_utils._installer_properties import LABELS, assignments, differences, digests, key_map

GIB = 2 ** 30
OTHER_KEYS = tuple((f"x{count}", label.upper().replace(" ", "-"), "string(1..)") for count, (_key, label, _type) in enumerate(crafted.LABELS))
PLACEMENT = {"datacenter": "dc-1", "folder": "/", "compute_cluster": "cluster-1", "resource_pool": "Resources", "datastore": "ds", "networks": ["pg-k8s"]}


def properties(**descriptor):
    return _ovf.parse(crafted.ovf(**descriptor))["properties"]


@pytest.mark.parametrize("labels", [crafted.LABELS, OTHER_KEYS, crafted.LABELS[::-1]])
def test_every_option_finds_its_key_by_label(labels):
    keys = key_map(properties(labels=labels), {}, LABELS)
    wanted = {label.lower().replace("-", " "): key for key, label, _type in labels}
    assert {option: entry["id"] for option, entry in keys.items()} == {option: wanted[texts[0].lower()] for option, texts in LABELS.items()}


def test_keys_carry_class_and_instance():
    keys = key_map(properties(section=' ovf:class="gateway" ovf:instance="1"'), {}, ["pairing_code"])
    assert keys["pairing_code"]["id"] == "gateway.pairingCode.1"


def test_keys_can_be_given():
    labels = (("a", "Whatever", "string"), *crafted.LABELS[1:])
    assert key_map(properties(labels=labels), {"installer_name": "a"}, ["installer_name"])["installer_name"]["id"] == "a"


@pytest.mark.parametrize("labels, overrides, wanted, words", [
    (crafted.LABELS, {"pairing_code": "pairingcode"}, (), "unknown property 'pairingcode'; did you mean 'pairingCode'?"),
    (crafted.LABELS, {"pairing_code": "zzz"}, (), "unknown property 'zzz' - option property_keys.pairing_code"),
    (crafted.LABELS, {"pin": "pairingCode"}, (), "no option 'pin'"),
    (crafted.LABELS[:2], {}, ("pairing_code",), "has no property for option pairing_code"),
    ((*crafted.LABELS, ("again", "Pairing code", "string")), {}, ("pairing_code",), "several properties are labelled 'Pairing Code'"),
    ((("n", "Pairing Code", "boolean"),), {}, ("pairing_code",), "has no property for option pairing_code"),
    ((), {}, ("installer_name",), "no property at all"),
])
def test_keys_that_are_refused(labels, overrides, wanted, words):
    with pytest.raises(InputRefused) as refusal:
        key_map(properties(labels=labels), overrides, wanted)
    assert words in str(refusal.value)


def test_a_property_that_users_cannot_set():
    fixed = [{**entry, "user_configurable": entry["label"] != "Pairing Code"} for entry in properties()]
    with pytest.raises(InputRefused, match="cannot be set by users"):
        key_map(fixed, {}, ["pairing_code"])


def test_assignments_are_whole_and_checked():
    desired = from_params(params(installer_name="gw <&> é", pod_cidr="10.1.0.0/16"))
    assert assignments(desired, properties()) == {"installerName": "gw <&> é", "consoleEndpoint": "https://console.spectrocloud.com", "pairingCode": "PIN-1",
                                                  "podCidr": "10.1.0.0/16"}
    bounded = [{**entry, "qualifiers": "MinLen(2) MaxLen(4)" if entry["label"] == "Installer Name" else ""} for entry in properties()]
    with pytest.raises(InputRefused, match="too long for property 'installerName'"):
        assignments(desired, bounded)


def on_vm(desired, **changed):
    """Properties of a VM that was made from these options."""
    values = {**assignments(desired, properties()), **changed}
    return [{**entry, "value": values.get(entry["id"], "")} for entry in properties()]


def test_what_is_equal_does_not_differ():
    desired = from_params(params(pod_cidr="10.1.0.0/16", proxy={"http": "http://u:x@p:1", "https": "http://p:1", "no_proxy": "a", "certificate": None}))
    assert differences(desired, on_vm(desired), {}) == {}
    assert differences(desired, on_vm(desired, pairingCode="another"), {}) == {}


def test_differences_hide_credentials():
    desired = from_params(params(proxy={"http": "http://u:canary1@p:1", "https": "http://p:1", "no_proxy": "a", "certificate": None}))
    found = differences(desired, on_vm(desired, httpProxy="http://u:canary2@p:1", installerName="other", podCidr="10.9.0.0/16"), {})
    assert found == {"installer_name": ("other", "dc1-gw"), "pod_cidr": ("10.9.0.0/16", ""), "http_proxy": ("***@p:1", "***@p:1 (other credentials)")}


def test_a_hidden_password_is_compared_by_digest():
    desired = from_params(params(ssh_public_key="ssh-ed25519 AAAA me"))
    kept = json.loads(digests(desired["properties"], "salt"))
    assert "pairing_code" not in kept and "AAAA" not in json.dumps(kept)
    hidden = [{**entry, "password": entry["id"] == "sshKey", "value": "" if entry["id"] == "sshKey" else entry["value"]} for entry in on_vm(desired)]
    assert differences(desired, hidden, kept) == {}
    other = from_params(params(ssh_public_key="ssh-ed25519 BBBB me"))
    assert differences(other, hidden, kept) == {"ssh_public_key": ("hidden", "ssh-ed25519 BBBB me")}


@pytest.mark.parametrize("wanted, declared, found", [({"": "pg"}, ["a"], ["a"]), ({"": "pg"}, [], []), ({"b": "pg", "a": "pg"}, ["a", "b"], ["a", "b"])])
def test_networks_are_mapped(wanted, declared, found):
    assert map_networks(wanted, declared) == found


@pytest.mark.parametrize("wanted, declared, words", [({"": "pg"}, ["a", "b"], "several networks"), ({"a": "pg"}, ["a", "b"], "not mapped: b"),
                                                     ({"c": "pg", "a": "x"}, ["a"], "not in the OVA: c")])
def test_networks_that_do_not_fit(wanted, declared, words):
    with pytest.raises(InputRefused, match=words):
        map_networks(wanted, declared)


def test_room_on_the_datastore():
    disks = {"disks": [{"capacity": 60 * GIB, "size": GIB, "populated": 3 * GIB}, {"capacity": 5 * GIB, "size": None, "populated": None}]}
    assert (space_needed(disks, "thin"), space_needed(disks, "thick")) == (3 * GIB, 65 * GIB)


def have(desired, **changed):
    return {"ours": True, "finished": True, "run": "r1", "power": "on", "path": "/dc-1/vm/dc1-gw", "moid": "vm-1", "placement": PLACEMENT, "marks": {},
            "uid": "u", "name": "dc1-gw",
            "ip_address": None, "properties": on_vm(desired) if "properties" in desired else [], **changed}


def observed(desired, vm=None, gateway=None, space=100 * GIB):
    seen = {"vm": vm, "gateway": {"name": "dc1-gw", "state": gateway} if gateway else None, "keys": {}}
    if desired["state"] == "present":
        seen.update(wanted=PLACEMENT, head={"descriptor": _ovf.parse(crafted.ovf()), "shown": "x"}, space=space,
                    changed=noun.unlike(desired, PLACEMENT, vm) if vm and vm["finished"] else {})
    return seen


def planned(vm=None, gateway=None, space=100 * GIB, **given):
    desired = from_params(params(**given))
    return noun.plan(desired, observed(desired, vm(from_params(params())) if vm else None, gateway, space))


def same(desired):
    return have(desired)


def off(desired):
    return have(desired, power="off")


def put_away(desired):
    return have(desired, power="off", marks={"put_away": "2026-01-01T10:00:00+00:00"})


def elsewhere(desired):
    return have(desired, placement={**PLACEMENT, "datastore": "other"})


def unfinished(desired):
    return have(desired, finished=False)


def foreign(desired):
    return have(desired, ours=False)


AFTER = {**PLACEMENT, "disk_format": "thin", "power": "on", "properties": {"console_endpoint": "https://console.spectrocloud.com", "installer_name": "dc1-gw"},
         "finished": True}


def test_plan_create():
    assert planned() == [Change("create", "gateway_installer", "dc1-gw", None, AFTER)]


@pytest.mark.parametrize("vm, given, gateway, verbs", [
    (same, {}, None, []), (same, {"redeploy": True}, None, []), (off, {"power_on": False}, None, []), (off, {}, None, ["power_on"]),
    (off, {}, "Pending", ["power_on"]), (off, {}, "Running", []), (put_away, {}, None, ["replace"]), (put_away, {}, "Pending", ["power_on"]),
    (put_away, {}, "Running", []), (put_away, {"power_on": False}, None, []),
    (off, {}, "Provisioning", []), (same, {"power_on": False}, None, []), (unfinished, {}, None, ["replace"]),
    (elsewhere, {"redeploy": True}, None, ["replace"]),
    (elsewhere, {"redeploy": True}, "Pending", ["replace"]), (same, {"redeploy": True, "pod_cidr": "10.1.0.0/16"}, None, ["replace"]),
    (same, {"pairing_code": "PIN-2"}, None, []),
    (same, {"state": "powered_off"}, None, ["power_off"]), (off, {"state": "powered_off"}, None, []), (None, {"state": "powered_off"}, None, []),
    (same, {"state": "absent"}, None, ["delete"]),
    (unfinished, {"state": "absent"}, None, ["delete"]), (None, {"state": "absent"}, None, []),
])
def test_plan_verbs(vm, given, gateway, verbs):
    assert [change.verb for change in planned(vm, gateway, **given)] == verbs


@pytest.mark.parametrize("vm, given, gateway, kind, words", [
    (foreign, {}, None, NotOurs, "/dc-1/vm/dc1-gw (vm-1)"), (foreign, {"state": "absent"}, None, NotOurs, "did not make"),
    (foreign, {"state": "powered_off"}, None, NotOurs, "did not make"),
    (foreign, {"redeploy": True}, None, NotOurs, "did not make"), (elsewhere, {}, None, PlanRefused, "datastore: 'other' is there, 'ds' is wanted"),
    (same, {"installer_name": "gw-2"}, None, PlanRefused, "'dc1-gw' is there, 'gw-2' is wanted"),
    (elsewhere, {"redeploy": True}, "Running", PlanRefused, "beyond Pending"),
    (elsewhere, {"redeploy": True}, "Provisioning", PlanRefused, "beyond Pending"),
    (None, {"property_keys": {"pod_cidr": "podcidr"}}, None, InputRefused, "did you mean 'podCidr'?"),
])
def test_plan_refusals(vm, given, gateway, kind, words):
    with pytest.raises(kind) as refusal:
        planned(vm, gateway, **given)
    assert words in str(refusal.value)


def test_plan_refuses_a_full_datastore():
    with pytest.raises(PlanRefused, match="too little room"):
        planned(space=GIB // 2, disk_format="thick")
    assert planned(space=GIB // 2)[0].verb == "create"


def test_default_ranges_of_the_ova_count():
    text = crafted.ovf().replace(b'ovf:key="podCidr" ovf:type="string" ovf:userConfigurable="true" ovf:value=""',
                                 b'ovf:key="podCidr" ovf:type="string" ovf:userConfigurable="true" ovf:value="10.10.0.0/16"')
    desired = from_params(params(node_network="10.10.8.0/22"))
    seen = {**observed(desired), "head": {"descriptor": _ovf.parse(text), "shown": "x"}}
    with pytest.raises(InputRefused, match="pod_cidr and node_network overlap"):
        noun.plan(desired, seen)


def test_a_change_holds_no_secret():
    desired = from_params(params(pairing_code="canary1", proxy={"http": "http://u:canary2@p:1", "https": "http://p:1", "no_proxy": "a", "certificate": None}))
    [change] = noun.plan(desired, observed(desired))
    assert "canary" not in json.dumps(change.as_dict()) and change.after["properties"]["http_proxy"] == "***@p:1"


def test_applying_a_plan_ends_it():
    desired = from_params(params())
    [change] = noun.plan(desired, observed(desired))
    made = have(desired, placement={key: change.after[key] for key in PLACEMENT}, power=change.after["power"], finished=change.after["finished"])
    assert noun.plan(desired, observed(desired, made)) == []


def test_prediction_is_what_there_will_be():
    desired = from_params(params())
    changes = noun.plan(desired, observed(desired))
    assert noun.predict(desired, observed(desired), changes) == {"name": "dc1-gw", **AFTER}
    vm = have(desired)
    assert noun.predict(desired, observed(desired, vm), [Change("power_off", "gateway_installer", "dc1-gw")])["power"] == "off"
    assert noun.predict(desired, observed(desired, vm), [Change("delete", "gateway_installer", "dc1-gw")]) is None
