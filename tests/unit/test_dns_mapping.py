# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from ansible_collections.palette.vmware.plugins.module_utils import _dns_mapping as dns
from ansible_collections.palette.vmware.plugins.module_utils._change import Unresolved
from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused, ParentMissing, PlanRefused
from ansible_collections.palette.vmware.plugins.module_utils._run import Context

GATEWAY = {"uid": "g1", "name": "dc1-gw"}
MAPPING = {"uid": "m1", "gateway_uid": "g1", "datacenter": "dc-1", "network": "pg-k8s", "dns_name": "k8s.lab.local"}


def options(**given):
    return {"state": "present", "gateway": "dc1-gw", "datacenter": "dc-1", "network": "pg-k8s", "dns_name": "k8s.lab.local", **given}


def seen(*mappings, gateway=None):
    return {"gateway": gateway or GATEWAY, "mappings": list(mappings)}


@pytest.mark.parametrize("given, observed, expected", [
    ({}, seen(), [("create", None, {"dns_name": "k8s.lab.local"})]),
    ({}, seen(gateway=Unresolved("gateway", "dc1-gw")), [("create", None, {"dns_name": "k8s.lab.local"})]),
    ({}, seen(MAPPING), []),
    ({"dns_name": "new.lab.local"}, seen(MAPPING), [("update", {"dns_name": "k8s.lab.local"}, {"dns_name": "new.lab.local"})]),
    ({"state": "absent"}, seen(MAPPING), [("delete", {"dns_name": "k8s.lab.local"}, None)]),
    ({"state": "absent", "dns_name": None}, seen(), []),
    ({"state": "absent"}, seen(gateway=Unresolved("gateway", "dc1-gw")), []),
])
def test_changes(given, observed, expected):
    changes = dns.plan(dns.from_params(options(**given)), observed)
    assert [(change.verb, change.before, change.after) for change in changes] == expected and all(change.name == "dc-1/pg-k8s" for change in changes)


@pytest.mark.parametrize("state", ["present", "absent"])
def test_two_mappings_of_one_network_are_refused_with_both(state):
    with pytest.raises(PlanRefused) as caught:
        dns.plan(dns.from_params(options(state=state)), seen(MAPPING, {**MAPPING, "uid": "m2", "dns_name": "b.lab.local"}))
    assert "k8s.lab.local (m1), b.lab.local (m2)" in str(caught.value)


@pytest.mark.parametrize("name", ["lab", "k8s.lab.", ".lab.local", "k8s..local", "k8s.lab.local.1", "k8s lab.local", "k8s_.lab.local", "", "a.b\n",
                                  "https://a.bc"])
def test_what_is_no_domain_is_refused(name):
    with pytest.raises(InputRefused) as caught:
        dns.from_params(options(dns_name=name))
    assert caught.value.where == "option dns_name"


@pytest.mark.parametrize("name", ["lab.local", "K8S.Lab-1.Local", "a.b.c.de"])
def test_domains(name):
    assert dns.from_params(options(dns_name=name))["dns_name"] == name


@pytest.mark.parametrize("key", ["gateway", "datacenter", "network"])
def test_empty_names_are_refused(key):
    with pytest.raises(InputRefused) as caught:
        dns.from_params(options(**{key: " "}))
    assert caught.value.where == f"option {key}"


def test_what_is_sent_and_read_back_is_what_was_wanted():
    desired = dns.from_params(options())
    body = dns.to_api(desired, "g1")
    assert dns.from_api({**body, "metadata": {**body["metadata"], "uid": "m1"}}) == MAPPING and body["metadata"]["name"] == "k8s.lab.local"


class Palette:
    """Keeps mappings as the API gives them; its filter is broader than asked for."""

    def __init__(self, *names):
        self.items, self.writes, self.names = [], [], names

    def get(self, path, query=None):
        if path == "/v1/overlords":
            return {"items": [{"metadata": {"name": name, "uid": uid}, "status": {"state": "Running"}} for uid, name in self.names]}
        assert path == dns.MAPPINGS and query == {"filters": "spec.privateGatewayUid=g1"}
        return {"items": self.items}

    def create(self, path, body, find):
        assert path == dns.MAPPINGS and find() is None
        self.items.append({**body, "metadata": {**body["metadata"], "uid": f"m{len(self.items)}"}})
        self.writes.append("POST")
        return find()

    def put(self, path, body):
        self.items = [{**body, "metadata": each["metadata"]} if path.endswith(each["metadata"]["uid"]) else each for each in self.items]
        self.writes.append(f"PUT {path}")

    def delete(self, path):
        self.items = [each for each in self.items if not path.endswith(each["metadata"]["uid"])]
        self.writes.append(f"DELETE {path}")


def play(monkeypatch, palette, check=False, **given):
    monkeypatch.setattr(dns, "NOUN", replace(dns.NOUN, connect=lambda params, context: contextlib.nullcontext(palette)))
    return dns.execute(options(**given), Context(check=check))


def test_create_change_delete_each_predicted_and_once(monkeypatch):
    palette = Palette(("g1", "dc1-gw"))
    palette.items = [{"metadata": {"uid": "x"}, "spec": {"privateGatewayUid": "g1", "datacenter": "dc-1", "network": "other", "dnsName": "a.bc"}}]
    for given, write in (({}, "POST"), ({"dns_name": "new.lab.local"}, f"PUT {dns.MAPPINGS}/m1"), ({"state": "absent"}, f"DELETE {dns.MAPPINGS}/m1")):
        before = list(palette.writes)
        predicted = play(monkeypatch, palette, check=True, **given)
        assert palette.writes == before
        result = play(monkeypatch, palette, **given)
        assert palette.writes == [*before, write] and result["plan"] == predicted["plan"] and result["changed"]
        found, will_be = result["dns_mapping"], predicted["dns_mapping"]
        assert (found is None) == (will_be is None) and all(found[key] == value for key, value in (will_be or {}).items())
        assert not play(monkeypatch, palette, **given)["changed"] and palette.writes == [*before, write]
    assert len(palette.items) == 1


def test_a_gateway_that_is_not_there(monkeypatch):
    palette = Palette(("g2", "dc1-gw-2"))
    assert "gateway 'dc1-gw' does not exist yet" in play(monkeypatch, palette, check=True)["warnings"][0]
    with pytest.raises(ParentMissing):
        play(monkeypatch, palette)
    assert not play(monkeypatch, palette, state="absent")["changed"] and palette.writes == []
