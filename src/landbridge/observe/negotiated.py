"""What strongSwan says it has negotiated, in AWS's words: `AES_GCM_16-128` is AES128-GCM-16, `ECP_256` is group 19."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_CIPHER: Final = re.compile(r"AES_(?P<mode>CBC|GCM_16)-(?P<bits>128|192|256)")
_HASH: Final = re.compile(r"(?:PRF_)?HMAC_(?P<hash>SHA1|SHA2_256|SHA2_384|SHA2_512)(?:_[0-9]+)?(?:-[0-9]+)?")
_GROUPS: Final = {
    "MODP_1024": 2,
    "MODP_1536": 5,
    "MODP_2048": 14,
    "MODP_3072": 15,
    "MODP_4096": 16,
    "MODP_6144": 17,
    "MODP_8192": 18,
    "ECP_256": 19,
    "ECP_384": 20,
    "ECP_521": 21,
    "MODP_1024_160": 22,
    "MODP_2048_224": 23,
    "MODP_2048_256": 24,
}
"""IANA's numbers by strongSwan's names (its libstrongswan/crypto/key_exchange.h)."""


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What one phase uses; None: it has none of its own."""

    encryption: str | None = None
    integrity: str | None = None
    """The hash; of a cipher that authenticates itself, that of phase 1's pseudo-random function."""
    group: int | None = None


def negotiated(suite: str) -> Negotiated:
    """What a suite such as `AES_GCM_16-128/PRF_HMAC_SHA2_256/ECP_256` says; a name that AWS has not, is left out."""
    encryption = integrity = None
    group = None
    for part in suite.split("/"):
        if (cipher := _CIPHER.fullmatch(part)) is not None:
            encryption = f"AES{cipher['bits']}{'-GCM-16' if cipher['mode'] == 'GCM_16' else ''}"
        elif (keyed := _HASH.fullmatch(part)) is not None and integrity is None:
            integrity = keyed["hash"].replace("_", "-")
        elif part in _GROUPS:
            group = _GROUPS[part]
    return Negotiated(encryption, integrity, group)
