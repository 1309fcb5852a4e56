"""IKEv1: what a death, a wrong key or an end from the other side come to. It tells less than version 2 does."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network

import pytest
from networks import until
from vpn import Vpn, with_psk

from landbridge.desired.ike import IkeConnection
from landbridge.model.crypto import Encryption, Group, IkeVersion, Integrity, Transforms
from landbridge.observe.ike import Cause, IkeEventKind

pytestmark = pytest.mark.lab

SUITE = Transforms((Encryption.AES_CBC_128,), (Integrity.SHA1,), (Group.MODP_1024,))


@pytest.fixture
def vpn() -> Iterator[Vpn]:
    made = Vpn()
    try:
        made.up()
        yield made
    finally:
        made.down()


def old(connection: IkeConnection) -> IkeConnection:
    return replace(connection, versions=(IkeVersion.IKEV1,), ike=SUITE, esp=SUITE)


def waits(vpn: Vpn) -> IkeConnection:
    return old(vpn.b.connection(vpn.a))


def dials(vpn: Vpn) -> IkeConnection:
    return old(vpn.a.connection(vpn.b, initiate=True))


@pytest.fixture
def up(vpn: Vpn) -> Vpn:
    vpn.endpoint(vpn.b, waits(vpn))
    vpn.endpoint(vpn.a, dials(vpn))
    vpn.await_up()
    vpn.await_ping()
    return vpn


def test_it_is_main_mode_and_the_same_settings_change_nothing(up: Vpn) -> None:
    said = up.drivers.endpoints.log_file(up.a.endpoint).read_text()
    assert "initiating Main Mode IKE_SA" in said
    assert "Aggressive" not in said
    [before] = up.sas(up.a)
    seen = up.seen()
    up.put(waits(up), dials(up))
    assert up.seen() == seen
    [after] = up.sas(up.a)
    assert after.spi_initiator == before.spi_initiator


def test_a_killed_responder_calls_its_peer_back(up: Vpn) -> None:
    os.kill(up.pid(up.b), signal.SIGKILL)
    until(lambda: up.heard(IkeEventKind.GONE, up.b), "its death is told", 1.0)
    up.endpoint(up.b, waits(up))
    up.await_ping()
    assert any(sa.up and sa.initiator for sa in up.sas(up.b))


def test_a_killed_responder_calls_back_also_after_the_session_was_renewed(up: Vpn) -> None:
    """By a second main mode, which takes the CHILD SA over; ten seconds later the first IKE SA ends."""
    [first] = up.sas(up.a)
    with up.control(up.a) as session:
        list(session.rekey({"ike": "t1"}))
    until(lambda: any(sa.up and sa.unique_id != first.unique_id for sa in up.sas(up.a)), "another IKE SA carries")
    until(lambda: up.heard(IkeEventKind.IKE_DOWN, up.b), "the first one ends", 20)
    assert up.is_up(up.b)
    until(lambda: len(up.sas(up.b)) == 1, "one is left")
    os.kill(up.pid(up.b), signal.SIGKILL)
    until(lambda: up.heard(IkeEventKind.GONE, up.b), "its death is told", 1.0)
    up.endpoint(up.b, waits(up))
    up.await_ping()
    assert any(sa.up and sa.initiator for sa in up.sas(up.b))


def test_a_killed_initiator_comes_back_by_itself(up: Vpn) -> None:
    os.kill(up.pid(up.a), signal.SIGKILL)
    until(lambda: up.heard(IkeEventKind.GONE, up.a), "its death is told", 1.0)
    up.endpoint(up.a, dials(up))
    up.await_up()
    up.await_ping()


def test_an_initiator_comes_back_when_its_peer_ends_the_session(up: Vpn) -> None:
    first = {sa.spi_initiator for sa in up.sas(up.a)}
    up.drivers.endpoints.vici(up.b.endpoint).terminate("t1")
    until(lambda: any(sa.up and sa.spi_initiator not in first for sa in up.sas(up.a)), "it is up again")
    up.await_ping()
    assert up.heard(IkeEventKind.TROUBLE, up.a, Cause.PEER_CLOSED)


def test_without_a_service_charon_keeps_the_tunnel_up_by_itself(up: Vpn) -> None:
    first = {sa.spi_initiator for sa in up.sas(up.a)}
    up.drivers.close()
    up.drivers.endpoints.vici(up.b.endpoint).terminate("t1")
    until(lambda: any(sa.up and sa.spi_initiator not in first for sa in up.sas(up.a)), "charon has initiated again")
    up.await_ping()


def test_different_keys_are_told_as_the_cause_and_the_right_key_heals(vpn: Vpn) -> None:
    vpn.endpoint(vpn.b, with_psk(waits(vpn), "another.key"))
    vpn.endpoint(vpn.a, dials(vpn))
    for side in (vpn.a, vpn.b):
        until(
            lambda side=side: vpn.heard(IkeEventKind.TROUBLE, side, Cause.AUTHENTICATION_FAILED),
            f"{side.endpoint} hears of it",
        )
    assert not vpn.is_up(vpn.a)
    vpn.put(waits(vpn))
    vpn.await_up(seconds=35)  # it goes on asking with what the other side took for another key's
    vpn.await_ping()


def test_selectors_without_anything_in_common_are_told_as_the_cause(vpn: Vpn) -> None:
    vpn.endpoint(vpn.b, replace(waits(vpn), local_ts=(IPv4Network("10.1.0.0/16"),)))
    vpn.endpoint(vpn.a, replace(dials(vpn), remote_ts=(IPv4Network("10.2.0.0/16"),)))
    for side in (vpn.a, vpn.b):
        until(
            lambda side=side: vpn.heard(IkeEventKind.TROUBLE, side, Cause.TRAFFIC_SELECTORS),
            f"{side.endpoint} hears of it",
        )
    assert not vpn.is_up(vpn.a)
