# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import gzip
import socket
import ssl
import warnings

import pytest
import trustme

from servers import CLOSE, HOLD, RESET, FakeClock, proxying, reply, serving

from ansible_collections.palette.vmware.plugins.module_utils import _errors as errors
from ansible_collections.palette.vmware.plugins.module_utils import _transport
from ansible_collections.palette.vmware.plugins.module_utils._palette import Palette, connection
from ansible_collections.palette.vmware.plugins.module_utils._run import Context
from ansible_collections.palette.vmware.plugins.module_utils._until import Clock, Stop

KEY = "canary-key-8417"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in PROXIES + ("PALETTE_API_KEY", "SPECTROCLOUD_APIKEY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_path(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def client(site, clock=None, **more):
    params = {"palette_host": getattr(site, "url", site), "palette_api_key": KEY, "palette_timeout": 5, **more}
    return Palette(connection(params), Context(clock=clock or FakeClock()))


def failure(site, kind=errors.PaletteUnreachable, path="/v1/a", clock=None, **more):
    with client(site, clock, **more) as palette, pytest.raises(kind) as caught:
        palette.get(path)
    assert KEY not in str(caught.value) and KEY not in repr(vars(caught.value))
    return caught.value


def test_a_good_certificate_whatever_the_environment_says(authority, ca_path, tmp_path, monkeypatch):
    wrong = tmp_path / "wrong.pem"
    trustme.CA().cert_pem.write_to_path(str(wrong))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(wrong))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(wrong))
    with serving(lambda request: reply(200, {}), tls(authority.issue_cert("127.0.0.1"))) as site:
        with client(site, palette_ca_path=ca_path) as palette:
            for _number in range(20):
                assert palette.get("/v1/a") == {}
        assert site.connections == 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with client(site, palette_validate_certs=False) as palette:
                assert palette.get("/v1/a") == {}


def test_the_environments_bundle_does_not_open_what_the_options_do_not(authority, ca_path, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca_path)
    with serving(lambda request: reply(200, {}), tls(authority.issue_cert("127.0.0.1"))) as site:
        seen = failure(site)
    assert not site.requests and "its issuer is unknown" in seen.what and "palette_ca_path" in seen.fix and not seen.retriable


def test_refused_certificates_say_why_and_send_nothing(authority, ca_path):
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    cases = {"it has expired": authority.issue_cert("127.0.0.1", not_before=past, not_after=past + datetime.timedelta(days=1)),
             "it is for another": authority.issue_cert("other.example.com"), "its issuer is unknown": trustme.CA().issue_cert("127.0.0.1")}
    for words, certificate in cases.items():
        clock = FakeClock()
        with serving(lambda request: reply(200, {}), tls(certificate)) as site:
            seen = failure(site, palette_ca_path=ca_path, clock=clock)
        assert words in seen.what and not site.requests and site.connections == 1 and not clock.pauses, words


def test_plain_http_where_tls_is_expected():
    with serving(None, greeting=reply(400)) as site:
        assert "does not speak TLS" in failure(site.url.replace("http:", "https:")).what


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_a_useless_ca_path_is_refused_by_name(tmp_path, text):
    path = tmp_path / "ca.pem"
    if text:
        path.write_text(text)
    with pytest.raises(errors.InputRefused) as caught:
        client("https://127.0.0.1:1", palette_ca_path=str(path)).__enter__()
    assert caught.value.where == "option palette_ca_path" and caught.value.observed == str(path)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_error_and_the_other_host_hears_nothing(status):
    with serving(lambda request: reply(200, {})) as other:
        with serving(lambda request: reply(status, Location=f"{other.url}/v1/a?signed=canary")) as site:
            seen = failure(site, errors.PaletteBadAnswer)
    assert not other.connections and len(site.requests) == 1
    assert f"answered {status} to {other.url} for GET /v1/a; redirects are not followed" in seen.what and "palette_host" in seen.fix
    assert "canary" not in str(seen)


