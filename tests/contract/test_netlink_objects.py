"""The netlink driver against the kernel: what is put is read back as it was asked for, by a driver with no memory."""

from __future__ import annotations

import dataclasses
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import networks
import pytest
from networks import Network, ip, run

from landbridge.desired.links import Address, Bridge, KernelRoute, KernelRule, Namespace, RouteKind, VethEnd
from landbridge.desired.objects import HostObject, Seen
from landbridge.drivers.netlink import decode
from landbridge.drivers.netlink.driver import NetlinkDriver
from landbridge.drivers.netlink.inside import inside
from landbridge.reconcile.driver import DriverError

pytestmark = pytest.mark.lab

RTMGRP_LINK, RTMGRP_IPV4_IFADDR = 0x1, 0x10


@pytest.fixture
def net() -> Iterator[Network]:
    yield from networks.network()


def pair(net: Network) -> tuple[VethEnd, VethEnd]:
    return (
        VethEnd(namespace=net.a, name="p1", peer_namespace=net.b, peer_name="eth0", master="br0"),
        VethEnd(namespace=net.b, name="eth0", peer_namespace=net.a, peer_name="p1", mtu=1400),
    )


def ground(net: Network) -> list[HostObject]:
    """A bridge with an address in `a`, and `b` as a host on it."""
    return [
        Bridge(namespace=net.a, name="br0"),
        *pair(net),
        Address(namespace=net.a, link="br0", address=IPv4Interface("10.1.0.1/24")),
        Address(namespace=net.b, link="eth0", address=IPv4Interface("10.1.0.2/24")),
    ]


def variants(net: Network) -> list[HostObject]:
    def route(destination: str, **rest: object) -> KernelRoute:
        return KernelRoute(namespace=net.a, destination=IPv4Network(destination), **rest)  # type: ignore[arg-type]

    near = IPv4Address("10.1.0.2")
    return [
        Address(namespace=net.a, link="br0", address=IPv4Interface("10.1.0.9/24")),
        Address(namespace=net.a, link="br0", address=IPv4Interface("192.0.2.7/32")),
        Address(namespace=net.a, link="br0", address=IPv4Interface("10.9.0.0/31")),
        Address(namespace=net.a, link="br0", address=IPv4Interface("169.254.9.1/30"), peer=IPv4Address("169.254.9.2")),
        Address(namespace=net.a, link="lo", address=IPv4Interface("198.51.100.9/32")),
        route("0.0.0.0/0", table=254, gateway=near, link="br0"),
        route("10.4.0.0/16", table=1000, gateway=near, link="br0", metric=10),
        route("10.4.0.0/16", table=1000, kind=RouteKind.UNREACHABLE, metric=4000),
        route("10.4.0.0/16", table=10, gateway=near, link="br0", metric=10),
        route("10.3.0.0/16", table=1000, kind=RouteKind.BLACKHOLE),
        route("0.0.0.0/0", table=1000, kind=RouteKind.UNREACHABLE, metric=9999),
        route("10.1.0.0/24", table=10, link="br0"),
        route("203.0.113.0/24", table=100_000, gateway=IPv4Address("7.7.7.7"), link="br0", onlink=True),
        KernelRule(namespace=net.a, priority=1000, iif="br0", table=1000),
        KernelRule(namespace=net.a, priority=1000, iif="lo", table=10),
        KernelRule(namespace=net.a, priority=1999, iif=None, table=100_000),
    ]


def test_everything_reads_as_it_was_put_twice(net: Network) -> None:
    wanted = [*ground(net), *variants(net)]
    net.put(*wanted)
    net.put(*wanted)
    spaces = {net.a: True, net.b: False}
    expected = {
        item.key: item
        for item in [*wanted, *(Namespace(namespace=n, owner=net.owner, forwarding=f) for n, f in spaces.items())]
    }
    assert net.seen() == expected


def test_everything_can_be_dropped_twice(net: Network) -> None:
    wanted = [*ground(net), *variants(net)]
    net.put(*wanted)
    for _ in range(2):
        for item in reversed(wanted):
            net.driver.drop(item)
    assert {type(item) for item in net.seen().values()} == {Namespace}


