# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stages share: running a tool with a deadline, counting, and the built artifact."""
from __future__ import annotations

import functools
import os
import pathlib
import select
import shutil
import signal
import subprocess
import uuid
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN = "PALETTE_VMWARE_TEST_RUN"
ALONE = ("meta", "plugins", "roles", "playbooks")


@dataclass(frozen=True)
class Outcome:
    """Counts of single tests (pytest, Go), and sentences about what is wrong (problems) or was left out (notes)."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __add__(self, other):
        return Outcome(*(getattr(self, name) + getattr(other, name) for name in ("passed", "failed", "skipped", "problems", "notes")))

    @property
    def ok(self):
        return not self.failed and not self.problems


@dataclass(frozen=True)
class Site:
    """Where a run happens: the clone, a temporary folder that ends with the run, and the folder for logs and reports."""

    work: pathlib.Path
    output: pathlib.Path
    root: pathlib.Path = ROOT
    env: dict = field(default_factory=lambda: {**os.environ, "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1", RUN: uuid.uuid4().hex})


def problem(text):
    return Outcome(problems=(text,))


def note(text):
    return Outcome(notes=(text,))


def sh(argv, seconds, cwd=ROOT, env=None, log=None):
    """Runs argv without standard input; output to the console, or to the file `log`. Returns the exit status.

    After `seconds` the whole process group is ended and 124 is returned.
    """
    argv = [str(word) for word in argv]
    sink = open(log, "w", encoding="utf-8") if log else None
    try:
        process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT if sink else None,
                                   start_new_session=True)
        try:
            return process.wait(timeout=seconds)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                return 124
            raise
    finally:
        if sink:
            sink.close()


def left_behind(site, seconds=5):
    """Ends the processes of this run that are still there after `seconds`, and returns their command lines.

    A process belongs to the run when the run's mark is in the environment that it was started with.
    """
    mark = f"{RUN}={site.env[RUN]}".encode()
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if mark not in (entry / "environ").read_bytes().split(b"\0"):
                continue
            handle = os.pidfd_open(int(entry.name))
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        found.append((handle, words))
    left = []
    for handle, words in found:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        if not poll.poll(seconds * 1000):
            left.append(words)
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)
    return left


def check(site, name, argv, seconds=600, cwd=ROOT, env=None, refuse=None):
    """One tool as one check. Its output goes to a log, whose end is shown when the check fails.

    refuse(text of the log) -> sentence or None: what else makes it fail, for tools whose exit status does not tell.
    """
    log = site.output / f"{name}.log"
    status = sh(argv, seconds, cwd, env or site.env, log)
    text = log.read_text(encoding="utf-8", errors="replace")
    reason = f"took longer than {seconds} s" if status == 124 else f"exit status {status}" if status else refuse and refuse(text)
    print(f"  {name}: {reason or 'ok'}", flush=True)
    if not reason:
        return Outcome()
    print("\n".join(text.splitlines()[-80:]), flush=True)
    return problem(f"{name}: {reason} (whole output in {log.relative_to(site.root)})")


def tool(name):
    """The command of that name in .venv."""
    return ROOT / ".venv" / "bin" / name


def galaxy(*words, env=None):
    """ansible-galaxy collection WORDS. Returns its output; raises ValueError with the end of it."""
    done = subprocess.run([tool("ansible-galaxy"), "collection", *words], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, timeout=300)
    if done.returncode:
        raise ValueError(f"ansible-galaxy collection {words[0]}: exit status {done.returncode}: {done.stdout[-2000:]}")
    return done.stdout


@functools.cache
def built(site_work):
    """Builds the artifact and unpacks it by ansible-galaxy. Returns (tar path, folder above ansible_collections).

    Raises ValueError. Built once a run.
    """
    folder = site_work / "artifact"
    folder.mkdir()
    galaxy("build", "--output-path", folder, ROOT)
    [tar] = folder.glob("palette-vmware-*.tar.gz")
    above = folder / "installed"
    galaxy("install", tar, "--collections-path", above, "--offline", "--force", env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(above)})
    if not (above / "ansible_collections" / "palette" / "vmware" / "MANIFEST.json").is_file():
        raise ValueError(f"ansible-galaxy said it installed {tar.name} but {above} does not hold it")
    return tar, above


def unpacked(site, name, only=None):
    """A copy of the installed collection, made for the stage `name`. Returns (folder above ansible_collections, collection root).

    only: the top-level entries that stay.
    """
    _tar, above = built(site.work)
    copy = site.work / name
    shutil.copytree(above, copy)
    root = copy / "ansible_collections" / "palette" / "vmware"
    for entry in root.iterdir():
        if only is not None and entry.name not in only:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    return copy, root
