# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes into upload URLs: proof of the host, early answers, stalls, orders to stop (faults 3.2). The host is a loopback server of the test."""
from __future__ import annotations

import hashlib
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import trustme

from ansible_collections.palette.vmware.plugins.module_utils._errors import InputRefused, Stopped, TransferFailed
from ansible_collections.palette.vmware.plugins.module_utils._lease import check_stored, import_vm, kept_alive, targets_of
from ansible_collections.palette.vmware.plugins.module_utils._lease_upload import Transfer, address_of, upload, watched
from ansible_collections.palette.vmware.plugins.module_utils._errors import VcenterFailure, VcenterUnreachable
from ansible_collections.palette.vmware.plugins.module_utils._ova_tar import MEGABYTE, Member
from ansible_collections.palette.vmware.plugins.module_utils._run import Context
from ansible_collections.palette.vmware.plugins.module_utils._tls import fingerprint

SETTINGS = {"vcenter_host": "vcenter.example", "ca_path": None, "validate": True}


class Host:
    """An ESXi stand-in: one connection, what it got, and when to misbehave. stop_after: bytes of body after which it does `then`."""

    def __init__(self, tls=None, status=200, stop_after=None, then="close"):
        self.head, self.body, self.tls, self.status, self.stop_after, self.then = "", 0, tls, status, stop_after, then
        self.digest, self.reached, self.over = hashlib.sha256(), threading.Event(), threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}/nfc/1/disk-0.vmdk?ticket=secret"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        try:
            plain, _address = self._listener.accept()
            with (self.tls.wrap_socket(plain, server_side=True) if self.tls else plain) as sock:
                self._talk(sock)
        except OSError:
            pass

    def _talk(self, sock):
        data = b""
        while b"\r\n\r\n" not in data:
            data += sock.recv(65536)
        head, _gap, rest = data.partition(b"\r\n\r\n")
        self.head = head.decode()
        length = int(next(line.split(":")[1] for line in self.head.splitlines() if line.lower().startswith("content-length")))
        while True:
            self.body += len(rest)
            self.digest.update(rest)
            if self.stop_after is not None and self.body >= self.stop_after:
                self.reached.set()
                if self.then == "hang":
                    self.over.wait(30)
                elif self.then == "answer":
                    sock.sendall(f"HTTP/1.1 {self.status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
                    while self.body < length and (rest := sock.recv(65536)):
                        self.body += len(rest)
                return
            if self.body >= length:
                break
            rest = sock.recv(65536)
        sock.sendall(f"HTTP/1.1 {self.status} X\r\nContent-Length: 0\r\n\r\n".encode())

    def close(self):
        self.over.set()
        self._listener.close()


class Package:
    """One file of that many bytes, made on the fly."""

    def __init__(self, size, on_block=lambda sent: None):
        self.size, self.verified, self.cancelled, self._on_block = size, False, False, on_block

    def files(self):
        block, left = bytes(range(256)) * 4096, [self.size]

        def read(count):
            self._on_block(self.size - left[0])
            piece = block[: min(count, left[0])]
            left[0] -= len(piece)
            return piece
        yield Member("disk-0.vmdk", self.size, read)

    def verify(self):
        self.verified = True

    def cancel(self):
        self.cancelled = True


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("ansible_collections.palette.vmware.plugins.module_utils._lease.RENEW_EVERY", 0.05)
    monkeypatch.setattr("ansible_collections.palette.vmware.plugins.module_utils._lease_upload.LOOK_EVERY", 0.05)


@pytest.fixture(name="host")
def _host():
    made = []

    def make(**options):
        made.append(Host(**options))
        return made[-1]
    yield make
    for host in made:
        host.close()


@pytest.fixture(scope="module", name="identity")
def _identity(tmp_path_factory):
    """(server context, CA file, certificate in DER)"""
    authority, path = trustme.CA(), tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    leaf, server = authority.issue_cert("127.0.0.1"), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(server)
    return server, str(path), ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())


