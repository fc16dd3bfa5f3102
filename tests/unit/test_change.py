# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import json

import pytest

from ansible_collections.palette.vmware.plugins.module_utils._change import Change, Unresolved, diff, update


def test_a_change_is_frozen_data_that_json_can_hold():
    change = Change("create", "ip_pool", "p-1", None, {"start": "10.0.0.1"}, "it does not exist")
    assert change == Change("create", "ip_pool", "p-1", None, {"start": "10.0.0.1"}, "it does not exist")
    assert json.loads(json.dumps(change.as_dict())) == {"verb": "create", "kind": "ip_pool", "name": "p-1", "before": None, "after": {"start": "10.0.0.1"},
                                                         "reason": "it does not exist"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        change.verb = "delete"
    assert Unresolved("gateway", "g") == Unresolved("gateway", "g") != Unresolved("gateway", "h")


def test_an_update_holds_just_the_fields_that_differ():
    have, want = {"size": 1, "name": "g", "labels": {"a": "1"}, "uid": "u"}, {"size": 3, "name": "g", "labels": {"a": "2"}, "new": None}
    assert update("gateway", "g", have, want, "resize", "asked for") == [
        Change("resize", "gateway", "g", {"labels": {"a": "1"}, "size": 1}, {"labels": {"a": "2"}, "size": 3}, "asked for")]


def test_nothing_differs_when_want_says_nothing_else():
    assert update("gateway", "g", {"size": 1, "uid": "u"}, {"size": 1}) == []
    assert update("gateway", "g", {"size": 1}, {}) == []
    assert update("gateway", "g", {}, {"size": 1}) == [Change("update", "gateway", "g", {"size": None}, {"size": 1})]


def test_the_diff_has_a_pair_for_each_change():
    changes = [Change("create", "ip_pool", "p", None, {"a": 1}), Change("delete", "ip_pool", "q", {"b": 2}, None)]
    assert diff(changes) == [
        {"before_header": "ip_pool p", "after_header": "ip_pool p (create)", "before": {}, "after": {"a": 1}},
        {"before_header": "ip_pool q", "after_header": "ip_pool q (delete)", "before": {"b": 2}, "after": {}}]
    assert diff([]) == []
