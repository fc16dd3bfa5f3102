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
from ._vsphere import label, translated, vim

READY_TIMEOUT = 300
RENEW_EVERY = 2.0
MARK_EVERY = 5.0
LEASE_TIMEOUT = 300
CLEANUP_TIMEOUT = 60
REMOVAL_TIMEOUT = 300
CLEANUP_WHEN_STOPPED = 4
LEASE = ("state", "error", "initializeProgress")


def ready(vsphere, lease, name, context, timeout=READY_TIMEOUT):
    """HttpNfcLeaseInfo of a lease that is ready. Its state `error` is translated at once. Raises VcenterFailure, DeadlinePassed."""
    where, losses = f"import of {name}", []

    def observe():
        row = vsphere.get(lease, LEASE, losses)
        if row.get("state") == vim.HttpNfcLease.State.error:
            fault = row.get("error")
            if fault is None:
                raise VcenterFailure("vCenter refuses the import without saying why", where=where, observed="lease state error")
            raise translated(fault, "vCenter refuses the import", where)
        if not row or row.get("state") == vim.HttpNfcLease.State.done:
            raise VcenterFailure("the import lease ended before it was used", where=where, observed=str(row.get("state", "gone")), retriable=True)
        return row

    until(observe, lambda row: row["state"] == vim.HttpNfcLease.State.ready, context, timeout, interval=0.2,
          describe=lambda row: f"import lease {row['state']}",
          on_deadline=lambda row, waited: {"what": f"vCenter did not ready the import lease in {waited:.0f} s", "where": where, "observed": str(row["state"]),
                                           "fix": "see vCenter's recent tasks; the datastore may be busy"})
    return vsphere.get(lease, ("info",), losses)["info"]


@contextmanager
def kept_alive(vsphere, lease, transfer, mark, context, lease_timeout):
    """While inside, a thread renews the lease every two seconds, changed percentage or not, and calls mark() every five.

    A fault ends the transfer at once; a vCenter that cannot be reached only when the lease must have run out by then.
    """
    over, clock = Stop(), context.clock

    def renew():
        percent = min(99, transfer.percent())
        vsphere.call(lambda: lease.HttpNfcLeaseProgress(percent), "renewing the import lease", label(lease), idempotent=True)

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
                    transfer.end(lost(failure.observed))
                    return
            except Failure as failure:
                transfer.end(lost(failure.observed or failure.what))
                return
            if over.wait(RENEW_EVERY):
                return

    def lost(why):
        return TransferFailed(f"vCenter ended the upload lease (time-out {lease_timeout} s) at {transfer.percent()} %", where=label(lease), observed=why)

    beat = threading.Thread(target=work, name="lease-renewal", daemon=True)
    beat.start()
    try:
        yield
    finally:
        over.set("done")
        beat.join(timeout=CLEANUP_WHEN_STOPPED)


def targets_of(info, items):
    """{file name: (url, thumbprint, create)}; items: OvfFileItem of the import spec. A file that vCenter has no address for is an error."""
    urls = {url.importKey: url for url in info.deviceUrl}
    found = {item.path: (urls[item.deviceId].url, urls[item.deviceId].sslThumbprint, bool(item.create)) for item in items if item.deviceId in urls}
    lacking = sorted(item.path for item in items if item.deviceId not in urls)
    if lacking:
        raise VcenterFailure("vCenter gave no upload address for a file of the OVA", observed=", ".join(lacking))
    return found


def check_stored(vsphere, lease, info, items, package, name):
    """Compares what the server says it stored with what was sent, where it says so (HttpNfcLeaseGetManifest, vSphere 4.1 and later).

    Servers answer `Complete` although bytes are missing, so this comes before it. Raises TransferFailed.
    """
    try:
        stored = vsphere.call(lease.HttpNfcLeaseGetManifest, "asking what the host stored", f"import of {name}", idempotent=True)
    except VcenterFailure as failure:
        if failure.fault in ("NotSupported", "MethodNotFound", "InvalidState", "NotImplemented"):
            return
        raise
    keys = {url.importKey: url.key for url in info.deviceUrl}
    by_key = {entry.key: entry for entry in stored or []}
    for item in items:
        entry = by_key.get(keys[item.deviceId])
        size, digests = package.sizes.get(item.path), package.digests.get(item.path, {})
        if entry is None or size is None:
            continue
        if entry.size and entry.size != size:
            raise TransferFailed(f"the host stored {entry.size} of {size} bytes of {item.path}", where=f"import of {name}")
        if entry.sha1 and "sha1" in digests and entry.sha1.lower() != digests["sha1"]:
            raise TransferFailed(f"the host stored other bytes of {item.path} than were sent", where=f"import of {name}", observed=entry.sha1,
                                 expected=digests["sha1"])


def remove(vsphere, vm, context, timeout=REMOVAL_TIMEOUT):
    """Destroys a VM; gone already is fine."""
    try:
        task = vsphere.call(vm.Destroy_Task, "removing the VM", label(vm))
        vsphere.wait_task(task, context, timeout, "removal of the VM", label(vm))
    except VcenterFailure as failure:
        if failure.fault != "ManagedObjectNotFound":
            raise


def give_up(vsphere, lease, find_ours, context):
    """Aborts a lease and removes the half-made VM. Returns what stays behind, in words. find_ours() -> the VM that this very run made, or None."""
    stopped = context.stop.is_set()
    calm = replace(context, stop=Stop(), emit=lambda line: None)
    try:
        vsphere.call(lambda: lease.HttpNfcLeaseAbort(None), "aborting the import lease", label(lease))
    except VcenterFailure:
        pass
    try:
        vm = find_ours()
        if vm is not None:
            remove(vsphere, vm, calm, CLEANUP_WHEN_STOPPED if stopped else CLEANUP_TIMEOUT)
    except Failure as failure:
        return [f"an unfinished VM ({failure.what}); the next run replaces it"]
    return []


def once(vsphere, order, open_package, context):
    """One import. order: see import_vm. Returns (vm, digests)."""
    where, done = f"import of {order['name']}", False
    lease = vsphere.call(lambda: order["pool"].ImportVApp(order["spec"], order["folder"], order["host"]), "starting the import", where)
    try:
        info = ready(vsphere, lease, order["name"], context)
        total = sum(item.size or 0 for item in order["items"])
        transfer = Transfer(total, context.clock)
        settings = {"vcenter_host": vsphere.connection.hostname, "ca_path": vsphere.connection.ca_path, "validate": order["validate"]}
        with kept_alive(vsphere, lease, transfer, lambda: order["mark"](info.entity), context, info.leaseTimeout or LEASE_TIMEOUT), \
                watched(transfer, context, order["stall_timeout"]), open_package() as package:
            upload(package, targets_of(info, order["items"]), transfer, context, settings)
            check_stored(vsphere, lease, info, order["items"], package, order["name"])
        context.stop.check()
        vsphere.call(lease.HttpNfcLeaseComplete, "completing the import", where)
        done = True
    except Failure as failure:
        done, failure.leftovers = True, sorted({*failure.leftovers, *give_up(vsphere, lease, order["find_ours"], context)})
        raise
    finally:
        if not done:
            give_up(vsphere, lease, order["find_ours"], context)
    return info.entity, package.digests


def import_vm(vsphere, order, open_package, context):
    """Imports a VM; a broken transfer is tried once more from the start. Returns (vm, digests). Raises Failure with nothing, or with what, left behind.

    order: {name, spec (ImportSpec), items (OvfFileItem), pool, folder, host or None, validate (the host's certificate), stall_timeout (s), mark(vm),
    find_ours()}.
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