def run(host, size=3 * MEGABYTE + 7, thumbprint=None, create=False, context=None, stall=60, package=None, **settings):
    context = context or Context()
    package, transfer = package or Package(size), Transfer(size, context.clock)
    with watched(transfer, context, stall):
        upload(package, {"disk-0.vmdk": (host.url, thumbprint, create)}, transfer, context, {**SETTINGS, **settings})
    return package, transfer, context


@pytest.mark.parametrize("create, line, header", [(False, "POST /nfc/1/disk-0.vmdk?ticket=secret", "content-type: application/x-vnd.vmware-streamvmdk"),
                                                  (True, "PUT /nfc/1/disk-0.vmdk?ticket=secret", "overwrite: t")])
def test_a_whole_upload(host, create, line, header):
    taker = host()
    package, transfer, context = run(taker, create=create)
    block = bytes(range(256)) * 4096
    assert taker.digest.hexdigest() == hashlib.sha256(block * 3 + block[:7]).hexdigest()
    assert taker.head.startswith(line) and header in taker.head.lower()
    assert package.verified and transfer.sent == transfer.total and transfer.percent() == 100
    assert [entry["status"].split(",")[0] for entry in context.timeline][0] == "upload 0 %" and context.timeline[-1]["status"].startswith("upload 100 %")


def test_the_host_proves_itself_by_thumbprint(host, identity):
    server, _ca, der = identity
    for algorithm in ("sha1", "sha256"):
        run(host(tls=server), thumbprint=fingerprint(der, algorithm).lower())
    other = fingerprint(b"other", "sha1")
    taker = host(tls=server)
    with pytest.raises(TransferFailed, match="possible interception") as failure:
        run(taker, thumbprint=other)
    assert not failure.value.retriable and taker.head == "" and fingerprint(der, "sha1") in str(failure.value) and other in str(failure.value)
    run(host(tls=server), thumbprint=other, validate=False)


def test_without_a_thumbprint_the_ca_counts(host, identity):
    server, ca_path, _der = identity
    run(host(tls=server), ca_path=ca_path)
    taker = host(tls=server)
    with pytest.raises(TransferFailed, match="certificate of the host"):
        run(taker)
    assert taker.head == ""


@pytest.mark.parametrize("options, words", [
    ({"stop_after": 0}, "upload of disk-0.vmdk broke"), ({"stop_after": MEGABYTE}, "of 30.0 MiB after"), ({"status": 500}, "HTTP 500"),
    ({"status": 401}, "HTTP 401"),
    ({"stop_after": 2 * MEGABYTE, "then": "answer", "status": 507}, "HTTP 507 before the last byte"),
    ({"stop_after": 2 * MEGABYTE, "then": "answer", "status": 200}, "HTTP 200 before the last byte"),
])
def test_uploads_that_break(host, options, words):
    with pytest.raises(TransferFailed) as failure:
        run(host(**options), size=30 * MEGABYTE)
    assert words in str(failure.value) and failure.value.retriable and "127.0.0.1 port" in str(failure.value) and "secret" not in str(failure.value)
    assert failure.value.fix and failure.value.where


def test_an_answer_before_the_last_byte_is_seen_through_tls(host, identity):
    server, ca_path, _der = identity
    taker = host(tls=server, stop_after=2 * MEGABYTE, then="answer")
    package = Package(30 * MEGABYTE, on_block=lambda sent: sent < 29 * MEGABYTE or taker.over.wait(0.5))
    with pytest.raises(TransferFailed, match="HTTP 200 before the last byte"):
        run(taker, size=30 * MEGABYTE, ca_path=ca_path, package=package)
    assert not package.verified


