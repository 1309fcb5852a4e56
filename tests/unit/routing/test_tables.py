"""What a route table holds, against AWS's rules put another way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.model.instances import Instance, InstanceState, InterfaceAttachment, NetworkInterface, PrivateAddress
from landbridge.model.network import (
    Association,
    InternetGateway,
    Route,
    RouteOrigin,
    RouteTable,
    SecondaryCidr,
    Subnet,
    Vpc,
)
from landbridge.model.resources import Attachment, Resource, State
from landbridge.model.snapshot import Put, Snapshot
from landbridge.model.vpn import VpnGateway
from landbridge.routing.tables import choose, entries, followed, free_number

COMMON: Any = {"account": "1", "region": "r", "created": datetime(2026, 1, 1, tzinfo=UTC)}
VPC = Vpc(id="vpc-1", **COMMON, cidr=IPv4Network("10.1.0.0/16"), state=State.AVAILABLE)
LATER = IPv4Network("10.6.0.0/16")
WIDER = replace(VPC, secondary=(SecondaryCidr(id="vpc-cidr-assoc-1", cidr=LATER),))
IGW = InternetGateway(id="igw-1", **COMMON, vpc_id="vpc-1", attachment=Attachment.ATTACHED)
VGW = VpnGateway(id="vgw-1", **COMMON, asn=64512, state=State.AVAILABLE, vpc_id="vpc-1", attachment=Attachment.ATTACHED)
BOX = Instance(
    id="i-1",
    **COMMON,
    vpc_id="vpc-1",
    subnet_id="subnet-1",
    image_id="ami-1",
    instance_type="t3.micro",
    reservation_id="r-1",
    state=InstanceState.RUNNING,
)
ENI = NetworkInterface(
    id="eni-1",
    **COMMON,
    vpc_id="vpc-1",
    subnet_id="subnet-1",
    addresses=(PrivateAddress(address=IPv4Address("10.1.0.4")),),
    attachment=InterfaceAttachment(
        id="eni-attach-1",
        instance_id="i-1",
        device_index=0,
        delete_on_termination=True,
        since=COMMON["created"],
        state=Attachment.ATTACHED,
    ),
)
TABLE = RouteTable(id="rtb-1", **COMMON, vpc_id="vpc-1", number=100, propagating=("vgw-1",))


def snapshot(*resources: Resource) -> Snapshot:
    return Snapshot().apply(Put(resource) for resource in resources)


ALL = snapshot(VPC, IGW, VGW, BOX, ENI)

# Few bits, so that prefixes meet: everything in 10.0.0.0/13.
prefixes = st.builds(
    lambda length, bits: IPv4Network((0x0A000000 | bits << 15, length), strict=False),
    st.integers(8, 17),
    st.integers(0, 31),
)
routes = st.lists(
    st.builds(Route, destination=prefixes, target=st.sampled_from(["igw-1", "vgw-1", "eni-1", "igw-gone"])),
    unique_by=lambda route: route.destination,
    max_size=8,
)
addresses = st.integers(0, (1 << 19) - 1).map(lambda bits: IPv4Address(0x0A000000 | bits))


@given(routes, st.frozensets(prefixes, max_size=8), addresses)
def test_the_order_is_awss(static: list[Route], learned: frozenset[IPv4Network], packet: IPv4Address) -> None:
    static = [route for route in static if not WIDER.holds(route.destination)]
    table = replace(TABLE, routes=tuple(static))
    shown = entries(WIDER, table, ALL, learned)

    # AWS's rules without the table: local beats propagated, then the longest prefix, then static beats propagated.
    candidates = [(route.destination.prefixlen, 1, route.target) for route in static if packet in route.destination]
    if packet in VPC.cidr or packet in LATER:
        expected: str | None = "local"
    else:
        candidates += [(net.prefixlen, 0, "vgw-1") for net in learned if packet in net]
        expected = max(candidates)[2] if candidates else None

    taken = choose(shown, packet)
    assert (taken.target if taken else None) == expected


@given(routes, st.frozensets(prefixes, max_size=8))
def test_what_is_shown_is_consistent(static: list[Route], learned: frozenset[IPv4Network]) -> None:
    table = replace(TABLE, routes=tuple(static))
    shown = entries(WIDER, table, ALL, learned)
    assert [entry.destination for entry in shown[:2]] == [VPC.cidr, LATER]
    assert [e.destination for e in shown if e.origin is RouteOrigin.CREATE_ROUTE] == [r.destination for r in static]
    rest = [e.destination for e in shown[2:]]
    assert len(rest) == len(set(rest))
    propagated = {e.destination for e in shown if e.origin is RouteOrigin.PROPAGATION}
    assert propagated <= learned
    assert all(net in propagated or WIDER.holds(net) or net in set(rest) for net in learned)
    assert {e.target for e in shown if not e.active} <= {"igw-gone"}


@pytest.mark.parametrize(
    ("target", "there"),
    [
        ("igw-1", replace(IGW, vpc_id="vpc-2")),
        ("igw-1", replace(IGW, vpc_id=None, attachment=Attachment.DETACHED)),
        ("igw-1", replace(IGW, attachment=Attachment.DETACHING)),
        ("vgw-1", replace(VGW, attachment=Attachment.DETACHING)),
        ("vgw-1", replace(VGW, state=State.DELETING)),
        ("eni-1", replace(BOX, state=InstanceState.SHUTTING_DOWN)),
        ("eni-1", replace(BOX, state=InstanceState.TERMINATED)),
        ("eni-1", replace(ENI, vpc_id="vpc-2")),
        ("eni-1", replace(ENI, attachment=None)),
        ("eni-1", replace(ENI, attachment=replace(ENI.attachment, state=Attachment.DETACHING))),
        ("eni-1", replace(ENI, attachment=replace(ENI.attachment, instance_id="i-2"))),
        ("eni-2", ENI),
        ("i-1", BOX),
    ],
)
def test_black_holes(target: str, there: Resource) -> None:
    table = replace(TABLE, routes=(Route(destination=IPv4Network("0.0.0.0/0"), target=target),))
    local, route = entries(VPC, table, ALL.apply([Put(there)]))
    assert local.active
    assert not route.active


def test_a_black_hole_still_hides_the_propagated_route() -> None:
    site = IPv4Network("192.168.0.0/16")
    table = replace(TABLE, routes=(Route(destination=site, target="igw-gone"),))
    taken = choose(entries(VPC, table, ALL, [site]), IPv4Address("192.168.1.1"))
    assert taken is not None
    assert (taken.target, taken.active) == ("igw-gone", False)


def test_only_an_attached_gateway_propagates() -> None:
    learned = [IPv4Network("192.168.0.0/16")]
    assert len(entries(VPC, TABLE, ALL, learned)) == 2
    assert len(entries(VPC, replace(TABLE, propagating=()), ALL, learned)) == 1
    detached = snapshot(VPC, replace(VGW, vpc_id=None, attachment=Attachment.DETACHED))
    assert len(entries(VPC, TABLE, detached, learned)) == 1


def test_a_subnet_follows_its_own_table_or_the_main_one() -> None:
    subnet = Subnet(
        id="subnet-1", **COMMON, vpc_id="vpc-1", cidr=IPv4Network("10.1.0.0/24"), zone="ra", state=State.AVAILABLE
    )
    main = replace(TABLE, id="rtb-main", associations=(Association(id="rtbassoc-1", subnet_id=None),))
    own = replace(TABLE, id="rtb-own", associations=(Association(id="rtbassoc-2", subnet_id="subnet-1"),))
    other = replace(main, id="rtb-other", vpc_id="vpc-2")
    assert followed(subnet, [other, main, TABLE]) is main
    assert followed(subnet, [other, main, own]) is own
    assert followed(subnet, [other]) is None


@given(st.frozensets(st.integers(95, 260)))
def test_kernel_numbers_are_free_and_not_the_kernels(taken: frozenset[int]) -> None:
    number = free_number(taken)
    assert number >= 100
    assert number not in taken | {253, 254, 255}
    assert all(below in taken | {253, 254, 255} for below in range(100, number))
