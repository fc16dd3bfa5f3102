# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one vSphere session: SOAP by pyvmomi, bulk reads of leaf paths, faults by class. PRIVATE to the collection."""
from __future__ import annotations

import http.client
import re
import ssl
import threading
from dataclasses import dataclass

from ._denied import KINDS, denied
from ._errors import Failure, InputRefused, VcenterDenied, VcenterFailure, VcenterUnreachable, quoted
from ._libraries import library
from ._secret import Secret, secret
from ._tls import refusal, tls_context
from ._until import until

vim = getattr(library("pyVmomi"), "vim", None)
vmodl = getattr(library("pyVmomi"), "vmodl", None)

CALL_TIMEOUT = 60
PAGE = 500
BROKEN = (OSError, http.client.HTTPException)
HINTS = {
    "DuplicateName": "choose another name, or remove the object that has it",
    "FileAlreadyExists": "remove the left-over folder from the datastore, or choose another name",
    "NoDiskSpace": "free space on the datastore, or choose another",
    "InsufficientResourcesFault": "free resources in the compute cluster, or choose another",
    "TaskInProgress": "wait for the other task, then run again",
}
LOOK = "see vCenter's recent tasks and events of that object, then run again"
PASSING = ("TaskInProgress", "HttpNfcLeaseTimeout", "Timedout", "HostCommunication", "HostNotConnected", "NotEnoughLicenses")


@dataclass(frozen=True)
class VcenterConnection:
    hostname: str
    port: int
    username: str
    password: Secret
    ca_path: str = None
    validate_certs: bool = True


def vcenter_connection(params):
    """Options of the doc fragment `vcenter` -> VcenterConnection. Pure; raises InputRefused (faults W02)."""
    for option in ("hostname", "username", "password"):
        if not params[option]:
            raise InputRefused(f"vCenter's {option} is not set", where=f"option {option}", fix=f"set {option}, or the environment variable it falls back to")
    host = params["hostname"].strip()
    bare = re.sub(r"^[A-Za-z]+://", "", host).split("/")[0]
    if bare.count(":") == 1:
        bare = bare.split(":")[0]
    bare = bare.strip("[]") if bare.startswith("[") and "]" in bare and not bare.endswith("]") else bare
    bare = bare[1:-1] if bare.startswith("[") and bare.endswith("]") else bare
    if host.strip("[]") != bare or not bare or re.search(r"[\s@]", bare):
        raise InputRefused("vCenter's address is more than a host name", where="option hostname", observed=host, expected="a host name or an IP address",
                           fix=f"write {bare} and give the port in option port")
    try:
        bare.encode("idna")
    except UnicodeError:
        raise InputRefused("vCenter's address is no host name", where="option hostname", observed=host,
                           expected="an IP address, or parts of 1 to 63 characters with dots between them", fix="correct the name") from None
    return VcenterConnection(bare, params["port"], params["username"], secret(params["password"]), params["ca_path"], params["validate_certs"])


def type_name(ref):
    """'HostSystem' of a managed object or a fault, whose class pyvmomi names 'vim.HostSystem'."""
    return type(ref).__name__.rsplit(".", 1)[-1]


def fault_name(fault):
    """'NoPermission' of vim.fault.NoPermission; faults are told apart by class, never by text."""
    return type_name(fault)


def label(ref):
    """'VirtualMachine:vm-12' of a managed object."""
    return f"{type_name(ref)}:{ref._GetMoId()}" if ref is not None else ""


def lacking(fault, session):
    """[(place, kind, [privileges])] of a NoPermission, one entry for each object."""
    found = {}
    pairs = [(getattr(fault, "object", None), [fault.privilegeId] if getattr(fault, "privilegeId", None) else [])]
    pairs += [(entry.entity, list(entry.privilegeIds)) for entry in getattr(fault, "missingPrivileges", None) or []]
    for ref, privileges in pairs:
        key = (session.shown(ref) if session else label(ref), kind_of(ref, session.content.rootFolder if session else None))
        known = found.setdefault(key, [])
        known.extend(privilege for privilege in privileges if privilege not in known)
    named = [(place, kind, privileges) for (place, kind), privileges in found.items() if privileges]
    return named or [(place, kind, privileges) for (place, kind), privileges in found.items()]


