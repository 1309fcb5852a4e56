"""What daemons and the kernel say becomes telemetry, health and learned routes; the same words, the same meaning."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest
from charons import sa

from landbridge.model.crypto import Cipher, Encryption, Integrity
from landbridge.observe.bgp import BfdPeer, BgpPeering, SpeakerProtocol, moved
from landbridge.observe.fold import BFD_SILENCE, Endpoint, Place, SpeakerWords, View, tunnel_state, vitals
from landbridge.observe.ike import Cause, ChildState
from landbridge.observe.state import EspState, Status
from landbridge.observe.trail import Happening, Trail
from landbridge.observe.why import Side

NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)
MADE = NOW - timedelta(hours=1)
PEER = IPv4Address("169.254.10.2")
PLACE = Place(endpoint="endpoint", router="router", link="t1-1")
ID = ("vpn-1", 1)


def peering(state: str, **more: object) -> SpeakerProtocol:
    bgp = BgpPeering(state=state, neighbour=PEER, link="t1-1", peer_asn=65010, local_asn=64512, **more)  # type: ignore[arg-type]
    return SpeakerProtocol(
        name="bgp_c1_t1", kind="BGP", table="master4", state="up", since=NOW, info=state, session="c1_t1", bgp=bgp
    )


def bfd(state: str, since: datetime = NOW) -> BfdPeer:
    return BfdPeer(address=PEER, link="t1-1", state=state, since=since, interval=0.3, timeout=0.9)


def view(
    *,
    dynamic: bool = True,
    endpoint: Endpoint | None = None,
    speaker: SpeakerWords | None = None,
    side: Side = Side.CLOUD,
) -> View:
    return View(
        identity=ID,
        place=PLACE,
        far_inside=PEER,
        dynamic=dynamic,
        far_outside=IPv4Address("203.0.113.77"),
        endpoint=endpoint or Endpoint(pid=7),
        speaker=speaker or SpeakerWords(),
        side=side,
    )


UP = Endpoint(pid=7, sas=(sa(),))


def test_a_dynamic_tunnel_is_up_when_bgp_is() -> None:
    ike_only = view(endpoint=UP, speaker=SpeakerWords(protocols=(peering("Active"),)))
    both = view(endpoint=UP, speaker=SpeakerWords(protocols=(peering("Established", imported=3),)))
    assert (ike_only.status, both.status) == (Status.DOWN, Status.UP)
    state = tunnel_state(both, None, MADE, NOW)
    assert (state.accepted_routes, state.why, state.bytes_in, state.bytes_out) == (3, "3 BGP ROUTES", 100, 200)
    assert (state.peer, state.ike) == ("203.0.113.77:4500", "established")


def test_a_static_tunnel_is_up_when_its_child_sa_carries() -> None:
    assert view(dynamic=False, endpoint=UP).status is Status.UP
    assert view(dynamic=False, endpoint=Endpoint(pid=7, sas=(sa(carries=False),))).status is Status.DOWN


def test_what_is_in_force_for_the_packets_is_the_newest_sas() -> None:
    old, [child] = sa(), sa().children
    newest = replace(child, installed=1, esn=True, replay_window=64, udp=False)
    rekeyed = replace(old, children=(child, newest, replace(child, installed=0, state=ChildState.INSTALLING)))
    young = replace(old, unique_id=2, established=1, children=(newest,))
    for sas in ((rekeyed,), (old, young), (young, old)):
        state = tunnel_state(view(endpoint=Endpoint(pid=7, sas=sas)), None, MADE, NOW)
        assert state.esp == EspState(suite="AES_GCM_16-128", udp=False, esn=True, replay_window=64)
    assert tunnel_state(view(), None, MADE, NOW).esp is None


def test_a_dead_daemons_last_words_do_not_count() -> None:
    assert view(dynamic=False, endpoint=replace(UP, pid=None)).status is Status.DOWN


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_is_said_in_a_sentence(cause: Cause, side: Side) -> None:
    why = tunnel_state(view(endpoint=Endpoint(pid=7, cause=cause), side=side), None, MADE, NOW).why
    assert why.endswith(".")
    assert " " in why


@pytest.mark.parametrize(
    "endpoint", [Endpoint(pid=7), *(Endpoint(pid=7, cause=cause) for cause in Cause), Endpoint(pid=7, sas=(sa(),))]
)
def test_a_customer_gateway_is_not_told_about_the_customer_gateway(endpoint: Endpoint) -> None:
    assert "customer gateway" not in tunnel_state(view(endpoint=endpoint, side=Side.CUSTOMER), None, MADE, NOW).why


@pytest.mark.parametrize(
    ("endpoint", "speaker", "words"),
    [
        (Endpoint(heard=False), SpeakerWords(), "being built"),
        (Endpoint(pid=None), SpeakerWords(), "started again"),
        (Endpoint(pid=7), SpeakerWords(), "Waiting for the customer gateway 203.0.113.77"),
        (UP, SpeakerWords(), "not configured yet. The customer gateway has to speak BGP from 169.254.10.2."),
        (UP, SpeakerWords(protocols=(peering("Active", last_error="Socket: refused"),)), "refused"),
    ],
)
def test_why_a_tunnel_is_down(endpoint: Endpoint, speaker: SpeakerWords, words: str) -> None:
    assert words in tunnel_state(view(endpoint=endpoint, speaker=speaker), None, MADE, NOW).why


def test_the_last_change_is_when_the_status_changed() -> None:
    down, up = view(dynamic=False), view(dynamic=False, endpoint=UP)
    never = tunnel_state(down, None, MADE, NOW)
    assert never.changed == MADE
    later = NOW + timedelta(minutes=1)
    first = tunnel_state(up, never, MADE, NOW)
    assert first.changed == NOW
    assert tunnel_state(up, first, MADE, later).changed == NOW
    assert tunnel_state(down, first, MADE, later).changed == later


@pytest.mark.parametrize("state", ["Established", "Active"])
def test_a_service_that_starts_asks_bird_since_when_it_is_so(state: str) -> None:
    """Nobody saw it change: when the service was started says nothing about the tunnel."""
    hours = [timedelta(hours=n) for n in range(4)]
    made, so, now = NOW - hours[3], NOW - hours[2], NOW
    session = replace(peering(state), since=so)
    seen = view(endpoint=UP, speaker=SpeakerWords(protocols=(session,)))
    assert tunnel_state(seen, None, made, now).changed == so
    assert tunnel_state(seen, None, NOW - hours[1], now).changed == NOW - hours[1], "not before it was made"
    other = replace(peering("Established"), since=NOW + hours[1])
    assert tunnel_state(view(speaker=SpeakerWords(protocols=(other,))), None, made, now).changed == now


def test_a_service_that_starts_asks_charon_since_when_it_is_up() -> None:
    up = view(dynamic=False, endpoint=UP)
    assert tunnel_state(up, None, MADE, NOW).changed == NOW - timedelta(seconds=5)
    assert tunnel_state(up, None, NOW - timedelta(seconds=1), NOW).changed == NOW - timedelta(seconds=1)


def test_vitals_of_tunnels() -> None:
    up = view(endpoint=UP, speaker=SpeakerWords(protocols=(peering("Established"),), bfd=(bfd("Up"),)))
    vital = vitals([up], frozenset(), frozenset(), (), NOW)
    assert (vital.up, vital.dead, vital.bfd_seen) == ({ID}, frozenset(), {ID})
    gone = vitals([view(endpoint=Endpoint(pid=None))], frozenset(), frozenset(), (), NOW)
    assert (gone.up, gone.dead) == (frozenset(), {ID})


def test_a_tunnel_whose_daemon_died_is_dead_before_bgp_notices() -> None:
    words = SpeakerWords(protocols=(peering("Established"),))
    assert vitals([view(endpoint=Endpoint(pid=None), speaker=words)], frozenset(), frozenset(), (), NOW).dead == {ID}


def test_a_tunnel_that_nobody_asked_yet_is_not_dead() -> None:
    assert vitals([view(endpoint=Endpoint(heard=False))], frozenset(), frozenset(), (), NOW).dead == frozenset()


def test_a_silent_bfd_keeps_the_last_word_for_a_while() -> None:
    """Where BFD answered, a path that only looks alive stays unused; but a peer that gave BFD up is used again."""
    silent = view(dynamic=False, endpoint=UP, speaker=SpeakerWords(bfd=(bfd("Down"),)))
    assert vitals([silent], {ID}, frozenset(), (), NOW + timedelta(seconds=1)).bfd_seen == {ID}
    assert vitals([silent], {ID}, frozenset(), (), NOW + BFD_SILENCE + timedelta(seconds=1)).bfd_seen == frozenset()
    assert vitals([silent], frozenset(), frozenset(), (), NOW).bfd_seen == frozenset()


def test_a_tunnel_that_is_down_stays_bound_to_bfd() -> None:
    lost = view(dynamic=False, speaker=SpeakerWords(bfd=(bfd("Down"),)))
    assert vitals([lost], {ID}, frozenset(), (), NOW + 2 * BFD_SILENCE).bfd_seen == {ID}


def test_a_tunnel_is_bare_once_its_esp_is_seen_outside_of_udp_and_until_it_is_seen_in_it() -> None:
    bare = Endpoint(pid=7, sas=(replace(sa(), children=tuple(replace(c, udp=False) for c in sa().children)),))
    down = view(endpoint=Endpoint(pid=None))
    assert vitals([view(endpoint=bare)], frozenset(), frozenset(), (), NOW).bare == {ID}
    assert vitals([down], frozenset(), {ID}, (), NOW).bare == {ID}
    assert vitals([down], frozenset(), frozenset(), (), NOW).bare == frozenset()
    assert vitals([view(endpoint=UP)], frozenset(), {ID}, (), NOW).bare == frozenset()


def test_what_protects_a_tunnels_packets_is_told_and_remembered_while_it_is_down() -> None:
    up, down = view(endpoint=UP), view(endpoint=Endpoint(pid=None))
    gcm = (ID, Cipher(Encryption.AES_GCM_16_128, None))
    assert vitals([up], frozenset(), frozenset(), (), NOW).ciphers == {gcm}
    assert vitals([down], frozenset(), frozenset(), {gcm}, NOW).ciphers == {gcm}
    assert vitals([down], frozenset(), frozenset(), (), NOW).ciphers == frozenset()
    [child] = sa().children
    cbc = Endpoint(pid=7, sas=(replace(sa(), children=(replace(child, suite="AES_CBC-256/HMAC_SHA2_512_256"),)),))
    assert vitals([view(endpoint=cbc)], frozenset(), frozenset(), {gcm}, NOW).ciphers == {
        (ID, Cipher(Encryption.AES_CBC_256, Integrity.SHA2_512))
    }


def test_what_happened_last_is_ikes_and_bgps_in_order() -> None:
    trail = Trail(last=(Happening(at=MADE, what="one"), Happening(at=NOW, what="three")))
    session = (Happening(at=MADE + timedelta(seconds=1), what="two"),)
    seen = tunnel_state(replace(view(), trail=trail, session=session), None, MADE, NOW)
    assert [each.what for each in seen.last] == ["one", "two", "three"]


def test_a_session_that_moved_is_told_with_its_reason() -> None:
    up, down = peering("Established").bgp, peering("Active", last_error="Error: Hold timer expired").bgp
    assert up is not None
    assert down is not None
    assert moved(up, down) == "BGP with 169.254.10.2 went from Established to Active: Error: Hold timer expired"
    assert moved(down, up) == "BGP with 169.254.10.2 went from Active to Established"
    assert moved(up, up) == moved(None, up) == ""


def test_packets_that_go_out_while_none_come_in_mean_that_esp_is_blocked() -> None:
    [child] = sa().children
    mute = replace(child, packets_in=0, packets_out=3, installed=5)
    endpoint = Endpoint(pid=7, sas=(replace(sa(), children=(mute,)),))
    for dynamic in (True, False):
        one_way = tunnel_state(view(dynamic=dynamic, endpoint=endpoint), None, MADE, NOW)
        assert one_way.explained.cause == Cause.ESP_BLOCKED
    heard = tunnel_state(
        view(dynamic=False, endpoint=endpoint, speaker=SpeakerWords(bfd=(bfd("Up"),))), None, MADE, NOW
    )
    assert heard.explained.cause == ""
    for less in (replace(mute, packets_out=2), replace(mute, installed=4), replace(mute, packets_in=1)):
        young = Endpoint(pid=7, sas=(replace(sa(), children=(less,)),))
        assert tunnel_state(view(dynamic=False, endpoint=young), None, MADE, NOW).explained.cause == ""
