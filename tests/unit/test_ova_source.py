# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OVAs behind a URL: redirects, credentials, certificates, proxies, broken downloads (faults 3.2, N08)."""
from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import socketserver
import ssl
import threading

import pytest
import trustme
from servers import CLOSE, Site, converse, proxying, reply, serving

import crafted_ova as crafted
from ansible_collections.palette.vmware.plugins.module_utils import _ova
from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused, TransferFailed
from ansible_collections.palette.vmware.plugins.module_utils._ova_source import location
from ansible_collections.palette.vmware.plugins.module_utils._ova_tar import MEGABYTE
from ansible_collections.palette.vmware.plugins.module_utils._secret import Secret

OVA = crafted.ova(300_000)
DISK_SUM = hashlib.sha256(crafted.disk(300_000, 0)).hexdigest()
TAG = '"v1"'


@pytest.fixture(name="no_proxy", autouse=True)
def _no_proxy(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="session", name="authority")
def _authority(tmp_path_factory):
    """(server context, CA file) of a CA of this run."""
    authority, path = trustme.CA(), tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "::1", "localhost").configure_cert(server)
    return server, str(path)


def fetched(place, rule="require"):
    head = _ova.read_head(place, rule)
    with _ova.opened(place, head, rule) as package:
        sums = {}
        for member in package.files():
            digest = hashlib.sha256()
            while block := member.read(MEGABYTE):
                digest.update(block)
            sums[member.name] = digest.hexdigest()
        package.verify()
    return sums


def whole(_request):
    return reply(200, OVA, ETag=TAG)


@pytest.mark.parametrize("value, words", [
    ("", "no OVA is named"), ("   ", "no OVA is named"), ("ftp://host/x.ova", "scheme is not supported"), ("file:///etc/passwd", "scheme is not supported"),
    ("https://user:hunter2@host/x.ova", "holds credentials"), ("https://user@host/x.ova", "holds credentials"), ("https://host:port/x", "cannot be read"),
    ("https:///x.ova", "scheme is not supported"), ("https://host/a b.ova", "white space"), ("https://host/x\r\nHost: y", "white space"),
    ("https://[::1/x", "cannot be read"),
])
def test_locations_that_are_refused(value, words):
    with pytest.raises(InputRefused) as refusal:
        location(value)
    assert words in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("value, shown", [
    ("https://host:8443/a/x.ova?X-Amz-Signature=abc", "https://host:8443/a/x.ova"), ("http://[::1]:80/x.ova#part", "http://[::1]:80/x.ova"),
    ("HTTPS://Host/x", "https://host/x"),
])
def test_a_location_is_shown_without_its_query(value, shown):
    place = location(value, "user", Secret("hunter2"))
    assert place.shown == shown and place.is_url
    assert "hunter2" not in repr(place)


def test_a_local_path_takes_no_credentials():
    with pytest.raises(InputRefused, match="takes no credentials"):
        location("/tmp/x.ova", "user", Secret("hunter2"))


@pytest.mark.parametrize("family", ["IPv4", "IPv6"])
def test_an_ova_over_http(family):
    with serving(whole) if family == "IPv4" else serving_v6(whole) as server:
        assert fetched(location(server.url + "/x.ova")) == {"disk-0.vmdk": DISK_SUM}
        assert all(request.headers["accept-encoding"] == "identity" for request in server.requests)


@contextlib.contextmanager
def serving_v6(answer):
    """The same server on ::1."""
    site = Site("", answer)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with contextlib.suppress(OSError):
                converse(self.request, site, 1)

    class Listener(socketserver.ThreadingTCPServer):
        address_family, allow_reuse_address, daemon_threads = socket.AF_INET6, True, True

    with Listener(("::1", 0), Handler) as listener:
        site.url = f"http://[::1]:{listener.server_address[1]}"
        threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield site
        finally:
            site.over.set()
            listener.shutdown()


