"""Subnets: parts of a VPC's CIDR that do not overlap. A new one follows the VPC's main route table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import Final

from landbridge.control import network_acls, tags
from landbridge.control.base import Command, Context, Outcome, Scope, put, remove
from landbridge.control.zones import checked_zone
from landbridge.model.errors import Dependency, InvalidSubnetRange, LimitExceeded, SubnetConflict
from landbridge.model.ids import new_id
from landbridge.model.resources import NetworkInterface, Resource, RouteTable, State, Subnet, Tags, Vpc

NOUN: Final = "subnet"
LARGEST: Final = 16
SMALLEST: Final = 28
MAX_SUBNETS: Final = 200
"""Per VPC (AWS, VPC quotas)."""


@dataclass(frozen=True, slots=True)
class CreateSubnet(Command):
    """A new subnet, in the region's first zone unless one is named. Reply: the Subnet."""

    vpc_id: str
    cidr: IPv4Network
    zone: str | None = None
    zone_id: str | None = None
    tags: Tags = ()


@dataclass(frozen=True, slots=True)
class ModifySubnetAttribute(Command):
    """Whether instances get a public address when nothing else is said. Reply: the Subnet."""

    subnet_id: str
    map_public_address: bool


@dataclass(frozen=True, slots=True)
class DeleteSubnet(Command):
    """Delete a subnet without interfaces. Reply: None."""

    subnet_id: str


def create(scope: Scope, command: CreateSubnet, context: Context) -> Outcome[Subnet]:
    """Refuses a CIDR outside the VPC's, of the wrong size, or overlapping another subnet's."""
    vpc = scope.get(Vpc, command.vpc_id, "vpc")
    cidr = command.cidr
    if not LARGEST <= cidr.prefixlen <= SMALLEST or not cidr.subnet_of(vpc.cidr):
        raise InvalidSubnetRange(
            f"The CIDR '{cidr}' is invalid: a subnet has a prefix of /{LARGEST} to /{SMALLEST} inside {vpc.cidr}."
        )
    siblings = [subnet for subnet in scope.all(Subnet) if subnet.vpc_id == vpc.id]
    for sibling in siblings:
        if cidr.overlaps(sibling.cidr):
            raise SubnetConflict(f"The CIDR '{cidr}' conflicts with another subnet: {sibling.id} has {sibling.cidr}.")
    if len(siblings) >= MAX_SUBNETS:
        raise LimitExceeded(NOUN, f"{vpc.id} has {MAX_SUBNETS} subnets already, the most a VPC can have. Delete one.")
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
