"""Every command and the handler that carries it out, as one visible list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from landbridge.control import customer_gateways, propagation, vpn_connections, vpn_gateways, vpn_routes
from landbridge.control.base import Command, Context, Outcome, Scope

Handler = Callable[[Scope, Any, Context], Outcome[Any]]

HANDLERS: Mapping[type[Command], Handler] = {
    vpn_gateways.CreateVpnGateway: vpn_gateways.create,
    vpn_gateways.AttachVpnGateway: vpn_gateways.attach,
    vpn_gateways.DetachVpnGateway: vpn_gateways.detach,
    vpn_gateways.DeleteVpnGateway: vpn_gateways.delete,
    customer_gateways.CreateCustomerGateway: customer_gateways.create,
    customer_gateways.DeleteCustomerGateway: customer_gateways.delete,
    vpn_connections.CreateVpnConnection: vpn_connections.create,
    vpn_connections.DeleteVpnConnection: vpn_connections.delete,
    vpn_routes.CreateVpnConnectionRoute: vpn_routes.create,
    vpn_routes.DeleteVpnConnectionRoute: vpn_routes.delete,
    propagation.EnableVgwRoutePropagation: propagation.enable,
    propagation.DisableVgwRoutePropagation: propagation.disable,
}


def handler_of(command: Command) -> Handler:
    """The handler of a command."""
    return HANDLERS[type(command)]
