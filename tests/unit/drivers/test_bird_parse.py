"""BIRD's own words, as recorded from 2.0.12 in a gateway with two customers, understood."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.drivers.bird import parse
from landbridge.drivers.bird.control import Control, ControlError, RefusedError, listener

SAID = Path(__file__).parent / "bird_said"
GREETING = b"0001 BIRD 2.0.12 ready.\n"


class Bird:
    """A listener that greets and then answers every command with the same bytes."""

    def __init__(self, folder: Path, answer: bytes, *, greeting: bytes = GREETING) -> None:
        self.path = folder / "bird.ctl"
        self._answer = answer
        self._greeting = greeting
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(self.path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)
        self.commands: list[bytes] = []

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            connection.sendall(self._greeting)
            while command := connection.recv(4096):
                self.commands.append(command)
                try:
                    connection.sendall(self._answer)
                except OSError:
                    return

    def __enter__(self) -> Bird:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(5)
        self._socket.close()


@pytest.fixture
def ask(tmp_path: Path) -> Callable[[str], list[parse.Line]]:
    """The lines of a recorded answer, by way of the socket."""

    def lines(name: str) -> list[parse.Line]:
        folder = tmp_path / name
        folder.mkdir()
        with Bird(folder, (SAID / name).read_bytes()) as bird, Control(bird.path) as control:
            return control.command("show something")

    return lines


Ask = Callable[[str], list[parse.Line]]


def test_status(ask: Ask) -> None:
    found = parse.status(ask("status"))
    assert found.version == "2.0.12"
    assert found.router_id == IPv4Address("169.254.0.1")
    assert found.hostname == "lb-2bdda2d095974ecf2426442f9b4dec96"
    assert found.started == datetime(2026, 11, 23, 7, 32, 15, 308_000, UTC)
    assert not found.recovering
    assert not found.reconfiguring
    assert parse.status(ask("status_recovering")).recovering


def test_protocols_in_brief(ask: Ask) -> None:
    found = {item.name: item for item in parse.protocols(ask("protocols"))}
    assert len(found) == 11
    assert found["kernel_canary"].table == "canary4"
    assert found["bgp_c1_t1"].info == "Established"
    assert found["bgp_c1_t1"].session == "c1_t1"
    assert found["between_routers"].session == ""
    assert found["liveness"].kind == "BFD"


def test_protocols_in_full(ask: Ask) -> None:
    found = {item.name: item for item in parse.protocols(ask("protocols_all"))}
    assert len(found) == 11
    first = found["bgp_c1_t1"].bgp
    assert first is not None
    assert found["bgp_c1_t1"].established
    assert (first.neighbour, first.link) == (IPv4Address("169.254.11.2"), "t11")
    assert (first.peer_asn, first.local_asn, first.hold_time) == (65001, 64512, 30)
    assert (first.imported, first.exported, first.preferred) == (1, 2, 1)
    assert not first.stale
    assert not first.last_error
    assert found["static_27cdfd852c7b"].bgp is None


def test_a_lost_neighbour(ask: Ask) -> None:
    (found,) = parse.protocols(ask("protocols_all_stale"))
    assert found.bgp is not None
    assert not found.established
    assert (found.state, found.bgp.state, found.bgp.stale) == ("start", "Active", True)
    assert found.bgp.last_error == "Error: BFD session down"
    assert found.bgp.hold_time is None
    (recovering,) = parse.protocols(ask("protocols_all_recovering"))
    assert recovering.bgp is not None
    assert not recovering.bgp.stale


def test_bfd(ask: Ask) -> None:
    assert {(peer.link, peer.state, peer.interval) for peer in parse.bfd_sessions(ask("bfd_sessions"))} == {
        (link, "Up", 0.1) for link in ("t11", "t12", "t21", "t22")
    }
    down = parse.bfd_sessions(ask("bfd_sessions_down"))
    assert {peer.link for peer in down if peer.state == "Down"} == {"t11", "t12", "t21"}


def test_routes(ask: Ask) -> None:
    found = parse.routes(ask("routes"))
    assert [(str(route.destination), route.protocol, route.preferred) for route in found] == [
        ("10.0.0.0/16", "static_27cdfd852c7b", True),
        ("192.168.1.0/24", "bgp_c1_t1", True),
        ("192.168.1.0/24", "bgp_c1_t2", False),
        ("192.168.2.0/24", "bgp_c2_t1", True),
        ("192.168.2.0/24", "bgp_c2_t2", False),
    ]
    static, first, *_ = found
    assert (static.source, static.via, static.link, static.preference) == (
        "static",
        IPv4Address("169.254.0.2"),
        "vp",
        200,
    )
    assert (first.source, first.session, first.connection) == ("BGP", "c1_t1", 1)
    assert (first.as_path, first.med, first.local_preference, first.origin) == (("65001",), 100, 100, "IGP")


def test_stale_routes_give_way_to_fresh_ones(ask: Ask) -> None:
    found = {(str(route.destination), route.session): route for route in parse.routes(ask("routes_stale"))}
    assert found["192.168.1.0/24", "c1_t1"].stale
    assert found["192.168.1.0/24", "c1_t1"].preferred
    assert found["192.168.1.0/24", "c1_t1"].communities == ((65535, 6),)
    assert found["192.168.2.0/24", "c2_t1"].stale
    assert found["192.168.2.0/24", "c2_t2"].preferred


def test_who_keeps_routes_back_and_how_many_could_go(ask: Ask) -> None:
    """A protocol without a limit, one below its limit, one that has reached it, and two that have room again."""

    def said(name: str, limit: str, exported: int) -> list[parse.Line]:
        return [
            (1002, f"{name}  BGP        ---        up     2026-11-23 05:00:00.000  Established"),
            (1006, "  Channel ipv4"),
            (1006, "    Table:          master4"),
            *([(1006, f"    Export limit:   {limit}"), (1006, "      Action:       block")] if limit else []),
            (1006, f"    Routes:         3 imported, {exported} exported, 2 preferred"),
        ]

    lines = [
        *said("bgp_c1_t1", "", 5),
        *said("bgp_c1_t2", "10", 9),
        *said("bgp_c2_t1", "10 [HIT]", 10),
        *said("bgp_c2_t2", "10 [HIT]", 8),
        *said("kernel_100", "100 [HIT]", 0),
    ]
    assert parse.held_back(lines) == {"bgp_c2_t1": 0, "bgp_c2_t2": 2, "kernel_100": 100}
    assert parse.held_back(ask("protocols_all")) == {}


def test_odd_attributes() -> None:
    text = """\
