# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vCenter's tags, which only its REST API has: /api, or /rest where that is missing (before vSphere 7.0 U2). PRIVATE to the collection."""
from __future__ import annotations

import os

from ._denied import KINDS, denied_by_rest
from ._errors import InputRefused, VcenterDenied, VcenterFailure, VcenterUnreachable, quoted
from ._libraries import library
from ._tls import refusal

requests = library("requests")

TIMEOUT = (10, 60)
SESSION_HEADER = "vmware-api-session-id"
OLD_SESSION, NEW_SESSION = "/rest/com/vmware/cis/session", "/api/session"
OLD, NEW = "/rest/com/vmware/cis/tagging", "/api/cis/tagging"
BODY_CAP = 16 * 1024 * 1024
BATCH = 1000
ATTACH = ("InventoryService.Tagging.AttachTag", "InventoryService.Tagging.ObjectAttachable")
VERBS = {"POST": "Create", "PATCH": "Edit", "DELETE": "Delete"}
FAULTS = {"already_exists": "AlreadyExists", "not_found": "NotFound", "invalid_argument": "InvalidArgument", "unauthorized": "NoPermission",
          "unauthenticated": "NotAuthenticated", "resource_in_use": "ResourceInUse", "not_allowed_in_current_state": "InvalidState"}


