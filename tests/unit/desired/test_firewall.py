"""The router's rules let through what AWS's documentation says, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packet_filter import Forwarded, Router

import aws_filtering as aws
from aws_filtering import ICMP, TCP, UDP, Packet
from landbridge.desired import names
from landbridge.desired.firewall import firewall
from landbridge.desired.names import TO_INTERNET_GATEWAY, TO_VPN_GATEWAY, Names
from landbridge.desired.rulesets import Ruleset
from landbridge.drivers.nftables import render
from landbridge.model.firewall import ICMPV6, AclAssociation, AclEntry, NetworkAcl, SecurityGroupRule, Traffic
from landbridge.model.instances import NetworkInterface, PrivateAddress
from landbridge.model.network import Subnet, Vpc
from landbridge.model.resources import State

COMMON: dict[str, Any] = {
    "account": "123456789012",
    "region": "eu-central-1",
    "created": datetime(2026, 11, 23, 5, 0, tzinfo=UTC),
}
VPC = Vpc(id="vpc-1", cidr=IPv4Network("10.0.0.0/16"), state=State.AVAILABLE, **COMMON)
SUBNETS = tuple(IPv4Network(f"10.0.{n}.0/24") for n in (1, 2, 3))
SITE, INTERNET = IPv4Address("192.168.1.10"), IPv4Address("203.0.113.9")
ANYWHERE = IPv4Network("0.0.0.0/0")
GROUPS = ("a", "b", "c")
EVERYTHING = aws.Traffic()
DEFAULT_ACL = aws.Acl(
    inbound=(aws.Entry(100, True, EVERYTHING, ANYWHERE),), outbound=(aws.Entry(100, True, EVERYTHING, ANYWHERE),)
)


def subnet_id(cidr: IPv4Network) -> str:
    return f"subnet-{int(cidr.network_address):017x}"


def interface_id(interface: aws.Interface) -> str:
    return f"eni-{int(interface.addresses[0]):017x}"


def link(address: IPv4Address) -> str:
    """The router's link to where the address is."""
    for cidr in SUBNETS:
        if address in cidr:
            return names.subnet_bridge(subnet_id(cidr))
    return TO_VPN_GATEWAY if address.is_private and address == SITE else TO_INTERNET_GATEWAY


def compiled(vpc: aws.Vpc, forwarders: frozenset[IPv4Address] = frozenset()) -> Ruleset:
    """The rules for what the reference says there is."""
    acls = []
    for name, acl in vpc.acls.items():
        followers = [cidr for cidr, followed in vpc.subnets.items() if followed == name]
        entries = [
            AclEntry(number=e.number, egress=egress, allow=e.allow, traffic=traffic(e.traffic), cidr=e.cidr)
            for egress, several in ((False, acl.inbound), (True, acl.outbound))
            for e in several
        ]
        acls.append(
            NetworkAcl(
                id=f"acl-{name}",
                vpc_id=VPC.id,
                entries=tuple(entries),
                associations=tuple(AclAssociation(id="aclassoc-1", subnet_id=subnet_id(cidr)) for cidr in followers),
                **COMMON,
            )
        )
    rules = [
        SecurityGroupRule(
            id="sgr-1",
            group_id=f"sg-{name}",
            egress=egress,
            traffic=traffic(rule.traffic),
            cidr=rule.other_end if isinstance(rule.other_end, IPv4Network) else None,
            peer_group_id=f"sg-{rule.other_end}" if isinstance(rule.other_end, str) else None,
            **COMMON,
        )
        for name, group in vpc.groups.items()
        for egress, several in ((False, group.inbound), (True, group.outbound))
        for rule in several
    ]
    interfaces = [
        NetworkInterface(
            id=interface_id(each),
            vpc_id=VPC.id,
            subnet_id="",
            addresses=tuple(PrivateAddress(address=address) for address in each.addresses),
            group_ids=tuple(f"sg-{name}" for name in sorted(each.groups)),
            source_dest_check=each.addresses[0] not in forwarders,
            **COMMON,
        )
        for each in vpc.interfaces
    ]
    subnets = [
        Subnet(id=subnet_id(cidr), vpc_id=VPC.id, cidr=cidr, zone="eu-central-1a", state=State.AVAILABLE, **COMMON)
        for cidr in vpc.subnets
    ]
    (found,) = firewall(Names("test"), VPC, subnets, interfaces, rules, acls)
    return found


def traffic(given: aws.Traffic) -> Traffic:
    return Traffic(given.protocol, given.first, given.last)


def sent(packet: Packet, **more: Any) -> Forwarded:
    """The packet as the router forwards it, directly to its destination."""
    usual = {"iif": link(packet.source), "oif": link(packet.destination), "next_hop": packet.destination}
    return Forwarded(packet=packet, **{**usual, **more})


