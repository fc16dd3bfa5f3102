# SPDX-License-Identifier: GPL-3.0-or-later
"""Which installers register: a table over properties, and the life of one machine. Pure."""

from __future__ import annotations

import datetime

import pytest

from palette_lab.engine.step import step
from palette_lab.ova_descriptor import VARIANTS, full_key

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
BASE = "https://127.0.0.1:8443"
RIGHT = {"Installer Name": "gw", "Console endpoint": BASE, "Pairing Code": "kf7-good", "Pod CIDR": "192.168.0.0/16", "Service cluster IP range": "10.96.0.0/12"}


def state_of(**changed):
    codes = {"kf7-good": {"code": "kf7-good", "created": NOW, "used_by": ""}, "kf7-used": {"code": "kf7-used", "created": NOW, "used_by": "vm-9"},
             "kf7-old": {"code": "kf7-old", "created": NOW - datetime.timedelta(hours=24), "used_by": ""}}
    return {"now": NOW, "installers": {}, "leases": {}, "scan": 1, "overlords": {}, "codes": codes, "registered": [], "base_url": BASE,
            "networks": {"VM Network": {"cidr": "10.10.0.0/22", "gateway": "10.10.0.1", "dhcp": ["10.10.2.10", "10.10.2.11"]}}, **changed}


def machine(moid="vm-1", power="on", variant="a", network="VM Network", **changed):
    values = {**RIGHT, **changed}
    return {"moid": moid, "name": f"installer-{moid}", "power": power, "networks": [network], "guest": {},
            "properties": {full_key(VARIANTS[variant], label): values.get(label, "") for label in VARIANTS[variant].keys}}


def scanned(state, *machines, work=0.0):
    return step({**state, "scan": state["scan"] + 1}, {"type": "installer.scan", "found": list(machines), "due": work}, work)


def logged(intents):
    return " | ".join(each["text"] for each in intents if each["type"] == "installer.log")


@pytest.mark.parametrize("variant", ["a", "b"])
def test_right_installer_gets_an_address_and_registers_after_five_minutes(variant):
    state, intents, events = scanned(state_of(), machine(variant=variant))
    assert intents[0] == {"type": "guest.set", "moid": "vm-1", "ip": "10.10.2.10", "hostname": "installer-vm-1", "tools": "running"}
    (event, at), = events
    assert at == 300
    state, intents, _ = step(state, {**event, "due": at}, at)
    record, = state["registered"]
    assert (record["name"], record["state"], record["ip_address"], record["installer_moid"]) == ("gw", "Pending", "10.10.2.10", "vm-1")
    assert state["codes"]["kf7-good"]["used_by"] == "vm-1" and "registered as 'gw'" in logged(intents)


@pytest.mark.parametrize("changed, why", [
    ({"Console endpoint": BASE + "/"}, "trailing slash"),
    ({"Console endpoint": "http://127.0.0.1:8443"}, "nothing answers"),
    ({"Console endpoint": "https://console.spectrocloud.com"}, "nothing answers"),
    ({"Console endpoint": ""}, "nothing answers"),
    ({"Pairing Code": ""}, "no pairing code"),
    ({"Pairing Code": "kf7-wrong"}, "unknown"),
    ({"Pairing Code": "kf7-used"}, "used already"),
    ({"Pairing Code": "kf7-old"}, "24 hours"),
    ({"Installer Name": ""}, "no installer name"),
    ({"HTTP PROXY": "http://p:3128"}, "HTTPS PROXY, NO Proxy"),
    ({"HTTP PROXY": "http://p", "HTTPS PROXY": "http://p"}, "NO Proxy"),
    ({"Pod CIDR": "192.168.0.0"+"/99"}, "no CIDR"),
    ({"Pod CIDR": "10.100.0.0/16"}, "overlaps Service cluster IP range"),
    ({"Pod CIDR": "10.10.1.0/24"}, "overlaps the machine's network"),
    ({"Service cluster IP range": "10.0.0.0/8"}, "overlaps the machine's network"),
])
def test_wrong_installer_never_appears_and_the_log_says_why(changed, why):
    state, intents, events = scanned(state_of(), machine(**changed))
    assert "will not register" in logged(intents) and why in logged(intents)
    (event, at), = events
    state, later, _ = step(state, {**event, "due": at}, at)
    assert state["registered"] == [] and why in logged(later) and not any(code["used_by"] == "vm-1" for code in state["codes"].values())
    assert "kf7" not in logged(intents + later)


@pytest.mark.parametrize("changed", [
    {"HTTP PROXY": "http://p", "HTTPS PROXY": "http://p", "NO Proxy": ".lab.local"}, {"Pod CIDR": "", "Service cluster IP range": ""},
    {"SSH Public Key": "ssh-ed25519 AAAA", "Certificate": "QUJD"}])
def test_optional_properties_may_be_there_or_not(changed):
    _, intents, _ = scanned(state_of(), machine(**changed))
    assert "it registers in about five minutes" in logged(intents)


def test_power_off_before_the_registration_stops_it():
    state, _, events = scanned(state_of(), machine())
    state, intents, _ = scanned(state, machine(power="off"))
    assert "stopped before" in logged(intents) and state["installers"] == {} and state["leases"] == {}
    state, intents, _ = step(state, {**events[0][0], "due": 300.0}, 300.0)
    assert state["registered"] == [] and intents == []


def test_power_cycle_starts_the_five_minutes_again():
    state, _, first = scanned(state_of(), machine())
    state, _, _ = scanned(state, machine(power="off"))
    state, _, second = scanned(state, machine(), work=200.0)
    state, _, _ = step(state, {**first[0][0], "due": 300.0}, 300.0)
    assert state["registered"] == []
    state, _, _ = step(state, {**second[0][0], "due": 500.0}, 500.0)
    assert len(state["registered"]) == 1


def test_machine_that_disappears_is_forgotten():
    state, _, _ = scanned(state_of(), machine())
    state, intents, _ = scanned(state)
    assert state["installers"] == {} and "removed from vCenter" in logged(intents) and not [each for each in intents if each["type"] == "guest.set"]


def test_known_installer_does_not_register_again():
    overlords = {"o": {"name": "gw", "installer_moid": "vm-1"}}
    _, intents, events = scanned(state_of(overlords=overlords), machine(**{"Pairing Code": "kf7-used"}))
    assert events == [] and logged(intents) == ""


def test_installer_of_a_deleted_gateway_does_not_come_back():
    state, _, events = scanned(state_of(), machine(**{"Pairing Code": "kf7-used"}))
    state, intents, _ = step(state, {**events[0][0], "due": 300.0}, 300.0)
    assert state["registered"] == [] and "used already" in logged(intents)


def test_name_that_is_taken_does_not_register():
    _, intents, _ = scanned(state_of(overlords={"o": {"name": "gw", "installer_moid": "vm-7"}}), machine())
    assert "a gateway with the name 'gw' is there already" in logged(intents)


def test_two_installers_with_one_code_give_one_gateway():
    state, _, events = scanned(state_of(), machine(), machine("vm-2", **{"Installer Name": "gw-2"}))
    for event, at in events:
        state, intents, _ = step(state, {**event, "due": at}, at)
    assert [each["installer_moid"] for each in state["registered"]] == ["vm-1"] and "used already" in logged(intents)


def test_without_dhcp_there_is_no_registration():
    state, intents, events = scanned(state_of(), machine(network="elsewhere"))
    assert "got no address" in logged(intents)
    state, intents, _ = step(state, {**events[0][0], "due": 300.0}, 300.0)
    assert state["registered"] == [] and "it has no address" in logged(intents)
