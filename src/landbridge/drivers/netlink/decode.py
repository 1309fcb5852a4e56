"""What the kernel answers over rtnetlink, as values: only the attributes that this project looks at.

pyroute2 decodes every attribute of every message, at 0.2 to 0.4 ms each; reading a hundred namespaces that way takes
seconds (docs/decisions/0002-netlink.md). Layouts and numbers: linux/rtnetlink.h, if_link.h, if_addr.h, fib_rules.h.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Final


class Message(IntEnum):
    """rtnetlink's message types."""

    NEWLINK = 16
    DELLINK = 17
    GETLINK = 18
    NEWADDR = 20
    DELADDR = 21
    GETADDR = 22
    NEWROUTE = 24
    DELROUTE = 25
    GETROUTE = 26
    NEWRULE = 32
    DELRULE = 33
    GETRULE = 34
    GETNSID = 90


NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
HEADER: Final = struct.Struct("=IHHII")
_LINK: Final = struct.Struct("=BxHiII")
_GENERIC: Final = 4
"""Bytes of a struct rtgenmsg, padded."""
_ADDRESS: Final = struct.Struct("=BBBBI")
_ROUTE: Final = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE: Final = struct.Struct("=HH")
_NEXT_HOP: Final = struct.Struct("=HBBi")
_U32: Final = struct.Struct("=I")
_COUNTS: Final = struct.Struct("=QQQQ")
_TYPE_MASK: Final = 0x3FFF
_IFF_UP: Final = 1
_IFF_LOWER_UP: Final = 0x10000
_AF_INET: Final = 2
RTNH_F_ONLINK: Final = 4
NO_ORIGIN: Final = -1
"""linux/net_namespace.h: NETNSA_NSID_NOT_ASSIGNED."""
_NSID: Final = struct.Struct("=i")


@dataclass(frozen=True, slots=True)
class Link:
    """A link. `peer_index` is the other end's index in its own namespace (IFLA_LINK of a veth)."""

    index: int
    name: str
    up: bool
    kind: str
    alias: str
    master: int
    mtu: int
    peer_index: int
    mac: str = ""
    carrier: bool = False
    spanning_tree: bool = False
    if_id: int = 0
    """Of an XFRM interface."""
    origin: int = NO_ORIGIN
    """The number by which the namespace that it is in knows the one that it is bound to (IFLA_LINK_NETNSID); NO_ORIGIN
    if both are one, or that one is gone."""


@dataclass(frozen=True, slots=True)
class LinkAddress:
    """An IPv4 address on a link. `protocol` is who set it (IFA_PROTO, Linux 5.18), 0 unknown."""

    link: int
    address: IPv4Interface
    peer: IPv4Address | None
    protocol: int


@dataclass(frozen=True, slots=True)
class Route:
    """An IPv4 route with at most one next hop; `kind` is RTN_*."""

    kind: int
    table: int
    protocol: int
    destination: IPv4Network
    gateway: IPv4Address | None
    link: int
    metric: int
    onlink: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """An IPv4 policy rule. `plain`: nothing but `iif` and `source` selects, and its action is to look into a table."""

    priority: int
    iif: str
    source: IPv4Network | None
    table: int
    protocol: int
    plain: bool


