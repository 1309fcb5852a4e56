"""Every EC2 action that landbridge answers, as one visible list."""

from __future__ import annotations

from collections.abc import Mapping

from landbridge.api.aws.ec2 import (
    account,
    addresses,
    customer_gateways,
    group_rules,
    groups,
    instance_attributes,
    instances,
    interface_actions,
    interfaces,
    internet_gateways,
    machine_types,
    network_acls,
    propagation,
    route_tables,
    subnets,
    tags,
    vpcs,
    vpn_connections,
    vpn_gateways,
)
from landbridge.api.aws.ec2.door import Action

ACTIONS: Mapping[str, Action] = {
    **account.ACTIONS,
    **vpcs.ACTIONS,
    **subnets.ACTIONS,
    **route_tables.ACTIONS,
    **internet_gateways.ACTIONS,
    **instances.ACTIONS,
    **instance_attributes.ACTIONS,
    **machine_types.ACTIONS,
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
    **propagation.ACTIONS,
}