# Few values, so that rules and packets meet, and those next to the limits of every range.
_PORTS = (0, 22, 23, 80, 1024, 40000, 65535)
_TYPES = (0, 3, 8)
traffics = st.one_of(
    st.just(EVERYTHING),
    st.builds(
        lambda protocol, ports: aws.Traffic(protocol, min(ports), max(ports)),
        st.sampled_from([TCP, UDP]),
        st.tuples(st.sampled_from(_PORTS), st.sampled_from(_PORTS)),
    ),
    st.builds(
        lambda kind, code: aws.Traffic(ICMP, kind, None if kind is None else code),
        st.sampled_from([None, *_TYPES]),
        st.sampled_from([None, 0, 1]),
    ),
    st.sampled_from([aws.Traffic(50), aws.Traffic(47)]),
)
cidrs = st.sampled_from(
    [
        ANYWHERE,
        VPC.cidr,
        *SUBNETS,
        *map(IPv4Network, ("10.0.1.4/32", "10.0.2.4/31", "192.168.0.0/16", "203.0.113.9/32")),
    ]
)
rules = st.builds(aws.Rule, traffics, st.one_of(cidrs, st.sampled_from(GROUPS)))
several = st.lists(rules, max_size=4).map(tuple)
entries = st.lists(
    st.builds(aws.Entry, st.integers(1, 6), st.booleans(), traffics, cidrs),
    max_size=4,
    unique_by=lambda entry: entry.number,
).map(tuple)
acls = st.one_of(st.just(DEFAULT_ACL), st.builds(aws.Acl, entries, entries))
ADDRESSES = tuple(cidr[n] for cidr in SUBNETS for n in (4, 5))
interfaces = st.lists(st.sampled_from(ADDRESSES), min_size=2, max_size=6, unique=True).flatmap(
    lambda addresses: st.tuples(
        *(
            st.builds(
                aws.Interface,
                st.sampled_from([(address,), (address, address + 100)]),
                st.frozensets(st.sampled_from(GROUPS), min_size=1, max_size=2),
            )
            for address in addresses
        )
    )
)
vpcs = st.builds(
    aws.Vpc,
    subnets=st.tuples(*(st.sampled_from(["one", "two"]) for _ in SUBNETS)).map(
        lambda followed: dict(zip(SUBNETS, followed, strict=True))
    ),
    acls=st.fixed_dictionaries({"one": acls, "two": acls}),
    groups=st.fixed_dictionaries({name: st.builds(aws.Group, several, several) for name in GROUPS}),
    interfaces=interfaces,
)
ends = st.sampled_from([*ADDRESSES, ADDRESSES[0] + 100, SUBNETS[0][9], SITE, INTERNET])
packets = st.one_of(
    st.builds(
        Packet,
        ends,
        ends,
        st.sampled_from([TCP, UDP]),
        source_port=st.sampled_from([1023, 40000]),
        destination_port=st.sampled_from(_PORTS),
    ),
    st.builds(Packet, ends, ends, st.just(ICMP), icmp_type=st.sampled_from(_TYPES), icmp_code=st.sampled_from([0, 1])),
    st.builds(Packet, ends, ends, st.sampled_from([50, 47, 2])),
).filter(lambda p: p.source != p.destination and not {p.source, p.destination} <= {SITE, INTERNET})


@pytest.mark.timeout(900)  # the nightly run looks at 2,000 VPCs
@given(vpcs, st.lists(packets, min_size=1, max_size=8))
def test_a_first_packet_and_its_answer_pass_as_with_aws(vpc: aws.Vpc, tried: list[Packet]) -> None:
    ruleset = compiled(vpc)
    for packet in tried:
        router = Router(ruleset)
        passes = router.forwards(sent(packet))
        assert passes == vpc.passes(packet), packet
        if passes and (packet.protocol != ICMP or packet.icmp_type == 8):
            assert router.forwards(sent(packet.answer)) == vpc.answer_passes(packet), packet.answer
            if vpc.answer_passes(packet):
                assert router.forwards(sent(packet)), "the flow goes on"


@pytest.mark.timeout(900)
@given(vpcs)
def test_the_rules_can_be_written_down(vpc: aws.Vpc) -> None:
    forwarders = frozenset(each.addresses[0] for each in vpc.interfaces[:1])
    text = render.table(compiled(vpc, forwarders))
    assert text.startswith("table ip landbridge {\n")


# --- Examples that say what is meant ---------------------------------------------------------------------------------

A, B, C = ADDRESSES[0], ADDRESSES[1], ADDRESSES[2]
ALL_OUT = (aws.Rule(EVERYTHING, ANYWHERE),)


