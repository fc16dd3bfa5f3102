# SPDX-License-Identifier: GPL-3.0-or-later
"""Authentication, roles, scope, error shapes, paging: what holds for every route."""

from __future__ import annotations

import base64
import email.utils
import json
import threading

import httpx
import pytest
from conftest import ACCOUNT, CANARIES

from palette_lab import lists

WRONG = ("ref", "details")


def login(client: httpx.Client, password: str = CANARIES["admin"], email_id: str = "admin@lab.local", org: str = "lab") -> httpx.Response:
    return client.post("/v1/auth/authenticate?setCookie=false", json={"emailId": email_id, "password": password, "org": org})


def test_the_api_key_header_is_case_insensitive(lab) -> None:
    for name in ("ApiKey", "apikey", "APIKEY"):
        answer = lab.anonymous.get("/v1/users/info", headers={name: "canary-key-admin"})
        assert answer.status_code == 200
        assert answer.json() == {"orgName": "lab", "tenantUid": lab.store.tenant_uid, "userUid": lab.store.users[0]["uid"]}


@pytest.mark.parametrize("headers", [{}, {"ApiKey": "wrong"}, {"Authorization": "canary-key-admin"}, {"Authorization": "a.b.c"}, {"ApiKey": ""}])
def test_who_is_not_known_gets_401(lab, headers: dict) -> None:
    answer = lab.anonymous.get("/v1/overlords", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "UnAuthorizedAccess")
    assert answer.json()["ref"].startswith("ref-") and answer.json()["details"] == {}
    assert "canary" not in answer.text


def test_login_gives_a_token_that_goes_bare_into_authorization(lab) -> None:
    token = login(lab.anonymous).json()
    assert token["isMfa"] is False
    assert lab.anonymous.get("/v1/overlords", headers={"Authorization": token["Authorization"]}).status_code == 200
    assert lab.anonymous.get("/v1/overlords", headers={"Authorization": "Bearer " + token["Authorization"]}).status_code == 401


@pytest.mark.parametrize(("password", "email_id", "org"), [("wrong", "admin@lab.local", "lab"), (CANARIES["admin"], "nobody@lab.local", "lab"),
                                                           (CANARIES["admin"], "admin@lab.local", "other")])
def test_a_wrong_login_is_refused(lab, password: str, email_id: str, org: str) -> None:
    answer = login(lab.anonymous, password, email_id, org)
    assert (answer.status_code, answer.json()["code"]) == (401, "UnAuthorizedAccess")
    assert "canary" not in answer.text


def test_a_token_ends_after_fifteen_minutes_of_the_labs_clock_and_can_be_renewed_before(lab) -> None:
    token = login(lab.anonymous).json()["Authorization"]
    lab.store.clock.advance(14 * 60)
    renewed = lab.anonymous.get(f"/v1/auth/refresh/{token}?setCookie=false").json()["Authorization"]
    lab.store.clock.advance(2 * 60)
    late = lab.anonymous.get("/v1/overlords", headers={"Authorization": token})
    assert (late.status_code, late.json()["code"]) == (401, "UnAuthorizedAccess")
    assert lab.anonymous.get(f"/v1/auth/refresh/{token}").status_code == 401
    assert lab.anonymous.get("/v1/overlords", headers={"Authorization": renewed}).status_code == 200
    sessions = [json.loads(base64.urlsafe_b64decode(each.split(".")[1] + "==="))["sid"] for each in (token, renewed)]
    assert sessions[0] == sessions[1]


def test_a_forged_token_is_refused(lab) -> None:
    head, claims, signature = login(lab.anonymous, CANARIES["viewer"], "view@lab.local").json()["Authorization"].split(".")
    content = json.loads(base64.urlsafe_b64decode(claims + "==="))
    content["sub"] = lab.store.users[0]["uid"]
    forged = base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
    assert lab.anonymous.get("/v1/users", headers={"Authorization": f"{head}.{forged}.{signature}"}).status_code == 401


