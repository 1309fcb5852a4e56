"""strongSwan's names of algorithms as AWS's."""

from __future__ import annotations

import pytest

from landbridge.observe.negotiated import Negotiated, negotiated


@pytest.mark.parametrize(
    ("suite", "meaning"),
    [
        ("AES_GCM_16-128/PRF_HMAC_SHA2_256/ECP_256", Negotiated("AES128-GCM-16", "SHA2-256", 19)),
        ("AES_GCM_16-256", Negotiated("AES256-GCM-16", None, None)),
        ("AES_CBC-256/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024", Negotiated("AES256", "SHA1", 2)),
        ("AES_CBC-128/HMAC_SHA2_512_256/PRF_HMAC_SHA2_384/MODP_2048_256", Negotiated("AES128", "SHA2-512", 24)),
        ("CHACHA20_POLY1305/PRF_AES128_XCBC/CURVE_25519", Negotiated()),
        ("", Negotiated()),
    ],
)
def test_suites(suite: str, meaning: Negotiated) -> None:
    assert negotiated(suite) == meaning
