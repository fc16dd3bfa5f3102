# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module matrix: every case is data; this turns it into one playbook for each front, and judges what came back.

A case has steps (create, change, delete …). Each step is played check, real, check, real, with a snapshot of both servers and of the journal between.
"""
from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MODULES = ROOT / "plugins" / "modules"
PHASES = ("check", "real", "check again", "real again")
FRONTS = ("auto", "module")
READERS = ("permission_audit", "site_check")


def cases():
    """{"module/case": case}; case: module, name, steps, and where given prepare (tasks), vars."""
    found = {}
    for path in sorted((HERE / "cases").glob("*.yml")):
        for case in yaml.safe_load(path.read_text(encoding="utf-8")):
            case.setdefault("module", path.stem)
            assert not set(case) - {"module", "name", "steps", "prepare", "vars"}, f"{path.name}: {case['name']}: {sorted(case)}"
            for step in case["steps"]:
                assert not set(step) - {"name", "options", "reads", "repeats", "silent", "returns"}, f"{path.name}: {step}"
            found[f"{case['module']}/{case['name']}"] = case
    return found


def modules():
    return sorted(path.stem for path in MODULES.glob("*.py") if path.stem != "__init__")


def never_changes(module):
    return module.endswith("_info") or module in READERS


def reads(case, step):
    """Whether the step is one that never changes anything."""
    return step.get("reads", never_changes(case["module"]))


def phases(step):
    """repeats: false is for calls whose second run is not defined (module api)."""
    return PHASES if step.get("repeats", True) else PHASES[:2]


def tasks(case):
    """The tasks of one front's playbook."""
    return [*case.get("prepare", []), *({"name": f"{step['name']}: {phase}", f"palette.vmware.{case['module']}": step["options"],
                                         "check_mode": phase.startswith("check"), "diff": True} for step in case["steps"] for phase in phases(step))]


def around(run, name):
    """(snapshot before, result, snapshot after) of the task of that name; a snapshot is {state: text, journal: items}."""
    [place] = [number for number, entry in enumerate(run.entries) if entry["task"] == name]
    before, after = run.entries[place - 1]["snapshot"], run.entries[place]["snapshot"]
    assert "busy" not in before and "busy" not in after, f"{name}: the lab did not settle: {before.get('busy')} {after.get('busy')}"
    return before, run.entries[place]["result"], after


def writes(before, after):
    """Calls of clients between two journals that wrote; the emulator's own work in vCenter is left out."""
    assert after[: len(before)] == before, "the journal was cut between two snapshots"
    return [f"{item['server']} {item['method']} {item['path']} ({item['status']})" for item in after[len(before):]
            if item["write"] and item.get("agent") != "palette"]


def judge(case, run):
    """Checks what a front's playbook did. Returns counts of what was compared. Raises AssertionError that names the case, step and phase."""
    assert run.status == 0, f"{case['module']}/{case['name']}: {run.text}"
    counts = {"changes": 0, "states": 0, "writes": 0, "reads": 0}
    for step in case["steps"]:
        foreseen = None
        for phase in phases(step):
            name = f"{step['name']}: {phase}"
            where = f"{case['module']}/{case['name']}: {name}"
            before, result, after = around(run, name)
            written = writes(before["journal"], after["journal"])
            foreseen = judge_phase(where, case, step, phase, result, foreseen, written)
            if phase != "real" or reads(case, step):
                assert after["state"] == before["state"], f"{where}: the state of the servers changed{difference(before['state'], after['state'])}"
                counts["states"] += 1
            counts["changes"] += len(result.get("plan") or []) if phase == "real" else 0
            counts["writes"] += len(written)
            counts["reads"] += len(after["journal"]) - len(before["journal"]) - len(written)
    return counts


def judge_phase(where, case, step, phase, result, foreseen, written):
    """One phase's result. Returns the result that the next phases are compared with."""
    changes = not reads(case, step) and phase in PHASES[:2]
    assert result["changed"] is changes, f"{where}: changed is {result['changed']}, plan {result.get('plan')}"
    assert bool(result.get("plan")) is changes, f"{where}: the plan is {result.get('plan')}"
    assert bool(result.get("diff")) is changes, f"{where}: the diff is {result.get('diff')}"
    if phase != "real" or reads(case, step):
        assert not written, f"{where}: wrote {written}"
    elif not step.get("silent"):
        assert written, f"{where}: reported a change and wrote nothing to any server"
    if phase == "real" and changes:
        for key in ("plan", "diff"):
            assert result[key] == foreseen[key], f"{where}: the real run's {key} is not what check mode said: {foreseen[key]} became {result[key]}"
    if step.get("returns"):
        assert result[step["returns"]], f"{where}: returned no {step['returns']}"
    return foreseen or result


def difference(one, other):
    """Where two texts of JSON differ first, for a message."""
    place = next((number for number, pair in enumerate(zip(one, other)) if pair[0] != pair[1]), min(len(one), len(other)))
    return f" near …{one[max(0, place - 80):place + 120]}… which became …{other[max(0, place - 80):place + 120]}…"


UNSTABLE = re.compile("|".join((
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", r"(?<![0-9a-f])[0-9a-f]{24}(?![0-9a-f])", r"\bvm-\d+\b",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", r"(?<=-)[a-z0-9]{5}\b", r"run-\d+")))
INVISIBLE = ("timeline", "invocation", "ansible_facts", "warnings", "_ansible_no_log", "_ansible_parsed", "_ansible_verbose_always")


def comparable(data):
    """A result without what two runs of the same thing need not have in common: ids, times, the progress."""
    if isinstance(data, dict):
        return {comparable(key): comparable(value) for key, value in data.items() if key not in INVISIBLE}
    if isinstance(data, list):
        return [comparable(item) for item in data]
    return UNSTABLE.sub("<id>", data) if isinstance(data, str) else data


def same(case, one, other):
    """Compares the results of the two fronts. Returns the number of results compared."""
    count = 0
    for step in case["steps"]:
        for phase in phases(step):
            name = f"{step['name']}: {phase}"
            results = [comparable(run.result(name)) for run in (one, other)]
            assert results[0] == results[1], f"{case['module']}/{case['name']}: {name}: the fronts differ: {results[0]} and {results[1]}"
            assert len(results[0]) > 1, f"{name}: nothing to compare in {results[0]}"
            count += 1
    return count


def collection(folder, name, patches):
    """Environment that runs a copy of the collection, made below `folder`, with patched files; patches: [(path, what, by what)]."""
    root = folder / name / "ansible_collections" / "palette" / "vmware"
    root.mkdir(parents=True)
    for entry in ("plugins", "meta"):
        shutil.copytree(ROOT / entry, root / entry, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "galaxy.yml", root)
    for path, what, by_what in patches:
        source = (root / path).read_text(encoding="utf-8")
        assert source.count(what) == 1, f"{path} has {source.count(what)} times {what!r}"
        (root / path).write_text(source.replace(what, by_what), encoding="utf-8")
    return {"ANSIBLE_COLLECTIONS_PATH": folder / name}
