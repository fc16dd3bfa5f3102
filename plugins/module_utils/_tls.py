# Copyright: (c) 2026, palette.vmware contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS towards servers with certificates of a site's own. PRIVATE to the collection."""
from __future__ import annotations

import hashlib
import os
import socket
import ssl

from ._errors import InputRefused


def tls_context(ca_path, validate, option="ca_path", with_system=False):
    """ssl.SSLContext that trusts the CA file or folder (beside it the system's own CAs when with_system), or the system's when there is none.

    Environment variables such as REQUESTS_CA_BUNDLE have no say. Raises InputRefused naming `option` when the CA cannot be read.
    """
    if not validate:
        return unverified()
    if not ca_path:
        return ssl.create_default_context()
    try:
        place = {"capath": ca_path} if os.path.isdir(ca_path) else {"cafile": ca_path}
        trusted = ssl.create_default_context(**place)
    except (OSError, ssl.SSLError) as error:
        raise InputRefused("the CA certificates cannot be read", where=f"option {option}", observed=f"{ca_path}: {error.strerror or 'no certificate in it'}",
                           expected="a file or folder with PEM certificates", fix="correct the path") from error
    if with_system:
        trusted.load_default_certs()
    return trusted


def unverified():
    """A context that accepts any certificate; whoever uses it has another proof, or was told to go without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def fingerprint(certificate, algorithm="sha256"):
    """bytes (DER) -> AA:BB:…"""
    digest = hashlib.new(algorithm, certificate).hexdigest().upper()
    return ":".join(digest[i:i + 2] for i in range(0, len(digest), 2))


def presented(host, port, timeout):
    """SHA-256 fingerprint of the certificate that a server shows, for an error message; empty when it shows none."""
    try:
        with socket.create_connection((host, port), timeout=timeout) as plain, unverified().wrap_socket(plain, server_hostname=host) as secured:
            return fingerprint(secured.getpeercert(True))
    except OSError:
        return ""


def refusal(error, host, port, option, switch):
    """Fields of a Failure for a certificate that was not accepted: where, observed, fix. option: the CA's, switch: the one that turns checking off."""
    reason = getattr(error, "verify_message", "") or getattr(error, "reason", "") or str(error)
    seen = presented(host, port, 5)
    return {"where": f"{host} port {port}", "observed": f"{reason}" + (f"; certificate SHA-256 {seen}" if seen else ""),
            "expected": "a certificate that is trusted",
            "fix": f"set {option} to the CA of {host}, or {switch}: false to go without verification", "retriable": False}
