"""Promises 4 and 5: virtual private gateways and customer gateways, as parts that have to be put together."""

from __future__ import annotations

import pytest
from shell import eventually
from world import World

pytestmark = pytest.mark.lab


def test_a_route_to_a_gateway_is_a_black_hole_while_it_is_detached(world: World) -> None:
    vpc = world.cloud.vpc("10.0.0.0/16").opened()
    instance = vpc.subnet("10.0.1.0/24").instance()
    paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    gateway = vpc.vpn_gateway()
    connection = gateway.connect(paris, static=["192.168.60.0/24"])
    table = vpc.main_table
    table.route("192.168.60.0/24", gateway.id)
    paris.customer_gateway_up(connection, "--route", "10.0.0.0/16")
    instance.comes_to_reach(paris.host)
    assert table.shown()["192.168.60.0/24"] == (gateway.id, "active", "CreateRoute")

    gateway.detach(vpc)

    assert instance.cannot_reach(paris.host)
    assert paris.host.cannot_reach(instance)
    assert table.shown()["192.168.60.0/24"] == (gateway.id, "blackhole", "CreateRoute")
    assert table.kernel()["192.168.60.0/24"] == {"blackhole"}
    connection.comes_up()

    gateway.attach(vpc)

    instance.comes_to_reach(paris.host)
    assert table.shown()["192.168.60.0/24"] == (gateway.id, "active", "CreateRoute")
    assert table.kernel()["192.168.60.0/24"] == {"vgw0"}


def test_one_gateway_per_vpc_and_one_vpc_per_gateway(world: World) -> None:
    first, second = world.cloud.vpc("10.4.0.0/16"), world.cloud.vpc("10.5.0.0/16")
    mine = first.vpn_gateway()
    other = world.cloud.vpn_gateway()
    ec2, refuses = world.ec2, world.cloud.refuses
    world.converged()
    before = world.status()["revision"]

    refuses("VpnGatewayAttachmentLimitExceeded", lambda: ec2.attach_vpn_gateway(VpnGatewayId=mine.id, VpcId=second.id))
    refuses("InvalidVpcState", lambda: ec2.attach_vpn_gateway(VpnGatewayId=other.id, VpcId=first.id))

    assert world.status()["revision"] == before
    assert mine.attachment() == "attached"
    other.delete()


def test_a_gateway_moves_to_another_vpc_with_its_sites(world: World) -> None:
    first, second = world.cloud.vpc("10.8.0.0/16").opened(), world.cloud.vpc("10.9.0.0/16").opened()
    in_first = first.subnet("10.8.1.0/24").instance("in the first")
    in_second = second.subnet("10.9.1.0/24").instance("in the second")
    nice = world.site("nice", "203.0.113.79", "192.168.62.0/24")
    gateway = first.vpn_gateway()
    connection = gateway.connect(nice)
    world.converged()
    first.main_table.propagate(gateway)
    nice.customer_gateway_up(connection)
    nice.host.comes_to_reach(in_first, 30)

    first.main_table.stop_propagating(gateway)
    gateway.detach(first)
    gateway.attach(second)
    second.main_table.propagate(gateway)

    nice.host.comes_to_reach(in_second, 30)
    assert nice.host.cannot_reach(in_first)
    eventually(lambda: "10.9.0.0/16" in nice.routes() and "10.8.0.0/16" not in nice.routes(), "BGP told the site")


def test_a_gateway_with_connections_is_not_deleted(world: World) -> None:
    site = world.site("metz", "203.0.113.80", "192.168.63.0/24")
    gateway = world.cloud.vpn_gateway()
    connection = gateway.connect(site)
    world.cloud.refuses("IncorrectState", lambda: world.ec2.delete_vpn_gateway(VpnGatewayId=gateway.id))
    connection.delete()
    namespace = gateway.namespace
    world.ec2.delete_vpn_gateway(VpnGatewayId=gateway.id)
    eventually(lambda: f"namespace {namespace}" not in world.remains(), "its namespace is gone")


def test_an_identical_customer_gateway_is_the_existing_one(world: World) -> None:
    site = world.site("brest", "203.0.113.81", "192.168.64.0/24")
    first = world.cloud.customer_gateway(site, 65_010)
    assert world.cloud.customer_gateway(site, 65_010) == first
    assert world.cloud.customer_gateway(site, 65_011) != first


def test_a_customer_gateway_in_use_is_not_deleted(world: World) -> None:
    site = world.site("nancy", "203.0.113.82", "192.168.65.0/24")
    gateway = world.cloud.vpn_gateway()
    connection = gateway.connect(site)
    used = connection.describe()["CustomerGatewayId"]
    world.cloud.refuses("IncorrectState", lambda: world.ec2.delete_customer_gateway(CustomerGatewayId=used))
    connection.delete()
    world.ec2.delete_customer_gateway(CustomerGatewayId=used)
    gateway.delete()


def test_a_connection_without_a_customer_gateway_is_refused(world: World) -> None:
    gateway = world.cloud.vpn_gateway()
    world.cloud.refuses(
        "InvalidCustomerGatewayID.NotFound",
        lambda: world.ec2.create_vpn_connection(
            Type="ipsec.1", VpnGatewayId=gateway.id, CustomerGatewayId="cgw-0123456789abcdef0"
        ),
    )
