"""What a process finds out about the namespace that it is in."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from networks import Network, ip, network

from landbridge.drivers.netlink.here import defaults, own_addresses, sources, uplink_mtu, uplinks
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
        assert uplink_mtu([near]) == 1400
        assert uplink_mtu([near, far]) == 1300
        assert uplink_mtu([near, nowhere]) == 1400
        assert uplink_mtu([nowhere]) is None


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


def test_every_way_by_which_a_default_route_leads_out_is_found(net: Network) -> None:
    with inside(net.a):
        assert defaults() == frozenset(), "there is no route at all"
    for number in range(6):
        ip(f"-n {net.a} link add br{number} type bridge")
        ip(f"-n {net.a} link set br{number} up")
        ip(f"-n {net.a} address add 192.0.{number}.1/24 dev br{number}")
    with inside(net.a):
        assert defaults() == frozenset()
    ip(f"-n {net.a} route add default metric 5 nexthop via 192.0.0.2 dev br0 nexthop via 192.0.1.2 dev br1")
    ip(f"-n {net.a} route add default metric 50 via 192.0.2.2 dev br2")
    ip(f"-n {net.a} route add unreachable default metric 500")
    ip(f"-n {net.a} route add 10.0.0.0/8 via 192.0.3.2 dev br3")
    ip(f"-n {net.a} route add default via 192.0.4.2 dev br4 table 7")
    ip(f"-n {net.a} nexthop add id 1 via 192.0.5.2 dev br5")
    ip(f"-n {net.a} route add default metric 7 nhid 1")
    with inside(net.a):
        assert defaults() == {"br0", "br1", "br2", "br5"}
        assert uplinks([IPv4Address("203.0.113.9")]) <= {"br0", "br1"}, "of several it is one"


def test_by_which_addresses_packets_leave(net: Network) -> None:
    near, nowhere = IPv4Address("192.0.2.9"), IPv4Address("203.0.113.9")
    ip(f"-n {net.a} link add br0 type bridge")
    ip(f"-n {net.a} link set br0 up")
    ip(f"-n {net.a} address add 192.0.2.1/24 dev br0")
    with inside(net.a):
        assert sources([near, nowhere]) == {IPv4Address("192.0.2.1")}
        assert IPv4Address("192.0.2.1") in own_addresses()
    ip(f"-n {net.a} address delete 192.0.2.1/24 dev br0")
    ip(f"-n {net.a} address add 192.0.2.2/24 dev br0")
    with inside(net.a):
        assert sources([near]) == {IPv4Address("192.0.2.2")}
        assert IPv4Address("192.0.2.1") not in own_addresses()


def test_many_other_routes_hide_no_default_route(net: Network, tmp_path: Path) -> None:
    """The kernel lists routes in the order of their addresses, and only the beginning of the list is read."""
    ip(f"-n {net.a} link add br0 type bridge")
    ip(f"-n {net.a} link set br0 up")
    ip(f"-n {net.a} address add 192.0.0.1/24 dev br0")
    batch = [f"route add 0.{n >> 8}.{n & 255}.0/24 via 192.0.0.2 dev br0" for n in range(2_000)]
    (tmp_path / "routes").write_text("\n".join([*batch, "route add default via 192.0.0.2 dev br0"]))
    ip(f"-n {net.a} -batch {tmp_path / 'routes'}")
    with inside(net.a):
        assert defaults() == {"br0"}


def test_a_default_route_into_a_tunnel_of_landbridges_is_no_way_out(net: Network) -> None:
    """The cloud's side may announce one by BGP."""
    ip(f"-n {net.a} tuntap add dev tun7 mode tun")
    ip(f"-n {net.a} link set tun7 up")
    ip(f"-n {net.a} route add default dev tun7")
    with inside(net.a):
        assert defaults() == {"tun7"}, "somebody else's"
    subprocess.run(
        ["ip", "-n", net.a, "link", "set", "tun7", "alias", "landbridge owner endpoint"], check=True, timeout=20
    )
    with inside(net.a):
        assert defaults() == frozenset()
