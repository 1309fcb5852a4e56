"""Security groups and network ACLs as rules of the VPC's router, through which every packet of a VPC passes.

Four steps, each of which has to let a packet pass: out of its subnet, into its subnet (network ACLs: packet by packet,
and not within a subnet), out of the sender's interface, into the receiver's (security groups: the first packet of a
flow decides, the others follow it).

Who is behind which address is known from the ports (`vpc.ports`), and is as true as they are guarded. A port that sends
for others marks what it sends for them: such a packet leaves by the groups of that port, and is nobody's whose group a
rule names. What it begins in another's name is answered to it alone; to anybody else the answer is a first packet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from landbridge.desired import names
from landbridge.desired.names import TO_INTERNET_GATEWAY, TO_VPN_GATEWAY, Names
from landbridge.desired.rulesets import Chain, FilterRule, Hook, NamedChain, Ruleset, Verdict
from landbridge.desired.tables import Among, Field, Follow, Holder, Kind, NamedMap, NamedSet
from landbridge.model.firewall import (
    EVERYTHING,
    ICMP,
    ICMPV6,
    TCP,
    UDP,
    AclEntry,
    NetworkAcl,
    SecurityGroupRule,
    Traffic,
)
from landbridge.model.ids import short
from landbridge.model.instances import NetworkInterface
from landbridge.model.network import Subnet, Vpc

Policy = tuple[str, ...]
"""The security groups that an interface is in, sorted: what it may send and get depends on nothing else."""

_GATEWAYS: Final = (TO_INTERNET_GATEWAY, TO_VPN_GATEWAY)
_WITHIN: Final = Among((Field.IIF, Field.OIF), "same_subnet")
_RETURNING: Final = Among((Field.FLOW_MARK, Field.NEXT_HOP), "returns_to")
_FROM_SUBNET: Final = Follow(Field.IIF, "from_subnet")
_TO_SUBNET: Final = Follow(Field.OIF, "to_subnet")
_FROM_ADDRESS: Final = Follow(Field.SOURCE, "from_address")
_FROM_MARK: Final = Follow(Field.MARK, "from_mark")
_TO_ADDRESS: Final = Follow(Field.NEXT_HOP, "to_address")
_PORTS: Final = {TCP: "tcp", UDP: "udp"}
_ALL_PORTS: Final = (0, 65535)


def firewall(
    own: Names,
    vpc: Vpc,
    subnets: Sequence[Subnet],
    interfaces: Sequence[NetworkInterface],
    rules: Sequence[SecurityGroupRule],
    acls: Sequence[NetworkAcl],
) -> tuple[Ruleset, ...]:
    """The router's rules. `interfaces` are those that are plugged in, `rules` and `acls` those of the VPC."""
    policies = sorted({_policy(each) for each in interfaces})
    number = {policy: index for index, policy in enumerate(policies)}
    by_group = _by_group(rules)
    peers = sorted({rule.peer_group_id for rule in rules if rule.peer_group_id is not None})
    forwarders = [each for each in interfaces if not each.source_dest_check]
    borders = [acl for acl in acls if acl.associations and not _lets_all_through(acl)]
    addresses = [(private.address, each) for each in interfaces for private in each.addresses]
    return (
        Ruleset(
            namespace=own.of(vpc.id),
            sets=(
                NamedSet(
                    name=_WITHIN.name,
                    kinds=(Kind.LINK, Kind.LINK),
                    elements=tuple((link, link) for link in (names.subnet_bridge(net.id) for net in subnets)),
                ),
                NamedSet(
                    name=_RETURNING.name,
                    kinds=(Kind.MARK, Kind.ADDRESS),
                    elements=tuple((int(each.private), each.private) for each in forwarders),
                ),
                *(_members(peer, interfaces) for peer in peers),
            ),
            maps=(
                *(_borders_by_link(borders) if borders else ()),
                NamedMap(
                    name=_FROM_ADDRESS.name,
                    kind=Kind.ADDRESS,
                    chains=tuple((address, _out(number[_policy(each)])) for address, each in addresses),
                ),
                NamedMap(
                    name=_FROM_MARK.name,
                    kind=Kind.MARK,
                    chains=tuple((int(each.private), _out(number[_policy(each)])) for each in forwarders),
                ),
                NamedMap(
                    name=_TO_ADDRESS.name,
                    kind=Kind.ADDRESS,
                    chains=tuple((address, _in(number[_policy(each)])) for address, each in addresses),
                ),
            ),
            named=(
                *(
                    NamedChain(name=_acl_chain(acl, egress), rules=tuple(_entries(acl, egress)))
                    for acl in borders
                    for egress in (True, False)
                ),
                *(
                    NamedChain(name=called(number[policy]), rules=tuple(_allowed(policy, by_group, egress)))
                    for policy in policies
                    for egress, called in ((True, _out), (False, _in))
                ),
            ),
            chains=(*(_BORDERS if borders else ()), _SENDER, _RECEIVER),
            holders=tuple(Holder(address=address, link=names.interface_port(each.id)) for address, each in addresses),
        ),
    )


_BORDERS: Final = tuple(
    Chain(
        hook=Hook.FORWARD,
        priority=priority,
        rules=(FilterRule(among=_WITHIN, verdict=Verdict.ACCEPT), FilterRule(follow=border)),
    )
    for priority, border in ((-20, _FROM_SUBNET), (-10, _TO_SUBNET))
)
"""Network ACLs. Accepted by one chain a packet goes on to the next; subnets whose ACL lets all pass are not there."""

