# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m palette_lab.palette --site .lab/site.json`: both listeners in one event loop, until standard input ends."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import json
import os
import signal
import sys
import threading
from typing import Any, Callable, Iterator

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from palette_lab import admin, listeners, schema
from palette_lab.app import Lab, application
from palette_lab.store import Store


class LabProtocol(H11Protocol):
    """HTTP/1.1 that gives the application its transport, so that a scripted fault can end the connection."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        application_of_config = self.app

        async def with_transport(scope: dict, receive: Any, send: Any) -> None:
            scope["palette_lab.transport"] = transport
            await application_of_config(scope, receive, send)

        self.app = with_transport


class Listener(uvicorn.Server):
    """A server that leaves the signals to `main`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listener(app: Any, address: str, tls: dict | None) -> Listener:
    host, _, port = address.rpartition(":")
    certificate = {"ssl_certfile": tls["certificate"], "ssl_keyfile": tls["key"]} if tls else {}
    return Listener(uvicorn.Config(app, host=host.strip("[]"), port=int(port), http=LabProtocol, ws="none", lifespan="off", log_level="warning",
                                   access_log=False, date_header=False, server_header=False, timeout_graceful_shutdown=2, **certificate))


def lab_of(site: dict) -> Lab:
    """The lab of a site, with the engine when it can be imported and vCenter has an address."""
    settings = site.get("settings", {})
    lab = Lab(Store(site), spec=schema.Spec(settings.get("openapi")))
    lab.ova = optional("palette_lab.ova")
    engine = optional("palette_lab.engine")
    if engine is not None:
        lab.vsphere = importlib.import_module("palette_lab.engine.vsphere")
        lab.refused = importlib.import_module("palette_lab.engine.errors").AccountRefused
        lab.engine = engine.start(lab.store, site)
        admin.post_seeds(lab)
    return lab


def optional(name: str) -> Any:
    """The module, None when it is not there; a module that is there and is broken raises."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and name.startswith(error.name):
            return None
        raise


async def serve(lab: Lab, ready: Callable[[dict], None], stop: asyncio.Event) -> None:
    """Both listeners until `stop` is set or one of them ends. `ready` is called with {"ready", "listen", "admin"} when both listen."""
    palette = lab.store.site["palette"]
    servers = [listener(application(lab), palette["listen"], lab.store.site.get("tls")), listener(admin.application(lab), palette["admin"], None)]
    running = [asyncio.create_task(server.serve()) for server in servers]
    while not all(server.started for server in servers) and not any(task.done() for task in running):
        await asyncio.sleep(0.01)
    if all(server.started for server in servers):
        ready({"ready": True, "listen": palette["listen"], "admin": palette["admin"]})
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([*running, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*running)


async def serve_until_told(lab: Lab) -> None:
    """`serve` until SIGTERM, SIGINT or the end of standard input."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    threading.Thread(target=wait_for_end_of_input, args=(loop, stop.set), daemon=True, name="lifeline").start()
    await serve(lab, lambda message: print(json.dumps(message), flush=True), stop)


def wait_for_end_of_input(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    """The supervisor holds the other end of the pipe: when it dies, this process ends (lab/README.md, Processes)."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    with contextlib.suppress(RuntimeError):  # the loop ended first
        loop.call_soon_threadsafe(stop)


def main() -> int:
    parser = argparse.ArgumentParser(description="the Palette process of the lab")
    parser.add_argument("--site", required=True, help="the runtime site (site.json)")
    with open(parser.parse_args().site, encoding="utf-8") as file:
        site = json.load(file)
    lab = lab_of(site)
    if "reachability" in site:
        lab.listeners = listeners.start(site)
    try:
        asyncio.run(serve_until_told(lab))
    finally:
        if lab.listeners is not None:
            lab.listeners.stop()
        if lab.engine is not None:
            lab.engine.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
