"""The nftables driver against the kernel: what is in force is what was asked for, or it is noticed."""

from __future__ import annotations

import dataclasses
import os
import secrets
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import networks
import pytest
from networks import Network, run

from landbridge.desired.links import MAIN_TABLE, Address, Bridge, KernelRoute, Namespace, VethEnd
from landbridge.desired.objects import Seen
from landbridge.desired.rulesets import Chain, FilterRule, Hook, Ruleset, Verdict
from landbridge.drivers.netlink.inside import inside
from landbridge.drivers.nftables.driver import ALTERED, NftablesDriver
from landbridge.reconcile.driver import DriverError

pytestmark = pytest.mark.lab


@pytest.fixture
def net() -> Iterator[Network]:
    yield from networks.network()


def rules(namespace: str, *, drop_ping: bool = False) -> Ruleset:
    public, private = IPv4Address("198.51.100.7"), IPv4Address("10.1.0.2")
    return Ruleset(
        namespace=namespace,
        chains=(
            Chain(
                hook=Hook.INPUT,
                accept=not drop_ping,
                rules=(
                    FilterRule(iif="lo", verdict=Verdict.ACCEPT),
                    FilterRule(established=True, verdict=Verdict.ACCEPT),
                    FilterRule(protocol="udp", ports=(4500, 500, 500), verdict=Verdict.ACCEPT),
                    FilterRule(protocol="tcp", ports=(179,), not_iif="t1-2", verdict=Verdict.DROP),
                    FilterRule(protocol="esp", verdict=Verdict.ACCEPT),
                    FilterRule(protocol="icmp", icmp_type=3, icmp_code=4, icmp_mtu_below=1280, verdict=Verdict.DROP),
                ),
            ),
            Chain(
                hook=Hook.FORWARD,
                priority=-150,
                for_syn=True,
                rules=(
                    FilterRule(oif="t1-1", verdict=Verdict.CLAMP_MSS, mss=1360),
                    FilterRule(iif="t1-1", verdict=Verdict.CLAMP_MSS, mss=1360),
                    FilterRule(iif="a", oif="b", dnatted=True, verdict=Verdict.ACCEPT),
                    FilterRule(
                        source=(IPv4Network("10.0.0.0/8"), IPv4Network("10.1.0.0/16"), IPv4Network("192.168.0.0/16")),
                        destination=(IPv4Network("0.0.0.0/0"),),
                        verdict=Verdict.DROP,
                    ),
                ),
            ),
            Chain(
                hook=Hook.PREROUTING,
                kind="nat",
                priority=-100,
                rules=(FilterRule(iif="out0", destination=(IPv4Network(public),), dnat=private),),
            ),
            Chain(
                hook=Hook.POSTROUTING,
                kind="nat",
                priority=100,
                rules=(
                    FilterRule(oif="out0", source=(IPv4Network(private),), snat=public),
                    FilterRule(oif="out1", verdict=Verdict.MASQUERADE),
                ),
            ),
            Chain(
                hook=Hook.PREROUTING,
                priority=-150,
                rules=(FilterRule(leads_to=("t1-1", "t1-2"), verdict=Verdict.CLEAR_DF),),
            ),
            Chain(hook=Hook.PREROUTING, priority=-140, rules=(FilterRule(to_here=True, verdict=Verdict.ACCEPT),)),
            Chain(hook=Hook.POSTROUTING, rules=(FilterRule(oif="out0", in_clear=True, verdict=Verdict.DROP),)),
        ),
    )


def only(driver: NftablesDriver, namespace: str) -> Seen:
    (found,) = driver.read([namespace])
    return found


def test_a_ruleset_is_put_changed_and_dropped(net: Network) -> None:
    driver = NftablesDriver(net.owner)
    first, second = rules(net.a), rules(net.a, drop_ping=True)
    assert driver.fingerprint(first) != driver.fingerprint(second)
    for wanted in (first, first, second, Ruleset(namespace=net.a), first):
        driver.put(wanted, None)
        found = only(NftablesDriver(net.owner), net.a)
        assert (found.key, found.kind, found.needs) == (wanted.key, Ruleset, wanted.needs)
        assert found.fingerprint == driver.fingerprint(wanted)
    for _ in range(2):
        driver.drop(only(driver, net.a) if _ == 0 else first)
    assert list(driver.read([net.a, net.b, net.name("none")])) == []
    assert run(f"ip netns exec {net.a} nft list tables") == ""


@pytest.mark.parametrize(
    "fault",
    [
        "flush table ip landbridge",
        "flush chain ip landbridge postrouting_3",
        "add rule ip landbridge input_0 counter accept",
        "insert rule ip landbridge forward_1 drop",
        "delete chain ip landbridge seal",
        "delete chain ip landbridge listed",
        "add chain ip landbridge forward_1 { policy drop ; }",
        "add chain ip landbridge more",
    ],
)
def test_an_altered_table_is_noticed_and_repaired(net: Network, fault: str) -> None:
    driver, wanted = NftablesDriver(net.owner), rules(net.a)
    driver.put(wanted, None)
    assert only(driver, net.a).fingerprint == driver.fingerprint(wanted)
    run(f"ip netns exec {net.a} nft {fault}")
    found = only(driver, net.a)
    assert found.fingerprint == ALTERED
    driver.put(wanted, found)
    assert only(driver, net.a).fingerprint == driver.fingerprint(wanted)


