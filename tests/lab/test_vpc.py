"""Promise 1: VPCs, subnets and the implicit router between them."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from shell import eventually
from world import World

pytestmark = pytest.mark.lab


def test_the_first_address_is_the_gateway_and_routes_between_subnets(world: World) -> None:
    vpc = world.cloud.vpc("10.0.0.0/16")
    one, two = vpc.subnet("10.0.1.0/24"), vpc.subnet("10.0.2.0/24")
    a, b = one.instance("a"), two.instance("b")

    assert a.reaches(one.gateway)
    assert b.reaches(two.gateway)
    assert a.reaches(b)
    assert b.reaches(a)
    assert a.cannot_reach(vpc.cidr[3 * 256 + 10]), "nobody has that address"


def test_two_vpcs_with_the_same_cidr_do_not_disturb_each_other(world: World) -> None:
    left, right = world.cloud.vpc("10.7.0.0/16"), world.cloud.vpc("10.7.0.0/16")
    first, second = left.subnet("10.7.1.0/24"), right.subnet("10.7.1.0/24")
    here = first.instance("here", PrivateIpAddress="10.7.1.10")
    there = second.instance("there", PrivateIpAddress="10.7.1.10")
    only_there = second.instance("only there", PrivateIpAddress="10.7.1.11")

    assert there.reaches(only_there)
    assert here.cannot_reach(only_there)
    assert not here.gets_through_to(only_there, at=only_there)
    assert here.namespace != there.namespace


def test_each_subnet_follows_its_own_route_table(world: World) -> None:
    vpc = world.cloud.vpc("10.1.0.0/16")
    sends, does_not = vpc.subnet("10.1.1.0/24"), vpc.subnet("10.1.2.0/24")
    a, b, middlebox = sends.instance("a"), does_not.instance("b"), vpc.subnet("10.1.3.0/24").middlebox()
    through_middlebox = vpc.route_table()
    through_middlebox.route("172.20.0.0/16", middlebox.id)
    target = IPv4Address("172.20.0.1")

    assert not a.gets_through_to(target, at=middlebox)
    sends.follow(through_middlebox)
    eventually(lambda: a.gets_through_to(target, at=middlebox, seconds=0.3), "a follows its own table")
    assert not b.gets_through_to(target, at=middlebox), "b follows the main table"

    through_middlebox.delete_route("172.20.0.0/16")
    assert not a.gets_through_to(target, at=middlebox)
    assert a.reaches(b), "the local route cannot be taken away"


def test_a_vpc_goes_only_when_it_is_empty_and_leaves_nothing(world: World) -> None:
    vpc = world.cloud.vpc("10.3.0.0/16")
    subnet = vpc.subnet("10.3.1.0/24")
    world.converged()
    namespace = vpc.namespace
    world.cloud.refuses("DependencyViolation", lambda: world.ec2.delete_vpc(VpcId=vpc.id))
    assert f"namespace {namespace}" in world.remains()

    world.ec2.delete_subnet(SubnetId=subnet.id)
    world.ec2.delete_vpc(VpcId=vpc.id)

    eventually(lambda: f"namespace {namespace}" not in world.remains(), "the router is gone")