def test_verified_tls_with_a_ca_of_its_own(authority, monkeypatch):
    server_tls, ca_path = authority
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")
    with serving(whole, tls=server_tls) as server:
        assert fetched(location(server.url + "/x.ova", ca_path=ca_path)) == {"disk-0.vmdk": DISK_SUM}
        assert fetched(location(server.url + "/x.ova", validate_certs=False)) == {"disk-0.vmdk": DISK_SUM}
        before = len(server.requests)
        with pytest.raises(TransferFailed) as failure:
            fetched(location(server.url + "/x.ova", "user", Secret("hunter2")))
        assert len(server.requests) == before
    assert re.search(r"SHA-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}", str(failure.value)) and "ova_ca_path" in str(failure.value) and not failure.value.retriable


def test_a_ca_file_that_is_none(tmp_path):
    with pytest.raises(InputRefused, match="option ova_ca_path"):
        fetched(location("https://127.0.0.1:1/x.ova", ca_path=str(tmp_path / "none.pem")))


def test_credentials_stay_with_their_origin():
    with serving(whole) as mirror, serving(lambda request: reply(302, Location=f"{mirror.url}/signed?token=secret")) as first:
        assert fetched(location(first.url + "/x.ova", "user", Secret("hunter2"))) == {"disk-0.vmdk": DISK_SUM}
        assert {request.headers["authorization"] for request in first.requests} == {"Basic dXNlcjpodW50ZXIy"}
        assert not any("authorization" in request.headers for request in mirror.requests)


def test_a_redirect_inside_one_origin_keeps_the_credentials():
    def answer(request):
        return whole(request) if request.path == "/real.ova" else reply(307, Location="/real.ova")
    with serving(answer) as server:
        fetched(location(server.url + "/x.ova", "user", Secret("hunter2")))
        assert all("authorization" in request.headers for request in server.requests)


def test_redirects_without_end_show_no_query():
    with serving(lambda request: reply(302, Location="/again?signature=secret")) as server:
        with pytest.raises(TransferFailed) as failure:
            fetched(location(server.url + "/x.ova?token=secret"))
    assert len(server.requests) == 6 and "redirects without end" in str(failure.value) and "secret" not in str(failure.value)


def test_a_redirect_from_https_to_http_is_refused(authority):
    server_tls, ca_path = authority
    with serving(whole) as plain, serving(lambda request: reply(302, Location=plain.url + "/x.ova"), tls=server_tls) as secured:
        with pytest.raises(TransferFailed, match="from https to http"):
            fetched(location(secured.url + "/x.ova", ca_path=ca_path))
    assert not plain.requests


@pytest.mark.parametrize("status, retriable, words",
                         [(401, False, "ova_username"), (403, False, "fresh link"), (404, False, "correct the URL"), (503, True, "HTTP 503")])
def test_refusals_of_the_source(status, retriable, words):
    with serving(lambda request: reply(status, b"no")) as server:
        with pytest.raises(TransferFailed) as failure:
            fetched(location(server.url + "/x.ova?token=secret"))
    assert words in str(failure.value) and failure.value.retriable is retriable and "secret" not in str(failure.value)


def test_a_login_page_instead_of_the_ova():
    with serving(lambda request: reply(200, b"<html><title>Sign in</title></html>" + b" " * 600)) as server:
        with pytest.raises(InputRefused, match="is the link expired"):
            fetched(location(server.url + "/x.ova"))


def test_a_compressed_body_is_refused():
    with serving(lambda request: reply(200, b"x", Content_Encoding="gzip")) as server:
        with pytest.raises(TransferFailed, match="compressed body"):
            fetched(location(server.url + "/x.ova"))


def test_the_descriptor_must_come_first_in_a_stream():
    with serving(lambda request: reply(200, crafted.ova(4096, order="disks ovf mf"))) as server:
        with pytest.raises(InputRefused, match="does not begin with its descriptor"):
            fetched(location(server.url + "/x.ova"))


