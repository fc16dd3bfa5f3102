# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an OVA's bytes come from: an http(s) URL or a local file, read once from front to back. PRIVATE to the collection."""
from __future__ import annotations

import base64
import http.client
import os
import re
import socket
import ssl
import urllib.parse
import urllib.request
from dataclasses import dataclass

from ._errors import InputRefused, TransferFailed, quoted
from ._secret import Secret
from ._tls import refusal, tls_context

CONNECT_TIMEOUT = 30.0
REDIRECT_CAP = 5
RESUME_CAP = 3
REDIRECTS = (301, 302, 303, 307, 308)
BROKEN = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class Location:
    """An OVA: https/http URL, .ova file, or folder with an unpacked OVF. shown: for people, without query string."""

    path: str
    is_url: bool
    shown: str
    username: str = None
    password: Secret = None
    ca_path: str = None
    validate_certs: bool = True
    stall_timeout: float = 120.0


def without_query(url):
    """A URL as it may be shown: no credentials, no query string (a signed URL's query is a secret)."""
    parts = urllib.parse.urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return f"{parts.scheme}://{host}{port}{quoted(parts.path)}"


def checked_url(url, where="option ova"):
    """The URL split up. Raises InputRefused for other schemes, credentials, a wrong port, white space."""
    try:
        parts = urllib.parse.urlsplit(url)
        valid = parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise InputRefused("the URL cannot be read", where=where, expected="https://host[:port]/path.ova")
    if parts.username is not None or parts.password is not None:
        raise InputRefused("the URL holds credentials", where=where, observed=without_query(url), fix="use ova_username and ova_password")
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise InputRefused("the URL's scheme is not supported", where=where, observed=parts.scheme, expected="https://… or http://…, or a path")
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        raise InputRefused("the URL holds white space or control characters", where=where, observed=without_query(url), fix="percent-encode them")
    return parts


def location(value, username=None, password=None, ca_path=None, validate_certs=True, stall_timeout=120):
    """str -> Location. Pure; raises InputRefused."""
    if not value or not value.strip():
        raise InputRefused("no OVA is named", where="option ova", expected="a URL, a .ova file or a folder")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", value):
        checked_url(value)
        return Location(value, True, without_query(value), username, password, ca_path, validate_certs, float(stall_timeout))
    if username or password:
        raise InputRefused("a local OVA takes no credentials", where="options ova_username, ova_password", fix="leave them out")
    return Location(os.path.abspath(os.path.expanduser(value)), False, value)


class FileStream:
    """A local file. read(n) -> up to n bytes, b'' at the end; skip(n); length in bytes."""

    def __init__(self, path):
        self._file = open(path, "rb")
        self.length = os.fstat(self._file.fileno()).st_size
        self.shown = os.path.basename(path)
        self.position = 0

    def read(self, count):
        block = self._file.read(count)
        self.position += len(block)
        return block

    def skip(self, count):
        self.position = self._file.seek(self.position + count)

    def cancel(self):
        """Nothing to break: a local read ends by itself."""

    def close(self):
        self._file.close()


