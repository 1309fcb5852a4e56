"""A connection's two tunnels: what was wished for is checked, everything else is allotted.

Three promises: no two tunnels have the same outside address, no two tunnels of a virtual private gateway have
overlapping inside CIDRs, and tunnel 1's outside address sorts before tunnel 2's as text (Terraform sorts them so).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network
from itertools import filterfalse
from typing import Final

from landbridge.control import tunnel_options
from landbridge.control.base import Context, Pools, Scope
from landbridge.model.errors import InsideCidrInUse, Invalid, PoolExhausted
from landbridge.model.ids import Entropy
from landbridge.model.in_force import customers, gateways
from landbridge.model.resources import State
from landbridge.model.secret import Secret
from landbridge.model.snapshot import Index, Snapshot
from landbridge.model.vpn import Tunnel, TunnelOptions, VpnConnection

INSIDE_RANGE: Final = IPv4Network("169.254.0.0/16")
INSIDE_PREFIX_LENGTH: Final = 30
RESERVED_INSIDE: Final = frozenset(
    IPv4Network(cidr)
    for cidr in (
        "169.254.0.0/30",
        "169.254.1.0/30",
        "169.254.2.0/30",
        "169.254.3.0/30",
        "169.254.4.0/30",
        "169.254.5.0/30",
        "169.254.169.252/30",
    )
)
"""AWS, VpnTunnelOptionsSpecification."""

_KEY_FORM: Final = re.compile(r"[A-Za-z1-9._][A-Za-z0-9._]{7,63}")
_KEY_FIRST: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz123456789._"
_KEY_REST: Final = _KEY_FIRST + "0"
_KEY_LENGTH: Final = 32


@dataclass(frozen=True, slots=True)
class TunnelWish:
    """What the caller set of one tunnel; None is "not set"."""

    inside: IPv4Network | None = None
    psk: Secret | None = None
    others: TunnelOptions = field(default_factory=TunnelOptions)
    """All options but these two, which are a tunnel's own values."""

    def grants(self, tunnel: Tunnel) -> bool:
        """Whether this very wish made that tunnel."""
        return (
            tunnel.options == self.options
            and (self.inside is None or tunnel.inside == self.inside)
            and (self.psk is None or tunnel.psk == self.psk)
        )

    @property
    def options(self) -> TunnelOptions:
        """What is kept of the wish beside the values themselves."""
        return replace(self.others, pre_shared_key_set=self.psk is not None, inside_cidr_set=self.inside is not None)


Wishes = tuple[TunnelWish, TunnelWish]


def check(wishes: Wishes) -> None:
    """The wishes by themselves, whatever else there is.

    Raises:
        Invalid: never with a key in its message.
        Combination, Unsupported.
    """
    for wish in wishes:
        check_one(wish)


def check_one(wish: TunnelWish) -> None:
    """One wish by itself, whatever else there is.

    Raises:
        Invalid: never with a key in its message.
        Combination, Unsupported.
    """
    if wish.inside is not None:
        _check_inside(wish.inside)
    if wish.psk is not None and _KEY_FORM.fullmatch(wish.psk.reveal()) is None:
        raise Invalid(
            "PreSharedKey",
            "A PreSharedKey has 8 to 64 characters, each a letter, a digit, a period or an underscore, "
            "and does not start with a zero. Give one like that, or none to get one.",
        )
    tunnel_options.check(wish.options)


def _check_inside(cidr: IPv4Network) -> None:
    if cidr.prefixlen != INSIDE_PREFIX_LENGTH or not cidr.subnet_of(INSIDE_RANGE):
        raise Invalid(
            "TunnelInsideCidr",
            f"Value ({cidr}) for parameter TunnelInsideCidr is invalid. Use a /30 within {INSIDE_RANGE}.",
        )
    if cidr in RESERVED_INSIDE:
        raise Invalid(
            "TunnelInsideCidr", f"The TunnelInsideCidr {cidr} is reserved. Use another /30 of {INSIDE_RANGE}."
        )


def allot(
    scope: Scope, context: Context, *, vpn_gateway_id: str, customer_gateway_id: str, wishes: Wishes
) -> tuple[Tunnel, Tunnel]:
    """Two tunnels as wished (`check`ed before), for a new connection between these gateways.

    Raises:
        InsideCidrInUse, PoolExhausted.
    """
    insides = _insides(scope, context.entropy, vpn_gateway_id, customer_gateway_id, wishes)
    outsides = _outsides(scope.snapshot, context)
    first, second = (
        Tunnel(
            number=number,
            outside=outside,
            inside=inside,
            psk=wish.psk or new_key(context.entropy),
            options=wish.options,
        )
        for number, outside, inside, wish in zip((1, 2), outsides, insides, wishes, strict=True)
    )
    return first, second


def new_key(entropy: Entropy) -> Secret:
    """A pre-shared key as AWS generates them."""
    return Secret(entropy.text(_KEY_FIRST, 1) + entropy.text(_KEY_REST, _KEY_LENGTH - 1))


