"""A VPC's further CIDRs: which may be added beside the first one (VPC guide, "IPv4 CIDR block association
restrictions"), and when one may go.

Both take effect at once in what is wanted, and the data plane follows: what carries packets is its subnets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import Final

from landbridge.control.base import Command, Context, Outcome, Scope, put
from landbridge.control.vpcs import check_cidr
from landbridge.model.errors import (
    CidrConflict,
    CidrInUse,
    InvalidVpcRange,
    LimitExceeded,
    NotFound,
    NotPermitted,
)
from landbridge.model.ids import new_id
from landbridge.model.network import RouteTable, SecondaryCidr, Subnet, Vpc

NOUN: Final = "vpc-cidr-association"
PREFIX: Final = "vpc-cidr-assoc"
MAX_CIDRS: Final = 5
"""Per VPC, the first one included (AWS, VPC quotas)."""

_PRIVATE: Final = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
_AMAZONS: Final = IPv4Network("198.19.0.0/16")
_LOWEST_OF_TEN: Final = IPv4Network("10.0.0.0/16")
_LOW_OF_TEN: Final = IPv4Network("10.0.0.0/15")
_DEFAULT_VPCS: Final = IPv4Network("172.31.0.0/16")


@dataclass(frozen=True, slots=True)
class AssociateVpcCidr(Command):
    """Give a VPC one more CIDR. Reply: the SecondaryCidr."""

    vpc_id: str
    cidr: IPv4Network


@dataclass(frozen=True, slots=True)
class DisassociateVpcCidr(Command):
    """Take a CIDR away from its VPC. Reply: (the Vpc before, the SecondaryCidr)."""

    association_id: str


def first_association(vpc: Vpc) -> str:
    """The id of the association of the VPC's first CIDR, which lasts as long as the VPC."""
    return f"{PREFIX}-{vpc.id.removeprefix('vpc-')}"


def associate(scope: Scope, command: AssociateVpcCidr, context: Context) -> Outcome[SecondaryCidr]:
    """Refuses what a first CIDR may not be either, a CIDR in use or restricted, and a sixth one."""
    vpc = scope.get(Vpc, command.vpc_id, "vpc")
    cidr = command.cidr
    check_cidr(cidr)
    for other in vpc.cidrs:
        if cidr.overlaps(other):
            raise CidrConflict(f"The CIDR '{cidr}' conflicts with another CIDR of {vpc.id}: it has {other}.")
    _check_restrictions(vpc, cidr)
    for table in scope.all(RouteTable):
        for route in table.routes:
            if table.vpc_id == vpc.id and route.destination.subnet_of(cidr):
                raise CidrConflict(
                    f"The CIDR '{cidr}' conflicts with the route to {route.destination} in {table.id}: it may be "
                    "neither that network nor one around it. Delete the route first, or give a smaller CIDR."
                )
    if len(vpc.cidrs) >= MAX_CIDRS:
        raise LimitExceeded(
            "cidr", f"This network '{vpc.id}' has met its maximum number of allowed CIDRs: {MAX_CIDRS}."
        )
    added = SecondaryCidr(id=new_id(PREFIX, context.entropy), cidr=cidr)
    return Outcome(added, put(replace(vpc, secondary=(*vpc.secondary, added))))


def _check_restrictions(vpc: Vpc, cidr: IPv4Network) -> None:
    """AWS's table. It looks at the first CIDR's range, but for the low part of 10.0.0.0/8, where any CIDR counts."""
    first = next((private for private in _PRIVATE if vpc.cidr.subnet_of(private)), None)
    its_own = next((private for private in _PRIVATE if cidr.subnet_of(private)), None)
    restricted = (
        (its_own is not None and its_own is not first)
        or (cidr.subnet_of(_AMAZONS) and not vpc.cidr.subnet_of(_AMAZONS))
        or (cidr.subnet_of(_LOWEST_OF_TEN) and any(known.subnet_of(_LOW_OF_TEN) for known in vpc.cidrs))
        or cidr.subnet_of(_DEFAULT_VPCS)
    )
    if restricted:
        raise InvalidVpcRange(
            f"The CIDR '{cidr}' is restricted. Use a CIDR from the same private address range as the current VPC CIDR, "
            "or use a publicly-routable CIDR. (Neither 10.0.0.0/16 beside a CIDR of 10.0.0.0/15, nor 172.31.0.0/16.)"
        )


def disassociate(scope: Scope, command: DisassociateVpcCidr, context: Context) -> Outcome[tuple[Vpc, SecondaryCidr]]:
    """Refuses the first CIDR, and one that a subnet lies in."""
    vpc, leaving = _association(scope, command.association_id)
    for subnet in scope.all(Subnet):
        if subnet.vpc_id == vpc.id and subnet.cidr.subnet_of(leaving.cidr):
            raise CidrInUse(
                f"The vpc {vpc.id} currently has a subnet within CIDR block {leaving.cidr}: {subnet.id}. "
                "Delete it first."
            )
    left = tuple(each for each in vpc.secondary if each is not leaving)
    return Outcome((vpc, leaving), put(replace(vpc, secondary=left)))


def _association(scope: Scope, association_id: str) -> tuple[Vpc, SecondaryCidr]:
    for vpc in scope.all(Vpc):
        if association_id == first_association(vpc):
            raise NotPermitted(
                f"The vpc CIDR block with association ID {association_id} may not be disassociated. "
                "It is the primary IPv4 CIDR block of the VPC"
            )
        for each in vpc.secondary:
            if each.id == association_id:
                return vpc, each
    raise NotFound(NOUN, association_id)
