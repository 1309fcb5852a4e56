"""What strongSwan says it has negotiated, as algorithms of AWS: `AES_GCM_16-128` is AES128-GCM-16, `ECP_256` is 19."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from landbridge.model.crypto import WEAK, Cipher, Encryption, Group, IkeVersion, Integrity, title

_CIPHER: Final = re.compile(r"AES_(?P<mode>CBC|GCM_16)-(?P<bits>128|256)")
_HASH: Final = re.compile(r"(?:PRF_)?HMAC_(?P<hash>SHA1|SHA2_256|SHA2_384|SHA2_512)(?:_[0-9]+)?(?:-[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What one phase uses; None: it has none of its own, or one that AWS has not."""

    encryption: Encryption | None = None
    integrity: Integrity | None = None
    """The hash; of a cipher that authenticates itself, that of phase 1's pseudo-random function."""
    group: Group | None = None

    @property
    def cipher(self) -> Cipher | None:
        """What protects packets; None where that is not known."""
        return Cipher(self.encryption, self.integrity) if self.encryption is not None else None


def negotiated(suite: str) -> Negotiated:
    """What a suite such as `AES_GCM_16-128/PRF_HMAC_SHA2_256/ECP_256` says."""
    encryption = integrity = group = None
    for part in suite.split("/"):
        if (cipher := _CIPHER.fullmatch(part)) is not None:
            encryption = Encryption(f"AES{cipher['bits']}{'-GCM-16' if cipher['mode'] == 'GCM_16' else ''}")
        elif (keyed := _HASH.fullmatch(part)) is not None:
            integrity = integrity or Integrity(keyed["hash"].replace("_", "-"))
        elif part in Group.__members__:
            group = Group[part]
    return Negotiated(encryption, integrity, group)


def weak(version: str, *suites: str) -> tuple[str, ...]:
    """What of a tunnel's version of IKE and its suites nobody should use any more, each once."""
    found: list[IkeVersion | Integrity | Group] = []
    if version == IkeVersion.IKEV1:
        found.append(IkeVersion.IKEV1)
    for suite in suites:
        one = negotiated(suite)
        found += (each for each in (one.integrity, one.group) if each is not None)
    return tuple(title(each) for each in dict.fromkeys(found) if each in WEAK)
