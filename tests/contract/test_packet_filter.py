"""Rules that look packets up, with packets that the kernel really carries: neighbours, flows, marks, next hops."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

import networks
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks import SLOW, Network, run, until

from landbridge.desired.links import MAIN_TABLE, Address, Bridge, KernelRoute, Namespace, VethEnd
from landbridge.desired.objects import HostObject
from landbridge.desired.rulesets import Chain, FilterRule, Hook, NamedChain, Ruleset, Verdict
from landbridge.desired.tables import Among, Family, Field, Follow, Holder, Kind, NamedMap, NamedSet, Port
from landbridge.drivers.netlink.inside import inside
from landbridge.drivers.nftables import lookups
from landbridge.drivers.nftables.driver import NftablesDriver
from landbridge.drivers.nftables.flows import forget
from landbridge.drivers.nftables.library import run as nft

pytestmark = pytest.mark.lab

ANYWHERE = IPv4Network("0.0.0.0/0")
MACS = {"p1": "02:00:5e:00:53:01", "p2": "02:00:5e:00:53:02", "p3": "02:00:5e:00:53:03"}
ONE, TWO, THREE = IPv4Address("10.1.0.11"), IPv4Address("10.1.0.12"), IPv4Address("10.2.0.13")
ADDRESSES = {"p1": ONE, "p2": TWO, "p3": THREE}
ROUTER = "02:00:5e:00:53:99"
BRIDGES = {"p1": "br1", "p2": "br1", "p3": "br2"}
ELSEWHERE = IPv4Address("172.16.0.9")


class Routed:
    """`a` routes between the bridges br1 (ports p1, p2) and br2 (p3); behind the ports are .11, .12 and .13."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.driver = NftablesDriver(net.owner)
        self.spaces = {port: net.name(port) for port in ADDRESSES}
        for number in (1, 2):
            bridge = f"br{number}"
            gateway = IPv4Interface(f"10.{number}.0.1/24")
            net.put(
                Bridge(namespace=net.a, name=bridge, mac=ROUTER),
                Address(namespace=net.a, link=bridge, address=gateway),
            )
        for port, address in ADDRESSES.items():
            space = self.spaces[port]
            gateway = IPv4Interface(f"{address}/24").network[1]
            net.put(
                Namespace(namespace=space, owner=net.owner),
                VethEnd(
                    namespace=net.a,
                    name=port,
                    peer_namespace=space,
                    peer_name="eth0",
                    master=BRIDGES[port],
                ),
                VethEnd(namespace=space, name="eth0", peer_namespace=net.a, peer_name=port, mac=MACS[port]),
                Address(namespace=space, link="eth0", address=IPv4Interface((address, 24))),
                KernelRoute(namespace=space, table=MAIN_TABLE, destination=ANYWHERE, gateway=gateway, link="eth0"),
            )

    def rules(self, *rules: FilterRule, accept: bool = False, **more: Any) -> Ruleset:
        chain = Chain(hook=Hook.FORWARD, accept=accept, rules=rules)
        return Ruleset(namespace=self.net.a, chains=(chain,), **more)

    def filter(self, *rules: FilterRule, accept: bool = False, **more: Any) -> Ruleset:
        wanted = self.rules(*rules, accept=accept, **more)
        self.driver.put(wanted, None)
        return wanted

    def table(self) -> HostObject:
        """What a driver without memory reads of the rules."""
        found = NftablesDriver(self.net.owner).read([self.net.a])
        return next(each for each in found if each.key == Ruleset(namespace=self.net.a).key)

    def guard(self, *, unchecked: str = "", router: str = ROUTER) -> None:
        ports = (
            Port(link=port, mac=MACS[port], addresses=(address,), checked=port != unchecked, router=router)
            for port, address in ADDRESSES.items()
        )
        self.driver.put(Ruleset(namespace=self.net.a, family=Family.BRIDGE, ports=tuple(ports)), None)

    def way_to_elsewhere(self, gateway: IPv4Address) -> None:
        to = IPv4Network("172.16.0.0/16")
        self.net.put(KernelRoute(namespace=self.net.a, table=MAIN_TABLE, destination=to, gateway=gateway, link="br1"))

    def behind_one(self) -> None:
        """p1 forwards for somebody, whom a second address stands for."""
        self.net.put(Address(namespace=self.spaces["p1"], link="lo", address=IPv4Interface((ELSEWHERE, 32))))
        self.way_to_elsewhere(ONE)

    def pings(self, port: str, address: IPv4Address, patience: float = 0.5) -> bool:
        command = f"ip netns exec {self.spaces[port]} ping -n -c 1 -W {patience * SLOW:g} {address}"
        with suppress(AssertionError):
            run(command)
            return True
        return False

    def udp(self, port: str, number: int = 0) -> socket.socket:
        with inside(self.spaces[port]):
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("0.0.0.0", number))
        made.settimeout(0.5 * SLOW)
        return made


