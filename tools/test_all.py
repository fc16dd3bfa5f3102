#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs stages of `make test`, goes on after a failed one, and closes with `N passed, N failed`.

Usage: test_all.py STAGE...
passed: single tests of pytest and Go. failed: such tests, and every other check (a linter, the artifact) that did not pass.
"""
from __future__ import annotations

import contextlib
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from ci import static, tests
from ci.common import ROOT, Site, left_behind, problem

STAGES = {"lint": static.lint, "go": tests.go, "lab": tests.lab, "unit": tests.unit, "integration": tests.integration, "sanity": static.sanity,
          "artifact": static.artifact, "molecule": static.molecule}


def site_of(name, work, output):
    """A Site with an ANSIBLE_HOME of its own: ansible-lint and molecule link collections into that folder, where others would find them."""
    site = Site(work, output)
    site.env["ANSIBLE_HOME"] = str(work / f"home-{name}")
    site.env["ANSIBLE_REMOTE_TEMP"] = str(work / f"home-{name}" / "tmp")
    return site


def run(name, site):
    """(Outcome, seconds). A stage that breaks or leaves a process behind is a failed stage."""
    print(f"\n== {name}", flush=True)
    began = time.monotonic()
    try:
        outcome = STAGES[name](site)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        outcome = problem(f"{name}: {type(error).__name__}: {error}")
    except BaseException:
        left_behind(site, seconds=1)
        raise
    for words in left_behind(site):
        outcome += problem(f"{name}: left a process behind (ended now): {words[:200]}")
    return outcome, time.monotonic() - began


def summary(results):
    """Prints a line for each stage and the closing line; returns the exit status."""
    print("\n== summary")
    for name, (outcome, seconds) in results.items():
        counts = f"{outcome.passed} passed, {outcome.failed} failed, {outcome.skipped} skipped" if name in ("go", "lab", "unit", "integration") else ""
        print(f"{name:12} {seconds:7.1f} s  {'ok' if outcome.ok else 'FAILED':7} {counts}")
        for text in outcome.problems:
            print(f"{'':12} ! {text}")
        for text in outcome.notes:
            print(f"{'':12} - {text}")
    passed = sum(outcome.passed for outcome, _ in results.values())
    failed = sum(outcome.failed + len(outcome.problems) for outcome, _ in results.values())
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not all(outcome.ok for outcome, _ in results.values()) else 0


def main(names):
    if not names or set(names) - set(STAGES):
        sys.exit(f"usage: test_all.py STAGE...   stages: {' '.join(STAGES)}")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda seen, _frame: sys.exit(128 + seen))
    output = ROOT / "tests" / "output"
    output.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        work = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="palette-vmware-test-"))).resolve()
        results = {name: run(name, site_of(name, work, output)) for name in names}
    return summary(results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
