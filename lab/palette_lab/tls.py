# SPDX-License-Identifier: GPL-3.0-or-later
"""One CA, one certificate for the servers and one for the ESXi hosts' listeners, both of one key. The CA's key is never stored: it signs once."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path
from typing import Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from palette_lab.site import SERVICES, write_private

DAYS = 800
RENEW_BEFORE_DAYS = 60
SERVER_NAMES = ("localhost", "127.0.0.1", "::1", *SERVICES, *SERVICES.values())


def paths(directory: Path) -> dict[str, str]:
    """Where the files of a lab in `directory` are: {ca, certificate, key, hosts_certificate}."""
    return {name: str(directory / file) for name, file in
            (("ca", "ca.pem"), ("certificate", "server.pem"), ("key", "server.key"), ("hosts_certificate", "hosts.pem"))}


def ensure(directory: Path, hosts: Iterable[str] = ()) -> dict[str, str]:
    """`paths`; makes all files anew when one is missing, a certificate ends within 60 days or lacks one of these names and addresses of ESXi hosts."""
    found = {name: Path(path) for name, path in paths(directory).items()}
    names = sorted(hosts) or ["localhost"]
    if not (all(path.exists() for path in found.values()) and _still_good(found["certificate"], SERVER_NAMES)
            and _still_good(found["hosts_certificate"], names)):
        ca, certificate, hosts_certificate, key = make(names)
        found["ca"].write_bytes(ca)
        found["certificate"].write_bytes(certificate)
        found["hosts_certificate"].write_bytes(hosts_certificate)
        write_private(found["key"], key.decode())
    return paths(directory)


def make(hosts: Iterable[str]) -> tuple[bytes, bytes, bytes, bytes]:
    """PEM texts (CA certificate, servers' certificate, hosts' certificate, key of both), valid for Python 3.13's strict verification (RFC 5280)."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    server_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("Palette lab CA")
    ca_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id)
    ca = (_builder(ca_name, ca_name, ca_key.public_key())
          .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
          .add_extension(_key_usage(sign_certificates=True), critical=True)
          .add_extension(ca_id, critical=False)
          .add_extension(authority, critical=False)
          .sign(ca_key, hashes.SHA256()))
    leaves: list[bytes] = []
    for common_name, names in (("Palette lab", SERVER_NAMES), ("Palette lab ESXi hosts", hosts)):
        leaf = (_builder(_name(common_name), ca_name, server_key.public_key())
                .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                .add_extension(_key_usage(sign_certificates=False), critical=True)
                .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
                .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(server_key.public_key()), critical=False)
                .add_extension(authority, critical=False)
                .sign(ca_key, hashes.SHA256()))
        leaves.append(leaf.public_bytes(serialization.Encoding.PEM))
    key = server_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return ca.public_bytes(serialization.Encoding.PEM), leaves[0], leaves[1], key


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _still_good(path: Path, names: Iterable[str]) -> bool:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.timezone.utc)
    covered = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return left > datetime.timedelta(days=RENEW_BEFORE_DAYS) and {_general_name(name) for name in names} <= set(covered)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "palette.vmware lab"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    return (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public_key).serial_number(x509.random_serial_number())
            .not_valid_before(start).not_valid_after(start + datetime.timedelta(days=DAYS)))


def _key_usage(sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(digital_signature=not sign_certificates, content_commitment=False, key_encipherment=False, data_encipherment=False,
                         key_agreement=not sign_certificates, key_cert_sign=sign_certificates, crl_sign=sign_certificates,
                         encipher_only=False, decipher_only=False)
