"""What a guarded port and a 1:1 translation do to packets that the kernel really carries."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import networks
import pytest
from networks import SLOW, Network, run

from landbridge.desired.links import MAIN_TABLE, Address, Bridge, KernelRoute, Namespace, VethEnd
from landbridge.desired.rulesets import Ruleset
from landbridge.desired.tables import Family, Mapped, OneToOne, Port
from landbridge.drivers.netlink.announce import gratuitous
from landbridge.drivers.netlink.inside import inside
from landbridge.drivers.nftables.driver import NftablesDriver

pytestmark = pytest.mark.lab

ANYWHERE = IPv4Network("0.0.0.0/0")
MACS = {"p1": "02:00:5e:00:53:01", "p2": "02:00:5e:00:53:02"}
ROUTER, ONE, TWO, ELSEWHERE = (IPv4Address(f"10.1.0.{n}") for n in (1, 11, 12, 99))
BROADCAST = b"\xff" * 6


@pytest.fixture
def net() -> Iterator[Network]:
    yield from networks.network()


def pings(namespace: str, address: IPv4Address, patience: float = 1.0) -> bool:
    command = f"ip netns exec {namespace} ping -n -c 1 -W {patience:g} {address}"
    with suppress(AssertionError):
        run(command)
        return True
    return False


class Switched:
    """`a` is a bridge with the address .1; behind its ports `p1` and `p2` are `b` (.11) and `c` (.12)."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.spaces = {"p1": net.b, "p2": net.name("c")}
        self.driver = NftablesDriver(net.owner)
        net.put(
            Namespace(namespace=self.spaces["p2"], owner=net.owner),
            Bridge(namespace=net.a, name="br0"),
            Address(namespace=net.a, link="br0", address=IPv4Interface((ROUTER, 24))),
        )
        for (port, space), address in zip(self.spaces.items(), (ONE, TWO), strict=True):
            net.put(
                VethEnd(namespace=net.a, name=port, peer_namespace=space, peer_name="eth0", master="br0"),
                VethEnd(namespace=space, name="eth0", peer_namespace=net.a, peer_name=port, mac=MACS[port]),
                Address(namespace=space, link="eth0", address=IPv4Interface((address, 24))),
            )

    def guard(self, *ports: Port) -> None:
        self.driver.put(Ruleset(namespace=self.net.a, family=Family.BRIDGE, ports=ports), None)

    def sees(self, port: str, frame: bytes, at: str) -> bool:
        """Whether a frame sent behind one port is seen behind the other, or (`at` = br0) by the router itself."""
        space = self.net.a if at == "br0" else self.spaces[at]
        with inside(space):
            listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        with inside(self.spaces[port]):
            sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with listener, sender:
            listener.bind(("br0" if at == "br0" else "eth0", 3))
            sender.bind(("eth0", 0))
            listener.settimeout(0.5 * SLOW)
            sender.send(frame)
            with suppress(TimeoutError):
                while listener.recv(2000)[: len(frame)] != frame:
                    pass
                return True
        return False


PORTS = (
    Port(link="p1", mac=MACS["p1"], addresses=(ONE,)),
    Port(link="p2", mac=MACS["p2"], addresses=(TWO,)),
)


def mac(port: str) -> bytes:
    return bytes.fromhex(MACS[port].replace(":", ""))


def packet(source: IPv4Address, destination: IPv4Address, *, frm: bytes, to: bytes) -> bytes:
    """A UDP packet in a frame."""
    body = struct.pack("!HHHH", 9, 9, 16, 0) + b"a guard!"
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + 8, 0, 0, 64, 17, 0, source.packed, destination.packed)
    total = sum(struct.unpack("!10H", head))
    check = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return to + frm + b"\x08\x00" + head[:10] + struct.pack("!H", check) + head[12:] + body


@pytest.fixture
def switched(net: Network) -> Switched:
    made = Switched(net)
    made.guard(*PORTS)
    return made


def test_neighbours_and_router_talk_through_guarded_ports(switched: Switched) -> None:
    assert pings(switched.spaces["p1"], TWO)
    assert pings(switched.spaces["p1"], ROUTER)
    assert pings(switched.net.a, TWO)
    assert switched.sees("p1", packet(ONE, TWO, frm=mac("p1"), to=mac("p2")), at="p2")
    assert switched.sees("p1", gratuitous(mac("p1"), ONE), at="p2")
    assert switched.sees("p1", gratuitous(mac("p1"), ONE), at="br0")
    probe = gratuitous(mac("p1"), IPv4Address(0))
    assert switched.sees("p1", probe, at="p2"), "it asks and says nothing (RFC 5227)"


