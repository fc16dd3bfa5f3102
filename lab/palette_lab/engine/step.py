# SPDX-License-Identifier: GPL-3.0-or-later
"""step(state, event, work): the engine's whole logic as one pure function over copied plain data."""

from __future__ import annotations

import copy

from palette_lab.engine import gateways, installers

GATEWAY = {"gateway.configure": gateways.configure, "gateway.update": gateways.update, "gateway.seed": gateways.seed, "gateway.reset": gateways.reset,
           "gateway.delete": gateways.delete, "gateway.gone": gateways.gone, "gateway.step": gateways.advance, "gateway.outcome": gateways.outcome}
NEEDS_CLUSTER = {"gateway.configure", "gateway.update", "gateway.seed"}


def step(state: dict, event: dict, work: float) -> tuple[dict, list[dict], list[tuple[dict, float]]]:
    """The state after the event, intents to execute in order, and events with the second of work at which they are due.

    `event["due"]` is when the event was due, `work` what the clock shows now: a chain of phases follows the former, a retry the latter.
    An event of a gateway that is gone changes nothing. Raises KeyError for an unknown type.
    """
    state = copy.deepcopy(state)
    if event["type"] == "installer.scan":
        intents, relative = installers.scan(state, event)
        return state, intents, [(each, event["due"] + after) for each, after in relative]
    if event["type"] == "installer.register":
        return state, installers.register(state, event), []
    change = GATEWAY[event["type"]]
    if state["overlord"] is None or (event["type"] in NEEDS_CLUSTER and state["cluster"] is None):
        return state, [], []
    intents, events = change(state, event, work)
    return state, intents, events
