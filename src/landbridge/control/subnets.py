"""Subnets: parts of a VPC's CIDR that do not overlap. A new one follows the VPC's main route table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import Final

from landbridge.control import limits, network_acls, tags
from landbridge.control.base import Command, Context, Outcome, Scope, put, remove
from landbridge.control.zones import checked_zone
from landbridge.model.errors import (
    Dependency,
    InvalidSubnetRange,
    NoDefaultSubnet,
    SubnetConflict,
    VpcNotSpecified,
)
from landbridge.model.ids import new_id
from landbridge.model.instances import NetworkInterface
from landbridge.model.network import RouteTable, Subnet, Vpc
from landbridge.model.resources import Resource, State, Tags

NOUN: Final = "subnet"
LARGEST: Final = 16
SMALLEST: Final = 28


@dataclass(frozen=True, slots=True)
class CreateSubnet(Command):
    """A new subnet, in the region's first zone unless one is named. Reply: the Subnet."""

    vpc_id: str
    cidr: IPv4Network
    zone: str | None = None
    zone_id: str | None = None
    tags: Tags = ()
    default: bool = False
    """The zone's default one, whose instances get public addresses."""


@dataclass(frozen=True, slots=True)
class ModifySubnetAttribute(Command):
    """Whether instances get a public address when nothing else is said. Reply: the Subnet."""

    subnet_id: str
    map_public_address: bool


@dataclass(frozen=True, slots=True)
class DeleteSubnet(Command):
    """Delete a subnet without interfaces. Reply: None."""

    subnet_id: str


def default_vpc(scope: Scope) -> Vpc | None:
    """The region's default VPC."""
    return next((vpc for vpc in scope.all(Vpc) if vpc.is_default), None)


def in_default_vpc(scope: Scope, otherwise: str) -> Vpc:
    """The region's default VPC, where something goes whose caller names none. `otherwise`: what could be said instead.

    Raises:
        VpcNotSpecified: there is none.
    """
    vpc = default_vpc(scope)
    if vpc is None:
        raise VpcNotSpecified(
            f"No default VPC for this user. {otherwise}, or make a default VPC with CreateDefaultVpc."
        )
    return vpc


def default_subnets(scope: Scope, vpc: Vpc) -> list[Subnet]:
    """The default VPC's default subnets, in the order of their zones."""
    found = (subnet for subnet in scope.all(Subnet) if subnet.vpc_id == vpc.id and subnet.is_default)
    return sorted(found, key=lambda subnet: subnet.zone)


def default_subnet(scope: Scope, zone: str | None = None) -> Subnet:
    """Where an instance goes whose caller names no subnet: the zone's default one, of the first zone that has one.

    Raises:
        VpcNotSpecified, NoDefaultSubnet.
        Invalid: the region has no such zone.
    """
    vpc = in_default_vpc(scope, "Give a SubnetId")
    if zone is not None:
        checked_zone(scope.region, zone, None)
    for subnet in default_subnets(scope, vpc):
        if zone in (None, subnet.zone):
            return subnet
    if zone is not None:
        raise NoDefaultSubnet(f"No default subnet for availability zone: '{zone}'. Please specify a subnet.")
    raise NoDefaultSubnet(f"No subnets found for the default VPC '{vpc.id}'. Please specify a subnet.")


def create(scope: Scope, command: CreateSubnet, context: Context) -> Outcome[Subnet]:
    """Refuses a CIDR outside of all the VPC's, of the wrong size, or overlapping another subnet's."""
    vpc = scope.get(Vpc, command.vpc_id, "vpc")
    cidr = command.cidr
    if not LARGEST <= cidr.prefixlen <= SMALLEST or not vpc.holds(cidr):
        raise InvalidSubnetRange(
            f"The CIDR '{cidr}' is invalid: a subnet has a prefix of /{LARGEST} to /{SMALLEST} inside "
            f"{' or '.join(map(str, vpc.cidrs))}."
        )
    siblings = [subnet for subnet in scope.all(Subnet) if subnet.vpc_id == vpc.id]
    for sibling in siblings:
        if cidr.overlaps(sibling.cidr):
            raise SubnetConflict(f"The CIDR '{cidr}' conflicts with another subnet: {sibling.id} has {sibling.cidr}.")
    context.limits.check(limits.SUBNETS, len(siblings), where=vpc.id)
    subnet = Subnet(
        id=new_id("subnet", context.entropy),
        account=context.account,
        region=context.region,
        tags=tags.checked(command.tags),
        created=context.now,
        vpc_id=vpc.id,
        cidr=cidr,
        zone=checked_zone(context.region, command.zone, command.zone_id),
        state=State.PENDING if context.builds else State.AVAILABLE,
        map_public_address=command.default,
        is_default=command.default,
    )
    return Outcome(subnet, put(subnet, network_acls.following(scope, subnet, context)))


def modify(scope: Scope, command: ModifySubnetAttribute, context: Context) -> Outcome[Subnet]:
    """Instances that are there keep what they have."""
    subnet = scope.get(Subnet, command.subnet_id, NOUN)
    changed = replace(subnet, map_public_address=command.map_public_address)
    return Outcome(changed, put(changed) if changed != subnet else ())


def delete(scope: Scope, command: DeleteSubnet, context: Context) -> Outcome[None]:
    """Refuses while interfaces are in it. Its associations with a route table and a network ACL go along."""
    subnet = scope.get(Subnet, command.subnet_id, NOUN)
    for interface in scope.all(NetworkInterface):
        if interface.subnet_id == subnet.id:
            owner = f", of {interface.instance_id}," if interface.instance_id else ""
            raise Dependency(
                f"The subnet '{subnet.id}' has dependencies and cannot be deleted: {interface.id}{owner} is in it."
            )
    followed: list[Resource] = [
        replace(table, associations=tuple(a for a in table.associations if a.subnet_id != subnet.id))
        for table in scope.all(RouteTable)
        if any(a.subnet_id == subnet.id for a in table.associations)
    ]
    return Outcome(None, (*put(*followed, *network_acls.abandoned(scope, subnet.id)), *remove(subnet)))
