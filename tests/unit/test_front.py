# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action front: which front runs a task, and what the worker front passes on."""
from __future__ import annotations

import os
import signal
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.palette.vmware.plugins.action import api as front
from ansible_collections.palette.vmware.plugins.module_utils._lifeline import PLAYBOOK_VARIABLE, alive
from ansible_collections.palette.vmware.plugins.module_utils._specs import spec

OWN = {"name": {"type": "str", "required": True}, "size": {"type": "int"}, "wait": {"type": "bool", "default": True},
       "account": {"type": "dict", "options": {"password": {"type": "str", "no_log": True}, "name": {"type": "str"}}}}


def noun(execute=None, libraries=(), **more):
    return SimpleNamespace(SPEC=spec(OWN, palette=False), LIBRARIES=libraries, execute=execute, **more)


def action(args=None, transport="local", become=None, **task):
    made = front.ActionModule.__new__(front.ActionModule)
    made._task = SimpleNamespace(args=args or {}, async_val=0, poll=0, environment=[], check_mode=False, no_log=False, action="palette.vmware.ip_pool",
                                 _uuid=object(), get_name=lambda: "a task", **{})
    vars(made._task).update(task)
    made._connection = SimpleNamespace(transport=transport, become=become)
    made._templar = SimpleNamespace(template=lambda value: value)
    return made


@pytest.fixture(name="shown")
def _shown(monkeypatch):
    lines = []
    monkeypatch.setattr(front, "Display", lambda: SimpleNamespace(display=lines.append))
    return lines


OBSTACLES = [
    ("nothing", {}, {}, (), None),
    ("chosen", {}, {"palette_execution": "module"}, (), ""),
    ("asked for what is there anyway", {}, {"palette_execution": "auto"}, (), None),
    ("another host", {"transport": "ssh"}, {}, (), "another host"),
    ("become", {"become": object()}, {}, (), "become"),
    ("async", {"async_val": 60}, {}, (), "async"),
    ("environment", {"environment": [{"A": "b"}]}, {}, (), "environment"),
    ("no environment worth the name", {"environment": [{}, None]}, {}, (), None),
    ("library", {}, {}, ("no_such_library_xyz",), "lacks no_such_library_xyz"),
]


@pytest.mark.parametrize("task, variables, libraries, says", [row[1:] for row in OBSTACLES], ids=[row[0] for row in OBSTACLES])
def test_what_keeps_a_task_out_of_the_worker(task, variables, libraries, says):
    found = action(**task).obstacle(noun(libraries=libraries), variables)
    assert (found is None) if says is None else (found == says or bool(says) and says in found)


def test_an_unknown_mode_is_refused():
    with pytest.raises(AnsibleActionFail, match="palette_execution is 'worker', expected one of: auto, module"):
        action().obstacle(noun(), {"palette_execution": "worker"})


def test_arguments_are_validated_and_converted():
    seen = {}
    action({"name": "a", "size": "3"}).in_worker(noun(lambda params, context: seen.update(params) or {"changed": False}), {})
    assert seen == {"name": "a", "size": 3, "wait": True, "account": None}


KEYS = {"code", "what", "where", "observed", "expected", "fix", "retriable", "changed_something", "leftovers", "request_ref"}


@pytest.mark.parametrize("args, where, words", [
    ({}, "option name", "missing required arguments: name"),
    ({"name": "a", "nmae": "b"}, "option nmae", "Unsupported parameters for (palette.vmware.ip_pool) module: nmae. Supported parameters include: account"),
    ({"name": "a", "account": {"nmae": "b"}}, "option account.nmae", "account.nmae"),
    ({"name": "a", "size": "many"}, "option size", "unable to convert to int"),
    ({"name": "a", "account": {"level": "many"}}, "option account.level", "unable to convert to int"),
    ({"name": "a", "account": {"kind": "x"}}, "option account.kind", "value of kind must be one of: y, z"),
    ({"name": "a", "account": 7}, "option account", "value of 'account' must be of type dict"),
    ({"name": "a", "account": "x"}, "the task's options", "dictionary requested"),
    ({"name": "a", "groups": 7}, "option groups", "must be a list"),
    ({"name": "a", "members": ["x"]}, "option members", "unable to convert to int"),
    ({"name": "a", "one": "1", "other": "2"}, "options one, other", "mutually exclusive"),
    ({"name": "a", "size": 7}, "options one, other", "missing"),
])
def test_a_refused_argument_has_the_shape_of_every_failure(args, where, words):
    own = {**OWN, "members": {"type": "list", "elements": "int"}, "one": {"type": "str"}, "other": {"type": "str"},
           "groups": {"type": "list", "elements": "dict", "options": {"name": {"type": "str"}}},
           "account": {"type": "dict", "options": {"level": {"type": "int"}, "kind": {"type": "str", "choices": ["y", "z"]}}}}
    limits = {"mutually_exclusive": [("one", "other")], "required_if": [("size", 7, ("one", "other"))]}
    made = SimpleNamespace(SPEC={**spec(own, palette=False), **limits}, LIBRARIES=(), execute=None)
    answer = action(args).in_worker(made, {})
    error = answer["error"]
    assert answer["failed"] and words in answer["msg"] and error["what"] == answer["msg"] and not answer["changed"]
    assert set(error) == KEYS and (error["code"], error["where"], error["retriable"]) == ("INPUT_REFUSED", where, False) and error["fix"]


