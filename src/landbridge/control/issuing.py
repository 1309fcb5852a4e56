"""X.509 in the authority's hands: its own certificate, endpoints', and devices' by request. Pure: entropy is handed in.

Nothing of a request but its public key gets into a certificate, so that nobody can ask for the name of an endpoint.
Signatures are deterministic (RFC 6979). No certificate names a URL.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from landbridge.model.certificates import Authority
from landbridge.model.errors import Invalid, WrongState
from landbridge.model.ids import Entropy
from landbridge.model.secret import Secret

AUTHORITY_DAYS: Final = 7300
RSA_BITS: Final = (2_048, 4_096)

_SLOW_CLOCKS: Final = timedelta(hours=1)
_IPSEC: Final = ObjectIdentifier("1.3.6.1.5.5.7.3.17")
"""id-kp-ipsecIKE (RFC 4945)."""
_CURVE: Final = ec.SECP256R1()
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256's group: private keys are the numbers below it (FIPS 186-4)."""
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate in PEM, and when it expires."""

    certificate: str
    ends: datetime


def new_key(entropy: Entropy) -> Secret:
    """A private key (P-256, PEM in SEC 1's form, which charon and OpenSSL read)."""
    key = ec.derive_private_key(1 + entropy.below(_ORDER - 1), _CURVE)
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode())


def authority(key: Secret, entropy: Entropy, now: datetime) -> Issued:
    """The authority's own certificate."""
    private = _private(key)
    public = private.public_key()
    name = _name(f"landbridge VPN authority {_key_id(public).digest.hex()[:12]}")
    builder = (
        _builder(name, name, public, entropy, now, now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(signs=True), critical=True)
    )
    return _signed(builder, private)


def endpoint(of: Authority, key: Secret, name: str, outside: IPv4Address, entropy: Entropy, now: datetime) -> Issued:
    """A tunnel endpoint's, good for its outside address and as long as the authority's."""
    return _leaf(
        of,
        _private(key).public_key(),
        name,
        [x509.IPAddress(outside)],
        ExtendedKeyUsageOID.SERVER_AUTH,
        entropy,
        now,
        _authority_of(of).not_valid_after_utc,
    )


def device(of: Authority, key: PublicKey, name: str, days: int, entropy: Entropy, now: datetime) -> Issued:
    """A customer's device's, with that DNS name. It ends no later than the authority."""
    ends = min(now + timedelta(days=days), _authority_of(of).not_valid_after_utc)
    return _leaf(of, key, name, [x509.DNSName(name)], ExtendedKeyUsageOID.CLIENT_AUTH, entropy, now, ends)


def requested_key(request: str) -> PublicKey:
    """The public key of a certificate request (PKCS #10 in PEM), whose sender has shown to have the private one.

    Raises:
        Invalid: it is no such request, or its key is of a kind that devices are not given.
    """
    try:
        read = x509.load_pem_x509_csr(request.encode())
        key = read.public_key()
        # Before the signature: what a huge key takes to verify is for its sender to find out.
        _check_key(key)
        genuine = read.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Invalid("csr", "This is no certificate request in PEM form (PKCS #10), or it is damaged.") from None
    if not genuine:
        raise Invalid("csr", "The certificate request is not signed with its own key: make it anew.")
    assert isinstance(key, PublicKey)
    return key


def requested_name(request: str) -> str:
    """The common name that a request asks for; empty if there is none, or no request."""
    try:
        names = x509.load_pem_x509_csr(request.encode()).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except (ValueError, TypeError):
        return ""
    return str(names[0].value) if names else ""


def _check_key(key: object) -> None:
    least, most = RSA_BITS
    if isinstance(key, rsa.RSAPublicKey) and least <= key.key_size <= most:
        return
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES):
        return
    raise Invalid("csr", f"A device's key is RSA with {least} to {most} bits, or of P-256, P-384 or P-521.")


def _leaf(
    of: Authority,
    key: PublicKey,
    name: str,
    others: list[x509.GeneralName],
    purpose: ObjectIdentifier,
    entropy: Entropy,
    now: datetime,
    ends: datetime,
) -> Issued:
    signer = _private(of.key)
    if ends <= now:
        raise WrongState("The authority of certificates has expired: nothing that it signs is good any more.")
    builder = (
        _builder(_name(name), _authority_of(of).subject, key, entropy, now, ends)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([_IPSEC, purpose]), critical=False)
        .add_extension(x509.SubjectAlternativeName(others), critical=False)
    )
    return _signed(builder, signer)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, entropy: Entropy, now: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(1 + entropy.below(2**158))
        .not_valid_before((now - _SLOW_CLOCKS).astimezone(UTC))
        .not_valid_after(ends.astimezone(UTC))
        .add_extension(_key_id(key), critical=False)
    )


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> Issued:
    made = builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    return Issued(made.public_bytes(Encoding.PEM).decode(), made.not_valid_after_utc)


def _private(key: Secret) -> ec.EllipticCurvePrivateKey:
    loaded = load_pem_private_key(key.reveal().encode(), None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    return loaded


def _authority_of(of: Authority) -> x509.Certificate:
    return x509.load_pem_x509_certificate(of.certificate.encode())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _key_id(key: PublicKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key)


def key_usage(*, signs: bool) -> x509.KeyUsage:
    """What a key is for: an authority's signs certificates, any other proves who somebody is."""
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
