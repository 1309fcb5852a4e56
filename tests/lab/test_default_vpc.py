"""The default VPC carries packets as it is: an instance in any of its subnets is on the Internet."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from cloud import Subnet, Vpc
from world import World

pytestmark = pytest.mark.lab


def test_instances_in_default_subnets_reach_each_other_and_the_internet(world: World) -> None:
    made = world.ec2.create_default_vpc()["Vpc"]
    vpc = Vpc(world.cloud, made["VpcId"], IPv4Network(made["CidrBlock"]))
    found = world.ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    first, second, _ = (
        Subnet(vpc, subnet["SubnetId"], IPv4Network(subnet["CidrBlock"]))
        for subnet in sorted(found, key=lambda subnet: str(subnet["AvailabilityZone"]))
    )
    outside = world.internet_host("outside", "198.51.100.10")
    a, b = first.instance("a"), second.instance("b")
    world.converged()

    assert a.reaches(b)
    for instance in (a, b):
        assert instance.public is not None, "without being asked for"
        assert instance.reaches(outside)
        assert outside.cannot_reach(instance.public), "as at AWS, the default group lets its members in and nobody else"
    vpc.opened()
    world.converged()
    for instance in (a, b):
        assert instance.public is not None
        assert outside.reaches(instance.public)
    assert outside.cannot_reach(a.address), "a private address is nobody's on the Internet"