@dataclass
class Net:
    """A VPC of which a test says only what it is about."""

    groups: dict[str, aws.Group]
    members: dict[IPv4Address, set[str]]
    acls: tuple[str, str, str] = ("one", "one", "one")
    own_acl: aws.Acl = DEFAULT_ACL
    forwarders: frozenset[IPv4Address] = frozenset()

    def router(self) -> Router:
        vpc = aws.Vpc(
            subnets=dict(zip(SUBNETS, self.acls, strict=True)),
            acls={"one": DEFAULT_ACL, "two": self.own_acl},
            groups=self.groups,
            interfaces=tuple(aws.Interface((address,), frozenset(of)) for address, of in self.members.items()),
        )
        return Router(compiled(vpc, self.forwarders))


def tcp(source: IPv4Address, destination: IPv4Address, port: int = 22, sport: int = 40000) -> Packet:
    return Packet(source, destination, TCP, source_port=sport, destination_port=port)


def group(*inbound: aws.Rule) -> aws.Group:
    return aws.Group(inbound=inbound, outbound=ALL_OUT)


def test_the_default_group_lets_its_members_talk_and_nobody_else() -> None:
    net = Net({"a": group(aws.Rule(EVERYTHING, "a")), "b": group()}, {A: {"a"}, B: {"a"}, C: {"b"}})
    router = net.router()
    assert router.forwards(sent(tcp(A, B)))
    assert router.forwards(sent(tcp(B, A)))
    assert not router.forwards(sent(tcp(C, A)))
    assert router.forwards(sent(tcp(A, INTERNET)))
    assert router.forwards(sent(tcp(INTERNET, A, port=40000, sport=22))), "it is the answer"
    assert not router.forwards(sent(tcp(INTERNET, A, port=40001, sport=22)))
    assert not router.forwards(sent(tcp(SITE, A)))


def test_nobody_is_behind_an_address_that_no_interface_has() -> None:
    router = Net({"a": group(aws.Rule(EVERYTHING, ANYWHERE))}, {A: {"a"}}).router()
    assert not router.forwards(sent(tcp(B, A)))
    assert not router.forwards(sent(tcp(A, B)))
    assert not router.forwards(sent(tcp(INTERNET, B)))


def test_an_acl_counts_every_packet_and_only_between_subnets() -> None:
    ssh = aws.Acl(inbound=(aws.Entry(1, True, aws.Traffic(TCP, 22, 22), ANYWHERE),), outbound=())
    net = Net({"a": group(aws.Rule(EVERYTHING, ANYWHERE))}, {A: {"a"}, B: {"a"}, C: {"a"}}, ("two", "one", "one"), ssh)
    router = net.router()
    assert router.forwards(sent(tcp(C, A)))
    assert not router.forwards(sent(tcp(C, A).answer)), "the ACL has no entry for the answer"
    assert not router.forwards(sent(tcp(C, A, port=23)))
    assert router.forwards(sent(tcp(B, A, port=23))), "the ACL does not see it"


def test_who_forwards_for_others_is_filtered_by_his_own_groups() -> None:
    into_b = aws.Rule(aws.Traffic(TCP, 22, 22), IPv4Network("192.168.0.0/16"))
    groups = {"a": aws.Group(outbound=(into_b,)), "b": group(into_b)}
    net = Net(groups, {A: {"a"}, C: {"b"}}, forwarders=frozenset({A}))
    from_site = sent(tcp(SITE, C), iif=link(A), mark=int(A))
    assert not net.router().forwards(from_site), "his group lets him send to 192.168.0.0/16 only"
    net.groups["a"] = aws.Group(outbound=ALL_OUT)
    router = net.router()
    assert router.forwards(from_site)
    assert router.forwards(sent(tcp(SITE, C).answer, oif=link(A), next_hop=A)), "back by him"
    other = tcp(SITE, C, sport=40001)
    assert not router.forwards(sent(other, iif=link(A), mark=int(B))), "nobody has that mark"
    assert not router.forwards(sent(other, iif=link(A))), "nobody has that address"


def test_a_rule_that_names_a_group_is_not_about_what_a_member_forwards() -> None:
    net = Net(
        {"a": group(), "b": group(aws.Rule(EVERYTHING, "a"))}, {A: {"a"}, B: {"a"}, C: {"b"}}, forwarders=frozenset({A})
    )
    router = net.router()
    assert router.forwards(sent(tcp(A, C)))
    assert not router.forwards(sent(tcp(SITE, C), iif=link(A), mark=int(A)))
    assert not router.forwards(sent(tcp(B, C), iif=link(A), mark=int(A))), "not even in a member's name"


