"""strongSwan's names of algorithms as AWS's."""

from __future__ import annotations

import pytest

from landbridge.model.crypto import Encryption, Group, Integrity
from landbridge.observe.negotiated import Negotiated, negotiated, weak


@pytest.mark.parametrize(
    ("suite", "meaning"),
    [
        (
            "AES_GCM_16-128/PRF_HMAC_SHA2_256/ECP_256",
            Negotiated(Encryption.AES_GCM_16_128, Integrity.SHA2_256, Group.ECP_256),
        ),
        ("AES_GCM_16-256", Negotiated(Encryption.AES_GCM_16_256, None, None)),
        (
            "AES_CBC-256/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024",
            Negotiated(Encryption.AES_CBC_256, Integrity.SHA1, Group.MODP_1024),
        ),
        (
            "AES_CBC-128/HMAC_SHA2_512_256/PRF_HMAC_SHA2_384/MODP_2048_256",
            Negotiated(Encryption.AES_CBC_128, Integrity.SHA2_512, Group.MODP_2048_256),
        ),
        ("CHACHA20_POLY1305/PRF_AES128_XCBC/CURVE_25519", Negotiated()),
        ("", Negotiated()),
    ],
)
def test_suites(suite: str, meaning: Negotiated) -> None:
    assert negotiated(suite) == meaning


@pytest.mark.parametrize(
    ("version", "suites", "told"),
    [
        ("ikev2", ("AES_GCM_16-128/PRF_HMAC_SHA2_256/ECP_256", "AES_GCM_16-128"), ()),
        (
            "ikev1",
            ("AES_CBC-128/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024", "AES_CBC-128/HMAC_SHA1_96/MODP_1536"),
            ("IKEv1", "SHA1", "Diffie-Hellman group 2", "Diffie-Hellman group 5"),
        ),
        ("ikev2", ("AES_GCM_16-256/PRF_HMAC_SHA2_512/MODP_2048_256", "AES_GCM_16-256"), ("Diffie-Hellman group 24",)),
        ("", ("", ""), ()),
    ],
)
def test_what_is_weak(version: str, suites: tuple[str, ...], told: tuple[str, ...]) -> None:
    assert weak(version, *suites) == told
