"""Promise 6: what can be asked of a tunnel is in force, and what is not in force cannot be asked for."""

from __future__ import annotations

import re

import pytest
from cloud import Instance, VpnGateway
from daemons import ike_associations
from faults import dropped_both_ways
from packets import Capture, Probe
from shell import eventually, for_a_while, ok
from world import World, status_text

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def instance(world: World) -> Instance:
    return world.cloud.vpc("10.0.0.0/16").opened().subnet("10.0.1.0/24").instance()


@pytest.fixture(scope="module")
def gateway(world: World, instance: Instance) -> VpnGateway:
    vpc_id = next(i["vpc"] for i in world.status()["instances"] if i["id"] == instance.id)
    made = world.cloud.vpn_gateway()
    world.ec2.attach_vpn_gateway(VpnGatewayId=made.id, VpcId=vpc_id)
    [table] = world.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["RouteTables"]
    eventually(lambda: made.attachment() == "attached", "it is attached")
    world.ec2.enable_vgw_route_propagation(RouteTableId=table["RouteTableId"], GatewayId=made.id)
    return made


def test_keys_and_inside_addresses_are_those_asked_for(world: World, gateway: VpnGateway, instance: Instance) -> None:
    site = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    connection = gateway.connect(
        site,
        tunnels=[
            {"PreSharedKey": "first.key_of.the.test", "TunnelInsideCidr": "169.254.77.0/30"},
            {"PreSharedKey": "second.key_of.the.test", "TunnelInsideCidr": "169.254.77.4/30"},
        ],
    )
    assert "first.key_of.the.test" in connection.device_file
    site.customer_gateway_up(connection)
    connection.is_watched(site)
    site.host.comes_to_reach(instance)
    addresses = ok("ip", "-n", gateway.namespace, "-br", "address")
    assert "169.254.77.1/30" in addresses
    assert "169.254.77.5/30" in addresses
    for address in ("169.254.77.1", "169.254.77.5"):
        ok("ip", "netns", "exec", site.name, "ping", "-c", "1", "-W", "2", address)
    world.cloud.refuses(
        "InvalidCidr.InUse",
        lambda: gateway.connect(site, asn=65_077, tunnels=[{"TunnelInsideCidr": "169.254.77.4/30"}]),
    )


def test_inside_addresses_that_were_just_freed_are_the_next_connections(
    world: World, gateway: VpnGateway, instance: Instance
) -> None:
    """Not while the one that has them is going, at once when it has gone."""
    site = world.site("toul", "203.0.113.86", "192.168.69.0/24")
    tunnels = [{"TunnelInsideCidr": "169.254.78.0/30"}, {"TunnelInsideCidr": "169.254.78.4/30"}]
    first = gateway.connect(site, asn=65_086, tunnels=tunnels)
    site.customer_gateway_up(first)
    first.comes_up()
    site.customer_gateway_down(first)
    first.delete()
    second = gateway.connect(site, asn=65_086, tunnels=tunnels)
    assert [tunnel["TunnelInsideCidr"] for tunnel in second.describe()["Options"]["TunnelOptions"]] == [
        tunnel["TunnelInsideCidr"] for tunnel in tunnels
    ]
    site.customer_gateway_up(second)
    second.comes_up()
    site.host.comes_to_reach(instance)
    site.customer_gateway_down(second)
    second.delete()


def test_it_is_ikev2_with_one_association_per_tunnel(world: World, gateway: VpnGateway) -> None:
    site = world.site("metz", "203.0.113.81", "192.168.64.0/24")
    connection = gateway.connect(site, asn=65_014)
    site.customer_gateway_up(connection)
    connection.is_watched(site)
    associations = ike_associations(world.instance, connection.id)
    assert [len(each) for each in associations.values()] == [1, 1]
    assert {version for each in associations.values() for _, version in each} == {"2"}


