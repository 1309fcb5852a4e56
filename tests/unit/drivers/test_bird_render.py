"""What a speaker looks like as BIRD's configuration, and that BIRD takes whatever a speaker can be."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landbridge.desired.speakers import Bfd, BgpSession, InternalSession, Speaker, SpeakerStatic
from landbridge.drivers.bird.render import CANARY_TABLE, fingerprint, fingerprint_in, followed, render, session_of

GOLDEN = Path(__file__).parent / "bird_golden"
BIRD = shutil.which("bird", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin")


def a(text: str) -> IPv4Address:
    return IPv4Address(text)


def n(text: str) -> IPv4Network:
    return IPv4Network(text)


GATEWAY = Speaker(
    namespace="vgw",
    router_id=a("169.254.0.1"),
    asn=64512,
    sessions=(
        BgpSession(
            name="vpn1_t1",
            link="tun1-1",
            local=a("169.254.10.1"),
            peer=a("169.254.10.2"),
            peer_asn=4_200_000_001,
            connection=7,
            reject=(n("10.0.0.0/16"),),
            receive_limit=100,
        ),
    ),
    statics=(
        SpeakerStatic(destination=n("10.0.0.0/16"), via=a("169.254.0.2"), link="vpc"),
        SpeakerStatic(
            destination=n("192.168.7.0/24"),
            via=a("169.254.11.2"),
            link="tun2-1",
            bfd=True,
            preference=210,
            connection=8,
            advertise=False,
        ),
        SpeakerStatic(destination=n("192.168.7.0/24"), via=a("169.254.11.6"), link="tun2-2", connection=8),
    ),
    internal=InternalSession(link="vpc", local=a("169.254.0.1"), peer=a("169.254.0.2"), sends=True),
    bfd=Bfd(),
    bfd_peers=(("tun2-2", a("169.254.11.5"), a("169.254.11.6")),),
)
ROUTER = Speaker(
    namespace="vpc",
    router_id=a("169.254.0.2"),
    asn=64512,
    internal=InternalSession(link="vgw", local=a("169.254.0.2"), peer=a("169.254.0.1"), sends=False),
    tables=(254, 1001, 1002),
)
CUSTOMER = Speaker(
    namespace="",
    router_id=a("192.168.0.1"),
    asn=65000,
    sessions=(
        BgpSession(
            name="t1", link="lb1", local=a("169.254.10.2"), peer=a("169.254.10.1"), peer_asn=64512, connection=1
        ),
        BgpSession(
            name="t2",
            link="lb2",
            local=a("169.254.10.6"),
            peer=a("169.254.10.5"),
            peer_asn=64512,
            connection=1,
            med=200,
        ),
    ),
    announced=(n("192.168.0.0/24"), n("172.16.0.0/12")),
)


@pytest.mark.parametrize(("name", "speaker"), [("gateway", GATEWAY), ("router", ROUTER), ("customer", CUSTOMER)])
def test_the_three_parts_look_like_this(name: str, speaker: Speaker) -> None:
    path = GOLDEN / f"{name}.conf"
    if os.environ.get("LANDBRIDGE_GOLDEN") == "write":
        path.write_text(render(speaker))
    assert render(speaker) == path.read_text()


def test_the_fingerprint_is_what_the_text_says_of_itself() -> None:
    first = render(GATEWAY).splitlines()[0]
    assert fingerprint_in(first.split('"')[1]) == fingerprint(GATEWAY)
    assert fingerprint(GATEWAY) != fingerprint(dataclasses.replace(GATEWAY, bfd=Bfd(interval=100)))
    # What is not in the text is not in the fingerprint, and order says nothing.
    assert fingerprint(GATEWAY) == fingerprint(dataclasses.replace(GATEWAY, namespace="other"))
    assert fingerprint(GATEWAY) == fingerprint(dataclasses.replace(GATEWAY, statics=GATEWAY.statics[::-1]))
    assert fingerprint_in("some-host") == ""


def test_a_tunnel_that_is_avoided_is_preferred_less() -> None:
    avoided = dataclasses.replace(CUSTOMER.sessions[0], local_preference=50)
    text = render(dataclasses.replace(CUSTOMER, sessions=(avoided, CUSTOMER.sessions[1])))
    assert text.count("bgp_local_pref") == 1
    assert "bgp_local_pref = 50;" in text
    assert "bgp_local_pref" not in render(CUSTOMER), "BIRD's own is not said, so that the text stays"


def test_no_extended_messages_and_no_path_masks() -> None:
    """CVE-2026-49943 wants both, and Debian 12's BIRD has it."""
    for speaker in (GATEWAY, ROUTER, CUSTOMER):
        assert "extended" not in render(speaker)
        assert "bgp_path" not in render(speaker)


def test_the_router_tells_nobody_anything() -> None:
    text = render(ROUTER)
    assert text.count("export none;") == 1
    assert "bgp_med" not in text


def test_sessions_are_named_after_their_protocols() -> None:
    assert session_of("bgp_vpn1_t1") == "vpn1_t1"
    assert session_of("between_routers") == ""


