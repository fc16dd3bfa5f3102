# SPDX-License-Identifier: GPL-3.0-or-later
"""The admin listener (lab/README.md, Admin listener): journal, state, reset, faults and clock of both servers. Plain HTTP on loopback."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any, Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from palette_lab import journal, state
from palette_lab.app import Lab

RESET_SECONDS = 20.0
CALL_SECONDS, REBUILD_SECONDS = 30.0, 600.0
LATER = {"/offer-upgrade": "the step that brings gateway upgrades", "/stick": "the step that brings tenant clusters",
         "/load": "the step that brings autoscaling"}


class ControlError(Exception):
    """vCenter's control listener did not answer, or refused."""


def control(lab: Lab, method: str, path: str, body: Any = None, seconds: float = CALL_SECONDS) -> Any:
    """One call to vCenter's control listener; None when the site has no vCenter. Raises ControlError."""
    address = lab.store.site.get("vcenter", {}).get("control")
    if not address:
        return None
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://{address}{path}", content, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=seconds) as response:
            text = response.read()
    except urllib.error.HTTPError as error:
        raise ControlError(f"vCenter's control listener answered {error.code} to {method} {path}: {error.read(300).decode(errors='replace')}") from None
    except OSError as error:
        raise ControlError(f"vCenter's control listener at {address} did not answer {method} {path}: {error}") from None
    return json.loads(text) if text.strip() else None


def post_seeds(lab: Lab) -> None:
    for uid in lab.store.seeded:
        lab.engine.post({"type": "gateway.seed", "uid": uid})


def get_journal(lab: Lab, query: dict, body: Any) -> dict:
    vcenter = (control(lab, "GET", "/journal") or {}).get("items") or []
    return {"items": journal.merged(lab.journal.entries(), vcenter)}


def delete_journal(lab: Lab, query: dict, body: Any) -> dict:
    lab.journal.clear()
    control(lab, "DELETE", "/journal")
    return {}


def get_state(lab: Lab, query: dict, body: Any) -> dict:
    palette, vcenter = state.dump(lab.store), control(lab, "GET", "/state")
    if query.get("canonical") in ("1", "true"):
        return state.canonical(lab.store, palette, vcenter)
    return {"palette": palette, "vcenter": vcenter}


def reset(lab: Lab, query: dict, body: Any) -> dict:
    """Both servers back to the site file; answers when the seeded gateways have their machines. Tokens, faults and the journal are dropped."""
    lab.faults.clear()
    if lab.listeners is not None:
        lab.listeners.reset()
    if lab.engine is not None:
        lab.engine.reset()
    control(lab, "POST", "/reset", seconds=REBUILD_SECONDS)
    lab.store.reset(lab.store.site)
    lab.sessions.revoke()
    lab.violations.clear()
    if lab.engine is not None:
        post_seeds(lab)
        wait_for_seeds(lab)
    return delete_journal(lab, query, body)


def wait_for_seeds(lab: Lab, clock: Callable[[], float] = time.monotonic) -> None:
    """Until every seeded gateway's cluster is Running; the clock of the lab may stand still, so seeds take no work. Raises TimeoutError."""
    end = clock() + RESET_SECONDS
    while waiting := unseeded(lab):
        if clock() > end:
            raise TimeoutError(f"seeded gateways {waiting} are not Running after {RESET_SECONDS:.0f} s")
        time.sleep(0.02)


def unseeded(lab: Lab) -> list[str]:
    with lab.store.lock:
        overlords = [lab.store.overlords[uid] for uid in lab.store.seeded if uid in lab.store.overlords]
        return [each["name"] for each in overlords if lab.store.clusters[each["cluster_uid"]]["state"] != "Running"]


