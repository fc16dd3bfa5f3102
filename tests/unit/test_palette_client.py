# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from servers import HOLD, RESET, FakeClock, refusal, reply, serving

from ansible_collections.palette.vmware.plugins.module_utils import _errors as errors
from ansible_collections.palette.vmware.plugins.module_utils._palette import Palette, connection, segment, when
from ansible_collections.palette.vmware.plugins.module_utils._run import Context
from ansible_collections.palette.vmware.plugins.module_utils._secret import Secret
from ansible_collections.palette.vmware.plugins.module_utils._until import Clock, Stop, until

KEY = "canary+Key/8417=="
PASSWORD = "canary pass\"word/99"
PROJECT = {"items": [{"metadata": {"name": "Default", "uid": "p1"}}, {"metadata": {"name": "team-a", "uid": "p2"}}]}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in ("PALETTE_API_KEY", "SPECTROCLOUD_APIKEY", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def options(site, **more):
    return {"palette_host": site if isinstance(site, str) else site.url, "palette_api_key": KEY, "palette_timeout": 5, **more}


def by_password(site, **more):
    return options(site, palette_api_key=None, palette_username="admin@lab.local", palette_password=PASSWORD, palette_org="lab", **more)


def client(params, clock=None):
    return Palette(connection(params), Context(clock=clock or FakeClock()))


def everything(failure):
    """All the text that a failure can show."""
    return " ".join([str(failure), repr(failure), repr(failure.as_dict()), repr(vars(failure)), repr(failure.__cause__), repr(failure.__context__)])


def test_verbs_send_method_path_query_body_scope_and_agent():
    with serving(lambda request: reply(200, {"ok": request.method})) as site, client(options(site)) as palette:
        assert palette.get("/v1/overlords", {"name": "gw 1", "flag": True}) == {"ok": "GET"}
        assert palette.put("/v1/a", {"password": Secret("s")}, project="p1") == {"ok": "PUT"}
        assert palette.patch("/v1/b", [1]) == {"ok": "PATCH"}
        assert palette.delete("/v1/c", {"x": 1}, {"forceDelete": "true"}) == {"ok": "DELETE"}
        assert palette.post("/v1/d") == {"ok": "POST"}
    first, put, patch, delete, post = site.requests
    assert first.target == "/v1/overlords?name=gw+1&flag=true" and first.headers["apikey"] == KEY
    assert first.headers["user-agent"].startswith("palette.vmware/") and "authorization" not in first.headers and "projectuid" not in first.headers
    assert put.json == {"password": "s"} and put.headers["projectuid"] == "p1" and put.headers["content-type"] == "application/json"
    assert patch.json == [1] and delete.json == {"x": 1} and delete.query == "forceDelete=true" and post.body == b""


def test_no_content_is_an_empty_dict_and_one_connection_serves_twenty_calls():
    def answer(request):
        return reply(204) if request.path == "/v1/none" else reply(200, {})
    with serving(answer) as site, client(options(site)) as palette:
        for _number in range(10):
            assert palette.get("/v1/some") == {}
            assert palette.delete("/v1/none") == {}
    assert len(site.requests) == 20 and site.connections == 1


def test_accepted_without_a_body_and_arrays():
    with serving([reply(202), reply(200, [{"name": "v"}]), reply(200, {})]) as site, client(options(site)) as palette:
        assert palette.post("/v1/spectroclusters/u/status/spcApply") == {}
        assert palette.get_list("/v1/spectroclusters/u/variables") == [{"name": "v"}]
        with pytest.raises(errors.PaletteBadAnswer, match="no JSON array"):
            palette.get_list("/v1/spectroclusters/u/variables")


def test_pages_follow_continue_and_bear_missing_listmeta():
    pages = [reply(200, {"items": [1, 2], "listmeta": {"continue": "abc="}}), reply(200, {"items": [3], "listmeta": {"continue": ""}}),
             reply(200, {"items": [4], "listmeta": None}), reply(200, {"items": None})]
    with serving(pages) as site, client(options(site)) as palette:
        assert list(palette.pages("/v1/cloudaccounts/vsphere", {"filters": "f"}, "p1")) == [1, 2, 3]
        assert list(palette.search("/v1/dashboard/spectroclusters/search", {"filter": {}})) == [4]
        assert list(palette.pages("/v1/packs")) == []
    assert [request.query for request in site.requests] == ["limit=50&filters=f", "limit=50&filters=f&continue=abc%3D", "limit=50", "limit=50"]
    assert [request.headers.get("projectuid") for request in site.requests] == ["p1", "p1", None, None]
    assert site.requests[2].json == {"filter": {}}


def test_a_list_without_end_is_refused():
    with serving(lambda request: reply(200, {"items": [1], "listmeta": {"continue": "same"}})) as site, client(options(site)) as palette:
        with pytest.raises(errors.PaletteBadAnswer, match="no end"):
            list(palette.pages("/v1/packs"))
    assert len(site.requests) == 2


def test_download_gives_bytes():
    answers = [reply(200, b"apiVersion: v1\n", Content_Type="application/octet-stream"), reply(200, b"")]
    with serving(answers) as site, client(options(site)) as palette:
        assert palette.download("/v1/spectroclusters/u/assets/kubeconfig", project="p1") == b"apiVersion: v1\n"
        with pytest.raises(errors.PaletteBadAnswer, match="empty"):
            palette.download("/v1/spectroclusters/u/assets/kubeconfig")
    assert "application/octet-stream" in site.requests[0].headers["accept"]


def test_project_names_are_looked_up_once_at_tenant_scope():
    with serving(lambda request: reply(200, PROJECT)) as site, client(options(site, palette_project="team-a")) as palette:
        assert palette.scope() == "p2" and palette.project_uid("Default") == "p1"
        assert palette.scope_words("p2") == "project 'team-a'" and palette.scope_words(None) == "tenant scope"
        with pytest.raises(errors.PaletteNotFound) as caught:
            palette.project_uid("team-b")
    assert site.lines() == ["GET /v1/dashboard/projects/metadata"] and "projectuid" not in site.requests[0].headers
    assert caught.value.where == "option palette_project" and "team-a" in caught.value.expected
    with client(options("https://127.0.0.1:1")) as palette:
        assert palette.scope() is None


@pytest.mark.parametrize("status, code, kind", [
    (404, "ResourceNotFound", errors.PaletteNotFound), (500, "ResourceNotFound", errors.PaletteNotFound), (404, 404, errors.PaletteBadAnswer),
    (405, 405, errors.PaletteBadAnswer), (403, "OperationForbidden", errors.PaletteForbidden), (400, "ProjectUidIsNotEmpty", errors.PaletteForbidden),
    (401, "UnAuthorizedAccess", errors.PaletteDenied), (400, "InvalidRequest", errors.PaletteRefused), (422, 602, errors.PaletteRefused),
    (409, "ResourceAlreadyExists", errors.PaletteRefused), (500, "OverlordInUse", errors.PaletteRefused)])
def test_error_bodies_become_typed_failures_that_keep_code_message_and_ref(status, code, kind):
    said = refusal(status, code, "the\nserver's words", ref="ref-1", details={"seconds": 7})
    with serving(lambda request: said) as site, client(options(site)) as palette:
        with pytest.raises(errors.PaletteFailure) as caught:
            palette.get("/v1/overlords/u")
    failure = caught.value
    assert type(failure) is kind and len(site.requests) == 1
    assert (failure.status, failure.api_code, failure.request_ref, failure.retriable) == (status, code, "ref-1", False)
    assert f"{code}: the\\nserver's words" in failure.observed and '"seconds": 7' in failure.observed
    assert "GET /v1/overlords/u" in failure.what and site.url in failure.where and "\n" not in str(failure)


def test_forbidden_names_the_scope_and_the_way_out():
    said = refusal(403, "OperationForbidden", "Operation 'overlord.create' is forbidden")
    with serving(lambda request: reply(200, PROJECT) if "metadata" in request.path else said) as site, client(options(site)) as palette:
        with pytest.raises(errors.PaletteForbidden) as tenant:
            palette.post("/v1/overlords/vsphere/u/pools", {})
        palette.project_uid("team-a")
        with pytest.raises(errors.PaletteForbidden) as project:
            palette.get("/v1/spectroclusters/u", project="p2")
    assert "tenant scope" in tenant.value.what and "tenant admin" in tenant.value.fix and "palette_project" in tenant.value.fix
    assert "project 'team-a'" in project.value.what and "palette_project" in project.value.fix


def test_a_rejected_key_is_sent_once_and_named_by_its_source(monkeypatch):
    said = refusal(401, "UnAuthorizedAccess", f"key {KEY} is unknown")
    with serving(lambda request: said) as site:
        with client(options(site)) as palette, pytest.raises(errors.PaletteDenied) as from_option:
            palette.user_info()
        monkeypatch.setenv("SPECTROCLOUD_APIKEY", KEY)
        with client(options(site)) as palette, pytest.raises(errors.PaletteDenied) as from_environment:
            palette.user_info()
    assert len(site.requests) == 2
    assert "option palette_api_key" in str(from_option.value) and "environment variable SPECTROCLOUD_APIKEY" in str(from_environment.value)
    assert KEY[:8] not in everything(from_option.value) and "***" in from_option.value.observed


def test_five_hundred_is_never_repeated_and_what_comes_above_is():
    clock = FakeClock()
    with serving([refusal(500, "Busy", "x")] + [reply(503), reply(502), reply(504), reply(200, {"a": 1})]) as site, client(options(site), clock) as palette:
        with pytest.raises(errors.PaletteRefused):
            palette.get("/v1/a")
        assert palette.retried == 0
        assert palette.get("/v1/a") == {"a": 1}
        assert palette.retried == 3
    assert len(site.requests) == 5
    assert all(low <= pause <= high for pause, (low, high) in zip(clock.pauses, [(1, 2), (2, 4), (4, 8)], strict=True))


def test_tries_end_and_are_counted():
    with serving(lambda request: reply(503)) as site, client(options(site, palette_retries=2)) as palette:
        with pytest.raises(errors.PaletteUnreachable, match=r"3 tries") as caught:
            palette.put("/v1/a", {})
    assert len(site.requests) == 3 and caught.value.changed_something and caught.value.status == 503 and caught.value.retriable


def test_other_posts_are_not_repeated_but_searches_and_validations_are():
    with serving([reply(502), reply(502), reply(200, {}), reply(502), reply(204)]) as site, client(options(site)) as palette:
        with pytest.raises(errors.PaletteUnreachable, match="may have been carried out"):
            palette.post("/v1/overlords/migrate", {})
        assert palette.post("/v1/dashboard/pcgs/search", {}) == {}
        assert palette.post("/v1/clouds/vsphere/account/validate", {}) == {}
    assert len(site.requests) == 5


@pytest.mark.parametrize("header, least, most", [
    ("7", 7, 7), ("Thu, 01 Jan 2026 00:00:09 GMT", 9, 9), ("Wed, 31 Dec 2025 00:00:00 GMT", 1, 2), ("-5", 1, 2), ("soon", 1, 2), ("", 1, 2), (None, 1, 2),
    ("99999", 120, 120)])
def test_rate_limit_waits_as_long_as_it_is_told(header, least, most):
    clock = FakeClock()
    with serving([reply(429, Retry_After=header), reply(201, {"uid": "u"})]) as site, client(options(site), clock) as palette:
        assert palette.post("/v1/pools", {}) == {"uid": "u"}
        assert palette.retried == 1
    assert len(clock.pauses) == 1 and least <= clock.pauses[0] <= most


def test_retry_after_date_is_relative_to_the_servers_own_clock():
    clock, late = FakeClock(), {"Date": "Fri, 02 Jan 2026 00:00:00 GMT", "Retry_After": "Fri, 02 Jan 2026 00:00:05 GMT"}
    with serving([reply(429, **late), reply(200, {})]) as site, client(options(site), clock) as palette:
        palette.get("/v1/a")
    assert clock.pauses == [5]


def test_rate_limit_ends_with_its_budget_not_with_the_number_of_tries():
    clock = FakeClock()
    with serving(lambda request: reply(429, Retry_After="20")) as site, client(options(site), clock) as palette:
        with pytest.raises(errors.PaletteRateLimited, match="7 tries") as caught:
            palette.get("/v1/a")
    assert clock.pauses == [20] * 6 and "throttle" in caught.value.fix and caught.value.retriable
    with serving(lambda request: reply(429)) as site, client(options(site), clock) as palette:
        with pytest.raises(errors.PaletteRateLimited):
            palette.get("/v1/a")
    assert all(0 < pause <= 30 for pause in clock.pauses) and sum(clock.pauses) == pytest.approx(240)
    with serving([reply(429)]) as site, client(options(site, palette_retries=0)) as palette, pytest.raises(errors.PaletteRateLimited):
        palette.get("/v1/a")


def test_a_delete_whose_answer_was_lost_is_done_when_the_object_is_gone():
    gone = refusal(404, "ResourceNotFound", "gone")
    with serving([RESET, gone, gone, reply(429), gone]) as site, client(options(site)) as palette:
        assert palette.delete("/v1/spectroclusters/u") == {}
        with pytest.raises(errors.PaletteNotFound):
            palette.delete("/v1/spectroclusters/u")
        with pytest.raises(errors.PaletteNotFound):
            palette.delete("/v1/spectroclusters/u")


class Pools:
    """A tiny server-side collection, to count what really was made. script: what happens to each POST."""

    def __init__(self, *script):
        self.script, self.made = list(script), []

    def __call__(self, request):
        if request.method == "GET":
            return reply(200, {"items": self.made})
        fate = self.script.pop(0)
        if fate in ("made", "made but lost", "made but 504", "made but cut"):
            self.made.append({"uid": f"u{len(self.made) + 1}"})
        done = {"made": reply(201, self.made[-1] if self.made else None), "made but lost": RESET, "made but 504": reply(504), "lost": RESET, "502": reply(502),
                "made but cut": reply(201, b'{"uid": "u'), "taken": refusal(409, "ResourceAlreadyExists", "x"), "hold": HOLD, "429": reply(429),
                "refused with 500": refusal(500, "PoolInUse", "x")}
        return done[fate]


def create(palette):
    def find():
        items = palette.get("/v1/pools")["items"]
        return items[0]["uid"] if items else None
    return palette.create("/v1/pools", {"metadata": {"name": "p"}}, find, project="p1")


@pytest.mark.parametrize("script, posts", [
    (["made"], 1), (["429", "made"], 2), (["made but lost"], 1), (["made but 504"], 1), (["made but cut"], 1), (["lost", "made"], 2),
    (["502", "lost", "made"], 3)])
def test_create_makes_exactly_one_object(script, posts):
    pools = Pools(*script)
    with serving(pools) as site, client(options(site)) as palette:
        assert create(palette) == "u1"
        assert palette.retried == posts - 1
    assert len(pools.made) == 1 and site.lines().count("POST /v1/pools") == posts and site.requests[0].headers["projectuid"] == "p1"
    assert ("GET /v1/pools" in site.lines()) == (script[0] not in ("made", "429"))


def test_create_that_only_shows_up_later_is_found_when_the_repeat_is_refused_as_taken():
    pools = Pools("lost", "taken")
    late = iter([None, "u9"])
    with serving(pools) as site, client(options(site)) as palette:
        assert palette.create("/v1/pools", {}, lambda: next(late)) == "u9"
        assert palette.retried == 1


def test_a_refused_create_is_not_looked_up_and_a_lost_one_says_so():
    for script in ("taken", "refused with 500"):
        with serving(Pools(script)) as site, client(options(site)) as palette, pytest.raises(errors.PaletteRefused) as refused:
            create(palette)
        assert site.lines() == ["POST /v1/pools"] and not refused.value.changed_something
    with serving(Pools("lost", "lost")) as site, client(options(site, palette_retries=1)) as palette, pytest.raises(errors.PaletteUnreachable) as lost:
        create(palette)
    assert site.lines() == ["POST /v1/pools", "GET /v1/pools"] * 2 and lost.value.changed_something and "may have been carried out" in str(lost.value)


def test_a_create_that_times_out_is_looked_up_and_a_failed_look_up_says_that_something_may_have_changed():
    with serving(Pools("hold", "made")) as site, client(options(site, palette_timeout=0.3)) as palette:
        assert create(palette) == "u1"
    with serving(lambda request: RESET if request.method == "POST" else refusal(403, "OperationForbidden", "x")) as site, client(options(site)) as palette:
        with pytest.raises(errors.PaletteForbidden) as caught:
            create(palette)
    assert caught.value.changed_something


def test_create_without_a_uid_in_the_answer_fails():
    with serving([reply(201, {"id": 1})]) as site, client(options(site)) as palette, pytest.raises(errors.PaletteBadAnswer, match="no uid"):
        palette.create("/v1/pools", {}, lambda: None)
    assert len(site.requests) == 1


def test_stop_ends_a_call_before_it_is_sent_and_a_pause():
    stop = Stop()
    context = Context(stop=stop, clock=Clock())
    with serving(lambda request: (stop.set("SIGTERM"), reply(503))[1]) as site, Palette(connection(options(site)), context) as palette:
        with pytest.raises(errors.Stopped):
            palette.get("/v1/a")
        with pytest.raises(errors.Stopped):
            palette.get("/v1/a")
    assert len(site.requests) == 1


class Tokens:
    """Authentication as Palette does it: tokens t1, t2 … of which only `valid` is taken."""

    def __init__(self):
        self.given, self.valid, self.refreshes = 0, "", True

    def __call__(self, request):
        if request.path == "/v1/auth/authenticate" or (request.path.startswith("/v1/auth/refresh/") and self.refreshes):
            self.given += 1
            self.valid = f"canary.jwt.{self.given}"
            return reply(200, {"Authorization": self.valid, "isMfa": False})
        if request.headers.get("authorization") != self.valid or request.path.startswith("/v1/auth/refresh/"):
            return refusal(401, "UnAuthorizedAccess", "token expired")
        return reply(200, {"token": self.valid})


def test_a_user_authenticates_at_the_first_call_and_sends_the_token_bare():
    with serving(Tokens()) as site, client(by_password(site)) as palette:
        assert not site.requests
        palette.user_info()
        palette.user_info()
    assert site.lines() == ["POST /v1/auth/authenticate", "GET /v1/users/info", "GET /v1/users/info"]
    assert site.requests[0].json == {"emailId": "admin@lab.local", "password": PASSWORD, "org": "lab"} and site.requests[0].query == "setCookie=false"
    assert site.requests[1].headers["authorization"] == "canary.jwt.1" and "apikey" not in site.requests[1].headers


def test_the_token_is_renewed_in_the_middle_of_a_wait_before_it_is_twelve_minutes_old():
    clock, tokens = FakeClock(), Tokens()
    context = Context(clock=clock)
    with serving(tokens) as site, Palette(connection(by_password(site)), context) as palette:
        until(palette.user_info, lambda seen: seen["token"] == "canary.jwt.2", context, timeout=3600, interval=30, describe=lambda seen: "waiting")
        assert 600 < clock.seconds < 720 and "GET /v1/auth/refresh/canary.jwt.1" in site.lines()
        tokens.refreshes = False
        until(palette.user_info, lambda seen: seen["token"] == "canary.jwt.3", context, timeout=3600, interval=30, describe=lambda seen: "waiting")
    assert site.lines().count("POST /v1/auth/authenticate") == 2 and "canary.jwt.2" in site.requests[-3].path


def test_a_token_refused_in_the_middle_is_replaced_once():
    tokens = Tokens()
    with serving(tokens) as site, client(by_password(site)) as palette:
        palette.user_info()
        tokens.valid = "revoked"
        assert palette.put("/v1/a", {}) == {"token": "canary.jwt.2"}
    assert site.lines()[2:] == ["PUT /v1/a", "POST /v1/auth/authenticate", "PUT /v1/a"]


def test_a_token_that_stays_refused_and_a_wrong_password_end_the_call():
    def never(request):
        return reply(200, {"Authorization": "canary.jwt"}) if "authenticate" in request.path else refusal(401, "UnAuthorizedAccess", "no canary.jwt")
    with serving(never) as site, client(by_password(site)) as palette, pytest.raises(errors.PaletteDenied) as caught:
        palette.user_info()
    assert len(site.requests) == 4 and "canary" not in everything(caught.value)
    wrong = refusal(401, "UnAuthorizedAccess", f"{PASSWORD} is wrong")
    with serving(lambda request: wrong) as site, client(by_password(site)) as palette, pytest.raises(errors.PaletteDenied) as caught:
        palette.user_info()
    assert site.lines() == ["POST /v1/auth/authenticate"] and "canary" not in everything(caught.value) and "admin@lab.local" in str(caught.value)


@pytest.mark.parametrize("token, kind, words", [
    ({"Authorization": "t", "isMfa": True}, errors.PaletteDenied, "second factor"), ({"Authorization": ""}, errors.PaletteBadAnswer, "no token"),
    ({"Authorization": "canary\r\nX: y"}, errors.PaletteBadAnswer, "no token")])
def test_tokens_that_cannot_be_used(token, kind, words):
    with serving(lambda request: reply(200, token)) as site, client(by_password(site)) as palette, pytest.raises(kind, match=words) as caught:
        palette.user_info()
    assert "canary" not in everything(caught.value)


@pytest.mark.parametrize("body", [b'{"Authorization": "canary-jwt', b"Authorization: canary-jwt"])
def test_an_unreadable_authentication_is_not_shown(body):
    with serving(lambda request: reply(200, body)) as site, client(by_password(site)) as palette, pytest.raises(errors.PaletteBadAnswer) as caught:
        palette.user_info()
    assert "canary" not in everything(caught.value)


@pytest.mark.parametrize("form", [KEY, "canary%2BKey%2F8417%3D%3D", "Y2FuYXJ5K0tleS84NDE3PT0=", "query-canary", "body-canary"])
@pytest.mark.parametrize("status", [200, 302, 400, 403, 404, 429, 502])
def test_no_secret_that_the_server_repeats_gets_into_an_error(form, status):
    def echo(request):
        body = {"code": f"Code{form}", "message": form * 20, "ref": form, "details": {form: form}}
        return reply(status, b"x" + form.encode() if status == 200 else body, Location=f"https://{form}/x", Content_Type=f"text/{form}")
    with serving(echo) as site, client(options(site, palette_retries=0)) as palette, pytest.raises(errors.PaletteFailure) as caught:
        palette.put(f"/v1/{form}", {"a": [Secret("body-canary")]}, {"pairingCode": Secret("query-canary")})
    assert form not in everything(caught.value) and "***" in everything(caught.value)


def test_server_time_is_the_last_answers_date():
    with serving([reply(200, {}, Date="Fri, 02 Jan 2026 00:00:00 GMT"), reply(200, {})]) as site, client(options(site)) as palette:
        palette.get("/v1/a")
        assert palette.server_time.isoformat() == "2026-01-02T00:00:00+00:00"
        palette.get("/v1/a")
        assert palette.server_time is None


@pytest.mark.parametrize("text, iso", [
    ("0001-01-01T00:00:00.000Z", None), ("", None), (None, None), ("2025-09-08T15:57:21.212Z", "2025-09-08T15:57:21.212000+00:00"),
    ("2025-09-08T15:57:21Z", "2025-09-08T15:57:21+00:00"), ("2025-09-08T15:57:21.123456789+02:00", "2025-09-08T13:57:21.123456+00:00")])
def test_times(text, iso):
    moment = when(text)
    assert (moment.isoformat() if moment else None) == iso


def test_a_time_that_is_none_is_a_bad_answer():
    with pytest.raises(errors.PaletteBadAnswer):
        when("yesterday")


def test_segment_escapes_what_would_change_the_path():
    assert segment("a/b?c d") == "a%2Fb%3Fc%20d"
    with client(options("https://127.0.0.1:1")) as palette, pytest.raises(errors.InputRefused):
        palette.get("@evil.example.com/v1/")
