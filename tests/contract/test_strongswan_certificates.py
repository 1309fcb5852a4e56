"""Two endpoints that prove themselves with certificates: whom the cloud's takes, and what becomes of live SAs."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from certified_vpn import cloud, device
from networks import SLOW, until
from streams import Sender, drain, streams
from vpn import Vpn

from landbridge.observe.ike import Cause, IkeEventKind
from landbridge.reconcile.driver import DriverError
from pki import Pki

UNDER_WAY = max(20, round(4 * SLOW))
"""Packets that are sent in the time that an answer takes to come and to be believed, on a busy or emulated machine."""

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]


@pytest.fixture
def pki() -> Pki:
    return Pki()


def refusals(vpn: Vpn) -> int:
    """How often side a was told that it is not who it says."""
    log = vpn.drivers.endpoints.log_file(vpn.a.endpoint)
    return log.read_text().count("received AUTHENTICATION_FAILED") if log.exists() else 0


def test_the_pinned_device_connects_and_packets_pass(vpn: Vpn, pki: Pki) -> None:
    office = pki.device()
    vpn.endpoint(vpn.b, cloud(vpn, pki, pki.endpoint(vpn.b.outside), office))
    vpn.endpoint(vpn.a, device(vpn, pki, office))
    vpn.await_up()
    vpn.await_ping()
    seen = vpn.seen()
    for side in (vpn.a, vpn.b):
        [sa] = vpn.sas(side)
        assert {sa.local_id, sa.remote_id} == {"CN=office.example.net", str(vpn.b.outside)}
        assert ("ike", side.endpoint, "t1") in seen


def test_another_certificate_of_the_same_authority_is_refused(vpn: Vpn, pki: Pki) -> None:
    """Also one that bears the same name."""
    office = pki.device()
    vpn.endpoint(vpn.b, cloud(vpn, pki, pki.endpoint(vpn.b.outside), office))
    for other in (pki.device("other.example.net"), pki.device()):
        before = refusals(vpn)
        vpn.endpoint(vpn.a, device(vpn, pki, other))
        until(lambda before=before: refusals(vpn) > before + 1, "the device is told that it is not")
        assert not vpn.is_up(vpn.a)
        assert not vpn.is_up(vpn.b)
        assert not vpn.pings()
    vpn.put(device(vpn, pki, office))
    vpn.await_up()
    vpn.await_ping()


def test_an_expired_certificate_is_refused(vpn: Vpn, pki: Pki) -> None:
    office = pki.device(ended=True)
    vpn.endpoint(vpn.b, cloud(vpn, pki, pki.endpoint(vpn.b.outside), office))
    vpn.endpoint(vpn.a, device(vpn, pki, office))
    until(lambda: vpn.heard(IkeEventKind.TROUBLE, vpn.a, Cause.AUTHENTICATION_FAILED), "the device is refused")
    assert not vpn.is_up(vpn.b)


def test_a_device_takes_no_other_device_and_no_other_authority_for_the_cloud(vpn: Vpn, pki: Pki) -> None:
    office = pki.device()
    strangers = (
        pki.device("thief.example.net"),
        Pki().endpoint(vpn.b.outside),
        pki.endpoint(IPv4Address("203.0.113.9")),
    )
    vpn.endpoint(vpn.a, device(vpn, pki, office))
    for stranger in strangers:
        vpn.endpoint(vpn.b, cloud(vpn, pki, stranger, office))
        vpn.events.clear()
        until(lambda: vpn.heard(IkeEventKind.TROUBLE, vpn.b), "an attempt failed")
        assert not vpn.is_up(vpn.a)
        vpn.drivers.connections.drop(vpn.seen()["ike", vpn.b.endpoint, "t1"])
    vpn.endpoint(vpn.b, cloud(vpn, pki, pki.endpoint(vpn.b.outside), office))
    vpn.await_up()


def test_a_connection_that_is_dropped_ends_its_sa_and_forgets_its_key(vpn: Vpn, pki: Pki) -> None:
    """As when its certificate is revoked."""
    office = pki.device()
    wanted = cloud(vpn, pki, pki.endpoint(vpn.b.outside), office)
    vpn.endpoint(vpn.b, wanted)
    vpn.endpoint(vpn.a, device(vpn, pki, office))
    vpn.await_up()
    vpn.drivers.connections.drop(wanted)
    until(lambda: not vpn.is_up(vpn.a) and not vpn.is_up(vpn.b), "both sides are down")
    until(lambda: vpn.heard(IkeEventKind.TROUBLE, vpn.a, Cause.NO_PROPOSAL_CHOSEN), "it is refused")
    assert vpn.drivers.endpoints.vici(vpn.b.endpoint).private_keys() == ()
    assert not vpn.is_up(vpn.b)


def test_another_pin_ends_the_sa_with_the_former_device(vpn: Vpn, pki: Pki) -> None:
    office = pki.device()
    own = pki.endpoint(vpn.b.outside)
    vpn.endpoint(vpn.b, cloud(vpn, pki, own, office))
    vpn.endpoint(vpn.a, device(vpn, pki, office))
    vpn.await_up()
    vpn.put(cloud(vpn, pki, own, pki.device()))
    until(lambda: not vpn.is_up(vpn.a) and not vpn.is_up(vpn.b), "both sides are down")
    until(lambda: vpn.heard(IkeEventKind.TROUBLE, vpn.a, Cause.AUTHENTICATION_FAILED), "it is refused")


def test_what_is_loaded_is_read_back_as_wanted_and_put_again_changes_nothing(vpn: Vpn, pki: Pki) -> None:
    office = pki.device()
    both = [cloud(vpn, pki, pki.endpoint(vpn.b.outside), office), device(vpn, pki, office)]
    for side, wanted in zip((vpn.b, vpn.a), both, strict=True):
        vpn.endpoint(side, wanted)
    vpn.await_up()
    before = [sa.spi_initiator for sa in vpn.sas(vpn.b)]
    fresh = vpn.open()
    seen = vpn.seen(fresh)
    for wanted in both:
        assert seen[wanted.key].fingerprint == fresh.connections.fingerprint(wanted)  # type: ignore[attr-defined]
        fresh.connections.put(wanted, seen[wanted.key])
    assert [sa.spi_initiator for sa in vpn.sas(vpn.b)] == before


def test_a_new_certificate_of_ours_takes_over_and_no_more_is_lost_than_the_device_sends_early(
    vpn: Vpn, pki: Pki
) -> None:
    office = pki.device()
    vpn.endpoint(vpn.b, cloud(vpn, pki, pki.endpoint(vpn.b.outside), office))
    vpn.endpoint(vpn.a, device(vpn, pki, office))
    vpn.await_ping()
    [before] = vpn.sas(vpn.b)
    renewed = cloud(vpn, pki, pki.endpoint(vpn.b.outside), office)
    both = streams(vpn)
    with Sender(both).sending():
        vpn.put(renewed)
        up = [sa for sa in vpn.sas(vpn.b) if sa.up]
        assert any(sa.spi_initiator != before.spi_initiator for sa in up), "it has taken over before put returns"
        assert vpn.seen()[renewed.key].fingerprint == vpn.drivers.connections.fingerprint(renewed)  # type: ignore[attr-defined]
        until(lambda: len(vpn.sas(vpn.b)) == len(vpn.sas(vpn.a)) == 1, "the peer ends the one that was before", 20)
    drain(both)
    for stream in both:
        stream.sender.close()
    # The peer sends by the new SA while its answer, by which this side gets it, is on its way.
    from_device, from_cloud = (stream.lost for stream in both)
    assert from_cloud == 0
    assert from_device <= UNDER_WAY, [stream.sent for stream in both]
    assert vpn.sas(vpn.b)[0].spi_initiator != before.spi_initiator
    assert len(vpn.drivers.endpoints.vici(vpn.b.endpoint).private_keys()) == 1


@pytest.mark.parametrize("answered_after_all", [False, True])
def test_a_peer_that_does_not_answer_is_asked_again(vpn: Vpn, pki: Pki, answered_after_all: bool) -> None:
    office = pki.device()
    vpn.endpoint(vpn.b, cloud(vpn, pki, pki.endpoint(vpn.b.outside), office))
    vpn.endpoint(vpn.a, device(vpn, pki, office))
    vpn.await_ping()
    renewed = cloud(vpn, pki, pki.endpoint(vpn.b.outside), office)
    vpn.cut()
    with pytest.raises(DriverError, match="new certificate"):
        vpn.put(renewed)
    assert vpn.seen()[renewed.key].fingerprint != vpn.drivers.connections.fingerprint(renewed)  # type: ignore[attr-defined]
    vpn.mend()
    vpn.await_ping()
    if answered_after_all:
        until(lambda: sum(sa.up for sa in vpn.sas(vpn.b)) == 2, "what was asked before is answered now", 20)
    vpn.put(renewed)
    assert vpn.seen()[renewed.key].fingerprint == vpn.drivers.connections.fingerprint(renewed)  # type: ignore[attr-defined]
    vpn.await_ping()


def test_keys_are_in_no_file_and_in_no_message(vpn: Vpn, pki: Pki) -> None:
    office, own = pki.device(), pki.endpoint(vpn.b.outside)
    vpn.endpoint(vpn.b, cloud(vpn, pki, own, office))
    vpn.endpoint(vpn.a, device(vpn, pki, office))
    vpn.await_up()
    for pair in (office, own):
        needle = "".join(pair.key.reveal().splitlines()[1:-1])[20:60].encode()
        for path in vpn.directory.rglob("*"):
            assert not path.is_file() or needle not in path.read_bytes()
        assert pair.key.reveal() not in repr(cloud(vpn, pki, own, office))
