"""Sets of algorithms as strongSwan's proposals. Pure.

As responder charon walks through its own proposals and takes the first that one of the peer's matches, and within it,
kind by kind, its own first algorithm (`prefer_configured_proposals`, on by default). So the endpoint's order decides,
whatever the peer prefers: cipher before hash before group, each from the lowest, as AWS documents. A proposal has one
cipher and one hash here, and all groups; of a peer's that differ in the group alone the peer's first is taken.

Who initiates offers these very proposals. With IKEv2 they would not fit into one packet, so it names all hashes in one
proposal per cipher. With IKEv1 a proposal's first group is all that charon offers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from landbridge.model.crypto import Encryption, Group, IkeVersion, Integrity, Transforms

_CIPHERS: Final[Mapping[Encryption, str]] = {
    Encryption.AES_CBC_128: "aes128",
    Encryption.AES_CBC_256: "aes256",
    Encryption.AES_GCM_16_128: "aes128gcm16",
    Encryption.AES_GCM_16_256: "aes256gcm16",
}
_HASHES: Final[Mapping[Integrity, str]] = {
    Integrity.SHA1: "sha1",
    Integrity.SHA2_256: "sha256",
    Integrity.SHA2_384: "sha384",
    Integrity.SHA2_512: "sha512",
}
_GROUPS: Final[Mapping[Group, str]] = {
    Group.MODP_1024: "modp1024",
    Group.MODP_1536: "modp1536",
    Group.MODP_2048: "modp2048",
    Group.MODP_3072: "modp3072",
    Group.MODP_4096: "modp4096",
    Group.MODP_6144: "modp6144",
    Group.MODP_8192: "modp8192",
    Group.ECP_256: "ecp256",
    Group.ECP_384: "ecp384",
    Group.ECP_521: "ecp521",
    Group.MODP_1024_160: "modp1024s160",
    Group.MODP_2048_224: "modp2048s224",
    Group.MODP_2048_256: "modp2048s256",
}


def ike_proposals(transforms: Transforms, versions: Sequence[IkeVersion], *, initiates: bool) -> list[str]:
    """Of phase 1. AES-GCM has a pseudo-random function in the integrity algorithm's place, and IKEv1 has no AES-GCM."""
    ciphers = [cipher for cipher in transforms.encryption if IkeVersion.IKEV2 in versions or not cipher.authenticates]
    return [
        _proposal(cipher, hashes, transforms.groups, prefix="prf" if cipher.authenticates else "")
        for cipher in ciphers
        for hashes in _hashes(transforms, versions, initiates=initiates)
    ]


def esp_proposals(
    transforms: Transforms, versions: Sequence[IkeVersion], *, initiates: bool, extended: bool
) -> list[str]:
    """Of phase 2, always with a Diffie-Hellman group: perfect forward secrecy, which AWS asks for.

    `extended`: extended sequence numbers are offered, and peers that have none are taken.
    """
    proposals = []
    for cipher in transforms.encryption:
        several = _hashes(transforms, versions, initiates=initiates)
        for hashes in [()] if cipher.authenticates else several:
            proposals.append(_proposal(cipher, hashes, transforms.groups))
    return [f"{each}-esn-noesn" for each in proposals] if extended else proposals


def _hashes(transforms: Transforms, versions: Sequence[IkeVersion], *, initiates: bool) -> list[tuple[Integrity, ...]]:
    if initiates and IkeVersion.IKEV2 in versions:
        return [transforms.integrity]
    return [(each,) for each in transforms.integrity]


def _proposal(cipher: Encryption, hashes: Sequence[Integrity], groups: Sequence[Group], prefix: str = "") -> str:
    words = [_CIPHERS[cipher], *(f"{prefix}{_HASHES[each]}" for each in hashes), *(_GROUPS[each] for each in groups)]
    return "-".join(words)
