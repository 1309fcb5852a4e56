"""What every driver promises, as cases: values to make, with what they stand on, and grounds (hosts) to make them on.

`test_contract.py` runs each case on each ground: on the host in memory, so that what is tested over it may be believed,
and on this machine's kernel and daemons.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from networks import DATA_PLANE, IF_ID, KERNEL, SLOW, TUNNEL_MTU

from landbridge.desired.ike import Certified, Charon, IkeConnection
from landbridge.desired.links import (
    Address,
    Bridge,
    KernelRoute,
    KernelRule,
    Namespace,
    RouteKind,
    TunnelDevice,
    VethEnd,
)
from landbridge.desired.objects import HostObject, Key
from landbridge.desired.rulesets import Chain, FilterRule, Hook, Ruleset, Verdict
from landbridge.desired.speakers import BgpSession, Speaker, SpeakerStatic
from landbridge.desired.tables import Family, Mapped, OneToOne, Port
from landbridge.drivers.bird.driver import BirdDriver
from landbridge.drivers.fake import FakeDriver, FakeHost
from landbridge.drivers.netlink.driver import NetlinkDriver
from landbridge.drivers.nftables.driver import NftablesDriver
from landbridge.drivers.strongswan import StrongSwan, strongswan
from landbridge.model.secret import Secret
from landbridge.reconcile.driver import Driver
from pki import Pair, Pki

Drivers = Sequence[Driver]


@dataclass(frozen=True, slots=True)
class Case:
    """Two values of one key, and what has to be there first, in order."""

    before: tuple[HostObject, ...]
    first: HostObject
    second: HostObject
    takes: tuple[Key, ...] = ()
    """What of `before` may go when the object goes or changes; the loop makes it again."""

    @property
    def namespaces(self) -> frozenset[str]:
        """Wherever the case has something."""
        return frozenset(key[1] for item in (*self.before, self.first, self.second) for key in (item.key, *item.needs))


class Ground(Protocol):
    """A host to make things on."""

    owner: str

    def name(self, suffix: str) -> str:
        """A namespace's name that nobody else has."""
        ...

    def drivers(self) -> Drivers:
        """Drivers that know nothing: new ones with every call."""
        ...

    def stranger(self, namespace: str) -> None:
        """Make a namespace that is somebody else's, with a bridge `br0`, an address and a route in it."""
        ...

    def look(self, namespace: str) -> str:
        """What an outsider sees in the namespace."""
        ...

    def down(self) -> None:
        """Remove everything, whatever has happened."""
        ...


class InMemory:
    """The fake host."""

    def __init__(self) -> None:
        self.owner = "test"
        self.host = FakeHost()

    def name(self, suffix: str) -> str:
        return suffix

    def drivers(self) -> Drivers:
        return [FakeDriver(self.host)]

    def stranger(self, namespace: str) -> None:
        for item in (
            Namespace(namespace=namespace, owner="somebody"),
            Bridge(namespace=namespace, name="br0"),
            Address(namespace=namespace, link="br0", address=IPv4Interface("10.1.0.1/24")),
        ):
            self.host.objects[item.key] = item
            self.host.foreign.add(item.key)

    def look(self, namespace: str) -> str:
        return "\n".join(line for line in self.host.render().splitlines() if f" {namespace}" in line)

    def down(self) -> None:
        assert self.host.accidents == []


