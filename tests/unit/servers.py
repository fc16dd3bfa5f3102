# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small loopback servers that answer byte for byte what a test says, and a clock that only a test moves."""
from __future__ import annotations

import contextlib
import json
import select
import socket
import socketserver
import struct
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

RESET = object()
CLOSE = object()
HOLD = object()


@dataclass
class Request:
    method: str
    target: str
    headers: dict
    body: bytes
    connection: int

    @property
    def path(self):
        return self.target.split("?", 1)[0]

    @property
    def query(self):
        return self.target.partition("?")[2]

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Site:
    """What a server has seen. answer(request) -> reply(...), raw bytes, RESET, CLOSE, or HOLD (no answer until the test ends)."""

    url: str
    answer: object
    requests: list = field(default_factory=list)
    connections: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def lines(self):
        return [f"{request.method} {request.path}" for request in self.requests]


def reply(status, body=None, **headers):
    """One whole HTTP answer. body: bytes as they are, anything else as JSON; header names with _ for -."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", "Content-Length": str(len(data)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in sent.items() if value is not None and not (status == 204 and "Length" in name))]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def refusal(status, code, message, **more):
    return reply(status, {"code": code, "message": message, **more})


def read_request(stream, connection):
    line = stream.readline().decode("latin-1").split()
    if len(line) < 2:
        return None
    headers = {}
    while True:
        text = stream.readline().decode("latin-1").strip()
        if not text:
            break
        name, _colon, value = text.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    return Request(line[0], line[1], headers, body, connection)


def converse(sock, site, number):
    """Answers the requests of one connection until either side ends it."""
    with sock.makefile("rb") as stream:
        while True:
            request = read_request(stream, number)
            if request is None:
                return
            site.requests.append(request)
            said = site.answer(request)
            if said is HOLD:
                site.over.wait(10)
            if said is RESET:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if isinstance(said, tuple):
                sock.sendall(said[0])
            if not isinstance(said, (bytes, list)):
                return
            for piece in said if isinstance(said, list) else [said]:
                sock.sendall(piece)
                if isinstance(said, list) and site.over.wait(0.02):
                    return


@contextlib.contextmanager
def serving(answer, tls=None, host="127.0.0.1", greeting=b""):
    """A server on a free port of loopback; gives its Site. answer: function of a Request, or a list of replies taken in order.

    A reply that is a list of bytes is sent piece by piece, slowly; of a tuple the first is sent and the connection closed.
    tls: ssl.SSLContext. greeting: sent before anything is read; the connection is closed then.
    """
    replies = iter(answer) if isinstance(answer, list) else None
    site = Site("", (lambda request: next(replies)) if replies else answer)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            site.connections += 1
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(OSError):
                sock = tls.wrap_socket(self.request, server_side=True) if tls else self.request
                with sock:
                    if greeting:
                        sock.recv(1)
                        sock.sendall(greeting)
                        return
                    converse(sock, site, site.connections)

    class Listener(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    with Listener((host, 0), Handler) as listener:
        site.url = f"{'https' if tls else 'http'}://{host}:{listener.server_address[1]}"
        threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield site
        finally:
            site.over.set()
            listener.shutdown()


def tunnel(sock, request, site):
    """Carries bytes between a client and the host that its CONNECT names."""
    host, _colon, port = request.target.partition(":")
    with socket.create_connection((host, int(port))) as far:
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not site.over.is_set():
            for one in select.select([sock, far], [], [], 0.05)[0]:
                data = one.recv(65536)
                if not data:
                    return
                (far if one is sock else sock).sendall(data)


@contextlib.contextmanager
def proxying():
    """A proxy that understands CONNECT only; gives its Site."""
    site = Site("", None)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with contextlib.suppress(OSError), self.request.makefile("rb", buffering=0) as stream:
                request = read_request(stream, 0)
                site.requests.append(request)
                tunnel(self.request, request, site)

    class Listener(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    with Listener(("127.0.0.1", 0), Handler) as listener:
        site.url = f"http://127.0.0.1:{listener.server_address[1]}"
        threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield site
        finally:
            site.over.set()
            listener.shutdown()


class FakeClock:
    """Time that passes only in pauses. pauses: seconds asked for, in order."""

    def __init__(self):
        self.seconds = 0.0
        self.pauses = []

    def monotonic(self):
        return self.seconds

    def now(self):
        return datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=self.seconds)

    def pause(self, seconds, stop):
        stop.check()
        self.pauses.append(seconds)
        self.seconds += seconds
