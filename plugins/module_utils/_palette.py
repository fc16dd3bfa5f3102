# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one client of Palette's API v1: plain dicts in and out, typed failures, no Ansible. PRIVATE to the collection."""
from __future__ import annotations

import difflib
import ipaddress
import os
import re
import urllib.parse
from dataclasses import dataclass
from datetime import datetime, timezone

from ._answers import Answer, Call, Lost, backoff, bad_answer, content, http_time, in_doubt, pause_before_repeat
from ._errors import (Failure, InputRefused, PaletteBadAnswer, PaletteDenied, PaletteForbidden, PaletteNotFound, PaletteRefused)
from ._secret import Secret, masker, secret
from ._transport import Wire

SAAS = "https://api.spectrocloud.com"
PAGE = 50
JWT_RENEWED_AFTER = 11 * 60
UNSET_TIME = "0001-01-01T00:00:00"
API_KEY_VARIABLES = ("PALETTE_API_KEY", "SPECTROCLOUD_APIKEY")


@dataclass(frozen=True)
class Connection:
    """How to reach Palette. host: base URL without path; api_key, password: Secret or None; project: name or None; timeout: seconds for connecting and
    for each read; retries: repeats of one call. credential: the credential in words, for messages."""

    host: str
    api_key: Secret = None
    username: str = None
    password: Secret = None
    org: str = None
    project: str = None
    ca_path: str = None
    validate_certs: bool = True
    timeout: float = 30
    retries: int = 3
    credential: str = "the API key"


def connection(params):
    """Module options palette_* -> Connection. Raises InputRefused naming the option."""
    validate = params.get("palette_validate_certs") is not False
    key, user, password = (params.get(f"palette_{name}") for name in ("api_key", "username", "password"))
    timeout, retries = params.get("palette_timeout"), params.get("palette_retries")
    timeout, retries = 30 if timeout is None else timeout, 3 if retries is None else retries
    if timeout <= 0:
        raise InputRefused("palette_timeout is no time", where="option palette_timeout", observed=timeout, expected="seconds, more than 0",
                           fix="correct the number")
    if retries < 0:
        raise InputRefused("palette_retries is no number of repeats", where="option palette_retries", observed=retries, expected="0 or more",
                           fix="correct the number")
    return Connection(host=base_url(params.get("palette_host") or SAAS, validate), api_key=secret(key), username=user or None, password=secret(password),
                      org=params.get("palette_org") or None, project=params.get("palette_project") or None, ca_path=params.get("palette_ca_path") or None,
                      validate_certs=validate, timeout=timeout, retries=retries, credential=credential(key, user, password))


def credential(key, user, password):
    """The one credential given, in words. Raises InputRefused when there is none, more than one, or a key that no header can carry."""
    variable = next((name for name in API_KEY_VARIABLES if key and os.environ.get(name) == key), None)
    source = f"environment variable {variable}" if variable else "option palette_api_key"
    if key and (user or password):
        raise InputRefused("both an API key and a user are given", where=f"{source} and options palette_username, palette_password",
                           fix="give palette_api_key alone, or palette_username with palette_password")
    if not key and not (user and password):
        raise InputRefused("no complete credential for Palette is given", where="options palette_api_key, palette_username, palette_password",
                           expected="palette_api_key, or palette_username with palette_password", fix="set PALETTE_API_KEY or the option palette_api_key")
    if key and not re.fullmatch(r"[\x21-\x7e]+", key):
        raise InputRefused("the API key has white space or another character in it that no header can carry", where=source,
                           fix="copy the key again, without quotes and line ends")
    return f"the API key (from {source})" if key else f"the user name and password of '{user}'"


