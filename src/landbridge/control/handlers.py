"""Every command and the handler that carries it out, as one visible list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from landbridge.control import (
    access_keys,
    customer_gateways,
    instances,
    internet_gateways,
    lab,
    lifecycle,
    propagation,
    route_tables,
    routes,
    subnets,
    tags,
    vpcs,
    vpn_connections,
    vpn_gateways,
    vpn_routes,
)
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
    vpn_connections.SetVpnConnection: vpn_connections.set_vpn_connection,
    vpn_routes.CreateVpnConnectionRoute: vpn_routes.create,
    vpn_routes.DeleteVpnConnectionRoute: vpn_routes.delete,
    propagation.EnableVgwRoutePropagation: propagation.enable,
    propagation.DisableVgwRoutePropagation: propagation.disable,
    vpcs.CreateVpc: vpcs.create,
    vpcs.ModifyVpcAttribute: vpcs.modify,
    vpcs.DeleteVpc: vpcs.delete,
    subnets.CreateSubnet: subnets.create,
    subnets.ModifySubnetAttribute: subnets.modify,
    subnets.DeleteSubnet: subnets.delete,
    route_tables.CreateRouteTable: route_tables.create,
    route_tables.DeleteRouteTable: route_tables.delete,
    route_tables.AssociateRouteTable: route_tables.associate,
    route_tables.DisassociateRouteTable: route_tables.disassociate,
    route_tables.ReplaceRouteTableAssociation: route_tables.replace_association,
    routes.CreateRoute: routes.create,
    routes.ReplaceRoute: routes.replace_route,
    routes.DeleteRoute: routes.delete,
    internet_gateways.CreateInternetGateway: internet_gateways.create,
    internet_gateways.AttachInternetGateway: internet_gateways.attach,
    internet_gateways.DetachInternetGateway: internet_gateways.detach,
    internet_gateways.DeleteInternetGateway: internet_gateways.delete,
    instances.RunInstances: instances.run,
    instances.TerminateInstances: instances.terminate,
    tags.CreateTags: tags.create_tags,
    tags.DeleteTags: tags.delete_tags,
    lab.AddSite: lab.add_site,
    lab.RemoveSite: lab.remove_site,
    lab.AddHost: lab.add_host,
    lab.RemoveHost: lab.remove_host,
    access_keys.CreateAccessKey: access_keys.create,
    access_keys.DeleteAccessKey: access_keys.delete,
    access_keys.ListAccessKeys: access_keys.list_keys,
    lifecycle.MarkBuilt: lifecycle.mark_built,
    lifecycle.MarkGone: lifecycle.mark_gone,
    lifecycle.Expire: lifecycle.expire,
}


def handler_of(command: Command) -> Handler:
    """The handler of a command."""
    return HANDLERS[type(command)]
