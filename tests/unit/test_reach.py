# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reachability over real sockets on loopback: a name server, TLS servers, proxies, silence."""
from __future__ import annotations

import base64
import contextlib
import socket
import socketserver
import ssl
import threading
import time

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
import trustme
from ansible_collections.palette.vmware.plugins.module_utils import _reach as reach
from ansible_collections.palette.vmware.plugins.module_utils._errors import Stopped
from ansible_collections.palette.vmware.plugins.module_utils._run import Context
from ansible_collections.palette.vmware.plugins.module_utils._secret import Secret

LOOPBACK = "127.0.0.1"
NAMES = {"a.example.com": ("A", "127.0.0.1"), "six.example.com": ("AAAA", "::1"), "empty.example.com": None, "esx-1.example.com": ("A", "127.0.0.7")}


class NameServer(socketserver.ThreadingUDPServer):
    """Answers for NAMES; `rcode` for everything when it is set, nothing at all when silent. Counts the questions."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        super().__init__((LOOPBACK, 0), None)
        self.rcode, self.silent, self.questions = None, False, []

    def finish_request(self, request, client_address):
        question = dns.message.from_wire(request[0])
        [asked] = question.question
        name, kind = asked.name.to_text().rstrip("."), dns.rdatatype.to_text(asked.rdtype)
        self.questions.append((name, kind))
        if self.silent:
            return
        reply = dns.message.make_response(question)
        reply.flags |= dns.flags.RA
        reply.set_rcode(self.rcode if self.rcode is not None else dns.rcode.NOERROR if name in NAMES else dns.rcode.NXDOMAIN)
        known = NAMES.get(name)
        if self.rcode is None and known and known[0] == kind:
            reply.answer.append(dns.rrset.from_text(asked.name, 5, "IN", *known))
        request[1].sendto(reply.to_wire(), client_address)


@contextlib.contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(name="dns_server")
def _dns_server():
    with serving(NameServer()) as server:
        yield server


def where(server):
    return (LOOPBACK, server.server_address[1])


@pytest.mark.parametrize("name, addresses, problem", [
    ("a.example.com", ["127.0.0.1"], ""), ("six.example.com", ["::1"], ""), ("empty.example.com", [], "the name has no address"),
    ("other.example.com", [], "the name does not exist (NXDOMAIN)"),
])
def test_a_name_server_is_asked(dns_server, name, addresses, problem):
    said = reach.ask(where(dns_server), name, 2)
    assert said == {"server": f"127.0.0.1:{where(dns_server)[1]}", "addresses": addresses, "problem": problem, "silent": False}


def test_a_name_server_that_cannot_answer(dns_server):
    dns_server.rcode = dns.rcode.REFUSED
    said = reach.ask(where(dns_server), "a.example.com", 2)
    assert (said["addresses"], said["silent"]) == ([], False) and "no usable answer" in said["problem"]


def test_a_silent_name_server_is_asked_for_one_name_only(dns_server):
    dns_server.silent = True
    started = time.monotonic()
    said = reach.looked_up([f"n{number}.example.com" for number in range(50)], [where(dns_server)], (), Context(), 1)
    assert time.monotonic() - started < 4
    assert {name for name, _kind in dns_server.questions} == {"n0.example.com"}
    assert len(said) == 50 and all(answer["silent"] for answers in said.values() for answer in answers)


def test_every_name_server_is_asked_and_a_silent_one_does_not_hide_the_other(dns_server):
    with serving(NameServer()) as other:
        other.silent = True
        said = reach.looked_up(["a.example.com", "other.example.com"], [where(other), where(dns_server)], (), Context(), 1)
    assert [answer["silent"] for answer in said["other.example.com"]] == [True, False]
    assert said["a.example.com"][1]["addresses"] == ["127.0.0.1"]


def test_search_domains_complete_a_short_name(dns_server):
    said = reach.looked_up(["esx-1", "a.example.com"], [where(dns_server)], ["example.com"], Context(), 2)
    assert said["esx-1"][0]["addresses"] == ["127.0.0.7"]
    assert "a.example.com.example.com" not in {name for name, _kind in dns_server.questions}


def test_without_name_servers_the_system_is_asked():
    said = reach.looked_up(["localhost"], [], (), Context(), 2)["localhost"]
    assert said[0]["server"] == "the controller's own resolver" and said[0]["addresses"] and not said[0]["problem"]


@pytest.mark.parametrize("name", ["ntp..lab.local", "x" * 64, ".lab.local"])
def test_what_is_no_name_is_told_and_breaks_nothing(name):
    found = reach.looked_up([name], [], [], Context(), 5)[name]
    assert [(each["addresses"], each["problem"]) for each in found] == [([], "it is no name that can be looked up")]


def test_without_dnspython_the_system_is_asked(monkeypatch, dns_server):
    monkeypatch.setattr(reach, "resolver", lambda: None)
    said = reach.looked_up(["localhost"], [where(dns_server)], (), Context(), 2)["localhost"]
    assert said[0]["server"] == "the controller's own resolver" and dns_server.questions == []


AUTHORITY = trustme.CA()


class TlsServer(socketserver.ThreadingTCPServer):
    """Shakes hands by TLS, and hangs up."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, tls=True):
        super().__init__((LOOPBACK, 0), None)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        if tls:
            AUTHORITY.issue_cert("server.example.com", "proxy.example.com").configure_cert(self.context)

    def finish_request(self, request, client_address):
        with contextlib.suppress(OSError):
            if self.context:
                self.context.wrap_socket(request, server_side=True).close()
            else:
                request.sendall(b"220 ready\r\n")


