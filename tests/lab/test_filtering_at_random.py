"""A dozen VPCs' groups and ACLs drawn at random: real packets pass exactly where AWS's documentation says so."""

from __future__ import annotations

import random
import secrets
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from cloud import Interface, NetworkAcl, SecurityGroup, Subnet, Vpc
from packets import Capture, Host
from shell import SLOW, eventually, inside
from world import World

import aws_filtering as aws
from aws_filtering import ECHO_REQUEST, ICMP, TCP, UDP, Packet

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

CONFIGURATIONS = 12
PACKETS = 60
QUIET = 0.5  # seconds after which nothing unexpected is waited for any more
ANYWHERE = IPv4Network("0.0.0.0/0")
EVERYTHING = aws.Traffic()
GROUPS, ACLS = ("a", "b", "c"), ("one", "two")
PORTS = (22, 80, 443)


@dataclass(frozen=True)
class Lab:
    """Three subnets with two instances each, and a site."""

    world: World
    vpc: Vpc
    subnets: dict[IPv4Network, Subnet]
    instances: dict[Host, Interface]
    site: Host
    groups: dict[str, SecurityGroup]
    acls: dict[str, NetworkAcl]

    @property
    def hosts(self) -> list[Host]:
        return [*self.instances, self.site]


@pytest.fixture(scope="module")
def lab(world: World) -> Lab:
    vpc = world.cloud.vpc("10.0.0.0/16")
    gateway = vpc.vpn_gateway()
    paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    connection = gateway.connect(paris, static=["192.168.60.0/24"])
    vpc.main_table.propagate(gateway)
    subnets = [vpc.subnet(f"10.0.{n}.0/24") for n in (1, 2, 3)]
    instances = [subnet.instance(f"{subnet.cidr} {n}") for subnet in subnets for n in (1, 2)]
    paris.customer_gateway_up(connection, "--route", "10.0.0.0/16")
    return Lab(
        world,
        vpc,
        {subnet.cidr: subnet for subnet in subnets},
        {each: each.primary(world.cloud) for each in instances},
        paris.host,
        {name: vpc.security_group(name) for name in GROUPS},
        {name: vpc.network_acl() for name in ACLS},
    )


class Dice:
    """Draws what the reference speaks of, from few values, so that rules and packets meet."""

    def __init__(self, lab: Lab, seed: int) -> None:
        self.lab = lab
        self.random = random.Random(seed)
        hosts = [IPv4Network(host.address) for host in lab.hosts]
        # More of the wide ones, so that about a third of the packets passes.
        self.cidrs = [*[ANYWHERE] * 6, *[lab.vpc.cidr] * 4, *lab.subnets, *hosts, IPv4Network("192.168.0.0/16")]

    def traffic(self) -> aws.Traffic:
        protocol = self.random.choice([None, None, TCP, UDP, ICMP])
        if protocol in (TCP, UDP):
            first = self.random.choice([0, 22, 23, 1024])
            return aws.Traffic(protocol, first, max(first, self.random.choice([22, 80, 65535, 65535])))
        if protocol == ICMP:
            return aws.Traffic(ICMP, self.random.choice([None, ECHO_REQUEST, 0]), None)
        return EVERYTHING

    def rules(self, most: int) -> tuple[aws.Rule, ...]:
        ends = [*self.cidrs, *GROUPS]
        drawn = (aws.Rule(self.traffic(), self.random.choice(ends)) for _ in range(self.random.randint(1, most)))
        return tuple(dict.fromkeys(drawn))

    def entries(self) -> tuple[aws.Entry, ...]:
        some = tuple(
            aws.Entry(number, self.random.random() < 0.7, self.traffic(), self.random.choice(self.cidrs))
            for number in self.random.sample(range(1, 50), 3)
        )
        return (*some, aws.Entry(100, self.random.random() < 0.9, EVERYTHING, ANYWHERE))

    def vpc(self) -> aws.Vpc:
        return aws.Vpc(
            subnets={cidr: self.random.choice(ACLS) for cidr in self.lab.subnets},
            acls={name: aws.Acl(self.entries(), self.entries()) for name in ACLS},
            groups={name: aws.Group(self.rules(4), self.rules(4)) for name in GROUPS},
            interfaces=tuple(
                aws.Interface((host.address,), frozenset(self.random.sample(GROUPS, self.random.randint(1, 2))))
                for host in self.lab.instances
            ),
        )

    def packet(self, number: int) -> Packet:
        source, destination = self.random.sample(self.lab.hosts, 2)
        protocol = self.random.choice([TCP, UDP, ICMP])
        if protocol == ICMP:
            return Packet(source.address, destination.address, ICMP, source_port=number, icmp_type=ECHO_REQUEST)
        # A source port of its own: no flow of an earlier packet is this one's.
        return Packet(source.address, destination.address, protocol, number, self.random.choice(PORTS))


