"""What may pass: security groups for interfaces, network ACLs for subnets."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias

from landbridge.model.resources import Resource

Prefix: TypeAlias = IPv4Network | IPv6Network
"""What a rule's addresses are. There is no IPv6 in a VPC, so a rule about it is kept and shown, and fits no packet."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a rule is about. `protocol` is IP's number of it, None for every one.

    TCP and UDP: the destination ports from `first` to `last`, both included. ICMP and ICMPv6: `first` is the type and
    `last` the code, None for every one. Of any other protocol everything: both are None.
    """

    protocol: int | None = None
    first: int | None = None
    last: int | None = None


TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
"""IP's numbers of the protocols that rules look into."""

EVERYTHING = Traffic()


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroup(Resource):
    """Who may talk to the interfaces that are in it, and whom they may talk to; its rules are SecurityGroupRules.

    An interface in several groups may do what any of them allows. Answers to what was allowed need no rule.
    """

    vpc_id: str
    group_name: str
    description: str

    @property
    def default(self) -> bool:
        """Whether it is the one that came with the VPC: nobody else can have its name."""
        return self.group_name == DEFAULT_GROUP


DEFAULT_GROUP = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroupRule(Resource):
    """One thing that a security group allows: `traffic` from (egress: to) addresses or the members of a group.

    Exactly one of `cidr` and `peer_group_id` is set.
    """

    group_id: str
    egress: bool
    traffic: Traffic
    cidr: Prefix | None = None
    peer_group_id: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AclEntry:
    """What a network ACL says of packets into (egress: out of) its subnets; the lowest number that fits decides."""

    number: int
    egress: bool
    allow: bool
    traffic: Traffic
    cidr: Prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class AclAssociation:
    """A subnet that a network ACL is in force for. Every subnet has exactly one."""

    id: str
    subnet_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkAcl(Resource):
    """What may cross the border of a subnet, packet by packet. `entries` by direction and number; else nothing may."""

    vpc_id: str
    default: bool = False
    """The one that came with the VPC, which new subnets get."""
    entries: tuple[AclEntry, ...] = ()
    associations: tuple[AclAssociation, ...] = ()
    client_token: str = ""
    request: str = ""
    """What tells the request from others with the same token (`control/tokens.py`)."""
