# SPDX-License-Identifier: GPL-3.0-or-later
"""What a handler gets (Call), what it gives back (Reply), and how a route is described (Route)."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Callable

from palette_lab import errors
from palette_lab.store import Store


@dataclasses.dataclass
class Call:
    """One request after authentication. `project_uid` is "" at tenant scope; `body` is the parsed JSON without its nulls, or None."""

    lab: Any
    store: Store
    principal: dict
    project_uid: str
    path: dict[str, str]
    query: dict[str, str]
    body: Any
    headers: dict[str, str]
    permission: str


@dataclasses.dataclass
class Reply:
    status: int
    body: Any = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    content: bytes | None = None
    media_type: str = "application/json"


@dataclasses.dataclass(frozen=True)
class Route:
    """`scope`: "open" (no credentials), "self" (any user, no project needed), "any" (follows the object), "tenant" (tenant administrator).

    `template` is the OpenAPI's path; `write` is what the journal says of the call.
    """

    method: str
    template: str
    handler: Callable[[Call], Reply]
    permission: str
    scope: str
    write: bool
    pattern: re.Pattern[str]

    def match(self, path: str) -> dict[str, str] | None:
        found = self.pattern.fullmatch(path)
        return found.groupdict() if found else None


def route(method: str, template: str, handler: Callable[[Call], Reply], permission: str, scope: str = "any", write: bool | None = None) -> Route:
    pattern = "".join(f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{\w+\})", template))
    return Route(method, template, handler, permission, scope, method != "GET" if write is None else write, re.compile(pattern))


def ok(body: Any) -> Reply:
    return Reply(200, body)


def created(uid: str) -> Reply:
    return Reply(201, {"uid": uid})


def no_content() -> Reply:
    return Reply(204)


def project_names(call: Call) -> list[str]:
    """Names of the projects that the principal may use."""
    if call.principal["role"] == "project_admin":
        return list(call.principal.get("projects") or [])
    return [project["name"] for project in call.store.projects.values()]


def check_visible(call: Call, annotations: dict, permission: str, shared: bool = False) -> None:
    """Objects follow the scope in their annotations: a project's is seen in that project only, a tenant's at tenant scope
    and, when `shared`, in every project. Raises ApiError 403 OperationForbidden, not 404 (palette-api 1.3).
    """
    if annotations.get("scope") == "project":
        if annotations.get("projectUid") != call.project_uid:
            raise errors.forbidden(permission)
    elif call.project_uid and not shared:
        raise errors.forbidden(permission)


def is_visible(call: Call, annotations: dict, shared: bool = False) -> bool:
    try:
        check_visible(call, annotations, "", shared)
    except errors.ApiError:
        return False
    return True


def metadata_name(body: dict) -> str:
    return ((body or {}).get("metadata") or {}).get("name") or ""
