"""Changes of VPN connections that exist: a tunnel's options, its endpoint, the traffic selectors, the gateways.

A change is decided at once and rolled out one tunnel at a time (`rollout.py`); until then the connection is `modifying`
and takes no other change, as at AWS.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from ipaddress import IPv4Network
from typing import Final, TypeVar

from landbridge.control import customer_gateways, limits, tunnel_certificates, tunnel_options, tunnels
from landbridge.control.base import Command, Context, Outcome, Scope, put
from landbridge.control.rollout import begun, replaced, with_tunnel
from landbridge.control.tunnels import TunnelWish
from landbridge.control.vpn_connections import NOUN, check_asns, check_selectors, free_number
from landbridge.control.vpn_gateways import connections_of, usable_gateway
from landbridge.model.crypto import PhaseOptions
from landbridge.model.errors import (
    Combination,
    ConnectionExists,
    ConnectionUnavailable,
    CustomerGatewayUnavailable,
    InsideCidrInUse,
    NotFound,
)
from landbridge.model.in_force import numbers
from landbridge.model.resources import State
from landbridge.model.vpn import NO_LOG, Tunnel, TunnelLog, TunnelOptions, VpnConnection

BOTH: Final = (1, 2)
P = TypeVar("P", PhaseOptions, TunnelLog)


@dataclass(frozen=True, slots=True)
class ModifyTunnel(Command):
    """Change what the wish sets of one tunnel, and leave the rest. Reply: the VpnConnection.

    `skip_replacement`: that of EC2's SkipTunnelReplacement; None where it was not given.
    """

    vpn_connection_id: str
    number: int
    wish: TunnelWish
    skip_replacement: bool | None = None


@dataclass(frozen=True, slots=True)
class ReplaceTunnel(Command):
    """Make a tunnel's endpoint anew. Reply: the VpnConnection."""

    vpn_connection_id: str
    number: int


@dataclass(frozen=True, slots=True)
class ModifySelectors(Command):
    """Change the traffic selectors; None leaves one as it is. Reply: the VpnConnection."""

    vpn_connection_id: str
    customer_network: IPv4Network | None = None
    cloud_network: IPv4Network | None = None


@dataclass(frozen=True, slots=True)
class MoveVpnConnection(Command):
    """Move a connection to other gateways; None leaves one as it is. Reply: the VpnConnection."""

    vpn_connection_id: str
    vpn_gateway_id: str | None = None
    customer_gateway_id: str | None = None


def modify_tunnel(scope: Scope, command: ModifyTunnel, context: Context) -> Outcome[VpnConnection]:
    """Everything is checked as it will be, before anything changes. What is so already changes nothing."""
    connection = changeable(scope, command.vpn_connection_id)
    before, wish = connection.tunnels[command.number - 1], command.wish
    if command.skip_replacement is not None and wish.others.lifecycle_control is None:
        raise Combination("SkipTunnelReplacement goes with EnableTunnelLifecycleControl only. Leave it out.")
    options = merged(before.options, wish)
    tunnels.check_one(replace(wish, others=options))
    tunnel_options.check_policy(context.crypto_policy, wish.options)
    customer = customer_gateways.find(scope, connection.customer_gateway_id)
    if customer.certificate_arn:
        tunnel_certificates.check_wish(customer, replace(wish, others=options))
    after = replace(before, options=options, inside=wish.inside or before.inside)
    if wish.psk is not None:
        # The key that is in force already: from now on it alone.
        after = replace(after, psk=wish.psk, old_psk=None, old_psk_until=None)
        if wish.psk != before.psk and context.psk_grace and context.builds:
            after = replace(after, old_psk=before.psk, old_psk_until=context.now + context.psk_grace)
    if after.inside != before.inside:
        if after.inside == connection.tunnels[2 - command.number].inside:
            raise InsideCidrInUse(f"The other tunnel has the TunnelInsideCidr {after.inside}. Use another /30.")
        tunnels.check_inside_free(scope, connection, after.inside)
    changed = with_tunnel(connection, after)
    check_selectors(changed)
    switched = options.keeps_its_endpoint != before.options.keeps_its_endpoint
    if switched and command.skip_replacement and before.outdated_since is not None:
        raise Combination(
            "Maintenance of this tunnel's endpoint is pending: it cannot leave lifecycle control without being "
            "replaced. Leave SkipTunnelReplacement out, or use ReplaceVpnTunnel first."
        )
    if _at_the_endpoint(after) == _at_the_endpoint(before) and not (switched and not command.skip_replacement):
        return Outcome(changed, put(changed) if changed != connection else ())
    return rolled_out(context, connection, changed, (command.number,), anew=switched and not command.skip_replacement)


def _at_the_endpoint(tunnel: Tunnel) -> Tunnel:
    """What of a tunnel is in force at its endpoint. A key that ends before its time needs no rollout either."""
    options = replace(
        tunnel.options, lifecycle_control=None, pre_shared_key_set=False, inside_cidr_set=False, log=None, bgp_log=None
    )
    return replace(tunnel, options=options, old_psk=None, old_psk_until=None)


