"""What a customer gateway proves itself with: read from files that somebody else may have written."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from test_device_file import of

from landbridge.customer import device_file as reader
from landbridge.customer.proof import MAX_FILE, read
from landbridge.desired.device_file import DeviceFile, to_xml
from landbridge.model.errors import Combination, Invalid
from landbridge.model.secret import Secret
from pki import Pki

ARN = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-4def-8123-456789abcdef"
PKI = Pki()
DEVICE = PKI.device()


def certified() -> DeviceFile:
    file = of()
    tunnels = tuple(replace(tunnel, psk=None, customer_outside=None) for tunnel in file.tunnels)
    return replace(file, tunnels=tunnels, certificate_arn=ARN, authority=PKI.authority.certificate)


def test_the_device_file_by_certificates_comes_in_as_it_went_out() -> None:
    file = certified()
    assert "pre_shared_key" not in to_xml(file)
    assert reader.read(to_xml(file)) == file


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (ARN, "arn:aws:acm:x", "certificate_arn"),
        ("-----BEGIN CERTIFICATE-----", "x" * 10_000, "more than 8192 characters"),
        ("certificate_authority>", "other>", "certificate_authority"),
    ],
)
def test_a_broken_one_is_refused(old: str, new: str, said: str) -> None:
    with pytest.raises(reader.BadDeviceFile, match=said):
        reader.read(to_xml(certified()).replace(old, new))


def test_certificate_and_key_are_taken_in_any_of_their_forms() -> None:
    key = load_pem_private_key(DEVICE.key.reveal().encode(), None)
    other_form = Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
    for given in (DEVICE.key, other_form):
        proof = read(certified(), DEVICE.certificate, given)
        assert proof is not None
        assert (proof.name, proof.certified.pinned) == ("office.example.net", None)
        assert proof.certified.key == DEVICE.key
        assert proof.certified.authority == PKI.authority.certificate
        assert DEVICE.key.reveal() not in repr(proof)


def test_keys_and_certificates_do_not_mix() -> None:
    assert read(of(), None, None) is None
    for given in ((DEVICE.certificate, DEVICE.key), (DEVICE.certificate, None), (None, DEVICE.key)):
        with pytest.raises(Combination, match="has pre-shared keys"):
            read(of(), *given)
    for missing in ((None, None), (DEVICE.certificate, None), (None, DEVICE.key)):
        with pytest.raises(Combination, match="--certificate FILE --key FILE"):
            read(certified(), *missing)


def pem(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey, password: bytes = b"") -> Secret:
    sealed = BestAvailableEncryption(password) if password else NoEncryption()
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed).decode())


@pytest.mark.parametrize(
    ("certificate", "key", "said"),
    [
        ("no certificate", DEVICE.key, "no certificate in PEM"),
        (DEVICE.certificate[:300], DEVICE.key, "no certificate in PEM"),
        (DEVICE.certificate + "x" * MAX_FILE, DEVICE.key, "more than 65536"),
        (DEVICE.certificate, Secret("hush"), "no private key"),
        (DEVICE.certificate, Secret("hush" * MAX_FILE), "more than 65536"),
        (DEVICE.certificate, PKI.device().key, "does not belong"),
        (DEVICE.certificate, pem(ed25519.Ed25519PrivateKey.generate()), "neither RSA nor"),
        (DEVICE.certificate, pem(rsa.generate_private_key(65537, 2048), b"hush"), "encrypted"),
    ],
    ids=["text", "cut", "huge", "no-key", "huge-key", "another-key", "kind", "encrypted"],
)
def test_what_is_no_good_is_refused_without_quoting_it(certificate: str, key: Secret, said: str) -> None:
    with pytest.raises(Invalid, match=said) as refused:
        read(certified(), certificate, key)
    assert "hush" not in str(refused.value)
    assert "PRIVATE" not in str(refused.value)
