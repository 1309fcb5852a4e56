"""Static routes of route tables: to an internet gateway, a virtual private gateway, or an interface in the VPC.

A route to an instance is one to its interface, which it has to have exactly one of.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Network

from landbridge.control import limits
from landbridge.control.base import Command, Context, Outcome, Scope, put
from landbridge.model.attached import interfaces_of
from landbridge.model.errors import (
    AmbiguousInstance,
    Invalid,
    NotFound,
    RouteExists,
    RouteNotFound,
    Unsupported,
)
from landbridge.model.instances import Instance, InstanceState, NetworkInterface
from landbridge.model.network import InternetGateway, Route, RouteTable, Subnet, Vpc
from landbridge.model.vpn import VpnGateway
from landbridge.routing.tables import leads_somewhere


@dataclass(frozen=True, slots=True)
class CreateRoute(Command):
    """A new route. `target` is the id of a gateway, an interface or an instance. Reply: None."""

    route_table_id: str
    destination: IPv4Network
    target: str


@dataclass(frozen=True, slots=True)
class ReplaceRoute(Command):
    """Another target for a route that is there. Reply: None."""

    route_table_id: str
    destination: IPv4Network
    target: str


@dataclass(frozen=True, slots=True)
class DeleteRoute(Command):
    """Take a static route away. Reply: None."""

    route_table_id: str
    destination: IPv4Network


def create(scope: Scope, command: CreateRoute, context: Context) -> Outcome[None]:
    """Refuses a destination that is there, or inside the VPC, and a target that is not of this VPC."""
    table = scope.get(RouteTable, command.route_table_id, "route-table")
    if _find(table, command.destination) is not None:
        raise RouteExists(f"The route identified by {command.destination} already exists.")
    _check_destination(scope, table, command.destination, command.target)
    target = _checked_target(scope, table, command.target)
    context.limits.check(limits.ROUTES, len(table.routes), where=table.id)
    route = Route(destination=command.destination, target=target)
    return Outcome(None, put(replace(table, routes=(*table.routes, route))))


def replace_route(scope: Scope, command: ReplaceRoute, context: Context) -> Outcome[None]:
    """Refuses what CreateRoute refuses, and a destination that is not there."""
    table = scope.get(RouteTable, command.route_table_id, "route-table")
    _check_destination(scope, table, command.destination, command.target)
    old = _find(table, command.destination)
    if old is None:
        raise Invalid(
            "DestinationCidrBlock",
            f"There is no route defined for '{command.destination}' in the route table {table.id}. Use CreateRoute.",
        )
    new = replace(old, target=_checked_target(scope, table, command.target))
    return Outcome(None, put(replace(table, routes=tuple(new if r is old else r for r in table.routes))))


def delete(scope: Scope, command: DeleteRoute, context: Context) -> Outcome[None]:
    """Refuses the local route. A propagated route is not deleted by hand: it follows its gateway."""
    table = scope.get(RouteTable, command.route_table_id, "route-table")
    vpc = scope.get(Vpc, table.vpc_id, "vpc")
    if command.destination in vpc.cidrs:
        raise Invalid(
            "DestinationCidrBlock", f"cannot remove local route {command.destination} in route table {table.id}"
        )
    route = _find(table, command.destination)
    if route is None:
        raise RouteNotFound(f"no route with destination-cidr-block {command.destination} in route table {table.id}")
    return Outcome(None, put(replace(table, routes=tuple(r for r in table.routes if r is not route))))


def _find(table: RouteTable, destination: IPv4Network) -> Route | None:
    return next((route for route in table.routes if route.destination == destination), None)


def _check_destination(scope: Scope, table: RouteTable, destination: IPv4Network, target: str) -> None:
    vpc = scope.get(Vpc, table.vpc_id, "vpc")
    if not vpc.holds(destination):
        return
    whole_subnet = any(s.vpc_id == vpc.id and s.cidr == destination for s in scope.all(Subnet))
    if target.startswith(("i-", "eni-")) and (whole_subnet or destination in vpc.cidrs):
        raise Unsupported(
            f"landbridge does not send traffic inside of a VPC through an instance: {destination} is in {vpc.id}."
        )
    raise Invalid(
        "DestinationCidrBlock",
        f"Destination CIDR block {destination} is equal to or more specific than one of this VPC's CIDR blocks "
        f"({', '.join(map(str, vpc.cidrs))}). This route can target only an interface or an instance.",
    )


def _checked_target(scope: Scope, table: RouteTable, target: str) -> str:
    """The id that the route keeps: an instance's is its interface's."""
    match target.partition("-")[0]:
        case "igw":
            scope.get(InternetGateway, target, "gateway")
        case "vgw":
            scope.get(VpnGateway, target, "gateway")
        case "i":
            return _checked_interface(table, _only_interface(scope, target)).id
        case "eni":
            return _checked_interface(table, scope.get(NetworkInterface, target, "network-interface")).id
        case _:
            raise NotFound("gateway", target)
    if not leads_somewhere(target, table.vpc_id, scope.snapshot):
        raise Invalid(
            "GatewayId",
            f"route table {table.id} and network gateway {target} belong to different networks. "
            f"Attach the gateway to {table.vpc_id} first.",
        )
    return target


def _only_interface(scope: Scope, instance_id: str) -> NetworkInterface:
    instance = scope.get(Instance, instance_id, "instance")
    if instance.state not in (InstanceState.PENDING, InstanceState.RUNNING):
        raise Invalid("InstanceId", f"Instance {instance.id} is {instance.state}. Use one that is running.")
    interfaces = interfaces_of(scope.snapshot, instance.id)
    if len(interfaces) != 1:
        raise AmbiguousInstance(
            f"There are multiple interfaces attached to instance '{instance.id}'. "
            "Please specify an interface ID for the operation instead."
        )
    return interfaces[0]


def _checked_interface(table: RouteTable, interface: NetworkInterface) -> NetworkInterface:
    if interface.vpc_id != table.vpc_id:
        raise Invalid(
            "NetworkInterfaceId",
            f"route table {table.id} and interface {interface.id} belong to different networks",
        )
    return interface