def test_revoking_sessions_ends_tokens_and_leaves_keys(lab) -> None:
    token = login(lab.anonymous).json()["Authorization"]
    assert lab.admin.post("/revoke-sessions").status_code == 200
    assert lab.anonymous.get("/v1/overlords", headers={"Authorization": token}).status_code == 401
    assert lab.tenant.get("/v1/overlords").status_code == 200


def test_a_viewer_reads_and_does_not_write(lab) -> None:
    assert lab.viewer.get("/v1/overlords").status_code == 200
    assert lab.viewer.get("/v1/users").status_code == 200
    refused = lab.viewer.get("/v1/overlords/pairing/code?cloudType=vsphere")
    assert refused.status_code == 403
    body = refused.json()
    assert body["code"] == "OperationForbidden"
    assert body["message"] == "Operation 'overlord.create' is forbidden. Verify the user has 'overlord.create' permission"
    assert lab.viewer.post("/v1/projects", json={"metadata": {"name": "x"}}).status_code == 403
    assert [each["name"] for each in lab.store.projects.values()] == ["Default", "team-a"]


def test_a_project_administrator_stays_in_the_own_projects(lab) -> None:
    own, other = ({"ProjectUid": lab.project_uid(name)} for name in ("Default", "team-a"))
    assert lab.project.get("/v1/overlords", headers=own).status_code == 200
    assert lab.project.get("/v1/overlords", headers=other).status_code == 403
    assert lab.project.get("/v1/overlords").status_code == 403
    assert lab.project.get("/v1/overlords/pairing/code", headers=own).status_code == 403
    assert [each["metadata"]["name"] for each in lab.project.get("/v1/dashboard/projects/metadata").json()["items"]] == ["Default"]
    assert lab.project.get(f"/v1/projects/{lab.project_uid('team-a')}").status_code == 403
    assert lab.project.get("/v1/users/info").status_code == 200
    assert lab.project.get("/v1/users").status_code == 403


def test_an_unknown_project_is_forbidden_not_missing(lab) -> None:
    answer = lab.tenant.get("/v1/overlords", headers={"ProjectUid": "f" * 24})
    assert (answer.status_code, answer.json()["code"]) == (403, "OperationForbidden")


def test_project_header_on_tenant_writes_is_taken_unless_the_switch_is_strict(lab, start) -> None:
    header = {"ProjectUid": lab.project_uid()}
    assert lab.tenant.get("/v1/overlords/pairing/code", headers=header).status_code == 200
    strict = start(switches={"strict_project_header": True})
    refused = strict.tenant.get("/v1/overlords/pairing/code", headers=header)
    assert (refused.status_code, refused.json()["code"]) == (400, "ProjectUidIsNotEmpty")
    assert strict.tenant.get("/v1/overlords", headers=header).status_code == 200


def test_unknown_routes_and_wrong_methods_have_integer_codes(lab) -> None:
    missing, wrong = lab.tenant.get("/v1/nothing/here"), lab.tenant.put("/v1/overlords", json={})
    assert (missing.status_code, missing.json()) == (404, {"code": 404, "message": "path /v1/nothing/here was not found"})
    assert (wrong.status_code, wrong.json()) == (405, {"code": 405, "message": "method PUT is not allowed, but [GET] are"})
    both = lab.tenant.post(f"/v1/overlords/vsphere/{'a' * 24}/pools/{'b' * 24}", json={})
    assert both.json()["message"] == "method POST is not allowed, but [DELETE,PUT] are"


def test_creating_tenant_clusters_is_not_there_yet(lab) -> None:
    answer = lab.tenant.post("/v1/spectroclusters/vsphere", json={})
    assert answer.status_code == 405 and answer.json()["code"] == 405


def test_a_missing_object_has_a_string_code_and_a_ref(lab) -> None:
    answer = lab.tenant.get(f"/v1/overlords/{'e' * 24}")
    assert answer.status_code == 404
    body = answer.json()
    assert set(body) == {"code", "message", "ref", "details"}
    assert body["code"] == "ResourceNotFound" and "e" * 24 in body["message"]


