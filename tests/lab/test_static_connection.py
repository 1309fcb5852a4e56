"""Promises 6, 7 and 11, static: two different tunnels, each of which carries traffic alone; routes come and go."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

import pytest
from cloud import Connection, Instance, RouteTable, Vpc, VpnGateway
from faults import dropped_both_ways
from packets import Probe
from shell import eventually
from sites import Site
from world import World

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Lab:
    """instance -- VPC 10.0.0.0/16 == VGW == two tunnels == paris -- host (192.168.60.10)"""

    world: World
    vpc: Vpc
    table: RouteTable
    instance: Instance
    gateway: VpnGateway
    paris: Site
    connection: Connection


@pytest.fixture(scope="module")
def lab(world: World) -> Lab:
    vpc = world.cloud.vpc("10.0.0.0/16").opened()
    instance = vpc.subnet("10.0.1.0/24").instance()
    gateway = vpc.vpn_gateway()
    paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    connection = gateway.connect(paris, static=["192.168.60.0/24"])
    vpc.main_table.propagate(gateway)
    paris.customer_gateway_up(connection, "--route", "10.0.0.0/16")
    return Lab(world, vpc, vpc.main_table, instance, gateway, paris, connection)


def test_site_and_instance_reach_each_other(lab: Lab) -> None:
    lab.connection.comes_up()
    lab.instance.comes_to_reach(lab.paris.host)
    lab.paris.host.comes_to_reach(lab.instance)


def test_the_two_tunnels_are_two(lab: Lab) -> None:
    root = ET.fromstring(lab.connection.device_file)
    first, second = root.findall("ipsec_tunnel")
    for what in (
        "vpn_gateway/tunnel_outside_address/ip_address",
        "vpn_gateway/tunnel_inside_address/ip_address",
        "customer_gateway/tunnel_inside_address/ip_address",
        "ike/pre_shared_key",
    ):
        assert first.findtext(what)
        assert first.findtext(what) != second.findtext(what), what
    statuses = [tunnel.status for tunnel in lab.connection.tunnels]
    for what in ("endpoint_namespace", "charon_pid", "outside_address", "inside_cidr", "device"):
        assert statuses[0][what] != statuses[1][what], what


def test_aes_gcm_is_what_was_negotiated(lab: Lab) -> None:
    lab.connection.comes_up()
    for tunnel in lab.connection.tunnels:
        assert tunnel.status["suite"] == "AES_GCM_16-128/PRF_HMAC_SHA2_256/ECP_256"


@pytest.mark.parametrize("cut", [1, 2])
def test_each_tunnel_alone_carries_traffic(lab: Lab, cut: int) -> None:
    lab.connection.is_watched(lab.paris)
    one, other = lab.connection.tunnel(cut), lab.connection.tunnel(3 - cut)
    with Probe(lab.paris.host, lab.instance) as probe:
        probe.passes()
        with dropped_both_ways(one.status):
            eventually(lambda: not one.status["bfd"], f"tunnel {cut} is seen to be dead")
            probe.passes()
            before = other.status
            eventually(
                lambda: (
                    (now := other.status)["bytes_in"] > before["bytes_in"] and now["bytes_out"] > before["bytes_out"]
                ),
                f"tunnel {other.number} carries the traffic",
            )
        probe.passes()


def test_a_static_route_comes_and_goes(lab: Lab) -> None:
    lab.connection.comes_up()
    ec2, prefix = lab.world.ec2, "172.30.0.0/16"
    ec2.create_vpn_connection_route(VpnConnectionId=lab.connection.id, DestinationCidrBlock=prefix)
    eventually(lambda: lab.table.kernel().get(prefix) == {"vgw0"}, "the kernel has the route")
    eventually(
        lambda: lab.table.shown().get(prefix) == (lab.gateway.id, "active", "EnableVgwRoutePropagation"),
        "DescribeRouteTables has the route",
    )
    ec2.delete_vpn_connection_route(VpnConnectionId=lab.connection.id, DestinationCidrBlock=prefix)
    eventually(lambda: prefix not in lab.table.kernel(), "the kernel no longer has the route")
    eventually(lambda: prefix not in lab.table.shown(), "DescribeRouteTables no longer has the route")


def test_a_wrong_key_never_comes_up_and_says_why(lab: Lab) -> None:
    lyon = lab.world.site("lyon", "203.0.113.78", "192.168.61.0/24")
    connection = lab.gateway.connect(lyon, static=["192.168.61.0/24"])
    root = ET.fromstring(connection.device_file)
    for key in root.iter("pre_shared_key"):
        key.text = "not.the.key.of.this.tunnel"
    file = lab.world.folder / "wrong.xml"
    file.write_text(ET.tostring(root, encoding="unicode"))

    said = lyon.customer_gateway_fails(connection, "--route", "10.0.0.0/16", file=file)

    assert said.count("DOWN Authentication failed") == 2, said
    for tunnel in connection.tunnels:
        status = eventually(
            lambda tunnel=tunnel: (s := tunnel.status)["why"].startswith("Authentication failed") and s, "why is known"
        )
        assert status["status"] == "DOWN"
    assert lyon.host.cannot_reach(lab.instance)
    assert "192.168.61.0/24" not in lab.table.kernel()

    lyon.customer_gateway_up(connection, "--route", "10.0.0.0/16")
    connection.comes_up()
    lyon.host.comes_to_reach(lab.instance)
    lyon.customer_gateway_down(connection)
    connection.delete()
    assert lyon.host.cannot_reach(lab.instance)
