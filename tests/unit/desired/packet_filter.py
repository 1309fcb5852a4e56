"""What the kernel does with a packet that is forwarded, over the typed rules: chains in order, sets, maps, flows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network

from aws_filtering import ECHO_REQUEST, ICMP, Packet
from landbridge.desired.rulesets import FilterRule, Hook, Ruleset, Verdict
from landbridge.desired.tables import Among, Field, Value

PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "esp": 50}


@dataclass(frozen=True)
class Forwarded:
    """A packet on its way through the router: by which links, to whom next, and what its port said of it."""

    packet: Packet
    iif: str
    oif: str
    next_hop: IPv4Address
    mark: int = 0


@dataclass
class Flow:
    """What conntrack knows of a flow."""

    mark: int = 0
    answered: bool = False


@dataclass
class Router:
    """The forward hook of a namespace that has this table."""

    ruleset: Ruleset
    flows: dict[Packet, Flow] = field(default_factory=dict)
    """By first packet."""

    def forwards(self, sent: Forwarded) -> bool:
        """Whether the packet leaves the router. What does leaves a flow behind, as in the kernel."""
        original = sent.packet in self.flows
        answered = (first for first in self.flows if first.answer == sent.packet)
        first = sent.packet if original else next(answered, sent.packet)
        flow = self.flows.get(first)
        fresh = flow is None
        flow = flow or Flow()
        established = not fresh and (flow.answered or not original)
        view = _View(self.ruleset, sent, flow, original=original or fresh, established=established, fresh=fresh)
        if not all(view.accepts(chain.rules, chain.accept) for chain in self._chains()):
            return False
        if not fresh and not original:
            flow.answered = True
        if first.protocol != ICMP or first.icmp_type == ECHO_REQUEST:
            # Conntrack knows no flow of other ICMP: what is no error belongs to nothing.
            self.flows[first] = flow
        return True

    def _chains(self) -> list[object]:
        forward = [chain for chain in self.ruleset.chains if chain.hook is Hook.FORWARD]
        assert len(forward) == len(self.ruleset.chains)
        return sorted(forward, key=lambda chain: chain.priority)


@dataclass
class _View:
    ruleset: Ruleset
    sent: Forwarded
    flow: Flow
    original: bool
    established: bool
    fresh: bool

    def accepts(self, rules: Iterable[FilterRule], policy: bool) -> bool:
        for rule in rules:
            if not self._fits(rule):
                continue
            if rule.follow is not None:
                named = next(each for each in self.ruleset.maps if each.name == rule.follow.name)
                chain = dict(named.chains).get(self._value(rule.follow.field))
                if chain is not None:
                    # Sent there for good: what that chain does not decide it drops.
                    return self.accepts(next(c for c in self.ruleset.named if c.name == chain).rules, False)
            elif rule.verdict is Verdict.KEEP_MARK:
                self.flow.mark = self.sent.mark
            else:
                assert rule.verdict in (Verdict.ACCEPT, Verdict.DROP)
                return rule.verdict is Verdict.ACCEPT
        return policy

    def _fits(self, rule: FilterRule) -> bool:
        unknown = replace(rule, ports=(), source_ports=(), dnatted=False, not_iif=None, snat=None, dnat=None, mss=None)
        unknown = replace(unknown, in_clear=False, icmp_mtu_below=None)
        assert rule == unknown, "the firewall has a condition that this does not know"
        packet = self.sent.packet
        return all(
            (
                rule.iif in (None, self.sent.iif),
                rule.oif in (None, self.sent.oif),
                _within(packet.source, rule.source),
                _within(packet.destination, rule.destination),
                rule.protocol is None or PROTOCOLS.get(rule.protocol, rule.protocol) == packet.protocol,
                rule.port_range is None or rule.port_range[0] <= packet.destination_port <= rule.port_range[1],
                rule.icmp_type in (None, packet.icmp_type),
                rule.icmp_code in (None, packet.icmp_code),
                rule.among is None or self._among(rule.among),
                not rule.established or self.established,
                not rule.original or self.original,
                not rule.fresh or self.fresh,
                rule.marked in (None, self.sent.mark != 0),
                rule.flow_marked in (None, self.flow.mark != 0),
            )
        )

    def _among(self, wanted: Among) -> bool:
        named = next(each for each in self.ruleset.sets if each.name == wanted.name)
        return tuple(self._value(each) for each in wanted.fields) in named.elements

    def _value(self, wanted: Field) -> Value:
        values: dict[Field, Value] = {
            Field.IIF: self.sent.iif,
            Field.OIF: self.sent.oif,
            Field.SOURCE: self.sent.packet.source,
            Field.DESTINATION: self.sent.packet.destination,
            Field.NEXT_HOP: self.sent.next_hop,
            Field.MARK: self.sent.mark,
            Field.FLOW_MARK: self.flow.mark,
        }
        return values[wanted]


def _within(address: IPv4Address, networks: tuple[IPv4Network, ...]) -> bool:
    return not networks or any(address in network for network in networks)
