# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module api: which calls write, what is refused, and that secrets under telling keys stay inside."""
from __future__ import annotations

import json

import pytest
from ansible_collections.palette.vmware.plugins.module_utils import _api as api
from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused, PaletteRefused
from ansible_collections.palette.vmware.plugins.module_utils._run import Context, outcome
from ansible_collections.palette.vmware.plugins.module_utils._transport import revealed

CANARY = "c4n4ry-secret"


def params(**given):
    return {"method": "GET", "path": "/v1/users/info", "body": None, "query": None, "scope": "tenant", "palette_project": None, "palette_api_key": "key",
            **given}


class Server:
    """calls: (method, path, body in the clear, query, project)"""

    def __init__(self, answer=None, failure=None):
        self.answer, self.failure, self.calls = answer or {}, failure, []

    def __call__(self, *_settings):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        pass

    def scope(self):
        return "p1"

    def _answer(self, method, path, body, query, project):
        self.calls.append((method, path, revealed(body), revealed(query), project))
        if self.failure:
            raise self.failure
        return self.answer

    def get(self, path, query=None, project=None):
        return self._answer("GET", path, None, query, project)

    def post(self, path, body=None, query=None, project=None):
        return self._answer("POST", path, body, query, project)

    def put(self, path, body=None, query=None, project=None):
        return self._answer("PUT", path, body, query, project)

    def patch(self, path, body=None, query=None, project=None):
        return self._answer("PATCH", path, body, query, project)

    def delete(self, path, body=None, query=None, project=None):
        return self._answer("DELETE", path, body, query, project)


def call(monkeypatch, server, check=False, **given):
    monkeypatch.setattr(api, "Palette", server)
    return api.execute(params(**given), Context(check=check))


CALLS = [("GET", "/v1/users/info", False), ("GET", "/v1/overlords/pairing/code", True), ("POST", "/v1/dashboard/spectroclusters/search", False),
         ("POST", "/v1/overlords/research", True), ("POST", "/v1/overlords/x/search/y", True), ("PUT", "/v1/dashboard/search", True),
         ("PATCH", "/v1/a", True), ("DELETE", "/v1/a", True), ("POST", "/v1/a", True)]


@pytest.mark.parametrize("method, path, writes", CALLS)
def test_reads_are_sent_in_check_mode_and_writes_are_not(monkeypatch, method, path, writes):
    server = Server({"a": 1})
    body = None if method in ("GET", "DELETE") else {"b": 2}
    foreseen = call(monkeypatch, server, check=True, method=method, path=path, body=body)
    assert foreseen["changed"] is writes and foreseen["api"]["sent"] is not writes and len(server.calls) == (0 if writes else 1)
    assert foreseen["api"]["json"] == (None if writes else {"a": 1})
    server.calls.clear()
    made = call(monkeypatch, server, method=method, path=path, body=body)
    assert server.calls == [(method, path, body, None, None)]
    assert made["plan"] == foreseen["plan"] and made["diff"] == foreseen["diff"] and bool(made["diff"]) is writes
    assert made["api"] == {"method": method, "path": path, "sent": True, "json": {"a": 1}}
    if writes:
        assert made["plan"] == [{"verb": method.lower(), "kind": "api", "name": path, "before": None, "after": body, "reason": ""}]


@pytest.mark.parametrize("path", ["/v1", "/v1/", "v1/users", "/v2/users", "https://x/v1/users", "/v1/users?name=x", "/v1/users#x", "/v1//users", "/v1/users/",
                                  "/v1/../admin", "/v1/./users", "/v1/a b", "/v1/a\r\nX: y", "/v1/a\n", "/v1/\u00e9"])
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(InputRefused) as caught:
        api.from_params(params(path=path))
    assert caught.value.where == "option path"


def test_a_get_with_a_body_is_refused():
    with pytest.raises(InputRefused, match="body"):
        api.from_params(params(body={}))


def test_the_scope_of_a_call(monkeypatch):
    server = Server()
    call(monkeypatch, server, palette_project="team-a")
    call(monkeypatch, server, palette_project="team-a", scope="project")
    assert [project for *_rest, project in server.calls] == [None, "p1"]
    assert api.SPEC["required_if"] == [("scope", "project", ("palette_project",))]


@pytest.mark.parametrize("key, secret", [
    *((key, True) for key in ("password", "newPassword", "apiKey", "api_key", "secretKey", "jsonCredentials", "credentials", "kubeconfig", "kubeconfigclient",
                              "adminKubeconfig", "pairingCode", "Authorization", "token", "tokens", "PASSWORD", "palette-password", "privateKey")),
    *((key, False) for key in ("name", "key", "keys", "publicKey", "username", "passwordPolicy", "secretName",
                              "tokenExpiry", "sshKeys", "certificate", "path")),
])
def test_keys_that_name_a_secret(key, secret):
    assert api.secret_key(key) is secret


def test_secrets_go_to_the_server_and_nowhere_else(monkeypatch):
    server = Server({"account": {"password": CANARY, "username": "svc"}, "items": [{"credentials": {"any": [CANARY]}}], "isPasswordReset": True, "token": 5})
    given = {"method": "POST", "path": "/v1/a", "query": {"pairingCode": CANARY},
             "body": {"account": {"password": CANARY, "username": "svc"}, "tokens": [CANARY, 7]}}
    made = call(monkeypatch, server, **given)
    assert server.calls == [("POST", "/v1/a", given["body"], given["query"], None)]
    assert CANARY not in json.dumps(made)
    assert made["plan"][0]["after"] == {"account": {"password": "***", "username": "svc"}, "tokens": ["***", 7]}
    assert made["api"]["json"] == {"account": {"password": "***", "username": "svc"}, "items": [{"credentials": {"any": ["***"]}}], "isPasswordReset": True,
                                   "token": 5}


def test_the_fronts_mask_by_value_what_the_keys_name(monkeypatch):
    """faults.md S03: a server's error text that echoes the request."""
    given = params(method="POST", path="/v1/a", body={"account": {"password": CANARY}}, query={"pairingCode": "p41r1ng"})
    assert sorted(api.secrets(given)) == sorted([CANARY, "p41r1ng"])
    assert api.secrets(params()) == []
    monkeypatch.setattr(api, "Palette", Server(failure=PaletteRefused("no", observed=f"you sent {CANARY} and p41r1ng")))
    answer = outcome(api.execute, given, Context(), api.secrets(given))
    assert answer["failed"] and answer["error"]["observed"] == "you sent *** and ***"