0.0.0.0/0            unicast [bgp_x 2026-11-23 07:32:16.301 from 10.9.9.9] ! (100/10) [AS65001?]
\tvia 169.254.11.2 on t11
\tType: BGP univ
\tBGP.as_path: 65001 {65002 65003} 4200000000
\tBGP.community: (65001,1) (65535,65281)
\tBGP.large_community: (65001, 1, 2) (4200000000, 3, 4)"""
    (found,) = parse.routes([(1007, line) for line in text.split("\n")])
    assert found.destination == IPv4Network("0.0.0.0/0")
    assert found.as_path == ("65001", "{65002 65003}", "4200000000")
    assert found.communities == ((65001, 1), (65535, 65281))
    assert found.large_communities == ((65001, 1, 2), (4200000000, 3, 4))
    assert found.med is None


def test_a_refusal_is_bird_s_own_words(tmp_path: Path) -> None:
    with (
        Bird(tmp_path, (SAID / "refused").read_bytes()) as bird,
        Control(bird.path) as control,
        pytest.raises(RefusedError, match="syntax error"),
    ):
        control.routes(table="nosuch")
    assert bird.commands == [b"show route table nosuch all\n"]


def test_no_bfd_protocol_is_no_bfd_sessions(tmp_path: Path) -> None:
    with Bird(tmp_path, b"9001 There is no BFD protocol running\n") as bird, Control(bird.path) as control:
        assert control.bfd_sessions() == ()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"hello\n", "which is no answer"),
        (b"0013-Daemon\n", "does not answer within"),
        (b"", "does not answer within"),
        (b"1000-" + b"x" * (2 << 20), "without an end"),
    ],
)
def test_what_is_no_answer(tmp_path: Path, answer: bytes, message: str) -> None:
    with (
        Bird(tmp_path, answer) as bird,
        Control(bird.path, within=0.2) as control,
        pytest.raises(ControlError, match=message),
    ):
        control.status()


def test_an_answer_that_is_not_understood(tmp_path: Path) -> None:
    with (
        Bird(tmp_path, b"1000-BIRD 9\n0013 Daemon is up and running\n") as bird,
        Control(bird.path) as control,
        pytest.raises(ControlError, match="not understood"),
    ):
        control.status()


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="cannot be reached"):
        Control(tmp_path / "bird.ctl")
    with pytest.raises(ControlError, match="cannot be reached"):
        Control(tmp_path / "nosuch" / "bird.ctl")
    assert listener(tmp_path / "bird.ctl") is None


def test_a_name_is_no_command(tmp_path: Path) -> None:
    with Bird(tmp_path, b"0000 \n") as bird, Control(bird.path) as control:
        for name in ("master4 all\nconfigure", "a b", ""):
            with pytest.raises(ValueError, match="cannot be the name"):
                control.routes(table=name)
    assert bird.commands == []


@given(st.lists(st.tuples(st.sampled_from([1002, 1006, 1007, 1008, 1012, 1020]), st.text(max_size=60)), max_size=20))
def test_nonsense_is_refused_or_passed_over(lines: list[parse.Line]) -> None:
    for parser in (parse.status, parse.protocols, parse.bfd_sessions, parse.routes):
        try:
            parser(lines)
        except (ValueError, KeyError):
            continue