def test_a_manifest_behind_the_disks_of_a_stream():
    with serving(lambda request: reply(200, crafted.ova(300_000, order="ovf disks mf", algorithm="sha512"))) as server:
        assert fetched(location(server.url + "/x.ova")) == {"disk-0.vmdk": DISK_SUM}
    text = crafted.ovf((("disk-0.vmdk", 4096),))
    wrong = crafted.tar([("a.ovf", text), ("disk-0.vmdk", crafted.disk(4096)), ("a.mf", crafted.manifest([("a.ovf", text), ("disk-0.vmdk", b"other")]))])
    with serving(lambda request: reply(200, wrong)) as server:
        with pytest.raises(InputRefused, match="SHA256 of disk-0.vmdk"):
            fetched(location(server.url + "/x.ova"))
    with serving(lambda request: reply(200, crafted.ova(4096, order="ovf disks"))) as server:
        with pytest.raises(InputRefused, match="no manifest"):
            fetched(location(server.url + "/x.ova"))


def ranged(breaks, tag=TAG, validator=True):
    """A server whose body breaks off at each of these offsets once, and that resumes by Range."""
    waiting = list(breaks)

    def answer(request):
        start = int(request.headers["range"][6:-1]) if "range" in request.headers else 0
        headers = {"ETag": tag if not request.headers.get("if-range") or tag == request.headers["if-range"] else '"v2"'}
        data = OVA[start:]
        text = reply(206 if start else 200, data, **(headers if validator else {}))
        cut = next((at for at in waiting if start < at), None)
        if cut is None or not answer.broken:
            return text
        waiting.remove(cut)
        return (text[: len(text) - (len(OVA) - cut)],)
    answer.broken = False
    return answer


def broken_download(breaks, **options):
    """The head is read whole; from then on the server breaks."""
    answer = ranged(breaks, **options)
    with serving(answer) as server:
        place = location(server.url + "/x.ova")
        head = _ova.read_head(place, "require")
        answer.broken = True
        with _ova.opened(place, head, "require") as package:
            digest = hashlib.sha256()
            for member in package.files():
                while block := member.read(MEGABYTE):
                    digest.update(block)
            package.verify()
        return digest.hexdigest(), [(request.headers.get("range"), request.headers.get("if-range")) for request in server.requests]


def test_a_broken_download_is_resumed():
    digest, ranges = broken_download([100_000, 200_001])
    assert digest == DISK_SUM and ranges == [(None, None), (None, None), ("bytes=100000-", TAG), ("bytes=200001-", TAG)]


def test_a_download_that_breaks_again_and_again():
    with pytest.raises(TransferFailed, match="download of the OVA broke"):
        broken_download([100_000, 110_000, 120_000, 130_000])


def test_a_download_without_a_validator_is_not_resumed():
    with pytest.raises(TransferFailed, match=r"broke .* after 100000 of"):
        broken_download([100_000], validator=False)


def test_a_source_that_changed_is_not_resumed():
    def changed(request):
        if "range" in request.headers:
            return reply(200, OVA, ETag='"v2"')
        text = reply(200, OVA, ETag=TAG)
        return (text[:-200_000],)
    with serving(changed) as server:
        with pytest.raises(TransferFailed, match="changed at its source") as failure:
            fetched(location(server.url + "/x.ova"))
    assert not failure.value.retriable


def test_a_connection_that_is_closed_at_once():
    with serving(lambda request: CLOSE) as server:
        with pytest.raises(TransferFailed, match="cannot be reached"):
            fetched(location(server.url + "/x.ova?token=secret"))


def test_the_proxy_of_the_environment(authority, monkeypatch):
    server_tls, ca_path = authority
    with serving(whole, tls=server_tls) as server, proxying() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//user:p%40ss@"))
        assert fetched(location(server.url + "/x.ova", ca_path=ca_path)) == {"disk-0.vmdk": DISK_SUM}
        assert {request.headers["proxy-authorization"] for request in proxy.requests} == {"Basic dXNlcjpwQHNz"}
        count = len(proxy.requests)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        fetched(location(server.url + "/x.ova", ca_path=ca_path))
        assert len(proxy.requests) == count
