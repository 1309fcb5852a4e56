"""The service's own certificate: an authority, made once, and a server's certificate under it, renewed in time.

Clients are given the authority's certificate (`ca.pem`) as what they trust; it stays when the server's changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from landbridge.control.issuing import key_usage
from landbridge.model.errors import OperatorError
from landbridge.store.folder import write_private

AUTHORITY_DAYS: Final = 3650
SERVER_DAYS: Final = 90
_RENEWED_WHEN_LEFT: Final = 1 / 3
"""A certificate that has less than this part of its life before it is renewed."""
_SLOW_CLOCKS: Final = timedelta(hours=1)
"""Certificates are valid since a while ago, for clients whose clock is behind."""


class CertificateError(OperatorError):
    """The certificates in the state folder cannot be used. The message says what to do."""


@dataclass(frozen=True, slots=True)
class _Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class OwnCertificates:
    """The files of one folder, private to its owner.

    `ca.pem` (`authority`) is for clients; `ca.key` is its key; `server.pem` (`server`) is key and certificate in one
    file, so that it is replaced as a whole.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority_key = folder / "ca.key"
        self.authority = folder / "ca.pem"
        self.server = folder / "server.pem"

    def keep(self, names: Iterable[str], now: datetime) -> bool:
        """See that there is a certificate for these names (DNS names and addresses) that is not about to expire.

        Answers whether something was made anew.

        Raises:
            CertificateError: files of the folder are damaged, or cannot be written.
        """
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            authority, new = self._kept_authority(now)
            wanted = tuple(dict.fromkeys(names))
            if not new and self._serves(wanted, authority, now):
                return False
            made = _server(authority, wanted, now)
            write_private(self.server, _key_text(made) + _certificate_text(made))
        except OSError as error:
            raise CertificateError(
                f"The certificates in {self._folder} cannot be kept ({error.strerror}). "
                "Make the state folder writable, or give a certificate with --tls-cert and --tls-key."
            ) from None
        return True

    def _kept_authority(self, now: datetime) -> tuple[_Pair, bool]:
        if not (self.authority.exists() and self._authority_key.exists()):
            made = _authority(ec.generate_private_key(ec.SECP256R1()), now)
        else:
            found = _pair(self.authority.read_bytes(), self._authority_key.read_bytes())
            if found is None:
                raise CertificateError(
                    f"{self.authority} and its key are damaged. Restore them from a backup, or remove {self._folder}: "
                    "then the next start makes new ones, and clients need the new ca.pem."
                )
            if not _aged(found.certificate, now):
                return found, False
            # The same key and name: who trusts the old certificate still trusts what the new one vouches for.
            made = _authority(found.key, now)
        write_private(self._authority_key, _key_text(made))
        write_private(self.authority, _certificate_text(made))
        return made, True

    def _serves(self, names: tuple[str, ...], authority: _Pair, now: datetime) -> bool:
        """Whether the server's certificate will do. A damaged one will not: it is only made anew."""
        text = self.server.read_bytes() if self.server.exists() else b""
        found = _pair(text, text)
        if found is None or _aged(found.certificate, now):
            return False
        try:
            found.certificate.verify_directly_issued_by(authority.certificate)
            shown = found.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return False
        return list(shown) == _general(names)


def _pair(certificate: bytes, key: bytes) -> _Pair | None:
    """What the PEM texts hold, if they belong together."""
    try:
        shown, secret = x509.load_pem_x509_certificate(certificate), load_pem_private_key(key, None)
    except (ValueError, TypeError):
        return None
    if not isinstance(secret, ec.EllipticCurvePrivateKey) or shown.public_key() != secret.public_key():
        return None
    return _Pair(shown, secret)


def _key_text(pair: _Pair) -> str:
    return pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _certificate_text(pair: _Pair) -> str:
    return pair.certificate.public_bytes(Encoding.PEM).decode()


def _aged(certificate: x509.Certificate, now: datetime) -> bool:
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_after_utc - now < life * _RENEWED_WHEN_LEFT


def _general(names: Iterable[str]) -> list[x509.GeneralName]:
    return [_general_name(name) for name in names]


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _name(what: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"landbridge {what}")])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before((now - _SLOW_CLOCKS).astimezone(UTC))
        .not_valid_after((now + timedelta(days=days)).astimezone(UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> _Pair:
    # Named after its key: of two services' authorities in one bundle, a client finds the right one.
    name = _name(f"authority {x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest.hex()[:12]}")
    made = (
        _builder(name, name, key.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(signs=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _Pair(made, key)


def _server(authority: _Pair, names: Iterable[str], now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    made = (
        _builder(_name("server"), authority.certificate.subject, key.public_key(), now, SERVER_DAYS)
        .add_extension(issuer, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_general(names)), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return _Pair(made, key)