@pytest.fixture
def routed() -> Iterator[Routed]:
    for net in networks.network():
        made = Routed(net)
        made.guard()
        until(lambda made=made: all(made.pings("p1", address) for address in (TWO, THREE)), "everybody is there")
        yield made


def hears(listener: socket.socket, text: bytes) -> bool:
    with suppress(TimeoutError):
        while listener.recv(100) != text:
            pass
        return True
    return False


def test_neighbours_meet_in_the_router_and_know_each_other_all_the_same(routed: Routed) -> None:
    assert routed.pings("p1", TWO)
    assert routed.pings("p1", THREE)
    assert routed.pings("p1", IPv4Address("10.1.0.1"))
    known = run(f"ip -n {routed.spaces['p1']} neighbour show {TWO}")
    assert MACS["p2"] in known
    routed.filter()
    assert not routed.pings("p1", TWO), "the router's rules see what neighbours send"
    assert not routed.pings("p1", THREE)
    assert routed.pings("p1", IPv4Address("10.1.0.1")), "the router itself answers"


def test_without_a_router_they_send_each_other_what_they_like(routed: Routed) -> None:
    routed.filter()
    assert not routed.pings("p1", TWO)
    routed.guard(router="")
    assert routed.pings("p1", TWO)


def test_a_way_by_address_is_looked_up_and_what_is_not_there_goes_on_to_the_next_rule(routed: Routed) -> None:
    chains = (NamedChain(name="in_1", rules=(FilterRule(source=(IPv4Network(ONE),), verdict=Verdict.ACCEPT),)),)
    ways = NamedMap(name="to_address", kind=Kind.ADDRESS, chains=((TWO, "in_1"),))
    follow = FilterRule(follow=Follow(Field.NEXT_HOP, "to_address"))
    back = FilterRule(established=True, verdict=Verdict.ACCEPT)
    routed.filter(back, follow, named=chains, maps=(ways,))
    assert routed.pings("p1", TWO)
    assert not routed.pings("p3", TWO), "what the chain does not decide is dropped"
    assert not routed.pings("p1", THREE), "the map has nothing for it, nor has the next rule"
    routed.filter(back, follow, FilterRule(verdict=Verdict.ACCEPT), named=chains, maps=(ways,))
    assert not routed.pings("p3", TWO), "a packet that was sent to a chain does not come back"
    assert routed.pings("p1", THREE)


def test_a_next_hop_is_the_gateway_of_a_route(routed: Routed) -> None:
    routed.way_to_elsewhere(TWO)
    routed.guard(unchecked="p2")
    chains = (NamedChain(name="in_1", rules=(FilterRule(verdict=Verdict.ACCEPT),)),)
    ways = NamedMap(name="to_address", kind=Kind.ADDRESS, chains=((TWO, "in_1"),))
    routed.filter(FilterRule(follow=Follow(Field.NEXT_HOP, "to_address")), named=chains, maps=(ways,))
    with routed.udp("p3") as sender, inside(routed.spaces["p2"]):
        listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        listener.settimeout(0.5 * SLOW)
        sender.sendto(b"by way of the gateway", (str(ELSEWHERE), 9))
        with listener:
            assert b"by way of the gateway" in listener.recv(2000)


def test_pairs_of_links_are_looked_up(routed: Routed) -> None:
    within = NamedSet(name="same_subnet", kinds=(Kind.LINK, Kind.LINK), elements=(("br1", "br1"),))
    among = Among((Field.IIF, Field.OIF), "same_subnet")
    routed.filter(FilterRule(among=among, verdict=Verdict.ACCEPT), sets=(within,))
    assert routed.pings("p1", TWO)
    assert not routed.pings("p1", THREE)