class Tagging:
    """A REST session of its own beside SOAP's; a context manager that always logs out, and logs in again once in a call when the session is lost.

    Categories, tags and objects are plain dicts; an object is {"type": "ClusterComputeResource", "id": "domain-c8"}. Raises VcenterFailure.
    """

    def __init__(self, connection, context, name=None):
        """name({type, id}) -> str: how messages call an object; its type and id by default."""
        self.connection, self.context, self.name = connection, context, name or called
        host = f"[{connection.hostname}]" if ":" in connection.hostname else connection.hostname
        self._base, self._old, self._http, self._token = f"https://{host}:{connection.port}", False, None, None

    def __enter__(self):
        if self.connection.ca_path and self.connection.validate_certs and not os.path.exists(self.connection.ca_path):
            raise InputRefused("the CA certificates cannot be read", where="option ca_path", observed=self.connection.ca_path, fix="correct the path")
        self._http = requests.Session()
        self._http.trust_env = False
        self._login()
        return self

    def __exit__(self, *_failure):
        try:
            self._send("DELETE", OLD_SESSION if self._old else NEW_SESSION, None, {SESSION_HEADER: self._token})
        except VcenterFailure:
            pass
        self._http.close()

    def _login(self):
        connection = self.connection
        pair = (connection.username.encode("utf-8"), connection.password.reveal().encode("utf-8"))
        answer = self._send("POST", OLD_SESSION if self._old else NEW_SESSION, None, {}, pair)
        if answer.status_code == 404 and not self._old:
            self._old = True
            return self._login()
        if answer.status_code in (401, 403):
            raise VcenterDenied("vCenter's REST API rejects the user or the password", fault="InvalidLogin", where=f"{self._base}, user {connection.username}",
                                fix="correct options username and password")
        token = self._content(answer, "login to vCenter's REST API")
        if not isinstance(token, str) or not token:
            raise VcenterFailure("vCenter's REST API gave no session", where=self._base, observed=f"HTTP {answer.status_code}")
        self._token = token
        return None

    def _send(self, method, path, body, headers, pair=None):
        connection = self.connection
        verify = (connection.ca_path or True) if connection.validate_certs else False
        try:
            return self._http.request(method, self._base + path, json=body, headers=headers, auth=pair, verify=verify, timeout=TIMEOUT, allow_redirects=False)
        except requests.exceptions.SSLError as error:
            raise VcenterUnreachable("vCenter's certificate is not accepted",
                                     **refusal(error, connection.hostname, connection.port, "ca_path", "validate_certs")) from error
        except requests.exceptions.RequestException as error:
            raise VcenterUnreachable("vCenter's REST API does not answer", where=self._base + path, observed=type(error).__name__,
                                     fix="check hostname, port and the route") from error

    def _content(self, answer, what, documented=(), targets=()):
        """The value of a good answer; None for an empty one. Faults are told apart by the error's type.

        documented: privileges that the call asks for. targets: the objects that it is about.
        """
        try:
            data = answer.json() if answer.content else None
        except ValueError:
            data = {"text": answer.text}
        if 200 <= answer.status_code < 300:
            return data["value"] if isinstance(data, dict) and set(data) == {"value"} else data
        kind = str((data or {}).get("error_type") or (data or {}).get("type") or "").rsplit(".", 1)[-1].lower() if isinstance(data, dict) else ""
        fault = FAULTS.get(kind) or {401: "NotAuthenticated", 403: "NoPermission", 404: "NotFound"}.get(answer.status_code, kind or "unknown")
        if fault == "NoPermission":
            raise denied_by_rest(f"{what} failed", self._base, messages_of(data), documented, about(targets, self.name))
        raise VcenterFailure(f"{what} failed", fault=fault, where=self._base, observed=f"HTTP {answer.status_code} {fault}: {quoted(said(data))}",
                             retriable=answer.status_code >= 500)

    def _call(self, method, path, what, body=None, documented=()):
        for last in (False, True):
            answer = self._send(method, path, body, {SESSION_HEADER: self._token})
            if answer.status_code != 401 or last:
                return self._content(answer, what, documented, targets_of(body))
            self._login()
        return None

    def _tagging(self, method, path, what, body=None, action=None):
        """path: below /cis/tagging. The old spelling wraps bodies and names actions by ~action."""
        query = f"?{'~' if self._old else ''}action={action}" if action else ""
        return self._call(method, (OLD if self._old else NEW) + old_path(path, self._old) + query, what, body, needed(method, path, action))

    def _each(self, ids, read):
        """read(id) of each; what is gone between the listing and the reading is left out. Sorted by name."""
        found = []
        for each in ids:
            try:
                found.append(read(each))
            except VcenterFailure as failure:
                if failure.fault != "NotFound":
                    raise
        return sorted(found, key=lambda entry: entry["name"])

    def categories(self):
        """[{id, name, cardinality, associable_types, description}], sorted by name."""
        ids = self._tagging("GET", "/category", "listing tag categories") or []
        return self._each(ids, lambda each: self._tagging("GET", f"/category/{each}", "reading a tag category"))

    def create_category(self, name, cardinality, associable_types, description=""):
        """id of a new category. cardinality: SINGLE | MULTIPLE."""
        spec = {"name": name, "cardinality": cardinality, "associable_types": list(associable_types), "description": description}
        return self._tagging("POST", "/category", f"creating tag category '{name}'", {"create_spec": spec} if self._old else spec)

    def update_category(self, category_id, **fields):
        """Changes the given fields of a category. vCenter lets a cardinality only become MULTIPLE, and associable types only be added."""
        self._tagging("PATCH", f"/category/{category_id}", "changing a tag category", {"update_spec": fields} if self._old else fields)

    def delete_category(self, category_id):
        """Deletes a category, and with it its tags."""
        self._tagging("DELETE", f"/category/{category_id}", "deleting a tag category")

    def tag_ids(self, category_id):
        """Ids of a category's tags."""
        if self._old:
            return self._tagging("POST", f"/tag/id:{category_id}", "listing tags", {}, action="list-tags-for-category") or []
        return self._tagging("POST", "/tag", "listing tags", {"category_id": category_id}, action="list-tags-for-category") or []

    def tag(self, tag_id):
        """{id, name, category_id, description}"""
        return self._tagging("GET", f"/tag/{tag_id}", "reading a tag")

    def tags(self, category_id, known=None):
        """[{id, name, category_id, description}] of a category, sorted by name. known: {id: tag}, of which those are not read again; filled."""
        known = {} if known is None else known

        def read(tag_id):
            if tag_id not in known:
                known[tag_id] = self.tag(tag_id)
            return known[tag_id]
        return self._each(self.tag_ids(category_id), read)

    def create_tag(self, name, category_id, description=""):
        """id of a new tag."""
        spec = {"name": name, "category_id": category_id, "description": description}
        return self._tagging("POST", "/tag", f"creating tag '{name}'", {"create_spec": spec} if self._old else spec)

    def attach(self, tag_id, target):
        self._tagging("POST", f"/tag-association/{tag_id}", "attaching a tag", {"object_id": target}, action="attach")

    def detach(self, tag_id, target):
        self._tagging("POST", f"/tag-association/{tag_id}", "detaching a tag", {"object_id": target}, action="detach")

    def delete_tag(self, tag_id):
        """Deletes a tag, and with it its attachments."""
        self._tagging("DELETE", f"/tag/{tag_id}", "deleting a tag")

    def _batches(self, tag_id, targets, what, action):
        """What the server says of objects that it refuses ([{id, default_message}]), in its order; it does not say which object each is about."""
        targets, messages = list(targets), []
        for start in range(0, len(targets), BATCH):
            answer = self._tagging("POST", f"/tag-association/{tag_id}", what, {"object_ids": targets[start:start + BATCH]}, action=action) or {}
            if answer.get("success") is False:
                messages += answer.get("error_messages") or [{"default_message": "refused"}]
        return messages

    def attach_to_all(self, tag_id, targets):
        """Attaches a tag to many objects in one call. Returns the server's refusals, [{id, default_message}]; empty when all are attached."""
        return self._batches(tag_id, targets, "attaching a tag", "attach-tag-to-multiple-objects")

    def detach_from_all(self, tag_id, targets):
        """Detaches a tag from many objects in one call. Returns the server's refusals, [{id, default_message}]."""
        return self._batches(tag_id, targets, "detaching a tag", "detach-tag-from-multiple-objects")

    def objects_on(self, tag_ids):
        """{tag id: [objects]} of tags, in one call."""
        ids, found = list(tag_ids), {}
        for start in range(0, len(ids), BATCH):
            rows = self._tagging("POST", "/tag-association", "listing what tags are attached to", {"tag_ids": ids[start:start + BATCH]},
                                 action="list-attached-objects-on-tags") or []
            found.update({row["tag_id"]: row.get("object_ids") or [] for row in rows})
        return found

    def attached(self, targets):
        """{(type, id): [tag ids]} of objects, in one call."""
        rows = self._tagging("POST", "/tag-association", "listing attached tags", {"object_ids": list(targets)}, action="list-attached-tags-on-objects") or []
        return {(row["object_id"]["type"], row["object_id"]["id"]): sorted(row.get("tag_ids") or []) for row in rows}


