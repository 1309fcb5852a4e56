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
from cryptography.x509.oid import NameOID

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

    def device(self, name: str = "office.example.net", *, ended: bool = False) -> Pair:
        """A device's; `ended`: one that has expired."""
        key = issuing.new_key(ENTROPY)
        private = load_pem_private_key(key.reveal().encode(), None)
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        at = self.now - timedelta(days=30) if ended else self.now
        days = 10 if ended else 100
        return Pair(issuing.device(self.authority, private.public_key(), name, days, ENTROPY, at).certificate, key)