# --- inside -----------------------------------------------------------------------------------------------------------


_BY_INSIDE: Final = Index(
    VpnConnection,
    lambda c: {(gateway, cidr) for gateway in gateways(c) | customers(c) for cidr in _insides_of(c)},
)
"""Not asked by AWS, but a device with connections to two gateways would have one address on two interfaces."""


def _insides_of(connection: VpnConnection) -> set[IPv4Network]:
    before = connection.change.before.tunnels if connection.change is not None else ()
    return {tunnel.inside for tunnel in (*connection.tunnels, *before)}


def check_inside_free(scope: Scope, connection: VpnConnection, cidr: IPv4Network) -> None:
    """Whether a tunnel of a connection that exists may have this inside CIDR, between the gateways that it names.

    Raises:
        InsideCidrInUse.
    """
    for gateway_id in (connection.vpn_gateway_id, connection.customer_gateway_id):
        for other in scope.snapshot.having(_BY_INSIDE, (gateway_id, cidr)):
            if other.state is not State.DELETED and other.id != connection.id:
                raise InsideCidrInUse(
                    f"The TunnelInsideCidr {cidr} is in use by the VPN connection {other.id} of {gateway_id}, too. "
                    "Use another /30."
                )


def _insides(
    scope: Scope, entropy: Entropy, vpn_gateway_id: str, customer_gateway_id: str, wishes: Wishes
) -> tuple[IPv4Network, IPv4Network]:
    def holder(gateway_id: str, cidr: IPv4Network) -> str | None:
        having = scope.snapshot.having(_BY_INSIDE, (gateway_id, cidr))
        return next((connection.id for connection in having if connection.state is not State.DELETED), None)

    def free(cidr: IPv4Network) -> bool:
        return holder(vpn_gateway_id, cidr) is None and holder(customer_gateway_id, cidr) is None

    wished = [wish.inside for wish in wishes if wish.inside is not None]
    for cidr in wished:
        if (other := holder(vpn_gateway_id, cidr)) is not None:
            raise InsideCidrInUse(
                f"The TunnelInsideCidr {cidr} is in use by the VPN connection {other} of the same virtual "
                "private gateway. Use another /30."
            )
    if len(set(wished)) < len(wished):
        raise InsideCidrInUse(f"Both tunnels ask for the TunnelInsideCidr {wished[0]}. Use two different /30s.")
    drawn: list[IPv4Network] = []
    for wish in wishes:
        drawn.append(wish.inside or _draw_inside(entropy, lambda cidr: cidr not in (*wished, *drawn) and free(cidr)))
    return drawn[0], drawn[1]


def _draw_inside(entropy: Entropy, free: Callable[[IPv4Network], bool]) -> IPv4Network:
    """A random /30, or the next free one after it: whatever the randomness, this ends."""
    count = 1 << (INSIDE_PREFIX_LENGTH - INSIDE_RANGE.prefixlen)
    size = 1 << (32 - INSIDE_PREFIX_LENGTH)
    start = entropy.below(count)
    for step in range(count):
        base = INSIDE_RANGE.network_address + (start + step) % count * size
        cidr = IPv4Network((base, INSIDE_PREFIX_LENGTH))
        if cidr not in RESERVED_INSIDE and free(cidr):
            return cidr
    raise PoolExhausted(f"No /30 of {INSIDE_RANGE} is free. Delete a VPN connection.")


# --- outside ----------------------------------------------------------------------------------------------------------


_BY_OUTSIDE: Final = Index(VpnConnection, lambda connection: [int(tunnel.outside) for tunnel in connection.tunnels])


def _outsides(snapshot: Snapshot, context: Context) -> tuple[IPv4Address, IPv4Address]:
    """Two free addresses of the pool: never used ones before those that were given back, the longest idle first."""
    found = [IPv4Address(address) for address, _ in zip(_candidates(snapshot, context.pools), range(2), strict=False)]
    if len(found) < 2:
        raise PoolExhausted(
            f"Fewer than two outside addresses are free in {context.pools.outside}. Delete a VPN connection."
        )
    first, second = sorted(found, key=str)
    return first, second


def _candidates(snapshot: Snapshot, pools: Pools) -> Iterator[int]:
    # Of every account and region: the addresses are this machine's.
    used = snapshot.grouped(_BY_OUTSIDE)
    base = int(pools.outside.network_address)
    pool = range(base + pools.outside_first, base + pools.outside_last + 1)
    yield from filterfalse(used.__contains__, pool)
    idle: list[tuple[datetime, int]] = []
    for address in pool:
        holders = snapshot.having(_BY_OUTSIDE, address)
        if holders and all(connection.state is State.DELETED for connection in holders):
            idle.append((max(connection.deleted or connection.created for connection in holders), address))
    yield from (address for _, address in sorted(idle))
