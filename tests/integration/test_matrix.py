# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module, through both fronts: what check mode foresees is what a real run does, and a second run does nothing."""
from __future__ import annotations

import re

import matrix
import pytest

CASES = matrix.cases()


def both(play, lab, case):
    """The case's playbook through each front, each from a fresh site."""
    runs = []
    for execution in matrix.FRONTS:
        lab.reset()
        runs.append(play(lab, matrix.tasks(case), execution=execution, extra=case.get("vars"), status=None, snapshots=True))
    return runs


@pytest.mark.parametrize("name", CASES)
def test_case(name, lab, play, record_property):
    case = CASES[name]
    runs = both(play, lab, case)
    counts = {}
    for run in runs:
        for key, value in matrix.judge(case, run).items():
            counts[key] = counts.get(key, 0) + value
    counts["results"] = matrix.same(case, *runs)
    record_property("matrix", counts)
    assert counts["states"] and counts["results"] and counts["writes"] + counts["reads"]
    assert counts["changes"] or all(matrix.reads(case, step) for step in case["steps"])
    assert lab.call("GET", "/violations")["items"] == []


def test_every_module_has_a_case():
    assert sorted({case["module"] for case in CASES.values()}) == matrix.modules()


def test_every_module_that_changes_something_is_changed_in_the_matrix():
    changing = {case["module"] for case in CASES.values() if not all(matrix.reads(case, step) for step in case["steps"])}
    assert changing == {module for module in matrix.modules() if not matrix.never_changes(module)}




NOUN, RUN = "plugins/module_utils/_ip_pool.py", "plugins/module_utils/_run.py"
APPLY = "def apply(palette, desired, observed, change, context):\n"
BROKEN = [
    ("nothing", [], None),
    ("apply does nothing", [(NOUN, APPLY, APPLY + "    return\n")], "wrote nothing"),
    ("check mode is forgotten", [(RUN, "        if context.check:\n", "        if False:\n")], "wrote"),
    ("every run is a change", [(NOUN, "changes = update(KIND, name, have, over(", "changes = update(KIND, name, {**have, 'prefix': None}, over(")], "changed is True"),
    ("the plan is another in check mode", [(RUN, '"plan": [change.as_dict() for change in changes]',
                                           '"plan": [{**change.as_dict(), "reason": str(context.check)} for change in changes]')], "not what check mode said"),
    ("check mode returns no diff", [(RUN, '"diff": diff(changes)', '"diff": diff(changes) if not context.check else []')], "the diff is"),
]


@pytest.mark.parametrize("name, patches, says", BROKEN, ids=[row[0] for row in BROKEN])
def test_the_matrix_sees_a_broken_module(name, patches, says, lab, play, tmp_path):
    """With nothing broken the copy passes, so it is the patch that fails."""
    steps = CASES["ip_pool/range"]["steps"]
    case = {**CASES["ip_pool/range"], "steps": [steps[0], steps[-1]]}
    run = play(lab, matrix.tasks(case), env=matrix.collection(tmp_path, re.sub(r"\W", "-", name), patches), status=None, snapshots=True)
    if says is None:
        assert matrix.judge(case, run)["changes"] == len(case["steps"])
    else:
        with pytest.raises(AssertionError, match=says):
            matrix.judge(case, run)
