"""The product's route tables are held against the reference, and the reference is held against mistakes of the product:
each that is seeded here has to be found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from landbridge.model.network import InternetGateway, Route, RouteTable, SecondaryCidr, Vpc
from landbridge.model.resources import Attachment, State
from landbridge.model.snapshot import Put, Snapshot
from landbridge.model.vpn import VpnGateway
from landbridge.routing.tables import LOCAL, Entry, choose, entries
from reference import aws_routing as aws

COMMON: Any = {"account": "1", "region": "r", "created": datetime(2026, 1, 1, tzinfo=UTC)}
CIDRS = (IPv4Network("10.1.0.0/16"), IPv4Network("10.6.0.0/16"))
VPC = Vpc(
    id="vpc-1",
    **COMMON,
    cidr=CIDRS[0],
    secondary=(SecondaryCidr(id="vpc-cidr-assoc-1", cidr=CIDRS[1]),),
    state=State.AVAILABLE,
)
IGW = InternetGateway(id="igw-1", **COMMON, vpc_id="vpc-1", attachment=Attachment.ATTACHED)
VGW = VpnGateway(id="vgw-1", **COMMON, asn=64512, state=State.AVAILABLE, vpc_id="vpc-1", attachment=Attachment.ATTACHED)
TABLE = RouteTable(id="rtb-1", **COMMON, vpc_id="vpc-1", number=100)
ALL = Snapshot().apply([Put(VPC), Put(IGW), Put(VGW)])
UP = frozenset({("a", 1), ("b", 2)})

# Few bits, so that prefixes meet: everything in 10.0.0.0/13.
prefixes = st.builds(
    lambda length, bits: IPv4Network((0x0A000000 | bits << 15, length), strict=False),
    st.integers(8, 17),
    st.integers(0, 31),
)
outside = prefixes.filter(lambda prefix: not VPC.holds(prefix))
statics = st.dictionaries(outside, st.sampled_from(["igw-1", "vgw-1", None]), max_size=6)
learned = st.frozensets(prefixes, max_size=8)
addresses = st.integers(0, (1 << 19) - 1).map(lambda bits: IPv4Address(0x0A000000 | bits))


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[IPv4Network, str | None], frozenset[IPv4Network], IPv4Address]:
    """A table, what was learned, and a packet: most often to somewhere that one of the prefixes holds."""
    static, heard = draw(statics), draw(learned)
    known = sorted({*static, *heard, *CIDRS})
    start = draw(st.sampled_from(known)).network_address
    return static, heard, draw(st.one_of(st.just(start), addresses))


Decide = Callable[[Iterable[Entry], IPv4Address], Entry | None]
Fill = Callable[..., tuple[Entry, ...]]


def by_the_reference(static: dict[IPv4Network, str | None], heard: frozenset[IPv4Network], packet: IPv4Address) -> str:
    gateway = aws.Gateway(
        64512, CIDRS, UP, heard=tuple(aws.Advertisement(prefix, ("a", 1), (65000,)) for prefix in sorted(heard))
    )
    return str(aws.from_the_vpc(aws.Table(CIDRS, static, propagates=True), gateway, packet))


def by_the_product(
    static: dict[IPv4Network, str | None],
    heard: frozenset[IPv4Network],
    packet: IPv4Address,
    fill: Fill = entries,
    decide: Decide = choose,
) -> str:
    routes = tuple(Route(destination=prefix, target=target or "igw-gone") for prefix, target in static.items())
    table = replace(TABLE, routes=routes, propagating=("vgw-1",))
    taken = decide(fill(VPC, table, ALL, heard), packet)
    if taken is None:
        return str(aws.UNREACHABLE)
    if not taken.active:
        return str(aws.DROPPED)
    if taken.target == LOCAL:
        return str(aws.LOCAL)
    return taken.target if taken.destination in static else str(aws.GATEWAY)


@given(worlds())
def test_a_table_decides_as_the_reference_says(
    world: tuple[dict[IPv4Network, str | None], frozenset[IPv4Network], IPv4Address],
) -> None:
    assert by_the_product(*world) == by_the_reference(*world)


def _without(condition: Callable[[Entry], bool]) -> Fill:
    return lambda *given: tuple(entry for entry in entries(*given) if not condition(entry))


def _propagated_first(vpc: Vpc, table: RouteTable, snapshot: Snapshot, heard: Iterable[IPv4Network]) -> Any:
    heard = frozenset(heard)
    kept = replace(table, routes=tuple(route for route in table.routes if route.destination not in heard))
    return entries(vpc, kept, snapshot, heard)


def _local_is_nothing_special(vpc: Vpc, table: RouteTable, snapshot: Snapshot, heard: Iterable[IPv4Network]) -> Any:
    inside = [prefix for prefix in heard if vpc.holds(prefix) and prefix not in CIDRS]
    more = entries(replace(vpc, cidr=IPv4Network("192.0.2.0/24"), secondary=()), table, snapshot, inside)
    return (*entries(vpc, table, snapshot, heard), *(entry for entry in more if entry.destination in inside))


def _shortest(table: Iterable[Entry], destination: IPv4Address) -> Entry | None:
    return min(
        (entry for entry in table if destination in entry.destination),
        key=lambda entry: entry.destination.prefixlen,
        default=None,
    )


MISTAKES: dict[str, tuple[Fill, Decide]] = {
    "the shortest prefix wins": (entries, _shortest),
    "a propagated route beats a static one": (_propagated_first, choose),
    "black holes are left out": (_without(lambda entry: not entry.active), choose),
    "more specific propagated routes beat the local one": (_local_is_nothing_special, choose),
    "secondary CIDRs are not local": (_without(lambda entry: entry.destination == CIDRS[1]), choose),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_of_the_product_is_found(mistake: str) -> None:
    fill, decide = MISTAKES[mistake]

    @settings(max_examples=2_000, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(worlds())
    def holds(world: tuple[dict[IPv4Network, str | None], frozenset[IPv4Network], IPv4Address]) -> None:
        assert by_the_product(*world, fill, decide) == by_the_reference(*world)

    with pytest.raises(AssertionError):
        holds()
