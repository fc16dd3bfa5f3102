# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Noun api: one call of the Palette API, for what no module covers. PRIVATE to the collection."""
from __future__ import annotations

import re

from ._change import Change, diff
from ._errors import InputRefused
from ._palette import Palette, connection
from ._secret import Secret, masker
from ._specs import spec

KIND = "api"
LIBRARIES = ("requests",)
SPEC = spec({
    "method": {"type": "str", "choices": ["GET", "POST", "PUT", "PATCH", "DELETE"], "default": "GET"},
    "path": {"type": "str", "required": True},
    "body": {"type": "dict"},
    "query": {"type": "dict"},
    "scope": {"type": "str", "choices": ["tenant", "project"], "default": "tenant"},
}, required_if=[("scope", "project", ("palette_project",))])
PATH = re.compile(r"/v1(/[A-Za-z0-9._~:@%+-]+)+")
SECRET_KEY = re.compile(r"(password|passwd|passphrase|secret|token|(api|access|secret|private|encryption|client|pairing)key|pairingcode|kubeconfig(client)?|"
                        r"credentials?|authorization)(base64)?s?$")
CODE_PATH = "/v1/overlords/pairing/code"


def secret_key(key):
    """Whether a key of a body or query names a secret, by its last words: password, palette_api_key, jsonCredentials, pairingCode …"""
    return bool(SECRET_KEY.search(re.sub(r"[^a-z0-9]", "", str(key).lower())))


def secret_values(data, inside=False):
    """The strings in nested plain data that lie under a secret's key."""
    if isinstance(data, dict):
        return [text for key, value in data.items() for text in secret_values(value, inside or secret_key(key))]
    if isinstance(data, list):
        return [text for value in data for text in secret_values(value, inside)]
    return [data] if inside and isinstance(data, str) and data else []


def wrapped(data, inside=False):
    """The same data with each such string as a Secret."""
    if isinstance(data, dict):
        return {key: wrapped(value, inside or secret_key(key)) for key, value in data.items()}
    if isinstance(data, list):
        return [wrapped(value, inside) for value in data]
    return Secret(data) if inside and isinstance(data, str) and data else data


def secrets(params):
    """What the fronts have to mask beside the options that are secret as a whole."""
    return secret_values(params.get("body")) + secret_values(params.get("query"))


def from_params(params):
    """Options of api -> {method, path, body, query, scope}. Raises InputRefused."""
    path, method = params["path"], params["method"]
    if not PATH.fullmatch(path) or any(part in (".", "..") for part in path.split("/")):
        raise InputRefused("no path of Palette's API", where="option path", observed=path, expected="/v1/ and plain path segments, such as /v1/overlords",
                           fix="put host and scheme into palette_host, what follows a question mark into query, and percent-encode other characters")
    if method == "GET" and params["body"] is not None:
        raise InputRefused("a GET has no body", where="option body", fix="drop it, or use query")
    return {"method": method, "path": path, "body": wrapped(params["body"]), "query": wrapped(params["query"]), "scope": params["scope"]}


def reads(call):
    """Whether the call only reads: a GET (but the one that draws a pairing code), or a POST whose path ends in /search."""
    if call["method"] == "GET":
        return call["path"] != CODE_PATH
    return call["method"] == "POST" and call["path"].endswith("/search")


def plan(call):
    """[Change] of a call that writes; what it would change is not known, so before is empty and after is what is sent."""
    return [] if reads(call) else [Change(call["method"].lower(), KIND, call["path"], None, masker([])(call["body"]))]


def send(palette, call):
    """The answer's JSON, secrets masked by key; {} where Palette answers nothing."""
    options = {"query": call["query"], "project": palette.scope() if call["scope"] == "project" else None}
    if call["method"] != "GET":
        options["body"] = call["body"]
    return masker([])(wrapped(getattr(palette, call["method"].lower())(call["path"], **options)))


def execute(params, context):
    """{changed, plan, diff, api: {method, path, sent, json}, timeline, warnings}. In check mode a call that writes is not sent. Raises PaletteFailure."""
    call = from_params(params)
    changes, answer = plan(call), None
    sent = not (changes and context.check)
    if sent:
        with Palette(connection(params), context) as palette:
            answer = send(palette, call)
    return {"changed": bool(changes), "plan": [change.as_dict() for change in changes], "diff": diff(changes),
            KIND: {"method": call["method"], "path": call["path"], "sent": sent, "json": answer}, "timeline": context.timeline, "warnings": context.warnings}