def test_dropping_where_the_namespace_is_gone_is_no_error(net: Network) -> None:
    wanted = [*ground(net), *variants(net)]
    net.put(*wanted)
    for name in (net.a, net.b):
        net.driver.drop(Namespace(namespace=name, owner=net.owner))
    assert net.seen() == {}
    for item in wanted:
        net.driver.drop(item)


@pytest.mark.parametrize(
    ("index", "change"),
    [
        (2, {"master": None}),
        (2, {"mtu": 1300}),
        (3, {"mtu": 1500}),
        (8, {"peer": IPv4Address("169.254.9.3")}),
        (8, {"peer": None}),
        (11, {"gateway": IPv4Address("10.1.0.77")}),
        (12, {"kind": RouteKind.BLACKHOLE, "gateway": None, "link": None}),
        (14, {"kind": RouteKind.UNICAST, "link": "br0"}),
        (18, {"gateway": IPv4Address("8.8.8.8")}),
        (19, {"table": 10}),
    ],
)
def test_a_change_is_made_in_place(net: Network, index: int, change: dict[str, object]) -> None:
    wanted = [*ground(net), *variants(net)]
    net.put(*wanted)
    old = wanted[index - 1]
    new = dataclasses.replace(old, **change)  # type: ignore[arg-type]
    assert new.key == old.key
    net.driver.put(new, old)
    seen = net.seen()
    assert seen[new.key] == new
    for item in wanted:
        if item is not old:
            assert seen[item.key] == item


def test_one_end_makes_the_pair_and_the_other_finds_it(net: Network) -> None:
    near, far = pair(net)
    net.put(Bridge(namespace=net.a, name="br0"), near)
    found = net.seen()[far.key]
    assert isinstance(found, Seen)
    assert found.fingerprint == "down"
    assert found.requires == dataclasses.replace(far, master=None).needs
    index = ip(f"-n {net.b} -o link show eth0").split(":")[0]
    net.put(far)
    assert ip(f"-n {net.b} -o link show eth0").split(":")[0] == index
    assert net.seen()[far.key] == far


def test_deleting_an_end_deletes_both(net: Network) -> None:
    net.put(*ground(net))
    near, far = pair(net)
    net.driver.drop(near)
    assert near.key not in net.seen()
    assert far.key not in net.seen()


@pytest.mark.parametrize("link", ["br0", "p1"])
def test_a_link_that_is_down_does_not_read_as_wanted(net: Network, link: str) -> None:
    wanted = ground(net)
    net.put(*wanted)
    item = next(item for item in wanted if item.key == ("link", net.a, link))
    ip(f"-n {net.a} link set {link} down")
    found = net.seen()[item.key]
    assert isinstance(found, Seen)
    assert found.kind is type(item)
    assert found.fingerprint != net.driver.fingerprint(item)
    net.driver.put(item, found)
    assert net.seen()[item.key] == item


def test_a_bridge_whose_spanning_tree_was_turned_on_is_repaired(net: Network) -> None:
    bridge = Bridge(namespace=net.a, name="br0")
    net.put(bridge)
    ip(f"-n {net.a} link set br0 type bridge stp_state 1")
    assert isinstance(net.seen()[bridge.key], Seen)
    net.put(bridge)
    assert net.seen()[bridge.key] == bridge


def test_a_port_taken_from_its_bridge_reads_so(net: Network) -> None:
    net.put(*ground(net))
    near, _ = pair(net)
    ip(f"-n {net.a} link set p1 nomaster")
    assert net.seen()[near.key] == dataclasses.replace(near, master=None)


@pytest.mark.parametrize("fault", ["renamed", "moved", "deleted"])
def test_half_a_pair_is_repaired_whichever_end_is_put(net: Network, fault: str) -> None:
    wanted = ground(net)
    net.put(*wanted)
    before = ip(f"-n {net.a} -o link show p1").split("link/ether ")[1].split(" ")[0]
    match fault:
        case "renamed":
            ip(f"-n {net.b} link set eth0 down")
            ip(f"-n {net.b} link set eth0 name other0")
        case "moved":
            ip(f"netns add {net.name('c')}")
            ip(f"-n {net.b} link set eth0 netns {net.name('c')}")
        case _:
            ip(f"-n {net.b} link delete eth0")
    near, far = pair(net)
    assert far.key not in net.seen()
    net.put(far)
    if fault != "deleted":
        assert net.seen()[near.key] != near  # made anew, and down until it is put itself
    net.put(near)
    seen = net.seen()
    assert (seen[near.key], seen[far.key]) == (near, far)
    assert before in ip(f"-n {net.a} -o link show p1"), "the neighbours' ARP entries stay true"


