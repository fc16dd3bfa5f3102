# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import inspect

import pytest

from ansible_collections.palette.vmware.plugins.module_utils import _errors as errors
from ansible_collections.palette.vmware.plugins.module_utils._libraries import library, missing, require

KEYS = ["changed_something", "code", "expected", "fix", "leftovers", "observed", "request_ref", "retriable", "what", "where"]
KINDS = [kind for _name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.Failure)]


def test_the_sentence_says_what_where_seen_expected_fix_and_leftovers():
    failure = errors.PlanRefused("gateway cannot shrink.", where="gateway gw-1 (uid 12)", observed=3, expected=1, fix="reset it.", leftovers=["vm-2", "vm-1"])
    assert str(failure) == "gateway cannot shrink - gateway gw-1 (uid 12) - seen: 3, expected: 1 - reset it - left behind: vm-1, vm-2"


def test_the_sentence_leaves_out_what_is_not_there_but_keeps_zero_and_false():
    assert errors.Failure("no").sentence() == "no"
    assert errors.Failure("no", observed=0, expected=False).sentence() == "no - seen: 0, expected: False"
    assert errors.Failure("no", changed_something=True).sentence() == "no - changes made before this stay"


def test_server_text_is_one_printable_line_of_limited_length():
    assert errors.quoted("a\nb\x1b[31m\u202e") == "a\\nb\\x1b[31m\\u202e"
    assert errors.quoted("größe ✓") == "größe ✓"
    assert errors.quoted("x" * 300) == "x" * 300
    assert len(errors.quoted("x" * 301)) == 300 and errors.quoted("x" * 301).endswith("…")
    assert errors.quoted(None) == "None" and errors.quoted("\ud800") == "\\ud800"
    assert "\n" not in errors.Failure("no", observed="a\nb", expected="c\rd").sentence()


def test_the_error_value_has_fixed_keys():
    failure = errors.PaletteRefused("no", status=409, api_code="Taken", where="w", request_ref="ref-1", leftovers={"b", "a"})
    assert sorted(failure.as_dict()) == KEYS
    assert failure.as_dict()["code"] == "PALETTE_REFUSED" and failure.as_dict()["leftovers"] == ["a", "b"] and failure.as_dict()["request_ref"] == "ref-1"
    assert (failure.status, failure.api_code) == (409, "Taken")
    assert errors.VcenterDenied("no", fault="NoPermission").fault == "NoPermission"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_code_of_its_own(kind):
    assert len(KINDS) > 15
    assert [other for other in KINDS if other.code == kind.code] == [kind]
    failure = kind("no")
    assert failure.code == kind.code and failure.retriable is kind.retriable and not failure.changed_something
    assert kind("no", retriable=not kind.retriable, code="OTHER").as_dict()["retriable"] is not kind.retriable
    assert kind("no", code="OTHER").code == "OTHER"


def test_what_may_succeed_later_is_retriable():
    assert {kind.code for kind in KINDS if kind.retriable} == {
        "BUSY", "DEADLINE_PASSED", "STOPPED", "PALETTE_UNREACHABLE", "PALETTE_RATE_LIMITED", "VCENTER_UNREACHABLE", "TRANSFER_FAILED"}


def test_missing_libraries_are_named_together(monkeypatch):
    modules = __import__("sys").modules
    monkeypatch.setitem(modules, "requests", None)
    monkeypatch.setitem(modules, "netaddr", None)
    assert library("requests") is None and library("json").loads("1") == 1
    assert missing(["requests", "json", "netaddr"]) == ["requests", "netaddr"]
    require(["json"])
    with pytest.raises(errors.LibraryMissing) as caught:
        require(["requests", "json", "netaddr"])
    assert "requests >= " in str(caught.value) and "netaddr >= " in str(caught.value) and caught.value.code == "LIBRARY_MISSING"
