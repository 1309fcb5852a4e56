"""A connection is moved to other gateways, tunnel by tunnel, and carries packets there."""

from __future__ import annotations

import pytest
from lines import Line, two_lines
from world import World

pytestmark = pytest.mark.lab


def test_to_another_virtual_private_gateway_and_another_customer_gateway(own_world: World) -> None:
    world = own_world
    line = two_lines(world)["static"].settled()
    line.site.host.comes_to_reach(line.instance)
    elsewhere = world.cloud.vpc("10.9.0.0/16").opened()
    instance = elsewhere.subnet("10.9.1.0/24").instance()
    gateway = elsewhere.vpn_gateway(64_777)
    elsewhere.main_table.propagate(gateway)

    answer = world.ec2.modify_vpn_connection(VpnConnectionId=line.connection.id, VpnGatewayId=gateway.id)
    assert answer["VpnConnection"]["State"] == "modifying"
    world.cloud.refuses("IncorrectState", gateway.delete)
    line.is_through()
    moved = line.connection.describe()
    assert moved["VpnGatewayId"] == gateway.id
    assert {tunnel.status["device_namespace"] for tunnel in line.connection.tunnels} == {gateway.namespace}
    line.connection.comes_up()
    line.site.customer_gateway_up(line.connection, "--route", "10.0.0.0/8")
    line.site.host.comes_to_reach(instance)
    assert line.site.host.cannot_reach(line.instance)

    nice = world.site("nice", "203.0.113.79", "192.168.61.0/24")
    customer = world.cloud.customer_gateway(nice)
    world.ec2.modify_vpn_connection(VpnConnectionId=line.connection.id, CustomerGatewayId=customer)
    first, second = line.connection.tunnels
    first.becomes("DOWN")
    assert second.status["status"] == "UP", "tunnel 2 stays with the old device until tunnel 1 is up with the new one"
    at_nice = Line(world, instance, gateway, nice, line.connection)
    line.site.customer_gateway_down(line.connection)
    nice.file_of(line.connection).write_text(line.connection.device_file)
    nice.customer_gateway_up(line.connection, "--route", "10.0.0.0/8")
    at_nice.is_through()
    line.connection.comes_up()
    assert {tunnel.status["peer"].split(":")[0] for tunnel in line.connection.tunnels} == {"203.0.113.79"}
    nice.host.comes_to_reach(instance)