@pytest.mark.parametrize(("content", "media", "status"), [(b"{", "application/json", 400), (b"a: b", "application/yaml", 415), (b"{}", "", 415)])
def test_bodies_must_be_json(lab, content: bytes, media: str, status: int) -> None:
    answer = lab.tenant.post("/v1/projects", content=content, headers={"Content-Type": media} if media else {})
    assert answer.status_code == status and answer.json()["code"] == status


@pytest.mark.parametrize("body", [[], "text", 7])
def test_bodies_must_be_objects(lab, body: object) -> None:
    answer = lab.tenant.post("/v1/projects", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, 601)


def test_a_body_of_more_than_sixteen_mebibytes_is_refused(lab) -> None:
    answer = lab.tenant.post("/v1/projects", content=b"x" * (16 * 1024 * 1024 + 1), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, 413)


def test_creates_carry_an_audit_uid_and_deletes_have_no_body(seeded) -> None:
    made = seeded.tenant.post("/v1/projects", json={"metadata": {"name": "new"}})
    assert made.status_code == 201 and len(made.headers["AuditUid"]) == 24 and len(made.json()["uid"]) == 24
    uid = next(iter(seeded.store.overlords))
    changed = seeded.tenant.put(f"/v1/overlords/{uid}/metadata", json={"metadata": {"name": "seed-gw", "labels": {"a": "b"}}})
    assert (changed.status_code, changed.content) == (204, b"")
    assert "content-type" not in changed.headers


def test_the_date_header_is_the_labs_clock(lab) -> None:
    lab.store.clock.advance(3 * 86400)
    date = email.utils.parsedate_to_datetime(lab.tenant.get("/v1/users/info").headers["Date"])
    assert abs((date - lab.store.now()).total_seconds()) < 5


def test_business_refusals_take_the_status_of_the_switch_and_others_do_not(start) -> None:
    lab = start(switches={"business_error_status": 500})
    clash = lab.tenant.post("/v1/projects", json={"metadata": {"name": "Default"}})
    assert (clash.status_code, clash.json()["code"]) == (500, "ResourceAlreadyExists")
    assert lab.tenant.get(f"/v1/projects/{'f' * 24}").status_code == 404
    assert lab.anonymous.get("/v1/overlords").status_code == 401


def test_a_name_clash_is_409_by_default(lab) -> None:
    assert lab.tenant.post("/v1/projects", json={"metadata": {"name": "Default"}}).status_code == 409


def test_rate_limits_are_off_unless_the_site_asks_for_them(lab, start) -> None:
    assert {lab.tenant.get("/v1/users/info").status_code for _ in range(60)} == {200}
    limited = start(settings={"rate_limits": True})
    codes = [limited.tenant.get("/v1/users/info").status_code for _ in range(80)]
    assert codes[:50] == [200] * 50 and 429 in codes
    while (refused := limited.tenant.get("/v1/users/info")).status_code == 200:
        pass
    assert refused.json()["code"] == "TooManyRequests"
    assert limited.tenant.get(f"/v1/clusterprofiles/{limited.store.gateway_profile_uid}").status_code == 200
    limited.store.clock.advance(5)
    assert limited.tenant.get("/v1/users/info").status_code == 200


def add_accounts(lab, count: int) -> None:
    for number in range(count):
        lab.store.add("accounts", name=f"a-{number:03d}", annotations={"overlordUid": "o", "scope": "tenant"}, vcenter_server=f"vc-{number % 2}",
                      username="u", password=CANARIES["vcenter"])


def test_lists_come_in_pages_of_fifty_with_a_continue_token(lab) -> None:
    add_accounts(lab, 117)
    first = lab.tenant.get("/v1/cloudaccounts/vsphere").json()
    assert first["listmeta"] == {"continue": "eyJvZmZzZXQiOjUwLCJjb3VudCI6MTE3LCJ0b2tlbiI6IiJ9", "count": 117, "limit": 50, "offset": 50}
    names, token = [], None
    while token != "":
        page = lab.tenant.get("/v1/cloudaccounts/vsphere", params={"continue": token} if token else {}).json()
        names += [each["metadata"]["name"] for each in page["items"]]
        token = page["listmeta"]["continue"]
    assert names == [f"a-{number:03d}" for number in range(117)]