class Desk:
    """Makes what the reference says there is, by EC2's API."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.ec2: Any = lab.world.ec2

    def make(self, vpc: aws.Vpc) -> None:
        for name, group in vpc.groups.items():
            self._rules(self.lab.groups[name].id, group)
        for name, acl in vpc.acls.items():
            self._entries(self.lab.acls[name].id, acl)
        for (cidr, followed), subnet in zip(vpc.subnets.items(), self.lab.subnets.values(), strict=True):
            assert cidr == subnet.cidr
            self.lab.acls[followed].guards(subnet)
        for wanted, interface in zip(vpc.interfaces, self.lab.instances.values(), strict=True):
            interface.is_in(*(self.lab.groups[name] for name in sorted(wanted.groups)))
        self.lab.world.converged()

    def _rules(self, group_id: str, group: aws.Group) -> None:
        found = self.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group_id]}])
        for egress, rules, suffix in ((False, group.inbound, "ingress"), (True, group.outbound, "egress")):
            old = [r["SecurityGroupRuleId"] for r in found["SecurityGroupRules"] if r["IsEgress"] == egress]
            if old:
                getattr(self.ec2, f"revoke_security_group_{suffix}")(GroupId=group_id, SecurityGroupRuleIds=old)
            permissions = [self._permission(rule) for rule in rules]
            getattr(self.ec2, f"authorize_security_group_{suffix}")(GroupId=group_id, IpPermissions=permissions)

    def _permission(self, rule: aws.Rule) -> dict[str, Any]:
        first, last = rule.traffic.first, rule.traffic.last
        asked: dict[str, Any] = {
            "IpProtocol": str(-1 if rule.traffic.protocol is None else rule.traffic.protocol),
            "FromPort": -1 if first is None else first,
            "ToPort": -1 if last is None else last,
        }
        if isinstance(rule.other_end, IPv4Network):
            return asked | {"IpRanges": [{"CidrIp": str(rule.other_end)}]}
        return asked | {"UserIdGroupPairs": [{"GroupId": self.lab.groups[rule.other_end].id}]}

    def _entries(self, acl_id: str, acl: aws.Acl) -> None:
        (found,) = self.ec2.describe_network_acls(NetworkAclIds=[acl_id])["NetworkAcls"]
        for old in found["Entries"]:
            if old["RuleNumber"] != 32767:
                self.ec2.delete_network_acl_entry(
                    NetworkAclId=acl_id, RuleNumber=old["RuleNumber"], Egress=old["Egress"]
                )
        for egress, entries in ((False, acl.inbound), (True, acl.outbound)):
            for entry in entries:
                self.ec2.create_network_acl_entry(
                    NetworkAclId=acl_id,
                    RuleNumber=entry.number,
                    Egress=egress,
                    RuleAction="allow" if entry.allow else "deny",
                    CidrBlock=str(entry.cidr),
                    **self._traffic(entry.traffic),
                )

    def _traffic(self, traffic: aws.Traffic) -> dict[str, Any]:
        if traffic.protocol is None:
            return {"Protocol": "-1"}
        if traffic.protocol == ICMP:
            kind = -1 if traffic.first is None else traffic.first
            return {"Protocol": "1", "IcmpTypeCode": {"Type": kind, "Code": -1}}
        return {"Protocol": str(traffic.protocol), "PortRange": {"From": traffic.first, "To": traffic.last}}


def sum_of(data: bytes) -> int:
    """The Internet checksum."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def body_of(packet: Packet, token: bytes) -> bytes:
    """What follows the IP header: a SYN, a datagram, an echo request (its id is the source port), with the token."""
    if packet.protocol == ICMP:
        plain = struct.pack("!BBHHH", packet.icmp_type, packet.icmp_code, 0, packet.source_port, 1) + token
        return plain[:2] + struct.pack("!H", sum_of(plain)) + plain[4:]
    ports = struct.pack("!HH", packet.source_port, packet.destination_port)
    if packet.protocol == UDP:
        return ports + struct.pack("!HH", 8 + len(token), 0) + token
    plain = ports + struct.pack("!IIBBHHH", 1, 0, 5 << 4, 0x02, 64_000, 0, 0) + token
    pseudo = packet.source.packed + packet.destination.packed + struct.pack("!HH", TCP, len(plain))
    return plain[:16] + struct.pack("!H", sum_of(pseudo + plain)) + plain[18:]