class ThisMachine:
    """The kernel and the daemons, in namespaces of a prefix of their own."""

    def __init__(self) -> None:
        self.prefix = f"lc{uuid4().hex[:8]}"
        self.owner = f"{self.prefix}-owner"
        self._open: list[StrongSwan] = []
        self._directory = Path(tempfile.mkdtemp(prefix=f"{self.prefix}-"))
        # BIRD gives up root and still has to reach its own directory.
        self._directory.chmod(0o755)

    def name(self, suffix: str) -> str:
        return f"{self.prefix}-{suffix}"

    def drivers(self) -> Drivers:
        run, logs = self._directory / "run", self._directory / "log"
        swan = strongswan(
            run_dir=run,
            log_dir=logs,
            owner=self.owner,
            key=b"a key of the suite",
            wake=lambda _: None,
            on_event=lambda _: None,
        )
        self._open.append(swan)
        return [
            NetlinkDriver(self.owner),
            NftablesDriver(self.owner),
            swan.charons,
            swan.connections,
            swan.devices,
            BirdDriver(run, logs),
        ]

    def stranger(self, namespace: str) -> None:
        outside("ip", "netns", "add", namespace)
        inside = ("ip", "-n", namespace)
        outside(*inside, "link", "add", "br0", "type", "bridge")
        outside(*inside, "link", "set", "br0", "up")
        outside(*inside, "address", "add", "10.1.0.1/24", "dev", "br0")
        outside(*inside, "route", "add", "10.9.0.0/16", "via", "10.1.0.2")

    def look(self, namespace: str) -> str:
        if namespace not in outside("ip", "netns", "list").split():
            return ""
        # Not what follows a carrier, which the kernel looks at in its own time.
        links = [
            {name: value for name, value in link.items() if name not in {"operstate", "qdisc"}}
            | {"flags": sorted(set(link["flags"]) - {"LOWER_UP", "NO-CARRIER"})}
            for link in json.loads(outside("ip", "-n", namespace, "-j", "link"))
        ]
        return "\n".join(
            (
                json.dumps(links),
                outside("ip", "-n", namespace, "-4", "-o", "address"),
                outside("ip", "-n", namespace, "-4", "route", "show", "table", "all"),
                outside("ip", "-n", namespace, "rule"),
                outside("ip", "netns", "exec", namespace, "nft", "list", "ruleset"),
            )
        )

    def down(self) -> None:
        spaces = [name for name in outside("ip", "netns", "list").split() if name.startswith(self.prefix)]
        try:
            for driver in self.drivers():
                if driver.kinds & {Charon, Speaker}:
                    for item in list(driver.read(spaces)):
                        driver.drop(item)
        finally:
            for swan in self._open:
                swan.close()
        for space in spaces:
            outside("ip", "netns", "delete", space)
        shutil.rmtree(self._directory)


