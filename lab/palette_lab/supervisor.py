# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts, watches and ends the two servers of a lab.

The lock file is held by the supervisor and, inherited, by both children: it is free only when all three are gone.
Each child has the read end of a pipe as standard input and ends when that closes, so none outlives the supervisor.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Callable, Iterator

import requests

from palette_lab import build, outputs, ports, tls, wait
from palette_lab import site as sites
from palette_lab.site import Settings

READY_LINE = re.compile(rb'\s*(ready\b|\{.*"(ready|url)":)')
CHILD_GOODBYE_SECONDS = 5.0
EXIT_PATIENCE = 5.0
SEED_SECONDS = 60.0


class LabError(Exception):
    """The lab could not be started or stopped; the text says why and where to look."""


@dataclass
class Lab:
    """A running lab: its directory, runtime site, environment (.lab/env) and the admin URL."""

    directory: Path
    site: dict
    env: dict[str, str] = field(default_factory=dict)
    children: dict[str, subprocess.Popen] = field(default_factory=dict, repr=False)
    ended: threading.Event = field(default_factory=threading.Event, repr=False)
    stopping: threading.Event = field(default_factory=threading.Event, repr=False)
    cause: str = ""
    lock: IO | None = field(default=None, repr=False)

    @property
    def admin(self) -> str:
        return f"http://{self.site['palette']['admin']}"


@contextlib.contextmanager
def running(directory: Path | str, **settings) -> Iterator[Lab]:
    """A lab in `directory` as long as the block lasts; `settings` are fields of site.Settings. For tests. Raises LabError, SiteError, BuildError."""
    lab = start(Path(directory), sites.checked(Settings(**settings)))
    try:
        yield lab
    finally:
        stop(lab)


def start(directory: Path, settings: Settings) -> Lab:
    """Compose the site, start both servers and return when each has answered an authenticated call. Raises LabError, SiteError, BuildError."""
    directory = directory.resolve()
    (directory / "log").mkdir(parents=True, exist_ok=True)
    lock = hold_lock(directory)
    lab = Lab(directory=directory, site={}, lock=lock)
    try:
        write_state(lab)
        binary = build.ensure_binary()
        chosen, taken = ports.load_and_keep(directory / "ports.json")
        if taken:
            say(lab, f"the kept ports of {', '.join(taken)} belong to another process now; chose others")
        lab.site = sites.compose(settings, chosen, tls.paths(directory), sites.read(directory / "site.json"))
        tls.ensure(directory, (host[key] for host in sites.hosts_of(lab.site["vcenter"]["datacenters"]) for key in ("name", "address")))
        path = directory / "site.json"
        sites.write_private(path, json.dumps(lab.site, indent=1) + "\n")
        launch(lab, "vcenter", [str(binary), "--site", str(path)], patience(settings))
        check_vcenter(lab)
        launch(lab, "palette", [sys.executable, "-m", "palette_lab.palette", "--site", str(path)], patience(settings))
        lab.env = outputs.environment(lab.site, check_palette(lab))
        outputs.write(directory, lab.site, lab.env)
    except BaseException:
        stop(lab)
        raise
    say(lab, f"ready: Palette {lab.env['PALETTE_HOST']}, vCenter {lab.site['vcenter']['listen']}, admin {lab.admin}")
    return lab


def patience(settings: Settings) -> float:
    """Seconds after which a child that is not ready never will be; vCenter makes about 50 hosts and thousands of machines in a second."""
    return 60 + 0.2 * (settings.clusters or 3) * (settings.hosts or 3) + 0.005 * (settings.vms or 0)