class UrlStream:
    """The body of a GET, resumed up to three times by Range when the server gave a validator. length is None when the server does not tell it."""

    skip = None

    def __init__(self, place):
        self._place = place
        self._connection = self._response = self._socket = None
        self._resumed = 0
        self.position, self.length, self.shown = 0, None, place.shown
        self._open()

    def _open(self):
        """Follows at most five redirects; leaves credentials behind at the first other origin."""
        url, chain = self._place.path, []
        while True:
            response = self._get(url)
            if response.status not in REDIRECTS:
                break
            chain.append(without_query(url))
            target = urllib.parse.urljoin(url, response.headers.get("Location") or "")
            self.close()
            if len(chain) > REDIRECT_CAP:
                raise TransferFailed("the OVA source redirects without end", where=" → ".join(chain), expected=f"at most {REDIRECT_CAP} redirects",
                                     retriable=False)
            if checked_url(target, f"redirect of {chain[-1]}").scheme != "https" and url.startswith("https:"):
                raise TransferFailed("the OVA source redirects from https to http", where=" → ".join(chain + [without_query(target)]), retriable=False,
                                     fix="give an https source")
            url = target
        self._judge(response, url)

    def _judge(self, response, url):
        wanted = 206 if self.position else 200
        if self.position and response.status == 200:
            raise TransferFailed("the OVA changed at its source during the download", where=self.shown, retriable=False, fix="run again when it is stable")
        if response.status != wanted:
            hint = {401: "set ova_username and ova_password", 403: "get a fresh link (signed links expire)", 404: "correct the URL"}.get(response.status)
            raise TransferFailed("the OVA source refuses to give the file", where=without_query(url), observed=f"HTTP {response.status}", expected="HTTP 200",
                                 fix=hint, retriable=response.status >= 500 or response.status == 429)
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise TransferFailed("the OVA source sends a compressed body", where=without_query(url), observed=response.headers["Content-Encoding"],
                                 retriable=False)
        if not self.position:
            size = response.headers.get("Content-Length")
            self.length = int(size) if size and size.isdigit() else None
            tag = response.headers.get("ETag", "")
            self._validator = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")
        self._response = response

    def _get(self, url):
        parts, place = checked_url(url), self._place
        headers = {"User-Agent": "palette.vmware", "Accept-Encoding": "identity", "Connection": "close"}
        if self.position:
            headers.update({"Range": f"bytes={self.position}-", "If-Range": self._validator})
        if place.username and origin(parts) == origin(checked_url(place.path)):
            pair = f"{place.username}:{place.password.reveal() if place.password else ''}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode("utf-8")).decode("ascii")
        try:
            self._connection, target = connection(parts, place)
            self._connection.request("GET", target, headers=headers)
            self._socket = self._connection.sock
            return self._connection.getresponse()
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise TransferFailed("the OVA source's certificate is not accepted",
                                 **refusal(error, parts.hostname, parts.port or 443, "ova_ca_path", "ova_validate_certs")) from error
        except BROKEN as error:
            self.close()
            raise TransferFailed("the OVA source cannot be reached", where=without_query(url), observed=quoted(error) or type(error).__name__,
                                 fix="check the address, the route and the proxy settings") from error

    def read(self, count):
        while True:
            try:
                block = self._response.read(count)
                if block or self.length is None or self.position >= self.length:
                    self.position += len(block)
                    return block
                why = "connection closed"
            except BROKEN as error:
                why = str(error) or type(error).__name__
            self._resume(why)

    def _resume(self, why):
        self.close()
        if self._resumed >= RESUME_CAP or not self._validator or not self.position:
            total = f" of {self.length}" if self.length else ""
            raise TransferFailed("the download of the OVA broke", where=self.shown, observed=f"{why} after {self.position}{total} bytes")
        self._resumed += 1
        self._open()

    def cancel(self):
        """Breaks a read that another thread waits in, for good."""
        self._resumed = RESUME_CAP
        try:
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        if self._connection is not None:
            self._connection.close()
        if self._response is not None:
            self._response.close()


def origin(parts):
    return (parts.scheme, (parts.hostname or "").lower(), parts.port or {"https": 443, "http": 80}.get(parts.scheme))


def connection(parts, place):
    """(http.client connection, request target), through the proxy that the environment names for that host (HTTPS_PROXY, NO_PROXY …)."""
    target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
    context = tls_context(place.ca_path, place.validate_certs, "ova_ca_path", with_system=True) if parts.scheme == "https" else None
    proxy = urllib.request.getproxies().get(parts.scheme)
    if not proxy or urllib.request.proxy_bypass(parts.netloc):
        kinds = {"https": http.client.HTTPSConnection, "http": http.client.HTTPConnection}
        extra = {"context": context} if context else {}
        return kinds[parts.scheme](parts.hostname, parts.port, timeout=place.stall_timeout, **extra), target
    gate = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    pair = f"{urllib.parse.unquote(gate.username or '')}:{urllib.parse.unquote(gate.password or '')}"
    headers = {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode("utf-8")).decode("ascii")} if gate.username else {}
    if context is None:
        plain = http.client.HTTPConnection(gate.hostname, gate.port or 80, timeout=place.stall_timeout)
        return plain, urllib.parse.urlunsplit(parts._replace(fragment=""))
    tunnel = http.client.HTTPSConnection(gate.hostname, gate.port or 80, timeout=place.stall_timeout, context=context)
    tunnel.set_tunnel(parts.hostname, parts.port or 443, headers)
    return tunnel, target