def outside(*command: str) -> str:
    """Run a program as an outsider would."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=20 * SLOW, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


def namespace(ground: Ground) -> Case:
    plain = Namespace(namespace=ground.name("a"), owner=ground.owner)
    return Case((), plain, replace(plain, forwarding=True))


def bridge(ground: Ground) -> Case:
    item = Bridge(namespace=ground.name("a"), name="br0")
    return Case((namespace(ground).first,), item, replace(item, mac="02:00:5e:00:53:99"))


def two_spaces(ground: Ground) -> tuple[HostObject, ...]:
    """Namespaces `a`, with a bridge, and `b`."""
    return (
        Namespace(namespace=ground.name("a"), owner=ground.owner, forwarding=True),
        Namespace(namespace=ground.name("b"), owner=ground.owner),
        Bridge(namespace=ground.name("a"), name="br0"),
    )


def pair(ground: Ground) -> tuple[VethEnd, VethEnd]:
    """`eth0` in `a` and `eth0` in `b`."""
    a, b = ground.name("a"), ground.name("b")
    return (
        VethEnd(namespace=a, name="eth0", peer_namespace=b, peer_name="eth0"),
        VethEnd(namespace=b, name="eth0", peer_namespace=a, peer_name="eth0"),
    )


def joined(ground: Ground) -> tuple[HostObject, ...]:
    """Two namespaces, a pair between them, an address on its end in `a`."""
    here, there = pair(ground)
    address = Address(namespace=here.namespace, link="eth0", address=IPv4Interface("10.1.0.1/24"))
    return (*two_spaces(ground), here, there, address)


def veth_mtu(ground: Ground) -> Case:
    end, _ = pair(ground)
    return Case(two_spaces(ground), end, replace(end, mtu=1400))


def veth_master(ground: Ground) -> Case:
    end, _ = pair(ground)
    return Case(two_spaces(ground), end, replace(end, master="br0"))


def veth_peer(ground: Ground) -> Case:
    end, _ = pair(ground)
    return Case(two_spaces(ground), end, replace(end, peer_name="eth9"))


def veth_mac(ground: Ground) -> Case:
    end, _ = pair(ground)
    return Case(two_spaces(ground), end, replace(end, mac="02:00:5e:00:53:01"))


def veth_within(ground: Ground) -> Case:
    a = ground.name("a")
    end = VethEnd(namespace=a, name="x0", peer_namespace=a, peer_name="x1")
    return Case(two_spaces(ground), end, replace(end, mtu=1300))


def address(ground: Ground) -> Case:
    item = Address(namespace=ground.name("a"), link="eth0", address=IPv4Interface("10.2.0.1/24"))
    return Case(joined(ground), item, item)


def address_with_peer(ground: Ground) -> Case:
    item = Address(
        namespace=ground.name("a"),
        link="eth0",
        address=IPv4Interface("169.254.9.1/30"),
        peer=IPv4Address("169.254.9.2"),
    )
    return Case(joined(ground), item, replace(item, peer=None))


def route(ground: Ground) -> Case:
    item = KernelRoute(
        namespace=ground.name("a"),
        table=254,
        destination=IPv4Network("172.16.0.0/16"),
        gateway=IPv4Address("10.1.0.2"),
        link="eth0",
        metric=10,
    )
    return Case(joined(ground), item, replace(item, gateway=IPv4Address("10.1.0.3")))


def route_onlink(ground: Ground) -> Case:
    item = route(ground).first
    assert isinstance(item, KernelRoute)
    return Case(joined(ground), replace(item, gateway=IPv4Address("7.7.7.7"), onlink=True), item)


def route_becomes_unreachable(ground: Ground) -> Case:
    item = route(ground).first
    assert isinstance(item, KernelRoute)
    return Case(joined(ground), item, replace(item, kind=RouteKind.UNREACHABLE, gateway=None, link=None))


def route_default(ground: Ground) -> Case:
    item = KernelRoute(
        namespace=ground.name("a"),
        table=1000,
        destination=IPv4Network("0.0.0.0/0"),
        kind=RouteKind.UNREACHABLE,
        metric=9999,
    )
    return Case((namespace(ground).first,), item, replace(item, kind=RouteKind.BLACKHOLE))


def rule(ground: Ground) -> Case:
    item = KernelRule(namespace=ground.name("a"), priority=1000, iif="eth0", table=1000)
    return Case((namespace(ground).first,), item, replace(item, table=1001))


def ruleset(ground: Ground) -> Case:
    drop = FilterRule(iif="eth0", source=(IPv4Network("10.0.0.0/8"),), verdict=Verdict.DROP)
    accept = FilterRule(protocol="tcp", ports=(22, 179), verdict=Verdict.ACCEPT)
    nat = FilterRule(oif="eth0", snat=IPv4Address("192.0.2.1"))
    item = Ruleset(namespace=ground.name("a"), chains=(Chain(hook=Hook.INPUT, accept=False, rules=(accept, drop)),))
    more = (*item.chains, Chain(hook=Hook.POSTROUTING, kind="nat", priority=100, rules=(nat,)))
    return Case((namespace(ground).first,), item, replace(item, chains=more))


def rule_by_source(ground: Ground) -> Case:
    source = IPv4Network("10.1.0.7/32")
    item = KernelRule(namespace=ground.name("a"), priority=1001, iif=None, table=101, source=source)
    return Case((namespace(ground).first,), item, replace(item, table=102))


def ruleset_of_ports(ground: Ground) -> Case:
    one = Port(link="e1", mac="02:00:5e:00:53:01", addresses=(IPv4Address("10.0.1.4"), IPv4Address("10.0.1.9")))
    two = Port(link="e2", mac="02:00:5e:00:53:02", addresses=(IPv4Address("10.0.1.5"),), checked=False)
    item = Ruleset(namespace=ground.name("a"), family=Family.BRIDGE)
    return Case((namespace(ground).first,), item, replace(item, ports=(one, two)))


def ruleset_one_to_one(ground: Ground) -> Case:
    mapped = Mapped(private=IPv4Address("10.0.1.4"), public=IPv4Address("198.51.100.2"), zone=7)
    nat = OneToOne(inside="vpc0", outside="out0")
    item = Ruleset(namespace=ground.name("a"), one_to_one=nat)
    return Case((namespace(ground).first,), item, replace(item, one_to_one=replace(nat, mapped=(mapped,))))


def speaker(ground: Ground) -> Case:
    session = BgpSession(
        name="s1",
        link="eth0",
        local=IPv4Address("10.1.0.1"),
        peer=IPv4Address("10.1.0.2"),
        peer_asn=65001,
        connection=1,
    )
    static = SpeakerStatic(destination=IPv4Network("172.20.0.0/16"), via=IPv4Address("10.1.0.2"), link="eth0")
    item = Speaker(namespace=ground.name("a"), router_id=IPv4Address("10.1.0.1"), asn=64512, sessions=(session,))
    return Case(joined(ground), item, replace(item, sessions=(replace(session, med=200),), statics=(static,)))


def charon(ground: Ground) -> Case:
    item = Charon(namespace=ground.name("a"), data_plane=DATA_PLANE)
    return Case(joined(ground), item, replace(item, dpd_timeout=40))


def tunnel_device(ground: Ground) -> Case:
    item = TunnelDevice(
        namespace=ground.name("b"),
        name="tun1",
        endpoint=ground.name("a"),
        data_plane=DATA_PLANE,
        mtu=TUNNEL_MTU,
        if_id=IF_ID,
    )
    daemon = charon(ground).first
    return Case((*joined(ground), daemon), item, replace(item, mtu=1300), takes=() if KERNEL else (daemon.key,))


def tunnel_device_if_id(ground: Ground) -> Case:
    """Only the kernel's have one: with libipsec this is the case above."""
    case = tunnel_device(ground)
    assert isinstance(case.first, TunnelDevice)
    return replace(case, second=replace(case.first, if_id=43) if KERNEL else case.second)


