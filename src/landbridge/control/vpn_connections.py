"""VPN connections: made with two tunnels between two gateways, set to carry packets in another way, and deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import Final

from landbridge.control import customer_gateways, limits, tunnel_certificates, tunnel_options, tunnels
from landbridge.control.base import Command, Context, Outcome, Scope, put
from landbridge.control.tags import checked
from landbridge.control.tunnels import TunnelWish, Wishes
from landbridge.control.vpn_gateways import connections_of, usable_gateway
from landbridge.model.crypto import IkeVersion
from landbridge.model.errors import (
    Combination,
    ConnectionExists,
    CustomerGatewayUnavailable,
    NotFound,
    Unsupported,
    WrongState,
)
from landbridge.model.ids import new_id
from landbridge.model.in_force import numbers
from landbridge.model.resources import State, Tags
from landbridge.model.snapshot import Index
from landbridge.model.vpn import ANYWHERE, LIVE, CustomerGateway, TunnelOptions, VpnConnection, VpnGateway

NOUN: Final = "vpn-connection"
_DELETED: Final = Index(VpnConnection, lambda c: ((c.account, c.region),) if c.state is State.DELETED else ())


@dataclass(frozen=True, slots=True)
class CreateVpnConnection(Command):
    """A new connection. Reply: the VpnConnection; the existing one, if the same request made it."""

    vpn_gateway_id: str
    customer_gateway_id: str
    static_only: bool = False
    wishes: Wishes = (TunnelWish(), TunnelWish())
    tags: Tags = ()
    customer_network: IPv4Network = ANYWHERE
    cloud_network: IPv4Network = ANYWHERE


@dataclass(frozen=True, slots=True)
class DeleteVpnConnection(Command):
    """Delete a connection with its tunnels and static routes. Reply: None."""

    vpn_connection_id: str


@dataclass(frozen=True, slots=True)
class SetVpnConnection(Command):
    """How a connection carries packets, beyond what EC2 lets one choose; None leaves it as it is.

    Reply: the VpnConnection.
    """

    vpn_connection_id: str
    clear_df: bool | None = None
    force_udp: bool | None = None


def create(scope: Scope, command: CreateVpnConnection, context: Context) -> Outcome[VpnConnection]:
    """Everything about the wishes, the two gateways and the limits is checked before anything is allotted."""
    tunnels.check(command.wishes)
    for wish in command.wishes:
        tunnel_options.check_policy(context.crypto_policy, wish.options)
    _check_wished_selectors(command)
    gateway = usable_gateway(scope, command.vpn_gateway_id)
    customer = customer_gateways.find(scope, command.customer_gateway_id)
    if customer.state is not State.AVAILABLE:
        raise CustomerGatewayUnavailable(
            f"The customer gateway {customer.id} is {customer.state}. Use one that is available."
        )
    if customer.certificate_arn:
        tunnel_certificates.check(scope, customer, command.wishes, context)
    siblings = list(connections_of(scope, gateway))
    for sibling in siblings:
        # One that is being deleted is no obstacle: the new one shares nothing with it.
        if sibling.customer_gateway_id == customer.id and sibling.state is not State.DELETING:
            return _repeated(sibling, command)
    check_asns(gateway, customer, command.static_only)
    context.limits.check(limits.VPN_CONNECTIONS_OF_GATEWAY, len(siblings), where=gateway.id)
    deleted = len(scope.snapshot.having(_DELETED, (scope.account, scope.region)))
    context.limits.check(limits.VPN_CONNECTIONS, scope.count(VpnConnection) - deleted)
    connection = VpnConnection(
        id=new_id("vpn", context.entropy),
        account=context.account,
        region=context.region,
        tags=checked(command.tags),
        created=context.now,
        vpn_gateway_id=gateway.id,
        customer_gateway_id=customer.id,
        number=free_number({number for sibling in siblings for number in numbers(sibling)}),
        static_only=command.static_only,
        tunnels=tunnels.allot(
            scope,
            context,
            vpn_gateway_id=gateway.id,
            customer_gateway_id=customer.id,
            wishes=command.wishes,
        ),
        customer_network=command.customer_network,
        cloud_network=command.cloud_network,
        state=State.PENDING if context.builds else State.AVAILABLE,
    )
    if not customer.certificate_arn:
        return Outcome(connection, put(connection))
    connection, others = tunnel_certificates.certified(scope, connection, context)
    return Outcome(connection, (*others, *put(connection)))


def _check_wished_selectors(command: CreateVpnConnection) -> None:
    everything = command.customer_network.prefixlen == command.cloud_network.prefixlen == 0
    _check_selectors([wish.options for wish in command.wishes], everything, command.static_only)


def check_selectors(connection: VpnConnection) -> None:
    """Whether the traffic selectors go with the tunnels' options.

    Raises:
        Unsupported.
    """
    everything = connection.customer_network.prefixlen == connection.cloud_network.prefixlen == 0
    _check_selectors([tunnel.options for tunnel in connection.tunnels], everything, connection.static_only)


def _check_selectors(options: Sequence[TunnelOptions], everything: bool, static_only: bool) -> None:
    """IKEv1 has one traffic selector on each side: there is none left for the ends of the tunnel."""
    only_ikev1 = any(each.ike_versions == (IkeVersion.IKEV1,) for each in options)
    if only_ikev1 and not everything and not static_only:
        raise Unsupported(
            "With IKEv1 alone BGP does not pass a tunnel whose LocalIpv4NetworkCidr or RemoteIpv4NetworkCidr is not "
            "0.0.0.0/0. Leave these out, add ikev2 to IKEVersions, or use StaticRoutesOnly."
        )


def _repeated(existing: VpnConnection, command: CreateVpnConnection) -> Outcome[VpnConnection]:
    same = (
        existing.static_only == command.static_only
        and (existing.customer_network, existing.cloud_network) == (command.customer_network, command.cloud_network)
        and all(wish.grants(tunnel) for wish, tunnel in zip(command.wishes, existing.tunnels, strict=True))
    )
    if not same:
        raise ConnectionExists(
            f"The VPN connection {existing.id} joins {existing.vpn_gateway_id} and {existing.customer_gateway_id} "
            "already, with other options. Delete it first, or use another customer gateway."
        )
    tagged = replace(existing, tags=checked((dict(existing.tags) | dict(command.tags)).items()))
    return Outcome(tagged, put(tagged) if tagged != existing else ())


def check_asns(gateway: VpnGateway, customer: CustomerGateway, static_only: bool) -> None:
    """Whether the two can speak BGP with each other, where they have to.

    Raises:
        Combination.
    """
    if not static_only and gateway.asn == customer.asn:
        raise Combination(
            f"The customer gateway {customer.id} and the virtual private gateway {gateway.id} both have the ASN "
            f"{gateway.asn}. BGP needs two different ones: use another customer gateway, or StaticRoutesOnly."
        )


def free_number(taken: set[int]) -> int:
    """The least number that none of a virtual private gateway's connections has."""
    return next(number for number in range(1, len(taken) + 2) if number not in taken)


def delete(scope: Scope, command: DeleteVpnConnection, context: Context) -> Outcome[None]:
    """Deleting one that is being deleted changes nothing."""
    connection = scope.get(VpnConnection, command.vpn_connection_id, NOUN)
    match connection.state:
        case State.DELETED:
            raise NotFound(NOUN, connection.id)
        case State.DELETING:
            return Outcome(None)
        case _:
            pass
    whole = replace(connection, change=None)
    if context.builds:
        gone = replace(whole, state=State.DELETING)
    else:
        gone = replace(whole, state=State.DELETED, deleted=context.now)
    return Outcome(None, put(gone))


def set_vpn_connection(scope: Scope, command: SetVpnConnection, context: Context) -> Outcome[VpnConnection]:
    """What is so already changes nothing."""
    connection = scope.get(VpnConnection, command.vpn_connection_id, NOUN)
    if connection.state not in LIVE:
        raise WrongState(f"The VPN connection {connection.id} is {connection.state}: it carries no packets.")
    changed = replace(
        connection,
        clear_df=connection.clear_df if command.clear_df is None else command.clear_df,
        force_udp=connection.force_udp if command.force_udp is None else command.force_udp,
    )
    return Outcome(changed, put(changed) if changed != connection else ())