def test_a_redirect_to_itself_or_to_nonsense_and_one_with_an_endless_body():
    for location in ("/login", "http://[bad", "https://user:canary@far.example.com/x", None):
        with serving(lambda request, where=location: reply(302, Location=where)) as site:
            assert "canary" not in str(failure(site, errors.PaletteBadAnswer))
    endless = [b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n"] + [b"x" * 2097152] * 12
    with serving(lambda request: endless) as site:
        assert "16 MiB" in failure(site, errors.PaletteBadAnswer).what


def test_netrc_and_cookies_add_no_credentials(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(lambda request: reply(200, {}, Set_Cookie="session=1")) as site, client(site) as palette:
        palette.get("/v1/a")
        palette.get("/v1/a")
    assert all("authorization" not in request.headers and "cookie" not in request.headers for request in site.requests)


@pytest.mark.parametrize("body, headers, words", [
    (b"", {}, "empty"), (b"null", {}, "no JSON object"), (b"[1]", {}, "no JSON object"), (b'{"a": ', {}, "no JSON"), (b"[" * 100000, {}, "no JSON"),
    (b"\xff\xfe{", {}, "no JSON"), (b"1" * 10000, {}, "JSON"), (b"hello", {"Content_Type": "text/plain"}, "'hello'"),
    (b"<html><head><TITLE>Sign &amp;\n in</TITLE>", {"Content_Type": "text/html"}, "titled 'Sign & in'"), (b"<!DOCTYPE html><p>", {}, "HTML page"),
    (b"{}", {"Content_Type": "text/html; charset=utf-8"}, "HTML page"), (b"no gzip", {"Content_Encoding": "gzip"}, "does not speak HTTP")])
def test_bodies_that_are_no_answer(body, headers, words):
    with serving(lambda request: reply(200, body, **headers)) as site:
        seen = failure(site, errors.PaletteBadAnswer, "/v1/overlords")
    assert words in str(seen) and "GET /v1/overlords" in seen.what and len(site.requests) == 1


def test_a_good_body_with_a_secret_is_not_shown_when_it_is_cut():
    with serving(lambda request: reply(200, b'{"pairingCode": "canary')) as site:
        seen = failure(site, errors.PaletteBadAnswer)
    assert "canary" not in str(seen) and "23 bytes" in seen.observed and seen.retriable


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_pages_of_a_proxy_are_no_refusals_of_palette(status):
    with serving(lambda request: reply(status, b"<html><title>Blocked</title>", Content_Type="text/html")) as site:
        assert "titled 'Blocked'" in failure(site, errors.PaletteBadAnswer).what


def test_large_bodies_are_cut_off_plain_and_compressed():
    with serving(lambda request: reply(200, b" " * (17 * 1048576))) as site:
        assert "larger than 16 MiB" in failure(site, errors.PaletteBadAnswer).what
    bomb = gzip.compress(b" " * (64 * 1048576))
    with serving(lambda request: reply(200, bomb, Content_Encoding="gzip")) as site:
        assert "larger than 16 MiB" in failure(site, errors.PaletteBadAnswer).what
    just = b'"' + b"x" * (_transport.BODY_CAP - 2) + b'"'
    with serving(lambda request: reply(200, just, Content_Type="application/octet-stream")) as site, client(site) as palette:
        assert palette.download("/v1/a") == just


def test_compressed_and_chunked_bodies_are_read_and_keep_the_connection():
    packed = gzip.compress(b'{"a": "' + b"x" * 5000 + b'"}')
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
    chunks = [head] + [b"1\r\n%c\r\n" % byte for byte in packed[:3]] + [b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed) - 3, packed[3:])]
    with serving([reply(200, packed, Content_Encoding="gzip"), chunks, reply(200, {})]) as site, client(site) as palette:
        assert palette.get("/v1/a") == palette.get("/v1/a") == {"a": "x" * 5000}
        assert palette.get("/v1/a") == {} and site.connections == 1


@pytest.mark.parametrize("said", [
    RESET, CLOSE, (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}",), (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{",)])
