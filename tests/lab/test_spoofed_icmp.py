"""What strangers on the Internet may tell tunnel endpoints about packet sizes: nothing that cripples a tunnel."""

from __future__ import annotations

import re
import socket
import struct
from ipaddress import IPv4Address

import pytest
from cloud import Connection
from shell import eventually, inside, ok
from sites import Site
from sizes import checksum
from world import World

pytestmark = pytest.mark.lab

ESP_IN_UDP = 4500


@pytest.fixture(scope="module")
def tunnels(world: World) -> tuple[Site, Connection]:
    """VGW == two tunnels == paris, whose customer gateway is behind its machine's NAT."""
    paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    connection = world.cloud.vpc("10.0.0.0/16").vpn_gateway().connect(paris)
    paris.customer_gateway_up(connection)
    connection.comes_up()
    return paris, connection


def fragmentation_needed(world: World, sender: IPv4Address, port: int, receiver: IPv4Address, mtu: int) -> None:
    """From somewhere on the Internet to the sender of ESP in UDP: what you sent to the receiver is too large."""
    udp = struct.pack("!HHHH", port, ESP_IN_UDP, 1400, 0)
    quoted = struct.pack("!BBHHHBBH", 0x45, 0, 1420, 7, 0x4000, 64, socket.IPPROTO_UDP, 0)
    message = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + quoted + sender.packed + receiver.packed + udp
    message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]

    def raw() -> socket.socket:
        return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)

    with inside(world.internet, raw) as stranger:
        stranger.sendto(message, (str(sender), 0))


def believed(namespace: str, peer: IPv4Address) -> int | None:
    """The path MTU that the namespace has learned for the way to the peer."""
    found = re.search(r"mtu (?:lock )?(\d+)", ok("ip", "-n", namespace, "route", "get", str(peer)))
    return int(found[1]) if found else None


@pytest.mark.parametrize("side", ["cloud", "customer"])
def test_no_stranger_makes_a_tunnels_packets_tiny(world: World, tunnels: tuple[Site, Connection], side: str) -> None:
    paris, connection = tunnels
    here = connection.tunnel(1).status
    cloud, customer = IPv4Address(here["outside_address"]), paris.public
    if side == "cloud":
        endpoint, sender, peer, port = here["endpoint_namespace"], cloud, customer, ESP_IN_UDP
    else:
        endpoint, sender, peer = paris.customer_gateway(connection)["tunnels"][0]["endpoint"], customer, cloud
        port = int(here["peer"].rpartition(":")[2])  # by which its NAT is known

    fragmentation_needed(world, sender, port, peer, 300)
    fragmentation_needed(world, sender, port, peer, 1279)
    fragmentation_needed(world, sender, port, peer, 1390)

    assert eventually(lambda: believed(endpoint, peer), "what may be true is believed") == 1390