def attributes(body: bytes, offset: int) -> dict[int, bytes]:
    """The attributes behind a fixed header, by type."""
    found: dict[int, bytes] = {}
    end = len(body)
    while offset + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(body, offset)
        if length < 4:
            break
        found[kind & _TYPE_MASK] = body[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """(type, flags, sequence, body) of every message in a datagram."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, flags, sequence, _ = HEADER.unpack_from(data, offset)
        if length < HEADER.size:
            break
        yield kind, flags, sequence, data[offset + HEADER.size : offset + length]
        offset += (length + 3) & ~3


def _number(found: dict[int, bytes], kind: int) -> int:
    raw = found.get(kind)
    return int.from_bytes(raw, sys.byteorder) if raw is not None else 0


def _text(found: dict[int, bytes], kind: int) -> str:
    return found.get(kind, b"").split(b"\0", 1)[0].decode("utf-8", "replace")


def link(body: bytes) -> Link:
    """A link out of RTM_NEWLINK or RTM_DELLINK."""
    _, _, index, flags, _ = _LINK.unpack_from(body)
    found = attributes(body, _LINK.size)
    info = attributes(found.get(18, b""), 0)  # IFLA_LINKINFO: KIND 1, DATA 2
    kind = _text(info, 1)
    data = attributes(info.get(2, b""), 0) if kind in ("bridge", "xfrm") else {}
    return Link(
        index=index,
        name=_text(found, 3),
        up=bool(flags & _IFF_UP),
        kind=kind,
        alias=_text(found, 20),
        master=_number(found, 10),
        mtu=_number(found, 4),
        peer_index=_number(found, 5),
        mac=found.get(1, b"").hex(":"),
        carrier=bool(flags & _IFF_LOWER_UP),
        spanning_tree=kind == "bridge" and _number(data, 5) != 0,  # IFLA_BR_STP_STATE
        if_id=_number(data, 2) if kind == "xfrm" else 0,  # IFLA_XFRM_IF_ID
        origin=_NSID.unpack(found[37])[0] if 37 in found else NO_ORIGIN,
    )


def namespace_number(body: bytes) -> int:
    """The number by which one namespace knows another, out of RTM_NEWNSID; NO_ORIGIN if it has none for it."""
    return int(_NSID.unpack(attributes(body, _GENERIC)[1])[0])


def link_bytes(body: bytes) -> tuple[int, int]:
    """What passed a link, out of RTM_NEWLINK: (received, sent)."""
    # IFLA_STATS64: rx_packets, tx_packets, rx_bytes, tx_bytes, ...
    raw = attributes(body, _LINK.size).get(23, bytes(32))
    return _COUNTS.unpack_from(raw)[2:4]


def link_address(body: bytes) -> LinkAddress | None:
    """An address out of RTM_NEWADDR; None if it is not IPv4."""
    family, length, _, _, index = _ADDRESS.unpack_from(body)
    if family != _AF_INET:
        return None
    found = attributes(body, _ADDRESS.size)
    local = found.get(2, found.get(1, b""))
    peer = found.get(1, local)
    return LinkAddress(
        link=index,
        address=IPv4Interface((local, length)),
        peer=IPv4Address(peer) if peer != local else None,
        protocol=_number(found, 11),
    )


def route(body: bytes) -> Route | None:
    """A route out of RTM_NEWROUTE or RTM_DELROUTE; None if it is not IPv4."""
    family, length, _, _, short_table, protocol, _, kind, flags = _ROUTE.unpack_from(body)
    if family != _AF_INET:
        return None
    found = attributes(body, _ROUTE.size)
    raw_gateway = found.get(5)
    return Route(
        kind=kind,
        table=_number(found, 15) or short_table,
        protocol=protocol,
        destination=IPv4Network((found.get(1, bytes(4)), length)),
        gateway=IPv4Address(raw_gateway) if raw_gateway else None,
        link=_number(found, 4),
        metric=_number(found, 6),
        onlink=bool(flags & RTNH_F_ONLINK),
    )


def ways(body: bytes) -> frozenset[int]:
    """The links of all next hops of a route, which may have several (RTA_MULTIPATH)."""
    found = attributes(body, _ROUTE.size)
    single, hops = _number(found, 4), found.get(9, b"")
    indices = {single} if single else set()
    offset = 0
    while offset + _NEXT_HOP.size <= len(hops):
        length, _, _, index = _NEXT_HOP.unpack_from(hops, offset)
        if length < _NEXT_HOP.size:
            break
        indices.add(index)
        offset += (length + 3) & ~3
    return frozenset(indices)


def rule(body: bytes) -> Rule | None:
    """A policy rule out of RTM_NEWRULE; None if it is not IPv4."""
    family, to, source, tos, short_table, _, _, action, flags = _ROUTE.unpack_from(body)
    if family != _AF_INET:
        return None
    found = attributes(body, _ROUTE.size)
    # FRA_FWMARK 10, OIFNAME 17, TUN_ID 12, L3MDEV 19, UID_RANGE 20, IP_PROTO 22, SPORT 23, DPORT 24: whatever selects.
    others = {10, 12, 17, 19, 20, 22, 23, 24} & found.keys()
    return Rule(
        priority=_number(found, 6),
        iif=_text(found, 3),
        source=IPv4Network((found[2], source)) if source else None,
        table=_number(found, 15) or short_table,
        protocol=_number(found, 21),
        plain=action == 1 and not (to or tos or others or flags & 2),
    )
