"""Lines of tunnels' logs: AWS's words for charon's, AWS's fields, and what of BGP is news."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network

import pytest

from landbridge.observe.activity import Phase, Phases, activity_line, bgp_line, details, stream_name
from landbridge.observe.bgp import BgpPeering, SpeakerRoute
from landbridge.observe.bgp_log import route_news, session_news
from landbridge.observe.ike import IkeEvent, IkeEventKind

AT = datetime(2026, 11, 25, 2, 3, 4, 567_000, tzinfo=UTC)
OUTSIDE, PEER = IPv4Address("203.0.113.128"), IPv4Address("169.254.10.2")
UP = Phases(Phase.ESTABLISHED, Phase.ESTABLISHED, nat=True)


def line(text: str) -> IkeEvent:
    return IkeEvent(namespace="e", kind=IkeEventKind.SAID, text=text)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("giving up after 9 retransmits", "AWS tunnel DPD timed out after 9 retransmits"),
        ("received DELETE for IKE_SA t1[1]", "AWS tunnel received DELETE for IKE_SA from CGW"),
        (
            "received DELETE for ESP CHILD_SA with SPI c1a2b3d4",
            "AWS tunnel received DELETE for Phase 2 SA with SPI: 0xc1a2b3d4",
        ),
        (
            "tried 1 shared key for '203.0.113.1' - '203.0.113.2', but MAC mismatched",
            "AWS tunnel detected a pre-shared key mismatch with cgw: 203.0.113.2",
        ),
        ("received proposals unacceptable", "No Proposal Match Found by AWS"),
        (
            "generating IKE_SA_INIT response 0 [ N(NO_PROP) ]",
            'No Proposal Match Found. Notifying with "No proposal chosen"',
        ),
        (
            "traffic selectors 10.0.0.0/8 === 10.1.0.0/16 unacceptable",
            "AWS: Traffic Selector: TS_UNACCEPTABLE: received from responder",
        ),
        (
            "parsed CREATE_CHILD_SA request 4 [ N(REKEY_SA) SA No TSi TSr ]",
            "AWS tunnel processed request (id=4) for CREATE_CHILD_SA",
        ),
        (
            "deleting half open IKE_SA with 203.0.113.77 after timeout",
            "AWS tunnel Timeout: deleting un-established Phase 1 IKE_SA with cgw: 203.0.113.77",
        ),
        ("received packet: from 203.0.113.2[500] to 203.0.113.1[500] (264 bytes)", ""),
        ("203.0.113.2 is initiating an IKE_SA", "203.0.113.2 is initiating an IKE_SA"),
    ],
)
def test_lines_in_awss_words(said: str, written: str) -> None:
    assert details(line(said), UP) == written


def test_giving_up_on_somebody_who_never_was_there_is_no_dead_peer() -> None:
    assert "DPD" not in details(line("giving up after 9 retransmits"), Phases())


def test_phases_follow_events() -> None:
    seen = []
    phases = Phases()
    for event in (
        line("203.0.113.2 is initiating an IKE_SA"),
        line("remote host is behind NAT"),
        line("parsed IKE_AUTH request 1 [ IDi ]"),
        IkeEvent(namespace="e", kind=IkeEventKind.IKE_UP),
        IkeEvent(namespace="e", kind=IkeEventKind.CHILD_UP),
        line("generating CREATE_CHILD_SA request 2 [ N(REKEY_SA) SA No TSi TSr ]"),
        IkeEvent(namespace="e", kind=IkeEventKind.CHILD_REKEYED),
        IkeEvent(namespace="e", kind=IkeEventKind.IKE_DOWN),
    ):
        phases = phases.heard(event)
        seen.append(f"{phases.first[0]}{phases.second[0]}{'n' if phases.nat else ''}")
    assert seen == ["ND", "NDn", "NNn", "ENn", "EEn", "ERn", "EEn", "DD"]


def test_awss_fields_are_all_there_by_both_their_names() -> None:
    told = json.loads(activity_line(AT, "vpn-1", OUTSIDE, UP, "words", dpd=True, as_json=True))
    assert told["VpnLogCreationTimestamp"] == told["event_timestamp"] == int(AT.timestamp())
    assert told["VpnLogCreationTimestampReadable"] == told["timestamp"] == "2026-11-25 02:03:04.567Z"
    assert (told["VpnConnectionId"], told["TunnelOutsideIPAddress"]) == ("vpn-1", "203.0.113.128")
    assert told["TunnelCGWNATTDetectionStatus"] is told["nat_t_detected"] is True
    assert told["TunnelIKEPhase1State"] == told["ike_phase2_state"] == "Established"
    text = activity_line(AT, "vpn-1", OUTSIDE, UP, "words", dpd=True, as_json=False)
    assert text == (
        "2026-11-25 02:03:04.567Z vpn-1 203.0.113.128 dpd=True nat-t=True phase1=Established phase2=Established words"
    )
    assert stream_name("vpn-1", OUTSIDE, "IKE") == "vpn-1-203.0.113.128-IKE.log"


def peering(state: str, last_error: str = "", imported: int = 0) -> BgpPeering:
    return BgpPeering(
        state=state,
        neighbour=PEER,
        link="t1-1",
        peer_asn=65_010,
        local_asn=64_512,
        last_error=last_error,
        imported=imported,
        receive_limit=100,
    )


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (None, peering("Connect"), ["has changed from Idle to Connect with neighbor 169.254.10.2"]),
        (peering("Connect"), peering("Connect"), []),
        (peering("Established"), peering("Idle", "BGP Error: Hold timer expired"), ["a Hold Timer Expired", "to Idle"]),
        (
            peering("OpenSent"),
            peering("Idle", "BGP Error: Bad peer AS: 65099"),
            ["remote AS is 65099, expected 65010", "from OpenSent to Idle"],
        ),
        (
            peering("Established"),
            peering("Idle", "Automatic shutdown: Route limit exceeded"),
            ["maximum prefix limit was exceeded", "notification 6/1", "to Idle"],
        ),
        (peering("Established"), peering("Established", imported=80), ["prefix limit warning - received 80 prefixes"]),
        (peering("Established", imported=80), peering("Established", imported=80), []),
    ],
)
def test_what_is_news_of_a_session(before: BgpPeering | None, after: BgpPeering, words: list[str]) -> None:
    news = [each.message["details"] for each in session_news(before, after)]
    assert len(news) == len(words)
    assert all(word in said for word, said in zip(words, news, strict=True)), news


def route(prefix: str, med: int = 100) -> SpeakerRoute:
    return SpeakerRoute(
        destination=IPv4Network(prefix),
        kind="unicast",
        protocol="bgp_c1_t1",
        session="c1_t1",
        since=AT,
        preferred=True,
        preference=100,
        stale=False,
        source="BGP",
        via=PEER,
        as_path=("65010",),
        med=med,
    )


def test_what_is_news_of_routes() -> None:
    before = [route("10.1.0.0/16"), route("10.2.0.0/16"), route("10.4.0.0/16")]
    after = [route("10.2.0.0/16", med=200), route("10.3.0.0/16"), route("10.4.0.0/16")]
    news = [(each.status, each.message["prefix"]) for each in route_news(before, after)]
    assert news == [("UPDATED", "10.2.0.0/16"), ("ADVERTISED", "10.3.0.0/16"), ("WITHDRAWN", "10.1.0.0/16")]
    [first, *_] = route_news(before, after)
    told = json.loads(bgp_line(AT, "vpn-1", OUTSIDE, first.kind, first.status, first.message, as_json=True))
    assert (told["resource_id"], told["type"]) == ("vpn-1_203.0.113.128", "RouteStatus")
    assert told["message"] == {
        "prefix": "10.2.0.0/16",
        "asPath": "65010",
        "localPref": 100,
        "med": 200,
        "nextHopIp": "169.254.10.2",
        "weight": 32_768,
    }
