# SPDX-License-Identifier: GPL-3.0-or-later
"""One CA and one server certificate for all TLS listeners of a lab. The CA's key is never stored: it signs once."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from palette_lab.site import write_private

DAYS = 800
RENEW_BEFORE_DAYS = 60
NAMES = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.IPAddress(ipaddress.ip_address("::1"))]


def ensure(directory: Path) -> dict[str, str]:
    """Paths {ca, certificate, key} in `directory`; makes all three anew when one is missing or the certificate ends within 60 days."""
    paths = {"ca": directory / "ca.pem", "certificate": directory / "server.pem", "key": directory / "server.key"}
    if not (all(path.exists() for path in paths.values()) and _still_good(paths)):
        ca, certificate, key = make()
        paths["ca"].write_bytes(ca)
        paths["certificate"].write_bytes(certificate)
        write_private(paths["key"], key.decode())
    return {name: str(path) for name, path in paths.items()}


def make() -> tuple[bytes, bytes, bytes]:
    """PEM texts (CA certificate, server certificate, server key), valid for Python 3.13's strict verification (RFC 5280)."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    server_key = ec.generate_private_key(ec.SECP256R1())
    ca_name, server_name = _name("Palette lab CA"), _name("Palette lab")
    ca_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id)
    ca = (_builder(ca_name, ca_name, ca_key.public_key())
          .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
          .add_extension(_key_usage(sign_certificates=True), critical=True)
          .add_extension(ca_id, critical=False)
          .add_extension(authority, critical=False)
          .sign(ca_key, hashes.SHA256()))
    server = (_builder(server_name, ca_name, server_key.public_key())
              .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
              .add_extension(_key_usage(sign_certificates=False), critical=True)
              .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
              .add_extension(x509.SubjectAlternativeName(NAMES), critical=False)
              .add_extension(x509.SubjectKeyIdentifier.from_public_key(server_key.public_key()), critical=False)
              .add_extension(authority, critical=False)
              .sign(ca_key, hashes.SHA256()))
    key = server_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return ca.public_bytes(serialization.Encoding.PEM), server.public_bytes(serialization.Encoding.PEM), key


def _still_good(paths: dict[str, Path]) -> bool:
    certificate = x509.load_pem_x509_certificate(paths["certificate"].read_bytes())
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.timezone.utc)
    return left > datetime.timedelta(days=RENEW_BEFORE_DAYS)


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
