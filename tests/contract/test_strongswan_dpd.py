"""A peer that falls silent: how soon it is dead, and what follows, with both versions of IKE."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from networks import holds, until
from vpn import Vpn

from landbridge.desired.endpoint import dpd_delay
from landbridge.desired.ike import IkeConnection
from landbridge.model.crypto import Encryption, Group, IkeVersion, Integrity, Transforms
from landbridge.observe.ike import Cause, IkeEventKind

pytestmark = pytest.mark.lab

SOON = 9
"""Seconds of DPD timeout: shorter than AWS takes, for the tests' sake."""
SUITE = Transforms((Encryption.AES_CBC_128,), (Integrity.SHA2_256,), (Group.ECP_256,))


@pytest.fixture
def vpn() -> Iterator[Vpn]:
    made = Vpn()
    try:
        made.up()
        yield made
    finally:
        made.down()


def detecting(connection: IkeConnection, version: IkeVersion, timeout: int, action: str = "clear") -> IkeConnection:
    """The connection with DPD as the service sets it for that timeout."""
    return replace(
        connection,
        versions=(version,),
        ike=SUITE,
        esp=SUITE,
        dpd_timeout=timeout,
        dpd_delay=dpd_delay(timeout, action),
        dpd_action=action,
    )


def start(vpn: Vpn, version: IkeVersion, timeout: int, action: str, *, persistent: bool) -> None:
    """Side b detects; a either comes back by itself or has forgotten what DPD is."""
    for side in (vpn.b, vpn.a):
        vpn.put(side.charon(timeout), side.device())
        vpn.address(side)
    vpn.put(detecting(vpn.b.connection(vpn.a), version, timeout, action))
    mine = vpn.a.connection(vpn.b, initiate=persistent)
    vpn.put(detecting(mine, version, timeout, "restart" if persistent else "none"))
    vpn.drivers.endpoints.vici(vpn.a.endpoint).initiate("t1")
    vpn.await_up()
    vpn.await_ping()


def dies_in_time(vpn: Vpn, timeout: int) -> None:
    """Cut the line: b has to declare a dead within the timeout and two seconds, and not long before."""
    vpn.cut()
    began = time.monotonic()
    until(lambda: not vpn.is_up(vpn.b), "the responder declares it dead", timeout + 2)
    took = time.monotonic() - began
    assert took >= timeout / 2 - 1, "a peer that was heard a moment ago is not dead yet"
    until(lambda: vpn.heard(IkeEventKind.TROUBLE, vpn.b, Cause.PEER_SILENT), "it says why", 2.0)
    print(f"declared dead after {took:.1f} s of {timeout} s")


@pytest.mark.parametrize("version", IkeVersion)
@pytest.mark.parametrize("timeout", [SOON, pytest.param(30, marks=[pytest.mark.nightly, pytest.mark.timeout(120)])])
def test_a_silent_peer_is_declared_dead_in_time_and_comes_back(vpn: Vpn, version: IkeVersion, timeout: int) -> None:
    start(vpn, version, timeout, "clear", persistent=True)
    dies_in_time(vpn, timeout)
    vpn.mend()
    vpn.await_up(seconds=6)
    vpn.await_ping()


@pytest.mark.parametrize("version", IkeVersion)
def test_clear_ends_the_session_and_leaves_the_start_to_the_peer(vpn: Vpn, version: IkeVersion) -> None:
    start(vpn, version, SOON, "clear", persistent=False)
    dies_in_time(vpn, SOON)
    until(lambda: vpn.sas(vpn.b) == (), "nothing of it is left")
    vpn.mend()
    holds(lambda: vpn.sas(vpn.b) == (), "it waits", 3)
    assert not vpn.pings()


@pytest.mark.parametrize("version", IkeVersion)
def test_restart_starts_the_session_anew_until_the_peer_answers(vpn: Vpn, version: IkeVersion) -> None:
    start(vpn, version, SOON, "restart", persistent=False)
    dies_in_time(vpn, SOON)
    until(lambda: any(sa.initiator for sa in vpn.sas(vpn.b)), "it initiates")
    vpn.mend()
    until(lambda: any(sa.up and sa.initiator for sa in vpn.sas(vpn.b)), "it is up by b's doing")
    vpn.await_ping()


@pytest.mark.parametrize("version", IkeVersion)
def test_none_never_declares_a_peer_dead(vpn: Vpn, version: IkeVersion) -> None:
    start(vpn, version, SOON, "none", persistent=False)
    [before] = vpn.sas(vpn.b)
    vpn.cut()
    holds(lambda: vpn.is_up(vpn.b), "the silent peer counts as alive", SOON + 4)
    vpn.mend()
    assert [sa.spi_initiator for sa in vpn.sas(vpn.b)] == [before.spi_initiator]
    vpn.await_ping()
