"""Promise 12: nothing but ciphertext crosses the Internet."""

from __future__ import annotations

import secrets

import pytest
from faults import dropped_both_ways
from packets import Capture, Host, get, web_server
from shell import DATA_PLANE, eventually, ok, run, within
from world import World

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("routing", ["bgp", "static"])
def test_only_ike_and_esp_cross_the_internet(own_world: World, routing: str) -> None:
    world = own_world
    vpc = world.cloud.vpc("10.0.0.0/16").opened()
    instance = vpc.subnet("10.0.1.0/24").instance()
    gateway = vpc.vpn_gateway()
    vpc.main_table.propagate(gateway)
    paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    connection = gateway.connect(paris, static=None if routing == "bgp" else ["192.168.60.0/24"])
    question, answer = secrets.token_hex(16), secrets.token_hex(16) * 500
    with Capture(world.internet) as internet, Capture(instance.namespace) as at_the_instance:
        paris.customer_gateway_up(connection, *(("--route", "10.0.0.0/16") if routing == "static" else ()))
        paris.host.comes_to_reach(instance)
        with web_server(instance, answer.encode()):
            assert get(paris.host, instance.address, f"/{question}") == answer.encode()

        assert at_the_instance.contains(question.encode()), "the canary did fly"
        assert not internet.contains(question.encode())
        assert not internet.contains(answer[:32].encode())
        assert not internet.contains(instance.address.packed), "not even the private addresses"
        assert not internet.contains(paris.host.address.packed)
        # The customer gateway is behind its own NAT, whoever does ESP.
        assert internet.kinds() - {"NAT keepalive"} == {"IKE", "ESP in UDP"}


def test_the_same_capture_finds_the_canary_without_a_tunnel(world: World) -> None:
    paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    web = world.internet_host("web", "198.51.100.10")
    within(paris.name, "nft", "add table ip plain")
    within(paris.name, "nft", "add chain ip plain out { type nat hook postrouting priority 100; }")
    within(paris.name, "nft", "add rule ip plain out oifname wan masquerade")
    question, answer = secrets.token_hex(16), secrets.token_hex(16) * 500
    with Capture(world.internet) as internet, web_server(web, answer.encode()):
        assert get(paris.host, web.address, f"/{question}") == answer.encode()
        assert internet.contains(question.encode())
        assert internet.contains(answer[:32].encode())
        assert internet.contains(web.address.packed)
        assert "protocol 6" in internet.kinds()


@pytest.mark.parametrize("routing", ["bgp", "static"])
def test_while_no_tunnel_is_up_nothing_leaves_in_the_clear(own_world: World, routing: str) -> None:
    """The site's machine has a default route to the Internet. What belongs into the tunnels does not take it."""
    world = own_world
    vpc = world.cloud.vpc("10.0.0.0/16").opened()
    instance, gateway = vpc.subnet("10.0.1.0/24").instance(), vpc.vpn_gateway()
    vpc.main_table.propagate(gateway)
    paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    connection = gateway.connect(paris, static=None if routing == "bgp" else ["192.168.60.0/24"])
    behind = () if routing == "bgp" else ("--route", "10.0.0.0/16")
    paris.customer_gateway_up(connection, *behind)
    connection.is_watched(paris)
    paris.host.comes_to_reach(instance)
    internet = Host("the Internet", world.internet, paris.public)
    one, other = (tunnel.status for tunnel in connection.tunnels)
    with Capture(world.internet) as seen:
        with dropped_both_ways(one), dropped_both_ways(other):
            eventually(lambda: "10.0.0.0/16" not in paris.routes(), "no tunnel is a way any more", 60)
            assert not paris.host.gets_through_to(instance, at=internet)
            ok("kill", "-9", str(paris.customer_gateway(connection)["agent"]))
            again = ("up", str(paris.file_of(connection)), "--data-plane", DATA_PLANE, "--wait", "3", *behind)
            run(*paris.command(*again))
            assert not paris.host.gets_through_to(instance, at=internet), "nor after the agent was started anew"
        connection.comes_up(75)
        paris.host.comes_to_reach(instance)
        assert not seen.contains(instance.address.packed)
    paris.customer_gateway_down(connection)
    assert "10.0.0.0/16" not in paris.routes()


def test_nor_does_it_leave_by_another_uplink(own_world: World) -> None:
    """Beside its default route the site's machine has a worse one by a second uplink, which takes over in no time."""
    world = own_world
    vpc = world.cloud.vpc("10.0.0.0/16").opened()
    instance, gateway = vpc.subnet("10.0.1.0/24").instance(), vpc.vpn_gateway()
    vpc.main_table.propagate(gateway)
    paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    web = world.internet_host("web", "198.51.100.10")
    connection = gateway.connect(paris)
    ok("ip", "-n", paris.name, "link", "add", "wan2", "type", "veth", "peer", "second", "netns", world.internet)
    ok("ip", "-n", world.internet, "link", "set", "second", "master", "br0", "up")
    ok("ip", "-n", paris.name, "link", "set", "wan2", "up")
    ok("ip", "-n", paris.name, "address", "add", "203.0.113.78/24", "dev", "wan2")
    ok("ip", "-n", paris.name, "route", "add", "default", "via", "203.0.113.1", "dev", "wan2", "metric", "50")
    paris.customer_gateway_up(connection)
    connection.is_watched(paris)
    paris.host.comes_to_reach(instance)
    internet = Host("the Internet", world.internet, paris.public)
    one, other = (tunnel.status for tunnel in connection.tunnels)
    world.kill()  # it would bring the first uplink back
    with dropped_both_ways(one), dropped_both_ways(other), Capture(internet.namespace) as seen:
        eventually(lambda: "10.0.0.0/16" not in paris.routes(), "no tunnel is a way any more", 60)
        ok("ip", "-n", paris.name, "link", "set", "wan", "down")
        assert not paris.host.gets_through_to(instance, at=internet)
        assert paris.host.gets_through_to(web, at=internet), "the second uplink works"
        assert not seen.contains(instance.address.packed)
