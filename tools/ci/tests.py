# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages that run test suites: pytest on one or two cores of Ansible, and Go."""
from __future__ import annotations

import json
import os
import subprocess
import xml.etree.ElementTree as ET

from .common import ROOT, Outcome, note, problem, sh, tool

MINUTES = 60


def counted(report):
    """Outcome of a JUnit file as pytest writes it."""
    passed = failed = skipped = 0
    for case in ET.parse(report).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            failed += 1
        elif "skipped" in kinds:
            skipped += 1
        else:
            passed += 1
    return Outcome(passed, failed, skipped)


def has_tests(folder, pattern):
    return folder.is_dir() and any(folder.rglob(pattern))


def pytest(site, name, folder, seconds, python=None, env=None, workers="0", dist="loadfile"):
    """Runs the folder's tests with the interpreter. No test found in a folder that has test files is a failure."""
    if not has_tests(folder, "test_*.py"):
        return note(f"{name}: no test file in {folder.relative_to(ROOT)}")
    report = site.output / f"{name}.xml"
    report.unlink(missing_ok=True)
    argv = [python or tool("python"), "-m", "pytest", "-q", "--junitxml", report, "-n", workers, folder]
    if workers != "0":
        argv += ["--dist", dist]
    status = sh(argv, seconds, ROOT, env or site.env)
    if not report.exists():
        return problem(f"{name}: pytest wrote no report (exit status {status}; 124 = over its {seconds} s)")
    outcome = counted(report)
    if not outcome.passed + outcome.failed:
        return outcome + problem(f"{name}: no test ran although there are test files (exit status {status})")
    if status and not outcome.failed:
        return outcome + problem(f"{name}: pytest ended with exit status {status}")
    return outcome


def workers():
    return os.environ.get("TEST_WORKERS", "2")


def unit(site):
    """tests/unit on the core in .venv and on the other one."""
    folder = ROOT / "tests" / "unit"
    outcome = pytest(site, "unit", folder, 15 * MINUTES, workers=workers())
    second = subprocess.run([ROOT / "tools" / "bootstrap", "second"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False, timeout=900)
    if second.returncode == 3:
        return outcome + note("unit: skipped on the second core of Ansible, no second Python on this machine")
    if second.returncode:
        return outcome + problem(f"unit: no environment for the second core of Ansible (tools/bootstrap second: {second.returncode})")
    env = {**site.env, "PYTHONPATH": f"{ROOT / '.venv' / 'collections'}:{ROOT / 'lab'}"}
    return outcome + pytest(site, "unit-second-core", folder, 15 * MINUTES, second.stdout.strip(), env, workers())


def lab(site):
    return pytest(site, "lab", ROOT / "lab" / "tests", 10 * MINUTES, workers=workers())


def integration(site):
    """tests/integration; each worker has a lab of its own, so that any test may run on any worker."""
    return pytest(site, "integration", ROOT / "tests" / "integration", 45 * MINUTES, workers=workers(), dist="worksteal")


def go(site):
    """Go tests of lab/vcenter. A package that does not build is a failure of its own."""
    folder = ROOT / "lab" / "vcenter"
    if not has_tests(folder, "*_test.go"):
        return note("go: no test file in lab/vcenter")
    log = site.output / "go.jsonl"
    status = sh(["go", "test", "-json", "./..."], 15 * MINUTES, folder, site.env, log)
    verdicts, spoken, bare = {}, {}, []
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.startswith("{"):
            bare.append(line)
            continue
        event = json.loads(line)
        key = (event.get("Package") or event.get("ImportPath"), event.get("Test"))
        spoken.setdefault(key, []).append(event.get("Output", ""))
        if event["Action"] in ("pass", "fail", "skip", "build-fail"):
            verdicts[key] = event["Action"]
    for key, verdict in verdicts.items():
        if "fail" in verdict:
            print("".join(spoken[key]), flush=True)
    of_tests = [verdict for (_package, test), verdict in verdicts.items() if test]
    outcome = Outcome(of_tests.count("pass"), of_tests.count("fail"), of_tests.count("skip"))
    print(f"  go test: {outcome.passed} passed, {outcome.failed} failed, {outcome.skipped} skipped", flush=True)
    if status and not outcome.failed:
        print("\n".join(bare[-40:]), flush=True)
        return outcome + problem(f"go test: exit status {status} (a package does not build, or 124: over its time)")
    if not of_tests:
        return problem("go test: no test ran although there are test files")
    return outcome
