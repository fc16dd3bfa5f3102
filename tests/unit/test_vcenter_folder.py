# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vcenter_folder: what it refuses, and what it plans from what there is."""
from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.palette.vmware.plugins.module_utils import _vcenter_folder as noun
from ansible_collections.palette.vmware.plugins.module_utils._change import Unresolved
from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused, VcenterFailure


def desired(folder):
    return noun.from_params({"datacenter": "dc-1", "folder": folder})


def observed(*paths, names=None):
    folders = {tuple(path.split("/")): f"ref {path}" for path in paths}
    return {"datacenter": "dc", "folders": {(): "root", **folders}, "names": names, "path": names and "/dc-1/vm/" + "/".join(names)}


@pytest.mark.parametrize("text, names", [("a", ("a",)), ("a/b", ("a", "b")), ("/a/b/", ("a", "b")), ("Ä b", ("Ä b",)), ("x" * 80, ("x" * 80,))])
def test_paths(text, names):
    assert desired(text)["names"] == names


@pytest.mark.parametrize("text", ["", "/", "a/ b", " a", "a\n", "x" * 81])
def test_names_that_are_refused(text):
    with pytest.raises(InputRefused, match="option folder"):
        desired(text)


@pytest.mark.parametrize("text, there, made", [
    ("a", [], ["a"]), ("a/b/c", [], ["a", "a/b", "a/b/c"]), ("a/b/c", ["a", "a/b"], ["a/b/c"]), ("a/b", ["b", "a"], ["a/b"]),
])
def test_only_what_is_missing_is_made_from_the_top(text, there, made):
    changes = noun.plan(desired(text), observed(*there))
    assert [(change.verb, change.name, change.after) for change in changes] == [("create", name, {"datacenter": "dc-1", "folder": name}) for name in made]


def test_a_folder_that_is_there_is_left():
    assert noun.plan(desired("b"), observed("a", "a/b", names=("a", "b"))) == []


@pytest.mark.parametrize("text", ["a%2fb", "a%25", "a\\b", "a/b%2fc"])
def test_names_that_vcenter_escapes_are_found_and_not_made(text):
    with pytest.raises(InputRefused, match="characters that vCenter escapes - option folder"):
        noun.plan(desired(text), observed("a"))
    there = {**observed(), "folders": {desired(text)["names"]: SimpleNamespace(_GetMoId=lambda: "group-1")}, "names": desired(text)["names"]}
    assert noun.plan(desired(text), there) == []
    assert desired(noun.present(there)["folder"])["names"] == desired(text)["names"]


def test_in_a_datacenter_that_does_not_exist_all_is_planned():
    seen = {"datacenter": Unresolved("datacenter", "dc-1"), "folders": {}, "names": None, "path": None}
    assert [change.name for change in noun.plan(desired("a/b"), seen)] == ["a", "a/b"]


def test_what_will_be_is_told_without_what_vcenter_assigns():
    changes = noun.plan(desired("a/b"), observed("a"))
    assert noun.predict(desired("a/b"), observed("a"), changes) == {"name": "b", "folder": "a/b", "path": None, "moid": None}


class Vsphere:
    """Refuses to make a folder in the way given; `there` is what looking for it gives then."""

    def __init__(self, fault):
        self.fault = fault

    def call(self, _function, what, where=""):
        raise VcenterFailure(what, fault=self.fault, where=where)

    def path(self, ref):
        return f"/{ref}"


@pytest.mark.parametrize("fault, there, adopted", [("DuplicateName", "ref", True), ("DuplicateName", None, False), ("NoPermission", "ref", False)])
def test_only_a_folder_of_that_name_that_is_there_is_taken(fault, there, adopted, monkeypatch):
    monkeypatch.setattr(noun, "child", lambda *_words: there)
    seen, [change] = observed(), noun.plan(desired("a"), observed())
    if adopted:
        noun.apply(Vsphere(fault), desired("a"), seen, change, None)
        assert seen["folders"][("a",)] == there
    else:
        with pytest.raises(VcenterFailure, match="creating folder a failed"):
            noun.apply(Vsphere(fault), desired("a"), seen, change, None)
