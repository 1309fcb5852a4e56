"""Looks become series: a tunnel is 0 or 1, a connection what its tunnels are together, and no byte is lost or counted
twice, whatever becomes of the devices that count."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import Cloud

from landbridge.control.customer_gateways import CreateCustomerGateway
from landbridge.control.vpn_connections import CreateVpnConnection
from landbridge.control.vpn_gateways import CreateVpnGateway
from landbridge.model.vpn import VpnConnection
from landbridge.observe import metrics
from landbridge.observe.kernel import NO_LINK, LinkCount
from landbridge.observe.metrics import LOOK_EVERY, Metrics, Source, looked, source_of
from landbridge.observe.series import MINUTES, Minute
from landbridge.observe.state import Status, TunnelState

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
OPEN = LinkCount(life=5, received=1_000, sent=2_000)


def a_connection() -> VpnConnection:
    cloud = Cloud()
    gateway = cloud.run(CreateVpnGateway())
    customer = cloud.run(CreateCustomerGateway(IPv4Address("203.0.113.77"), 65010))
    made: VpnConnection = cloud.run(CreateVpnConnection(gateway.id, customer.id, static_only=True))
    return made


class Watched:
    """A connection, its two tunnels as they are told, and the metrics so far."""

    def __init__(self) -> None:
        self.connection = a_connection()
        self.metrics = Metrics()
        self.now = NOON
        self.up = [True, True]
        self.counts: list[LinkCount | None] = [OPEN, OPEN]

    def look(self, after: float = LOOK_EVERY, connections: list[VpnConnection] | None = None) -> None:
        self.now += timedelta(seconds=after)
        states = {
            (self.connection.id, number): TunnelState(
                status=Status.UP if up else Status.DOWN, changed=NOON, counted=counted
            )
            for number, up, counted in zip((1, 2), self.up, self.counts, strict=True)
        }
        self.metrics = looked(self.metrics, [self.connection] if connections is None else connections, states, self.now)

    def minutes(self, tunnel: int | None) -> list[Minute]:
        outside = None if tunnel is None else self.connection.tunnels[tunnel - 1].outside
        found = self.metrics.series[source_of(self.connection, outside)].minutes(0, 2**31)
        return [minute for _, minute in found]

    def sum(self, tunnel: int | None) -> tuple[int, int]:
        return sum(m.received for m in self.minutes(tunnel)), sum(m.sent for m in self.minutes(tunnel))


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_one_tunnel_of_two_is_a_half(watched: Watched) -> None:
    watched.up = [True, False]
    watched.look(0)
    [one], [two], [whole] = (watched.minutes(which) for which in (1, 2, None))
    assert [(m.looks, m.levels, m.low, m.high) for m in (one, two, whole)] == [
        (1, 1, 1, 1),
        (1, 0, 0, 0),
        (1, 0.5, 0.5, 0.5),
    ]


def test_tunnels_that_are_down_in_turn_are_never_both_down(watched: Watched) -> None:
    for up in ([True, True], [False, True], [True, False]):
        watched.up = up
        watched.look(1)
    [whole] = watched.minutes(None)
    assert (whole.looks, whole.low, whole.high) == (3, 0.5, 1)


def test_a_change_counts_at_once_and_the_same_again_only_after_a_while(watched: Watched) -> None:
    watched.look(0)
    before = watched.metrics
    watched.look(1)
    assert watched.metrics is before
    watched.up = [False, True]
    watched.look(0.1)
    watched.look(0.1)
    watched.look(LOOK_EVERY)
    [one] = watched.minutes(1)
    assert (one.looks, one.levels) == (3, 1)


def test_what_passed_before_the_first_count_was_not_seen_by_us(watched: Watched) -> None:
    watched.look()
    watched.counts = [LinkCount(life=5, received=1_500, sent=2_700), OPEN]
    watched.look()
    assert (watched.sum(1), watched.sum(2), watched.sum(None)) == ((500, 700), (0, 0), (500, 700))


def test_a_service_that_starts_before_it_has_counted(watched: Watched) -> None:
    """What the devices of a service before this one say is no news, also when it comes later than the first look."""
    watched.counts = [None, NO_LINK]
    watched.look()
    watched.counts = [OPEN, OPEN]
    watched.look()
    assert (watched.sum(1), watched.sum(2)) == ((0, 0), (1_000, 2_000))


def test_a_count_that_is_missing_for_once_loses_nothing(watched: Watched) -> None:
    watched.look()
    watched.counts = [None, None]
    watched.look()
    watched.counts = [LinkCount(life=5, received=1_001, sent=2_002), OPEN]
    watched.look()
    assert watched.sum(1) == (1, 2)


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[float, LinkCount, int, int]]:
    """(seconds, count, bytes since the last look) of a device that counts on, dies, and is made anew."""
    life, received, sent = draw(st.integers(1, 9)), 0, 0
    told = []
    for _ in range(draw(st.integers(1, 40))):
        seconds = draw(st.floats(LOOK_EVERY, 4000))
        event = draw(st.sampled_from(["goes on"] * 5 + ["is gone", "is another", "counts anew"]))
        more, other = draw(st.integers(0, 2**34)), draw(st.integers(0, 2**34))
        match event:
            case "goes on":
                received, sent = received + more, sent + other
            case "is gone":
                life, received, sent, more, other = 0, 0, 0, 0, 0
            case "is another":
                life, received, sent = life + 1, more, other
            case "counts anew" if received:  # only what is less than before tells
                received, sent = min(more, received - 1), other
                more, other = received, sent
            case _:
                more = other = 0
        told.append((seconds, LinkCount(life=life, received=received, sent=sent), more, other))
    return told


@given(lives())
def test_every_byte_is_counted_once(story: list[tuple[float, LinkCount, int, int]]) -> None:
    watched = Watched()
    watched.counts = [NO_LINK, NO_LINK]
    watched.look(0)
    passed = [0, 0]
    for seconds, count, received, sent in story:
        watched.counts = [count, NO_LINK]
        watched.look(seconds)
        passed = [passed[0] + received, passed[1] + sent]
    total = watched.metrics.totals[watched.connection.id, 1]
    assert [total.received, total.sent] == passed
    if watched.now - NOON < timedelta(minutes=MINUTES):
        assert watched.sum(1) == watched.sum(None) == tuple(passed)


@given(st.lists(st.tuples(st.floats(0, 90), st.booleans(), st.booleans()), min_size=1, max_size=80))
def test_levels_are_those_of_the_looks(story: list[tuple[float, bool, bool]]) -> None:
    watched = Watched()
    for seconds, one, two in story:
        watched.up = [one, two]
        watched.look(seconds)
    for minute in [*watched.minutes(1), *watched.minutes(2), *watched.minutes(None)]:
        assert 0 <= minute.low <= minute.levels / minute.looks <= minute.high <= 1
    for minute in [*watched.minutes(1), *watched.minutes(2)]:
        assert {minute.low, minute.high} <= {0, 1}
    for one_, two_, whole in zip(*(watched.minutes(which) for which in (1, 2, None)), strict=True):
        assert one_.looks == two_.looks == whole.looks
        assert whole.levels == (one_.levels + two_.levels) / 2


def test_a_connection_that_is_not_looked_at_yet_has_no_series(watched: Watched) -> None:
    watched.metrics = looked(Metrics(), [watched.connection], {}, NOON)
    assert watched.metrics == Metrics()


def test_a_connection_that_is_gone_is_remembered_for_a_day(watched: Watched) -> None:
    watched.look()
    watched.look(60, [])
    assert not watched.metrics.totals
    assert len(watched.metrics.series) == 3
    other = Watched()
    for minutes, left in ((MINUTES - 5, 6), (10, 3)):
        watched.now += timedelta(minutes=minutes)
        states = {(other.connection.id, n): TunnelState(changed=NOON) for n in (1, 2)}
        another = replace(other.connection, id="vpn-other")
        states = {("vpn-other", n): TunnelState(changed=NOON) for n in (1, 2)}
        watched.metrics = looked(watched.metrics, [another], states, watched.now)
        assert len(watched.metrics.series) == left


def test_of_too_many_that_are_gone_the_oldest_are_forgotten(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MOST_ENDED", 6)
    ids = [f"vpn-{number}" for number in range(5)]
    for identity in ids:
        watched.now += timedelta(minutes=1)
        states = {(identity, n): TunnelState(changed=NOON) for n in (1, 2)}
        watched.metrics = looked(watched.metrics, [replace(watched.connection, id=identity)], states, watched.now)
    assert {source.connection for source in watched.metrics.series} == {"vpn-2", "vpn-3", "vpn-4"}


def test_a_source_is_of_its_account_and_region(watched: Watched) -> None:
    connection: Any = watched.connection
    assert source_of(connection, None) == Source(connection.account, connection.region, connection.id, None)
