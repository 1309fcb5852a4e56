"""The algorithms of IKE and ESP that a tunnel's options can name, and which of them a crypto policy admits.

The names are the field's, the values AWS's. Members stand in AWS's order, from the lowest: that is the order in which
its endpoints look for something that the peer offers, too (user guide, "Tunnel options").
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum, StrEnum
from typing import Final, NamedTuple


class IkeVersion(StrEnum):
    """A version of IKE. Version 1 in main mode only; it is deprecated (RFC 9395)."""

    IKEV1 = "ikev1"
    IKEV2 = "ikev2"


class Encryption(StrEnum):
    """A cipher: AES in CBC mode (RFC 3602), or in GCM with a 16-byte ICV, which authenticates as well (RFC 4106)."""

    AES_CBC_128 = "AES128"
    AES_CBC_256 = "AES256"
    AES_GCM_16_128 = "AES128-GCM-16"
    AES_GCM_16_256 = "AES256-GCM-16"

    @property
    def authenticates(self) -> bool:
        """Whether no integrity algorithm goes with it."""
        return self in (Encryption.AES_GCM_16_128, Encryption.AES_GCM_16_256)

    @property
    def bits(self) -> int:
        """The key's length."""
        return 256 if self in (Encryption.AES_CBC_256, Encryption.AES_GCM_16_256) else 128


class Integrity(StrEnum):
    """A hash: of HMAC over packets, and of phase 1's pseudo-random function, which AES-GCM needs, too."""

    SHA1 = "SHA1"
    SHA2_256 = "SHA2-256"
    SHA2_384 = "SHA2-384"
    SHA2_512 = "SHA2-512"


class Group(IntEnum):
    """A Diffie-Hellman group by IANA's number. 22 to 24 have subgroups of small order (RFC 5114)."""

    MODP_1024 = 2
    MODP_1536 = 5
    MODP_2048 = 14
    MODP_3072 = 15
    MODP_4096 = 16
    MODP_6144 = 17
    MODP_8192 = 18
    ECP_256 = 19
    ECP_384 = 20
    ECP_521 = 21
    MODP_1024_160 = 22
    MODP_2048_224 = 23
    MODP_2048_256 = 24


class Cipher(NamedTuple):
    """What protects packets: it decides how much room is left for them."""

    encryption: Encryption
    integrity: Integrity | None
    """None where the cipher authenticates as well."""


@dataclass(frozen=True, slots=True)
class Transforms:
    """The algorithms that one phase may use: one of each kind is negotiated. Never empty, in the order of choice."""

    encryption: tuple[Encryption, ...]
    integrity: tuple[Integrity, ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class PhaseOptions:
    """What the caller set of one phase; None is "not set" and means whatever the crypto policy admits."""

    encryption: tuple[Encryption, ...] | None = None
    integrity: tuple[Integrity, ...] | None = None
    groups: tuple[Group, ...] | None = None
    lifetime_seconds: int | None = None

    def among(self, admitted: Transforms) -> Transforms:
        """The algorithms in force, where those that are admitted are the default."""
        return Transforms(
            encryption=self.encryption or admitted.encryption,
            integrity=self.integrity or admitted.integrity,
            groups=self.groups or admitted.groups,
        )


UNSET: Final = PhaseOptions()
"""Nothing was set."""

RECOMMENDED: Final = Transforms(
    (Encryption.AES_GCM_16_128, Encryption.AES_GCM_16_256),
    (Integrity.SHA2_256, Integrity.SHA2_384),
    (Group.ECP_256, Group.ECP_384),
)
"""Strong and quick. Every policy admits one of each kind."""

PHASE_1: Final = Transforms(
    tuple(Encryption), tuple(Integrity), tuple(group for group in Group if group is not Group.MODP_1536)
)
PHASE_2: Final = Transforms(tuple(Encryption), tuple(Integrity), tuple(Group))
"""AWS's defaults: all that it knows, less key exchanges that strongSwan 5.9 has not (ML-KEM, 35 to 37)."""

WEAK: Final = frozenset[IkeVersion | Integrity | Group](
    {
        IkeVersion.IKEV1,
        Integrity.SHA1,
        Group.MODP_1024,
        Group.MODP_1536,
        Group.MODP_1024_160,
        Group.MODP_2048_224,
        Group.MODP_2048_256,
    }
)
"""RFC 8247 (algorithms of IKEv2) says SHOULD NOT, MUST NOT or "MUST-" of these; RFC 9395 deprecates IKEv1."""


class CryptoPolicy(StrEnum):
    """Which algorithms tunnels may use: all of AWS's; none that is weak; those of the CNSA suite (RFC 9206)."""

    AWS = "aws"
    MODERN = "modern"
    CNSA = "cnsa"


_CNSA: Final = frozenset[IkeVersion | Encryption | Integrity | Group](
    {
        IkeVersion.IKEV2,
        Encryption.AES_GCM_16_256,
        Integrity.SHA2_384,
        Group.MODP_3072,
        Group.MODP_4096,
        Group.ECP_384,
    }
)

Algorithm = IkeVersion | Encryption | Integrity | Group


def admits(policy: CryptoPolicy, algorithm: Algorithm) -> bool:
    """Whether tunnels may use it."""
    match policy:
        case CryptoPolicy.AWS:
            return True
        case CryptoPolicy.MODERN:
            return algorithm not in WEAK
        case CryptoPolicy.CNSA:
            return algorithm in _CNSA


def admitted(policy: CryptoPolicy, every: Transforms) -> Transforms:
    """Those of the algorithms that the policy admits."""
    return Transforms(
        tuple(each for each in every.encryption if admits(policy, each)),
        tuple(each for each in every.integrity if admits(policy, each)),
        tuple(each for each in every.groups if admits(policy, each)),
    )


def versions(policy: CryptoPolicy) -> tuple[IkeVersion, ...]:
    """The versions of IKE that the policy admits."""
    return tuple(version for version in IkeVersion if admits(policy, version))


def named(options: PhaseOptions) -> tuple[Algorithm, ...]:
    """Every algorithm that the caller named."""
    values = (getattr(options, item.name) for item in fields(options))
    return tuple(each for value in values if isinstance(value, tuple) for each in value)


def title(algorithm: Algorithm) -> str:
    """What people call it, in a sentence."""
    match algorithm:
        case Group():
            return f"Diffie-Hellman group {algorithm.value}"
        case IkeVersion():
            return "IKEv1" if algorithm is IkeVersion.IKEV1 else "IKEv2"
        case _:
            return str(algorithm)