def hold_lock(directory: Path) -> IO:
    """The held lock file. Raises LabError when a lab of this directory is alive."""
    lock = open(directory / "supervisor.lock", "a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise LabError(f"the lab in {directory} runs already") from None
    return lock


def is_held(directory: Path) -> bool:
    """Whether any process of a lab of this directory is alive."""
    if not (directory / "supervisor.lock").exists():
        return False
    try:
        hold_lock(directory).close()
    except LabError:
        return True
    return False


def launch(lab: Lab, name: str, command: list[str], patience: float) -> None:
    """Start one child and wait for its ready line. Raises LabError when it ends or says nothing in `patience` seconds."""
    log = open(lab.directory / "log" / f"{name}.log", "ab", buffering=0)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    search = [str(Path(__file__).resolve().parent.parent), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(part for part in search if part)
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, cwd=lab.directory,
                             pass_fds=(lab.lock.fileno(),) if lab.lock else (), start_new_session=True)
    lab.children[name] = child
    write_state(lab)
    ready = threading.Event()
    threading.Thread(target=watch, args=(lab, name, child, log, ready), daemon=True, name=f"watch-{name}").start()
    if not ready.wait(patience):
        raise LabError(f"{name} was not ready in {patience:.0f} s; {tail(lab.directory, name)}")
    if child.poll() is not None or lab.ended.is_set():
        raise LabError(f"{name} ended with {child.wait()} before it was ready; {tail(lab.directory, name)}")


def watch(lab: Lab, name: str, child: subprocess.Popen, log: IO, ready: threading.Event) -> None:
    """Copy a child's output into its log; when the child ends unasked, end the other one, loudly."""
    with log:
        for line in child.stdout or ():
            log.write(line)
            if READY_LINE.match(line):
                ready.set()
    code = child.wait()
    if not lab.stopping.is_set():
        lab.cause = f"{name} (process {child.pid}) ended with {code}"
        say(lab, f"FATAL: {lab.cause}; ending the lab. {tail(lab.directory, name)}")
        lab.ended.set()
        end_children(lab)
    ready.set()


def tail(directory: Path, name: str, lines: int = 12) -> str:
    """The end of a log as one text."""
    path = directory / "log" / f"{name}.log"
    last = path.read_text(errors="replace").splitlines()[-lines:] if path.exists() else []
    return f"the end of {path}:\n" + "\n".join(f"    {line}" for line in last)


def check_vcenter(lab: Lab) -> None:
    """Log in and out as the service account. Raises LabError."""
    user = sites.vcenter_user(lab.site, admin=False)
    url = f"https://{lab.site['vcenter']['listen']}/rest/com/vmware/cis/session"
    with session(lab) as web:
        answer = web.post(url, auth=(user["name"], user["password"]), timeout=20)
        if answer.status_code != 200:
            raise LabError(f"vCenter answered the login of {user['name']} with {answer.status_code}; {tail(lab.directory, 'vcenter')}")
        web.delete(url, headers={"vmware-api-session-id": answer.json()["value"]}, timeout=20)


def check_palette(lab: Lab) -> str:
    """Ask for the projects and the installer OVA as tenant admin; the OVA's URL is returned, the journal is empty afterwards. Raises LabError."""
    base = f"https://{lab.site['palette']['listen']}"
    headers = {"ApiKey": sites.palette_user(lab.site, "tenant_admin")["api_key"]}
    with session(lab) as web:
        for path in ("/v1/dashboard/projects/metadata", "/v1/overlords/vsphere/ova"):
            answer = web.get(base + path, headers=headers, timeout=20)
            if answer.status_code != 200:
                raise LabError(f"Palette answered GET {path} with {answer.status_code} {answer.text[:200]}; {tail(lab.directory, 'palette')}")
        if not wait.until(lambda: web.get(f"{lab.admin}/settled", timeout=30).json()["settled"], SEED_SECONDS, step=0.1):
            raise LabError(f"the gateways of the site file are not Running after {SEED_SECONDS:.0f} s; {tail(lab.directory, 'palette')}")
        web.delete(f"{lab.admin}/journal", timeout=20).raise_for_status()
        return answer.json()["location"]


def session(lab: Lab) -> requests.Session:
    """Trusts the lab's CA only, and no proxy or CA variable of the environment."""
    web = requests.Session()
    web.trust_env = False
    web.verify = lab.site["tls"]["ca"]
    return web


def stop(lab: Lab) -> None:
    """End both children and give the lock back. Safe to call twice."""
    lab.stopping.set()
    end_children(lab)
    if lab.lock:
        (lab.directory / "supervisor.json").unlink(missing_ok=True)
        lab.lock.close()
        lab.lock = None
    lab.ended.set()


def end_children(lab: Lab) -> None:
    """Close the lifelines, Palette's first; then SIGTERM, then SIGKILL for a child that does not listen."""
    for child in reversed(list(lab.children.values())):
        with contextlib.suppress(BrokenPipeError):
            child.stdin.close()
        for end in (None, child.terminate, child.kill):
            if end:
                end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(CHILD_GOODBYE_SECONDS)
                break


def write_state(lab: Lab) -> None:
    """Keep the process ids where `down` and `status` find them."""
    state = {"pid": os.getpid(), "children": {name: child.pid for name, child in lab.children.items()}}
    (lab.directory / "supervisor.json").write_text(json.dumps(state, indent=1) + "\n")


def read_state(directory: Path) -> dict | None:
    path = directory / "supervisor.json"
    return json.loads(path.read_text()) if path.exists() else None


def say(lab: Lab, text: str) -> None:
    stamp = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    with open(lab.directory / "log" / "supervisor.log", "a") as log:
        log.write(f"{stamp} {text}\n")


def run(directory: Path, settings: Settings, announce: Callable[[], object]) -> int:
    """Start the lab and stay until SIGTERM, SIGINT or the death of a child; 0 when asked to end. `announce` is called once it is ready."""
    asked = threading.Event()
    lab = start(directory, settings)

    def end(*_: object) -> None:
        asked.set()
        lab.ended.set()

    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, end)
        announce()
        lab.ended.wait()
    finally:
        stop(lab)
    return 0 if asked.is_set() else 1


def down(directory: Path, patience: float = 30.0) -> bool:
    """End the lab of the directory; False when none was alive. Raises LabError when a process is left after `patience` seconds."""
    directory = directory.resolve()
    if not is_held(directory):
        return False
    state = wait.until(lambda: read_state(directory), 1.0) or {}
    pids = [pid for pid in (state.get("pid"), *state.get("children", {}).values()) if pid]
    for number, targets in ((signal.SIGTERM, pids[:1]), (signal.SIGKILL, pids)):
        for pid in targets:
            if holds_lock(pid, directory):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        if wait.until(lambda: not is_held(directory), patience):
            wait.until(lambda: not any(exists(pid) for pid in pids), EXIT_PATIENCE)
            (directory / "supervisor.json").unlink(missing_ok=True)
            return True
    raise LabError(f"processes of the lab in {directory} are still alive (recorded: {pids}); the lock {directory / 'supervisor.lock'} is held")


def exists(pid: int) -> bool:
    """Whether there is such a process; one that only waits to be collected does not count. A lock is free a moment before its process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def holds_lock(pid: int, directory: Path) -> bool:
    """Whether that process has the lab's lock file open; assumed where /proc is missing."""
    descriptors = Path(f"/proc/{pid}/fd")
    if not Path("/proc/self/fd").exists():
        return True
    try:
        return any(os.path.realpath(entry) == str(directory / "supervisor.lock") for entry in descriptors.iterdir())
    except (FileNotFoundError, PermissionError):
        return False