def test_ports_and_icmp_types_are_told_apart(routed: Routed) -> None:
    back = FilterRule(established=True, verdict=Verdict.ACCEPT)
    routed.filter(back, FilterRule(protocol="udp", port_range=(7000, 7001), verdict=Verdict.ACCEPT))
    assert not routed.pings("p1", THREE)
    for number, passes in ((6999, False), (7000, True), (7001, True), (7002, False)):
        with routed.udp("p3", number) as listener, routed.udp("p1") as sender:
            sender.sendto(b"x", (str(THREE), number))
            assert hears(listener, b"x") == passes
    routed.filter(back, FilterRule(protocol="icmp", icmp_type=8, icmp_code=0, verdict=Verdict.ACCEPT))
    assert routed.pings("p1", THREE)
    routed.filter(back, FilterRule(protocol="icmp", icmp_type=13, verdict=Verdict.ACCEPT))
    assert not routed.pings("p1", THREE)
    routed.filter(back, FilterRule(protocol=1, verdict=Verdict.ACCEPT))
    assert routed.pings("p1", THREE)


def test_what_an_unchecked_port_sends_for_others_is_marked_and_nothing_else_is(routed: Routed) -> None:
    unmarked = FilterRule(marked=False, verdict=Verdict.ACCEPT)
    by_mark = NamedSet(name="known_marks", kinds=(Kind.MARK,), elements=((int(ONE),),))
    marked = FilterRule(among=Among((Field.MARK,), "known_marks"), verdict=Verdict.ACCEPT)
    routed.guard(unchecked="p1")
    routed.behind_one()

    def gets_through(source: IPv4Address) -> bool:
        with routed.udp("p3", 7000) as listener, routed.udp("p1") as sender:
            sender.close()
            with inside(routed.spaces["p1"]), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
                bound.bind((str(source), 0))
                bound.sendto(b"x", (str(THREE), 7000))
                return hears(listener, b"x")

    routed.filter(unmarked)
    assert gets_through(ONE)
    assert not gets_through(ELSEWHERE)
    routed.filter(marked, sets=(by_mark,))
    assert gets_through(ELSEWHERE)
    assert not gets_through(ONE)


def test_a_flow_keeps_the_mark_of_its_first_packet(routed: Routed) -> None:
    """What was begun in another's name is told from what he began himself, in both directions."""
    routed.guard(unchecked="p1")
    routed.behind_one()
    keep = FilterRule(fresh=True, marked=True, verdict=Verdict.KEEP_MARK)
    returns = NamedSet(name="returns_to", kinds=(Kind.MARK, Kind.ADDRESS), elements=((int(ONE), ONE),))
    back = FilterRule(established=True, original=False, flow_marked=False, verdict=Verdict.ACCEPT)
    forth = FilterRule(iif="br1", verdict=Verdict.ACCEPT)
    with routed.udp("p3", 7000) as server, inside(routed.spaces["p1"]):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.bind((str(ELSEWHERE), 0))
        client.settimeout(0.5 * SLOW)
        with client:
            for allowed, extra in ((False, ()), (True, (Among((Field.FLOW_MARK, Field.NEXT_HOP), "returns_to"),))):
                more = (FilterRule(established=True, among=each, verdict=Verdict.ACCEPT) for each in extra)
                routed.filter(keep, back, *more, forth, sets=(returns,))
                client.sendto(b"there", (str(THREE), 7000))
                text, sender = server.recvfrom(100)
                assert text == b"there"
                server.sendto(b"back", sender)
                assert hears(client, b"back") == allowed


class Talk:
    """Somebody in p3 (`began`: first) and somebody in p1 send each other packets of one flow."""

    def __init__(self, routed: Routed, began: str) -> None:
        self.one, self.three = routed.udp("p1", 7001), routed.udp("p3", 7003)
        self.ends = [(self.three, self.one, ONE, 7001), (self.one, self.three, THREE, 7003)]
        if began == "p1":
            self.ends.reverse()

    def passes(self) -> list[bool]:
        return [self._passes(*end) for end in self.ends]

    def _passes(self, sender: socket.socket, listener: socket.socket, to: IPv4Address, number: int) -> bool:
        sender.sendto(b"x", (str(to), number))
        return hears(listener, b"x")

    def close(self) -> None:
        self.one.close()
        self.three.close()


@pytest.fixture(params=["p1", "p3"])
def talk(routed: Routed, request: pytest.FixtureRequest) -> Iterator[Talk]:
    made = Talk(routed, request.param)
    yield made
    made.close()


ESTABLISHED = FilterRule(established=True, verdict=Verdict.ACCEPT)
OPEN = (NamedChain(name="in_1", rules=(FilterRule(verdict=Verdict.ACCEPT),)),)
BY_SOURCE = FilterRule(follow=Follow(Field.SOURCE, "from_address"))


