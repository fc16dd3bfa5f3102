# SPDX-License-Identifier: GPL-3.0-or-later
"""Random calls of every route with random bodies and queries: always an answer of the API, never a crash, never one against the OpenAPI file."""

from __future__ import annotations

import copy
import random

import pytest
from conftest import GATEWAY, Running

from palette_lab import app

CALLS = 300
SCALARS = [None, "", "x", 7, -1, True, 1.5, 10 ** 30, "0001-01-01T00:00:00.000Z"]
KEYS = ["metadata", "name", "labels", "spec", "pool", "prefix", "start", "end", "subnet", "nameserver", "addresses", "account", "vcenterServer", "username",
        "password", "size", "clusterConfig", "placements", "network", "staticIp", "controlPlaneEndpoint", "clusterProfiles", "uid", "filter", "filterGroups",
        "filters", "property", "condition", "string", "bool", "match", "values", "sort", "field", "privateGatewayUid", "datacenter", "dnsName", "emailId"]
QUERY = ["limit", "offset", "continue", "filters", "orderBy", "name", "isDone", "datacenter", "computecluster", "gatewayUid", "network", "cloudType"]


def body(dice: random.Random, depth: int = 0) -> object:
    if depth > 4 or dice.random() < 0.2:
        return dice.choice(SCALARS)
    if dice.random() < 0.15:
        return [body(dice, depth + 1) for _ in range(dice.randint(0, 2))]
    return {dice.choice(KEYS): body(dice, depth + 1) for _ in range(dice.randint(1, 5))}


def path(lab: Running, route: app.Route, dice: random.Random) -> str:
    store = lab.store
    machines = [uid for config in store.cloudconfigs.values() for uid in config["machines"]]
    known = {"uid": [*store.overlords, *store.clusters, *store.accounts, *store.profiles, *store.projects], "poolUid": [*store.pools],
             "token": ["a.b.c", "%C3%A9"], "objectKind": ["spectrocluster", "edgehost"], "objectUid": [*store.clusters], "configUid": [*store.cloudconfigs],
             "machinePoolName": ["cp-pool", "a b"], "machineUid": machines}
    values = {name: dice.choice([*choices, "f" * 24]) for name, choices in known.items()}
    return route.template.format(**values)


@pytest.mark.parametrize("seed", [1, 2])
def test_random_calls(start, spec, seed: int) -> None:
    lab = start(gateways=[copy.deepcopy(GATEWAY)], settings={"openapi": spec.path, "check_responses": True}, spec=spec)
    dice = random.Random(seed)
    statuses = set()
    for _ in range(CALLS):
        route = dice.choice(app.ROUTES)
        query = {dice.choice(QUERY): dice.choice(["", "x", "-1", "0", "a=b", "a=bAND", "true", "9" * 20, "e30="]) for _ in range(dice.randint(0, 2))}
        content = None if route.method == "GET" else body(dice)
        where = path(lab, route, dice)
        answer = lab.tenant.request(route.method, where, params=query, json=content)
        statuses.add(answer.status_code)
        assert answer.status_code < 500, (route.method, where, query, content, answer.text)
        if answer.status_code >= 400:
            assert answer.json()["code"] and answer.json()["message"]
    assert {200, 404, 422} <= statuses
    assert lab.admin.get("/violations").json() == {"items": []}
    assert len(lab.journal()) == CALLS
