"""The default VPC of a region: 172.31.0.0/16 with a subnet per zone and a way to the Internet, for those who name none.

Made of the same steps that a user would take, so that it obeys the same rules and limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final, TypeVar

from landbridge.control import internet_gateways, routes, subnets, vpcs
from landbridge.control.base import Command, Context, Outcome, Scope
from landbridge.control.subnets import default_subnets, default_vpc
from landbridge.control.zones import checked_zone, zones
from landbridge.model.errors import DefaultSubnetExists, DefaultVpcExists, Missing, NoDefaultVpc, SubnetConflict
from landbridge.model.network import RouteTable, Subnet, Vpc
from landbridge.model.snapshot import Change

T = TypeVar("T")

CIDR: Final = IPv4Network("172.31.0.0/16")
SUBNET_PREFIX: Final = 20
_ANYWHERE: Final = IPv4Network("0.0.0.0/0")


@dataclass(frozen=True, slots=True)
class CreateDefaultVpc(Command):
    """The region's default VPC. Reply: the Vpc."""


@dataclass(frozen=True, slots=True)
class CreateDefaultSubnet(Command):
    """The default VPC's subnet in a zone, by the zone's name or id. Reply: the Subnet."""

    zone: str | None = None
    zone_id: str | None = None


class _Steps:
    """Several handlers as one: each sees what those before it changed."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.changes: tuple[Change, ...] = ()

    def take(self, outcome: Outcome[T]) -> T:
        self.changes += outcome.changes
        self.scope = self.scope.apply(outcome.changes)
        return outcome.reply


def create_vpc(scope: Scope, command: CreateDefaultVpc, context: Context) -> Outcome[Vpc]:
    """Refuses a second one."""
    if (found := default_vpc(scope)) is not None:
        raise DefaultVpcExists(f"A Default VPC already exists for this account in this region: {found.id}.")
    steps = _Steps(scope)
    vpc = steps.take(vpcs.create(steps.scope, vpcs.CreateVpc(CIDR, default=True), context))
    for zone in zones(context.region):
        steps.take(_subnet(steps.scope, vpc, zone, context))
    gateway = steps.take(internet_gateways.create(steps.scope, internet_gateways.CreateInternetGateway(), context))
    attach = internet_gateways.AttachInternetGateway(gateway.id, vpc.id)
    steps.take(internet_gateways.attach(steps.scope, attach, context))
    main = next(table for table in steps.scope.all(RouteTable) if table.vpc_id == vpc.id)
    steps.take(routes.create(steps.scope, routes.CreateRoute(main.id, _ANYWHERE, gateway.id), context))
    return Outcome(vpc, steps.changes)


def create_subnet(scope: Scope, command: CreateDefaultSubnet, context: Context) -> Outcome[Subnet]:
    """Refuses a region without a default VPC, and a second one in a zone."""
    if command.zone is None and command.zone_id is None:
        raise Missing("AvailabilityZone")
    zone = checked_zone(context.region, command.zone, command.zone_id)
    vpc = default_vpc(scope)
    if vpc is None:
        raise NoDefaultVpc("No default VPC exists for this account in this region. Make one with CreateDefaultVpc.")
    for subnet in default_subnets(scope, vpc):
        if subnet.zone == zone:
            raise DefaultSubnetExists(f"'{subnet.id}' is already the default subnet in {zone}.")
    return _subnet(scope, vpc, zone, context)


def _subnet(scope: Scope, vpc: Vpc, zone: str, context: Context) -> Outcome[Subnet]:
    cidr = next(_free(scope, vpc), None)
    if cidr is None:
        raise SubnetConflict(f"No /{SUBNET_PREFIX} of {vpc.cidr} is free for a default subnet. Delete a subnet first.")
    return subnets.create(scope, subnets.CreateSubnet(vpc.id, cidr, zone=zone, default=True), context)


def _free(scope: Scope, vpc: Vpc) -> Iterator[IPv4Network]:
    taken = [subnet.cidr for subnet in scope.all(Subnet) if subnet.vpc_id == vpc.id]
    for cidr in vpc.cidr.subnets(new_prefix=SUBNET_PREFIX):
        if not any(cidr.overlaps(other) for other in taken):
            yield cidr