class ProxyServer(TlsServer):
    """A proxy for CONNECT that wants user:pass%40word; over TLS of its own when it has a context."""

    def __init__(self, tls, credentials=None):
        super().__init__(tls)
        self.credentials, self.heads, self.targets = credentials, [], {}

    def finish_request(self, request, client_address):
        with contextlib.suppress(OSError):
            stream = self.context.wrap_socket(request, server_side=True) if self.context else request
            head = b""
            while b"\r\n\r\n" not in head:
                head += stream.recv(4096)
            self.heads.append(head.decode())
            wanted = base64.b64encode(self.credentials.encode()).decode() if self.credentials else None
            if wanted and f"Proxy-Authorization: Basic {wanted}\r\n" not in head.decode():
                stream.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            port = int(head.split(b" ")[1].rsplit(b":", 1)[1])
            with socket.create_connection((LOOPBACK, port), 5) as there:
                stream.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                pump(stream, there)


def pump(one, other):
    """Bytes both ways until either side is through."""
    def copy(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
    back = threading.Thread(target=copy, args=(other, one), daemon=True)
    back.start()
    copy(one, other)
    back.join(5)


@pytest.fixture(name="server")
def _server():
    with serving(TlsServer()) as server:
        yield server


def port_of(server):
    return server.server_address[1]


def unused_port():
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        return one.getsockname()[1]


def proxy_for(server, url, certificate=None):
    return {"url": Secret(url.format(port=port_of(server))), "addresses": [LOOPBACK], "certificate": certificate}


def test_a_server_answers(server):
    assert reach.knock([LOOPBACK], port_of(server), "server.example.com", 2) == ""


def test_the_second_address_is_tried(server):
    assert reach.knock(["127.0.0.99", LOOPBACK], port_of(server), "server.example.com", 2) == ""


def test_a_port_that_is_shut():
    assert reach.knock([LOOPBACK], unused_port(), "server.example.com", 2) == "the connection was refused"


def test_no_address():
    assert reach.knock([], 443, "server.example.com", 2) == "no address to connect to"


def test_a_server_without_tls():
    with serving(TlsServer(tls=False)) as server:
        assert reach.knock([LOOPBACK], port_of(server), "server.example.com", 2).startswith("TLS failed")


def test_a_server_that_says_nothing_is_given_up():
    with socket.socket() as quiet:
        quiet.bind((LOOPBACK, 0))
        quiet.listen()
        started = time.monotonic()
        assert reach.knock([LOOPBACK], quiet.getsockname()[1], "server.example.com", 1) == "no answer within 1 s"
        assert time.monotonic() - started < 3


def test_through_a_proxy(server):
    with serving(ProxyServer(tls=False)) as proxy:
        assert reach.knock([], port_of(server), "server.example.com", 2, proxy_for(proxy, "http://127.0.0.1:{port}")) == ""
        [head] = proxy.heads
    assert head.startswith(f"CONNECT server.example.com:{port_of(server)} HTTP/1.1\r\n") and "Authorization" not in head


def test_a_proxy_gets_decoded_credentials(server):
    with serving(ProxyServer(tls=False, credentials="user:pass@word")) as proxy:
        assert reach.knock([], port_of(server), "server.example.com", 2, proxy_for(proxy, "http://user:pass%40word@127.0.0.1:{port}")) == ""
        problem = reach.knock([], port_of(server), "server.example.com", 2, proxy_for(proxy, "http://user:wrong@127.0.0.1:{port}"))
    assert problem == "the proxy answered 407 Proxy Authentication Required"


def test_a_proxy_with_tls_must_prove_itself_before_it_gets_credentials(server):
    authority = base64.b64encode(AUTHORITY.cert_pem.bytes()).decode().rstrip("=")
    with serving(ProxyServer(tls=True, credentials="user:word")) as proxy:
        url = "https://user:word@proxy.example.com:{port}"
        assert reach.knock([], port_of(server), "server.example.com", 2, proxy_for(proxy, url)).startswith("TLS failed")
        assert proxy.heads == []
        assert reach.knock([], port_of(server), "server.example.com", 2, proxy_for(proxy, url, authority)) == ""


def test_a_proxy_that_is_not_there(server):
    proxy = {"url": Secret(f"http://127.0.0.1:{unused_port()}"), "addresses": [LOOPBACK], "certificate": None}
    assert reach.knock([], port_of(server), "server.example.com", 2, proxy) == "the connection was refused"


def test_what_takes_too_long_is_not_waited_for():
    gate = threading.Event()
    started = time.monotonic()
    assert reach.all_of({1: lambda: gate.wait(20), 2: lambda: "done"}, Context(), "undone", overall=0.5) == {1: "undone", 2: "done"}
    gate.set()
    assert time.monotonic() - started < 5


def test_an_order_to_stop_ends_it():
    context = Context()
    context.stop.set("told so")
    with pytest.raises(Stopped):
        reach.all_of({1: lambda: "done"}, context, "undone")
