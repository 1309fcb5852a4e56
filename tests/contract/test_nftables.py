"""The nftables driver against the kernel: what is in force is what was asked for, or it is noticed."""

from __future__ import annotations

import dataclasses
import socket
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import networks
import pytest
from networks import Network, run

from landbridge.desired.objects import (
    Address,
    Bridge,
    Chain,
    FilterRule,
    Hook,
    Namespace,
    Ruleset,
    Seen,
    Verdict,
    VethEnd,
)
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
                ),
            ),
            Chain(
                hook=Hook.FORWARD,
                priority=-150,
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


def test_an_mss_is_clamped_both_ways_and_never_raised(net: Network) -> None:
    """`a` routes between `b` and itself would prove nothing, so a third namespace: b -> a -> c."""
    from landbridge.desired.objects import MAIN_TABLE, KernelRoute, Namespace

    c = net.name("c")
    net.put(Namespace(namespace=c, owner=net.owner))
    for number, (peer, link) in enumerate([(net.b, "tb"), (c, "tc")]):
        near, far = f"10.{number}.0.1/24", f"10.{number}.0.2/24"
        net.put(
            VethEnd(namespace=net.a, name=link, peer_namespace=peer, peer_name="eth0"),
            VethEnd(namespace=peer, name="eth0", peer_namespace=net.a, peer_name=link),
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
