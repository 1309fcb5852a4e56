"""Kernel events: pushed at once, from every namespace, and a request to read again when some were lost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from queue import Queue

import networks
import pytest
from networks import Network, ip, until

from landbridge.desired.links import PROTOCOL, Address, Bridge, KernelRoute, Namespace
from landbridge.desired.speakers import BIRD_PROTOCOL
from landbridge.drivers.netlink import events
from landbridge.drivers.netlink.events import KernelEvents
from landbridge.observe.kernel import KernelEvent, LinkEvent, RouteEvent

pytestmark = pytest.mark.lab


@pytest.fixture
def net() -> Iterator[Network]:
    yield from networks.network()


class Heard:
    def __init__(self, protocols: set[int] | None = None) -> None:
        self.events: Queue[tuple[float, KernelEvent]] = Queue()
        self.resyncs: Queue[str] = Queue()
        self.source = KernelEvents(
            lambda event: self.events.put((time.monotonic(), event)), self.resyncs.put, protocols
        )

    def next(self, kind: type[KernelEvent]) -> tuple[float, KernelEvent]:
        while True:
            at, event = self.events.get(timeout=10)
            if isinstance(event, kind):
                return at, event


@pytest.fixture
def heard() -> Iterator[Heard]:
    made = Heard({PROTOCOL, BIRD_PROTOCOL})
    try:
        yield made
    finally:
        made.source.close()


def ground(net: Network) -> None:
    for namespace in (net.a, net.b):
        net.put(
            Bridge(namespace=namespace, name="br0"),
            Address(namespace=namespace, link="br0", address=IPv4Interface("10.1.0.1/24")),
        )


def learned(namespace: str, added: bool) -> RouteEvent:
    return RouteEvent(
        namespace=namespace,
        table=100,
        destination=IPv4Network("10.7.0.0/16"),
        protocol=BIRD_PROTOCOL,
        metric=32,
        gateway=IPv4Address("10.1.0.2"),
        link="br0",
        added=added,
    )


def test_routes_come_and_go_with_their_namespace_and_link(net: Network, heard: Heard) -> None:
    ground(net)
    heard.source.watch([net.a, net.b])
    for namespace in (net.a, net.b):
        route = "10.7.0.0/16 via 10.1.0.2 table 100 proto bird metric 32"
        ip(f"-n {namespace} route add {route}")
        assert heard.next(RouteEvent)[1] == learned(namespace, True)
        assert events.routes(namespace, BIRD_PROTOCOL) == [learned(namespace, True)]
        ip(f"-n {namespace} route delete {route}")
        assert heard.next(RouteEvent)[1] == learned(namespace, False)
        assert events.routes(namespace, BIRD_PROTOCOL) == []
    # Protocols that nobody asked for are not passed on.
    ip(f"-n {net.a} route add 10.8.0.0/16 via 10.1.0.2")
    ip(f"-n {net.a} route add 10.9.0.0/16 via 10.1.0.2 proto bird")
    event = heard.next(RouteEvent)[1]
    assert isinstance(event, RouteEvent)
    assert event.destination == IPv4Network("10.9.0.0/16")


def test_links_come_go_down_and_away_and_each_loss_asks_to_read_again(net: Network, heard: Heard) -> None:
    def wait(*, up: bool, gone: bool) -> None:
        def matches() -> bool:
            event = heard.next(LinkEvent)[1]
            assert isinstance(event, LinkEvent)
            return (event.namespace, event.name, event.up, event.gone) == (net.a, "x0", up, gone)

        until(matches, f"up {up}, gone {gone}")

    heard.source.watch([net.a])
    ip(f"-n {net.a} link add x0 type bridge")
    wait(up=False, gone=False)
    assert heard.resyncs.get(timeout=10) == net.a
    ip(f"-n {net.a} link set x0 up")
    wait(up=True, gone=False)
    ip(f"-n {net.a} address add 10.2.0.1/24 dev x0")
    ip(f"-n {net.a} route add 10.7.0.0/16 via 10.2.0.2 proto bird onlink dev x0")
    assert len(events.routes(net.a, BIRD_PROTOCOL)) == 1
    while not heard.resyncs.empty():
        heard.resyncs.get()
    ip(f"-n {net.a} link set x0 down")
    wait(up=False, gone=False)
    assert heard.resyncs.get(timeout=10) == net.a
    assert events.routes(net.a, BIRD_PROTOCOL) == []
    ip(f"-n {net.a} link delete x0")
    wait(up=False, gone=True)


def test_a_route_event_takes_milliseconds(net: Network, heard: Heard) -> None:
    ground(net)
    heard.source.watch([net.a])
    delays = []
    for number in range(50):
        route = KernelRoute(
            namespace=net.a,
            table=100,
            destination=IPv4Network((f"10.7.{number}.0", 24)),
            gateway=IPv4Address("10.1.0.2"),
            link="br0",
        )
        net.driver.put(route, None)
        before = time.monotonic()
        delays.append(heard.next(RouteEvent)[0] - before)
    # A generous bound: bench/ measures, this only tells push from polling.
    assert statistics.median(delays) < 0.1


def test_lost_events_ask_to_read_again(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    ground(net)
    monkeypatch.setattr(events, "_BUFFER", 4096)
    heard = Heard({BIRD_PROTOCOL})
    try:
        heard.source.watch([net.a])
        batch = "".join(
            f"route add 10.{i}.{j}.0/24 via 10.1.0.2 proto bird\n" for i in range(20, 30) for j in range(250)
        )
        with heard.source._lock:  # its thread cannot read meanwhile, as on a busy machine
            networks.subprocess.run(["ip", "-n", net.a, "-batch", "-"], input=batch, text=True, check=True, timeout=30)
        assert heard.resyncs.get(timeout=10) == net.a
        assert len(events.routes(net.a, BIRD_PROTOCOL)) == 2500
    finally:
        heard.source.close()


def test_a_watched_namespace_that_is_deleted_dies_and_a_new_one_of_its_name_is_watched(
    net: Network, heard: Heard
) -> None:
    ground(net)
    heard.source.watch([net.a, net.b, net.name("later")])
    ip(f"-n {net.a} link add near0 type veth peer name far0 netns {net.b}")
    ip(f"netns delete {net.a}")
    until(lambda: "far0" not in ip(f"-n {net.b} link"), "the namespace died", seconds=20)
    while not heard.resyncs.empty():
        heard.resyncs.get()
    net.put(Namespace(namespace=net.a, owner=net.owner))
    net.put(Namespace(namespace=net.name("later"), owner=net.owner))
    found: set[str] = set()
    until(lambda: found.add(heard.resyncs.get(timeout=10)) or {net.a, net.name("later")} <= found, "both appeared")
    ip(f"-n {net.a} link add x0 type bridge")
    until(lambda: heard.next(LinkEvent)[1].namespace == net.a, "events of the new one")


def test_a_forgotten_namespace_is_let_go_at_once(net: Network, heard: Heard) -> None:
    ground(net)
    heard.source.watch([net.a, net.b])
    ip(f"-n {net.a} link add near0 type veth peer name far0 netns {net.b}")
    heard.source.forget(net.a)
    net.driver.drop(Namespace(namespace=net.a, owner=net.owner))
    until(lambda: "far0" not in ip(f"-n {net.b} link"), "the namespace died")


def test_a_read_that_fails_is_asked_for_again_and_nobody_else_goes_unheard(net: Network) -> None:
    heard: Queue[KernelEvent] = Queue()
    asked: list[str] = []

    def read(namespace: str) -> None:
        asked.append(namespace)
        if len(asked) == 1:
            raise OSError("the list kept changing while it was read")

    source = KernelEvents(heard.put, read)
    try:
        ground(net)
        source.watch({net.a, net.b})
        ip(f"-n {net.a} link set br0 down")
        until(lambda: asked == [net.a, net.a], "asked again")
        ip(f"-n {net.b} link set br0 down")
        until(lambda: asked == [net.a, net.a, net.b], "still listening")
    finally:
        source.close()


def test_a_listener_that_fails_hears_the_next_event(net: Network) -> None:
    heard: list[str] = []

    def hear(event: KernelEvent) -> None:
        heard.append(event.namespace)
        if len(heard) == 1:
            raise RuntimeError("a listener's own mistake")

    source = KernelEvents(hear, lambda _: None)
    try:
        ground(net)
        source.watch({net.a, net.b})
        ip(f"-n {net.a} link set br0 down")
        until(lambda: heard, "heard of the first")
        ip(f"-n {net.b} link set br0 down")
        until(lambda: net.b in heard, "heard of the second")
    finally:
        source.close()
