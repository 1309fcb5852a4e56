"""Promise 12: nothing but ciphertext crosses the Internet."""

from __future__ import annotations

import secrets

import pytest
from packets import Capture, get, web_server
from shell import within
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
        # There is no NAT: the kernel's ESP goes as it is. libipsec knows only UDP.
        assert internet.kinds() - {"NAT keepalive"} in ({"IKE", "ESP in UDP"}, {"IKE", "ESP"})


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
