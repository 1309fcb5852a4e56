"""A host's filters and NAT: tables of nftables, their chains and rules. What rules look into is in `tables.py`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network

from landbridge.desired.objects import HostObject, Key
from landbridge.desired.tables import Among, Family, Follow, Holder, NamedMap, NamedSet, OneToOne, Port


def ruleset_key(namespace: str, name: str, family: Family) -> Key:
    """The key of a table of nftables."""
    return ("ruleset", namespace, name, *([] if family is Family.IP else [family.value]))


class Verdict(StrEnum):
    """The end of a filter rule."""

    ACCEPT = "accept"
    DROP = "drop"
    MASQUERADE = "masquerade"
    KEEP_MARK = "keep-mark"
    CLAMP_MSS = "clamp-mss"
    CLEAR_DF = "clear-df"


class Hook(StrEnum):
    """Where a chain hangs."""

    PREROUTING = "prerouting"
    INPUT = "input"
    FORWARD = "forward"
    OUTPUT = "output"
    POSTROUTING = "postrouting"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterRule:
    """Conditions (all must hold; empty ones do not count) and what then happens.

    `snat` / `dnat` rewrite to an address instead of a verdict, `follow` sends on to another chain. CLAMP_MSS sets a
    SYN's MSS to `mss`, KEEP_MARK marks the flow as the packet is; after both the next rule decides. CLEAR_DF lets
    routers fragment packets that forbade it. `leads_to`: links, one of which the routing table names for the packet:
    what can be known of its way out at PREROUTING, before routers refuse what is too large.
    """

    verdict: Verdict | None = None
    iif: str | None = None
    oif: str | None = None
    not_iif: str | None = None
    leads_to: tuple[str, ...] = ()
    source: tuple[IPv4Network, ...] = ()
    destination: tuple[IPv4Network, ...] = ()
    protocol: str | int | None = None
    """`udp`, `tcp`, `icmp` or `esp`, or IP's number of one."""
    ports: tuple[int, ...] = ()
    """Destination ports."""
    source_ports: tuple[int, ...] = ()
    port_range: tuple[int, int] | None = None
    """Destination ports from the first to the last."""
    icmp_type: int | None = None
    icmp_code: int | None = None
    """With a type only."""
    icmp_mtu_below: int | None = None
    """Of "fragmentation needed" (type 3, code 4): it names an MTU of fewer bytes."""
    among: Among | None = None
    established: bool = False
    """Conntrack's established or related."""
    original: bool = False
    """In the direction of its flow's first packet."""
    fresh: bool = False
    """The first packet of its flow, which is not on record yet."""
    dnatted: bool = False
    """Of a connection whose destination was rewritten."""
    to_here: bool = False
    """To an address that the namespace has."""
    in_clear: bool = False
    """No IPsec policy of the namespace is about to encrypt it. What one encrypts passes the hooks twice on its way out,
    first as if it left as it is."""
    marked: bool | None = None
    """Whether it has a mark."""
    flow_marked: bool | None = None
    """Whether its flow has one."""
    follow: Follow | None = None
    snat: IPv4Address | None = None
    dnat: IPv4Address | None = None
    mss: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A base chain: its hook, priority and rules in order; what no rule decides gets the policy."""

    hook: Hook
    kind: str = "filter"
    """`filter` or `nat`."""
    priority: int = 0
    accept: bool = True
    rules: tuple[FilterRule, ...] = ()
    for_syn: bool = False
    """Only packets that open a TCP connection look at the rules: all others pass at the price of one comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedChain:
    """A chain that packets are sent to by rules (`Follow`); what none of its rules decides is dropped."""

    name: str
    rules: tuple[FilterRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset(HostObject):
    """One nftables table of ours, replaced as a whole and atomically.

    `sets`, `maps` and `named` are what rules refer to. When an address gets another holder, or none, the flows that it
    had are forgotten. With `one_to_one` (family ip) the chains of that NAT come behind `chains`. The family bridge has
    `ports` only: no other port of any bridge in the namespace gets or sends a frame.
    """

    name: str = "landbridge"
    family: Family = Family.IP
    chains: tuple[Chain, ...] = ()
    named: tuple[NamedChain, ...] = ()
    sets: tuple[NamedSet, ...] = ()
    maps: tuple[NamedMap, ...] = ()
    holders: tuple[Holder, ...] = ()
    one_to_one: OneToOne | None = None
    ports: tuple[Port, ...] = ()

    @property
    def key(self) -> Key:
        return ruleset_key(self.namespace, self.name, self.family)
