"""Promises 7 and 8: BGP over both tunnels; what is learned and what never is; route tables that follow, or do not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from cloud import Connection, Instance, RouteTable, Vpc, VpnGateway, kernel_table
from shell import eventually, for_a_while, ok
from sites import Site
from world import World

pytestmark = pytest.mark.lab

LAN = "192.168.60.0/24"


@dataclass(frozen=True)
class Lab:
    """instance -- VPC 10.0.0.0/16 (main table propagates) -- VGW == BGP over two tunnels == paris -- host"""

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
    gateway = vpc.vpn_gateway(64_620)
    paris = world.site("paris", "203.0.113.77", LAN)
    connection = gateway.connect(paris, asn=65_010)
    vpc.main_table.propagate(gateway)
    paris.customer_gateway_up(connection)
    connection.comes_up()
    return Lab(world, vpc, vpc.main_table, instance, gateway, paris, connection)


def test_site_and_instance_reach_each_other(lab: Lab) -> None:
    lab.instance.comes_to_reach(lab.paris.host)
    lab.paris.host.comes_to_reach(lab.instance)


def test_telemetry_counts_the_routes_of_each_tunnel(lab: Lab) -> None:
    for tunnel in lab.connection.tunnels:
        status = tunnel.becomes("UP")
        assert status["bgp"] == "Established"
        entry = lab.connection.telemetry()[status["outside_address"]]
        assert (entry["Status"], entry["AcceptedRouteCount"], entry["StatusMessage"]) == ("UP", 1, "1 BGP ROUTES")


def test_what_each_tunnel_has_negotiated_is_shown(lab: Lab) -> None:
    for tunnel in lab.connection.tunnels:
        answer = lab.world.ec2.get_active_vpn_tunnel_status(
            VpnConnectionId=lab.connection.id, VpnTunnelOutsideIpAddress=tunnel.becomes("UP")["outside_address"]
        )["ActiveVpnTunnelStatus"]
        assert answer["ProvisioningStatus"] == "available"
        assert (answer["IkeVersion"], answer["Phase1DHGroup"]) == ("ikev2", 19)
        assert answer["Phase1EncryptionAlgorithm"] == answer["Phase2EncryptionAlgorithm"] == "AES128-GCM-16"
        assert answer["Phase1IntegrityAlgorithm"] == "SHA2-256"


def test_the_site_hears_of_the_vpc_and_uses_one_tunnel(lab: Lab) -> None:
    route = eventually(lambda: lab.paris.routes().get("10.0.0.0/16"), "the site has a route")
    assert "nexthops" not in route, "one tunnel, not both"


def test_a_learned_route_is_in_the_kernel_and_in_the_api(lab: Lab) -> None:
    eventually(lambda: lab.table.kernel().get(LAN) == {"vgw0"}, "the VPC's kernel table has it")
    eventually(
        lambda: lab.table.shown().get(LAN) == (lab.gateway.id, "active", "EnableVgwRoutePropagation"),
        "DescribeRouteTables has it",
    )


def test_what_the_api_shows_is_what_the_kernel_has(lab: Lab) -> None:
    lab.table.route("172.31.0.0/16", lab.gateway.id)
    eventually(lambda: {LAN, "172.31.0.0/16"} <= set(lab.table.shown()), "both routes are shown")
    kernel = {d: way for d, way in lab.table.kernel().items() if d not in ("0.0.0.0/0", "10.0.1.0/24")}
    ways = {lab.gateway.id: {"vgw0"}, "local": {"unreachable"}}
    assert kernel == {destination: ways[target] for destination, (target, _, _) in lab.table.shown().items()}
    lab.table.delete_route("172.31.0.0/16")


def test_without_propagation_or_route_a_subnet_does_not_reach_the_site(lab: Lab) -> None:
    neither = lab.vpc.route_table()
    subnet = lab.vpc.subnet("10.0.2.0/24")
    subnet.follow(neither)
    alone = subnet.instance("alone")
    lab.world.converged()

    assert alone.cannot_reach(lab.paris.host)
    assert not alone.gets_through_to(lab.paris.host, at=lab.paris.host)
    assert LAN not in neither.kernel()
    assert LAN not in neither.shown()
    assert lab.instance.reaches(lab.paris.host), "the other subnet does"

    neither.route(LAN, lab.gateway.id)
    alone.comes_to_reach(lab.paris.host)
    neither.delete_route(LAN)
    assert alone.cannot_reach(lab.paris.host)

    neither.propagate(lab.gateway)
    alone.comes_to_reach(lab.paris.host)
    assert neither.kernel()[LAN] == {"vgw0"}
    neither.stop_propagating(lab.gateway)
    alone.loses(lab.paris.host)
    eventually(lambda: LAN not in neither.shown() and LAN not in neither.kernel(), "the route is gone")


def test_a_manual_route_wins_over_a_learned_one(lab: Lab) -> None:
    middlebox = lab.vpc.subnet("10.0.3.0/24").middlebox()
    lab.table.route(LAN, middlebox.id)
    assert lab.table.shown()[LAN] == (middlebox.id, "active", "CreateRoute")
    assert lab.instance.gets_through_to(lab.paris.host, at=middlebox)
    assert lab.instance.cannot_reach(lab.paris.host)
    lab.table.delete_route(LAN)
    lab.instance.comes_to_reach(lab.paris.host)
    eventually(lambda: lab.table.shown()[LAN][2] == "EnableVgwRoutePropagation", "the learned one is back")


def test_what_a_site_announces_and_takes_back_comes_and_goes(lab: Lab) -> None:
    new = "192.168.99.0/24"
    lab.paris.customer_gateway_up(lab.connection, "--advertise", LAN, "--advertise", new)
    eventually(lambda: lab.table.kernel().get(new) == {"vgw0"}, "the kernel has the new route")
    eventually(lambda: new in lab.table.shown(), "DescribeRouteTables has the new route")
    lab.paris.customer_gateway_up(lab.connection)
    eventually(lambda: new not in lab.table.kernel(), "the kernel has lost it")
    eventually(lambda: new not in lab.table.shown(), "DescribeRouteTables has lost it")
    assert lab.table.kernel()[LAN] == {"vgw0"}, "the other one stays"


NEVER = (
    "169.254.0.0/16",
    "169.254.77.0/24",
    "127.0.0.0/8",
    "127.1.0.0/16",
    "224.0.0.0/4",
    "239.1.0.0/16",
    "10.0.0.0/16",
    "10.0.1.0/24",
    "10.0.1.128/25",
    "0.0.0.0/8",
    "240.0.0.0/4",
)


def test_what_no_site_may_announce_is_ignored(lab: Lab) -> None:
    fine = "192.168.98.0/24"
    advertise = [word for prefix in (LAN, fine, *NEVER) for word in ("--advertise", prefix)]
    lab.paris.customer_gateway_up(lab.connection, *advertise)
    eventually(lambda: fine in lab.table.kernel(), "what came in the same breath was learned")

    learned = {r["destination"] for r in lab.gateway.status["learned_routes"]}
    assert learned == {LAN, fine}
    in_gateway = kernel_table(lab.gateway.namespace, "main")
    assert in_gateway["10.0.0.0/16"] == {"vpc0"}
    for prefix in NEVER:
        assert not {w for w in in_gateway.get(prefix, set()) if w.startswith("t")}, prefix
        assert prefix not in lab.table.shown() or prefix == "10.0.0.0/16", prefix
    assert lab.table.shown()["10.0.0.0/16"][2] == "CreateRouteTable"
    assert lab.instance.gets_through_to(lab.paris.host, at=lab.paris.host), "the way to the site is as before"
    lab.paris.customer_gateway_up(lab.connection)
    eventually(lambda: fine not in lab.table.kernel(), "all of it is taken back")
    lab.instance.comes_to_reach(lab.paris.host)


def test_routes_come_and_go_while_the_service_is_down(lab: Lab) -> None:
    new = "192.168.97.0/24"
    number = _number(lab.table)
    namespace = lab.vpc.namespace
    lab.world.kill()
    try:
        lab.paris.customer_gateway_up(lab.connection, "--advertise", LAN, "--advertise", new)
        eventually(lambda: kernel_table(namespace, number).get(new) == {"vgw0"}, "the VPC's kernel table has it")
        lab.paris.customer_gateway_up(lab.connection)
        eventually(lambda: new not in kernel_table(namespace, number), "it left")
        assert lab.instance.reaches(lab.paris.host)
    finally:
        lab.world.start()
    lab.connection.comes_up()


def test_without_its_customer_gateway_the_routes_vanish(lab: Lab) -> None:
    lab.paris.customer_gateway_down(lab.connection)
    for tunnel in lab.connection.tunnels:
        tunnel.becomes("DOWN")
    eventually(lambda: LAN not in lab.table.kernel(), "the kernel no longer has the route", 60)
    eventually(lambda: LAN not in lab.table.shown(), "DescribeRouteTables no longer has the route")
    assert lab.instance.cannot_reach(lab.paris.host)
    assert "10.0.0.0/16" not in ok("ip", "-n", lab.paris.name, "route")
    for_a_while(lambda: LAN not in lab.table.kernel(), "it does not come back by itself", 1)


def _number(table: RouteTable) -> int:
    vpc = next(v for v in table.vpc.cloud.world.status()["vpcs"] if v["id"] == table.vpc.id)
    return int(next(t["kernel_table"] for t in vpc["route_tables"] if t["id"] == table.id))