def test_a_broken_connection_is_tried_again(said):
    with serving([said, reply(200, {"a": 1})]) as site, client(site) as palette:
        assert palette.get("/v1/a") == {"a": 1} and palette.retried == 1
    assert site.connections == 2


def test_no_answer_in_time_and_an_answer_that_drips():
    with serving(lambda request: HOLD) as site:
        seen = failure(site, palette_timeout=0.2, palette_retries=1)
    assert "did not answer within 0.2 s" in seen.what and "2 tries" in seen.what and len(site.requests) == 2 and seen.retriable
    drip = [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"] + [b" "] * 1000
    started = Clock().monotonic()
    with serving(lambda request: drip) as site:
        seen = failure(site, clock=Clock(), palette_timeout=0.1, palette_retries=0)
    assert "did not finish its answer in 0.4 s" in seen.what and Clock().monotonic() - started < 10


def test_an_order_to_stop_ends_the_reading_of_an_answer():
    stop = Stop()

    def answer(_request):
        stop.set("SIGTERM")
        return reply(200, {})
    params = {"palette_api_key": KEY}
    with serving(answer) as site, Palette(connection({**params, "palette_host": site.url}), Context(stop=stop)) as palette, pytest.raises(errors.Stopped):
        palette.get("/v1/a")


def test_what_is_no_http_is_not_tried_again():
    with serving(lambda request: b"SSH-2.0-OpenSSH\r\n\r\n") as site:
        assert "does not speak HTTP" in failure(site, errors.PaletteBadAnswer).what
    assert len(site.requests) == 1


def test_a_refused_connection_is_tried_again_even_for_a_post():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url, clock = f"http://127.0.0.1:{closed.getsockname()[1]}", FakeClock()
        with client(url, clock) as palette, pytest.raises(errors.PaletteUnreachable) as caught:
            palette.create("/v1/pools", {}, lambda: pytest.fail("nothing was sent, nothing is to be looked up"))
    assert f"{url} refused the connection" in caught.value.what and "4 tries" in caught.value.what and len(clock.pauses) == 3
    assert not caught.value.changed_something and "no proxy" in caught.value.observed


def test_an_unknown_name_fails_at_once():
    clock = FakeClock()
    seen = failure("https://palette.invalid:8443", clock=clock)
    assert "palette.invalid:8443" in seen.what and "DNS" in seen.what and not clock.pauses and "palette_host" in seen.fix


def test_the_environments_proxy_is_used_and_its_password_not_shown(authority, ca_path, monkeypatch):
    with proxying() as proxy, serving(lambda request: reply(200, {}), tls(authority.issue_cert("127.0.0.1"))) as site:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//user:canary@"))
        with client(site, palette_ca_path=ca_path) as palette:
            assert palette.get("/v1/a") == {}
        assert [f"{request.method} {request.target}" for request in proxy.requests] == ["CONNECT " + site.url[8:]]
        assert KEY not in repr(proxy.requests) and len(site.requests) == 1
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with client(site, palette_ca_path=ca_path) as palette:
            assert palette.get("/v1/a") == {}
        assert len(proxy.requests) == 1


def test_a_proxy_that_refuses_or_is_not_there(monkeypatch):
    with serving(lambda request: reply(407)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//user:canary@"))
        seen = failure("https://palette.example.com", palette_retries=0)
    assert f"proxy {proxy.url}" in seen.what and "407" in seen.observed and "canary" not in str(seen) and "HTTPS_PROXY" in seen.fix
    assert f"proxy {proxy.url}" in failure("https://palette.example.com", palette_retries=0).what


def test_plain_http_on_loopback_never_goes_through_a_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with serving(lambda request: reply(200, {})) as site, client(site) as palette:
        assert palette.get("/v1/a") == {}


def test_the_client_says_that_requests_is_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "requests", None)
    with pytest.raises(errors.LibraryMissing, match="requests"):
        client("https://127.0.0.1:1").__enter__()
