"""Authorities, devices and endpoints for tests, by the same code that makes them in a service."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from landbridge.control import issuing
from landbridge.model.certificates import Authority
from landbridge.model.secret import Secret
from landbridge.wiring.world import SystemEntropy

ENTROPY = SystemEntropy()


def request(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, name: str = "") -> str:
    """A certificate request, PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM).decode()


REQUEST = request(ec.derive_private_key(7, ec.SECP256R1()), "asked.example.net")


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, both PEM."""

    certificate: str
    key: Secret


def speaking(of: Authority, pair: Pair, *, url: str = "", padding: int = 0) -> str:
    """The certificate again, by the same authority, with URLs that it names, or with bytes that mean nothing."""
    plain = x509.load_pem_x509_certificate(pair.certificate.encode())
    builder = (
        x509.CertificateBuilder()
        .subject_name(plain.subject)
        .issuer_name(plain.issuer)
        .public_key(plain.public_key())
        .serial_number(plain.serial_number)
        .not_valid_before(plain.not_valid_before_utc)
        .not_valid_after(plain.not_valid_after_utc)
    )
    for extension in plain.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    if url:
        place = x509.UniformResourceIdentifier(url)
        point = x509.DistributionPoint([place], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), False).add_extension(
            x509.AuthorityInformationAccess(
                [
                    x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place),
                    x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, place),
                ]
            ),
            False,
        )
    if padding:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), secrets.token_bytes(padding))
        builder = builder.add_extension(unknown, False)
    key = load_pem_private_key(of.key.reveal().encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


class Pki:
    """An authority."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)
        key = issuing.new_key(ENTROPY)
        self.authority = Authority(
            id="ca",
            account="0" * 12,
            region="us-east-1",
            created=self.now,
            certificate=issuing.authority(key, ENTROPY, self.now).certificate,
            key=key,
        )

    def endpoint(self, address: IPv4Address) -> Pair:
        """A tunnel endpoint's."""
        key = issuing.new_key(ENTROPY)
        name = f"endpoint-{secrets.token_hex(4)}"
        return Pair(issuing.endpoint(self.authority, key, name, address, ENTROPY, self.now).certificate, key)

    def device(self, name: str = "office.example.net", *, ended: bool = False, early: bool = False) -> Pair:
        """A device's; `ended`: one that has expired; `early`: one that is not valid yet."""
        key = issuing.new_key(ENTROPY)
        private = load_pem_private_key(key.reveal().encode(), None)
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        at = self.now + timedelta(days=-30 if ended else 30 if early else 0)
        days = 10 if ended else 100
        return Pair(issuing.device(self.authority, private.public_key(), name, days, ENTROPY, at).certificate, key)
