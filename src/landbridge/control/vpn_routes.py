"""Static routes of a VPN connection: the prefixes that lie behind a customer gateway that speaks no BGP."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import Final

from landbridge.control import limits
from landbridge.control.base import Command, Context, Outcome, Scope, put
from landbridge.control.vpn_connections import NOUN
from landbridge.model.errors import (
    ConnectionIsDynamic,
    ConnectionRouteNotFound,
    ConnectionUnavailable,
    Invalid,
    NotFound,
)
from landbridge.model.network import Vpc
from landbridge.model.resources import State
from landbridge.model.vpn import StaticRoute, VpnConnection, VpnGateway

_NEVER: Final = tuple(
    IPv4Network(n) for n in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")
)


@dataclass(frozen=True, slots=True)
class CreateVpnConnectionRoute(Command):
    """The customer gateway leads to this prefix. Reply: None."""

    vpn_connection_id: str
    destination: IPv4Network


@dataclass(frozen=True, slots=True)
class DeleteVpnConnectionRoute(Command):
    """It does not any more. Reply: None."""

    vpn_connection_id: str
    destination: IPv4Network


def create(scope: Scope, command: CreateVpnConnectionRoute, context: Context) -> Outcome[None]:
    """A route that is there already changes nothing."""
    connection = _static_connection(scope, command.vpn_connection_id)
    live = [route for route in connection.routes if route.state in (State.PENDING, State.AVAILABLE)]
    if any(route.destination == command.destination for route in live):
        return Outcome(None)
    _check_destination(scope, connection, command.destination)
    context.limits.check(limits.STATIC_ROUTES, len(live), where=connection.id)
    route = StaticRoute(
        destination=command.destination,
        state=State.PENDING if context.builds else State.AVAILABLE,
    )
    others = tuple(known for known in connection.routes if known.destination != command.destination)
    return Outcome(None, put(replace(connection, routes=(*others, route))))


def delete(scope: Scope, command: DeleteVpnConnectionRoute, context: Context) -> Outcome[None]:
    """Deleting one that is being deleted changes nothing."""
    connection = _static_connection(scope, command.vpn_connection_id)
    for index, route in enumerate(connection.routes):
        if route.destination != command.destination or route.state is State.DELETED:
            continue
        if route.state is State.DELETING:
            return Outcome(None)
        if context.builds:
            gone = replace(route, state=State.DELETING)
        else:
            gone = replace(route, state=State.DELETED, deleted=context.now)
        routes = (*connection.routes[:index], gone, *connection.routes[index + 1 :])
        return Outcome(None, put(replace(connection, routes=routes)))
    raise ConnectionRouteNotFound(
        f"The VPN connection {connection.id} has no static route to {command.destination}. "
        "DescribeVpnConnections lists those it has."
    )


def _static_connection(scope: Scope, vpn_connection_id: str) -> VpnConnection:
    connection = scope.get(VpnConnection, vpn_connection_id, NOUN)
    if connection.state is State.DELETED:
        raise NotFound(NOUN, connection.id)
    if not connection.static_only:
        raise ConnectionIsDynamic(
            f"The VPN connection {connection.id} learns its routes by BGP and takes no static routes. "
            "Announce the prefix from the customer gateway, or make a connection with StaticRoutesOnly."
        )
    if connection.state is not State.AVAILABLE:
        raise ConnectionUnavailable(
            f"The VPN connection {connection.id} is {connection.state}. Change its routes while it is available."
        )
    return connection


def _check_destination(scope: Scope, connection: VpnConnection, destination: IPv4Network) -> None:
    if any(destination.subnet_of(network) for network in _NEVER):
        raise Invalid(
            "DestinationCidrBlock",
            f"{destination} cannot lie behind a customer gateway. Give a prefix of the customer's network.",
        )
    gateway = scope.find(VpnGateway, connection.vpn_gateway_id)
    vpc = scope.find(Vpc, gateway.vpc_id) if gateway is not None and gateway.vpc_id is not None else None
    if vpc is not None and vpc.holds(destination):
        raise Invalid(
            "DestinationCidrBlock",
            f"{destination} belongs to {vpc.id}, the VPC of this connection "
            f"({', '.join(map(str, vpc.cidrs))}), which always comes first. "
            "Give a prefix of the customer's network.",
        )
