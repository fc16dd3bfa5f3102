# SPDX-License-Identifier: GPL-3.0-or-later
"""The API listener: one ASGI application that journals, matches, authenticates, validates and answers (palette-api 1)."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import secrets
from email.utils import format_datetime
from typing import Any, AsyncIterator
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from palette_lab import auth, errors, schema
from palette_lab.api import accounts, clusters, dns, downloads, gateways, identity, limits, pools, profiles
from palette_lab.api.calls import Call, Reply, Route
from palette_lab.faults import Faults
from palette_lab.journal import Journal
from palette_lab.store import Store

BODY_LIMIT = 16 * 1024 * 1024
ROUTES: list[Route] = sorted(
    identity.ROUTES + gateways.ROUTES + pools.ROUTES + dns.ROUTES + accounts.ROUTES + clusters.ROUTES + profiles.ROUTES,
    key=lambda route: route.template.count("{"))


@dataclasses.dataclass
class Lab:
    """Everything a request may touch. `engine` has post, due, wake, stop, reset; `vsphere` has check_account, datacenters,
    compute_cluster_resources, which raise `refused` (code, message); both are None when the engine cannot be imported.
    """

    store: Store
    engine: Any = None
    vsphere: Any = None
    refused: type[Exception] = ConnectionError
    ova: Any = None
    journal: Journal = dataclasses.field(default_factory=Journal)
    faults: Faults = dataclasses.field(default_factory=Faults)
    sessions: auth.Sessions = dataclasses.field(default_factory=auth.Sessions)
    buckets: limits.Buckets = dataclasses.field(default_factory=limits.Buckets)
    spec: schema.Spec = dataclasses.field(default_factory=lambda: schema.Spec(None))
    violations: list[dict] = dataclasses.field(default_factory=list)
    listeners: Any = None

    def setting(self, name: str) -> Any:
        return self.store.site.get("settings", {}).get(name)

    def switch(self, name: str) -> Any:
        return self.store.site.get("switches", {}).get(name)


def application(lab: Lab) -> Any:
    """The ASGI callable of the API listener."""
    async def app(scope: dict, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await _exchange(lab, Request(scope, receive), send)
    return app


async def _exchange(lab: Lab, request: Request, send: Any) -> None:
    method, path, raw_query = request.method, request.scope["path"], request.scope["query_string"].decode("latin-1")
    entry = lab.journal.begin(method, path, raw_query)
    headers = {key.lower(): value for key, value in request.headers.items()}
    _describe(lab, entry, method, path, headers)
    faults = lab.faults.firing(method, path)
    kinds = {fault["kind"]: fault for fault in faults}
    if faults:
        entry["fault"] = ",".join(fault["kind"] for fault in faults)
    if "delay" in kinds:
        await asyncio.sleep(sum(fault["seconds"] for fault in faults if fault["kind"] == "delay"))
    if "drop-before" in kinds:
        await _drop(request, abort=True)
        return
    if "status" in kinds or "redirect" in kinds:
        response = scripted(kinds.get("status") or kinds["redirect"])
    elif path.startswith("/lab-ova/"):
        response = await run_in_threadpool(downloads.answer, lab, method, path, headers)
    else:
        body, problem = await _body(request)
        entry["status"] = 500
        reply = await run_in_threadpool(answer, lab, request_parts(request, headers), entry, body, problem)
        response = as_response(reply)
    entry["status"] = response.status_code
    if "drop-after-commit" in kinds:
        await _drop(request, abort=True)
        return
    response.headers["Date"] = format_datetime(lab.store.now(), usegmt=True)
    if "truncate" in kinds:
        await _truncated(request, response, int(kinds["truncate"].get("bytes", 0)), send)
        return
    await response(request.scope, request.receive, send)


def _describe(lab: Lab, entry: dict, method: str, path: str, headers: dict[str, str]) -> None:
    """What the journal says of a call, whether or not it is let in."""
    found = next((each for each in ROUTES if each.method == method and each.match(path) is not None), None)
    entry["write"] = found.write if found else method not in ("GET", "HEAD")
    store = lab.store
    with store.lock:
        try:
            entry["principal"] = auth.principal_of(store.users, lab.sessions, headers, store.now())["email"]
        except errors.ApiError:
            entry["principal"] = ""
        uid = headers.get("projectuid", "")
        if uid:
            entry["scope"] = f"project:{store.projects[uid]['name']}" if uid in store.projects else "project:unknown"
        elif found is not None and found.scope != "open":
            entry["scope"] = "tenant"


@dataclasses.dataclass(frozen=True)
class Parts:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    client: str


def request_parts(request: Request, headers: dict[str, str]) -> Parts:
    query = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
    return Parts(request.method, request.scope["path"], query, headers, request.client.host if request.client else "")


async def _body(request: Request) -> tuple[bytes, errors.RouterError | None]:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > BODY_LIMIT:
            return b"", errors.RouterError(413, 413, "http: request body too large")
    return bytes(content), None


def answer(lab: Lab, parts: Parts, entry: dict, content: bytes, problem: errors.RouterError | None) -> Reply:
    """The reply to one request; every refusal is a reply too."""
    try:
        if problem:
            raise problem
        if lab.setting("rate_limits") and not lab.buckets.take(parts.client, parts.path, lab.store.now().timestamp()):
            raise errors.ApiError(429, "TooManyRequests", "Too many requests. Slow down and try again")
        route, path = find_route(parts.method, parts.path)
        call = _call(lab, route, path, parts, entry)
        call.body = parse_body(parts.headers, content)
        schema.check_request(lab.spec, route.method, route.template, parts.query, path, call.body)
        if not isinstance(call.body, (dict, type(None))):
            raise errors.RouterError(422, 601, f"body in body must be of type object: \"{type(call.body).__name__}\"")
        reply = route.handler(call)
    except (errors.ApiError, errors.RouterError) as error:
        status = errors.status_of(error, lab.switch("business_error_status"))
        return Reply(status, errors.body(error, f"ref-{secrets.token_hex(12)}"))
    return _checked(lab, route, parts, reply)


def _call(lab: Lab, route: Route, path: dict[str, str], parts: Parts, entry: dict) -> Call:
    """Authentication, project and permission. Raises ApiError."""
    store = lab.store
    call = Call(lab, store, {}, "", path, parts.query, None, parts.headers, route.permission)
    if route.scope == "open":
        return call
    with store.lock:
        call.principal = auth.principal_of(store.users, lab.sessions, parts.headers, store.now())
        project = auth.project_of(store.projects, parts.headers, route.permission)
        own = project is not None and project["name"] in (call.principal.get("projects") or [])
        auth.check_allowed(call.principal, route.scope, route.permission, route.write, project is None, own)
    if project is not None and route.scope == "tenant" and route.write and lab.switch("strict_project_header"):
        raise errors.refused("ProjectUidIsNotEmpty", f"'{route.permission}' is an operation of the tenant, it takes no ProjectUid header")
    call.project_uid = project["uid"] if project else ""
    return call


def find_route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Raises RouterError 404 for an unknown path, 405 with the allowed methods for a known one."""
    allowed = []
    for route in ROUTES:
        values = route.match(path)
        if values is None:
            continue
        if route.method == method:
            return route, values
        allowed.append(route.method)
    if allowed:
        raise errors.RouterError(405, 405, f"method {method} is not allowed, but [{','.join(sorted(set(allowed)))}] are")
    raise errors.RouterError(404, 404, f"path {path} was not found")


