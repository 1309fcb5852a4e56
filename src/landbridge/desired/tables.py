"""What a table of nftables can hold besides rules one by one: who is behind which port, who is whom outside, and sets
and maps that rules look into.

All are looked up by hash in the kernel: a packet costs the same among a thousand of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from typing import TypeAlias


class Family(StrEnum):
    """What a table looks at: packets that are routed, or frames that a bridge carries."""

    IP = "ip"
    BRIDGE = "bridge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A bridge's port and who is behind it: nothing else comes from it.

    `checked`: only packets from `addresses` come from it, and only packets for `addresses` are delivered to it. If not,
    packets from other sources are marked with the first of its addresses, so that nobody takes them for the source's.
    `router`: the hardware address that its packets go to, whichever they are addressed to: the bridge's own, so that
    neighbours meet in the router, whose rules see what they send each other. Empty: where they are addressed to.
    """

    link: str
    mac: str
    addresses: tuple[IPv4Address, ...]
    checked: bool = True
    router: str = ""


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


class Field(StrEnum):
    """What of a packet can be looked up. A mark is what a port of a bridge said of it (`Port.checked`)."""

    IIF = "iif"
    OIF = "oif"
    SOURCE = "source"
    DESTINATION = "destination"
    NEXT_HOP = "next-hop"
    """Where it is sent: the gateway of its route, or its destination where there is none."""
    MARK = "mark"
    FLOW_MARK = "flow-mark"
    """The mark of the first packet of its flow."""


class Kind(StrEnum):
    """What a value is: a link's name, an address, a mark."""

    LINK = "link"
    ADDRESS = "address"
    MARK = "mark"


KINDS = {
    Field.IIF: Kind.LINK,
    Field.OIF: Kind.LINK,
    Field.SOURCE: Kind.ADDRESS,
    Field.DESTINATION: Kind.ADDRESS,
    Field.NEXT_HOP: Kind.ADDRESS,
    Field.MARK: Kind.MARK,
    Field.FLOW_MARK: Kind.MARK,
}
"""What the values of a field are."""

Value: TypeAlias = str | IPv4Address | int
"""A value of a kind: `str` of a link, IPv4Address, `int` of a mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSet:
    """Tuples of values, for rules to look a packet's fields up in (`Among`)."""

    name: str
    kinds: tuple[Kind, ...]
    elements: tuple[tuple[Value, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Among:
    """Whether a packet's fields, together, are an element of the set."""

    fields: tuple[Field, ...]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedMap:
    """Which chain a value leads to, for rules that send packets there (`Follow`)."""

    name: str
    kind: Kind
    chains: tuple[tuple[Value, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Follow:
    """Send a packet on to the chain that the map has for the field, for good; if it has none, the next rule decides."""

    field: Field
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who has an address: the port that it is behind. With another holder the address is another address."""

    address: IPv4Address
    link: str
