# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner of `make test` counts right and lets no failure pass."""
from __future__ import annotations

import importlib
import io
import pathlib
import signal
import subprocess
import sys
import tarfile

import pytest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture(name="tools")
def tools_of_the_clone(monkeypatch):
    """importlib.import_module with tools/ on the path."""
    monkeypatch.syspath_prepend(str(TOOLS))
    yield importlib.import_module
    for name in [name for name in sys.modules if name == "test_all" or name.split(".")[0] == "ci"]:
        del sys.modules[name]


def site(tools, folder):
    return tools("ci.common").Site(folder, folder, folder)


def test_pytest_report_is_counted(tools, tmp_path):
    report = tmp_path / "report.xml"
    report.write_text("<testsuites><testsuite><testcase/><testcase><failure/></testcase><testcase><error/></testcase>"
                      "<testcase><skipped/></testcase><testcase><properties/></testcase></testsuite></testsuites>", encoding="utf-8")
    outcome = tools("ci.tests").counted(report)
    assert (outcome.passed, outcome.failed, outcome.skipped, outcome.ok) == (2, 2, 1, False)


def test_a_pytest_run_is_judged(tools, tmp_path, monkeypatch):
    tests = tools("ci.tests")
    monkeypatch.setattr(tests, "ROOT", tmp_path)
    monkeypatch.setattr(tests, "tool", lambda name: sys.executable)
    (tmp_path / "suite").mkdir()
    file = tmp_path / "suite" / "test_it.py"
    assert tests.pytest(site(tools, tmp_path), "a", tmp_path / "suite", 60).notes
    file.write_text("x = 1\n", encoding="utf-8")
    assert "no test ran" in tests.pytest(site(tools, tmp_path), "b", tmp_path / "suite", 60).problems[0]
    file.write_text("def test_good():\n    pass\ndef test_bad():\n    assert False\n", encoding="utf-8")
    outcome = tests.pytest(site(tools, tmp_path), "c", tmp_path / "suite", 60)
    assert (outcome.passed, outcome.failed) == (1, 1)
    file.write_text("import not_there\n", encoding="utf-8")
    assert not tests.pytest(site(tools, tmp_path), "d", tmp_path / "suite", 60).ok


def test_check_sees_status_time_and_text(tools, tmp_path):
    common = tools("ci.common")

    def judged(code, **more):
        return common.check(site(tools, tmp_path), "it", [sys.executable, "-c", code], cwd=tmp_path, **more)
    assert judged("print(1)").ok
    assert "exit status 3" in judged("raise SystemExit(3)").problems[0]
    assert "longer than 1 s" in judged("import threading; threading.Event().wait()", seconds=1).problems[0]
    assert "odd" in judged("print('WARNING')", refuse=lambda text: "odd" if "WARNING" in text else None).problems[0]


def test_summary_sums_and_fails(tools, capsys):
    common, test_all = tools("ci.common"), tools("test_all")
    good = {"unit": (common.Outcome(3, 0, 1), 1.0), "go": (common.Outcome(2), 1.0), "lint": (common.note("left out"), 1.0)}
    assert test_all.summary(good) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "5 passed, 0 failed"
    assert test_all.summary({**good, "lint": (common.problem("broken"), 1.0)}) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "5 passed, 1 failed"


def test_a_stage_that_breaks_is_a_failed_stage(tools, monkeypatch, tmp_path):
    test_all = tools("test_all")
    monkeypatch.setitem(test_all.STAGES, "unit", lambda site: open(tmp_path / "missing", encoding="utf-8"))
    outcome, _seconds = test_all.run("unit", site(tools, tmp_path))
    assert "FileNotFoundError" in outcome.problems[0]


@pytest.mark.skipif(not pathlib.Path("/proc/self/environ").exists(), reason="needs Linux' /proc")
def test_a_process_left_behind_fails_the_stage_and_is_ended(tools, monkeypatch, tmp_path):
    common, test_all = tools("ci.common"), tools("test_all")
    monkeypatch.setattr(test_all, "left_behind", lambda run: common.left_behind(run, seconds=0.1))
    started = []

    def stage(run):
        child = subprocess.Popen([sys.executable, "-c", "import threading; print(1, flush=True); threading.Event().wait()"], env=run.env, stdout=subprocess.PIPE)
        child.stdout.readline()
        started.append(child)
        return common.Outcome(1)
    monkeypatch.setitem(test_all.STAGES, "unit", stage)
    outcome, _seconds = test_all.run("unit", site(tools, tmp_path))
    assert started[0].wait(timeout=30) == -signal.SIGKILL
    assert "threading" in outcome.problems[0] and not outcome.ok
    monkeypatch.setitem(test_all.STAGES, "unit", lambda run: common.Outcome(1))
    assert test_all.run("unit", site(tools, tmp_path))[0].ok


def test_an_interrupted_stage_ends_what_it_started(tools, monkeypatch, tmp_path):
    test_all, ended = tools("test_all"), []
    monkeypatch.setattr(test_all, "left_behind", lambda run, seconds=5: ended.append(run) or [])
    monkeypatch.setitem(test_all.STAGES, "unit", lambda run: sys.exit(143))
    with pytest.raises(SystemExit):
        test_all.run("unit", site(tools, tmp_path))
    assert len(ended) == 1


def test_artifact_contents_are_judged(tools, tmp_path):
    def artifact(*names):
        path = tmp_path / "a.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for name in names:
                archive.addfile(tarfile.TarInfo(name), io.BytesIO())
        return list(tools("ci.static").contents(path))
    needed = ("LICENSE", "README.md", "meta/runtime.yml", "plugins/modules/a.py", "requirements.txt")
    assert artifact(*needed) == []
    assert "lab" in artifact(*needed, "lab/x.py")[0]
    assert "plugins/tests/x.py" in artifact(*needed, "plugins/tests/x.py")[0]
    assert "README.md" in artifact("LICENSE", "meta/a", "plugins/modules/a.py", "requirements.txt")[0]
    assert "no module" in artifact("LICENSE", "README.md", "meta/a", "plugins/a.py", "requirements.txt")[0]


def test_a_role_without_scenario_is_named(tools, tmp_path):
    (tmp_path / "clusters").mkdir()
    (tmp_path / "clusters" / "molecule.yml").write_text("---\n", encoding="utf-8")
    assert tools("ci.static").roles_without_scenario(["clusters", "gateway"], tmp_path) == ["gateway"]