def allowing(routed: Routed, *addresses: IPv4Address, holder: str) -> Ruleset:
    """These may begin flows; ONE is held by somebody."""
    ways = NamedMap(name="from_address", kind=Kind.ADDRESS, chains=tuple((a, "in_1") for a in addresses))
    return routed.rules(
        ESTABLISHED,
        BY_SOURCE,
        named=OPEN,
        maps=(ways,),
        holders=(Holder(address=ONE, link=holder), Holder(address=THREE, link="p3")) if holder else (),
    )


def test_a_flow_outlives_a_change_of_rules(routed: Routed, talk: Talk) -> None:
    routed.driver.put(allowing(routed, ONE, THREE, holder="e1"), None)
    assert talk.passes() == [True, True]
    routed.driver.put(allowing(routed, holder="e1"), None)
    assert talk.passes() == [True, True]
    assert not routed.pings("p1", THREE), "but no new one begins"


def test_a_flow_does_not_outlive_who_had_its_address(routed: Routed, talk: Talk) -> None:
    routed.driver.put(allowing(routed, ONE, THREE, holder="e1"), None)
    assert talk.passes() == [True, True]
    routed.driver.put(allowing(routed, holder="e2"), None)
    assert talk.passes() == [False, False]


def test_a_flow_does_not_outlive_an_address_that_nobody_has(routed: Routed, talk: Talk) -> None:
    routed.driver.put(allowing(routed, ONE, THREE, holder="e1"), None)
    assert talk.passes() == [True, True]
    routed.driver.put(allowing(routed, holder=""), None)
    assert talk.passes() == [False, False]


def test_a_change_of_hands_that_was_interrupted_begins_anew(routed: Routed, talk: Talk) -> None:
    before = allowing(routed, ONE, THREE, holder="e1")
    routed.driver.put(before, None)
    assert talk.passes() == [True, True]
    # As it is when the service dies in between: the address begins nothing, and the table says who had it.
    listing = nft(routed.net.a, "list table ip landbridge")[0]
    nft(routed.net.a, lookups.closing("ip landbridge", listing, [ONE]))
    forget(routed.net.a, [ONE])
    assert not routed.pings("p1", THREE)
    assert lookups.holders_in(nft(routed.net.a, "list table ip landbridge")[0])[ONE] == "e1"
    found = routed.table()
    after = allowing(routed, holder="e2")
    NftablesDriver(routed.net.owner).put(after, found)
    assert talk.passes() == [False, False]
    found = routed.table()
    assert found.fingerprint == routed.driver.fingerprint(after)


def test_other_flows_are_not_forgotten(routed: Routed) -> None:
    routed.driver.put(allowing(routed, ONE, TWO, THREE, holder="e1"), None)
    with routed.udp("p2", 7002) as two, routed.udp("p3", 7003) as three:
        two.sendto(b"x", (str(THREE), 7003))
        assert hears(three, b"x")
        routed.driver.put(allowing(routed, holder="e2"), None)
        three.sendto(b"y", (str(TWO), 7002))
        assert hears(two, b"y")


def test_forgetting_what_is_not_known_is_no_error(routed: Routed) -> None:
    forget(routed.net.a, [ELSEWHERE, ONE])


# --- Whatever renders, nftables takes ---------------------------------------------------------------------------------