_SENDER: Final = Chain(
    hook=Hook.FORWARD,
    accept=False,
    rules=(
        FilterRule(established=True, verdict=Verdict.ACCEPT),
        FilterRule(fresh=True, marked=True, verdict=Verdict.KEEP_MARK),
        *(FilterRule(iif=link, verdict=Verdict.ACCEPT) for link in _GATEWAYS),
        FilterRule(marked=True, follow=_FROM_MARK),
        FilterRule(marked=False, follow=_FROM_ADDRESS),
    ),
)
"""What leaves the sender's interface."""

_RECEIVER: Final = Chain(
    hook=Hook.FORWARD,
    priority=10,
    accept=False,
    rules=(
        FilterRule(established=True, flow_marked=False, verdict=Verdict.ACCEPT),
        FilterRule(established=True, original=True, verdict=Verdict.ACCEPT),
        FilterRule(established=True, among=_RETURNING, verdict=Verdict.ACCEPT),
        *(FilterRule(oif=link, verdict=Verdict.ACCEPT) for link in _GATEWAYS),
        FilterRule(follow=_TO_ADDRESS),
    ),
)
"""What reaches the receiver's interface."""


def _policy(interface: NetworkInterface) -> Policy:
    return tuple(sorted(interface.group_ids))


def _out(policy: int) -> str:
    return f"out_{policy}"


def _in(policy: int) -> str:
    return f"in_{policy}"


def _acl_chain(acl: NetworkAcl, egress: bool) -> str:
    return f"acl_{'out' if egress else 'in'}_{short(acl.id, 17)}"


def _members_name(group_id: str) -> str:
    return f"members_{short(group_id, 17)}"


def _members(group_id: str, interfaces: Iterable[NetworkInterface]) -> NamedSet:
    found = (private.address for each in interfaces if group_id in each.group_ids for private in each.addresses)
    return NamedSet(name=_members_name(group_id), kinds=(Kind.ADDRESS,), elements=tuple((each,) for each in found))


def _borders_by_link(acls: Iterable[NetworkAcl]) -> Iterator[NamedMap]:
    links = [(names.subnet_bridge(each.subnet_id), acl) for acl in acls for each in acl.associations]
    for border, egress in ((_FROM_SUBNET, True), (_TO_SUBNET, False)):
        chains = tuple((link, _acl_chain(acl, egress)) for link, acl in links)
        yield NamedMap(name=border.name, kind=Kind.LINK, chains=chains)


def _lets_all_through(acl: NetworkAcl) -> bool:
    """Whether in both directions the first entry decides, and allows everything."""
    for egress in (True, False):
        first = next((entry for entry in acl.entries if entry.egress == egress and entry.cidr.version == 4), None)
        if first is None or not (first.allow and first.traffic == EVERYTHING and first.cidr.prefixlen == 0):
            return False
    return True


def _entries(acl: NetworkAcl, egress: bool) -> Iterator[FilterRule]:
    for entry in sorted(acl.entries, key=_number_of):
        if entry.egress == egress and isinstance(entry.cidr, IPv4Network):
            verdict = Verdict.ACCEPT if entry.allow else Verdict.DROP
            near, far = ((), (entry.cidr,)) if egress else ((entry.cidr,), ())
            yield _about(entry.traffic, FilterRule(source=near, destination=far, verdict=verdict))


def _number_of(entry: AclEntry) -> int:
    return entry.number


def _allowed(policy: Policy, rules: Mapping[str, Sequence[SecurityGroupRule]], egress: bool) -> Iterator[FilterRule]:
    seen = set[FilterRule]()
    for rule in (rule for group in policy for rule in rules.get(group, ()) if rule.egress == egress):
        if isinstance(rule.cidr, IPv6Network) or rule.traffic.protocol == ICMPV6:
            continue  # no namespace of a VPC has IPv6: there are no such packets
        if rule.peer_group_id is not None:
            field = Field.DESTINATION if egress else Field.SOURCE
            among = Among((field,), _members_name(rule.peer_group_id))
            base = FilterRule(among=among, marked=None if egress else False, verdict=Verdict.ACCEPT)
        else:
            assert rule.cidr is not None, "a rule is about addresses or about a group"
            near, far = ((), (rule.cidr,)) if egress else ((rule.cidr,), ())
            base = FilterRule(source=near, destination=far, verdict=Verdict.ACCEPT)
        found = _about(rule.traffic, base)
        if found not in seen:
            seen.add(found)
            yield found


def _about(traffic: Traffic, rule: FilterRule) -> FilterRule:
    match traffic.protocol:
        case None:
            return rule
        case protocol if protocol == ICMP:
            return replace(rule, protocol="icmp", icmp_type=traffic.first, icmp_code=traffic.last)
        case protocol if protocol in _PORTS:
            assert traffic.first is not None
            assert traffic.last is not None
            ports = (traffic.first, traffic.last)
            return replace(rule, protocol=_PORTS[protocol], port_range=None if ports == _ALL_PORTS else ports)
        case protocol:
            return replace(rule, protocol=protocol)


def _by_group(rules: Iterable[SecurityGroupRule]) -> Mapping[str, list[SecurityGroupRule]]:
    found: dict[str, list[SecurityGroupRule]] = defaultdict(list)
    for rule in rules:
        found[rule.group_id].append(rule)
    return found
