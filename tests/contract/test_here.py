"""What a process finds out about the namespace that it is in."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest
from networks import Network, ip, network

from landbridge.drivers.netlink.here import uplink_mtu, uplinks
from landbridge.drivers.netlink.inside import inside

pytestmark = pytest.mark.lab


@pytest.fixture
def net() -> Iterator[Network]:
    yield from network()


def test_the_uplinks_mtu_is_that_of_the_narrowest_way(net: Network) -> None:
    near, far, nowhere = IPv4Address("192.0.2.9"), IPv4Address("198.51.100.9"), IPv4Address("203.0.113.9")
    ip(f"-n {net.a} link add br0 mtu 1400 type bridge")
    ip(f"-n {net.a} link set br0 up")
    ip(f"-n {net.a} address add 192.0.2.1/24 dev br0")
    ip(f"-n {net.a} route add 198.51.100.0/24 via 192.0.2.2 mtu lock 1300")
    with inside(net.a):
        assert uplink_mtu([near], 1500) == 1400
        assert uplink_mtu([near, far], 1500) == 1300
        assert uplink_mtu([near], 1280) == 1280
        assert uplink_mtu([nowhere], 1500) == 1500


def test_the_uplinks_are_the_links_of_the_ways_that_there_are(net: Network) -> None:
    near, far, nowhere = IPv4Address("192.0.2.9"), IPv4Address("198.51.100.9"), IPv4Address("203.0.113.9")
    for name, address in (("br0", "192.0.2.1/24"), ("br1", "198.51.100.1/24")):
        ip(f"-n {net.a} link add {name} type bridge")
        ip(f"-n {net.a} link set {name} up")
        ip(f"-n {net.a} address add {address} dev {name}")
    with inside(net.a):
        assert uplinks([near]) == {"br0"}
        assert uplinks([near, far, nowhere]) == {"br0", "br1"}
        assert uplinks([nowhere]) == frozenset()
