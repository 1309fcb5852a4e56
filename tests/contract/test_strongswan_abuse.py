"""What strangers send to an endpoint's ports: garbage, and beginnings of conversations without an end.

stranger 203.0.113.66 -- bridge -- both endpoints, whose tunnel goes on meanwhile
"""

from __future__ import annotations

import os
import random
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from networks import SLOW, ip, until
from streams import Sender, drain, streams
from vpn import Vpn, with_psk

from landbridge.drivers.netlink.inside import inside
from landbridge.observe.ike import IkeSaStatus, IkeState

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]

STRANGER = IPv4Address("203.0.113.66")
INIT, NOT_ESP = 34, bytes(4)
SA, KE, NONCE, NOTIFY = 33, 34, 40, 41
COOKIE, NO_PROPOSAL_CHOSEN = 16390, 14
MANY = 600
PAUSE = 0.005 * SLOW
"""Seconds after each ten pieces of garbage: libipsec's packets wait in the same queue, which has a length."""
MEMORY = 3 << 20
"""By how much charon's memory may grow."""


@pytest.fixture
def stranger(vpn: Vpn) -> str:
    """Somebody else on the Internet; taken down with the rest."""
    name = f"{vpn.prefix}-x"
    ip(f"netns add {name}")
    ip(f"-n {name} link add eth0 type veth peer name px netns {vpn.internet}")
    ip(f"-n {name} address add {STRANGER}/24 dev eth0")
    ip(f"-n {name} link set eth0 up")
    ip(f"-n {vpn.internet} link set px master br0 up")
    return name


def payload(following: int, body: bytes) -> bytes:
    """A payload with its generic header (RFC 7296, section 3.2)."""
    return struct.pack("!BBH", following, 0, 4 + len(body)) + body


def transform(following: int, kind: int, number: int, attributes: bytes = b"") -> bytes:
    """Section 3.3.2."""
    return struct.pack("!BBHBBH", following, 0, 8 + len(attributes), kind, 0, number) + attributes


def beginning() -> bytes:
    """An IKE_SA_INIT request as any peer would send it: AES-GCM-128, SHA2-256, group 19."""
    point = generate_private_key(SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    transforms = transform(3, 1, 20, struct.pack("!HH", 0x800E, 128)) + transform(3, 2, 5) + transform(0, 4, 19)
    proposal = struct.pack("!BBHBBBB", 0, 0, 8 + len(transforms), 1, 1, 0, 3) + transforms
    body = payload(KE, proposal) + payload(NONCE, struct.pack("!HH", 19, 0) + point[1:]) + payload(0, os.urandom(32))
    return os.urandom(8) + bytes(8) + struct.pack("!BBBBII", SA, 0x20, INIT, 0x08, 0, 28 + len(body)) + body


@contextmanager
def speaking(namespace: str, to: IPv4Address, port: int = 500) -> Iterator[socket.socket]:
    """A UDP socket there, connected to an endpoint."""
    with inside(namespace):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with made:
        made.connect((str(to), port))
        made.settimeout(2)
        yield made


def memory(pid: int) -> int:
    """Bytes that a process has of its own."""
    with open(f"/proc/{pid}/smaps_rollup") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("Private_Dirty:"))


def half_open(vpn: Vpn) -> list[IkeSaStatus]:
    """What the waiting side has begun and not ended."""
    return [sa for sa in vpn.sas(vpn.b) if sa.state is IkeState.CONNECTING]


def asks_for_a_cookie(answer: bytes) -> bool:
    """Section 2.6: it has kept nothing, and wants to know that the address is the asker's."""
    return answer[16] == NOTIFY and struct.unpack_from("!H", answer, 28 + 6)[0] == COOKIE