_ADDRESSES = st.integers(0x0A000000, 0x0A00FFFF).map(IPv4Address)
_NETWORKS = st.lists(
    st.builds(lambda a, n: IPv4Network((a, n), strict=False), st.integers(0, 2**32 - 1), st.integers(0, 32)), max_size=3
).map(tuple)
_LINKS = st.sampled_from(["br1", "igw0", "e0123456789ab", "p-1.x"])
_TRAFFICS = st.one_of(
    st.just({}),
    st.builds(
        lambda protocol, ports: {"protocol": protocol, "port_range": (min(ports), max(ports))},
        st.sampled_from(["tcp", "udp"]),
        st.tuples(st.integers(0, 65535), st.integers(0, 65535)),
    ),
    st.builds(
        lambda kind, code: {"protocol": "icmp", "icmp_type": kind, "icmp_code": None if kind is None else code},
        st.one_of(st.none(), st.integers(0, 255)),
        st.one_of(st.none(), st.integers(0, 255)),
    ),
    st.builds(lambda number: {"protocol": number}, st.integers(0, 255)),
)
_ALL = tuple(Field)
_SETS = tuple(
    NamedSet(name=f"set_{number}", kinds=kinds)
    for number, kinds in enumerate(
        ((Kind.ADDRESS,), (Kind.LINK, Kind.LINK), (Kind.MARK, Kind.ADDRESS), (Kind.LINK, Kind.ADDRESS, Kind.MARK))
    )
)
_FIELDS = (
    ((Field.SOURCE,), (Field.DESTINATION,), (Field.NEXT_HOP,)),
    ((Field.IIF, Field.OIF),),
    ((Field.FLOW_MARK, Field.NEXT_HOP), (Field.MARK, Field.SOURCE)),
    ((Field.IIF, Field.SOURCE, Field.MARK),),
)
_AMONG = st.one_of(
    st.none(),
    st.sampled_from(
        [Among(fields, each.name) for each, several in zip(_SETS, _FIELDS, strict=True) for fields in several]
    ),
)
_BOOLS = st.one_of(st.none(), st.booleans())
_CONDITIONS = st.fixed_dictionaries(
    {
        "iif": st.one_of(st.none(), _LINKS),
        "oif": st.one_of(st.none(), _LINKS),
        "source": _NETWORKS,
        "destination": _NETWORKS,
        "among": _AMONG,
        "established": st.booleans(),
        "original": st.booleans(),
        "fresh": st.booleans(),
        "marked": _BOOLS,
        "flow_marked": _BOOLS,
    }
)
_ENDS = st.one_of(
    st.sampled_from([{"verdict": each} for each in (Verdict.ACCEPT, Verdict.DROP, Verdict.KEEP_MARK)]),
    st.sampled_from(
        [
            {"follow": Follow(field, f"map_{kind.value}")}
            for field, kind in (
                (Field.SOURCE, Kind.ADDRESS),
                (Field.NEXT_HOP, Kind.ADDRESS),
                (Field.IIF, Kind.LINK),
                (Field.OIF, Kind.LINK),
                (Field.MARK, Kind.MARK),
                (Field.FLOW_MARK, Kind.MARK),
            )
        ]
    ),
)
_RULES = st.builds(
    lambda *parts: FilterRule(**{k: v for p in parts for k, v in p.items()}), _CONDITIONS, _TRAFFICS, _ENDS
)
_VALUES = {Kind.ADDRESS: _ADDRESSES, Kind.LINK: _LINKS, Kind.MARK: st.integers(0, 2**32 - 1)}


@st.composite
def _tables(draw: st.DrawFn) -> Ruleset:
    ends = st.builds(lambda *parts: FilterRule(**{k: v for p in parts for k, v in p.items()}), _CONDITIONS, _TRAFFICS)
    named = tuple(
        NamedChain(
            name=f"chain_{number}",
            rules=tuple(replace(rule, verdict=Verdict.ACCEPT) for rule in draw(st.lists(ends, max_size=3))),
        )
        for number in (1, 2)
    )
    chains = st.sampled_from([each.name for each in named])
    return Ruleset(
        namespace="",
        sets=tuple(
            replace(each, elements=tuple(draw(st.lists(st.tuples(*(_VALUES[k] for k in each.kinds)), max_size=4))))
            for each in _SETS
        ),
        maps=tuple(
            NamedMap(
                name=f"map_{kind.value}",
                kind=kind,
                chains=tuple(draw(st.dictionaries(_VALUES[kind], chains, max_size=4)).items()),
            )
            for kind in Kind
        ),
        named=named,
        chains=tuple(
            Chain(
                hook=Hook.FORWARD,
                priority=n,
                accept=draw(st.booleans()),
                rules=tuple(draw(st.lists(_RULES, max_size=4))),
            )
            for n in range(draw(st.integers(0, 3)))
        ),
        holders=tuple(
            Holder(address=address, link=held)
            for address, held in draw(st.dictionaries(_ADDRESSES, _LINKS, max_size=4)).items()
        ),
    )


@pytest.mark.timeout(300)
def test_nftables_takes_whatever_is_rendered_and_it_is_read_as_that(routed: Routed) -> None:
    assert {each for several in _FIELDS for fields in several for each in fields} == set(_ALL)

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(_tables())
    def takes(table: Ruleset) -> None:
        wanted = replace(table, namespace=routed.net.a)
        routed.driver.put(wanted, None)
        found = routed.table()
        assert found.fingerprint == routed.driver.fingerprint(wanted)
        listing = nft(routed.net.a, "list table ip landbridge")[0]
        assert lookups.holders_in(listing) == {each.address: each.link for each in table.holders}
        mapped = {str(key) for each in table.maps if each.kind is Kind.ADDRESS for key, _ in each.chains}
        closing = lookups.closing("ip landbridge", listing, [IPv4Address(key) for key in mapped])
        assert {key for part in re.findall(r"\{ (.*) \}", closing) for key in part.split(", ")} == mapped
        if closing:
            nft(routed.net.a, closing)

    takes()