def kind_of(ref, root=None):
    """What an object is in the words of the privilege tables; '' for what these do not know."""
    if ref is None:
        return ""
    return "root" if root is not None and ref == root else KINDS.get(type_name(ref), "")


def translated(fault, what, where="", session=None):
    """A vSphere fault as a VcenterFailure: class, object, missing privileges. session: the Vsphere that can tell an object's path."""
    name = fault_name(fault)
    said = quoted(getattr(fault, "msg", None) or getattr(fault, "localizedMessage", None) or "")
    if name == "NoPermission":
        missing = lacking(fault, session)
        ref = getattr(fault, "object", None)
        return denied(what, missing[0][0] if ref is not None and where == label(ref) else where, missing)
    if name == "InvalidLogin":
        return VcenterDenied("vCenter rejects the user or the password", fault=name, where=where, fix="correct options username and password")
    details = [f"{key} {quoted(getattr(fault, key))}" for key in ("name", "file", "property", "argument",
                                                                  "faultReason") if isinstance(getattr(fault, key, None), str)]
    return VcenterFailure(what, fault=name, where=where or "vCenter", observed=": ".join([name] + [text for text in (", ".join(details) or said,) if text]),
                          fix=HINTS.get(name, LOOK), retriable=name in PASSING)


def path_of(trail, root):
    """The inventory path of [(object, name), …] from the object up; the root folder's own name is not part of it."""
    return "/" + "/".join(name for ref, name in reversed(trail) if ref != root)


