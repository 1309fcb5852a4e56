"""Every cause has a sentence for either side, with every place filled in, and the documents have them all."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from landbridge.observe.bgp import BgpCause, BgpPeering, bgp_cause_of
from landbridge.observe.ike import Cause
from landbridge.observe.sentences import BGP, CLOUD, CUSTOMER
from landbridge.observe.trail import Finding
from landbridge.observe.why import Ends, Side, failed, no_bgp, up

DOCUMENT = Path(__file__).parents[3] / "docs" / "troubleshooting.md"
PEER = IPv4Address("169.254.10.2")
LAST_ERRORS = {
    BgpCause.WRONG_PEER_ASN: "BGP Error: Bad peer AS: 65099",
    BgpCause.WRONG_OWN_ASN: "Received: Bad peer AS: 64512",
    BgpCause.REFUSED: "Socket: Connection refused",
    BgpCause.UNREACHABLE: "Socket: No route to host",
    BgpCause.HOLD_TIMER: "BGP Error: Hold timer expired",
    BgpCause.PREFIX_LIMIT: "Automatic shutdown: Route limit exceeded",
    BgpCause.BFD_DOWN: "Error: BFD session down",
    BgpCause.PEER_CLOSED: "Received: Administrative shutdown",
}


def ends(side: Side) -> Ends:
    return Ends(side=side, far=IPv4Address("203.0.113.77"), near=IPv4Address("203.0.113.128"), far_inside=PEER)


def peering(last_error: str, state: str = "Idle", **more: int) -> BgpPeering:
    return BgpPeering(
        state=state,
        neighbour=PEER,
        link="t1-1",
        peer_asn=65_010,
        local_asn=64_512,
        last_error=last_error,
        receive_limit=100,
        **more,
    )


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_a_sentence(cause: Cause, side: Side) -> None:
    for finding in (Finding(cause=cause), Finding(cause=cause, said="7", expected="8")):
        told = failed(ends(side), finding)
        assert told.cause == cause.value
        assert told.sentence.endswith(".")
        assert "{" not in told.text


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("cause", list(BgpCause))
def test_every_cause_of_bgp_has_a_sentence(cause: BgpCause, side: Side) -> None:
    told = no_bgp(ends(side), peering(LAST_ERRORS[cause]), long=False)
    assert told.cause == cause.value
    assert bgp_cause_of(LAST_ERRORS[cause]) is cause
    assert told.change.endswith(".")
    assert "{" not in told.text


def test_where_there_are_certificates_nobody_speaks_of_keys() -> None:
    told = failed(replace(ends(Side.CLOUD), certified=True), Finding(cause=Cause.AUTHENTICATION_FAILED))
    assert told.sentence.startswith("Authentication failed")
    assert "key" not in told.text


def test_nobody_is_blamed_before_there_was_time_to_answer() -> None:
    assert no_bgp(ends(Side.CLOUD), peering("", "Connect"), long=False).cause == ""
    assert no_bgp(ends(Side.CLOUD), peering("", "Connect"), long=True).cause == BgpCause.UNREACHABLE
    assert no_bgp(ends(Side.CLOUD), peering("", "OpenSent"), long=True).cause == ""


def test_who_comes_near_to_the_limit_is_warned() -> None:
    assert up(peering("", "Established"), 79).change == ""
    warned = up(peering("", "Established", filtered=1), 79)
    assert (warned.sentence, "80 of at most 100" in warned.change) == ("79 BGP ROUTES", True)


def test_the_document_has_every_cause_with_its_words() -> None:
    text = " ".join(DOCUMENT.read_text().split())
    for words in (CLOUD, BGP):
        for cause, each in words.items():
            assert f"`{cause.value}`" in text
            for part in re.split(r"\{[A-Za-z_]+\}", each.sentence):
                assert part.strip() in text, f"{cause}: {part}"
    assert set(CLOUD) == set(CUSTOMER) == set(Cause)
