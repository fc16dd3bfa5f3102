# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's one thread: due events by the clock's `work`, intents against vCenter, a look at the installers every two seconds."""

from __future__ import annotations

import datetime
import heapq
import itertools
import os
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from palette_lab.engine import control, session, vsphere
from palette_lab.engine.errors import EngineError
from palette_lab.engine.records import gather, keep, memory
from palette_lab.engine.step import step
from palette_lab.site import SiteError, vcenter_user
from palette_lab.store import Store

SCAN_SECONDS = 2.0
LOOK_SECONDS = 0.1


class Engine:
    """Started by `start`. Callers may hold the store's lock; the engine never does while it talks to vCenter.

    An event that is due at once is stepped in the caller's thread, so that a state moves before its request is answered.
    """

    def __init__(self, store: Store, site: dict) -> None:
        self._store, self._site = store, site
        self._kept = memory()
        self._heap: list[tuple[float, int, dict]] = []
        self._numbers = itertools.count()
        self._work: list[list[dict]] = []
        self._busy: list[dict] = []
        self._life = 0
        self._scanned = float("-inf")
        self._scanning = threading.Lock()
        self._executing = threading.Lock()
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._log = Path((site.get("tls") or {}).get("ca") or "ca.pem").parent / "log"

    def begin(self) -> None:
        self._thread.start()

    def post(self, event: dict, after: float = 0.0) -> None:
        """Let an event happen after that many seconds of work; at once, before this returns, when 0. KeyError for an unknown type."""
        with self._store.lock:
            due = self._store.clock.work() + after
            if after > 0:
                self._push(event, due)
            else:
                self._step({**event, "due": due})
        self._wake.set()

    def due(self) -> list[dict]:
        """What is under way, after a fresh look at the installers: [{"type", "of", "in_seconds_of_work"}]; 0: right now."""
        self._scan(force=True)
        with self._store.lock:
            work = self._store.clock.work()
            waiting = [(max(0.0, due - work), event) for due, _, event in sorted(self._heap)]
            current = [(0.0, each[0]) for each in [*self._work, self._busy] if each]
            return [{"type": event["type"], "of": event.get("uid") or event.get("moid") or "", "in_seconds_of_work": round(left, 1)}
                    for left, event in current + waiting]

    def settled(self) -> bool:
        """Whether nothing is under way."""
        return not self.due()

    def wake(self) -> None:
        """The clock was moved."""
        self._wake.set()

    def reset(self) -> None:
        """Forget everything, before the store and vCenter go back to the site; returns when nothing is executed in vCenter any more.

        The caller does not hold the store's lock.
        """
        with self._store.lock:
            self._life += 1
            session.abandon()
        with self._executing, self._scanning, self._store.lock:
            self._kept = memory()
            self._heap.clear()
            self._work.clear()
            self._busy = []
            self._scanned = time.monotonic()
            session.forget_all()

    def stop(self) -> None:
        """End the thread; waits a moment for what it is doing."""
        self._stopped.set()
        self._wake.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(5)
        session.forget_all()

    def _push(self, event: dict, due: float) -> None:
        heapq.heappush(self._heap, (due, next(self._numbers), event))

    def _step(self, event: dict) -> None:
        """The lock is held."""
        before = gather(self._store, self._kept, event)
        after, intents, events = step(before, event, self._store.clock.work())
        keep(self._store, self._kept, event, before, after)
        for follower, due in events:
            self._push(follower, due)
        if intents:
            self._work.append([{**intent, "due": event["due"]} for intent in intents])

    def _run(self) -> None:
        """A bug must not leave a Palette without an engine: when the loop breaks, the process ends, and the supervisor ends the lab."""
        try:
            self._loop()
        finally:
            if not self._stopped.is_set():
                traceback.print_exc()
                os._exit(70)

    def _loop(self) -> None:
        while not self._stopped.is_set():
            if self._execute_next() or self._step_next():
                continue
            self._scan()
            self._beat()
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()

    def _step_next(self) -> bool:
        with self._store.lock:
            if not self._heap or self._heap[0][0] > self._store.clock.work():
                return False
            due, _, event = heapq.heappop(self._heap)
            self._step({**event, "due": due})
            return True

    def _execute_next(self) -> bool:
        with self._executing:
            with self._store.lock:
                if not self._work:
                    return False
                intents, life = self._work.pop(0), self._life
                self._busy = intents
                session.enter()
            results, error = self._outcome(intents, life)
            with self._store.lock:
                self._busy = []
                if life == self._life:
                    self._report(intents[0], results, error)
        return True

    def _outcome(self, intents: list[dict], life: int) -> tuple[list[dict], dict | None]:
        """Execute intents in order until one fails or the lab is reset."""
        results: list[dict] = []
        for intent in intents:
            if life != self._life:
                break
            try:
                results.append({**self._execute(intent), **({"machine": intent["machine"]} if "machine" in intent else {})})
            except EngineError as problem:
                return results, {"reason": problem.reason, "message": problem.message}
        return results, None

    def _report(self, first: dict, results: list[dict], error: dict | None) -> None:
        """The outcome of a gateway's intents goes back as an event; a failed report to a guest goes to the installers' log. The lock is held."""
        if "phase" in first:
            self._step({"type": "gateway.outcome", "uid": first["uid"], "generation": first["generation"], "phase": first["phase"], "due": first["due"],
                        "results": results, "error": error})
        elif error:
            self._write_log(f"{first.get('moid', '')} {error['message']}")

    def _execute(self, intent: dict) -> dict:
        if intent["type"] == "guest.set":
            control.set_guest(self._site["vcenter"]["control"], intent["moid"], intent["ip"], intent["hostname"], intent["tools"])
            return {}
        if intent["type"] == "installer.log":
            self._write_log(intent["text"])
            return {}
        return vsphere.execute(intent, self._account(intent))

    def _account(self, intent: dict) -> dict:
        """The gateway's own cloud account; a seeded gateway is made by the administrator, as part of the site."""
        with self._store.lock:
            overlord = self._store.overlords.get(intent["uid"], {})
            account = self._store.accounts.get(overlord.get("account_uid", ""))
        if intent["phase"] == "seed":
            admin = vcenter_user(self._site, admin=True)
            return {"vcenter_server": self._site["vcenter"]["listen"], "username": admin["name"], "password": admin["password"], "insecure": False}
        if account is None:
            raise EngineError("FailedCloudAccountValidation", "the gateway has no cloud account any more")
        return dict(account)

    def _scan(self, force: bool = False) -> None:
        """Look at vCenter's installers and let the step decide; a vCenter that does not answer is asked again later."""
        address = self._site.get("vcenter", {}).get("control")
        with self._scanning:
            if not address or self._stopped.is_set() or (not force and time.monotonic() - self._scanned < SCAN_SECONDS):
                return
            self._scanned = time.monotonic()
            life = self._life
            try:
                found = control.installers(address)
                self._add_networks(address, found)
            except EngineError as problem:
                self._write_log(problem.message)
                return
            with self._store.lock:
                if life == self._life:
                    self._kept["scan"] += 1
                    self._step({"type": "installer.scan", "found": found, "due": self._store.clock.work()})
        self._wake.set() if self._work else None

    def _add_networks(self, address: str, found: list[dict]) -> None:
        """Networks are only looked up for machines that are new: the state of a big vCenter is a long answer."""
        fresh = [each for each in found if each["moid"] not in self._kept["installers"]]
        if fresh:
            networks = control.networks_of(address)
            for each in fresh:
                each["networks"] = networks.get(each["moid"], [])

    def _beat(self) -> None:
        """Agents of installers and of running gateways report every few seconds."""
        with self._store.lock:
            now = self._store.now()
            for overlord in self._store.overlords.values():
                cluster = self._store.clusters.get(overlord["cluster_uid"])
                if overlord["state"] in ("Pending", "Running"):
                    overlord["heartbeat"] = now
                    if cluster and cluster["state"] == "Running":
                        cluster["heartbeat"] = now

    def _write_log(self, text: str) -> None:
        stamp = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        self._log.mkdir(parents=True, exist_ok=True)
        with open(self._log / "installer.log", "a") as log:
            log.write(f"{stamp} {text}\n")


def start(store: Store, site: dict) -> Any:
    """A running engine for the store; ended by its stop(). Raises SiteError when the site has gateways but no vCenter administrator."""
    if site["palette"].get("gateways"):
        vcenter_user(site, admin=True)
    session.trust((site.get("tls") or {}).get("ca"))
    engine = Engine(store, site)
    engine.begin()
    return engine


__all__ = ["Engine", "SiteError", "start"]
