"""Promise 3: the internet gateway, 1:1 NAT both ways, and no way through for anybody else."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

import pytest
from cloud import Instance, Vpc, VpnGateway
from packets import Capture, Host, get, web_server
from shell import eventually, ok, within
from sites import Site
from world import World

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Lab:
    """web (198.51.100.10) -- Internet -- IGW -- VPC 10.0.0.0/16 -- VGW == paris, which routes everything into it"""

    world: World
    vpc: Vpc
    igw: str
    public: Instance
    private: Instance
    gateway: VpnGateway
    paris: Site
    web: Host


@pytest.fixture(scope="module")
def lab(world: World) -> Lab:
    vpc = world.cloud.vpc("10.0.0.0/16").opened()
    igw = vpc.internet_gateway()
    web = world.internet_host("web", "198.51.100.10")
    gateway = vpc.vpn_gateway()
    paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    connection = gateway.connect(paris, static=["192.168.60.0/24"])
    public = vpc.subnet("10.0.1.0/24", public=True).instance("public")
    private = vpc.subnet("10.0.2.0/24").instance("private")
    vpc.main_table.route("0.0.0.0/0", igw)
    vpc.main_table.propagate(gateway)
    paris.customer_gateway_up(connection, "--route", "10.0.0.0/16", "--route", "198.51.100.0/24")
    paris.host.comes_to_reach(public)
    return Lab(world, vpc, igw, public, private, gateway, paris, web)


def test_an_instance_with_a_public_address_reaches_the_internet_as_that_address(lab: Lab) -> None:
    assert lab.public.public is not None
    with Capture(lab.web.namespace) as capture:
        assert lab.public.reaches(lab.web)
        assert capture.contains(lab.public.public.packed)
        assert not capture.contains(lab.public.address.packed), "the private address is nobody's business"


def test_the_internet_reaches_a_public_address(lab: Lab) -> None:
    assert lab.public.public is not None
    assert lab.web.reaches(lab.public.public)
    with web_server(lab.public, b"hello from the VPC"):
        assert get(lab.web, lab.public.public) == b"hello from the VPC"


def test_an_instance_without_one_does_not_get_out(lab: Lab) -> None:
    assert lab.private.public is None
    assert lab.private.cannot_reach(lab.web)
    assert not lab.private.gets_through_to(lab.web, at=lab.web)


def test_nobody_reaches_a_private_address_from_the_internet(lab: Lab) -> None:
    igw = next(g for g in lab.world.status()["internet_gateways"] if g["id"] == lab.igw)
    address = lab.public.public
    assert address is not None
    within(lab.web.namespace, "ip", "route", "add", "10.0.0.0/16", "via", str(address), "dev", "eth0")
    try:
        with Capture(igw["namespace"]) as arrives:
            assert not lab.web.gets_through_to(lab.private, at=lab.private)
            assert not lab.web.gets_through_to(lab.public, at=lab.public)
            assert arrives.contains(lab.private.address.packed), "the packets did reach the gateway, which drops them"
    finally:
        within(lab.web.namespace, "ip", "route", "delete", "10.0.0.0/16")


def test_a_site_does_not_reach_the_internet_by_way_of_the_vpc(lab: Lab) -> None:
    tunnels = {link for link, route in lab.paris.routes().items() if "dev" in route and route["dev"].startswith("lb")}
    assert "198.51.100.0/24" in tunnels, "the site does send what is for the Internet into the tunnel"
    with Capture(lab.gateway.namespace) as arrives:
        assert lab.paris.host.cannot_reach(lab.web)
        assert not lab.paris.host.gets_through_to(lab.web, at=lab.web)
        assert arrives.contains(lab.web.address.packed), "the packets did come out of the tunnel"


def test_the_internet_does_not_reach_a_site_by_way_of_the_vpc(lab: Lab) -> None:
    address = lab.public.public
    assert address is not None
    within(lab.web.namespace, "ip", "route", "add", "192.168.60.0/24", "via", str(address), "dev", "eth0")
    try:
        assert lab.web.cannot_reach(lab.paris.host)
        assert not lab.web.gets_through_to(lab.paris.host, at=lab.paris.host)
    finally:
        within(lab.web.namespace, "ip", "route", "delete", "192.168.60.0/24")


def test_a_site_does_not_reach_an_instances_public_address_through_the_tunnel(lab: Lab) -> None:
    assert lab.public.public is not None
    assert lab.paris.host.cannot_reach(lab.public.public)


def test_neither_gateway_takes_the_other_ones_traffic(lab: Lab) -> None:
    assert lab.public.reaches(lab.paris.host)
    assert lab.public.reaches(lab.web)
    assert lab.paris.host.reaches(lab.private)


def test_a_second_gateway_is_refused_and_changes_nothing(lab: Lab) -> None:
    ec2 = lab.world.ec2
    other = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    lab.world.cloud.refuses(
        "InvalidParameterValue", lambda: ec2.attach_internet_gateway(InternetGatewayId=other, VpcId=lab.vpc.id)
    )
    assert lab.public.reaches(lab.web)


def test_public_addresses_go_with_their_instances(lab: Lab) -> None:
    instance = lab.vpc.subnet("10.0.3.0/24", public=True).instance("short-lived")
    assert instance.public is not None
    eventually(lambda: lab.web.reaches(_known(instance)), "it is reached")
    lab.world.ec2.terminate_instances(InstanceIds=[instance.id])
    lab.web.loses(_known(instance))
    assert str(instance.public) not in ok("ip", "-n", lab.world.internet, "neigh") or lab.web.cannot_reach(
        _known(instance)
    )


def _known(instance: Instance) -> IPv4Address:
    assert instance.public is not None
    return instance.public
