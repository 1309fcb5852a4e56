"""Who may talk to whom in a VPC, written down from AWS's documentation alone: what landbridge's filters are held to.

Sources, all in the VPC user guide: "Control traffic to your resources using security groups", "Security group rules",
"Security group connection tracking" (EC2 user guide), "Control subnet traffic with network access control lists".

Nothing here knows how landbridge does it: no conntrack, no chains, no ports of a bridge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

TCP, UDP, ICMP = 6, 17, 1
ECHO_REQUEST, ECHO_REPLY = 8, 0


@dataclass(frozen=True)
class Traffic:
    """A protocol's number (None: all), and of TCP and UDP the destination ports, of ICMP the type and the code."""

    protocol: int | None = None
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True)
class Rule:
    """A security group rule: traffic, and who is at the other end: addresses, or the members of a group."""

    traffic: Traffic
    other_end: IPv4Network | str


@dataclass(frozen=True)
class Group:
    """A security group."""

    inbound: tuple[Rule, ...] = ()
    outbound: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Entry:
    """A network ACL's entry."""

    number: int
    allow: bool
    traffic: Traffic
    cidr: IPv4Network


@dataclass(frozen=True)
class Acl:
    """A network ACL."""

    inbound: tuple[Entry, ...] = ()
    outbound: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Interface:
    """A network interface with its private addresses."""

    addresses: tuple[IPv4Address, ...]
    groups: frozenset[str]


@dataclass(frozen=True)
class Packet:
    """The first packet that one end sends to the other. TCP and UDP have ports, ICMP has a type and a code."""

    source: IPv4Address
    destination: IPv4Address
    protocol: int
    source_port: int = 0
    destination_port: int = 0
    icmp_type: int = 0
    icmp_code: int = 0

    @property
    def answer(self) -> Packet:
        """What comes back: the other way round, and of an echo the reply."""
        echo = self.protocol == ICMP and self.icmp_type == ECHO_REQUEST
        return Packet(
            source=self.destination,
            destination=self.source,
            protocol=self.protocol,
            source_port=self.destination_port,
            destination_port=self.source_port,
            icmp_type=ECHO_REPLY if echo else self.icmp_type,
            icmp_code=self.icmp_code,
        )


@dataclass(frozen=True)
class Vpc:
    """Subnets with the name of their ACL, ACLs and groups by name, interfaces."""

    subnets: Mapping[IPv4Network, str]
    acls: Mapping[str, Acl]
    groups: Mapping[str, Group]
    interfaces: tuple[Interface, ...]

    def passes(self, packet: Packet) -> bool:
        """Whether a first packet reaches its destination."""
        return self._acls_let(packet) and self._may_send(packet) and self._may_receive(packet)

    def answer_passes(self, packet: Packet) -> bool:
        """Whether the answer to a first packet that passed comes back: "security groups are stateful"; ACLs are not."""
        return self._acls_let(packet.answer)

    def _may_send(self, packet: Packet) -> bool:
        sender = self._interface(packet.source)
        if sender is None:
            return self._subnet(packet.source) is None
        rules = (rule for name in sender.groups for rule in self.groups[name].outbound)
        return any(matches(rule.traffic, packet) and self._is(rule.other_end, packet.destination) for rule in rules)

    def _may_receive(self, packet: Packet) -> bool:
        receiver = self._interface(packet.destination)
        if receiver is None:
            return self._subnet(packet.destination) is None
        rules = (rule for name in receiver.groups for rule in self.groups[name].inbound)
        return any(matches(rule.traffic, packet) and self._is(rule.other_end, packet.source) for rule in rules)

    def _acls_let(self, packet: Packet) -> bool:
        """ "Network ACLs apply at the subnet level": what stays in a subnet they do not see."""
        here, there = self._subnet(packet.source), self._subnet(packet.destination)
        if here == there:
            return True
        out = here is None or lets(self.acls[self.subnets[here]].outbound, packet, packet.destination)
        into = there is None or lets(self.acls[self.subnets[there]].inbound, packet, packet.source)
        return out and into

    def _is(self, other_end: IPv4Network | str, address: IPv4Address) -> bool:
        if isinstance(other_end, IPv4Network):
            return address in other_end
        found = self._interface(address)
        return found is not None and other_end in found.groups

    def _interface(self, address: IPv4Address) -> Interface | None:
        return next((each for each in self.interfaces if address in each.addresses), None)

    def _subnet(self, address: IPv4Address) -> IPv4Network | None:
        return next((cidr for cidr in self.subnets if address in cidr), None)


def lets(entries: Iterable[Entry], packet: Packet, other_end: IPv4Address) -> bool:
    """ "We evaluate the rules in order, starting with the lowest numbered rule"; the last one, *, denies."""
    for entry in sorted(entries, key=lambda each: each.number):
        if matches(entry.traffic, packet) and other_end in entry.cidr:
            return entry.allow
    return False


def matches(traffic: Traffic, packet: Packet) -> bool:
    """Whether a packet is of that traffic."""
    if traffic.protocol is None:
        return True
    if traffic.protocol != packet.protocol:
        return False
    if packet.protocol in (TCP, UDP):
        assert traffic.first is not None
        assert traffic.last is not None
        return traffic.first <= packet.destination_port <= traffic.last
    if packet.protocol == ICMP:
        return traffic.first in (None, packet.icmp_type) and traffic.last in (None, packet.icmp_code)
    return True