def base_url(text, validate_certs=True):
    """'https://host[:port]' out of option palette_host; the scheme may be left out. Raises InputRefused."""
    def refused(problem, fix="give scheme, host and port only, such as https://palette.example.com"):
        return InputRefused(f"palette_host {problem}", where="option palette_host", observed=None if "@" in text else re.split("[?#]", text)[0], fix=fix)

    if not re.fullmatch(r"[\x21-\x7e]+", text):
        raise refused("has white space or a character outside ASCII in it")
    try:
        parts = urllib.parse.urlsplit(text if "://" in text else f"https://{text}")
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")
    except ValueError:
        raise refused("is no URL") from None
    if parts.username is not None:
        raise refused("holds a user name", "give credentials in palette_api_key, or palette_username and palette_password")
    if parts.scheme not in ("http", "https") or not host or parts.path.rstrip("/") or "?" in text or "#" in text:
        raise refused("is more or less than a base URL")
    if parts.scheme == "http" and validate_certs and not loopback(host):
        raise refused("is plain HTTP to another machine, which anyone on the way can read",
                      "use https://, or set palette_validate_certs to false if credentials may travel in the clear")
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{port}" if port else "")


def loopback(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def when(text):
    """Palette's time text -> aware UTC datetime; None for nothing and for its unset time 0001-01-01T00:00:00.000Z (API 1.1)."""
    if not text or text.startswith(UNSET_TIME):
        return None
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", text)
    if not match:
        raise PaletteBadAnswer("Palette gave a time that is none", observed=text, expected="RFC 3339, such as 2025-09-08T15:57:21.212Z")
    fraction = (match.group(2) or "").ljust(6, "0")[:6]
    zone = "+00:00" if match.group(3) == "Z" else match.group(3)
    return datetime.fromisoformat(f"{match.group(1)}.{fraction}{zone}").astimezone(timezone.utc)


def segment(text):
    """A name or uid as one segment of a path."""
    return urllib.parse.quote(text, safe="")


def secrets_in(data):
    """The values of every Secret in nested plain data."""
    if isinstance(data, Secret):
        return [data.reveal()]
    items = data.values() if isinstance(data, dict) else data if isinstance(data, (list, tuple)) else ()
    return [value for item in items for value in secrets_in(item)]


class Palette:
    """Calls to one Palette. `project` of a call: uid of a project, or None for tenant scope. Bodies may hold Secret values.

    All raise PaletteFailure, Stopped, InputRefused. retried: calls that were repeated. server_time: Date of the last answer, or None.
    """

    def __init__(self, settings, context):
        self.connection, self.context = settings, context
        self.retried = 0
        self.server_time = None
        self._wire = self._jwt = self._jwt_since = self._projects = None

    def __enter__(self):
        settings = self.connection
        self._wire = Wire(settings.host, settings.timeout, settings.ca_path, settings.validate_certs, self.context.clock, self.context.stop)
        return self

    def __exit__(self, *_exception):
        self._wire.close()

    def get(self, path, query=None, project=None):
        return self._result(self._call("GET", path, None, query, project))

    def get_list(self, path, query=None, project=None):
        """For the few calls that answer with a JSON array at the top (cluster variables, API 12 row 78)."""
        return self._result(self._call("GET", path, None, query, project, expect=list))

    def download(self, path, query=None, project=None):
        """bytes of a file (kubeconfig, export)."""
        return self._result(self._call("GET", path, None, query, project, expect=bytes))

    def post(self, path, body=None, query=None, project=None):
        """Not repeated after a lost answer, except searches and validations; `create` is for what makes an object."""
        return self._result(self._call("POST", path, body, query, project))

    def put(self, path, body=None, query=None, project=None):
        return self._result(self._call("PUT", path, body, query, project))

    def patch(self, path, body=None, query=None, project=None):
        return self._result(self._call("PATCH", path, body, query, project))

    def delete(self, path, body=None, query=None, project=None):
        """A repeat that finds the object gone is a success: the try before it did the work."""
        call = self._call("DELETE", path, body, query, project)
        outcome, tries, doubted = self._outcome(call)
        try:
            return content(call, outcome, self._mask(call), tries)
        except PaletteNotFound:
            if not doubted:
                raise
            return {}

    def create(self, path, body, find, project=None):
        """POST that makes an object; returns its uid. find() -> uid or None looks the object up by what identifies it.

        When an answer is lost (reset, time-out, status > 500, unreadable), find is asked before the POST is sent again. The caller has looked
        before and found nothing, so what find gives then was made by this call.
        """
        call, doubted = self._call("POST", path, body, None, project), False
        for attempt in range(self.connection.retries + 1):
            self.retried += 1 if attempt else 0
            outcome, tries, _doubted = self._outcome(call)
            uid = self._uid(call, outcome)
            if uid:
                self.context.written.append(call.line)
                return uid
            made = isinstance(outcome, Answer) and 200 <= outcome.status < 300
            doubted = doubted or made or in_doubt(outcome)
            if doubted:
                self._pause(backoff(attempt), f"the answer to {call.line} was lost, looking whether it was carried out")
                uid = self._looked_up(call, find)
                if uid:
                    return uid
            if made or not in_doubt(outcome):
                break
        content(call, outcome, self._mask(call), max(tries, attempt + 1))
        raise bad_answer(call, outcome, self._mask(call), "the answer holds no uid", '{"uid": …}')

    def pages(self, path, query=None, project=None):
        """Iterator over the items of a paginated list; also of one that is not paginated."""
        return self._paged(self._call("GET", path, None, query, project))

    def search(self, path, body, project=None):
        """Iterator over the items that a search (POST) finds."""
        return self._paged(self._call("POST", path, body, None, project))

    def user_info(self):
        """{orgName, tenantUid, userUid}; the cheapest check of the credential at tenant scope."""
        return self.get("/v1/users/info")

    def project_uid(self, name):
        """uid of the project of that name. Raises PaletteNotFound with the names that are near."""
        projects = self._project_names()
        if name in projects:
            return projects[name]
        near = difflib.get_close_matches(name, sorted(projects), 3, 0.5)
        raise PaletteNotFound(f"Palette has no project '{name}' that this credential may see", where="option palette_project",
                              expected="one of " + ", ".join(near) if near else None, fix="correct palette_project, or leave it out for tenant scope")

    def scope(self):
        """uid of the connection's project, or None for tenant scope."""
        return self.project_uid(self.connection.project) if self.connection.project else None

    def scope_words(self, project):
        """A scope for the reader: 'tenant scope' or "project 'name'"."""
        name = next((name for name, uid in (self._projects or {}).items() if uid == project), project)
        return f"project '{name}'" if project else "tenant scope"

    def _project_names(self):
        if self._projects is None:
            found = [item.get("metadata") or {} for item in self.get("/v1/dashboard/projects/metadata").get("items") or []]
            self._projects = {metadata.get("name"): metadata["uid"] for metadata in found if metadata.get("uid")}
        return self._projects

    def _call(self, method, path, body=None, query=None, project=None, expect=dict, login=False):
        if not path.startswith("/v1/"):
            raise InputRefused("the path is none of the API", where="option path", observed=path, expected="/v1/…")
        return Call(method, path, body, query, project, self.scope_words(project), self.connection.host, self.connection.credential, expect, login)

    def _mask(self, call):
        """Masks every secret that this call may bring into a text."""
        own = [self.connection.api_key, self.connection.password, self._jwt]
        return masker(secrets_in(own) + secrets_in(call.body) + secrets_in(call.query))

    def _result(self, call):
        outcome, tries, _doubted = self._outcome(call)
        body = content(call, outcome, self._mask(call), tries)
        if call.writes and not call.login:
            self.context.written.append(call.line)
        return body

    def _uid(self, call, outcome):
        """The uid in a good answer to a create, or None."""
        if isinstance(outcome, Lost) or not 200 <= outcome.status < 300:
            return None
        try:
            uid = content(call, outcome, self._mask(call)).get("uid")
        except PaletteBadAnswer:
            return None
        return uid if isinstance(uid, str) else None

    def _looked_up(self, call, find):
        try:
            return find()
        except Failure as failure:
            failure.what = f"{failure.what}; whether {self._mask(call)(call.line)} was carried out before that is not known"
            failure.changed_something = True
            raise

    def _paged(self, call):
        query, seen = {"limit": PAGE, **(call.query or {})}, set()
        while True:
            page = self._result(self._call(call.method, call.path, call.body, query, call.project))
            items, token = page.get("items") or [], (page.get("listmeta") or {}).get("continue")
            if not isinstance(items, list) or token in seen:
                raise PaletteBadAnswer(f"Palette's list {call.path} has no end or is no list", where=call.where, observed=f"{len(seen) + 1} pages so far")
            yield from items
            if not token:
                return
            seen.add(token)
            query = {**query, "continue": token}

    def _outcome(self, call):
        """(last Answer or Lost of a call that was repeated as far as that is safe, number of tries, whether one before the last may have landed)."""
        repeats, limited, waited, doubted = 0, 0, 0.0, False
        while True:
            outcome = self._once(call)
            pause = pause_before_repeat(call, outcome, repeats, limited, waited, self.connection.retries, self.context.clock.now())
            if pause is None:
                return outcome, repeats + limited + 1, doubted
            if isinstance(outcome, Answer) and outcome.status == 429:
                limited, waited = limited + 1, waited + pause
            else:
                repeats, doubted = repeats + 1, doubted or in_doubt(outcome)
            self.retried += 1
            self._pause(pause, f"Palette answered {outcome.status} to {call.line}" if isinstance(outcome, Answer) else outcome.what)

    def _pause(self, seconds, why):
        self.context.emit(f"{why}; going on in {seconds:.0f} s")
        self.context.clock.pause(seconds, self.context.stop)

    def _once(self, call):
        """Sends a call; a JWT that is refused is replaced once. A rejected API key is never sent again (lock-out)."""
        outcome = self._send(call)
        if self.connection.username and not call.login and isinstance(outcome, Answer) and outcome.status == 401:
            self._jwt = None
            outcome = self._send(call)
        return outcome

    def _send(self, call):
        headers = {"ProjectUid": call.project} if call.project else {}
        headers.update(self._authorization(call))
        self.context.stop.check()
        outcome = self._wire.send(call, headers)
        if isinstance(outcome, Answer):
            self.server_time = http_time(outcome.headers.get("Date"))
        return outcome

    def _authorization(self, call):
        """Header with the credential. Palette takes a JWT without the word Bearer (API 1.2)."""
        if self.connection.api_key:
            return {"ApiKey": self.connection.api_key.reveal()}
        if not call.login:
            self._renew()
        return {"Authorization": self._jwt.reveal()} if self._jwt else {}

    def _renew(self):
        """Has a JWT younger than 12 minutes ready; Palette's live for 15 at least."""
        if self._jwt and self.context.clock.monotonic() - self._jwt_since < JWT_RENEWED_AFTER:
            return
        if self._jwt:
            call = self._call("GET", f"/v1/auth/refresh/{segment(self._jwt.reveal())}", None, {"setCookie": False}, login=True)
            try:
                return self._keep(call, self._result(call))
            except (PaletteDenied, PaletteForbidden, PaletteNotFound, PaletteRefused, PaletteBadAnswer):
                self._jwt = None
        settings = self.connection
        body = {"emailId": settings.username, "password": settings.password, **({"org": settings.org} if settings.org else {})}
        call = self._call("POST", "/v1/auth/authenticate", body, {"setCookie": False}, login=True)
        self._keep(call, self._result(call))

    def _keep(self, call, token):
        """Takes the v1UserToken of an authentication as the JWT to use from now on."""
        jwt = token.get("Authorization")
        if token.get("isMfa"):
            raise PaletteDenied(f"Palette demands a second factor from '{self.connection.username}', which a playbook cannot give", where=call.host,
                                fix="use an API key (palette_api_key), or a user without multi-factor authentication")
        if not isinstance(jwt, str) or not re.fullmatch(r"[\x21-\x7e]+", jwt):
            raise PaletteBadAnswer("Palette's answer to the authentication holds no token that can be used", where=call.host)
        self._jwt, self._jwt_since = Secret(jwt), self.context.clock.monotonic()