@pytest.mark.parametrize("at", ["p2", "br0"])
def test_what_a_port_may_not_send_does_not_come_from_it(switched: Switched, at: str) -> None:
    to = mac("p2") if at == "p2" else BROADCAST
    own = packet(ONE, TWO, frm=mac("p1"), to=to)
    forbidden = {
        "another source": packet(ELSEWHERE, TWO, frm=mac("p1"), to=to),
        "the neighbour's source": packet(TWO, ROUTER, frm=mac("p1"), to=to),
        "another hardware address": packet(ONE, TWO, frm=mac("p2")[:5] + b"\x99", to=to),
        "ARP for the router's address": gratuitous(mac("p1"), ROUTER),
        "ARP for the neighbour's": gratuitous(mac("p1"), TWO),
        "ARP by another hardware address": BROADCAST + mac("p1") + gratuitous(mac("p2"), ONE)[12:],
        "IPv6": own[:12] + b"\x86\xdd" + own[14:],
        "a tag": own[:12] + b"\x81\x00\x00\x05" + own[12:],
    }
    assert {what for what, frame in forbidden.items() if switched.sees("p1", frame, at)} == set()


def test_what_is_for_somebody_else_is_not_delivered(switched: Switched) -> None:
    stray = packet(ONE, ELSEWHERE, frm=mac("p1"), to=mac("p2"))
    assert not switched.sees("p1", stray, at="p2")
    switched.guard(PORTS[0], replace(PORTS[1], checked=False))
    assert switched.sees("p1", stray, at="p2")


def test_an_unchecked_port_sends_for_others_and_still_claims_nobodys_address(switched: Switched) -> None:
    switched.guard(replace(PORTS[0], checked=False), replace(PORTS[1], checked=False))
    assert switched.sees("p1", packet(ELSEWHERE, TWO, frm=mac("p1"), to=mac("p2")), at="p2")
    assert not switched.sees("p1", packet(ELSEWHERE, TWO, frm=mac("p2"), to=mac("p2")), at="p2")
    assert not switched.sees("p1", gratuitous(mac("p1"), ELSEWHERE), at="p2")


def test_a_port_that_is_not_listed_says_nothing_and_gets_no_packets(switched: Switched) -> None:
    switched.guard(PORTS[1])
    assert not switched.sees("p1", packet(ONE, TWO, frm=mac("p1"), to=mac("p2")), at="p2")
    assert not switched.sees("p1", gratuitous(mac("p1"), ONE), at="br0")
    assert not switched.sees("p2", packet(TWO, ONE, frm=mac("p2"), to=mac("p1")), at="p1")
    assert pings(switched.spaces["p2"], ROUTER)
    switched.guard()
    assert not pings(switched.spaces["p2"], ROUTER)


class Translated:
    """`in1` (10.2.0.11) and `in2` (.12) -- gw -- out (192.0.2.9), which knows the public 192.0.2.77."""

    PUBLIC, OUT = IPv4Address("192.0.2.77"), IPv4Address("192.0.2.9")
    PRIVATE = (IPv4Address("10.2.0.11"), IPv4Address("10.2.1.11"))

    def __init__(self, net: Network) -> None:
        self.net = net
        self.driver = NftablesDriver(net.owner)
        self.gw, self.router, self.out = net.name("gw"), net.name("rt"), net.b
        self.inner = (net.name("in1"), net.name("in2"))
        for space in (self.gw, self.router):
            net.put(Namespace(namespace=space, owner=net.owner, forwarding=True))
        self._join(self.router, "igw0", "169.254.1.1/30", self.gw, "vpc0", "169.254.1.2/30")
        self._join(self.gw, "out0", f"{self.PUBLIC}/24", self.out, "eth0", f"{self.OUT}/24")
        for number, (space, private) in enumerate(zip(self.inner, self.PRIVATE, strict=True)):
            net.put(Namespace(namespace=space, owner=net.owner))
            self._join(self.router, f"r{number}", f"10.2.{number}.1/24", space, "eth0", f"{private}/24")
            self._default(space, f"10.2.{number}.1", "eth0")
        self._default(self.router, "169.254.1.2", "igw0")
        net.put(
            KernelRoute(
                namespace=self.gw,
                table=MAIN_TABLE,
                destination=IPv4Network("10.2.0.0/16"),
                gateway=IPv4Address("169.254.1.1"),
                link="vpc0",
            )
        )

    def _join(self, space: str, link: str, address: str, other: str, peer: str, there: str) -> None:
        self.net.put(
            VethEnd(namespace=space, name=link, peer_namespace=other, peer_name=peer),
            VethEnd(namespace=other, name=peer, peer_namespace=space, peer_name=link),
            Address(namespace=space, link=link, address=IPv4Interface(address)),
            Address(namespace=other, link=peer, address=IPv4Interface(there)),
        )

    def _default(self, space: str, gateway: str, link: str) -> None:
        way = IPv4Address(gateway)
        self.net.put(KernelRoute(namespace=space, table=MAIN_TABLE, destination=ANYWHERE, gateway=way, link=link))

    def map(self, to: int | None, zone: int = 1) -> None:
        mapped = () if to is None else (Mapped(private=self.PRIVATE[to], public=self.PUBLIC, zone=zone),)
        nat = OneToOne(inside="vpc0", outside="out0", mapped=mapped)
        self.driver.put(Ruleset(namespace=self.gw, one_to_one=nat), None)

    def udp(self, space: str, port: int = 0) -> socket.socket:
        with inside(space):
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("0.0.0.0", port))
        made.settimeout(0.5 * SLOW)
        return made


