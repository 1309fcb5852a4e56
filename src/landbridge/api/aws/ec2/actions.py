"""Every EC2 action that landbridge answers, as one visible list, and what holds for all of them."""

from __future__ import annotations

from collections.abc import Mapping

from landbridge.api.aws.ec2 import (
    account,
    addresses,
    customer_gateways,
    dhcp_options,
    group_rules,
    groups,
    instance_attributes,
    instances,
    interface_actions,
    interfaces,
    internet_gateways,
    machine_types,
    network_acls,
    none_here,
    paging,
    propagation,
    route_tables,
    subnets,
    tags,
    vpcs,
    vpn_connections,
    vpn_gateways,
    vpn_tunnels,
)
from landbridge.api.aws.ec2.door import Action, Desk, DryRunSucceeded, Params, Shape

ACTIONS: Mapping[str, Action] = {
    **account.ACTIONS,
    **vpcs.ACTIONS,
    **dhcp_options.ACTIONS,
    **subnets.ACTIONS,
    **route_tables.ACTIONS,
    **internet_gateways.ACTIONS,
    **instances.ACTIONS,
    **instance_attributes.ACTIONS,
    **machine_types.ACTIONS,
    **none_here.ACTIONS,
    **interfaces.ACTIONS,
    **interface_actions.ACTIONS,
    **addresses.ACTIONS,
    **groups.ACTIONS,
    **group_rules.ACTIONS,
    **network_acls.ACTIONS,
    **tags.ACTIONS,
    **vpn_gateways.ACTIONS,
    **customer_gateways.ACTIONS,
    **vpn_connections.ACTIONS,
    **vpn_tunnels.ACTIONS,
    **propagation.ACTIONS,
}


def carry_out(desk: Desk, action: str, params: Params) -> Shape:
    """The action's answer.

    Raises:
        LandbridgeError: it was refused; nothing has changed.
        DryRunSucceeded: it would have succeeded; nothing has changed.
    """
    reply = ACTIONS[action](desk, paging.opened(desk, action, params))
    if desk.dry_run:  # of an action that changes nothing; the others are left in `Desk.run`
        raise DryRunSucceeded
    return paging.closed(desk, action, params, reply)