def parse_body(headers: dict[str, str], content: bytes) -> Any:
    """The JSON body without nulls, None when there is none. Raises RouterError 415 or 400."""
    if not content:
        return None
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise errors.RouterError(415, 415, f"unsupported media type \"{media}\", only [application/json] are allowed")
    try:
        return schema.without_nulls(json.loads(content))
    except ValueError:
        raise errors.RouterError(400, 400, "parsing body body from \"\" failed, because the text is not JSON") from None


def _checked(lab: Lab, route: Route, parts: Parts, reply: Reply) -> Reply:
    if reply.status == 201:
        reply.headers.setdefault("AuditUid", secrets.token_hex(12))
    if not lab.setting("check_responses"):
        return reply
    problems = schema.answer_problems(lab.spec, route.method, route.template, reply.status, reply.body, reply.content is None)
    if not problems:
        return reply
    lab.violations.append({"method": parts.method, "path": parts.path, "status": reply.status, "problems": problems})
    return Reply(500, {"code": "LabResponseInvalid", "message": f"{parts.method} {parts.path}: {problems[0]}", "ref": "", "details": {"problems": problems}})


def as_response(reply: Reply) -> Response:
    if reply.content is not None:
        return Response(reply.content, reply.status, reply.headers, reply.media_type)
    if reply.status == 204:
        return Response(None, 204, reply.headers)
    return Response(json.dumps(reply.body, separators=(",", ":")).encode(), reply.status, reply.headers, "application/json")


def scripted(fault: dict) -> Response:
    """The answer that a status or redirect fault asks for."""
    if fault["kind"] == "redirect":
        return Response(b"", int(fault.get("status", 302)), {"Location": fault["location"], **fault.get("headers", {})})
    if "body_base64" in fault:
        content = base64.b64decode(fault["body_base64"])
    elif isinstance(fault.get("body"), str):
        content = fault["body"].encode()
    elif "body" in fault:
        content = json.dumps(fault["body"]).encode()
    else:
        content = json.dumps({"code": "LabFault", "message": f"scripted status {fault['status']}", "ref": "", "details": {}}).encode()
    headers = {key: str(value) for key, value in fault.get("headers", {}).items()}
    media = fault.get("content_type", "application/json")
    if fault.get("body_repeat"):
        return StreamingResponse((content for _ in range(int(fault["body_repeat"]))), int(fault["status"]), headers, media)
    return Response(content, int(fault["status"]), headers, media)


async def _drop(request: Request, abort: bool) -> None:
    """End the connection: `abort` throws away what is unsent, otherwise it is flushed first."""
    transport = request.scope["palette_lab.transport"]
    transport.abort() if abort else transport.close()
    try:
        while (await request.receive())["type"] != "http.disconnect":
            pass
    except ClientDisconnect:
        return


async def _pieces(response: Response) -> AsyncIterator[bytes]:
    if isinstance(response, StreamingResponse):
        async for piece in response.body_iterator:
            yield piece.encode() if isinstance(piece, str) else bytes(piece)
    else:
        yield bytes(response.body)


async def _truncated(request: Request, response: Response, size: int, send: Any) -> None:
    """Headers that promise the whole body, then `size` bytes of it, then the end of the connection."""
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    left = size
    async for piece in _pieces(response):
        await send({"type": "http.response.body", "body": piece[:left], "more_body": True})
        left -= len(piece)
        if left <= 0:
            break
    await _drop(request, abort=False)
