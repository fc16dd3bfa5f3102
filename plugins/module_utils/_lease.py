# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An import by lease (vSphere API, HttpNfcLease): ready, upload, complete; and nothing left behind when it fails. PRIVATE to the collection."""
from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace

from ._errors import Failure, TransferFailed, VcenterFailure, VcenterUnreachable
from ._lease_upload import Transfer, upload, watched
from ._until import Stop, until
from ._vsphere import label, vim

READY_TIMEOUT = 300
RENEW_EVERY = 2.0
MARK_EVERY = 5.0
LEASE_TIMEOUT = 300
CLEANUP_TIMEOUT = 60
REMOVAL_TIMEOUT = 300
REFUSES_COMPLETION = ("InvalidState", "HttpNfcLeaseTimeout", "Timedout")
CLEANUP_WHEN_STOPPED = 4
LEASE = ("state", "error", "initializeProgress")
TASKS = "see vCenter's recent tasks and events, then run again"
STORAGE = "see the events of the host and of the datastore, then run again"


def place(name):
    """What every message about an import calls it; a lease's own id tells nobody anything."""
    return f"import of {name}"


def ready(vsphere, lease, name, context, timeout=READY_TIMEOUT):
    """HttpNfcLeaseInfo of a lease that is ready. Its state `error` is translated at once. Raises VcenterFailure, DeadlinePassed."""
    where, losses = place(name), []

    def observe():
        row = vsphere.get(lease, LEASE, losses)
        if row.get("state") == vim.HttpNfcLease.State.error:
            fault = row.get("error")
            if fault is None:
                raise VcenterFailure("vCenter refuses the import without saying why", where=where, observed="lease state error", fix=TASKS)
            raise vsphere.failure(fault, "vCenter refuses the import", where)
        if not row or row.get("state") == vim.HttpNfcLease.State.done:
            raise VcenterFailure("the import lease ended before it was used", where=where, observed=str(row.get("state", "gone")), fix=TASKS,
                                 retriable=True)
        return row

    until(observe, lambda row: row["state"] == vim.HttpNfcLease.State.ready, context, timeout, interval=0.2,
          describe=lambda row: f"import lease {row['state']}",
          on_deadline=lambda row, waited: {"what": f"vCenter did not ready the import lease in {waited:.0f} s", "where": where, "observed": str(row["state"]),
                                           "fix": "see vCenter's recent tasks; the datastore may be busy"})
    return vsphere.get(lease, ("info",), losses)["info"]


@contextmanager
def kept_alive(vsphere, lease, name, transfer, mark, context, lease_timeout):
    """While inside, a thread renews the lease every two seconds, changed percentage or not, and calls mark() every five.

    A fault ends the transfer at once; a vCenter that cannot be reached only when the lease must have run out by then.
    """
    over, clock = Stop(), context.clock

    def renew():
        percent = min(99, transfer.percent())
        vsphere.call(lambda: lease.HttpNfcLeaseProgress(percent), "renewing the import lease", place(name), idempotent=True)

    def work():
        renewed = marked = clock.monotonic()
        while True:
            try:
                renew()
                renewed = clock.monotonic()
                if renewed - marked >= MARK_EVERY:
                    marked = renewed
                    mark()
            except VcenterUnreachable as failure:
                if clock.monotonic() - renewed > lease_timeout:
                    return transfer.end(lost(failure.observed))
            except Failure as failure:
                return transfer.end(lost(failure.observed or failure.what))
            if over.wait(RENEW_EVERY):
                return None

    def lost(why):
        return TransferFailed(f"vCenter ended the upload lease (time-out {lease_timeout} s) at {transfer.percent()} %", where=place(name), observed=why,
                              fix=f"check the way to vCenter; {TASKS}")

    beat = threading.Thread(target=work, name="lease-renewal", daemon=True)
    beat.start()
    try:
        yield
    finally:
        over.set("done")
        beat.join(timeout=CLEANUP_WHEN_STOPPED)


def targets_of(info, items, name):
    """{file name: (url, thumbprint, create)}; items: OvfFileItem of the import spec. A file that vCenter has no address for is an error."""
    urls = {url.importKey: url for url in info.deviceUrl}
    found = {item.path: (urls[item.deviceId].url, urls[item.deviceId].sslThumbprint, bool(item.create)) for item in items if item.deviceId in urls}
    lacking = sorted(item.path for item in items if item.deviceId not in urls)
    if lacking:
        raise VcenterFailure("vCenter gave no upload address for a file of the OVA", where=place(name), observed=", ".join(lacking), fix=TASKS)
    return found


