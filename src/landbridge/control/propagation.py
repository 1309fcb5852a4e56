"""Route propagation: which virtual private gateways fill a route table by themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace

from landbridge.control.base import Command, Context, Outcome, Scope, put
from landbridge.model.errors import GatewayNotAttached
from landbridge.model.network import RouteTable
from landbridge.model.resources import Attachment
from landbridge.model.vpn import VpnGateway


@dataclass(frozen=True, slots=True)
class EnableVgwRoutePropagation(Command):
    """From now on the table follows what the gateway knows. Reply: None."""

    route_table_id: str
    vpn_gateway_id: str


@dataclass(frozen=True, slots=True)
class DisableVgwRoutePropagation(Command):
    """The gateway's routes leave the table. Reply: None."""

    route_table_id: str
    vpn_gateway_id: str


def enable(scope: Scope, command: EnableVgwRoutePropagation, context: Context) -> Outcome[None]:
    """Refuses a gateway that is not attached to the table's VPC. Enabling twice changes nothing."""
    table = scope.get(RouteTable, command.route_table_id, "route-table")
    # Route tables call it a gateway, and so does the error.
    gateway = scope.get(VpnGateway, command.vpn_gateway_id, "gateway")
    attached = gateway.attachment in (Attachment.ATTACHING, Attachment.ATTACHED)
    if gateway.vpc_id != table.vpc_id or not attached:
        raise GatewayNotAttached(
            f"The virtual private gateway {gateway.id} is not attached to {table.vpc_id}, the VPC of the route table "
            f"{table.id}. Attach it first."
        )
    if gateway.id in table.propagating:
        return Outcome(None)
    return Outcome(None, put(replace(table, propagating=(*table.propagating, gateway.id))))


def disable(scope: Scope, command: DisableVgwRoutePropagation, context: Context) -> Outcome[None]:
    """Disabling what is not enabled changes nothing."""
    table = scope.get(RouteTable, command.route_table_id, "route-table")
    if command.vpn_gateway_id not in table.propagating:
        scope.get(VpnGateway, command.vpn_gateway_id, "gateway")
        return Outcome(None)
    left = tuple(gateway for gateway in table.propagating if gateway != command.vpn_gateway_id)
    return Outcome(None, put(replace(table, propagating=left)))
