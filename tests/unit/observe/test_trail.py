"""charon's lines, in the order in which it says them, become the cause. Real peers: tests/lab/test_why.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.observe.ike import Cause, IkeEvent, IkeEventKind
from landbridge.observe.trail import LONGEST, LONGEST_OFFER, MOST, NO_TRAIL, PATIENCE, Finding, Trail

NOW = datetime(2026, 11, 25, 2, tzinfo=UTC)
LATER = NOW + PATIENCE + timedelta(seconds=1)

ASKED = (
    "received packet: from 203.0.113.2[500] to 203.0.113.1[500] (264 bytes)",
    "parsed IKE_SA_INIT request 0 [ SA KE No N(NATD_S_IP) N(NATD_D_IP) ]",
    "203.0.113.2 is initiating an IKE_SA",
    "generating IKE_SA_INIT response 0 [ SA KE No N(NATD_S_IP) N(NATD_D_IP) ]",
)
CAME = ("parsed IKE_AUTH request 1 [ IDi IDr AUTH SA TSi TSr ]",)
MISMATCH = ("tried 1 shared key for '203.0.113.1' - '203.0.113.2', but MAC mismatched",)
STRANGER = ("no IKE config found for 203.0.113.1...203.0.113.9, sending NO_PROPOSAL_CHOSEN",)


def said(*lines: str, before: Trail = NO_TRAIL, at: datetime = NOW) -> Trail:
    for line in lines:
        before = before.heard(IkeEvent(namespace="e", kind=IkeEventKind.SAID, text=line), at)
    return before


def happened(kind: IkeEventKind, before: Trail) -> Trail:
    return before.heard(IkeEvent(namespace="e", kind=kind), NOW)


def test_an_answer_that_nothing_follows_means_something_after_a_while() -> None:
    trail = said(*ASKED)
    assert trail.finding(NOW) is None
    assert trail.finding(LATER) == Finding(cause=Cause.IKE_AUTH_MISSING)
    assert said(*CAME, before=trail).finding(LATER) is None


def test_who_asks_again_did_not_get_the_answer() -> None:
    again = said("received retransmit of request with ID 0, retransmitting response", before=said(*ASKED))
    assert again.finding(LATER) == Finding(cause=Cause.ANSWERS_LOST)
    other = said(*ASKED, before=again)
    assert other.finding(LATER) == Finding(cause=Cause.IKE_AUTH_MISSING), "another attempt is looked at afresh"


def test_a_port_that_is_not_ikes_is_a_nats() -> None:
    trail = said("received packet: from 203.0.113.2[20500] to 203.0.113.1[500] (264 bytes)", *ASKED[1:])
    assert trail.finding(LATER) == Finding(cause=Cause.NAT_WITHOUT_NAT_T, said="20500")


def test_what_a_look_finds_up_was_up_whatever_was_heard() -> None:
    """The end of another SA of the same peer, or an event that came before anybody listened."""
    gave_up = "giving up after 9 retransmits"
    for before in (NO_TRAIL, happened(IkeEventKind.IKE_DOWN, happened(IkeEventKind.CHILD_UP, NO_TRAIL))):
        assert said(gave_up, before=before).finding(NOW) == Finding(cause=Cause.PEER_SILENT)
        assert said(gave_up, before=before.seen_up()).finding(NOW) == Finding(cause=Cause.DPD_TIMEOUT, said="9")
    up = happened(IkeEventKind.CHILD_UP, NO_TRAIL)
    assert up.seen_up() is up


def test_proposals_of_both_sides_are_kept_by_phase() -> None:
    for kind, cause, end in (
        ("IKE", Cause.NO_PROPOSAL_CHOSEN, "received proposals unacceptable"),
        ("ESP", Cause.NO_ESP_PROPOSAL, "no acceptable proposal found"),
    ):
        trail = said(f"received proposals: {kind}:A/B", f"configured proposals: {kind}:C, {kind}:D", end)
        assert trail.finding(NOW) == Finding(cause=cause, said=f"{kind}:A/B", expected=f"{kind}:C, {kind}:D")


def test_a_stranger_does_not_hide_why_the_peer_failed() -> None:
    assert said(*STRANGER).finding(NOW) == Finding(cause=Cause.UNKNOWN_PEER, said="203.0.113.9")
    assert said(*MISMATCH, *STRANGER).finding(NOW) == Finding(cause=Cause.AUTHENTICATION_FAILED)


def test_who_was_up_timed_out_and_who_was_not_is_silent() -> None:
    gave_up = "giving up after 9 retransmits"
    up = happened(IkeEventKind.CHILD_UP, NO_TRAIL)
    assert said(gave_up, before=up).finding(NOW) == Finding(cause=Cause.DPD_TIMEOUT, said="9")
    assert said(gave_up).finding(NOW) == Finding(cause=Cause.PEER_SILENT)
    down = happened(IkeEventKind.IKE_DOWN, said(gave_up, before=up))
    assert said(gave_up, before=down).finding(NOW) == Finding(cause=Cause.DPD_TIMEOUT, said="9"), "it stays the reason"


def test_who_tidies_up_after_a_failure_does_not_close_the_tunnel() -> None:
    closing = "received DELETE for IKE_SA t1[1]"
    assert said(*MISMATCH, closing).finding(NOW) == Finding(cause=Cause.AUTHENTICATION_FAILED)
    up = happened(IkeEventKind.CHILD_UP, NO_TRAIL)
    assert said(closing, before=up).finding(NOW) == Finding(cause=Cause.PEER_CLOSED)


def test_what_comes_up_has_no_cause_any_more() -> None:
    trail = happened(IkeEventKind.CHILD_UP, said(*ASKED, *MISMATCH, *STRANGER))
    assert trail.finding(LATER) is None
    assert trail.last[-1].what == "The CHILD SA is up."


def test_an_attempt_of_this_side_that_stays_without_ike_auth() -> None:
    trail = said("parsed IKE_SA_INIT response 0 [ SA KE No ]", "retransmit 3 of request with message ID 1")
    assert trail.finding(NOW) == Finding(cause=Cause.IKE_AUTH_MISSING)


def test_a_certificates_time_is_told_before_what_follows_from_it() -> None:
    line = "subject certificate invalid (valid from Nov 01 00:00:00 2026 to Nov 02 00:00:00 2026)"
    trail = said(line, "no trusted RSA public key found for 'CN=paris'")
    found = trail.finding(NOW)
    assert found is not None
    assert (found.cause, found.said[:10]) == (Cause.CERTIFICATE_TIME, "valid from")


def told(trail: Trail) -> list[tuple[str, int]]:
    return [(each.what, each.times) for each in trail.last]


def test_what_repeats_is_told_once_with_how_often_and_since_when() -> None:
    trail = NO_TRAIL
    for attempt in range(100):
        trail = said(*ASKED, *MISMATCH, before=trail, at=NOW + timedelta(seconds=attempt))
    assert told(trail) == [("203.0.113.2 is initiating an IKE_SA", 100), (MISMATCH[0], 100)]
    assert {(each.since, each.at) for each in trail.last} == {(NOW, NOW + timedelta(seconds=99))}


def test_numbers_of_attempts_make_no_difference_and_addresses_do() -> None:
    first = said("initiating IKE_SA vpn-1[1] to 203.0.113.2", "retransmit 1 of request with message ID 0")
    again = said("retransmit 2 of request with message ID 0", "initiating IKE_SA vpn-1[2] to 203.0.113.2", before=first)
    assert told(again) == [
        ("retransmit 2 of request with message ID 0", 2),
        ("initiating IKE_SA vpn-1[2] to 203.0.113.2", 2),
    ]
    other = said("initiating IKE_SA vpn-1[3] to 203.0.113.9", before=again)
    assert told(other)[-1] == ("initiating IKE_SA vpn-1[3] to 203.0.113.9", 1)


def test_nothing_is_folded_across_a_tunnel_that_came_up_or_went_down() -> None:
    up = happened(IkeEventKind.CHILD_UP, said(*MISMATCH))
    down = happened(IkeEventKind.CHILD_DOWN, up)
    assert told(said(*MISMATCH, before=down)) == [
        (MISMATCH[0], 1),
        ("The CHILD SA is up.", 1),
        ("The CHILD SA is down.", 1),
        (MISMATCH[0], 1),
    ]


@given(st.lists(st.text(max_size=50) | st.sampled_from(["x" * 5_000, "\x1b" * 5_000]), max_size=60))
def test_whatever_is_said_is_bounded_and_printable(lines: list[str]) -> None:
    trail = said(*lines, *(f"received proposals: {line}" for line in lines))
    assert len(trail.last) <= MOST
    assert all(len(each.what) <= LONGEST and each.what.isprintable() for each in trail.last)
    assert len(trail.offered) <= LONGEST_OFFER


@pytest.mark.parametrize("kind", list(IkeEventKind))
def test_every_event_can_be_heard(kind: IkeEventKind) -> None:
    assert isinstance(happened(kind, said(*ASKED)), Trail)