def test_both_sides_may_initiate(world: World, gateway: VpnGateway, instance: Instance) -> None:
    site = world.site("lyon", "203.0.113.78", "192.168.61.0/24")
    connection = gateway.connect(site, asn=65_011, tunnels=[{"StartupAction": "start"}] * 2)
    site.customer_gateway_up(connection)
    connection.is_watched(site)
    site.host.comes_to_reach(instance)
    with Probe(site.host, instance) as probe:
        probe.passes()
        # Where both succeed at the same moment strongSwan waits ten seconds before it ends one of the two.
        eventually(
            lambda: all(len(each) == 1 for each in ike_associations(world.instance, connection.id).values()),
            "one association per tunnel is left",
            15,
        )
        before = ike_associations(world.instance, connection.id)
        for_a_while(lambda: ike_associations(world.instance, connection.id) == before, "the same associations", 12)
        assert probe.lost() == []
    assert [len(associations) for associations in before.values()] == [1, 1]


def test_startup_action_start_dials_without_being_asked(world: World, gateway: VpnGateway) -> None:
    site = world.site("nice", "203.0.113.79", "192.168.62.0/24")
    with_start = gateway.connect(site, asn=65_012, tunnels=[{"StartupAction": "start"}, {}])
    dials, waits = (tunnel.status["outside_address"] for tunnel in with_start.tunnels)
    with Capture(site.name) as at_the_site:
        eventually(lambda: at_the_site.from_address(dials), "tunnel 1 dials")
        assert not at_the_site.from_address(waits), "tunnel 2 waits"


def test_the_replay_window_is_the_one_asked_for_or_status_says_which(world: World, gateway: VpnGateway) -> None:
    site = world.site("dijon", "203.0.113.82", "192.168.65.0/24")
    connection = gateway.connect(site, asn=65_015, tunnels=[{"ReplayWindowSize": 64}, {"ReplayWindowSize": 2048}])
    site.customer_gateway_up(connection)
    connection.comes_up()
    shown = status_text(world)
    for tunnel, asked in zip(connection.tunnels, (64, 2048), strict=True):
        status = tunnel.status
        assert status["replay_window_size"] == asked
        if world.status()["data_plane"] == "kernel":
            assert (status["esp"]["replay_window"], status["esp"]["esn"]) == (asked, True)
            assert f"ESN  replay window {asked}\n" in shown
            states = ok("ip", "-n", status["endpoint_namespace"], "-d", "xfrm", "state")
            assert f"replay_window {asked}," in states
            assert re.search(r"flag .*\besn\b", states)
        else:
            assert (status["esp"]["replay_window"], status["esp"]["esn"]) == (128, False)
            assert f"no ESN  replay window 128 ({asked} asked for)\n" in shown
    for tunnel in site.customer_gateway(connection)["tunnels"]:
        assert tunnel["esp"]["replay_window"] == (1024 if world.status()["data_plane"] == "kernel" else 128)
    [one, two] = connection.describe()["Options"]["TunnelOptions"]
    assert (one["ReplayWindowSize"], two["ReplayWindowSize"]) == (64, 2048)


@pytest.mark.nightly
def test_dpd_action_none_keeps_a_silent_peer(world: World, gateway: VpnGateway) -> None:
    site = world.site("brest", "203.0.113.80", "192.168.63.0/24")
    connection = gateway.connect(site, asn=65_013, tunnels=[{"DPDTimeoutAction": "none"}, {}])
    site.customer_gateway_up(connection)
    connection.is_watched(site)
    keeps, clears = connection.tunnels
    with dropped_both_ways(keeps.status), dropped_both_ways(clears.status):
        eventually(lambda: clears.status["ike"] == "down", "the silent peer of tunnel 2 is given up", 45)
        assert keeps.status["ike"] == "established"


@pytest.mark.parametrize(
    "option",
    [
        {"Phase1DHGroupNumbers": [{"Value": 35}]},
        {"Phase1AdditionalKeyExchanges": [{"AdditionalKeyExchangeRound": 1}]},
    ],
)
def test_what_is_not_in_force_is_refused_and_nothing_is_made(
    world: World, gateway: VpnGateway, option: dict[str, object]
) -> None:
    site = next(s for s in world.sites)
    before = world.status()["revision"]
    customer = world.cloud.customer_gateway(site)
    world.cloud.refuses(
        "UnsupportedOperation",
        lambda: world.ec2.create_vpn_connection(
            Type="ipsec.1", VpnGatewayId=gateway.id, CustomerGatewayId=customer, Options={"TunnelOptions": [option]}
        ),
    )
    assert world.status()["revision"] == before