@pytest.mark.parametrize(
    "change",
    [
        {"router_id": a("0.0.0.0")},
        {"asn": 0},
        {"asn": 2**32},
        {"asn": True},
        {"tables": (0,)},
        {"tables": (254, 254)},
        {"tables": (CANARY_TABLE,)},
        {"bfd": Bfd(interval=5)},
        {"bfd": Bfd(multiplier=0)},
    ],
)
def test_a_speaker_out_of_bounds_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        render(dataclasses.replace(GATEWAY, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"name": 'x { }; log "/etc/passwd" all; protocol bgp y'},
        {"name": ""},
        {"name": "1st"},
        {"name": "x" * 49},
        {"name": "x\n"},
        {"link": 'eth0"; }'},
        {"link": "a" * 16},
        {"link": "-eth0"},
        {"link": "eth*"},
        {"link": "eth0\n"},
        {"local": "10.0.0.1; }"},
        {"peer": n("10.0.0.0/24")},
        {"peer_asn": "65000 { }"},
        {"peer_asn": 64512},
        {"med": -1},
        {"med": 2**32},
        {"connection": -1},
        {"hold_time": 2},
        {"receive_limit": 0},
        {"send_limit": 0},
        {"send_limit": "7 action disable"},
        {"reject": ("10.0.0.0/8",)},
    ],
)
def test_nothing_but_what_it_says_gets_into_the_text(change: dict[str, object]) -> None:
    session = dataclasses.replace(GATEWAY.sessions[0], **change)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\w"):
        render(dataclasses.replace(GATEWAY, sessions=(session,)))


def test_two_of_a_name_are_refused() -> None:
    with pytest.raises(ValueError, match="more than one session vpn1_t1"):
        render(dataclasses.replace(GATEWAY, sessions=GATEWAY.sessions * 2))
    again = dataclasses.replace(GATEWAY.statics[1], preference=1)
    with pytest.raises(ValueError, match="more than one route via"):
        render(dataclasses.replace(GATEWAY, statics=(*GATEWAY.statics, again)))


hosts = st.integers(1, 2**16 - 2).map(lambda number: IPv4Address((169 << 24 | 254 << 16) + number))
nets = st.builds(
    lambda address, length: IPv4Network((address, length), strict=False), st.integers(0, 2**32 - 1), st.integers(0, 32)
)
names = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,47}", fullmatch=True)
# As landbridge generates them. Behind `%` even a quoted name may not be one of BIRD's keywords, such as `s` or `ipv4`.
links = st.from_regex(r"t[0-9]{1,5}-[12]|vpc0|vgw0|lb[0-9a-f]{8}t[12]", fullmatch=True)
asns = st.integers(1, 2**32 - 1)
u32 = st.integers(0, 2**32 - 1)
sessions = st.builds(
    BgpSession,
    name=names,
    link=links,
    local=hosts,
    peer=hosts,
    peer_asn=asns,
    connection=u32,
    med=u32,
    reject=st.lists(nets, max_size=4).map(tuple),
    reject_containing=st.lists(hosts, max_size=2).map(tuple),
    receive_limit=st.none() | st.integers(1, 2**31),
    send_limit=st.none() | st.integers(1, 2**31),
    hold_time=st.integers(3, 65_535),
    local_preference=u32,
)
statics = st.builds(
    SpeakerStatic,
    destination=nets,
    via=hosts,
    link=links,
    bfd=st.booleans(),
    preference=st.integers(1, 65_535),
    connection=u32,
    advertise=st.booleans(),
)
internals = st.builds(InternalSession, link=links, local=hosts, peer=hosts, sends=st.booleans())
speakers = st.builds(
    Speaker,
    namespace=st.just("x"),
    router_id=hosts,
    asn=asns,
    sessions=st.lists(sessions, max_size=4, unique_by=(lambda s: s.name, lambda s: (s.peer, s.link))).map(tuple),
    statics=st.lists(statics, max_size=4, unique_by=lambda s: (s.destination, s.via, s.link)).map(tuple),
    internal=st.none() | internals,
    tables=st.lists(st.integers(1, 2**32 - 1).filter(lambda t: t != CANARY_TABLE), max_size=4, unique=True).map(tuple),
    table_limit=st.none() | st.integers(1, 2**31),
    announced=st.lists(nets, max_size=4).map(tuple),
    bfd=st.none() | st.builds(Bfd, interval=st.integers(10, 60_000), multiplier=st.integers(1, 255)),
    bfd_peers=st.lists(st.tuples(links, hosts, hosts), max_size=3).map(tuple),
).filter(lambda speaker: all(session.peer_asn != speaker.asn for session in speaker.sessions))


@pytest.mark.skipif(BIRD is None, reason="BIRD is not installed")
@settings(max_examples=60)
@given(speakers)
def test_bird_takes_every_speaker(speaker: Speaker) -> None:
    assert BIRD is not None
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bird.conf"
        path.write_text(render(speaker), encoding="ascii")
        done = subprocess.run([BIRD, "-p", "-c", str(path)], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, ""), render(speaker)


def test_whose_routes_follow_bfd_can_be_read_back() -> None:
    assert followed(render(GATEWAY)) == {("tun2-1", a("169.254.11.2"))}