class Vsphere:
    """A session with a vCenter; a context manager that always logs out. `content` is the ServiceContent."""

    def __init__(self, connection, context):
        self.connection, self.context = connection, context
        self._lock, self._session, self._naming = threading.Lock(), 0, threading.local()
        self.stub = self.content = None

    def __enter__(self):
        connection = self.connection
        tls = tls_context(connection.ca_path, connection.validate_certs)
        try:
            self.stub = library("pyVim.connect").SmartStubAdapter(host=connection.hostname, port=connection.port, sslContext=tls,
                                                                  httpConnectionTimeout=CALL_TIMEOUT, connectionPoolTimeout=CALL_TIMEOUT * 5)
            self.content = vim.ServiceInstance("ServiceInstance", self.stub).RetrieveContent()
        except ssl.SSLCertVerificationError as error:
            raise VcenterUnreachable("vCenter's certificate is not accepted",
                                     **refusal(error, connection.hostname, connection.port, "ca_path", "validate_certs")) from error
        except (vmodl.MethodFault, *BROKEN) as error:
            raise VcenterUnreachable("vCenter does not answer", where=self.place(),
                                     observed=quoted(getattr(error, "msg", None) or error) or type(error).__name__,
                                     fix="check hostname, port and the route") from error
        self._login()
        return self

    def __exit__(self, *_failure):
        self._logout()

    def _logout(self):
        try:
            self.content.sessionManager.Logout()
        except (vmodl.MethodFault, vmodl.RuntimeFault, *BROKEN):
            pass

    def _login(self):
        connection = self.connection
        try:
            self.content.sessionManager.Login(connection.username, connection.password.reveal(), None)
            self._session += 1
        except vmodl.MethodFault as fault:
            raise translated(fault, "login to vCenter failed", f"{self.place()}, user {connection.username}") from None
        except BROKEN as error:
            raise VcenterUnreachable("vCenter does not answer the login", where=self.place(), observed=quoted(error) or type(error).__name__,
                                     fix="see whether vCenter's services are up, then run again") from error

    def place(self):
        return f"vCenter {self.connection.hostname} port {self.connection.port}"

    def failure(self, fault, what, where=""):
        """A fault as a VcenterFailure that names objects by their paths."""
        return translated(fault, what, where, self)

    def call(self, function, what, where="", idempotent=False, losses=None):
        """function() with vSphere's faults translated. Logs in again once when the session is lost; a broken connection is tried once more
        when the call is idempotent. losses: a list shared by the calls of one long operation, so that it logs in again once only."""
        losses, broken, where = [] if losses is None else losses, 0, where or self.place()
        while True:
            session = self._session
            try:
                return function()
            except vmodl.MethodFault as fault:
                if fault_name(fault) != "NotAuthenticated":
                    raise self.failure(fault, what, where) from None
                if losses:
                    raise VcenterFailure("the vCenter session was lost twice", fault="NotAuthenticated", where=where,
                                         observed=f"while: {what}; its state is unknown",
                                         fix="look for session limits in vCenter, then run again", retriable=True) from None
                losses.append(what)
                with self._lock:
                    if self._session == session:
                        self._logout()
                        self._login()
            except vmodl.RuntimeFault as fault:
                raise self.failure(fault, what, where) from None
            except BROKEN as error:
                broken += 1
                if not idempotent or broken > 1:
                    raise VcenterUnreachable(f"vCenter broke the connection: {what}", where=where, observed=quoted(error) or type(error).__name__,
                                             fix="run it again; what was under way is found by its name") from error

    def _retrieve(self, specs, losses=None):
        """[ObjectContent] of PropertyFilterSpecs, all pages."""
        collector, options = self.content.propertyCollector, vmodl.query.PropertyCollector.RetrieveOptions(maxObjects=PAGE)

        def first():
            answer = collector.RetrievePropertiesEx(specs, options)
            for item in answer.objects if answer else ():
                for missing in item.missingSet or []:
                    if fault_name(missing.fault) == "NotAuthenticated":
                        raise missing.fault
            return answer

        answer, found = self.call(first, "reading vCenter's inventory", idempotent=True, losses=losses), []
        while answer is not None:
            found.extend(answer.objects)
            if not answer.token:
                break
            token = answer.token
            answer = self.call(lambda: collector.ContinueRetrievePropertiesEx(token), "reading vCenter's inventory",
                               losses=losses)  # pylint: disable=cell-var-from-loop
        return found

    def _rows(self, contents, strict=True):
        rows = {}
        for item in contents:
            for missing in item.missingSet or []:
                if strict and fault_name(missing.fault) == "NoPermission":
                    raise self.failure(missing.fault, f"reading {missing.path} failed", label(item.obj))
            rows[item.obj] = {prop.name: prop.val for prop in item.propSet or []}
        return rows

    def read(self, refs, paths, losses=None, strict=True):
        """{ref: {path: value}} of leaf paths, in one call for all objects; a path that is unset is absent. strict: one that the user may not read is a
        failure; else it is absent, too."""
        refs = list(refs)
        if not refs:
            return {}
        query = vmodl.query.PropertyCollector
        kinds = sorted({type(ref) for ref in refs}, key=lambda kind: kind.__name__)
        spec = query.FilterSpec(objectSet=[query.ObjectSpec(obj=ref, skip=False) for ref in refs],
                                propSet=[query.PropertySpec(type=kind, all=False, pathSet=list(paths)) for kind in kinds])
        return self._rows(self._retrieve([spec], losses), strict)

    def get(self, ref, paths, losses=None):
        """{path: value} of one object; {} when it is gone."""
        try:
            return self.read([ref], paths, losses).get(ref, {})
        except VcenterFailure as failure:
            if failure.fault == "ManagedObjectNotFound":
                return {}
            raise

    def below(self, root, kind, paths):
        """{ref: {path: value}} of all objects of a type below a folder, compute cluster or resource pool, by traversal; leaves no view behind."""
        query = vmodl.query.PropertyCollector
        ways = ((vim.Folder, "childEntity"), (vim.Datacenter, "vmFolder"), (vim.Datacenter, "hostFolder"), (vim.Datacenter, "datastoreFolder"),
                (vim.Datacenter, "networkFolder"), (vim.ComputeResource, "resourcePool"), (vim.ComputeResource, "host"), (vim.ResourcePool, "resourcePool"))
        names = [f"{kind_.__name__}.{path}" for kind_, path in ways]
        again = [query.SelectionSpec(name=name) for name in names]
        steps = [query.TraversalSpec(name=name, type=kind_, path=path, skip=False, selectSet=again) for name, (kind_, path) in zip(names, ways)]
        spec = query.FilterSpec(objectSet=[query.ObjectSpec(obj=root, skip=True, selectSet=steps)],
                                propSet=[query.PropertySpec(type=kind, all=False, pathSet=list(paths))])
        return {ref: row for ref, row in self._rows(self._retrieve([spec])).items() if isinstance(ref, kind)}

    def ancestry(self, refs):
        """{ref: [(object, name), …] from the object itself up to the root folder}, in one call; it ends early where the user may not look."""
        refs, query = list(refs), vmodl.query.PropertyCollector
        if not refs:
            return {}
        up = query.TraversalSpec(name="up", type=vim.ManagedEntity, path="parent", skip=False, selectSet=[query.SelectionSpec(name="up")])
        spec = query.FilterSpec(objectSet=[query.ObjectSpec(obj=ref, skip=False, selectSet=[up]) for ref in refs],
                                propSet=[query.PropertySpec(type=vim.ManagedEntity, all=False, pathSet=["name", "parent"])])
        rows, found = self._rows(self._retrieve([spec]), strict=False), {}
        for ref in refs:
            trail, at = [], ref
            while at in rows:
                trail.append((at, rows[at].get("name", at._GetMoId())))
                at = rows[at].get("parent")
            found[ref] = trail
        return found

    def path(self, ref):
        """'/dc-1/vm/palette/installer': names as vCenter stores them, from the top; the object's id where they cannot be read."""
        trail = self.ancestry([ref])[ref]
        return path_of(trail, self.content.rootFolder)

    def shown(self, ref):
        """'/dc-1/vm/palette (Folder:group-12)' for people; the type and id alone where the path cannot be read. Never fails."""
        root = self.content.rootFolder
        if ref is None or getattr(self._naming, "busy", False):
            return label(ref)
        self._naming.busy = True
        try:
            trail = self.ancestry([ref])[ref]
        except Failure:
            trail = []
        finally:
            self._naming.busy = False
        return f"{path_of(trail, root)} ({label(ref)})" if trail and trail[-1][0] == root else label(ref)

    def named(self, target):
        """How messages call an object of the REST API, {type, id}: by its path where that can be read."""
        kind = getattr(vim, target["type"], None)
        return self.shown(kind(target["id"], self.stub)) if kind is not None else f"{target['type']}:{target['id']}"

    def wait_task(self, task, context, timeout, what, where=""):
        """The result of a task. Raises a VcenterFailure (the task's own fault), DeadlinePassed, or says that the task's state is unknown."""
        losses, name = [], f"task {task._GetMoId()}"
        paths = ("info.state", "info.progress", "info.error", "info.result")

        def observe():
            row = self.get(task, paths, losses)
            if "info.state" not in row:
                raise VcenterFailure(f"{what}: vCenter no longer knows {name}, its state is unknown", where=where or self.place(),
                                     fault="ManagedObjectNotFound", fix="run it again, what was done is found by its name", retriable=True)
            return row

        def describe(row):
            return f"{what}: {row['info.state']}" + (f" {row['info.progress']} %" if row.get("info.progress") else "")

        def too_late(row, _waited):
            return {"what": f"{what} is not done after {timeout:.0f} s", "where": where or self.place(), "observed": f"{name}: {describe(row)}",
                    "fix": "see the task in vCenter; run again when it has ended"}

        done = until(observe, lambda row: row["info.state"] in ("success", "error"), context, timeout, interval=0.25, describe=describe, on_deadline=too_late)
        if done["info.state"] == "error":
            raise self.failure(done["info.error"], f"{what} failed", where)
        return done.get("info.result")