def test_nobody_opens_a_way_to_another_in_the_others_name() -> None:
    """A forwarder sends itself a packet in the name of B, who lets nothing in, and answers it."""
    groups = {"a": group(aws.Rule(EVERYTHING, ANYWHERE)), "b": aws.Group(outbound=ALL_OUT)}
    other = SUBNETS[2][4]
    net = Net(groups, {A: {"a"}, other: {"a"}, C: {"b"}}, forwarders=frozenset({A}))
    router = net.router()
    assert router.forwards(sent(tcp(C, other), iif=link(A), mark=int(A)))
    assert not router.forwards(sent(tcp(C, other).answer)), "C has never sent anything"
    assert router.forwards(sent(tcp(C, other, port=80))), "what C sends itself is answered"
    assert router.forwards(sent(tcp(C, other, port=80).answer))


def test_through_a_forwarder_and_back_passes_all_their_groups() -> None:
    """C -> A (forwards) -> B, and back the same way."""
    mail = aws.Rule(aws.Traffic(TCP, 25, 25), SUBNETS[1])
    groups = {"client": aws.Group(outbound=ALL_OUT), "box": group(mail), "server": group(mail)}
    net = Net(groups, {C: {"client"}, A: {"box"}, SUBNETS[2][4]: {"server"}}, forwarders=frozenset({A}))
    there = SUBNETS[2][4]
    router = net.router()
    first = tcp(C, there, port=25)
    assert router.forwards(sent(first, oif=link(A), next_hop=A))
    assert router.forwards(sent(first, iif=link(A), mark=int(A)))
    assert router.forwards(sent(first.answer, oif=link(A), next_hop=A))
    assert router.forwards(sent(first.answer, iif=link(A), mark=int(A)))
    assert not router.forwards(sent(tcp(C, there, port=26), oif=link(A), next_hop=A)), "the box does not take it"


@pytest.mark.parametrize("gateway", [SITE, INTERNET])
def test_who_comes_by_a_gateway_needs_a_rule_of_the_receiver_only(gateway: IPv4Address) -> None:
    rule = aws.Rule(aws.Traffic(ICMP, 8, None), IPv4Network(gateway))
    router = Net({"a": aws.Group(inbound=(rule,))}, {A: {"a"}}).router()
    ping = Packet(gateway, A, ICMP, icmp_type=8)
    assert router.forwards(sent(ping))
    assert router.forwards(sent(ping.answer)), "though nothing is let out"
    assert not router.forwards(sent(tcp(gateway, A)))
    assert not router.forwards(sent(tcp(A, gateway)))


def test_who_has_which_address_is_said() -> None:
    found = Net({"a": group()}, {A: {"a"}, C: {"a"}}).router().ruleset
    assert {each.address for each in found.holders} == {A, C}
    assert len({each.link for each in found.holders}) == 2
    changed = replace(found, holders=found.holders[:1])
    assert render.fingerprint(changed) != render.fingerprint(found)


def test_what_is_about_ipv6_fits_no_packet() -> None:
    """There is none in a VPC; nor does an entry about it come before the others."""
    anywhere6 = IPv6Network("::/0")
    interface = NetworkInterface(
        id="eni-1",
        vpc_id=VPC.id,
        subnet_id="subnet-1",
        addresses=(PrivateAddress(address=IPv4Address("10.0.1.4")),),
        group_ids=("sg-1",),
        **COMMON,
    )
    ssh = Traffic(TCP, 22, 22)
    rule = SecurityGroupRule(id="sgr-1", group_id="sg-1", egress=False, traffic=ssh, cidr=ANYWHERE, **COMMON)
    more = (
        replace(rule, id="sgr-2", cidr=anywhere6),
        replace(rule, id="sgr-3", cidr=anywhere6, traffic=Traffic()),
        replace(rule, id="sgr-4", egress=True, cidr=anywhere6, traffic=Traffic(ICMPV6)),
    )

    def found(rules: tuple[SecurityGroupRule, ...], *entries: AclEntry) -> tuple[Ruleset, ...]:
        acl = NetworkAcl(
            id="acl-1",
            vpc_id=VPC.id,
            entries=entries,
            associations=(AclAssociation(id="aclassoc-1", subnet_id="subnet-1"),),
            **COMMON,
        )
        return firewall(Names("test"), VPC, (), (interface,), rules, (acl,))

    def entry(number: int, egress: bool, *, allow: bool = True, six: bool = False) -> AclEntry:
        cidr = anywhere6 if six else ANYWHERE
        return AclEntry(number=number, egress=egress, allow=allow, traffic=Traffic(), cidr=cidr)

    for allow in (True, False):
        entries = [entry(100, False, allow=allow), entry(100, True)]
        others = [entry(50, egress, allow=not allow, six=True) for egress in (False, True)]
        assert found((rule, *more), *others, *entries) == found((rule,), *entries)
