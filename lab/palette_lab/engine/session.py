# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to vCenter with a cloud account's own credentials, and bulk reads of leaf properties over them."""

from __future__ import annotations

import hashlib
import http.client
import ssl
import threading
from typing import Any, Callable, Iterable, Mapping, TypeVar

from pyVmomi import SoapStubAdapter, VmomiSupport, vim, vmodl

from palette_lab import wait
from palette_lab.engine.errors import AccountRefused, SessionLost, VcenterFault

AGENT = "palette-lab"
CALL_SECONDS = 30
TASK_SECONDS = 60.0
PAGE = 500
Answer = TypeVar("Answer")

_lock = threading.Lock()
_abandoned = 0
_entered = threading.local()
_connections: dict[str, vim.ServiceInstance] = {}
_trusted: str | None = None


def trust(ca_path: str | None) -> None:
    """The CA that an account without `insecure` is checked against; None: the system's."""
    global _trusted
    _trusted = ca_path


def forget_all() -> None:
    """Drop every kept connection without a logout: vCenter has been reset or is going away."""
    with _lock:
        _connections.clear()


def enter() -> None:
    """From here on this thread's waits for tasks end at the next `abandon`."""
    _entered.count = _abandoned


def abandon() -> None:
    """End every wait for a task of threads that have entered before, at once: vCenter is about to be reset."""
    global _abandoned
    _abandoned += 1


def with_session(account: dict, use: Callable[[vim.ServiceInstanceContent], Answer]) -> Answer:
    """`use(content)` over the kept connection of the account; once more over a new one when the session is gone.

    Raises AccountRefused when the login fails, VcenterFault for every fault of vCenter.
    """
    try:
        return translated(account, lambda: use(_content(account)))
    except SessionLost:
        forget(account)
        return translated(account, lambda: use(_content(account)))


def translated(account: dict, call: Callable[[], Answer]) -> Answer:
    """The call's answer, with pyVmomi's and the transport's exceptions turned into ours."""
    server = account["vcenter_server"]
    try:
        return call()
    except vim.fault.InvalidLogin:
        raise AccountRefused("CloudAccountValidationFailed",
                             f"vCenter {server} refused the login of {account['username']}: user name or password is wrong") from None
    except vim.fault.NotAuthenticated:
        raise SessionLost("FailedVcenterSession", f"vCenter {server} does not know the session of {account['username']} any more") from None
    except vim.fault.NoPermission as fault:
        raise VcenterFault("FailedPermission", f"{account['username']} lacks the privilege {fault.privilegeId} on {_named(fault.object)}") from None
    except vmodl.MethodFault as fault:
        kind, text = type(fault).__name__.rpartition(".")[2], getattr(fault, "msg", "") or "no message"
        raise VcenterFault("FailedVcenterCall", f"vCenter {server} answered {kind}: {text}") from None
    except (OSError, http.client.HTTPException) as error:
        raise AccountRefused("CloudAccountValidationFailed",
                             f"vCenter {server} cannot be reached ({type(error).__name__}: {error}); expected a host name or address, with :port") from None


def forget(account: dict) -> None:
    with _lock:
        _connections.pop(_key(account), None)


