# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import dataclasses
import json

import pytest

from servers import FakeClock

from ansible_collections.palette.vmware.plugins.module_utils._change import Change, Unresolved, update
from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused, ParentMissing, PlanRefused, Stopped
from ansible_collections.palette.vmware.plugins.module_utils._run import Context, Noun, outcome, run
from ansible_collections.palette.vmware.plugins.module_utils._until import until


class Shelf:
    """Boxes held in memory, each on a rack; what the toy noun manages. log: every call that it got."""

    def __init__(self, boxes=None, racks=("left",)):
        self.boxes, self.racks, self.log, self.open, self.broken = boxes or {}, racks, [], 0, {}

    @contextlib.contextmanager
    def connect(self, _params, _context):
        self.open += 1
        try:
            yield self
        finally:
            self.open -= 1


def wanted(params):
    if params["size"] < 0:
        raise InputRefused("size is negative", where="option size")
    return params


def observe(shelf, desired, _context):
    rack = desired["rack"] if desired["rack"] in shelf.racks else Unresolved("rack", desired["rack"])
    return {"rack": rack, "box": shelf.boxes.get(desired["name"])}


def plan(desired, observed):
    have, want = observed["box"], {"size": desired["size"], "rack": desired["rack"]}
    if desired["state"] == "absent":
        return [Change("delete", "box", desired["name"], have, None)] if have else []
    if have and have["size"] > desired["size"]:
        raise PlanRefused("a box cannot shrink", observed=have["size"], expected=desired["size"])
    if have:
        return update("box", desired["name"], have, want)
    return [Change("create", "box", desired["name"], None, want), Change("label", "sticker", desired["name"], None, {"text": "new"})]


def apply(shelf, _desired, _observed, change, _context):
    shelf.log.append(change.verb)
    if change.verb in shelf.broken:
        raise shelf.broken[change.verb]
    if change.kind == "box":
        shelf.boxes.pop(change.name, None) if change.after is None else shelf.boxes.setdefault(change.name, {"name": change.name}).update(change.after)


def noun(shelf, **other):
    return Noun("box", wanted, shelf.connect, observe, plan, apply, lambda observed: observed["box"], **other)


def context(**more):
    return Context(clock=FakeClock(), **more)


def params(**more):
    return {"name": "b", "size": 2, "rack": "left", "state": "present", **more}


@pytest.mark.parametrize("boxes, options, verbs", [
    ({}, {}, ["create", "label"]), ({"b": {"name": "b", "size": 1, "rack": "left"}}, {}, ["update"]), ({"b": {"name": "b", "size": 2, "rack": "left"}}, {}, []),
    ({"b": {"name": "b", "size": 2, "rack": "left"}}, {"state": "absent"}, ["delete"]), ({}, {"state": "absent"}, [])])
def test_check_mode_says_what_a_real_run_does_and_does_nothing(boxes, options, verbs):
    shelf = Shelf(boxes)
    before = json.dumps(shelf.boxes)
    foretold = run(noun(shelf), params(**options), context(check=True))
    assert json.dumps(shelf.boxes) == before and shelf.log == []
    done = run(noun(shelf), params(**options), context())
    assert foretold == done and shelf.log == verbs and shelf.open == 0
    assert [change["verb"] for change in done["plan"]] == verbs and done["changed"] is bool(verbs) and len(done["diff"]) == len(verbs)
    assert done["box"] == shelf.boxes.get("b")
    again = run(noun(shelf), params(**options), context())
    assert again["changed"] is False and again["plan"] == [] and shelf.log == verbs


def test_a_missing_parent_is_a_warning_in_check_mode_and_an_error_in_a_real_run():
    shelf, checking = Shelf(), context(check=True)
    foretold = run(noun(shelf), params(rack="right"), checking)
    assert foretold["changed"] and len(checking.warnings) == 1 and "rack 'right' does not exist yet" in checking.warnings[0]
    assert foretold["warnings"] == checking.warnings
    with pytest.raises(ParentMissing) as caught:
        run(noun(shelf), params(rack="right"), context())
    assert "rack 'right'" in caught.value.what and caught.value.where == "option rack" and shelf.log == [] and not caught.value.changed_something


def test_a_missing_parent_does_not_matter_when_nothing_is_to_be_done():
    assert run(noun(Shelf()), params(rack="right", state="absent"), context())["changed"] is False


