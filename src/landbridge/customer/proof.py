"""What a customer gateway proves itself with where its device file has no pre-shared key: a certificate and its key.

They come from files that somebody else may have written, so they are bounded, and checked before anything is made of
them. A key is never part of a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from landbridge.desired.device_file import DeviceFile
from landbridge.desired.ike import Certified
from landbridge.model.certificates import MAX_FILE
from landbridge.model.errors import Combination, Invalid
from landbridge.model.secret import Secret

MAX_CERTIFICATE: Final = 6_000
"""Bytes (DER). The cloud's endpoint takes no message of more than 10,000 bytes."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A certificate and its key, as charon takes them, and what is shown of it."""

    certified: Certified
    name: str
    ends: datetime


def read(file: DeviceFile, certificate: str | None, key: Secret | None) -> Proof | None:
    """What the machine's tunnels prove themselves with; None where the file has pre-shared keys.

    Raises:
        Combination: the file asks for the other of both.
        Invalid: the certificate or the key is not good.
    """
    if not file.certified:
        if certificate is not None or key is not None:
            raise Combination(
                "This device file has pre-shared keys: its customer gateway was made without a CertificateArn. "
                "Leave --certificate and --key out."
            )
        return None
    if certificate is None or key is None:
        raise Combination(
            f"This device file has no pre-shared keys: the device proves itself with the certificate "
            f"{file.certificate_arn}. Name it and its key: --certificate FILE --key FILE."
        )
    shown = _certificate(certificate, "certificate", "The file of --certificate")
    private = _key(key)
    if private.public_key() != shown.public_key():
        raise Invalid("key", "The key of --key does not belong to the certificate of --certificate.")
    _certificate(file.authority, "device file", "The device file's certificate_authority")
    names = shown.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    plain = private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    return Proof(
        Certified(certificate=shown.public_bytes(Encoding.PEM).decode(), key=Secret(plain), authority=file.authority),
        str(names[0].value)[:64] if names else "",
        shown.not_valid_after_utc,
    )


def _certificate(text: str, parameter: str, what: str) -> x509.Certificate:
    if len(text) > MAX_FILE:
        raise Invalid(parameter, f"{what} has more than {MAX_FILE} characters: it holds no device's certificate.")
    try:
        found = x509.load_pem_x509_certificate(text.encode())
        length = len(found.public_bytes(Encoding.DER))
        found.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Invalid(parameter, f"{what} holds no certificate in PEM form.") from None
    if length > MAX_CERTIFICATE:
        raise Invalid(
            parameter, f"{what} is a certificate of {length} bytes; one of more than {MAX_CERTIFICATE} is not taken."
        )
    return found


def _key(key: Secret) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    if len(key.reveal()) > MAX_FILE:
        raise Invalid("key", f"The file of --key has more than {MAX_FILE} characters: it holds no private key.")
    try:
        found = load_pem_private_key(key.reveal().encode(), None)
    except TypeError:
        raise Invalid("key", "The key of --key is encrypted. Give one that is not, readable by root alone.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid("key", "The file of --key holds no private key in PEM form.") from None
    if not isinstance(found, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise Invalid("key", "The key of --key is neither RSA nor of an elliptic curve of NIST's.")
    return found
