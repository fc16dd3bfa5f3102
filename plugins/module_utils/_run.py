# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run shell: the only place that knows check mode, diff and what a failure looks like. PRIVATE to the collection."""
from __future__ import annotations

import traceback
from dataclasses import dataclass, field

from ._change import Unresolved, diff
from ._errors import Failure, ParentMissing
from ._secret import masker
from ._until import Clock, Stop


@dataclass(frozen=True)
class Context:
    """What a run is given besides its parameters. emit(line) shows progress; timeline, warnings, written (writes that a server took) and secrets
    (str that the run came to know): filled while it runs."""

    check: bool = False
    emit: object = lambda line: None
    clock: Clock = field(default_factory=Clock)
    stop: Stop = field(default_factory=Stop)
    timeline: list = field(default_factory=list)
    warnings: list = field(default_factory=list)
    written: list = field(default_factory=list)
    secrets: list = field(default_factory=list, repr=False)
    started: list = field(default_factory=list)

    def progress(self, text):
        """Shows one state change and keeps it for the result's `timeline` ([{elapsed: seconds, status: str}])."""
        if not self.started:
            self.started.append(self.clock.monotonic())
        elapsed = round(self.clock.monotonic() - self.started[0], 1)
        self.timeline.append({"elapsed": elapsed, "status": text})
        self.emit(f"{elapsed:6.1f} s  {text}")

    def warn(self, text):
        if text not in self.warnings:
            self.warnings.append(text)


@dataclass(frozen=True)
class Noun:
    """How one kind of object is brought from what is to what is wanted. All functions; `desired` and `observed` are the noun's own plain data.

    from_params(params) -> desired                    pure; raises InputRefused
    connect(params, context) -> context manager       gives `site`, whatever observe and apply talk to
    observe(site, desired, context) -> observed       reads only; a dict; Unresolved values for parents that do not exist
    plan(desired, observed) -> [Change]               pure; raises PlanRefused
    apply(site, desired, observed, change, context)   makes one change
    present(observed) -> dict or None                 the object in the result
    settle(site, desired, observed, context)          waits for the wanted state; also on a run without changes. Optional
    predict(desired, observed, changes) -> dict       the object as it will be, in check mode. Optional
    """

    kind: str
    from_params: object
    connect: object
    observe: object
    plan: object
    apply: object
    present: object
    settle: object = None
    predict: object = None


def predicted(noun, desired, observed, changes):
    """The object as it will be after the changes, from what is known now."""
    if noun.predict:
        return noun.predict(desired, observed, changes)
    have = noun.present(observed)
    for change in changes:
        if change.kind == noun.kind:
            have = None if change.after is None else {**(have or {}), "name": change.name, **change.after}
    return have


def run(noun, params, context):
    """Observe, plan, then (outside check mode) apply, settle and observe again.

    Returns {changed, plan, diff, <kind>, timeline, warnings}. Raises Failure; one that comes after a write says so.
    """
    desired = noun.from_params(params)
    with noun.connect(params, context) as site:
        observed = noun.observe(site, desired, context)
        changes = noun.plan(desired, observed)
        missing = [value for value in observed.values() if isinstance(value, Unresolved)] if changes else []
        if context.check:
            for parent in missing:
                context.warn(f"{parent.kind} '{parent.name}' does not exist yet; a real run fails here unless something makes it before")
            return result(noun, changes, predicted(noun, desired, observed, changes), context)
        for parent in missing:
            raise ParentMissing(f"{noun.kind} needs {parent.kind} '{parent.name}', which does not exist", where=f"option {parent.kind}",
                                fix=f"create the {parent.kind} first, or correct its name")
        observed = carry_out(noun, site, desired, observed, changes, context)
        return result(noun, changes, noun.present(observed), context)


def carry_out(noun, site, desired, observed, changes, context):
    """Applies the changes in order, settles, and returns what is there then."""
    for change in changes:
        context.stop.check()
        noun.apply(site, desired, observed, change, context)
        context.written.append(f"{change.verb} {change.kind} {change.name}")
    if changes:
        observed = noun.observe(site, desired, context)
    if noun.settle:
        noun.settle(site, desired, observed, context)
        observed = noun.observe(site, desired, context)
    return observed


def result(noun, changes, found, context):
    """The result of every state-changing module."""
    return {"changed": bool(changes), "plan": [change.as_dict() for change in changes], "diff": diff(changes), noun.kind: found,
            "timeline": context.timeline, "warnings": context.warnings}


def outcome(execute, params, context, secrets=()):
    """What a front returns: execute's result, or {failed, msg, error}; masked by value either way.

    The only catch-all of the collection: an exception that is no Failure is a defect of ours, reported by type and place.
    """
    try:
        answer = execute(params, context)
        return masker([*secrets, *context.secrets])(answer)
    except Failure as caught:
        failure = caught
    except Exception as defect:  # pylint: disable=broad-except
        frame = traceback.extract_tb(defect.__traceback__)[-1]
        failure = Failure(f"internal error: {type(defect).__name__} in {frame.name}", where=f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}",
                          observed=str(defect), fix="report it with the task's options, secrets removed", code="INTERNAL")
    failure.changed_something = failure.changed_something or bool(context.written)
    mask = masker([*secrets, *context.secrets])
    for name in ("what", "where", "observed", "expected", "fix", "leftovers"):
        setattr(failure, name, mask(getattr(failure, name)))
    return {"failed": True, "msg": failure.sentence(), "error": failure.as_dict(), "changed": failure.changed_something,
            "timeline": mask(context.timeline), "warnings": mask(context.warnings)}