def ike_connection(ground: Ground) -> Case:
    item = IkeConnection(
        namespace=ground.name("a"),
        name="c1",
        local=IPv4Address("10.1.0.1"),
        remote=IPv4Address("10.1.0.2"),
        local_id=IPv4Address("10.1.0.1"),
        remote_id=IPv4Address("10.1.0.2"),
        psk=Secret("first-secret-of-the-suite"),
        if_id=IF_ID,
    )
    before = (*joined(ground), charon(ground).first)
    return Case(before, item, replace(item, psk=Secret("second-secret-of-the-suite"), dpd_delay=20))


@cache
def _pki() -> tuple[Pki, Pair, Pair, Pair]:
    """An authority, two endpoints and a device, the same ones for everybody who asks."""
    pki = Pki()
    ours = IPv4Address("10.1.0.1")
    return pki, pki.endpoint(ours), pki.endpoint(ours), pki.device()


def ike_connection_by_certificates(ground: Ground) -> Case:
    pki, first, second, device = _pki()
    case = ike_connection(ground)
    assert isinstance(case.first, IkeConnection)
    proof = Certified(
        certificate=first.certificate,
        key=first.key,
        authority=pki.authority.certificate,
        pinned=device.certificate,
    )
    item = replace(case.first, psk=None, certified=proof, remote=None, remote_id=None)
    renewed = replace(proof, certificate=second.certificate, key=second.key)
    return Case(case.before, item, replace(item, certified=renewed))


CASES: Mapping[str, Callable[[Ground], Case]] = {
    make.__name__: make
    for make in (
        namespace,
        bridge,
        veth_mtu,
        veth_master,
        veth_peer,
        veth_mac,
        veth_within,
        address,
        address_with_peer,
        route,
        route_onlink,
        route_becomes_unreachable,
        route_default,
        rule,
        rule_by_source,
        ruleset,
        ruleset_of_ports,
        ruleset_one_to_one,
        speaker,
        charon,
        tunnel_device,
        tunnel_device_if_id,
        ike_connection,
        ike_connection_by_certificates,
    )
}


def state_of(drivers: Drivers, namespaces: frozenset[str]) -> dict[Key, HostObject]:
    """What the drivers read, all of them."""
    return {item.key: item for driver in drivers for item in driver.read(namespaces)}
