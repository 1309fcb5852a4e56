"""How AWS routes between a VPC and its sites, by its documents alone: the reference that landbridge is held against.

Sources: VPC guide, "Route priority"; Site-to-Site VPN user guide, "Route priority" and "VPN CloudHub". Nothing of
landbridge is imported here, and nothing but the standard library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

Tunnel = tuple[str, int]
"""A connection's name, and the number of one of its tunnels."""

NEVER_LEARNED = tuple(map(IPv4Network, ("127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4")))
LOCAL, GATEWAY, DROPPED, UNREACHABLE = "local", "gateway", "dropped", "unreachable"


@dataclass(frozen=True)
class Table:
    """A route table of a VPC. `static`: targets by prefix; None is one that is gone, a black hole."""

    cidrs: tuple[IPv4Network, ...]
    static: Mapping[IPv4Network, str | None] = field(default_factory=dict)
    propagates: bool = False


@dataclass(frozen=True)
class Advertisement:
    """What a customer gateway says by BGP over one tunnel."""

    prefix: IPv4Network
    tunnel: Tunnel
    path: tuple[int, ...]
    med: int = 0


@dataclass(frozen=True)
class Gateway:
    """A virtual private gateway with all that it is told, believed or not. `static`: connections by prefix."""

    asn: int
    cidrs: tuple[IPv4Network, ...] = ()
    up: frozenset[Tunnel] = frozenset()
    static: frozenset[tuple[IPv4Network, str]] = frozenset()
    heard: tuple[Advertisement, ...] = ()


def believed(gateway: Gateway) -> tuple[Advertisement, ...]:
    """Without what comes by a tunnel that is down, what no customer may announce, and what has been here before."""
    forbidden = (*NEVER_LEARNED, *gateway.cidrs)
    return tuple(
        each
        for each in gateway.heard
        if each.tunnel in gateway.up
        and gateway.asn not in each.path
        and not any(each.prefix.subnet_of(block) for block in forbidden)
    )


def known(gateway: Gateway) -> frozenset[IPv4Network]:
    """The prefixes that the gateway leads to sites, which propagation brings into route tables."""
    ways = {connection for connection, _ in gateway.up}
    by_static = {prefix for prefix, connection in gateway.static if connection in ways}
    return frozenset(by_static | {each.prefix for each in believed(gateway)})


def tunnels(gateway: Gateway, prefix: IPv4Network) -> frozenset[Tunnel]:
    """Those of which AWS takes one for a prefix: static before BGP, then the shortest path, then, of those that come by
    the same neighbour, the lowest MED."""
    statics = {connection for of, connection in gateway.static if of == prefix}
    direct = frozenset(tunnel for tunnel in gateway.up if tunnel[0] in statics)
    if direct:
        return direct
    candidates = [each for each in believed(gateway) if each.prefix == prefix]
    shortest = min((len(each.path) for each in candidates), default=0)
    candidates = [each for each in candidates if len(each.path) == shortest]
    return frozenset(
        each.tunnel
        for each in candidates
        if not any(other.path[:1] == each.path[:1] and other.med < each.med for other in candidates)
    )


def longest(prefixes: Iterable[IPv4Network], address: IPv4Address) -> IPv4Network | None:
    """Of the prefixes that hold the address."""
    return max((prefix for prefix in prefixes if address in prefix), key=lambda each: each.prefixlen, default=None)


def from_the_vpc(table: Table, gateway: Gateway | None, address: IPv4Address) -> str:
    """What becomes of a packet in a subnet that follows the table: a target's name, or LOCAL, GATEWAY, DROPPED,
    UNREACHABLE."""
    if any(address in cidr for cidr in table.cidrs):
        return LOCAL
    learned = known(gateway) if gateway is not None and table.propagates else frozenset()
    prefix = longest((*table.static, *learned), address)
    if prefix is None:
        return UNREACHABLE
    return table.static[prefix] or DROPPED if prefix in table.static else GATEWAY


def through_the_gateway(gateway: Gateway, address: IPv4Address) -> frozenset[Tunnel] | str:
    """Where the gateway sends a packet: the tunnels of which it takes one, or LOCAL (into the VPC), or DROPPED."""
    prefix = longest((*gateway.cidrs, *known(gateway)), address)
    if prefix is None:
        return DROPPED
    if prefix in gateway.cidrs:
        return LOCAL
    return tunnels(gateway, prefix)


def announced(gateway: Gateway, to: str) -> frozenset[IPv4Network]:
    """What the customer gateway of a connection hears: the VPC, and the other sites' prefixes, never its own."""
    others = Gateway(
        gateway.asn,
        gateway.cidrs,
        frozenset(tunnel for tunnel in gateway.up if tunnel[0] != to),
        frozenset((prefix, connection) for prefix, connection in gateway.static if connection != to),
        gateway.heard,
    )
    return frozenset(gateway.cidrs) | known(others)
