"""Connections by certificates between two endpoints: side a is the customer's device, side b the cloud's."""

from __future__ import annotations

from dataclasses import replace

from vpn import Side, Vpn

from landbridge.desired.ike import Certified, IkeConnection
from pki import Pair, Pki


def certified(vpn: Vpn, side: Side, proof: Certified, *, anywhere: bool = False) -> IkeConnection:
    """The connection of that side with certificates. `anywhere`: whatever the peer's address."""
    peer = vpn.b if side is vpn.a else vpn.a
    cloud = side is vpn.b
    return replace(
        side.connection(peer, initiate=not cloud),
        psk=None,
        certified=proof,
        local_id=side.outside if cloud else None,
        remote_id=None if cloud else peer.outside,
        remote=None if anywhere else peer.outside,
    )


def device(vpn: Vpn, pki: Pki, own: Pair) -> IkeConnection:
    """Side a: the customer's device, which believes the authority."""
    return certified(
        vpn, vpn.a, Certified(certificate=own.certificate, key=own.key, authority=pki.authority.certificate)
    )


def cloud(vpn: Vpn, pki: Pki, own: Pair, expected: Pair) -> IkeConnection:
    """Side b: the cloud's endpoint, which takes one certificate, from wherever."""
    proof = Certified(
        certificate=own.certificate,
        key=own.key,
        authority=pki.authority.certificate,
        pinned=expected.certificate,
    )
    return certified(vpn, vpn.b, proof, anywhere=True)