def log_in(account: dict) -> vim.ServiceInstance:
    """A fresh, logged-in connection. Raises what pyVmomi raises."""
    host, _, port = account["vcenter_server"].partition(":")
    context = ssl.create_default_context(cafile=_trusted)
    if account.get("insecure"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    stub = SoapStubAdapter(host=host, port=int(port or 443), version=VmomiSupport.newestVersions.GetName("vim"), sslContext=context,
                           httpConnectionTimeout=CALL_SECONDS, customHeaders={"User-Agent": AGENT})
    instance = vim.ServiceInstance("ServiceInstance", stub)
    instance.RetrieveContent().sessionManager.Login(account["username"], account["password"], None)
    return instance


def log_out(instance: vim.ServiceInstance) -> None:
    instance.RetrieveContent().sessionManager.Logout()


def _content(account: dict) -> vim.ServiceInstanceContent:
    with _lock:
        key = _key(account)
        if key not in _connections:
            _connections[key] = log_in(account)
        return _connections[key].RetrieveContent()


def _key(account: dict) -> str:
    parts = (account["vcenter_server"], account["username"], account["password"], str(bool(account.get("insecure"))))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _named(managed: Any) -> str:
    return getattr(managed, "_moId", "an object")


def read(content: vim.ServiceInstanceContent, kinds: Mapping[type, Iterable[str]], root: Any = None) -> list[dict]:
    """All objects of the kinds below `root` (the whole inventory when None) with the named leaf properties: [{"object", "kind", path: value}].

    A property that is unset, or that the account may not read, is None.
    """
    view = content.viewManager.CreateContainerView(root or content.rootFolder, list(kinds), True)
    try:
        traversal = vmodl.query.PropertyCollector.TraversalSpec(name="view", path="view", skip=False, type=vim.view.ContainerView)
        start = vmodl.query.PropertyCollector.ObjectSpec(obj=view, skip=True, selectSet=[traversal])
        properties = [vmodl.query.PropertyCollector.PropertySpec(type=kind, pathSet=list(paths)) for kind, paths in kinds.items()]
        rows = []
        for each in _retrieved(content, [start], properties):
            asked = next((paths for kind, paths in kinds.items() if isinstance(each.obj, kind)), [])
            rows.append({"object": each.obj, "kind": type(each.obj), **dict.fromkeys(asked), **{value.name: value.val for value in each.propSet}})
        return rows
    finally:
        view.Destroy()


def read_one(content: vim.ServiceInstanceContent, managed: Any, paths: Iterable[str]) -> dict:
    """The named leaf properties of one object, None where unset. Raises the fault of a property that may not be read."""
    start = vmodl.query.PropertyCollector.ObjectSpec(obj=managed, skip=False)
    spec = vmodl.query.PropertyCollector.PropertySpec(type=type(managed), pathSet=list(paths))
    found = _retrieved(content, [start], [spec])
    if not found:
        raise VcenterFault("FailedVcenterCall", f"the account does not see {_named(managed)} in vCenter")
    if found[0].missingSet:
        raise found[0].missingSet[0].fault
    return {"object": managed, "kind": type(managed), **dict.fromkeys(paths), **{value.name: value.val for value in found[0].propSet}}


def _retrieved(content: vim.ServiceInstanceContent, objects: list, properties: list) -> list:
    collector = content.propertyCollector
    wanted = vmodl.query.PropertyCollector.FilterSpec(objectSet=objects, propSet=properties)
    page = collector.RetrievePropertiesEx([wanted], vmodl.query.PropertyCollector.RetrieveOptions(maxObjects=PAGE))
    found: list = []
    while page is not None:
        found += page.objects
        page = collector.ContinueRetrievePropertiesEx(page.token) if page.token else None
    return found


def finished(content: vim.ServiceInstanceContent, task: vim.Task, what: str) -> Any:
    """The result of a task. Raises the task's own fault, or VcenterFault when it is not over after 60 s of real time."""
    def state() -> dict | None:
        seen = read_one(content, task, ["info.state", "info.error", "info.result"])
        return seen if seen["info.state"] in ("success", "error") else None

    entered = getattr(_entered, "count", _abandoned)
    seen = wait.until(lambda: state() or (entered != _abandoned) or None, TASK_SECONDS, step=0.02)
    if not isinstance(seen, dict):
        raise VcenterFault("FailedVcenterTask", f"{what} (task {task._moId}) is not over after {TASK_SECONDS:.0f} s" if seen is None else
                           f"{what}: the lab was reset meanwhile")
    if seen["info.state"] == "error":
        raise seen["info.error"]
    return seen["info.result"]