def check_stored(vsphere, lease, info, items, package, name, warn):
    """Compares what the server says it stored with what was sent, where it says so (HttpNfcLeaseGetManifest, vSphere 4.1 and later).

    Servers answer `Complete` although bytes are missing, so this comes before it. A file that a manifest with entries lacks was not stored; a manifest that
    knows none of the lease's keys proves nothing, which warn(text) is told. Raises TransferFailed.
    """
    try:
        stored = vsphere.call(lease.HttpNfcLeaseGetManifest, "asking what the host stored", place(name), idempotent=True)
    except VcenterFailure as failure:
        if failure.fault in ("NotSupported", "MethodNotFound", "InvalidState", "NotImplemented"):
            return
        raise
    keys = {url.importKey: url.key for url in info.deviceUrl}
    by_key = {entry.key: entry for entry in stored or []}
    if by_key.keys().isdisjoint(keys.values()):
        if by_key:
            warn(f"{place(name)}: the host's list of stored files names none of this import, so what it stored is not compared")
        return
    for item in items:
        entry = by_key.get(keys[item.deviceId])
        size, digests = package.sizes.get(item.path), package.digests.get(item.path, {})
        if entry is None:
            raise TransferFailed(f"the host did not store {item.path}", where=place(name), observed="no entry in the host's list of stored files",
                                 expected=f"{size} bytes", fix=STORAGE)
        if size is not None and entry.size and entry.size != size:
            raise TransferFailed(f"the host stored {entry.size} of {size} bytes of {item.path}", where=place(name), fix=STORAGE)
        if entry.sha1 and "sha1" in digests and entry.sha1.lower() != digests["sha1"]:
            raise TransferFailed(f"the host stored other bytes of {item.path} than were sent", where=place(name), observed=entry.sha1,
                                 expected=digests["sha1"], fix=STORAGE)


def complete(vsphere, lease, name):
    """Ends a lease whose files are sent. vCenter answers InvalidState while bytes are missing: a broken transfer, whatever the hosts answered before."""
    try:
        vsphere.call(lease.HttpNfcLeaseComplete, "completing the import", place(name))
    except VcenterFailure as failure:
        if failure.fault not in REFUSES_COMPLETION:
            raise
        raise TransferFailed("vCenter does not complete the import: it misses bytes, or the lease ended", fault=failure.fault, where=place(name),
                             observed=failure.observed, expected="every byte that was sent", fix=STORAGE) from failure


def remove(vsphere, vm, context, timeout=REMOVAL_TIMEOUT):
    """Destroys a VM; gone already is fine."""
    try:
        task = vsphere.call(vm.Destroy_Task, "removing the VM", label(vm))
        vsphere.wait_task(task, context, timeout, "removal of the VM", label(vm))
    except VcenterFailure as failure:
        if failure.fault != "ManagedObjectNotFound":
            raise


def give_up(vsphere, lease, order, context):
    """Aborts a lease and removes the half-made VM. Returns what stays behind, in words. order: see import_vm."""
    stopped = context.stop.is_set()
    calm = replace(context, stop=Stop(), emit=lambda line: None)
    try:
        vsphere.call(lambda: lease.HttpNfcLeaseAbort(None), "aborting the import lease", place(order["name"]))
    except VcenterFailure:
        pass
    try:
        vm = order["find_ours"]()
        if vm is not None:
            remove(vsphere, vm, calm, CLEANUP_WHEN_STOPPED if stopped else CLEANUP_TIMEOUT)
    except Failure as failure:
        return [f"VM {order['name']}, unfinished ({failure.what}); the next run replaces it"]
    return []


def once(vsphere, order, open_package, context):
    """One import. order: see import_vm. Returns (vm, digests)."""
    name, done = order["name"], False
    lease = vsphere.call(lambda: order["pool"].ImportVApp(order["spec"], order["folder"], order["host"]), "starting the import", place(name))
    try:
        info = ready(vsphere, lease, name, context)
        total = sum(item.size or 0 for item in order["items"])
        transfer = Transfer(total, context.clock)
        settings = {"vcenter_host": vsphere.connection.hostname, "ca_path": vsphere.connection.ca_path, "validate": order["validate"]}
        with kept_alive(vsphere, lease, name, transfer, lambda: order["mark"](info.entity), context, info.leaseTimeout or LEASE_TIMEOUT), \
                watched(transfer, context, order["stall_timeout"]), open_package() as package:
            upload(package, targets_of(info, order["items"], name), transfer, context, settings)
            check_stored(vsphere, lease, info, order["items"], package, name, context.warn)
        context.stop.check()
        complete(vsphere, lease, name)
        done = True
    except Failure as failure:
        done, failure.leftovers = True, sorted({*failure.leftovers, *give_up(vsphere, lease, order, context)})
        raise
    finally:
        if not done:
            give_up(vsphere, lease, order, context)
    return info.entity, package.digests


def import_vm(vsphere, order, open_package, context):
    """Imports a VM; a broken transfer is tried once more from the start. Returns (vm, digests). Raises Failure with nothing, or with what, left behind.

    order: {name, spec (ImportSpec), items (OvfFileItem), pool, folder, host or None, validate (the host's certificate), stall_timeout (s), mark(vm),
    find_ours() -> the VM that this very run made, or None}.
    open_package() -> context manager giving a Package.
    """
    try:
        return once(vsphere, order, open_package, context)
    except TransferFailed as failure:
        if not failure.retriable or failure.leftovers:
            raise
        context.progress(f"{failure.what}; importing again")
    try:
        return once(vsphere, order, open_package, context)
    except TransferFailed as failure:
        failure.what += ", 2 tries" + ("" if failure.leftovers else "; nothing left")
        raise