def test_what_is_somebody_elses_is_neither_read_nor_touched(net: Network) -> None:
    net.put(*ground(net))
    ip(f"-n {net.a} link add foreign0 type bridge")
    ip(f"-n {net.a} link set foreign0 up")
    ip(f"-n {net.a} address add 10.77.0.1/24 dev foreign0")
    ip(f"-n {net.a} address add 10.78.0.1/24 dev br0")
    ip(f"-n {net.a} route add 10.5.0.0/16 via 10.1.0.2 proto bird")
    ip(f"-n {net.a} route add 10.6.0.0/16 via 10.1.0.2")
    ip(f"-n {net.a} rule add iif br0 priority 1500 lookup 7")
    seen = net.seen()
    assert set(seen) == {item.key for item in ground(net)} | {("namespace", net.a), ("namespace", net.b)}

    def route(destination: str) -> KernelRoute:
        return KernelRoute(
            namespace=net.a,
            table=254,
            destination=IPv4Network(destination),
            gateway=IPv4Address("10.1.0.2"),
            link="br0",
        )

    for destination in ("10.5.0.0/16", "10.6.0.0/16", "10.77.0.0/24"):
        with pytest.raises(DriverError, match="somebody else's"):
            net.driver.put(route(destination), None)
        net.driver.drop(route(destination))
        assert destination in ip(f"-n {net.a} route")
    with pytest.raises(DriverError, match="somebody else's"):
        net.driver.put(VethEnd(namespace=net.a, name="foreign0", peer_namespace=net.b, peer_name="x0"), None)
    with pytest.raises(DriverError, match="somebody else's"):
        net.driver.drop(Bridge(namespace=net.a, name="foreign0"))
    assert "foreign0" in ip(f"-n {net.a} link")


