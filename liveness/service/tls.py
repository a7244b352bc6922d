"""A certificate of one's own, so that browsers on other machines give their camera after one warning."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LASTS = dt.timedelta(days=365)
RENEWED = dt.timedelta(days=14)
"""Before its end a certificate is made anew."""


def own_address() -> str:
    """Return the address by which other machines reach this one, as far as it knows; nothing is sent."""
    for family, elsewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((elsewhere, 9))
                return str(probe.getsockname()[0])
        except OSError:
            continue
    return "127.0.0.1"


def own_names() -> list[str]:
    """Return the names and addresses that a browser may use for this machine."""
    return sorted({"localhost", "127.0.0.1", "::1", socket.gethostname(), own_address()} - {""})


def self_signed(folder: Path, names: Sequence[str], now: dt.datetime) -> tuple[Path, Path]:
    """Return certificate and key, made when there are none, or they end soon, or lack one of the names."""
    certificate, key = folder / "tls-cert.pem", folder / "tls-key.pem"
    if not (key.is_file() and certificate.is_file() and _is_good(certificate.read_bytes(), names, now)):
        _make(certificate, key, names, now)
    return certificate, key


def _is_good(pem: bytes, names: Sequence[str], now: dt.datetime) -> bool:
    try:
        found = x509.load_pem_x509_certificate(pem)
        alternatives = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    return set(_general(names)) <= set(alternatives) and found.not_valid_after_utc - now > RENEWED


def _make(certificate: Path, key: Path, names: Sequence[str], now: dt.datetime) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "liveness, self-signed")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + LASTS)
        .add_extension(x509.SubjectAlternativeName(_general(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key.unlink(missing_ok=True)
    with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secret)
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))


def _general(names: Sequence[str]) -> list[x509.GeneralName]:
    general: list[x509.GeneralName] = []
    for name in names:
        try:
            general.append(x509.IPAddress(ipaddress.ip_address(name.partition("%")[0])))
        except ValueError:
            general.append(x509.DNSName(name.encode("idna").decode("ascii")))
    return general
