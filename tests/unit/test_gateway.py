# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The noun's effects against a Palette of tables and a clock that the test moves: order of calls, waits, what a failure says."""
from __future__ import annotations

import contextlib
from dataclasses import replace
from types import SimpleNamespace

import gateway_samples as given
import pytest

from ansible_collections.palette.vmware.plugins.module_utils import _gateway
from ansible_collections.palette.vmware.plugins.module_utils._errors import DeadlinePassed, ParentMissing, PaletteRefused, PlanRefused
from ansible_collections.palette.vmware.plugins.module_utils._run import Context
from ansible_collections.palette.vmware.plugins.module_utils._secret import Secret

CONDITIONS = ("ImageResolutionDone", "CloudInfrastructureReady", "BootstrappingDone")


class Clock:
    """Time passes only when someone waits; `tick` is called after each wait."""

    def __init__(self, tick):
        self.time, self.tick = 0.0, tick

    def monotonic(self):
        return self.time

    def pause(self, seconds, stop):
        stop.check()
        self.time += seconds
        self.tick(self.time)


class Palette:
    """A gateway that registers at `registers` seconds and then takes a condition every `step` seconds until it runs."""

    def __init__(self, registers=0.0, step=3.0, refuse_account=False, pools=("pool-a",)):
        self.connection = SimpleNamespace(host="https://palette.lab")
        self.registers, self.step, self.refuse_account, self.pool_names = registers, step, refuse_account, pools
        self.time, self.began, self.gone, self.account, self.sent, self.labels, self.writes = 0.0, None, None, None, None, {}, []
        self.annotations = {"scope": "tenant"}

    def done(self):
        return 0 if self.began is None else min(len(CONDITIONS), int((self.time - self.began) // self.step))

    def overlord(self):
        working = "Running" if self.done() == len(CONDITIONS) else "Provisioning"
        state = "Deleting" if self.gone is not None else working if self.sent else "Pending"
        spec = {"ipAddress": "10.10.0.20", "cloudAccountUid": self.account and "a1", "spectroClusterUid": self.sent and "c1"}
        return {"metadata": {"name": "dc1-gw", "uid": "g1", "labels": self.labels, "annotations": self.annotations}, "spec": spec, "status": {"state": state}}

    def get(self, path, query=None, project=None):
        there = self.time >= self.registers and not (self.gone is not None and self.time >= self.gone)
        if path == "/v1/overlords":
            return {"items": [self.overlord()] if there else []}
        config = given.read_back(self.sent, {"p1": "pool-a"}) if self.sent else None
        status = {"state": "Running", "conditions": [{"type": kind, "status": "True" if number < self.done() else "False", "reason": "Working"}
                                                     for number, kind in enumerate(CONDITIONS)]}
        return {
            "/v1/overlords/g1": self.overlord(),
            "/v1/cloudaccounts/vsphere/a1": {"spec": self.account},
            "/v1/overlords/vsphere/g1/pools": {"items": [{"metadata": {"name": name, "uid": "p1"}, "spec": {"pool": {}}, "status": {
                "availableIps": ["10.10.8.10", "10.10.8.11", "10.10.8.12"]}} for name in self.pool_names]},
            "/v1/overlords/vsphere/g1/clusterprofile": {"metadata": {"uid": "profile"}},
            "/v1/spectroclusters/c1": {"spec": {"cloudConfigRef": {"uid": "cc1"}}, "status": status},
            "/v1/cloudconfigs/vsphere/cc1": config,
            "/v1/cloudconfigs/vsphere/cc1/machinePools/cp-pool/machines": {"items": [
                {"metadata": {"name": "dc1-gw-cp-0", "uid": "m0"}, "status": {"instanceState": "Running", "addresses": [{"address": "10.10.8.10"}]}}]},
            "/v1/events/components/spectrocluster/c1": {"items": [
                {"metadata": {"creationTimestamp": "2026-01-01T10:00:00.000Z"}, "severity": "Error", "reason": "F", "message": "datastore is full"}]},
            "/v1/dashboard/projects/metadata": {"items": []},
        }[path]

    def pages(self, path, query=None, project=None):
        yield from self.get(path)["items"]

    def search(self, path, body, project=None):
        yield from ()

    def post(self, path, body=None):
        assert path == "/v1/overlords/vsphere/g1/account/validate" and isinstance(body["account"]["password"], Secret)
        if self.refuse_account:
            raise PaletteRefused("Palette refused it", observed="Cannot complete login", api_code="X")
        self.writes.append("validate")

    def create(self, path, body, find, project=None):
        assert find() is None
        self.writes.append(f"POST {path}")
        if path.endswith("/account"):
            assert body["name"] == "dc1-gw"
            self.account = {**body["account"], "shared": body["shareWithProjects"]}
        else:
            self.sent, self.began = body, self.time
        assert find()
        return find()

    def put(self, path, body):
        self.writes.append(f"PUT {path}")
        if path.endswith("/metadata"):
            assert body["metadata"]["name"] == "dc1-gw" and body["metadata"]["annotations"] == self.annotations
            self.labels = body["metadata"]["labels"]
        else:
            assert "name" not in body
            self.account = {**body["account"], "shared": body["shareWithProjects"]}

    def delete(self, path):
        self.writes.append(f"DELETE {path}")
        self.gone = self.time + 5


WHOLE = {**given.STATIC, "account": given.ACCOUNT, "labels": {"env": "prod"}}
ACCOUNT, CONFIG, META = "POST /v1/overlords/vsphere/g1/account", "POST /v1/overlords/vsphere/g1/cloudconfig", "PUT /v1/overlords/g1/metadata"


def play(monkeypatch, palette, check=False, **options):
    """The noun's result; time stands still but for waits."""
    def tick(time):
        palette.time = time

    @contextlib.contextmanager
    def connect(params, context):
        yield _gateway.Site(palette, params)

    palette.time = max(palette.time, 0.0)
    context = Context(check=check, clock=Clock(tick))
    context.clock.time = palette.time
    palette.context = context
    monkeypatch.setattr(_gateway, "NOUN", replace(_gateway.NOUN, connect=connect))
    return _gateway.execute(given.params(**options), context)


def test_the_whole_way_and_a_second_run(monkeypatch):
    palette = Palette()
    predicted = play(monkeypatch, palette, check=True, **WHOLE)
    assert palette.writes == []
    result = play(monkeypatch, palette, **WHOLE)
    assert result["changed"] and result["plan"] == predicted["plan"]
    assert palette.writes == ["validate", ACCOUNT, CONFIG, META]
    assert result["gateway"]["state"] == "Running" and result["gateway"]["labels"] == {"env": "prod"} and result["gateway"]["ip_pool"] == "pool-a"
    assert {key: result["gateway"][key] for key in predicted["gateway"] if key in ("size", "placements", "account", "labels")} == {
        key: predicted["gateway"][key] for key in ("size", "placements", "account", "labels")}
    statuses = [line["status"] for line in result["timeline"]]
    assert "Provisioning: infrastructure ready (2 of 3), last event: datastore is full" in statuses
    again = play(monkeypatch, palette, **WHOLE)
    assert not again["changed"] and again["plan"] == [] and len(palette.writes) == 4


def test_the_body_names_pool_and_profile(monkeypatch):
    palette = Palette()
    play(monkeypatch, palette, **WHOLE)
    assert palette.sent["clusterProfiles"][0]["uid"] == "profile" and palette.sent["clusterConfig"]["placements"][0]["network"]["parentPoolUid"] == "p1"


def test_check_on_an_empty_site_gives_the_changes_of_the_real_run(monkeypatch):
    options = {**given.DHCP, "account": given.ACCOUNT, "labels": {"env": "prod"}}
    palette = Palette(registers=60)
    predicted = play(monkeypatch, palette, check=True, **options)
    assert predicted["changed"] and palette.writes == [] and palette.time == 0
    result = play(monkeypatch, palette, **options)
    assert result["plan"] == predicted["plan"] and result["timeline"][0]["status"] == "waiting for the installer to register"
    assert palette.writes == ["validate", ACCOUNT, CONFIG, META]


def test_a_pool_of_a_gateway_that_has_not_registered_warns_in_check_mode_and_fails_before_any_wait_in_a_real_run(monkeypatch):
    palette = Palette(registers=60)
    predicted = play(monkeypatch, palette, check=True, **WHOLE)
    assert [change["verb"] for change in predicted["plan"]] == ["create", "configure", "update"]
    assert any("has not registered" in text for text in predicted["warnings"]) and any("ip_pool 'pool-a'" in text for text in predicted["warnings"])
    with pytest.raises(ParentMissing):
        play(monkeypatch, palette, **WHOLE)
    assert palette.time == 0 and palette.writes == []


def test_registered_waits_and_stores_the_account_alone(monkeypatch):
    palette = Palette(registers=60)
    result = play(monkeypatch, palette, state="registered", account=given.ACCOUNT)
    assert palette.writes == ["validate", ACCOUNT] and result["gateway"]["state"] == "Pending" and 60 <= palette.time < 66
    assert result["gateway"]["placements"] is None and result["gateway"]["account"] == given.STORED_ACCOUNT


def test_registration_is_no_change(monkeypatch):
    palette = Palette(registers=60)
    result = play(monkeypatch, palette, state="registered")
    assert not result["changed"] and result["gateway"]["name"] == "dc1-gw" and palette.time >= 60
    assert [line["status"] for line in result["timeline"]] == ["waiting for the installer to register", "registered, Pending, installer 10.10.0.20"]


@pytest.mark.parametrize("options, waited", [({"registration_timeout": 30}, 30), ({"wait": "none"}, 0)])
def test_a_registration_that_does_not_come(monkeypatch, options, waited):
    palette = Palette(registers=9999)
    with pytest.raises(DeadlinePassed) as caught:
        play(monkeypatch, palette, state="registered", **options)
    assert palette.time == waited and f"within {waited} s" in caught.value.what and palette.context.written == []
    assert "https://palette.lab and has no trailing slash" in str(caught.value) and "installer VM not looked at" in str(caught.value)
    assert "gateways in Palette: none" in str(caught.value)


def test_an_account_that_vcenter_refuses_is_not_stored(monkeypatch):
    palette = Palette(refuse_account=True)
    with pytest.raises(PaletteRefused) as caught:
        play(monkeypatch, palette, **WHOLE)
    assert palette.writes == palette.context.written == [] and "svc at vc.lab.local" in caught.value.where and "canary" not in str(caught.value)


def test_a_changed_account_is_validated_and_replaced(monkeypatch):
    palette = Palette()
    play(monkeypatch, palette, **WHOLE)
    palette.writes.clear()
    result = play(monkeypatch, palette, **{**WHOLE, "account": {**given.ACCOUNT, "username": "new"}, "share_with_projects": False})
    assert palette.writes == ["validate", "PUT /v1/overlords/vsphere/g1/account"] and result["changed"]
    assert (palette.account["username"], palette.account["shared"], palette.account["password"].reveal()) == ("new", False, "canary-password")


def test_a_password_is_sent_again_when_asked_for(monkeypatch):
    palette = Palette()
    play(monkeypatch, palette, **WHOLE)
    palette.writes.clear()
    result = play(monkeypatch, palette, **WHOLE, update_password="always")
    assert palette.writes == ["validate", "PUT /v1/overlords/vsphere/g1/account"] and "canary" not in repr(result)


def test_provisioning_that_takes_too_long_says_why_and_the_next_run_goes_on(monkeypatch):
    palette = Palette(step=100)
    with pytest.raises(DeadlinePassed) as caught:
        play(monkeypatch, palette, **WHOLE, wait_timeout=150)
    failure = caught.value
    assert palette.context.written and failure.retriable and "not Running after 150 s" in failure.what
    assert failure.observed == "Provisioning: image resolved (1 of 3), last event: datastore is full"
    for words in ("goes on waiting", "infrastructure ready (Working), bootstrapped (Working)", "10:00:00.000Z datastore is full", "IP pool pool-a: 3"):
        assert words in failure.fix
    written = list(palette.writes)
    result = play(monkeypatch, palette, **WHOLE)
    assert not result["changed"] and result["gateway"]["state"] == "Running" and palette.writes == written


@pytest.mark.parametrize("wait", ["none", "registered"])
def test_not_waiting_for_it_to_run(monkeypatch, wait):
    palette = Palette()
    result = play(monkeypatch, palette, **WHOLE, wait=wait)
    assert result["changed"] and result["gateway"]["state"] == "Provisioning" and palette.time == 0


def test_another_configuration_writes_nothing(monkeypatch):
    palette = Palette()
    play(monkeypatch, palette, **WHOLE)
    palette.writes.clear()
    with pytest.raises(PlanRefused):
        play(monkeypatch, palette, **{**WHOLE, "labels": {"other": "x"}, "ntp_servers": ["ntp"]})
    assert palette.writes == []


def test_deletion_waits_and_tells_what_stays(monkeypatch):
    palette = Palette()
    play(monkeypatch, palette, **WHOLE)
    palette.writes.clear()
    predicted = play(monkeypatch, palette, check=True, state="absent")
    assert palette.writes == [] and predicted["gateway"] is None
    result = play(monkeypatch, palette, state="absent")
    assert palette.writes == ["DELETE /v1/overlords/g1"] and result["plan"] == predicted["plan"] and result["gateway"] is None
    assert result["leftovers"] == predicted["leftovers"] == [{"name": "dc1-gw-cp-0", "moid": None, "address": "10.10.8.10"}]
    assert palette.time >= palette.gone and [line["status"] for line in result["timeline"]] == ["Deleting", "gone"]
    again = play(monkeypatch, palette, state="absent")
    assert not again["changed"] and again["leftovers"] == [] and palette.writes == ["DELETE /v1/overlords/g1"]


def test_a_deletion_under_way_is_waited_for_and_its_nodes_are_told(monkeypatch):
    palette = Palette()
    play(monkeypatch, palette, **WHOLE)
    play(monkeypatch, palette, state="absent", wait="none")
    palette.writes.clear()
    result = play(monkeypatch, palette, state="absent")
    assert not result["changed"] and palette.writes == [] and palette.time >= palette.gone
    assert [each["name"] for each in result["leftovers"]] == ["dc1-gw-cp-0"]


def test_a_deletion_that_takes_too_long(monkeypatch):
    palette = Palette()
    play(monkeypatch, palette, **WHOLE)
    with pytest.raises(DeadlinePassed) as caught:
        play(monkeypatch, palette, state="absent", wait_timeout=3)
    assert palette.context.written == ["delete gateway dc1-gw"] and "state Deleting" in caught.value.observed


def test_a_name_that_is_nearly_one_of_palettes_is_warned_of(monkeypatch):
    result = play(monkeypatch, Palette(), state="absent", name="dc1-gv")
    assert not result["changed"] and result["warnings"] == ["there is no gateway 'dc1-gv'; Palette has dc1-gw"]


def test_run_without_apply_would_be_seen(monkeypatch):
    """A noun whose apply does nothing does not pass as done."""
    monkeypatch.setattr(_gateway, "NOUN", replace(_gateway.NOUN, apply=lambda *_: None))
    with pytest.raises(DeadlinePassed):
        play(monkeypatch, Palette(), **WHOLE, wait_timeout=9)