@pytest.mark.parametrize(("query", "count"), [("limit=0", 117), ("limit=100", 50), ("limit=7", 7), ("offset=110", 7), ("offset=200", 0)])
def test_limits(lab, query: str, count: int) -> None:
    add_accounts(lab, 117)
    assert len(lab.tenant.get(f"/v1/cloudaccounts/vsphere?{query}").json()["items"]) == count


@pytest.mark.parametrize("query", ["continue=nonsense", "continue=e30=", "limit=-1", "limit=x", "filters=nonsense", "orderBy=metadata.name"])
def test_what_no_list_understands_is_refused(lab, query: str) -> None:
    answer = lab.tenant.get(f"/v1/cloudaccounts/vsphere?{query}")
    assert answer.status_code in (400, 422) and answer.json()["message"]


def test_filters_and_order(lab) -> None:
    add_accounts(lab, 4)
    def names(query: dict) -> list[str]:
        return [each["metadata"]["name"] for each in lab.tenant.get("/v1/cloudaccounts/vsphere", params=query).json()["items"]]
    assert names({"filters": "metadata.name=a-001"}) == ["a-001"]
    assert names({"filters": "metadata.name=a-001ANDspec.vcenterServer=vc-0"}) == []
    assert names({"filters": "metadata.name=a-001ANDspec.vcenterServer=vc-1"}) == ["a-001"]
    assert names({"filters": "metadata.name=a-001ORmetadata.name=a-002", "orderBy": "metadata.name=-1"}) == ["a-002", "a-001"]
    assert names({"orderBy": "spec.vcenterServer=-1,metadata.name=1"}) == ["a-001", "a-003", "a-000", "a-002"]


def search(operator: str, values: list[str], **extra: object) -> dict:
    condition = {"string": {"operator": operator, "match": {"conjunction": "or", "values": values}, **extra}}
    one = {"property": "n", "type": "string", "condition": condition}
    return {"filter": {"conjunction": "and", "filterGroups": [{"conjunction": "and", "filters": [one]}]}, "sort": None}


@pytest.mark.parametrize(("body", "found"), [
    (None, ["Ab", "b"]), ({}, ["Ab", "b"]), (search("eq", ["b"]), ["b"]), (search("eq", ["ab"]), []), (search("eq", ["ab"], ignoreCase=True), ["Ab"]),
    (search("eq", ["b"], negation=True), ["Ab"]), (search("contains", ["b"]), ["Ab", "b"]), (search("beginsWith", ["A"]), ["Ab"]),
    ({"filter": {"filterGroups": [{"filters": [{"property": "gone", "type": "bool", "condition": {"bool": {}}}]}]}}, ["Ab", "b"]),
    ({"filter": {"filterGroups": [{"filters": [{"property": "gone", "type": "bool", "condition": {"bool": {"value": True}}}]}]}}, []),
])
def test_search_bodies(body: dict | None, found: list[str]) -> None:
    items = [{"n": "Ab", "gone": False}, {"n": "b", "gone": False}]
    assert [each["n"] for each in lists.search(items, body, lambda item, name: item[name], {"n"})] == found


def test_the_store_is_not_held_while_vcenter_is_asked(seeded, eventually) -> None:
    uid = next(iter(seeded.store.overlords))
    gate = seeded.lab.vsphere.gate = threading.Event()
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(seeded.tenant.post(f"/v1/overlords/vsphere/{uid}/account/validate",
                                                                                json={"account": ACCOUNT}).status_code))
    asking.start()
    eventually(lambda: seeded.lab.vsphere.asked, "the question to vCenter")
    assert seeded.viewer.get("/v1/overlords", timeout=5).status_code == 200
    assert answers == []
    gate.set()
    asking.join(10)
    assert answers == [204]