@pytest.fixture
def translated(net: Network) -> Translated:
    return Translated(net)


def hears(listener: socket.socket, text: bytes) -> str | None:
    """Who sent this text, if it comes."""
    with suppress(TimeoutError):
        while True:
            data, sender = listener.recvfrom(100)
            if data == text:
                return str(sender[0])
    return None


def test_both_ways_and_nobody_else(translated: Translated) -> None:
    translated.map(0)
    assert pings(translated.out, translated.PUBLIC)
    assert pings(translated.inner[0], translated.OUT)
    assert not pings(translated.inner[1], translated.OUT)
    with translated.udp(translated.inner[0]) as inner, translated.udp(translated.out, 77) as outer:
        inner.sendto(b"from inside", (str(translated.OUT), 77))
        assert hears(outer, b"from inside") == str(translated.PUBLIC)
    with translated.udp(translated.inner[0], 78) as inner, translated.udp(translated.out) as outer:
        outer.sendto(b"from outside", (str(translated.PUBLIC), 78))
        assert hears(inner, b"from outside") == str(translated.OUT)
    translated.map(None)
    assert not pings(translated.inner[0], translated.OUT)


def test_an_error_about_a_translated_packet_comes_back_to_who_sent_it(translated: Translated) -> None:
    """Else paths would have no MTU, and traceroute no hops: the packet inside the ICMP message is translated, too."""
    translated.map(0)
    with translated.udp(translated.inner[0]) as inner:
        inner.connect((str(translated.OUT), 9))  # nobody listens there
        inner.send(b"x")
        with pytest.raises(ConnectionRefusedError):
            inner.recv(1)


@pytest.mark.parametrize("begun", ["inside", "outside"])
def test_a_flow_that_was_there_follows_the_mapping(translated: Translated, begun: str) -> None:
    translated.map(0, zone=1)
    first, second = (translated.udp(space, 78) for space in translated.inner)
    with first, second, translated.udp(translated.out, 77) as outer:

        def both_ways(inner: socket.socket, text: bytes) -> None:
            for here, there in ((inner, outer), (outer, inner))[:: 1 if begun == "inside" else -1]:
                to = (translated.OUT, 77) if here is inner else (translated.PUBLIC, 78)
                here.sendto(text, (str(to[0]), to[1]))
                assert hears(there, text)

        both_ways(first, b"before")
        translated.map(1, zone=2)
        both_ways(second, b"after")
        outer.sendto(b"late", (str(translated.PUBLIC), 78))
        assert hears(first, b"late") is None
        first.sendto(b"still", (str(translated.OUT), 77))
        assert hears(outer, b"still") is None


@pytest.mark.parametrize("begun", ["inside", "outside"])
def test_a_flow_of_an_old_mapping_is_stopped_even_in_the_same_zone(translated: Translated, begun: str) -> None:
    translated.map(0, zone=1)
    first, second = (translated.udp(space, 78) for space in translated.inner)
    with first, second, translated.udp(translated.out, 77) as outer:
        if begun == "inside":
            first.sendto(b"begun", (str(translated.OUT), 77))
            assert hears(outer, b"begun")
        else:
            outer.sendto(b"begun", (str(translated.PUBLIC), 78))
            assert hears(first, b"begun")
        translated.map(1, zone=1)
        outer.sendto(b"late", (str(translated.PUBLIC), 78))
        first.sendto(b"still", (str(translated.OUT), 77))
        assert hears(first, b"late") is None
        assert hears(outer, b"still") is None
