"""A VPC's secondary CIDR is the VPC's as the first one is: between subnets, to sites, and against sites' claims."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from shell import eventually
from world import World

pytestmark = pytest.mark.lab

LAN = "192.168.60.0/24"
LATER = "10.6.0.0/16"


def test_a_secondary_cidr_is_reached_announced_defended_and_taken_back(world: World) -> None:
    """instances in 10.0.1.0/24 and 10.6.1.0/24 -- VPC (main table propagates) -- VGW == BGP == paris -- host"""
    vpc = world.cloud.vpc("10.0.0.0/16").opened()
    old = vpc.subnet("10.0.1.0/24").instance("old")
    gateway = vpc.vpn_gateway(64_621)
    table = vpc.main_table
    table.propagate(gateway)
    paris = world.site("paris", "203.0.113.77", LAN)
    connection = gateway.connect(paris, asn=65_010)
    paris.customer_gateway_up(connection, "--advertise", LAN, "--advertise", "10.6.9.0/24")
    connection.comes_up()
    eventually(lambda: table.kernel().get("10.6.9.0/24") == {"vgw0"}, "what is nobody's is the site's to announce")

    # Added while the site's claim to a part of it is in force.
    added = world.ec2.associate_vpc_cidr_block(VpcId=vpc.id, CidrBlock=LATER)
    later = vpc.subnet("10.6.1.0/24", public=True)
    new = later.instance("new")
    world.converged()

    assert new.reaches(later.gateway)
    assert new.reaches(old)
    assert old.reaches(new)
    new.comes_to_reach(paris.host)
    paris.host.comes_to_reach(new)
    assert {"10.0.0.0/16", LATER} <= set(paris.routes())
    eventually(lambda: "10.6.9.0/24" not in table.kernel(), "the site's claim is refused now")
    assert table.kernel()[LATER] == {"unreachable"}
    assert table.shown()[LATER] == ("local", "active", "CreateRouteTable")
    assert "10.6.9.0/24" not in table.shown()
    nobody = IPv4Address("10.6.9.1")
    assert not old.gets_through_to(nobody, at=paris.gateway), "what is the VPC's does not leave it"

    world.ec2.terminate_instances(InstanceIds=[new.id])
    eventually(lambda: _gone(world, new.id), "the instance is terminated")
    world.ec2.delete_subnet(SubnetId=later.id)
    world.ec2.disassociate_vpc_cidr_block(AssociationId=added["CidrBlockAssociation"]["AssociationId"])
    eventually(lambda: LATER not in paris.routes(), "the site no longer hears of it")
    eventually(lambda: table.kernel().get("10.6.9.0/24") == {"vgw0"}, "it is the site's to announce again")
    assert "10.0.0.0/16" in paris.routes()


def test_the_internet_gateway_knows_every_cidr(world: World) -> None:
    vpc = world.cloud.vpc("10.4.0.0/16").opened()
    igw = vpc.internet_gateway()
    vpc.main_table.route("0.0.0.0/0", igw)
    outside = world.internet_host("outside", "198.51.100.10")
    world.ec2.associate_vpc_cidr_block(VpcId=vpc.id, CidrBlock="10.5.0.0/16")
    public = vpc.subnet("10.5.1.0/24", public=True).instance("public")
    private = vpc.subnet("10.5.2.0/24").instance("private")
    world.converged()

    assert public.public is not None
    assert public.reaches(outside)
    assert outside.reaches(public.public)
    assert private.cannot_reach(outside)


def _gone(world: World, instance: str) -> bool:
    answer = world.ec2.describe_instances(InstanceIds=[instance])
    return bool(answer["Reservations"][0]["Instances"][0]["State"]["Name"] == "terminated")