def test_garbage_is_dropped_and_the_tunnel_goes_on(vpn: Vpn, stranger: str) -> None:
    vpn.both()
    vpn.await_ping()
    before, pid = vpn.sas(vpn.b), vpn.pid(vpn.b)
    at_first = memory(pid)
    dice = random.Random(7)
    whole = beginning()
    both = streams(vpn)
    with Sender(both).sending():
        for port in (500, 4500, 500, 4500):
            with speaking(stranger, vpn.b.outside, port) as asker:
                for number in range(MANY):
                    garbage = dice.randbytes(dice.choice((0, 1, 27, 28, 29, 200, 1_400)))
                    if number % 3 == 0:  # a header that is right, and lies
                        garbage = whole[:16] + dice.randbytes(4) + whole[20:24] + dice.randbytes(4) + garbage
                    if number % 3 == 1:  # a message with a few bytes that are wrong
                        changed = bytearray(whole)
                        for _ in range(3):
                            changed[dice.randrange(len(changed))] = dice.randrange(256)
                        garbage = bytes(changed)
                    with suppress(ConnectionRefusedError):
                        asker.send((NOT_ESP if port == 4500 and number % 2 else b"") + garbage)
                    if number % 10 == 0:
                        time.sleep(PAUSE)
        until(lambda: both[0].sent > 200, "packets go on after it")
    drain(both)
    for stream in both:
        stream.sender.close()
    assert [stream.lost for stream in both] == [0, 0]
    assert vpn.pid(vpn.b) == pid
    assert [sa.spi_initiator for sa in vpn.sas(vpn.b) if sa.up] == [sa.spi_initiator for sa in before]
    assert memory(pid) - at_first < MEMORY


def test_many_beginnings_from_one_address_cost_little_and_stop_nobody(vpn: Vpn, stranger: str) -> None:
    """To an endpoint that takes its peer at any address."""
    vpn.endpoint(vpn.b, replace(vpn.b.connection(vpn.a), remote=None))
    at_first = memory(vpn.pid(vpn.b))
    cookies = 0
    with speaking(stranger, vpn.b.outside) as asker:
        for _ in range(MANY):
            asker.send(beginning())
            with suppress(TimeoutError):
                cookies += asks_for_a_cookie(asker.recv(2_000))
        assert cookies > MANY * 0.9
        assert 0 < len(half_open(vpn)) < 10
        assert memory(vpn.pid(vpn.b)) - at_first < MEMORY
        vpn.endpoint(vpn.a, vpn.a.connection(vpn.b, initiate=True))
        vpn.await_up()
        vpn.await_ping()


def test_many_beginnings_in_the_customers_name_do_not_keep_it_out(vpn: Vpn, stranger: str) -> None:
    vpn.endpoint(vpn.b, vpn.b.connection(vpn.a))
    with inside(stranger):
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with raw:
        for number in range(MANY):
            body = beginning()
            udp = struct.pack("!HHHH", 1_024 + number, 500, 8 + len(body), 0) + body
            header = struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0)
            raw.sendto(header + vpn.a.outside.packed + vpn.b.outside.packed + udp, (str(vpn.b.outside), 0))
    until(lambda: half_open(vpn), "they arrive")
    assert len(half_open(vpn)) < 10
    vpn.endpoint(vpn.a, vpn.a.connection(vpn.b, initiate=True))
    vpn.await_up()
    vpn.await_ping()


def test_a_stranger_is_refused_where_the_peers_address_is_known(vpn: Vpn, stranger: str) -> None:
    vpn.endpoint(vpn.b, vpn.b.connection(vpn.a))
    with speaking(stranger, vpn.b.outside) as asker:
        asker.send(beginning())
        answer = asker.recv(2_000)
    assert (answer[16], struct.unpack_from("!H", answer, 28 + 6)[0]) == (NOTIFY, NO_PROPOSAL_CHOSEN)
    assert half_open(vpn) == []


def test_a_key_of_every_character_that_is_allowed(vpn: Vpn) -> None:
    every = "".join(map(chr, (*range(ord("A"), ord("Z") + 1), *range(ord("a"), ord("z") + 1), *range(48, 58)))) + "._"
    assert len(every) == 64
    vpn.endpoint(vpn.b, with_psk(vpn.b.connection(vpn.a), every))
    vpn.endpoint(vpn.a, with_psk(vpn.a.connection(vpn.b, initiate=True), every))
    vpn.await_ping()
    [sa] = vpn.sas(vpn.a)
    vpn.put(with_psk(vpn.b.connection(vpn.a), every[:-1] + "-"))
    vpn.drivers.endpoints.vici(vpn.a.endpoint).terminate("t1")
    until(lambda: not vpn.is_up(vpn.b), "one character is another: nothing comes up")
    assert all(each.spi_initiator != sa.spi_initiator for each in vpn.sas(vpn.a))