@contextmanager
def silent(tls):
    """URL of a host that takes no connection: nobody accepts, and without TLS not even the kernel does."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address, filling = listener.getsockname(), []
        for _place in range(0 if tls else 4):
            filling.append(socket.socket())
            filling[-1].setblocking(False)
            filling[-1].connect_ex(address)
        try:
            yield f"http{'s' if tls else ''}://127.0.0.1:{address[1]}/x"
        finally:
            for each in filling:
                each.close()


@pytest.mark.parametrize("tls", [False, True], ids=["no way", "no handshake"])
def test_an_order_to_stop_does_not_wait_for_a_host_that_is_silent(tls):
    context = Context()
    with silent(tls) as url:
        threading.Timer(0.3, lambda: context.stop.set("signal SIGTERM")).start()
        began = time.monotonic()
        with pytest.raises(Stopped, match=r"SIGTERM - upload of disk-0.vmdk to 127.0.0.1 port \d+"):
            run(SimpleNamespace(url=url), context=context)
        assert context.stop.is_set() and time.monotonic() - began < 5


def test_a_host_that_is_not_there():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(TransferFailed, match="cannot be reached"):
        run(SimpleNamespace(url=f"http://127.0.0.1:{port}/x"))


def test_a_stall_ends_the_upload(host):
    with pytest.raises(TransferFailed, match="stalled: not a byte went through for 1 s - upload of disk-0.vmdk to 127.0.0.1"):
        run(host(stop_after=0, then="hang"), size=64 * MEGABYTE, stall=1)


def test_a_missing_answer_is_a_stall(host):
    size = 4 * MEGABYTE
    with pytest.raises(TransferFailed, match="stalled"):
        run(host(stop_after=size, then="hang"), size=size, stall=1)


def test_an_order_to_stop_breaks_a_blocked_send(host):
    context, taker = Context(), host(stop_after=MEGABYTE, then="hang")
    threading.Thread(target=lambda: taker.reached.wait(20) and context.stop.set("signal SIGTERM"), daemon=True).start()
    package = Package(64 * MEGABYTE)
    with pytest.raises(Stopped, match="SIGTERM"):
        run(taker, size=64 * MEGABYTE, context=context, package=package)
    assert package.cancelled and not package.verified


def test_a_file_that_vcenter_does_not_ask_for(host):
    context, transfer = Context(), Transfer(10, Context().clock)
    with pytest.raises(InputRefused, match="asks for no file 'disk-0.vmdk'"):
        upload(Package(10), {"other": (host().url, None, False)}, transfer, context, SETTINGS)


@pytest.mark.parametrize("url, vcenter, expected", [("https://*/nfc/x", "vc.example", ("vc.example", None)),
                                                    ("https://*:8443/nfc/x", "fd00::1", ("fd00::1", 8443)), ("https://esx-1/nfc", "vc", ("esx-1", None))])
def test_upload_addresses(url, vcenter, expected):
    parts = address_of(url, vcenter)
    assert (parts.hostname, parts.port) == expected


def test_an_upload_address_that_is_none():
    with pytest.raises(TransferFailed, match="cannot be used"):
        address_of("ftp://x/y", "vc")


def test_progress_has_rate_and_time_left():
    clock = SimpleNamespace(seconds=0.0)
    clock.monotonic = lambda: clock.seconds
    transfer, context = Transfer(100 * MEGABYTE, clock), Context(clock=clock)
    for _second in range(5):
        clock.seconds += 1
        transfer.advance(10 * MEGABYTE)
        transfer.show(context)
    assert [entry["status"] for entry in context.timeline] == [
        "upload 10 %, 10 of 100 MiB, 10.00 MiB/s, 9 s left", "upload 30 %, 30 of 100 MiB, 10.00 MiB/s, 7 s left",
        "upload 50 %, 50 of 100 MiB, 10.00 MiB/s, 5 s left"]


class Lease:
    """Records renewals; raises what the test says."""

    def __init__(self, failure=None):
        self.percents, self.failure, self.renewed = [], failure, threading.Semaphore(0)

    def HttpNfcLeaseProgress(self, percent):  # pylint: disable=invalid-name
        self.percents.append(percent)
        self.renewed.release()
        if self.failure:
            raise self.failure

    def _GetMoId(self):
        return "lease-1"


VSPHERE = SimpleNamespace(call=lambda function, *_words, **_options: function())


def test_the_lease_is_renewed_though_nothing_moves():
    lease, transfer = Lease(), Transfer(10, Context().clock)
    with kept_alive(VSPHERE, lease, "gw-1", transfer, lambda: None, Context(), 300):
        assert all(lease.renewed.acquire(timeout=10) for _time in range(2))
    assert set(lease.percents) == {0} and transfer.ended is None


@pytest.mark.parametrize("failure, ends", [(VcenterFailure("x", fault="HttpNfcLeaseTimeout", observed="HttpNfcLeaseTimeout"), True),
                                           (VcenterFailure("x", fault="ManagedObjectNotFound"), True), (VcenterUnreachable("x"), False)])
def test_a_lost_lease_ends_the_transfer(failure, ends):
    lease, transfer, broken = Lease(failure), Transfer(10, Context().clock), threading.Event()
    transfer.breakers.append(broken.set)
    with kept_alive(VSPHERE, lease, "gw-1", transfer, lambda: None, Context(), 300):
        assert lease.renewed.acquire(timeout=10) and (broken.wait(5) if ends else lease.renewed.acquire(timeout=10))
    assert (transfer.ended is not None) == ends
    if ends:
        assert "vCenter ended the upload lease (time-out 300 s) at 0 % - import of gw-1" in str(transfer.ended) and transfer.ended.retriable
        assert "HttpNfcLease:" not in str(transfer.ended) and transfer.ended.fix


def test_an_unreachable_vcenter_ends_the_transfer_when_the_lease_is_over():
    lease, transfer, broken = Lease(VcenterUnreachable("x", observed="reset")), Transfer(10, Context().clock), threading.Event()
    transfer.breakers.append(broken.set)
    with kept_alive(VSPHERE, lease, "gw-1", transfer, lambda: None, Context(), 0):
        assert broken.wait(5)
    assert "ended the upload lease" in str(transfer.ended)


def test_targets_pair_files_with_addresses():
    urls = [SimpleNamespace(importKey="/vm/disk0", key="k0", url="https://a", sslThumbprint="AA")]
    items = [SimpleNamespace(path="disk-0.vmdk", deviceId="/vm/disk0", create=False)]
    assert targets_of(SimpleNamespace(deviceUrl=urls), items, "gw-1") == {"disk-0.vmdk": ("https://a", "AA", False)}
    with pytest.raises(VcenterFailure, match="no upload address for a file of the OVA - import of gw-1 - seen: disk-1.vmdk"):
        targets_of(SimpleNamespace(deviceUrl=urls), [*items, SimpleNamespace(path="disk-1.vmdk", deviceId="/vm/disk1", create=False)], "gw-1")


def stored(*entries):
    return [SimpleNamespace(key=key, size=size, sha1=sha1) for key, size, sha1 in entries]


def compared(manifest, warnings=None):
    """check_stored on an import of two disks of ten bytes, with that manifest."""
    items = [SimpleNamespace(path=f"disk-{number}.vmdk", deviceId=f"/vm/disk{number}", create=False) for number in (0, 1)]
    info = SimpleNamespace(deviceUrl=[SimpleNamespace(importKey=f"/vm/disk{number}", key=f"k{number}") for number in (0, 1)])
    package = SimpleNamespace(sizes={item.path: 10 for item in items}, digests={item.path: {"sha1": "ab"} for item in items})
    lease = SimpleNamespace(HttpNfcLeaseGetManifest=lambda: manifest)
    check_stored(VSPHERE, lease, info, items, package, "gw-1", ([] if warnings is None else warnings).append)


@pytest.mark.parametrize("manifest", [None, [], stored(("k0", 10, "AB"), ("k1", 10, "")), stored(("k0", 10, "ab"), ("k1", 0, "ab"), ("k2", 3, "cd"))])
def test_what_the_host_stored_is_what_was_sent_or_it_does_not_say(manifest):
    said = []
    compared(manifest, said)
    assert said == []


@pytest.mark.parametrize("manifest, words", [
    (stored(("k0", 10, "ab")), "the host did not store disk-1.vmdk - import of gw-1"), (stored(("k0", 10, "ab"), ("k1", 9, "ab")), "stored 9 of 10 bytes"),
    (stored(("k0", 10, "ab"), ("k1", 10, "cd")), "other bytes of disk-1.vmdk")])
def test_what_the_host_did_not_store_is_a_broken_transfer(manifest, words):
    with pytest.raises(TransferFailed, match=words) as failure:
        compared(manifest)
    assert failure.value.retriable and failure.value.fix


def test_a_list_of_other_files_proves_nothing_and_is_said():
    said = []
    compared(stored(("other", 1, "00")), said)
    assert len(said) == 1 and "gw-1" in said[0]


class Imported:
    """A vCenter whose lease is ready at once and whose completion raises `failures` in turn; `imports`, `aborts`: how often."""

    def __init__(self, url, *failures):
        self.failures, self.imports, self.aborts = list(failures), 0, 0
        self.connection = SimpleNamespace(hostname="vcenter.example", ca_path=None)
        link = SimpleNamespace(importKey="/vm/disk0", key="k0", url=url, sslThumbprint=None)
        self.info = SimpleNamespace(deviceUrl=[link], entity="vm", leaseTimeout=300)

    def call(self, function, _what, _where="", **_options):
        return function()

    def get(self, _ref, _paths, _losses=None):
        return {"state": "ready", "info": self.info}

    def ImportVApp(self, *_arguments):  # pylint: disable=invalid-name
        self.imports += 1
        return SimpleNamespace(HttpNfcLeaseProgress=lambda percent: None, HttpNfcLeaseGetManifest=lambda: [], HttpNfcLeaseComplete=self.complete,
                               HttpNfcLeaseAbort=self.abort)

    def complete(self):
        if self.failures:
            raise self.failures.pop(0)

    def abort(self, _fault):
        self.aborts += 1


def imported(host, *failures):
    takers = [host(), host()]
    vcenter = Imported(takers[0].url, *failures)

    @contextmanager
    def package():
        vcenter.info.deviceUrl[0].url = takers.pop(0).url
        made = Package(10)
        made.sizes, made.digests = {"disk-0.vmdk": 10}, {"disk-0.vmdk": {}}
        yield made
    order = {"name": "gw-1", "spec": None, "items": [SimpleNamespace(path="disk-0.vmdk", deviceId="/vm/disk0", create=False, size=10)], "pool": vcenter,
             "folder": None, "host": None, "validate": True, "stall_timeout": 30, "mark": lambda vm: None, "find_ours": lambda: None}
    context = Context()
    return vcenter, lambda: import_vm(vcenter, order, package, context), context


def test_a_completion_that_misses_bytes_is_tried_again_once(host):
    def missing():
        return VcenterFailure("completing the import", fault="InvalidState", observed="InvalidState: disk-0.vmdk: 0 of 10 bytes received")
    vcenter, run_it, context = imported(host, missing())
    assert run_it() == ("vm", {"disk-0.vmdk": {}}) and (vcenter.imports, vcenter.aborts) == (2, 1)
    assert any("importing again" in entry["status"] for entry in context.timeline)
    vcenter, run_it, _context = imported(host, missing(), missing())
    with pytest.raises(TransferFailed, match="2 tries; nothing left - import of gw-1 - seen: InvalidState: disk-0.vmdk: 0 of 10 bytes"):
        run_it()
    assert (vcenter.imports, vcenter.aborts) == (2, 2)


def test_a_completion_that_is_refused_for_another_reason_is_not_tried_again(host):
    vcenter, run_it, _context = imported(host, VcenterFailure("completing the import", fault="InsufficientResourcesFault"))
    with pytest.raises(VcenterFailure, match="completing the import"):
        run_it()
    assert (vcenter.imports, vcenter.aborts) == (1, 1)
