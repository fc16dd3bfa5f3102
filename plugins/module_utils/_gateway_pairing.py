# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Noun gateway_pairing: a pairing code in a file, for an installer that is deployed by other means. PRIVATE to the collection.

Each code is for one installer (the page: Tenant Portal - Initiate Install); how long it lives is not documented. It never enters a result.
"""
from __future__ import annotations

import contextlib
import os
import stat
import tempfile

from ._change import Change, Unresolved
from ._errors import Failure, InputRefused, PaletteBadAnswer
from ._gateway_object import find_gateway
from ._palette import Palette, connection
from ._run import Noun, run
from ._specs import spec

KIND = "gateway_pairing"
MODE = 0o600
LIBRARIES = ("requests",)
SPEC = spec({
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "gateway": {"type": "str", "required": True},
    "dest": {"type": "path", "required": True},
    "max_age": {"type": "int", "default": 86400},
})


def from_params(params):
    """{state, gateway, dest, max_age: seconds}. Raises InputRefused."""
    dest = params["dest"]
    if not os.path.isabs(dest) or dest.endswith("/"):
        raise InputRefused("the file's path is not absolute", where="option dest", observed=dest, expected="an absolute path of a file",
                           fix="write the whole path, from / on")
    if not params["gateway"].strip():
        raise InputRefused("the gateway's name is empty", where="option gateway", fix="give the name that the installer is going to have")
    if params["max_age"] < 0:
        raise InputRefused("an age is negative", where="option max_age", observed=params["max_age"], expected="seconds, 0 or more")
    return {key: params[key] for key in ("state", "gateway", "dest", "max_age")}


def connect(params, context):
    return Palette(connection(params), context)


def observe(palette, desired, context):
    """{registered: bool, ova: URL or None, file: {age: seconds, mode, filled: bool} or None, dest}"""
    observed = {"gateway": desired["gateway"], "registered": False, "ova": None, "dest": desired["dest"], "file": seen_file(desired["dest"], context.clock)}
    if desired["state"] == "present":
        observed["registered"] = not isinstance(find_gateway(palette, desired["gateway"]), Unresolved)
        observed["ova"] = palette.get("/v1/overlords/vsphere/ova").get("location")
        check_folder(desired["dest"])
    return observed


def seen_file(path, clock):
    """What stands at the path, links not followed. Raises Failure when it is no plain file."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Failure("the path cannot be looked at", where=f"option dest: {path}", observed=error.strerror,
                      fix="correct the path or its permissions") from error
    if not stat.S_ISREG(found.st_mode):
        raise Failure("something that is no file stands at the path", where=f"option dest: {path}", expected="a file, or nothing", fix="choose another path")
    return {"age": max(0.0, clock.now().timestamp() - found.st_mtime), "mode": stat.S_IMODE(found.st_mode), "filled": found.st_size > 0}


def check_folder(path):
    folder = os.path.dirname(path)
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK | os.X_OK):
        raise Failure("the file cannot be written there", where=f"option dest: {path}", observed=f"no folder {folder} that this user may write to",
                      fix="make the folder first, or choose another path")


def plan(desired, observed):
    """A code is fetched when its gateway has not registered and the file holds none that is young enough."""
    have, dest = observed["file"], {"dest": desired["dest"]}
    if desired["state"] == "absent":
        return [Change("delete", KIND, desired["gateway"], dest, None)] if have else []
    if observed["registered"]:
        return []
    if have is None:
        return [Change("create", KIND, desired["gateway"], None, {**dest, "mode": "0600"}, "a new pairing code")]
    if not have["filled"] or have["age"] >= desired["max_age"]:
        reason = "the code is too old" if have["filled"] else "the file is empty"
        return [Change("update", KIND, desired["gateway"], {**dest, "mode": f"{have['mode']:04o}"}, {**dest, "mode": "0600"}, reason)]
    if have["mode"] != MODE:
        return [Change("protect", KIND, desired["gateway"], {**dest, "mode": f"{have['mode']:04o}"}, {**dest, "mode": "0600"}, "others could read the code")]
    return []


def apply(palette, desired, observed, change, context):
    try:
        if change.verb == "delete":
            os.unlink(desired["dest"])
        elif change.verb == "protect":
            os.chmod(desired["dest"], MODE)
        else:
            code = palette.get("/v1/overlords/pairing/code", query={"cloudType": "vsphere"}).get("pairingCode")
            if not isinstance(code, str) or not code:
                raise PaletteBadAnswer("Palette's answer holds no pairing code", where=palette.connection.host)
            write(desired["dest"], f"{code}\n")
    except OSError as error:
        raise Failure("the file could not be written", where=f"option dest: {desired['dest']}", observed=error.strerror,
                      fix="check space and permissions, then run it again") from error


def write(path, text):
    """Replaces the file in one step; nobody else can read it at any moment."""
    handle, name = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".pairing-")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def present(observed):
    """{gateway, registered, ova, dest: path or None when there is no file}"""
    found = {key: observed[key] for key in ("gateway", "registered", "ova")}
    return {**found, "dest": observed["dest"] if observed["file"] else None}


def predict(desired, observed, changes):
    gone = any(change.verb == "delete" for change in changes)
    there = not gone and (observed["file"] or changes)
    return {**present(observed), "dest": observed["dest"] if there else None}


NOUN = Noun(KIND, from_params, connect, observe, plan, apply, present, predict=predict)


def execute(params, context):
    return run(NOUN, params, context)
