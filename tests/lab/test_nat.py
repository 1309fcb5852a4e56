"""Customer gateways behind a NAT that is not theirs: two of them at one public address, and a NAT that forgets."""

from __future__ import annotations

import secrets
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

import pytest
from cloud import Connection, Instance
from daemons import ike_associations
from packets import Host, Probe
from shell import eventually, inside, ok, within
from sites import Site
from world import World

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

NETLINK_NETFILTER = 12
FORGET = struct.pack("=IHHIIBBH", 20, 1 << 8 | 2, 5, 1, 0, socket.AF_INET, 0, 0)
"""To ctnetlink: IPCTNL_MSG_CT_DELETE, acknowledged; no attributes, so all connections of the namespace are meant."""
IKE_PORTS = {"500", "4500"}
BEHIND = IPv4Network("192.168.60.0/24")


@dataclass(frozen=True)
class Device:
    """A customer's device without a public address, and its connection."""

    site: Site
    connection: Connection

    def peers(self) -> list[str]:
        """From where the cloud's endpoints hear it: address:port, of each tunnel."""
        return [tunnel.status["peer"] for tunnel in self.connection.tunnels]


@dataclass(frozen=True)
class House:
    """instance -- VPC -- VGW == Internet == 203.0.113.77 [router, source NAT] -- 192.168.60.0/24 -- both devices"""

    router: Site
    instance: Instance
    devices: tuple[Device, Device]

    def forget(self) -> None:
        """Every connection that the router's NAT knows: who speaks next gets another port."""

        def flush() -> int:
            with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as netlink:
                netlink.send(FORGET)
                error: int = struct.unpack_from("=i", netlink.recv(4096), 16)[0]
            return error

        assert inside(self.router.name, flush) == 0


def behind(world: World, router: Site, number: int) -> Site:
    """A machine on the router's LAN, which it reaches by a link of its own, with a LAN and a host behind it."""
    name = f"home{number}-{secrets.token_hex(2)}"
    host = f"{name}-host"
    uplink, lan = IPv4Network((int(BEHIND[16 * number]), 30)), IPv4Network(f"192.168.{70 + number}.0/24")
    for namespace in (name, host):
        ok("ip", "netns", "add", namespace)
        ok("ip", "-n", namespace, "link", "set", "lo", "up")
    port = f"h{number}"
    ok("ip", "-n", name, "link", "add", "wan", "type", "veth", "peer", "name", port, "netns", router.name)
    ok("ip", "-n", name, "link", "add", "lan", "type", "veth", "peer", "name", "eth0", "netns", host)
    for namespace, link, address in (
        (router.name, port, f"{uplink[1]}/30"),
        (name, "wan", f"{uplink[2]}/30"),
        (name, "lan", f"{lan[1]}/24"),
        (host, "eth0", f"{lan[10]}/24"),
    ):
        ok("ip", "-n", namespace, "address", "add", address, "dev", link)
        ok("ip", "-n", namespace, "link", "set", link, "up")
    ok("ip", "-n", name, "route", "add", "default", "via", str(uplink[1]))
    ok("ip", "-n", host, "route", "add", "default", "via", str(lan[1]))
    within(name, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    return Site(world, name, router.public, lan, Host(name, name, lan[1]), Host(host, host, lan[10]))


def hide(router: Site) -> None:
    """Everything from behind it leaves in its name, by ports that are taken at random."""
    wan = next(route["dev"] for destination, route in router.routes().items() if destination == "default")
    within(router.name, "nft", "add table ip house")
    within(router.name, "nft", "add chain ip house out { type nat hook postrouting priority 100; }")
    within(router.name, "nft", f"add rule ip house out ip saddr {BEHIND} oifname {wan} masquerade fully-random")


@pytest.fixture(scope="module")
def house(world: World) -> Iterator[House]:
    vpc = world.cloud.vpc("10.0.0.0/16").opened()
    instance = vpc.subnet("10.0.1.0/24").instance()
    gateway = vpc.vpn_gateway(64_640)
    vpc.main_table.propagate(gateway)
    router = world.site("house", "203.0.113.77", str(BEHIND))
    hide(router)
    sites = [behind(world, router, number) for number in (1, 2)]
    try:
        devices = []
        for number, site in enumerate(sites, 1):
            connection = gateway.connect(site, asn=65_010 + number)
            site.customer_gateway_up(connection)
            devices.append(Device(site, connection))
        yield House(router, instance, (devices[0], devices[1]))
        for device in devices:
            device.site.customer_gateway_down(device.connection)
    finally:
        for site in sites:
            for namespace in (site.name, f"{site.name}-host"):
                ok("ip", "netns", "delete", namespace)


def test_two_customer_gateways_at_one_public_address_are_two(house: House) -> None:
    one, two = house.devices
    assert one.connection.describe()["CustomerGatewayId"] != two.connection.describe()["CustomerGatewayId"]
    for device in house.devices:
        device.connection.comes_up()
        for peer in device.peers():
            address, _, port = peer.rpartition(":")
            assert IPv4Address(address) == house.router.public
            assert port not in IKE_PORTS, "the NAT gave it another one"
    for device in house.devices:
        device.site.host.comes_to_reach(house.instance)
        house.instance.comes_to_reach(device.site.host)
    # The hub knows them apart as well.
    one.site.host.comes_to_reach(two.site.host)


def test_what_a_nat_forgets_comes_back_by_another_port(world: World, house: House) -> None:
    """At the latest when the devices ask whether their peers are alive (DPD), and by the same IKE SAs."""
    one, two = house.devices
    for device in house.devices:
        device.connection.comes_up()
    before = one.peers() + two.peers()
    sas = [ike_associations(world.instance, device.connection.id) for device in house.devices]
    with Probe(house.instance, one.site.host) as first, Probe(two.site.host, house.instance) as second:
        first.passes()
        second.passes()
        house.forget()
        first.passes(40)
        second.passes(40)
        eventually(lambda: not set(before) & set(one.peers() + two.peers()), "each has another port", 40)
        since = first.passes(), second.passes()
        assert first.lost(since[0]) == []
        assert second.lost(since[1]) == []
    assert [ike_associations(world.instance, device.connection.id) for device in house.devices] == sas
