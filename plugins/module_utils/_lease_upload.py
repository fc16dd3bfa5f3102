# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes into the URLs of an import lease, watched by a thread of its own. PRIVATE to the collection."""
from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
import urllib.parse
from contextlib import contextmanager

from ._errors import InputRefused, Stopped, TransferFailed, quoted
from ._ova_tar import MEGABYTE
from ._tls import fingerprint, refusal, tls_context, unverified
from ._until import Stop

SLICE = 64 * 1024
SLOW_BLOCK = 1.0
LOOK_EVERY = 0.5
PROGRESS_EVERY = 2.0
CONNECT_TIMEOUT = 30.0
DIAL_TIMEOUT = 90.0
BROKEN = (OSError, http.client.HTTPException)


class Transfer:
    """How far an upload is, and why it must end; shared by the thread that sends and those that watch.

    sent, total: bytes. where: what is being sent, and to whom. ended: the Failure that ends it, or None. breakers: functions that break whatever the
    sending thread waits in.
    """

    def __init__(self, total, clock):
        self.total, self.clock = max(1, total), clock
        self.sent, self.started = 0, clock.monotonic()
        self.moved, self.shown, self.where = self.started, None, "upload"
        self.ended, self.breakers = None, []
        self._lock = threading.Lock()

    def advance(self, count):
        self.sent += count
        self.moved = self.clock.monotonic()

    def percent(self):
        return min(100, 100 * self.sent // self.total)

    def end(self, failure):
        """The first reason counts; everything that waits is broken."""
        with self._lock:
            if self.ended is None:
                self.ended = failure
        for breaker in list(self.breakers):
            breaker()

    def check(self):
        if self.ended is not None:
            raise self.ended

    def line(self):
        """'upload 37 %, 380 of 1024 MiB, 210 MiB/s, 3 s left'"""
        seconds = max(0.001, self.clock.monotonic() - self.started)
        rate = self.sent / seconds
        left = f", {(self.total - self.sent) / rate:.0f} s left" if 0 < self.sent < self.total else ""
        return f"upload {self.percent()} %, {self.sent / MEGABYTE:.0f} of {self.total / MEGABYTE:.0f} MiB, {rate / MEGABYTE:.2f} MiB/s{left}"

    def show(self, context, always=False):
        """A progress line, at most one in two seconds."""
        now = self.clock.monotonic()
        if always or self.shown is None or now - self.shown >= PROGRESS_EVERY:
            self.shown = now
            context.progress(self.line())


@contextmanager
def watched(transfer, context, stall_timeout):
    """While inside, progress is shown, and an order to stop or a stall (no byte taken for stall_timeout seconds) ends the transfer within a second."""
    over = Stop()

    def look():
        while not over.wait(LOOK_EVERY):
            transfer.show(context)
            if context.stop.is_set():
                transfer.end(Stopped(f"the run was stopped: {context.stop.reason}", where=transfer.where, fix="run it again, it starts the import anew"))
            elif context.clock.monotonic() - transfer.moved > stall_timeout:
                transfer.end(TransferFailed(f"the upload stalled: not a byte went through for {stall_timeout:.0f} s", where=transfer.where,
                                            observed=transfer.line(),
                                            fix="check the network to the host and to the OVA source; raise stall_timeout for a slow one"))

    watcher = threading.Thread(target=look, name="upload-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set("done")
        watcher.join()


def address_of(url, vcenter_host):
    """Split lease URL; the host `*` means the one that the lease was got from (vSphere API, HttpNfcLeaseDeviceUrl.url)."""
    parts = urllib.parse.urlsplit(url.replace("://*", f"://[{vcenter_host}]" if ":" in vcenter_host else f"://{vcenter_host}", 1))
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise TransferFailed("vCenter gave an upload address that cannot be used", where=f"vCenter {vcenter_host}", observed=parts.scheme, expected="https",
                             fix="look at the certificate and the name of the ESXi host in vCenter", retriable=False)
    return parts


def dial(link, transfer):
    """link.connect() in a thread of its own, because neither a name server nor a host that is silent can be interrupted.

    What ends the transfer ends this wait at once; the thread ends by its own time-outs and closes a link that nobody wants any more.
    """
    over, finished, unwanted, failed = threading.Event(), threading.Event(), threading.Event(), []

    def work():
        try:
            link.connect()
        except (*BROKEN, ValueError) as error:
            failed.append(error)
        finished.set()
        over.set()
        if unwanted.is_set():
            link.close()

    transfer.breakers.append(over.set)
    threading.Thread(target=work, name="upload-connect", daemon=True).start()
    try:
        transfer.check()
        if not over.wait(DIAL_TIMEOUT):
            raise TimeoutError(f"no connection in {DIAL_TIMEOUT:.0f} s")
        transfer.check()
    except BaseException:
        unwanted.set()
        if finished.is_set():
            link.close()
        raise
    finally:
        transfer.breakers.remove(over.set)
    if failed:
        raise failed[0]


def connect(parts, thumbprint, ca_path, validate, transfer):
    """An open connection to the host that takes the disk. The thumbprint that vCenter announced is proof; without one the CA is."""
    host, port = parts.hostname, parts.port
    if parts.scheme == "http":
        link = http.client.HTTPConnection(host, port, timeout=CONNECT_TIMEOUT)
    else:
        context = unverified() if thumbprint or not validate else tls_context(ca_path, True)
        link = http.client.HTTPSConnection(host, port, timeout=CONNECT_TIMEOUT, context=context)
    try:
        dial(link, transfer)
    except ssl.SSLCertVerificationError as error:
        raise TransferFailed("the certificate of the host that takes the upload is not accepted",
                             **refusal(error, host, port or 443, "ca_path", "host_validate_certs")) from error
    except (*BROKEN, ValueError) as error:
        raise TransferFailed("the host that takes the upload cannot be reached", where=f"{host} port {port or 443}",
                             observed=quoted(error) or type(error).__name__,
                             fix="open port 443 from here to every ESXi host of the compute cluster") from error
    if parts.scheme == "https" and thumbprint and validate:
        algorithm = {59: "sha1", 95: "sha256"}.get(len(thumbprint))
        seen = fingerprint(link.sock.getpeercert(True), algorithm or "sha1")
        if seen != thumbprint.upper():
            link.close()
            raise TransferFailed("the host that takes the upload is not the one that vCenter announced - upload refused (possible interception)",
                                 where=f"{host} port {port or 443}", observed=f"certificate {seen}", expected=f"certificate {thumbprint.upper()}",
                                 fix="find out who answers there; host_validate_certs: false goes without this proof", retriable=False)
    link.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def send(link, parts, member, create, transfer):
    """Sends one member as the body of a POST (a stream-optimized disk) or PUT (a file that does not exist yet: OvfFileItem.create). Raises TransferFailed."""
    started, before, host = transfer.clock.monotonic(), transfer.sent, f"{parts.hostname} port {parts.port or 443}"

    def broke(why):
        taken, size = (transfer.sent - before) / MEGABYTE, member.size / MEGABYTE
        return TransferFailed(f"upload of {member.name} broke", where=host,
                              observed=f"{why} at {taken:.1f} of {size:.1f} MiB after {transfer.clock.monotonic() - started:.0f} s",
                              expected="HTTP 200 or 201 after the last byte",
                              fix="see the events of that host and of the datastore in vCenter, then run again")

    def breaker():
        try:
            link.sock.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):
            pass

    transfer.breakers.append(breaker)
    try:
        link.sock.settimeout(None)
        try:
            ask(link, parts, member, create)
            stream(link.sock, member, transfer)
        except BROKEN as error:
            transfer.check()
            said = early_answer(link) if isinstance(error, OSError) else ""
            raise broke(said or str(error) or type(error).__name__) from error
        try:
            response = link.getresponse()
            response.read(SLICE)
        except BROKEN as error:
            transfer.check()
            raise broke(str(error) or type(error).__name__) from error
        if response.status not in (200, 201, 204):
            raise broke(f"HTTP {response.status}")
    finally:
        transfer.breakers.remove(breaker)


def ask(link, parts, member, create):
    """Sends the head of the request."""
    headers = {"Content-Length": str(member.size), "User-Agent": "palette.vmware",
               **({"Overwrite": "t"} if create else {"Content-Type": "application/x-vnd.vmware-streamVmdk"})}
    link.putrequest("PUT" if create else "POST", urllib.parse.urlunsplit(("", "", parts.path, parts.query, "")), skip_accept_encoding=True)
    for name, value in headers.items():
        link.putheader(name, value)
    link.endheaders()


def stream(sock, member, transfer):
    """1 MiB blocks while the way is fast; small slices on a slow one, so that a slow upload is not taken for a stalled one."""
    slow = False
    while True:
        transfer.check()
        block = member.read(MEGABYTE)
        if not block:
            return
        view, began = memoryview(block), transfer.clock.monotonic()
        for start in range(0, len(view), SLICE if slow else MEGABYTE):
            piece = view[start:start + (SLICE if slow else MEGABYTE)]
            refuse_early(sock)
            sock.sendall(piece)
            transfer.advance(len(piece))
        slow = transfer.clock.monotonic() - began > SLOW_BLOCK


def refuse_early(sock):
    """Raises HTTPException when the host has answered although bytes are still to be sent: whatever it says, it does not have them."""
    sock.settimeout(0)
    try:
        said = sock.recv(SLICE)
    except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
        said = b""
    finally:
        sock.settimeout(None)
    found = re.match(rb"HTTP/1\.[01] ([2-5][0-9][0-9])", said)
    if found:
        raise http.client.HTTPException(f"HTTP {found.group(1).decode()} before the last byte")


def early_answer(link):
    """'HTTP 500' when the host answered before it had the whole body; '' otherwise."""
    try:
        link.sock.settimeout(2)
        answer = http.client.HTTPResponse(link.sock, method="POST")
        answer.begin()
        return f"HTTP {answer.status}"
    except (*BROKEN, AttributeError, ValueError):
        return ""


def upload(package, targets, transfer, context, settings):
    """Sends every file of the package. targets: {href: (url, thumbprint, create)}; settings: {vcenter_host, ca_path, validate}. Raises TransferFailed, Stopped,
    InputRefused. A member is read from the source and sent on at once; nothing is kept."""
    transfer.breakers.append(package.cancel)
    transfer.show(context, always=True)
    try:
        for member in package.files():
            if member.name not in targets:
                raise InputRefused(f"vCenter asks for no file '{quoted(member.name)}'", where="OVA", expected=", ".join(sorted(targets)),
                                   fix="get the OVA again, its descriptor does not name this file")
            url, thumbprint, create = targets[member.name]
            parts = address_of(url, settings["vcenter_host"])
            transfer.where = f"upload of {member.name} to {parts.hostname} port {parts.port or 443}"
            link = connect(parts, thumbprint, settings["ca_path"], settings["validate"], transfer)
            try:
                send(link, parts, member, create, transfer)
            finally:
                link.close()
        package.verify()
    except TransferFailed:
        transfer.check()
        raise
    finally:
        transfer.breakers.remove(package.cancel)
    transfer.show(context, always=True)
