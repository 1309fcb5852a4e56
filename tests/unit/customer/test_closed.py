"""A prefix that BGP brought stays closed when the tunnels fail, and is open again once it was withdrawn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network

from landbridge.customer.closed import MOST, WITHDRAWN_AFTER, Closed, follow

VPC, LYON = IPv4Network("10.0.0.0/16"), IPv4Network("192.168.61.0/24")
START = datetime(2026, 1, 1, tzinfo=UTC)
SOON = START + timedelta(seconds=1)


def test_what_fails_with_its_session_stays_closed() -> None:
    closed = follow(Closed(), [VPC, LYON], True, START)
    assert follow(closed, [], False, START + timedelta(days=9)).prefixes == {VPC, LYON}


def test_what_a_session_that_is_up_no_longer_brings_is_withdrawn_after_a_while() -> None:
    closed = follow(Closed(), [VPC, LYON], True, START)
    missing = follow(closed, [VPC], True, SOON)
    assert missing.prefixes == {VPC, LYON}
    assert follow(missing, [VPC], True, SOON + WITHDRAWN_AFTER).prefixes == {VPC}


def test_a_session_that_has_just_come_up_is_given_time_to_tell() -> None:
    closed = follow(follow(Closed(), [VPC], True, START), [], False, START + timedelta(hours=1))
    later = START + timedelta(hours=2)
    assert follow(closed, [], True, later).prefixes == {VPC}
    assert follow(follow(closed, [], True, later), [VPC], True, later + WITHDRAWN_AFTER).prefixes == {VPC}


def test_time_without_a_session_does_not_count() -> None:
    closed = follow(follow(Closed(), [VPC], True, START), [], True, SOON)
    down = follow(closed, [], False, SOON)
    assert follow(down, [], True, SOON + 2 * WITHDRAWN_AFTER).prefixes == {VPC}


def test_the_machines_default_route_is_never_closed() -> None:
    assert follow(Closed(), [IPv4Network("0.0.0.0/0")], True, START).prefixes == frozenset()


def test_there_is_a_bound() -> None:
    many = [IPv4Network((10 << 24 | number << 8, 24)) for number in range(MOST + 5)]
    assert len(follow(Closed(), many, True, START).prefixes) == MOST
