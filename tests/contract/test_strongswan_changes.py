"""What becomes of live SAs when an endpoint that traffic has left gets other settings, and how keys are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from networks import until
from vpn import Vpn, with_psk

from landbridge.observe.ike import Cause, IkeEventKind

pytestmark = pytest.mark.lab


def spi(vpn: Vpn) -> str:
    [sa] = vpn.sas(vpn.b)
    return sa.spi_initiator


def child_ends_within(vpn: Vpn) -> int:
    [sa] = vpn.sas(vpn.b)
    [child] = sa.children
    assert child.expires_in is not None
    return child.expires_in


def test_an_endpoint_that_renews_has_other_settings_in_force_at_once(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_ping()
    before = spi(vpn)
    assert child_ends_within(vpn) > 900
    vpn.put(replace(vpn.b.connection(vpn.a), child_lifetime=900, rekey_margin=60, renews=True))
    until(lambda: vpn.is_up(vpn.b) and spi(vpn) != before, "a new SA is up")
    assert child_ends_within(vpn) <= 900
    vpn.await_ping()


def test_one_that_does_not_keeps_what_could_be_negotiated_the_same(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_ping()
    before = spi(vpn)
    vpn.put(replace(vpn.b.connection(vpn.a), child_lifetime=900, rekey_margin=60))
    assert spi(vpn) == before
    assert child_ends_within(vpn) > 900
    assert vpn.pings()


def test_a_new_key_alone_ends_nothing_whoever_initiates(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_ping()
    before = spi(vpn)
    new = replace(with_psk(vpn.b.connection(vpn.a), "new.key"), renews=True, initiate=True, yields=True)
    vpn.put(new)
    vpn.put(replace(new, renews=False, initiate=False))
    assert spi(vpn) == before
    assert vpn.pings()


def test_a_refused_key_is_told_each_time(vpn: Vpn) -> None:
    vpn.endpoint(vpn.b, with_psk(vpn.b.connection(vpn.a), "another.key"))
    vpn.endpoint(vpn.a, vpn.a.connection(vpn.b, initiate=True))

    def refused() -> int:
        return len(vpn.heard(IkeEventKind.TROUBLE, vpn.b, Cause.AUTHENTICATION_FAILED))

    until(lambda: refused() >= 3, "three attempts are told of", 20)
    assert not vpn.is_up(vpn.b)