def merged(options: TunnelOptions, wish: TunnelWish) -> TunnelOptions:
    """The options with those in place of them that the wish sets."""

    def within(old: P, new: P) -> P:
        return replace(old, **{f.name: value for f in fields(new) if (value := getattr(new, f.name)) is not None})

    given = wish.options
    single = {
        each.name: value
        for each in fields(given)
        if each.name not in ("phase1", "phase2", "log", "bgp_log", "pre_shared_key_set", "inside_cidr_set")
        and (value := getattr(given, each.name)) is not None
    }
    return replace(
        options,
        phase1=within(options.phase1, given.phase1),
        phase2=within(options.phase2, given.phase2),
        log=options.log if given.log is None else within(options.log or NO_LOG, given.log),
        bgp_log=options.bgp_log if given.bgp_log is None else within(options.bgp_log or NO_LOG, given.bgp_log),
        pre_shared_key_set=options.pre_shared_key_set or given.pre_shared_key_set,
        inside_cidr_set=options.inside_cidr_set or given.inside_cidr_set,
        **single,
    )


def replace_tunnel(scope: Scope, command: ReplaceTunnel, context: Context) -> Outcome[VpnConnection]:
    """The endpoint keeps its outside address, its key and its options."""
    connection = changeable(scope, command.vpn_connection_id)
    return rolled_out(context, connection, connection, (command.number,), anew=True)


def modify_selectors(scope: Scope, command: ModifySelectors, context: Context) -> Outcome[VpnConnection]:
    """Of both tunnels, one after the other."""
    connection = changeable(scope, command.vpn_connection_id)
    changed = replace(
        connection,
        customer_network=connection.customer_network if command.customer_network is None else command.customer_network,
        cloud_network=connection.cloud_network if command.cloud_network is None else command.cloud_network,
    )
    check_selectors(changed)
    if changed == connection:
        return Outcome(connection)
    return rolled_out(context, connection, changed, BOTH)


def move(scope: Scope, command: MoveVpnConnection, context: Context) -> Outcome[VpnConnection]:
    """To gateways between which there is no other connection, with room and free inside addresses."""
    connection = changeable(scope, command.vpn_connection_id)
    gateway = usable_gateway(scope, command.vpn_gateway_id or connection.vpn_gateway_id)
    customer = customer_gateways.find(scope, command.customer_gateway_id or connection.customer_gateway_id)
    if customer.state is not State.AVAILABLE:
        raise CustomerGatewayUnavailable(
            f"The customer gateway {customer.id} is {customer.state}. Use one that is available."
        )
    if (gateway.id, customer.id) == (connection.vpn_gateway_id, connection.customer_gateway_id):
        return Outcome(connection)
    others = [each for each in connections_of(scope, gateway) if each.id != connection.id]
    for other in others:
        if other.customer_gateway_id == customer.id and other.state is not State.DELETING:
            raise ConnectionExists(
                f"The VPN connection {other.id} joins {gateway.id} and {customer.id} already. Delete it first, or use "
                "other gateways."
            )
    check_asns(gateway, customer, connection.static_only)
    number = connection.number
    if gateway.id != connection.vpn_gateway_id:
        context.limits.check(limits.VPN_CONNECTIONS_OF_GATEWAY, len(others), where=gateway.id)
        number = free_number({number for other in others for number in numbers(other)})
    moved = replace(connection, vpn_gateway_id=gateway.id, customer_gateway_id=customer.id, number=number)
    for tunnel in moved.tunnels:
        tunnels.check_inside_free(scope, moved, tunnel.inside)
    moved, others_too = tunnel_certificates.proved(scope, moved, customer, context)
    outcome = rolled_out(context, connection, moved, BOTH)
    return Outcome(outcome.reply, (*others_too, *outcome.changes))


def changeable(scope: Scope, vpn_connection_id: str) -> VpnConnection:
    """The connection, which is not being changed.

    Raises:
        NotFound, ConnectionUnavailable.
    """
    connection = scope.get(VpnConnection, vpn_connection_id, NOUN)
    if connection.state is State.DELETED:
        raise NotFound(NOUN, connection.id)
    if connection.state is not State.AVAILABLE:
        raise ConnectionUnavailable(
            f"The VPN connection {connection.id} is {connection.state}. Change it while it is available."
        )
    return connection


def rolled_out(
    context: Context, connection: VpnConnection, changed: VpnConnection, turn: tuple[int, ...], *, anew: bool = False
) -> Outcome[VpnConnection]:
    """The changed connection, to be put in force for these tunnels in this order. `anew`: by new endpoints."""
    if context.builds:
        changed = begun(connection, changed, turn, context.now, anew=anew)
    elif anew:
        changed = replaced(changed, turn[0], context.now)
    return Outcome(changed, put(changed))
