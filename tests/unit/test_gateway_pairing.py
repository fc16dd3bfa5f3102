# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import json
import os
import stat
from dataclasses import replace
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest

from ansible_collections.palette.vmware.plugins.module_utils import _gateway_pairing as pairing
from ansible_collections.palette.vmware.plugins.module_utils._errors import Failure, InputRefused, PaletteBadAnswer
from ansible_collections.palette.vmware.plugins.module_utils._run import Context

CODE = "canary-code"
YOUNG = {"age": 10.0, "mode": 0o600, "filled": True}


def options(**given):
    return {"state": "present", "gateway": "dc1-gw", "dest": "/srv/dc1-gw.code", "max_age": 3600, **given}


def seen(file=None, registered=False):
    return {"gateway": "dc1-gw", "registered": registered, "ova": "https://palette.lab/installer.ova", "dest": "/srv/dc1-gw.code", "file": file}


@pytest.mark.parametrize("given, observed, expected", [
    ({}, seen(), [("create", None, "0600", "a new pairing code")]),
    ({}, seen(YOUNG), []),
    ({}, seen({**YOUNG, "age": 3599.9}), []),
    ({}, seen({**YOUNG, "age": 3600.0}), [("update", "0600", "0600", "the code is too old")]),
    ({"max_age": 0}, seen({**YOUNG, "age": 0.0}), [("update", "0600", "0600", "the code is too old")]),
    ({}, seen({**YOUNG, "filled": False}), [("update", "0600", "0600", "the file is empty")]),
    ({}, seen({**YOUNG, "mode": 0o644}), [("protect", "0644", "0600", "others could read the code")]),
    ({}, seen({**YOUNG, "mode": 0o644, "age": 1e6}), [("update", "0644", "0600", "the code is too old")]),
    ({}, seen(None, registered=True), []),
    ({}, seen({**YOUNG, "filled": False}, registered=True), []),
    ({"state": "absent"}, seen(), []),
    ({"state": "absent"}, seen(YOUNG), [("delete", None, None, "")]),
    ({"state": "absent"}, seen(YOUNG, registered=True), [("delete", None, None, "")]),
])
def test_changes(given, observed, expected):
    changes = pairing.plan(pairing.from_params(options(**given)), observed)
    assert [(change.verb, (change.before or {}).get("mode"), (change.after or {}).get("mode"), change.reason) for change in changes] == expected
    assert all(change.name == "dc1-gw" and (change.before or change.after)["dest"] == "/srv/dc1-gw.code" for change in changes)


@pytest.mark.parametrize("given, where", [({"dest": "code"}, "option dest"), ({"dest": "/tmp/"}, "option dest"), ({"gateway": " "}, "option gateway"),
                                          ({"max_age": -1}, "option max_age")])
def test_refused_options(given, where):
    with pytest.raises(InputRefused) as caught:
        pairing.from_params(options(**given))
    assert caught.value.where == where


class Palette:
    def __init__(self, registered=False, code=CODE):
        self.registered, self.code, self.codes, self.connection = registered, code, 0, SimpleNamespace(host="https://palette.lab")

    def get(self, path, query=None, project=None):
        if path == "/v1/overlords/pairing/code":
            assert query == {"cloudType": "vsphere"}
            self.codes += 1
            return {"pairingCode": self.code}
        return {"/v1/overlords/vsphere/ova": {"location": "https://palette.lab/installer.ova"},
                "/v1/overlords": {"items": [{"metadata": {"name": "dc1-gw", "uid": "g1"}, "status": {"state": "Pending"}}] if self.registered else []}}[path]


def play(monkeypatch, palette, check=False, now=None, **given):
    clock = SimpleNamespace(now=lambda: now or datetime.now(timezone.utc), monotonic=lambda: 0.0)
    monkeypatch.setattr(pairing, "NOUN", replace(pairing.NOUN, connect=lambda params, context: contextlib.nullcontext(palette)))
    return pairing.execute(options(**given), Context(check=check, clock=clock))


