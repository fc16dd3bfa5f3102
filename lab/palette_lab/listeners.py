# SPDX-License-Identifier: GPL-3.0-or-later
"""What reachability is tried on: a TLS listener per ESXi host, Palette under its console's and its API's name, a name server. Each can be shut.

They run in an event loop of their own, so that the admin listener may shut and open them from any thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import ssl
import struct
import threading
from typing import Any, Awaitable, Callable, Coroutine

import dnslib

from palette_lab.site import SERVICES, hosts_of

CONSOLE, API = "console.lab.local", "api.spectrocloud.com"
PATIENCE = 10.0
HEAD_LIMIT = 65536
DESCRIPTORS_BESIDE = 512
TTL = 5

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Gate:
    """One thing that can be shut and opened. Closing ends what listens; connections under way go on."""

    def __init__(self, address: str, open_now: Callable[[], Coroutine[Any, Any, list[Any]]], at_first: bool = True) -> None:
        self.address, self.at_first = address, at_first
        self._open_now = open_now
        self._listening: list[Any] = []

    @property
    def is_open(self) -> bool:
        return bool(self._listening)

    async def switch(self, wanted: bool) -> None:
        if wanted and not self.is_open:
            self._listening = await self._open_now()
        elif not wanted:
            for each in self._listening:
                each.close()
            self._listening = []


class Listeners:
    """The gates of a site by name: `host:<name>`, `console`, `api`, `dns`. `stop` ends the loop's thread."""

    def __init__(self, site: dict) -> None:
        self.gates = gates_of(site)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="listeners")

    def start(self) -> Listeners:
        """Open what the site has open. Raises OSError for an address that somebody else listens on."""
        needed = len(self.gates) + DESCRIPTORS_BESIDE
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < needed:
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed if hard == resource.RLIM_INFINITY else min(needed, hard), hard))
        self._thread.start()
        try:
            self.reset()
        except OSError:
            self.stop()
            raise
        return self

    def switch(self, name: str, wanted: bool) -> None:
        """Shut (False) or open (True). Raises ValueError for a name that is not there."""
        if name not in self.gates:
            raise ValueError(f"no listener {name!r}; there are {', '.join(sorted(self.gates))}")
        self._do(self.gates[name].switch(wanted))

    def reset(self) -> None:
        """As the site file has it."""
        self._do(switch_all(self.gates, lambda gate: gate.at_first))

    def shown(self) -> list[dict]:
        return [{"name": name, "address": gate.address, "open": gate.is_open} for name, gate in sorted(self.gates.items())]

    def stop(self) -> None:
        """Shut everything and end the thread."""
        self._do(switch_all(self.gates, lambda gate: False))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(60)


def start(site: dict) -> Listeners:
    """Every listener of the runtime site, as it has them. Raises OSError."""
    return Listeners(site).start()


async def switch_all(gates: dict[str, Gate], wanted: Callable[[Gate], bool]) -> None:
    for gate in gates.values():
        await gate.switch(wanted(gate))


def gates_of(site: dict) -> dict[str, Gate]:
    port, names = site["reachability"]["port"], site["reachability"]["names"]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(site["tls"]["hosts_certificate"], site["tls"]["key"])
    found = {f"host:{host['name']}": stream_gate(host["address"], port, greeter(host["name"]), context, host.get("listening", True))
             for host in hosts_of(site["vcenter"]["datacenters"])}
    for name, host_name in (("console", CONSOLE), ("api", API)):
        found[name] = stream_gate(SERVICES[host_name], port, forwarder(site["palette"]["listen"]))
    found["dns"] = dns_gate(site["reachability"]["dns"], names)
    return found


def stream_gate(host: str, port: int, handler: Handler, context: ssl.SSLContext | None = None, at_first: bool = True) -> Gate:
    async def open_now() -> list[Any]:
        return [await asyncio.start_server(quiet(handler), host, port, ssl=context, limit=HEAD_LIMIT)]

    return Gate(f"{host}:{port}", open_now, at_first)


def quiet(handler: Handler) -> Handler:
    """The handler, without complaints about peers that go away, and always with an end of its connection."""
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.TimeoutError):
            await handler(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return handle


def greeter(name: str) -> Handler:
    """An ESXi host as far as reachability goes: it answers every request with a page that has its name."""
    body = f"<html><head><title>ESXi host {name} of the lab</title></head></html>\n".encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        writer.write(answer)
        await writer.drain()
    return handle


def forwarder(target: str) -> Handler:
    """Bytes to and from Palette's own listener, which does the TLS."""
    host, _, port = target.rpartition(":")

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, int(port))
        try:
            await asyncio.gather(copy(reader, back), copy(there, writer))
        finally:
            back.close()
    return handle


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(65536):
        writer.write(block)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


def dns_gate(address: str, names: dict[str, str]) -> Gate:
    """A name server for `names`, over UDP and TCP; shut, it leaves a question without an answer."""
    host, _, port = address.rpartition(":")

    async def over_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            (size,) = struct.unpack("!H", await asyncio.wait_for(reader.readexactly(2), PATIENCE))
            reply = dns_reply(await asyncio.wait_for(reader.readexactly(size), PATIENCE), names)
            if reply is None:
                return
            writer.write(struct.pack("!H", len(reply)) + reply)
            await writer.drain()

    async def open_now() -> list[Any]:
        server = await asyncio.start_server(quiet(over_tcp), host, int(port))
        try:
            transport, _protocol = await asyncio.get_running_loop().create_datagram_endpoint(lambda: NameServer(names), local_addr=(host, int(port)))
        except OSError:
            server.close()
            raise
        return [server, transport]

    return Gate(address, open_now)


class NameServer(asyncio.DatagramProtocol):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        reply = dns_reply(data, self.names)
        if reply is not None:
            self.transport.sendto(reply, addr)


def dns_reply(question: bytes, names: dict[str, str]) -> bytes | None:
    """A for a known name, nothing for its other types, NXDOMAIN for an unknown name; None for what is no question (it gets no answer)."""
    try:
        asked = dnslib.DNSRecord.parse(question)
    except dnslib.DNSError:
        return None
    if asked.header.qr or len(asked.questions) != 1:
        return None
    reply = asked.reply(aa=1, ra=0)
    known = {name.lower(): address for name, address in names.items()}
    address = known.get(str(asked.q.qname).rstrip(".").lower())
    if address is None:
        reply.header.rcode = dnslib.RCODE.NXDOMAIN
    elif asked.q.qtype in (dnslib.QTYPE.A, dnslib.QTYPE.ANY):
        reply.add_answer(dnslib.RR(asked.q.qname, dnslib.QTYPE.A, rdata=dnslib.A(address), ttl=TTL))
    return reply.pack()
