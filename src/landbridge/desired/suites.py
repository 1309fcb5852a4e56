"""What a tunnel's options mean under the service's crypto policy: versions, algorithms, and what may pass.

AWS shows a device the lowest value that was configured (its endpoints look for that first). Where nothing was, a
device file recommends what is strong and quick; the endpoint takes it, for it is all that such a device offers.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Final, TypeVar

from landbridge.model.crypto import (
    PHASE_1,
    PHASE_2,
    RECOMMENDED,
    Algorithm,
    CryptoPolicy,
    Encryption,
    IkeVersion,
    PhaseOptions,
    Transforms,
    admitted,
    versions,
)
from landbridge.model.vpn import TunnelOptions

A = TypeVar("A", bound=Algorithm)

_IKEV1_CIPHER: Final = Encryption.AES_CBC_128
"""IKEv1 has no AES-GCM for phase 1."""


def ike_versions(options: TunnelOptions, policy: CryptoPolicy) -> tuple[IkeVersion, ...]:
    """The versions of IKE that the endpoint speaks."""
    return options.ike_versions or versions(policy)


def phase_1(options: TunnelOptions, policy: CryptoPolicy) -> Transforms:
    """What IKE SAs may use."""
    return options.phase1.among(admitted(policy, PHASE_1))


def phase_2(options: TunnelOptions, policy: CryptoPolicy) -> Transforms:
    """What CHILD SAs may use."""
    return options.phase2.among(admitted(policy, PHASE_2))


def told_version(options: TunnelOptions, policy: CryptoPolicy) -> IkeVersion:
    """The version that a device is told: the newest."""
    return ike_versions(options, policy)[-1]


def told_phase_1(options: TunnelOptions, policy: CryptoPolicy) -> Transforms:
    """The one suite of phase 1 that a device is told."""
    ikev1 = told_version(options, policy) is IkeVersion.IKEV1
    told = _told(options.phase1, admitted(policy, PHASE_1))
    if ikev1 and told.encryption[0].authenticates:
        return Transforms((_IKEV1_CIPHER,), told.integrity, told.groups)
    return told


def told_phase_2(options: TunnelOptions, policy: CryptoPolicy) -> Transforms:
    """The one suite of phase 2 that a device is told."""
    return _told(options.phase2, admitted(policy, PHASE_2))


def _told(options: PhaseOptions, possible: Transforms) -> Transforms:
    return Transforms(
        (_one(options.encryption, RECOMMENDED.encryption, possible.encryption),),
        (_one(options.integrity, RECOMMENDED.integrity, possible.integrity),),
        (_one(options.groups, RECOMMENDED.groups, possible.groups),),
    )


def _one(chosen: Sequence[A] | None, recommended: Sequence[A], possible: Sequence[A]) -> A:
    return chosen[0] if chosen else next(each for each in recommended if each in possible)


def selectors(network: IPv4Network, inside: IPv4Address) -> tuple[IPv4Network, ...]:
    """One side's traffic selectors: its network, and its end of the tunnel, between which BGP and BFD are spoken."""
    end = IPv4Network(inside)
    return (network,) if end.subnet_of(network) else (network, end)
