"""The observer tells the loop of every change of health, whoever found out, and listens to what is wanted now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from typing import cast

import pytest
from charons import sa
from support import Cloud

from landbridge.control.customer_gateways import CreateCustomerGateway
from landbridge.control.vpcs import CreateVpc
from landbridge.control.vpn_connections import CreateVpnConnection
from landbridge.control.vpn_gateways import CreateVpnGateway
from landbridge.desired.names import Names
from landbridge.model.secret import Secret
from landbridge.model.snapshot import Put
from landbridge.model.vpn import VpnConnection
from landbridge.observe.bgp import BfdPeer
from landbridge.observe.fold import Endpoint, Heard, SpeakerWords
from landbridge.observe.metrics import source_of
from landbridge.observe.state import Status
from landbridge.wiring.ears import Ears
from landbridge.wiring.observer import Observer

OWN = Names("abc123")


class Said:
    """What ears would have heard, and to what they were told to listen."""

    def __init__(self) -> None:
        self.words = Heard()
        self.routers: Collection[str] = ()
        self.counting: Collection[str] = ()
        self.counted = 0

    def heard(self) -> Heard:
        return self.words

    def listen(self, *, endpoints: Collection[str], routers: Collection[str], counting: Collection[str]) -> None:
        self.routers = routers
        self.counting = counting

    def count(self) -> None:
        self.counted += 1


class Watched:
    """An observer of a cloud with one static connection, that counts how often the loop was told."""

    def __init__(self) -> None:
        self.cloud = Cloud()
        self.cloud.now = datetime(2020, 1, 1, tzinfo=UTC)
        gateway = self.cloud.run(CreateVpnGateway())
        customer = self.cloud.run(CreateCustomerGateway(IPv4Address("203.0.113.77"), 65010))
        self.connection: VpnConnection = self.cloud.run(CreateVpnConnection(gateway.id, customer.id, static_only=True))
        self.said = Said()
        self.told = 0
        self.observer = Observer(OWN, self.cloud.control, cast(Ears, self.said), self._tell)

    def _tell(self) -> None:
        self.told += 1

    def charon_dies(self) -> None:
        self.said.words = Heard(endpoints={OWN.endpoint(self.connection.id, 1): Endpoint(pid=None)})


def test_the_loop_is_told_of_changed_health_once() -> None:
    watched = Watched()
    watched.charon_dies()
    watched.observer.news()
    watched.observer.news()
    assert watched.told == 1
    assert watched.observer.health().dead == {(watched.connection.id, 1)}


def test_the_loop_is_told_too_when_somebody_who_only_looks_finds_out_first() -> None:
    watched = Watched()
    watched.charon_dies()
    watched.observer.observation()
    watched.observer.news()
    assert watched.told == 1


def test_a_peer_that_fell_silent_before_the_service_started_is_not_taken_for_one_that_never_answered() -> None:
    watched = Watched()
    tunnel, router = watched.connection.tunnels[0], OWN.of(watched.connection.vpn_gateway_id)
    silent = BfdPeer(
        address=tunnel.customer_inside, link="t1-1", state="Down", since=datetime.now(UTC), interval=1.0, timeout=0.0
    )
    watched.said.words = Heard(speakers={router: SpeakerWords(pid=7, bfd=(silent,))})
    watched.observer.recall(lambda _: {("t1-1", tunnel.customer_inside)})
    watched.observer.news()
    assert watched.observer.health().bfd_seen == {(watched.connection.id, 1)}


def test_a_listener_that_comes_late_does_not_stop_listening_to_what_is_newer() -> None:
    watched = Watched()
    watched.observer.start()
    old = watched.cloud.control.snapshot
    vpc = watched.cloud.run(CreateVpc(IPv4Network("10.0.0.0/16")))
    watched.observer.follow(old)
    assert OWN.of(vpc.id) in watched.said.routers


def test_an_observation_is_made_anew_when_there_is_something_new() -> None:
    watched = Watched()
    first = watched.observer.observation()
    assert watched.observer.observation() is first
    faults = {watched.connection.id: ("no room left",)}
    assert watched.observer.observation(faults).faults == faults
    assert watched.observer.observation().faults == {}
    watched.charon_dies()
    second = watched.observer.observation()
    assert second is not first
    watched.cloud.run(CreateVpc(IPv4Network("10.0.0.0/16")))
    assert watched.observer.observation() is not second


def test_what_was_not_heard_before_everybody_was_is_no_change() -> None:
    """A service that starts hears one after the other; that it had heard nothing yet is not telemetry."""
    watched = Watched()
    watched.observer.news()
    identity = (watched.connection.id, 1)
    assert watched.observer.observation().tunnels[identity].status is Status.DOWN
    endpoints = {OWN.endpoint(watched.connection.id, 1): Endpoint(pid=7, sas=(sa(),))}
    watched.said.words = Heard(endpoints=endpoints)
    watched.observer.begin()
    state = watched.observer.observation().tunnels[identity]
    assert state.status is Status.UP
    assert datetime.now(UTC) - state.changed > timedelta(seconds=4), "its SA is five seconds old"
    outside = watched.connection.tunnels[0].outside
    [(_, minute)] = watched.observer.metrics().series[source_of(watched.connection, outside)].minutes(0, 2**31)
    assert minute.low == 1


def test_metrics_follow_what_is_heard_and_counted() -> None:
    watched = Watched()
    watched.observer.start()
    assert watched.said.counting == {OWN.of(watched.connection.vpn_gateway_id)}
    watched.charon_dies()
    watched.observer.look()
    assert watched.said.counted == 1
    assert not watched.observer.metrics().series, "not everybody was heard"
    watched.observer.begin()
    source = source_of(watched.connection, None)
    [(_, minute)] = watched.observer.metrics().series[source].minutes(0, 2**31)
    assert (minute.looks, minute.low, minute.high) == (1, 0, 0)
    again = watched.observer.metrics()
    assert again.series == watched.observer.metrics().series


def test_a_refused_key_is_changed_for_the_other_one_and_back_in_the_grace_time(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched()
    vpn, endpoint = watched.connection.id, OWN.endpoint(watched.connection.id, 1)
    clock = [datetime(2020, 1, 1, tzinfo=UTC)]
    monkeypatch.setattr("landbridge.wiring.observer.now", lambda: clock[0])

    def refused(after: float = 1.0) -> frozenset[tuple[str, int]]:
        clock[0] += timedelta(seconds=after)
        watched.observer.refused(endpoint)
        return watched.observer.health().former_keys

    assert refused() == frozenset(), "there is one key only"
    assert watched.told == 0, "whoever knows no key does not keep the loop busy"
    stored = watched.cloud.snapshot.get(VpnConnection, vpn)
    assert stored is not None
    graced = replace(stored.tunnels[0], old_psk=Secret("The_old.key"), old_psk_until=clock[0])
    watched.cloud.becomes(watched.cloud.snapshot.apply((Put(replace(stored, tunnels=(graced, stored.tunnels[1]))),)))
    assert refused() == {(vpn, 1)}
    assert refused(after=0.1) == {(vpn, 1)}, "two lines may tell of one attempt"
    watched.observer.refused(OWN.endpoint(vpn, 2))
    assert watched.observer.health().former_keys == {(vpn, 1)}
    assert refused() == frozenset()
    assert refused() == {(vpn, 1)}
    watched.cloud.becomes(watched.cloud.snapshot.apply((Put(stored),)))
    watched.observer.news()
    assert watched.observer.health().former_keys == frozenset(), "the grace time is over"