def test_a_refused_argument_does_not_show_a_secret():
    for given in ({"size": "c4n4ry"}, {"c4n4ry": 1}):
        answer = action({"name": "a", **given, "account": {"password": "c4n4ry"}}).in_worker(noun(), {})
        assert answer["failed"] and "c4n4ry" not in str(answer) and "***" in answer["msg"]


def test_results_are_masked_by_the_secret_options_and_by_what_the_noun_names():
    def execute(params, context):
        context.warn(f"warned of {params['account']['password']}")
        return {"changed": True, "echo": f"{params['account']['password']} {params['name']}", "warnings": context.warnings}
    args = {"name": "h1dden", "account": {"password": "c4n4ry"}}
    assert action(args).in_worker(noun(execute), {}) == {"changed": True, "echo": "*** h1dden", "warnings": ["warned of ***"]}
    named = noun(execute, secrets=lambda params: [params["name"]])
    assert action(args).in_worker(named, {})["echo"] == "*** ***"


def test_a_defect_does_not_show_a_secret_and_no_traceback():
    def execute(params, context):
        raise RuntimeError(f"broke on {params['account']['password']}")
    answer = action({"name": "a", "account": {"password": "c4n4ry"}}).in_worker(noun(execute), {})
    assert answer["failed"] and answer["error"]["code"] == "INTERNAL" and "broke on ***" in answer["msg"]


def test_check_mode_reaches_the_noun():
    answer = action({"name": "a"}, check_mode=True).in_worker(noun(lambda params, context: {"check": context.check}), {})
    assert answer == {"check": True}


def test_progress_is_shown_with_the_host_unless_no_log(shown):
    def execute(params, context):
        context.progress("Provisioning")
        return {"timeline": context.timeline}
    answer = action({"name": "a"}).in_worker(noun(execute), {"inventory_hostname": "dc-1"})
    assert shown == ["dc-1:    0.0 s  Provisioning"] and answer["timeline"][0]["status"] == "Provisioning"
    action({"name": "a"}, no_log=True).in_worker(noun(execute), {"inventory_hostname": "dc-1"})
    assert len(shown) == 1


def test_signals_stop_the_noun_and_are_given_back(shown):
    def execute(params, context):
        context.progress("before")
        os.kill(os.getpid(), signal.SIGTERM)
        assert context.stop.wait(10)
        context.progress("after")
        context.stop.check()
    before = signal.getsignal(signal.SIGTERM)
    answer = action({"name": "a"}).in_worker(noun(execute), {"inventory_hostname": "dc-1"})
    assert answer["error"]["code"] == "STOPPED" and "signal SIGTERM" in answer["msg"]
    assert [line.split()[-1] for line in shown] == ["before"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_module_front_is_told_which_process_the_playbook_is(monkeypatch):
    def environment(**task):
        made, ran = action(**task), []
        monkeypatch.setattr(made, "_execute_module", lambda **options: ran.append(options) or {"changed": False}, raising=False)
        assert made.in_module({"a": 1}) == {"changed": False}
        assert ran == [{"task_vars": {"a": 1}, "wrap_async": bool(task.get("async_val"))}]
        return made._task.environment
    for task in ({"environment": [{"A": "b"}]}, {"environment": [{"A": "b"}], "async_val": 60, "poll": 5}):
        first, mark = environment(**task)
        assert first == {"A": "b"} and set(mark) == {PLAYBOOK_VARIABLE}
        assert mark[PLAYBOOK_VARIABLE].split(" ")[1] == str(os.getppid()) and alive(mark[PLAYBOOK_VARIABLE])
    assert environment(environment=[{"A": "b"}], async_val=60, poll=0) == [{"A": "b"}], "a job that nobody waits for outlives the playbook"


def test_it_is_said_once_for_a_task_that_there_is_no_progress(shown):
    one = action()
    for _item in range(3):
        one.say_once("no live progress (become)")
    action().say_once("no live progress (become)")
    action(no_log=True).say_once("no live progress (become)")
    assert shown == ["no live progress (become)"] * 2


@pytest.mark.parametrize("task, fronts", [({}, ["worker"]), ({"become": object()}, ["module"])])
def test_the_noun_is_found_by_the_name_of_the_module(monkeypatch, task, fronts):
    ran = []
    made = action(action="palette.vmware.ip_pool", **task)
    monkeypatch.setattr(front.ActionBase, "run", lambda self, tmp, task_vars: {})
    monkeypatch.setattr(made, "in_worker", lambda noun, variables: ran.append("worker") or noun.KIND, raising=False)
    monkeypatch.setattr(made, "in_module", lambda variables: ran.append("module"), raising=False)
    made.run(task_vars={})
    assert ran == fronts