def test_two_owners_in_one_namespace_do_not_see_each_other(net: Network) -> None:
    """As a customer gateway in a lab site: HERE is the service's namespace."""
    wanted = ground(net)
    net.put(*wanted)
    script = f"""
from ipaddress import IPv4Interface, IPv4Network
from landbridge.desired.links import *
from landbridge.drivers.netlink import decode
from landbridge.drivers.netlink.driver import NetlinkDriver
from landbridge.drivers.netlink.inside import inside
guest = NetlinkDriver("{net.prefix}-guest", protocol=188)
inner = "{net.name("guest")}"
items = [
    Namespace(namespace=inner, owner="{net.prefix}-guest"),
    VethEnd(namespace=HERE, name="g1", peer_namespace=inner, peer_name="out0"),
    VethEnd(namespace=inner, name="out0", peer_namespace=HERE, peer_name="g1"),
    Address(namespace=HERE, link="g1", address=IPv4Interface("192.0.2.1/30")),
    Address(namespace=inner, link="out0", address=IPv4Interface("192.0.2.2/30")),
    KernelRoute(namespace=HERE, table=254, destination=IPv4Network("10.99.0.0/16"), link="g1"),
    KernelRoute(namespace=HERE, table=254, destination=IPv4Network("10.98.0.0/16"), kind=RouteKind.BLACKHOLE),
    KernelRule(namespace=HERE, priority=1200, iif=None, table=99),
]
for item in items * 2:
    guest.put(item, None)
seen = list(NetlinkDriver("{net.prefix}-guest", protocol=188).read([HERE, inner]))
assert sorted(map(repr, seen)) == sorted(map(repr, items)), seen
"""
    done = networks.subprocess.run(
        ["ip", "netns", "exec", net.a, sys.executable, "-c", script], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    keys = {item.key for item in wanted} | {("namespace", net.a), ("namespace", net.b)}
    assert set(net.seen()) == keys
    # The guest's namespace was made from inside `ip netns exec` and is known outside.
    assert ip(f"netns exec {net.name('guest')} ip -o address").count("192.0.2.2/30") == 1
    assert ip(f"netns exec {net.a} ip netns exec {net.name('guest')} ip -o address").count("192.0.2.2/30") == 1


def test_a_ping_crosses_the_bridge(net: Network) -> None:
    net.put(*ground(net))
    assert "1 received" in run(f"ip netns exec {net.b} ping -c 1 -W 5 10.1.0.1")
    with pytest.raises(AssertionError):
        run(f"ip netns exec {net.b} ping -c 1 -W 1 10.1.0.3")


def test_a_driver_that_is_not_the_owner_reads_nothing(net: Network) -> None:
    net.put(*ground(net))
    assert list(NetlinkDriver("somebody").read([net.a, net.b, net.name("missing")])) == []


def test_what_needs_something_missing_fails_with_a_sentence(net: Network) -> None:
    with pytest.raises(DriverError, match="no link 'nope0'"):
        net.driver.put(Address(namespace=net.a, link="nope0", address=IPv4Interface("10.0.0.1/24")), None)
    with pytest.raises(DriverError, match="does not exist"):
        net.driver.put(Bridge(namespace=net.name("missing"), name="br0"), None)
    with pytest.raises(DriverError, match="needs a link"):
        net.driver.put(
            KernelRoute(
                namespace=net.a, table=254, destination=IPv4Network("10.0.0.0/8"), gateway=IPv4Address("10.0.0.1")
            ),
            None,
        )


@pytest.mark.parametrize("address_first", [True, False])
def test_who_knew_an_address_elsewhere_is_told_where_it_is_now(net: Network, address_first: bool) -> None:
    """A neighbour's entry would otherwise lead to the old hardware address for many seconds."""
    net.put(*ground(net))
    moved = net.name("moved")
    net.driver.put(Namespace(namespace=moved, owner=net.owner), None)
    try:
        run(f"ip -n {net.b} neigh replace 10.1.0.9 lladdr 02:00:00:00:00:99 dev eth0 nud stale")
        end = VethEnd(namespace=moved, name="eth0", peer_namespace=net.a, peer_name="moved0")
        port = VethEnd(namespace=net.a, name="moved0", peer_namespace=moved, peer_name="eth0", master="br0")
        address = Address(namespace=moved, link="eth0", address=IPv4Interface("10.1.0.9/24"))
        net.put(end, *((address, port) if address_first else (port, address)))
        hardware = run(f"ip netns exec {moved} cat /sys/class/net/eth0/address").strip()
        networks.until(lambda: hardware in run(f"ip -n {net.b} neigh show 10.1.0.9"), "the neighbour knows", 2.0)
    finally:
        net.driver.drop(Namespace(namespace=moved, owner=net.owner))


def test_a_tunnel_device_is_up_only_once_its_address_can_be_used(net: Network) -> None:
    """The kernel tells of an address before sockets can be bound to it, and BIRD tries only once (decision 4)."""
    ip(f"-n {net.a} tuntap add tun0 mode tun")
    ip(f"-n {net.a} link set tun0 up")
    with inside(net.a):
        told = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    with told:
        told.bind((0, RTMGRP_LINK | RTMGRP_IPV4_IFADDR))
        told.setblocking(False)
        address = Address(namespace=net.a, link="tun0", address=IPv4Interface("169.254.7.1/30"))
        net.put(address)
        order = list(announcements(told))
        assert "address" in order
        assert order[-1] == "up"
        assert "up" not in order[: order.index("address")]
        second = dataclasses.replace(address, address=IPv4Interface("169.254.7.5/30"))
        net.put(address, second)
        assert "down" not in list(announcements(told)), "the second one finds it in use"
    seen = net.seen()
    assert (seen[address.key], seen[second.key]) == (address, second)


def announcements(told: socket.socket) -> Iterator[str]:
    """What the kernel said of links and addresses, in its order."""
    with suppress(BlockingIOError):
        while True:
            for kind, _, _, body in decode.messages(told.recv(1 << 16)):
                if kind == decode.Message.NEWADDR:
                    yield "address"
                elif kind == decode.Message.NEWLINK:
                    yield "up" if decode.link(body).up else "down"