def test_a_namespace_that_was_made_anew_is_another_one(net: Network) -> None:
    driver = NftablesDriver(net.owner)
    driver.put(rules(net.a), None)
    only(driver, net.a)
    (space,) = (item for item in net.driver.read([net.a]) if isinstance(item, Namespace))
    net.driver.drop(space)
    assert list(driver.read([net.a])) == []
    net.driver.put(space, None)
    driver.put(Ruleset(namespace=net.a, name="landbridge_other"), None)
    assert only(driver, net.a).key == Ruleset(namespace=net.a, name="landbridge_other").key


def test_a_ruleset_flushed_as_a_whole_is_noticed(net: Network) -> None:
    driver = NftablesDriver(net.owner)
    driver.put(rules(net.a), None)
    run(f"ip netns exec {net.a} nft flush ruleset")
    assert list(driver.read([net.a])) == []


def test_other_tables_and_other_owners_are_not_read_nor_touched(net: Network) -> None:
    ours, theirs = NftablesDriver(net.owner), NftablesDriver(f"{net.owner}-guest")
    run(f"ip netns exec {net.a} nft add table ip filter")
    run(f"ip netns exec {net.a} nft add table ip6 landbridge")
    guest = dataclasses.replace(rules(net.a), name="landbridge_guest")
    ours.put(rules(net.a), None)
    theirs.put(guest, None)
    assert only(ours, net.a).key == rules(net.a).key
    assert only(theirs, net.a).key == guest.key
    with pytest.raises(DriverError, match="somebody else's"):
        ours.put(guest, None)
    with pytest.raises(DriverError, match="somebody else's"):
        ours.drop(guest)
    ours.drop(rules(net.a))
    assert run(f"ip netns exec {net.a} nft list tables").split("\n")[:-1] == [
        "table ip filter",
        "table ip6 landbridge",
        "table ip landbridge_guest",
    ]


def test_a_refused_ruleset_leaves_the_old_one_in_force(net: Network) -> None:
    driver, wanted = NftablesDriver(net.owner), rules(net.a)
    driver.put(wanted, None)
    with pytest.raises(ValueError, match="not a generated link name"):
        driver.put(
            Ruleset(
                namespace=net.a,
                chains=(Chain(hook=Hook.INPUT, rules=(FilterRule(iif='x" drop', verdict=Verdict.ACCEPT),)),),
            ),
            None,
        )
    assert only(driver, net.a).fingerprint == driver.fingerprint(wanted)


def test_packets_follow_the_rules(net: Network) -> None:
    """`a` drops pings, then takes them; and clamps nothing it should not: TCP goes through."""
    net.put(
        Bridge(namespace=net.a, name="br0"),
        VethEnd(namespace=net.a, name="p1", peer_namespace=net.b, peer_name="eth0", master="br0"),
        VethEnd(namespace=net.b, name="eth0", peer_namespace=net.a, peer_name="p1"),
        Address(namespace=net.a, link="br0", address=IPv4Interface("10.1.0.1/24")),
        Address(namespace=net.b, link="eth0", address=IPv4Interface("10.1.0.2/24")),
    )
    driver = NftablesDriver(net.owner)
    driver.put(rules(net.a, drop_ping=True), None)
    with pytest.raises(AssertionError):
        run(f"ip netns exec {net.b} ping -c 1 -W 1 10.1.0.1")
    driver.put(rules(net.a), None)
    run(f"ip netns exec {net.b} ping -c 1 -W 5 10.1.0.1")


def routed(net: Network, mtu: int = 1500) -> str:
    """`a` routes between `b` (10.0.0.2, behind `tb`) and `c` (10.1.0.2, behind `tc` with this MTU). The name of `c`."""
    c = net.name("c")
    net.put(Namespace(namespace=c, owner=net.owner))
    for number, (peer, link, size) in enumerate([(net.b, "tb", 1500), (c, "tc", mtu)]):
        near, far = f"10.{number}.0.1/24", f"10.{number}.0.2/24"
        net.put(
            VethEnd(namespace=net.a, name=link, peer_namespace=peer, peer_name="eth0", mtu=size),
            VethEnd(namespace=peer, name="eth0", peer_namespace=net.a, peer_name=link, mtu=size),
            Address(namespace=net.a, link=link, address=IPv4Interface(near)),
            Address(namespace=peer, link="eth0", address=IPv4Interface(far)),
            KernelRoute(
                namespace=peer,
                table=MAIN_TABLE,
                destination=IPv4Network("0.0.0.0/0"),
                gateway=IPv4Interface(near).ip,
                link="eth0",
            ),
        )
    return c


