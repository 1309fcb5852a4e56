"""Promise 10: several sites on one virtual private gateway reach each other through it, and the VPC all of them."""

from __future__ import annotations

import pytest
from packets import Probe
from shell import eventually
from world import World

pytestmark = pytest.mark.lab


def test_sites_reach_each_other_and_the_vpc_through_the_hub(world: World) -> None:
    vpc = world.cloud.vpc("10.0.0.0/16").opened()
    instance = vpc.subnet("10.0.1.0/24").instance()
    gateway = vpc.vpn_gateway(64_620)
    vpc.main_table.propagate(gateway)
    paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    lyon = world.site("lyon", "203.0.113.78", "192.168.61.0/24")
    nice = world.site("nice", "203.0.113.79", "192.168.62.0/24")
    to_paris = gateway.connect(paris, asn=65_010)
    to_lyon = gateway.connect(lyon, asn=65_020)
    paris.customer_gateway_up(to_paris)
    assert paris.host.cannot_reach(lyon.host), "Lyon's customer gateway is not there yet"
    lyon.customer_gateway_up(to_lyon)

    paris.host.comes_to_reach(lyon.host)
    lyon.host.comes_to_reach(paris.host)
    instance.comes_to_reach(paris.host)
    instance.comes_to_reach(lyon.host)

    # A third site, static, joins: its prefix is told to the others by BGP, and only it has to be told theirs.
    to_nice = gateway.connect(nice, static=["192.168.62.0/24"])
    nice.customer_gateway_up(to_nice, "--route", "10.0.0.0/16", "--route", "192.168.60.0/23")
    nice.host.comes_to_reach(instance)
    nice.host.comes_to_reach(lyon.host)
    paris.host.comes_to_reach(nice.host)

    # No site hears of itself: what came by one tunnel is not sent back through the other.
    for site in (paris, lyon):
        ways = site.routes()[str(site.lan)]
        assert ways["dev"] == "lan"
    accepted = [t["accepted_routes"] for t in paris.customer_gateway(to_paris)["tunnels"]]
    assert accepted == [3, 3], "the VPC, Lyon and Nice"

    # One leaves: nobody reaches it, all others go on without losing a packet.
    to_lyon.is_watched(lyon)
    with Probe(paris.host, instance) as others:
        others.passes()
        lyon.customer_gateway_down(to_lyon)
        eventually(lambda: "192.168.61.0/24" not in paris.routes(), "Paris is told")
        assert paris.host.cannot_reach(lyon.host)
        assert instance.cannot_reach(lyon.host)
        others.passes()
        assert others.lost() == []


def test_sites_of_two_gateways_do_not_reach_each_other(world: World) -> None:
    left, right = world.cloud.vpn_gateway(), world.cloud.vpn_gateway()
    oslo = world.site("oslo", "203.0.113.90", "192.168.70.0/24")
    rome = world.site("rome", "203.0.113.91", "192.168.71.0/24")
    to_oslo, to_rome = left.connect(oslo, asn=65_030), right.connect(rome, asn=65_040)
    oslo.customer_gateway_up(to_oslo)
    rome.customer_gateway_up(to_rome)
    to_oslo.comes_up()
    to_rome.comes_up()
    assert [r["destination"] for r in left.status["learned_routes"]] == ["192.168.70.0/24"]
    assert oslo.host.cannot_reach(rome.host)
    assert not oslo.host.gets_through_to(rome.host, at=rome.host)
