"""A capture's packets by kind."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

import pytest

from landbridge.demo import pcap
from landbridge.demo.pcap import Kind


def frame(protocol: int, payload: bytes, *, ethertype: int = 0x0800, options: bytes = b"") -> bytes:
    words = 5 + len(options) // 4
    header = struct.pack("!BBHHHBBH4s4s", 0x40 | words, 0, 0, 0, 0, 64, protocol, 0, bytes([1, 2, 3, 4]), bytes(4))
    return bytes(12) + struct.pack("!H", ethertype) + header + options + payload


def udp(source: int, to: int, data: bytes) -> bytes:
    return frame(17, struct.pack("!HHHH", source, to, 8 + len(data), 0) + data)


def capture(*frames: bytes, order: str = "<") -> bytes:
    magic = struct.pack(f"{order}IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    return magic + b"".join(struct.pack(f"{order}IIII", 0, 0, len(f), len(f)) + f for f in frames)


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        (udp(500, 500, b"x" * 40), Kind.IKE),
        (udp(40000, 4500, bytes(4) + b"x" * 40), Kind.IKE),
        (udp(4500, 40000, b"\1\2\3\4" + b"x" * 40), Kind.ESP),
        (udp(4500, 4500, b"\xff"), Kind.KEEPALIVE),
        (udp(4500, 4500, b"\xff" + bytes(17)), Kind.KEEPALIVE),  # padded to Ethernet's least length
        (udp(53, 53, b"x" * 40), Kind.OTHER),
        (frame(50, b"x" * 40), Kind.ESP),
        (frame(1, b"x" * 40), Kind.OTHER),
        (frame(17, struct.pack("!HHHH", 500, 500, 12, 0) + b"abcd", options=bytes(8)), Kind.IKE),
        (frame(6, b"x" * 40, ethertype=0x0806), None),
        (b"short", None),
    ],
)
def test_kind_of(what: bytes, kind: Kind | None) -> None:
    assert pcap.kind_of(what) == kind


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_and_a_record_that_was_cut_off(order: str) -> None:
    whole = capture(frame(50, b"x" * 40), udp(500, 500, b"x" * 40), order=order)
    assert pcap.kinds(whole) == {Kind.ESP: 1, Kind.IKE: 1}
    assert pcap.kinds(whole[:-1]) == {Kind.ESP: 1}
    assert pcap.kinds(b"") == {}


def test_who_talked_to_whom() -> None:
    assert pcap.pairs(capture(frame(50, b"x" * 40))) == {(IPv4Address("1.2.3.4"), IPv4Address("0.0.0.0")): 1}
