"""What a capture holds, by kind. Pure: from the file's bytes to counts.

tcpdump's own file format (LINKTYPE_ETHERNET, microseconds, either byte order); RFC 3948 tells IKE from ESP in UDP 4500.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Final

_HEADER: Final = 24
_RECORD: Final = 16
_ETHERNET: Final = 14
_IPV4: Final = 0x0800
_ESP, _UDP = 50, 17
_IKE, _NAT_T = 500, 4500
_NON_ESP_MARKER: Final = b"\0\0\0\0"
_KEEPALIVE: Final = b"\xff"


class Kind(StrEnum):
    """What an IPv4 packet on the Internet is."""

    IKE = "IKE"
    ESP = "ESP"
    KEEPALIVE = "NAT keepalive"
    OTHER = "other"


def frames(content: bytes) -> Iterator[bytes]:
    """The Ethernet frames of a capture; a last one that was not written to its end is left out."""
    order = "<" if content[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    at = _HEADER
    while at + _RECORD <= len(content):
        length = struct.unpack_from(f"{order}I", content, at + 8)[0]
        frame = content[at + _RECORD : at + _RECORD + length]
        if len(frame) < length:
            return
        yield frame
        at += _RECORD + length


def kinds(content: bytes) -> Counter[Kind]:
    """How many IPv4 packets of each kind a capture holds."""
    return Counter(kind for frame in frames(content) if (kind := kind_of(frame)) is not None)


def pairs(content: bytes) -> Counter[tuple[IPv4Address, IPv4Address]]:
    """How many IPv4 packets went from whom to whom."""
    return Counter(
        (IPv4Address(frame[_ETHERNET + 12 : _ETHERNET + 16]), IPv4Address(frame[_ETHERNET + 16 : _ETHERNET + 20]))
        for frame in frames(content)
        if kind_of(frame) is not None
    )


def kind_of(frame: bytes) -> Kind | None:
    """What a frame is; None if it is no IPv4 packet."""
    if len(frame) < _ETHERNET + 20 or struct.unpack_from("!H", frame, 12)[0] != _IPV4:
        return None
    header = (frame[_ETHERNET] & 0x0F) * 4
    protocol = frame[_ETHERNET + 9]
    payload = frame[_ETHERNET + header :]
    if protocol == _ESP:
        return Kind.ESP
    if protocol != _UDP or len(payload) < 9:
        return Kind.OTHER
    ports = struct.unpack_from("!HH", payload)
    data = payload[8:]
    if _IKE in ports:
        return Kind.IKE
    if _NAT_T not in ports:
        return Kind.OTHER
    if data[:1] == _KEEPALIVE and len(data.rstrip(b"\0")) == 1:
        return Kind.KEEPALIVE
    return Kind.IKE if data.startswith(_NON_ESP_MARKER) else Kind.ESP