def test_predict_replaces_the_guess_of_the_object_in_check_mode():
    made = run(noun(Shelf(), predict=lambda desired, observed, changes: {"guessed": len(changes)}), params(), context(check=True))
    assert made["box"] == {"guessed": 2}


@pytest.mark.parametrize("broken, log, changed", [("create", ["create"], False), ("label", ["create", "label"], True)])
def test_a_failure_says_whether_something_was_written_before(broken, log, changed):
    shelf = Shelf()
    shelf.broken[broken] = PlanRefused("no", where="here")
    answer = outcome(lambda given, ctx: run(noun(shelf), given, ctx), params(), context())
    assert answer["failed"] and answer["error"]["changed_something"] is changed and answer["changed"] is changed and shelf.log == log and shelf.open == 0
    assert ("changes made before this stay" in answer["msg"]) is changed


def test_a_write_in_doubt_stays_said():
    shelf = Shelf()
    shelf.broken["create"] = PlanRefused("lost", changed_something=True)
    assert outcome(lambda given, ctx: run(noun(shelf), given, ctx), params(), context())["changed"] is True


def test_settle_waits_also_without_changes_and_its_failure_comes_after_the_writes():
    def settle(shelf, desired, observed, ctx):
        ticks = iter(range(10))
        until(lambda: next(ticks), lambda tick: tick == 3, ctx, timeout=desired.get("timeout", 60), interval=5)
        shelf.boxes[desired["name"]]["settled"] = True
    shelf = Shelf()
    made = run(noun(shelf, settle=settle), params(), context())
    assert made["box"]["settled"] and [entry["elapsed"] for entry in made["timeline"]] == [0, 5, 10, 15]
    still = run(noun(shelf, settle=settle), params(), context())
    assert still["changed"] is False and len(still["timeline"]) == 4
    assert run(noun(shelf, settle=settle), params(), context(check=True))["timeline"] == []
    late = outcome(lambda given, ctx: run(noun(Shelf(), settle=settle), given, ctx), params(timeout=7), context())
    assert late["error"]["code"] == "DEADLINE_PASSED" and late["changed"] is True and [entry["status"] for entry in late["timeline"]] == ["0", "1", "2"]
    idle = outcome(lambda given, ctx: run(noun(shelf, settle=settle), given, ctx), params(timeout=7), context())
    assert idle["error"]["code"] == "DEADLINE_PASSED" and idle["changed"] is False


def test_an_order_to_stop_comes_between_two_changes():
    shelf, ctx = Shelf(), context()

    def stopping(shelf, desired, observed, change, ctx):
        apply(shelf, desired, observed, change, ctx)
        ctx.stop.set("SIGTERM")
    with pytest.raises(Stopped):
        run(dataclasses.replace(noun(shelf), apply=stopping), params(), ctx)
    assert shelf.log == ["create"] and len(ctx.written) == 1


def test_refused_input_never_connects():
    shelf = Shelf()
    with pytest.raises(InputRefused):
        run(dataclasses.replace(noun(shelf), connect=lambda *_: pytest.fail("connected")), params(size=-1), context())


def test_an_unexpected_exception_becomes_an_internal_error_without_secrets():
    shelf, ctx = Shelf(), context()
    ctx.warn("about canary-1")
    shelf.broken["create"] = ValueError("boom canary-1 canary%2F2")
    answer = outcome(lambda given, ctx: run(noun(shelf), given, ctx), params(), ctx, ["canary-1", "canary/2"])
    assert answer["failed"] and answer["error"]["code"] == "INTERNAL" and "ValueError in apply" in answer["msg"] and "test_run.py:" in answer["error"]["where"]
    assert answer["error"]["observed"] == "boom *** ***" and answer["warnings"] == ["about ***"] and "canary" not in repr(answer)


def test_results_and_failures_are_masked_by_value():
    good = outcome(lambda given, ctx: {"changed": False, "box": {"note": "is canary"}}, {}, context(), ["canary"])
    assert good == {"changed": False, "box": {"note": "is ***"}}

    def fail(given, ctx):
        raise PlanRefused("canary is wrong", where="canary", observed="canary", fix="not canary", leftovers=["canary"])
    assert "canary" not in repr(outcome(fail, {}, context(), ["canary"]))


def test_a_warning_is_given_once():
    ctx = context()
    ctx.warn("a")
    ctx.warn("a")
    ctx.warn("b")
    assert ctx.warnings == ["a", "b"]
