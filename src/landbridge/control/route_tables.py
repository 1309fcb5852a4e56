"""Route tables and which subnets follow them. Every VPC has one main table; subnets without their own follow that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from landbridge.control import limits, tags, tokens
from landbridge.control.base import Command, Context, Outcome, Scope, put, remove
from landbridge.model.errors import AlreadyAssociated, Dependency, Invalid, NotFound
from landbridge.model.ids import new_id
from landbridge.model.network import Association, RouteTable, Subnet, Vpc
from landbridge.model.resources import Tags
from landbridge.routing.tables import free_number

NOUN: Final = "route-table"


@dataclass(frozen=True, slots=True)
class CreateRouteTable(Command):
    """A new table with nothing but the local route. Reply: the RouteTable."""

    vpc_id: str
    tags: Tags = ()
    client_token: str = ""


@dataclass(frozen=True, slots=True)
class DeleteRouteTable(Command):
    """Delete a table that is not the main one and that no subnet follows. Reply: None."""

    route_table_id: str


@dataclass(frozen=True, slots=True)
class AssociateRouteTable(Command):
    """Let a subnet follow a table. Reply: the Association."""

    route_table_id: str
    subnet_id: str


@dataclass(frozen=True, slots=True)
class DisassociateRouteTable(Command):
    """Let a subnet follow the main table again. Reply: None."""

    association_id: str


@dataclass(frozen=True, slots=True)
class ReplaceRouteTableAssociation(Command):
    """Let what follows one table follow another; with the main association the other becomes the main table.

    Reply: the new Association.
    """

    association_id: str
    route_table_id: str


def create(scope: Scope, command: CreateRouteTable, context: Context) -> Outcome[RouteTable]:
    """Gives the table a kernel number that no other table of the VPC has."""
    vpc = scope.get(Vpc, command.vpc_id, "vpc")
    wanted_tags = tags.checked(command.tags)
    if before := tokens.repeated(scope.all(RouteTable), command.client_token, command):
        return Outcome(before[0])
    siblings = [table for table in scope.all(RouteTable) if table.vpc_id == vpc.id]
    context.limits.check(limits.ROUTE_TABLES, len(siblings), where=vpc.id)
    table = RouteTable(
        id=new_id("rtb", context.entropy),
        account=context.account,
        region=context.region,
        tags=wanted_tags,
        created=context.now,
        vpc_id=vpc.id,
        number=free_number(sibling.number for sibling in siblings),
        client_token=command.client_token,
        request=tokens.digest(command),
    )
    return Outcome(table, put(table))


def delete(scope: Scope, command: DeleteRouteTable, context: Context) -> Outcome[None]:
    """Refuses the main table and tables that subnets follow."""
    table = scope.get(RouteTable, command.route_table_id, NOUN)
    if table.associations:
        why = "it is the main route table" if table.main else f"{table.associations[0].subnet_id} follows it"
        raise Dependency(f"The routeTable '{table.id}' has dependencies and cannot be deleted: {why}.")
    return Outcome(None, remove(table))


def associate(scope: Scope, command: AssociateRouteTable, context: Context) -> Outcome[Association]:
    """Refuses a subnet of another VPC, or one that follows another table. Asking again changes nothing."""
    table = scope.get(RouteTable, command.route_table_id, NOUN)
    subnet = scope.get(Subnet, command.subnet_id, "subnet")
    if subnet.vpc_id != table.vpc_id:
        raise Invalid("SubnetId", f"route table {table.id} and subnet {subnet.id} belong to different networks")
    for other in scope.all(RouteTable):
        for association in other.associations:
            if association.subnet_id != subnet.id:
                continue
            if other.id == table.id:
                return Outcome(association)
            raise AlreadyAssociated(
                f"the specified association for route table {table.id} conflicts with an existing association: "
                f"{subnet.id} follows {other.id} ({association.id}). Replace that association."
            )
    association = Association(id=new_id("rtbassoc", context.entropy), subnet_id=subnet.id)
    return Outcome(association, put(replace(table, associations=(*table.associations, association))))


def disassociate(scope: Scope, command: DisassociateRouteTable, context: Context) -> Outcome[None]:
    """Refuses the main association: there is always a main table."""
    table, association = _association(scope, command.association_id)
    if association.subnet_id is None:
        raise Invalid(
            "AssociationId",
            f"cannot disassociate the main route table association {association.id}. Replace it instead.",
        )
    return Outcome(None, put(_without(table, association)))


def replace_association(scope: Scope, command: ReplaceRouteTableAssociation, context: Context) -> Outcome[Association]:
    """Refuses a table of another VPC."""
    old, association = _association(scope, command.association_id)
    table = scope.get(RouteTable, command.route_table_id, NOUN)
    if table.vpc_id != old.vpc_id:
        raise Invalid(
            "RouteTableId", f"route table {table.id} and association {association.id} belong to different networks"
        )
    moved = Association(id=new_id("rtbassoc", context.entropy), subnet_id=association.subnet_id)
    left = _without(old, association)
    if table.id == old.id:
        return Outcome(moved, put(replace(left, associations=(*left.associations, moved))))
    return Outcome(moved, put(left, replace(table, associations=(*table.associations, moved))))


def _association(scope: Scope, association_id: str) -> tuple[RouteTable, Association]:
    for table in scope.all(RouteTable):
        for association in table.associations:
            if association.id == association_id:
                return table, association
    raise NotFound("association", association_id)


def _without(table: RouteTable, association: Association) -> RouteTable:
    return replace(table, associations=tuple(a for a in table.associations if a.id != association.id))