def test_an_mss_is_clamped_both_ways_and_never_raised(net: Network) -> None:
    c = routed(net)

    def segment_sizes() -> tuple[int, int]:
        """What either side of a TCP connection through `a` was told by the other."""
        with inside(c):
            server = socket.create_server(("10.1.0.2", 0))
        accepted: list[socket.socket] = []
        thread = threading.Thread(target=lambda: accepted.append(server.accept()[0]))
        thread.start()
        with inside(net.b):
            client = socket.socket()
        client.settimeout(10)
        client.connect(server.getsockname())
        thread.join(10)
        sizes = tuple(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) for s in (client, accepted[0]))
        for each in (client, accepted[0], server):
            each.close()
        return (sizes[0], sizes[1])

    plain = segment_sizes()
    assert min(plain) > 1400

    def clamping(mss: int) -> Ruleset:
        return Ruleset(
            namespace=net.a,
            chains=(
                Chain(
                    hook=Hook.FORWARD,
                    priority=-150,
                    for_syn=True,
                    rules=(
                        FilterRule(oif="tc", verdict=Verdict.CLAMP_MSS, mss=mss),
                        FilterRule(iif="tc", verdict=Verdict.CLAMP_MSS, mss=mss),
                    ),
                ),
            ),
        )

    driver = NftablesDriver(net.owner)
    driver.put(clamping(1000), None)
    timestamps = 12
    assert set(segment_sizes()) <= {1000, 1000 - timestamps}
    driver.put(clamping(9000), None)
    assert segment_sizes() == plain


def clearing(net: Network, link: str) -> Ruleset:
    rules = (FilterRule(leads_to=(link,), verdict=Verdict.CLEAR_DF),)
    return Ruleset(namespace=net.a, chains=(Chain(hook=Hook.PREROUTING, priority=-150, rules=rules),))


def test_what_forbids_fragments_is_fragmented_only_where_df_is_cleared(net: Network) -> None:
    """Whole packets and fragments that say so; what goes another way is refused as before."""
    c = routed(net, mtu=1400)
    driver = NftablesDriver(net.owner)
    whole = f"ip netns exec {net.b} ping -n -c 1 -W 2 -M do -s 1472 10.1.0.2"

    def large_passes() -> bool:
        """A datagram of 3,000 bytes in three fragments, each with DF."""
        with inside(c):
            receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind(("10.1.0.2", 0))
        receiver.settimeout(1)
        with inside(net.b):
            sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        body, number = os.urandom(3000), secrets.randbelow(65_535) + 1
        datagram = struct.pack("!4H", 9, receiver.getsockname()[1], 8 + len(body), 0) + body
        for start in range(0, len(datagram), 1480):
            part = datagram[start : start + 1480]
            more = 0x2000 if start + 1480 < len(datagram) else 0
            fields = (0x45, 0, 20 + len(part), number, 0x4000 | more | start // 8, 64, socket.IPPROTO_UDP, 0)
            header = struct.pack("!BBHHHBBH", *fields) + socket.inet_aton("10.0.0.2") + socket.inet_aton("10.1.0.2")
            with suppress(OSError):  # once told of the smaller MTU, `b` itself refuses
                sender.sendto(header + part, ("10.1.0.2", 0))
        try:
            return receiver.recv(4000) == body
        except TimeoutError:
            return False
        finally:
            receiver.close()
            sender.close()

    for wanted in (Ruleset(namespace=net.a), clearing(net, "tb")):
        driver.put(wanted, None)
        with pytest.raises(AssertionError):
            run(whole)
        assert not large_passes()
    driver.put(clearing(net, "tc"), None)
    # The sender was told of 1400 before, and would not even try.
    run(f"ip -n {net.b} route flush cache")
    assert "1 received" in run(whole)
    assert large_passes()


def test_packets_whose_df_is_cleared_have_numbers_of_their_own(net: Network) -> None:
    """Linux sends all packets with DF that are not a connection's as number 0."""
    c = routed(net)
    with inside(c):
        seen = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    seen.settimeout(5)

    def fields() -> list[tuple[int, int]]:
        """Number, and flags with offset, of three pings as they arrive."""
        run(f"ip netns exec {net.b} ping -n -c 3 -i 0.2 -W 2 -M do 10.1.0.2")
        found: list[tuple[int, int]] = []
        while len(found) < 3:
            packet = seen.recv(2048)
            if packet[9] == socket.IPPROTO_ICMP and packet[20] == 8:
                found.append(struct.unpack_from("!HH", packet, 4))
        return found

    driver = NftablesDriver(net.owner)
    assert {frag for _, frag in fields()} == {0x4000}
    driver.put(clearing(net, "tc"), None)
    numbers = fields()
    assert {frag for _, frag in numbers} == {0}
    assert len({number for number, _ in numbers} - {0}) == 3
    seen.close()
