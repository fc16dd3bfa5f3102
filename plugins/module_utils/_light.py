# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Big answers of vCenter as plain XML elements: pyvmomi makes an object of each, which takes most of the time of a bulk read. PRIVATE to the collection.
"""
from __future__ import annotations

import functools
import http.client
from xml.etree import ElementTree
from xml.parsers import expat

from ._errors import VcenterFailure
from ._libraries import library
from ._vsphere import vim, vmodl

PAGE = 1000
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


class LightStub:
    """A stub of pyvmomi whose methods return the answer's element instead of objects. stub: the session's own, whose connections it uses."""

    def __init__(self, stub):
        self._stub = stub

    def InvokeMethod(self, mo, info, args):  # pylint: disable=invalid-name
        """What pyvmomi calls for each method of a managed object that is bound to this stub."""
        stub = self._stub
        headers = {"Cookie": stub.cookie, "SOAPAction": stub.versionId, "Content-Type": "text/xml; charset=UTF-8"}
        request, connection = stub.SerializeRequest(mo, info, args), stub.GetConnection()
        try:
            connection.request("POST", stub.path, request, {name: value for name, value in headers.items() if value})
            answer = connection.getresponse()
            status, body = answer.status, answer.read()
        except Exception:
            connection.close()
            stub.DropConnections()
            raise
        stub.ReturnConnection(connection)
        if status == 200:
            return parsed(body)
        raise fault_of(stub, info, body) if status == 500 else http.client.HTTPException(f"HTTP {status}")


def fault_of(stub, info, body):
    """The exception that an answer of status 500 tells of."""
    try:
        found = library("pyVmomi.SoapAdapter").SoapResponseDeserializer(stub).Deserialize(body, info.result)
    except expat.ExpatError:
        found = None
    return found if isinstance(found, Exception) else http.client.HTTPException("HTTP 500, and no fault")


def parsed(body):
    """The element of the answer. body: a SOAP envelope as bytes. Raises VcenterFailure for what is none."""
    try:
        if b"<!DOCTYPE" in body:
            raise ElementTree.ParseError("a document type")
        return next(iter(next(child for child in ElementTree.fromstring(body) if child.tag.endswith("}Body"))))
    except (ElementTree.ParseError, StopIteration) as error:
        raise VcenterFailure("vCenter's answer is no SOAP message", where="vCenter", observed=f"{len(body)} bytes, {error}",
                             fix="see whether something between here and vCenter answers in its place") from error


def namespace(answer):
    """'{urn:vim25}' of an answer's elements."""
    return answer.tag.rpartition("}")[0] + "}"


def bound(vsphere, ref):
    """The managed object, with calls that give elements."""
    return type(ref)(ref._GetMoId(), LightStub(vsphere.stub))


def call(vsphere, function, what):
    """The element that function() gives, with vSphere's faults translated and a lost session renewed once."""
    return vsphere.call(function, what, idempotent=True)


def pages(vsphere, specs):
    """Elements `objects` of all pages of a property read, with their namespace: (objects, ns)."""
    collector, options = bound(vsphere, vsphere.content.propertyCollector), vmodl.query.PropertyCollector.RetrieveOptions(maxObjects=PAGE)

    def first():
        answer = collector.RetrievePropertiesEx(specs, options)
        for fault in answer.iter(namespace(answer) + "fault"):
            if fault.get(TYPE, "").rpartition(":")[2] == "NotAuthenticated":
                raise vim.fault.NotAuthenticated()
        return answer

    answer = call(vsphere, first, "reading vCenter's inventory")
    while answer is not None:
        ns, token = namespace(answer), None
        for returned in answer:
            token = returned.findtext(ns + "token")
            for found in returned.iterfind(ns + "objects"):
                yield found, ns
        following = (lambda: collector.ContinueRetrievePropertiesEx(token)) if token else None  # pylint: disable=cell-var-from-loop
        answer = vsphere.call(following, "reading vCenter's inventory") if following else None


def properties(found, ns):
    """(type, id, {path: element}) of one `objects` element."""
    ref = found.find(ns + "obj")
    return ref.get("type"), ref.text, {each.findtext(ns + "name"): each.find(ns + "val") for each in found.iterfind(ns + "propSet")}


def text(values, path):
    """The text of a property, or None where it is unset or unreadable."""
    return values[path].text if path in values else None


def value_of(vsphere, ref, paths):
    """({path: element}, namespace) of one object."""
    query = vmodl.query.PropertyCollector
    spec = query.FilterSpec(objectSet=[query.ObjectSpec(obj=ref, skip=False)], propSet=[query.PropertySpec(type=type(ref), all=False, pathSet=list(paths))])
    for found, ns in pages(vsphere, [spec]):
        return properties(found, ns)[2], ns
    return {}, ""


@functools.lru_cache(maxsize=None)
def class_of(type_name):
    return library("pyVmomi.VmomiSupport").GuessWsdlType(type_name)


def reference(vsphere, type_name, key):
    """The managed object of that type and id, as pyvmomi has it."""
    return class_of(type_name)(key, vsphere.stub)