def add_faults(lab: Lab, query: dict, body: Any) -> dict:
    """Faults whose server is "vcenter" are handed to its control listener; all others are Palette's."""
    if not isinstance(body, list) or not all(isinstance(each, dict) for each in body):
        raise ValueError("POST /faults takes a list of faults")
    ours = [each for each in body if each.get("server", "palette") == "palette"]
    theirs = [{key: value for key, value in each.items() if key != "server"} for each in body if each.get("server") == "vcenter"]
    if len(ours) + len(theirs) != len(body):
        raise ValueError("server of a fault must be palette or vcenter")
    lab.faults.add(ours)
    if theirs:
        control(lab, "POST", "/faults", theirs)
    return {}


def delete_faults(lab: Lab, query: dict, body: Any) -> dict:
    lab.faults.clear()
    control(lab, "DELETE", "/faults")
    return {}


def move_clock(lab: Lab, query: dict, body: Any) -> dict:
    seconds = (body or {}).get("advance_seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise ValueError(f"POST /clock takes {{\"advance_seconds\": number}}, not {body}")
    offset = lab.store.clock.advance(float(seconds))
    control(lab, "POST", "/clock", {"offset_seconds": offset})
    if lab.engine is not None:
        lab.engine.wake()
    return {"offset_seconds": offset, "now": state.stamp(lab.store.now())}


def revoke_sessions(lab: Lab, query: dict, body: Any) -> dict:
    """Tokens of Palette and sessions of vCenter; API keys stay good."""
    lab.sessions.revoke()
    control(lab, "POST", "/revoke-sessions")
    return {}


def get_listeners(lab: Lab, query: dict, body: Any) -> dict:
    return {"items": [] if lab.listeners is None else lab.listeners.shown()}


def set_listener(lab: Lab, query: dict, body: Any) -> dict:
    """Shut or open one of the listeners that reachability is tried on."""
    if not isinstance(body, dict) or set(body) != {"name", "open"} or not isinstance(body["open"], bool):
        raise ValueError(f"POST /listeners takes {{\"name\": text, \"open\": true or false}}, not {body}")
    if lab.listeners is None:
        raise ValueError("this lab has no listeners beside its servers'")
    lab.listeners.switch(body["name"], body["open"])
    return get_listeners(lab, query, None)


def settled(lab: Lab, query: dict, body: Any) -> dict:
    due = [] if lab.engine is None else list(lab.engine.due())
    return {"settled": not due, "due": due}


def violations(lab: Lab, query: dict, body: Any) -> dict:
    return {"items": list(lab.violations)}


def endpoint(lab: Lab, function: Callable[[Lab, dict, Any], dict]) -> Callable[[Request], Any]:
    async def handler(request: Request) -> JSONResponse:
        content = await request.body()
        try:
            body = json.loads(content) if content else None
            return JSONResponse(await run_in_threadpool(function, lab, dict(request.query_params), body))
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        except (ControlError, TimeoutError) as error:
            return JSONResponse({"error": str(error)}, 502)
    return handler


def later(path: str) -> Callable[[Request], Any]:
    async def handler(request: Request) -> JSONResponse:
        return JSONResponse({"error": f"POST {path} comes with {LATER[path]}"}, 501)
    return handler


def application(lab: Lab) -> Starlette:
    """The ASGI application of the admin listener; mistakes in a request are 400, a vCenter that does not answer is 502."""
    table = [("GET", "/journal", get_journal), ("DELETE", "/journal", delete_journal), ("GET", "/state", get_state), ("POST", "/reset", reset),
             ("POST", "/faults", add_faults), ("DELETE", "/faults", delete_faults), ("POST", "/clock", move_clock),
             ("GET", "/listeners", get_listeners), ("POST", "/listeners", set_listener),
             ("POST", "/revoke-sessions", revoke_sessions), ("GET", "/settled", settled), ("GET", "/violations", violations)]
    return Starlette(routes=[Route(path, endpoint(lab, function), methods=[method]) for method, path, function in table]
                     + [Route(path, later(path), methods=["POST"]) for path in LATER])
