"""What a table of nftables can hold besides rules one by one: who is behind which port, and who is whom outside.

Both are looked up by hash in the kernel: a packet costs the same among a thousand of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address


class Family(StrEnum):
    """What a table looks at: packets that are routed, or frames that a bridge carries."""

    IP = "ip"
    BRIDGE = "bridge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A bridge's port and who is behind it: nothing else comes from it.

    `checked`: only packets from `addresses` come from it, and only packets for `addresses` are delivered to it.
    """

    link: str
    mac: str
    addresses: tuple[IPv4Address, ...]
    checked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A private address and the public one that it is outside, both ways.

    `zone` (1 to 65535) is where its flows are tracked: with another number none of the old flows is known any more.
    """

    private: IPv4Address
    public: IPv4Address
    zone: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OneToOne:
    """NAT between two links. Nothing passes between them but what is from or for a mapped address, translated."""

    inside: str
    outside: str
    mapped: tuple[Mapped, ...] = ()
