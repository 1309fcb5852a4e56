"""Well-formed host states for the reconciler's tests: a hypothesis strategy, one by hand, and a loop turned by hand."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from hypothesis import strategies as st

from landbridge.desired.ike import Charon, IkeConnection
from landbridge.desired.links import (
    Address,
    Bridge,
    DataPlane,
    KernelRoute,
    KernelRule,
    Namespace,
    RouteKind,
    TunnelDevice,
    VethEnd,
)
from landbridge.desired.objects import HERE, HostObject, HostState, Key, host_state
from landbridge.desired.rulesets import Chain, Hook, Ruleset
from landbridge.desired.speakers import Speaker
from landbridge.drivers.fake import FakeDriver, FakeHost
from landbridge.model.secret import Secret
from landbridge.reconcile.driver import Driver
from landbridge.reconcile.loop import OnConverged, Reconciler

SPACES = ("n0", "n1", "n2", "n3")
LINKS = ("l0", "l1", "l2")
ADDRESSES = tuple(IPv4Interface(f"10.0.{n}.1/24") for n in range(3))


class Wanted:
    """A desired state that a test exchanges."""

    def __init__(self, state: HostState | None = None) -> None:
        self.revision = 1
        self.state: HostState = state if state is not None else {}

    def __call__(self) -> tuple[int, HostState]:
        return self.revision, self.state

    def set(self, state: HostState) -> None:
        self.revision += 1
        self.state = state


class VirtualTime:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def date(self) -> datetime:
        return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)


class Run:
    """A reconciler over a fake host, turned by hand in virtual time."""

    def __init__(
        self,
        state: HostState | None = None,
        host: FakeHost | None = None,
        *,
        wrap: Callable[[Driver], Driver] = lambda driver: driver,
        on_converged: OnConverged | None = None,
    ) -> None:
        self.host = host if host is not None else FakeHost()
        self.wanted = Wanted(state)
        self.time = VirtualTime()
        self.reconciler = Reconciler(
            self.wanted,
            [wrap(FakeDriver(self.host))],
            lambda: {item.namespace for item in list(self.host.objects.values())},
            on_converged=on_converged,
            workers=1,
            clock=self.time,
            now=self.time.date,
            jitter=random.Random(7),
        )

    def settle(self, turns: int) -> int:
        """Turn until everything is as wanted; answers how many turns it took."""
        for turn in range(1, turns + 1):
            pause = self.reconciler.turn()
            if self.reconciler.converged(self.wanted.revision):
                return turn
            self.time.seconds += pause
        rest = "\n".join(map(str, self.reconciler.plan().steps))
        raise AssertionError(f"not there after {turns} turns; errors {self.reconciler.errors()}; still to do:\n{rest}")


def rendered(state: Mapping[Key, HostObject]) -> str:
    """A host that has exactly this, as text."""
    host = FakeHost()
    host.objects.update(state)
    return host.render()


def site(number: int = 1) -> dict[Key, HostObject]:
    """One tunnel as the service builds it: endpoint, gateway, device, addresses, IKE, BIRD."""
    endpoint, gateway = f"ep{number}", f"gw{number}"
    here, there = IPv4Interface(f"169.254.{number}.1/30"), IPv4Address(f"169.254.{number}.2")
    return host_state(
        (
            Namespace(namespace=endpoint, owner="test"),
            Namespace(namespace=gateway, owner="test", forwarding=True),
            VethEnd(namespace=endpoint, name="up", peer_namespace=HERE, peer_name=f"e{number}"),
            VethEnd(namespace=HERE, name=f"e{number}", peer_namespace=endpoint, peer_name="up"),
            Address(namespace=endpoint, link="up", address=IPv4Interface(f"192.0.2.{number}/24")),
            Charon(namespace=endpoint, data_plane=DataPlane.LIBIPSEC),
            TunnelDevice(namespace=gateway, name="tun1", endpoint=endpoint, data_plane=DataPlane.LIBIPSEC, mtu=1400),
            Address(namespace=gateway, link="tun1", address=here, peer=there),
            KernelRoute(
                namespace=gateway, table=254, destination=IPv4Network("10.9.0.0/16"), gateway=there, link="tun1"
            ),
            IkeConnection(
                namespace=endpoint,
                name="c1",
                local=IPv4Address(f"192.0.2.{number}"),
                remote=IPv4Address("198.51.100.1"),
                local_id=IPv4Address(f"192.0.2.{number}"),
                remote_id=IPv4Address("198.51.100.1"),
                psk=Secret("not-to-be-printed"),
            ),
            Speaker(namespace=gateway, router_id=here.ip, asn=64512),
        )
    )


@st.composite
def states(draw: st.DrawFn) -> dict[Key, HostObject]:
    """Any well-formed state over a few names, so that two of them often collide: same key, other kind or peer."""
    spaces = draw(st.lists(st.sampled_from(SPACES), unique=True, max_size=4))
    items: list[HostObject] = [Namespace(namespace=s, owner="test", forwarding=draw(st.booleans())) for s in spaces]
    free = [(space, link) for space in (*spaces, HERE) for link in LINKS]
    links: list[tuple[str, str]] = []
    bridges: dict[str, str] = {}
    slots = st.lists(st.sampled_from(tuple(free)), unique=True, max_size=3)
    for space, link in draw(slots):
        free.remove((space, link))
        bridges[space] = link
        items.append(Bridge(namespace=space, name=link))
        links.append((space, link))
    for _ in range(draw(st.integers(0, 3))):
        if len(free) < 2:
            break
        one = free.pop(draw(st.integers(0, len(free) - 1)))
        other = free.pop(draw(st.integers(0, len(free) - 1)))
        for here, there in ((one, other), (other, one)):
            items.append(
                VethEnd(
                    namespace=here[0],
                    name=here[1],
                    peer_namespace=there[0],
                    peer_name=there[1],
                    mtu=draw(st.sampled_from([1400, 1500])),
                    master=bridges.get(here[0]) if draw(st.booleans()) else None,
                )
            )
            links.append(here)
    for space in spaces:
        if draw(st.booleans()):
            plane = draw(st.sampled_from(DataPlane))
            items.append(Charon(namespace=space, data_plane=plane, dpd_timeout=draw(st.sampled_from([20, 30]))))
            if draw(st.booleans()) and free:
                at = free.pop(draw(st.integers(0, len(free) - 1)))
                items.append(
                    TunnelDevice(
                        namespace=at[0],
                        name=at[1],
                        endpoint=space,
                        data_plane=plane,
                        mtu=draw(st.sampled_from([1300, 1400])),
                    )
                )
                links.append(at)
            if draw(st.booleans()):
                items.append(ike(space, draw(st.sampled_from(["old-secret", "new-secret"]))))
    for space, link in links:
        address = draw(st.sampled_from([None, *ADDRESSES]))
        if address is not None:
            items.append(Address(namespace=space, link=link, address=address))
            if draw(st.booleans()):
                items.append(
                    KernelRoute(
                        namespace=space,
                        table=draw(st.sampled_from([100, 254])),
                        destination=IPv4Network("172.16.0.0/16"),
                        gateway=address.ip + draw(st.integers(1, 2)),
                        link=link,
                        metric=LINKS.index(link),
                    )
                )
    for space in spaces:
        if draw(st.booleans()):
            kind = draw(st.sampled_from([RouteKind.UNREACHABLE, RouteKind.BLACKHOLE]))
            items.append(
                KernelRoute(namespace=space, table=100, destination=IPv4Network("0.0.0.0/0"), kind=kind, metric=9)
            )
            items.append(KernelRule(namespace=space, priority=10, iif=None, table=draw(st.sampled_from([100, 200]))))
        if draw(st.booleans()):
            items.append(Ruleset(namespace=space, chains=(Chain(hook=Hook.FORWARD, accept=draw(st.booleans())),)))
        if draw(st.booleans()):
            items.append(
                Speaker(namespace=space, router_id=IPv4Address("10.0.0.1"), asn=draw(st.sampled_from([64512, 64513])))
            )
    return host_state(tuple(items))


def ike(space: str, psk: str) -> IkeConnection:
    """A connection that differs in its secret only."""
    return IkeConnection(
        namespace=space,
        name="c1",
        local=IPv4Address("192.0.2.1"),
        remote=None,
        local_id=IPv4Address("192.0.2.1"),
        remote_id=IPv4Address("198.51.100.1"),
        psk=Secret(psk),
    )