def test_a_code_is_written_for_the_user_alone_and_in_no_result(monkeypatch, tmp_path):
    palette, dest = Palette(), tmp_path / "code"
    predicted = play(monkeypatch, palette, check=True, dest=str(dest))
    assert palette.codes == 0 and not dest.exists() and predicted["changed"]
    result = play(monkeypatch, palette, dest=str(dest))
    assert dest.read_text() == f"{CODE}\n" and stat.S_IMODE(dest.stat().st_mode) == 0o600 and os.listdir(tmp_path) == ["code"]
    assert result["plan"] == predicted["plan"] and result["gateway_pairing"] == predicted["gateway_pairing"] == {
        "gateway": "dc1-gw", "registered": False, "ova": "https://palette.lab/installer.ova", "dest": str(dest)}
    assert CODE not in json.dumps(result)
    again = play(monkeypatch, palette, dest=str(dest))
    assert not again["changed"] and palette.codes == 1


def test_an_old_code_is_replaced(monkeypatch, tmp_path):
    palette, dest = Palette(), tmp_path / "code"
    dest.write_text("old")
    dest.chmod(0o644)
    os.utime(dest, (1e9, 1e9))
    now = datetime.fromtimestamp(1e9 + 3600, timezone.utc)
    result = play(monkeypatch, palette, now=now, dest=str(dest))
    assert result["changed"] and dest.read_text() == f"{CODE}\n" and stat.S_IMODE(dest.stat().st_mode) == 0o600


def test_a_readable_code_is_protected_without_a_new_one(monkeypatch, tmp_path):
    palette, dest = Palette(), tmp_path / "code"
    dest.write_text("mine")
    dest.chmod(0o640)
    assert play(monkeypatch, palette, dest=str(dest))["plan"][0]["verb"] == "protect"
    assert dest.read_text() == "mine" and stat.S_IMODE(dest.stat().st_mode) == 0o600 and palette.codes == 0


def test_no_code_for_a_gateway_that_has_registered(monkeypatch, tmp_path):
    palette = Palette(registered=True)
    result = play(monkeypatch, palette, dest=str(tmp_path / "code"))
    assert not result["changed"] and palette.codes == 0 and result["gateway_pairing"]["registered"] and result["gateway_pairing"]["dest"] is None


def test_absent_removes_the_file_and_asks_nothing(monkeypatch, tmp_path):
    dest = tmp_path / "code"
    dest.write_text("x")
    predicted = play(monkeypatch, None, check=True, state="absent", dest=str(dest))
    assert dest.exists() and predicted["gateway_pairing"]["dest"] is None
    result = play(monkeypatch, None, state="absent", dest=str(dest))
    assert result["plan"] == predicted["plan"] and not dest.exists() and result["gateway_pairing"] == predicted["gateway_pairing"]
    assert not play(monkeypatch, None, state="absent", dest=str(dest))["changed"]


@pytest.mark.parametrize("kind", ["folder", "link", "no folder"])
@pytest.mark.parametrize("check", [True, False])
def test_what_cannot_be_a_file_is_refused_before_a_code_is_fetched(monkeypatch, tmp_path, kind, check):
    palette, dest = Palette(), tmp_path / "code"
    if kind == "folder":
        dest.mkdir()
    elif kind == "link":
        dest.symlink_to(tmp_path / "elsewhere")
    else:
        dest = tmp_path / "none" / "code"
    with pytest.raises(Failure) as caught:
        play(monkeypatch, palette, check=check, dest=str(dest))
    assert palette.codes == 0 and str(dest) in caught.value.where


def test_a_failed_write_leaves_the_old_file_and_no_other(monkeypatch, tmp_path):
    palette, dest = Palette(), tmp_path / "code"
    dest.write_text("")

    def full(*_names):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pairing.os, "replace", full)
    with pytest.raises(Failure) as caught:
        play(monkeypatch, palette, dest=str(dest))
    assert "No space left" in caught.value.observed and CODE not in str(caught.value) and os.listdir(tmp_path) == ["code"] and dest.read_text() == ""


@pytest.mark.parametrize("code", [None, "", 7])
def test_an_answer_without_a_code_is_said(monkeypatch, tmp_path, code):
    with pytest.raises(PaletteBadAnswer):
        play(monkeypatch, Palette(code=code), dest=str(tmp_path / "code"))
    assert os.listdir(tmp_path) == []
