# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to Palette: one request, one answer, no retry. PRIVATE to the collection."""
from __future__ import annotations

import http.client
import http.cookiejar
import json
import os
import re
import socket
import ssl

from ._answers import Answer, Lost
from ._errors import InputRefused, PaletteBadAnswer, PaletteUnreachable
from ._libraries import library, require
from ._secret import Secret

requests = library("requests")
urllib3 = library("urllib3")

VERSION = "0.1.0"
BODY_CAP = 16 * 1024 * 1024
PIECE = 16384
BODY_TIMEOUTS = 4
TLS_REASONS = {9: "it is not valid yet", 10: "it has expired", 18: "it is self-signed", 19: "its issuer is unknown", 20: "its issuer is unknown",
               21: "its issuer is unknown", 62: "it is for another name", 64: "it is for another address"}


def revealed(value):
    """Plain data with every Secret replaced by its value; only what is sent goes through here."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, dict):
        return {key: revealed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [revealed(item) for item in value]
    return value


def query_text(value):
    """A query value as Palette reads it: booleans in lower case."""
    return str(value).lower() if isinstance(value, bool) else value


def without_credentials(url):
    """A proxy's URL without user and password."""
    return re.sub(r"^([^:/@]+://)?[^/]*@", r"\1", url)


def chain(error):
    """The error and every exception that it carries; requests and urllib3 wrap the socket's own several times."""
    seen, waiting = [], [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and not any(one is other for other in seen):
            seen.append(one)
            waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
    return seen


def find(error, kinds):
    """The first of these exception classes in the chain, or None."""
    return next((one for one in chain(error) if isinstance(one, kinds)), None)


class Wire:
    """A kept-alive connection to one base URL. Certificates, proxies and credentials come from here only: no .netrc, no REQUESTS_CA_BUNDLE."""

    def __init__(self, host, timeout, ca_path, validate_certs, clock, stop):
        require(["requests"])
        self.host, self.timeout, self.clock, self.stop = host, timeout, clock, stop
        self.verify = trust(ca_path, validate_certs)
        self.proxies = {} if host.startswith("http://") else dict(requests.utils.get_environ_proxies(host, no_proxy=None))
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        self.session.get_redirect_target = lambda response: None
        if not validate_certs:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def close(self):
        self.session.close()

    def send(self, call, headers):
        """Sends one call. Returns Answer or Lost; raises Stopped."""
        body = None if call.body is None else json.dumps(revealed(call.body)).encode("utf-8")
        accept = "application/octet-stream, application/json" if call.expect is bytes else "application/json"
        headers = {"User-Agent": f"palette.vmware/{VERSION}", "Accept": accept, "Accept-Encoding": "gzip", **headers}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            with self.session.request(call.method, self.host + call.path, params={key: query_text(value) for key, value in revealed(call.query or {}).items()},
                                      data=body, headers=headers, timeout=(self.timeout, self.timeout), verify=self.verify, proxies=self.proxies,
                                      allow_redirects=False, stream=True) as response:
                return self.read(response)
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
            return lost(error, self.host, self.timeout, self.proxy())

    def read(self, response):
        """Answer, or Lost when the body is too long or comes too slowly; the cap counts decompressed bytes."""
        pieces, size, ends = [], 0, self.clock.monotonic() + BODY_TIMEOUTS * self.timeout
        take = getattr(response.raw, "read1", response.raw.read)
        while True:
            self.stop.check()
            piece = take(PIECE, decode_content=True)
            if not piece:
                return Answer(response.status_code, response.headers, b"".join(pieces))
            pieces.append(piece)
            size += len(piece)
            if size > BODY_CAP:
                return Lost(PaletteBadAnswer, f"Palette's answer is larger than {BODY_CAP // 1048576} MiB", again=False, reached=True,
                            fix="check that palette_host is the Palette console's address")
            if self.clock.monotonic() > ends:
                return Lost(PaletteUnreachable, f"Palette at {self.host} did not finish its answer in {BODY_TIMEOUTS * self.timeout:g} s", reached=True)

    def proxy(self):
        """The proxy in use, in words."""
        url = requests.utils.select_proxy(self.host, self.proxies)
        return f"proxy {without_credentials(url)}" if url else "no proxy"


def trust(ca_path, validate_certs):
    """The `verify` of requests. Raises InputRefused when the file of certificates cannot be used."""
    if not validate_certs or not ca_path:
        return bool(validate_certs)
    if os.path.isdir(ca_path):
        return ca_path
    try:
        ssl.create_default_context().load_verify_locations(cafile=ca_path)
    except OSError as error:
        reason = error.strerror or error.__class__.__name__
    else:
        return ca_path
    raise InputRefused(f"the certificates of palette_ca_path cannot be read: {reason}", where="option palette_ca_path", observed=ca_path,
                       expected="a file of PEM certificates, or a directory of them prepared by c_rehash")


def lost(error, host, timeout, proxy):
    """Lost for an exception of requests or urllib3."""
    name = host.split("://", 1)[1]
    if find(error, urllib3.exceptions.ProxyError):
        return Lost(PaletteUnreachable, f"the {proxy} does not lead to Palette at {host}", cause(error), "correct HTTPS_PROXY or NO_PROXY")
    if find(error, socket.gaierror):
        return Lost(PaletteUnreachable, f"the name of Palette's host {name} cannot be resolved by DNS", proxy, "correct palette_host, or the resolver",
                    again=False)
    if find(error, ssl.SSLError) and not find(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return untrusted(find(error, ssl.SSLError), host)
    if find(error, ConnectionRefusedError):
        return Lost(PaletteUnreachable, f"Palette at {host} refused the connection", proxy, "check palette_host and the route or proxy")
    if find(error, (urllib3.exceptions.ConnectTimeoutError, urllib3.exceptions.NewConnectionError)):
        return Lost(PaletteUnreachable, f"Palette at {host} cannot be connected to within {timeout:g} s", f"{cause(error)}; {proxy}",
                    "check palette_host and the route or proxy")
    if find(error, (urllib3.exceptions.ReadTimeoutError, TimeoutError)):
        return Lost(PaletteUnreachable, f"Palette at {host} did not answer within {timeout:g} s", proxy, "raise palette_timeout, or try again later",
                    reached=True)
    broken = (http.client.RemoteDisconnected, http.client.IncompleteRead, urllib3.exceptions.IncompleteRead, ConnectionError, ssl.SSLError)
    if find(error, broken):
        return Lost(PaletteUnreachable, f"the connection to Palette at {host} broke", f"{cause(error)}; {proxy}", "try again", reached=True)
    if find(error, (http.client.HTTPException, urllib3.exceptions.DecodeError, urllib3.exceptions.ProtocolError)):
        return Lost(PaletteBadAnswer, f"what answers at {host} does not speak HTTP as it should", cause(error),
                    "check that palette_host is the Palette console's address", reached=True, again=False)
    return Lost(PaletteUnreachable, f"the request to Palette at {host} could not be sent", f"{cause(error)}; {proxy}", "check palette_host and the proxy",
                again=False)


def cause(error):
    """The innermost reason's type and system text; never a library's own sentence, which may hold the URL."""
    inner = [one for one in chain(error) if isinstance(one, (OSError, http.client.HTTPException)) and not isinstance(one, requests.exceptions.RequestException)]
    one = inner[-1] if inner else error
    tunnel = re.search(r"Tunnel connection failed: [0-9]{3}", str(one))
    return f"{type(one).__name__} {getattr(one, 'strerror', None) or (tunnel.group(0) if tunnel else '')}".strip()


def untrusted(error, host):
    """Lost for a failed TLS handshake; the reason as far as OpenSSL tells it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = TLS_REASONS.get(error.verify_code, "it is not trusted")
        return Lost(PaletteUnreachable, f"the certificate of Palette at {host} is refused: {reason}", error.verify_message,
                    "set palette_ca_path to the certificate of its issuer, or correct palette_host", again=False)
    if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return Lost(PaletteUnreachable, f"what answers at {host} does not speak TLS", error.reason, "check the port in palette_host", again=False)
    return Lost(PaletteUnreachable, f"no TLS connection to Palette at {host}", error.reason or type(error).__name__,
                "check palette_host, palette_ca_path and the proxy", again=False)
