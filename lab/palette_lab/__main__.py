# SPDX-License-Identifier: GPL-3.0-or-later
"""python -m palette_lab up [--foreground] | down | status | run, each with [--dir DIR] (default $LAB_DIR, else .lab)."""

from __future__ import annotations

import argparse
import os
import select
import subprocess
import sys
from pathlib import Path

from palette_lab import build, supervisor
from palette_lab.site import Settings, SiteError, settings_from

NOT_RUNNING = 3
SHOWN = ("PALETTE_HOST", "VMWARE_HOST", "VMWARE_PORT", "LAB_ADMIN")


def up(directory: Path, settings: Settings, foreground: bool) -> int:
    """Start the lab in the background and return when it is ready; a lab that runs already is left alone."""
    if directory.exists() and supervisor.is_held(directory):
        print(f"the lab in {directory} runs already (its settings are those of its start)")
        return status(directory)
    if not build.is_built():
        print(f"building the vCenter of {build.SOURCES}; without caches this takes a few minutes", flush=True)
    build.ensure_binary()
    if foreground:
        return supervisor.run(directory, settings, lambda: status(directory))
    (directory / "log").mkdir(parents=True, exist_ok=True)
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "palette_lab", "run", "--dir", str(directory), "--announce", str(writer)]
    with open(directory / "log" / "supervisor.log", "ab") as log, open(reader, "rb") as announced:
        path = os.pathsep.join(part for part in (str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")) if part)
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(writer,), start_new_session=True,
                         env={**os.environ, "PYTHONPATH": path})
        os.close(writer)
        heard = select.select([announced], [], [], 90 + 2 * supervisor.patience(settings))[0] and announced.readline()
    if not heard:
        print(f"the lab did not come up; {supervisor.tail(directory, 'supervisor')}", file=sys.stderr)
        supervisor.down(directory)
        return 1
    return status(directory)


def status(directory: Path) -> int:
    """Say whether the lab lives and where its files are; 0 when it does, 3 when not."""
    if not (directory.exists() and supervisor.is_held(directory)):
        print(f"no lab runs in {directory}")
        return NOT_RUNNING
    state = supervisor.read_state(directory) or {}
    processes = ", ".join(f"{name} {pid}" for name, pid in {"supervisor": state.get("pid"), **state.get("children", {})}.items())
    print(f"the lab in {directory} runs: {processes}")
    if (directory / "env").exists():
        lines = (directory / "env").read_text().splitlines()
        print("  " + "  ".join(line for line in lines if line.split("=")[0] in SHOWN))
        print(f"  variables: {directory / 'env'}  inventory: {directory / 'inventory'}  logs: {directory / 'log'}")
    return 0


def announce(descriptor: int | None) -> None:
    """Tell the waiting `up` at the other end of the pipe."""
    if descriptor is not None:
        with open(descriptor, "w") as pipe:
            pipe.write("ready\n")


def down(directory: Path) -> int:
    ended = directory.exists() and supervisor.down(directory)
    print(f"the lab in {directory} has ended" if ended else f"no lab runs in {directory}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="palette_lab", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "status", "run"])
    parser.add_argument("--dir", default=os.environ.get("LAB_DIR") or ".lab", type=Path)
    parser.add_argument("--foreground", action="store_true", help="up: stay until interrupted")
    parser.add_argument("--announce", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    directory = chosen.dir.resolve()
    try:
        if chosen.command == "down":
            return down(directory)
        if chosen.command == "status":
            return status(directory)
        settings = settings_from({name: value for name, value in os.environ.items() if name != "LAB_DIR"})
        if chosen.command == "up":
            return up(directory, settings, chosen.foreground)
        return supervisor.run(directory, settings, lambda: announce(chosen.announce))
    except (SiteError, build.BuildError, supervisor.LabError) as error:
        print(f"palette_lab {chosen.command}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