def old_path(path, old):
    """'/tag/urn:x' is '/tag/id:urn:x' in the old spelling."""
    kind, slash, key = path.strip("/").partition("/")
    return f"/{kind}/id:{key}" if old and slash and not key.startswith("id:") else path


def needed(method, path, action):
    """Privileges that a tagging call asks for (VMware: vSphere Tagging privileges); reads ask for none."""
    if action:
        return ATTACH if action.startswith(("attach", "detach")) else ()
    return (f"InventoryService.Tagging.{VERBS[method]}{'Category' if path.startswith('/category') else 'Tag'}",) if method in VERBS else ()


def called(target):
    return f"{target['type']}:{target['id']}"


def targets_of(body):
    """The objects that a call is about."""
    found = [body.get("object_id"), *(body.get("object_ids") or [])] if isinstance(body, dict) else []
    return [each for each in found if each]


def about(targets, name):
    """(place for people, kind of object) of a refused call; one that is about no object is about the tags, which have their rights from the root."""
    if not targets:
        return "/", "root"
    return name(targets[0]) + (f" and {len(targets) - 1} more" if len(targets) > 1 else ""), KINDS.get(targets[0]["type"], "")


def messages_of(data):
    """The server's messages, [{default_message, args}]."""
    if not isinstance(data, dict):
        return []
    inner = data.get("value") if isinstance(data.get("value"), dict) else data
    found = [message for message in inner.get("messages") or [] if isinstance(message, dict)]
    return found or ([{"default_message": data["text"]}] if data.get("text") else [])


def said(data):
    """The server's first message, if it has one."""
    return next((message.get("default_message", "") for message in messages_of(data)), "")