def send(host: Host, packet: Packet, token: bytes) -> None:
    """Send it as it is, whether or not anybody listens."""

    def raw() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, packet.protocol) as sender:
            sender.sendto(body_of(packet, token), (str(packet.destination), 0))

    inside(host.namespace, raw)


class Wire:
    """Who saw what: a capture at every host."""

    def __init__(self, hosts: list[Host]) -> None:
        self.hosts = {host.address: host for host in hosts}
        self.captures: dict[IPv4Address, Capture] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Wire:
        for address, host in self.hosts.items():
            self.captures[address] = self._stack.enter_context(Capture(host.namespace))
        return self

    def __exit__(self, *what: Any) -> None:
        self._stack.close()

    def arrived(self, packet: Packet, token: bytes) -> bool:
        """Whether a packet with these addresses and the token, or of TCP the answer to a SYN, is at its destination."""
        for frame in self.captures[packet.destination].frames():
            if frame[26:34] != packet.source.packed + packet.destination.packed or frame[23] != packet.protocol:
                continue
            rest = frame[14 + (frame[14] & 15) * 4 :]
            if packet.protocol == TCP:
                ports = struct.pack("!HH", packet.source_port, packet.destination_port)
                if rest[:4] == ports and (token in frame or rest[13] & 0x04):
                    return True
            elif token in frame and (packet.protocol != ICMP or rest[0] == packet.icmp_type):
                return True
        return False


def all_and_only(tried: dict[Packet, bytes], expected: set[Packet], wire: Wire, what: str) -> None:
    """Those that are expected arrive; then nothing more does."""

    def seen() -> set[Packet]:
        return {packet for packet, token in tried.items() if wire.arrived(packet, token)}

    try:
        eventually(lambda: expected <= seen(), what, 5)
    except AssertionError:
        raise AssertionError(
            f"{what}: {len(expected - seen())} are missing: {sorted(map(str, expected - seen()))}"
        ) from None
    time.sleep(QUIET * SLOW)
    more = seen() - expected
    assert not more, f"{what}: {len(more)} more than should: {sorted(map(str, more))}"


_NUMBERS: Iterator[int] = iter(range(20_000, 60_000))


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_packets_pass_where_aws_says_so(lab: Lab, seed: int) -> None:
    dice = Dice(lab, seed)
    vpc = dice.vpc()
    Desk(lab).make(vpc)
    token: Callable[[], bytes] = lambda: secrets.token_bytes(16)  # noqa: E731
    tried = {dice.packet(next(_NUMBERS)): token() for _ in range(PACKETS)}
    passing = {packet for packet in tried if vpc.passes(packet)}
    with Wire(lab.hosts) as wire:
        for packet, mark in tried.items():
            send(wire.hosts[packet.source], packet, mark)
        all_and_only(tried, passing, wire, f"first packets with the groups and ACLs of {seed}")
        # Of TCP and ICMP the answer comes by itself: a reset, an echo.
        answers = {packet.answer: tried[packet] for packet in passing}
        for packet, mark in answers.items():
            if packet.protocol == UDP:
                send(wire.hosts[packet.source], packet, mark)
        coming = {packet.answer for packet in passing if vpc.answer_passes(packet)}
        all_and_only(answers, coming, wire, f"answers with the groups and ACLs of {seed}")
