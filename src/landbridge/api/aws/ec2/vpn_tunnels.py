"""Single tunnels of a VPN connection at the EC2 door, and changes of connections.

What AWS has and landbridge has not yet, is checked like everything else and then refused with a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from landbridge.api.aws.ec2 import vpn_connections
from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.params import address, checked_id, id_of, only, required
from landbridge.api.aws.ec2.vpn_option_values import STORAGES, check_connection
from landbridge.api.aws.ec2.vpn_options import CONNECTION_ANYWAY, check_in_force, selector, wish_of
from landbridge.control.base import Command
from landbridge.control.certificate_rotation import RotateTunnelCertificate
from landbridge.control.changes import ModifySelectors, ModifyTunnel, MoveVpnConnection, ReplaceTunnel
from landbridge.control.maintenance import applied_after
from landbridge.control.vpn_connections import NOUN
from landbridge.model.errors import Combination, ConnectionUnavailable, Invalid, Missing, NotFound, Unsupported
from landbridge.model.resources import State
from landbridge.model.vpn import Tunnel, VpnConnection
from landbridge.observe.negotiated import negotiated
from landbridge.observe.state import TunnelState

_MAKE_ANEW: Final = "Delete the VPN connection and make one as you want it."


# --- what is there ----------------------------------------------------------------------------------------------------


def _connection(desk: Desk, params: Params, *, available: bool = False) -> VpnConnection:
    """The connection that is named. `available`: one that could be changed."""
    connection: VpnConnection = desk.scope.get(VpnConnection, id_of(params, "VpnConnectionId", NOUN), NOUN)
    if connection.state is State.DELETED:
        raise NotFound(NOUN, connection.id)
    if available and connection.state is not State.AVAILABLE:
        raise ConnectionUnavailable(
            f"The VPN connection {connection.id} is {connection.state}. Change it while it is available."
        )
    return connection


def _tunnel(connection: VpnConnection, params: Params) -> Tunnel:
    name = "VpnTunnelOutsideIpAddress"
    outside = address(required(params, name), name)
    for tunnel in connection.tunnels:
        if tunnel.outside == outside:
            return tunnel
    raise Invalid(
        name,
        f"Value ({outside}) for parameter {name} is invalid. The tunnels of {connection.id} have "
        f"{' and '.join(str(tunnel.outside) for tunnel in connection.tunnels)}.",
    )


def active_status(desk: Desk, params: Params) -> Shape:
    """GetActiveVpnTunnelStatus: what a tunnel that carries traffic has negotiated; of one that does not, nothing."""
    only(params, "VpnConnectionId", "VpnTunnelOutsideIpAddress")
    connection = _connection(desk, params)
    tunnel = _tunnel(connection, params)
    faults = desk.observation.faults.get(connection.id, ())
    seen = desk.observation.tunnels.get((connection.id, tunnel.number)) or TunnelState(changed=connection.created)
    desk.reads()
    pending = None
    if connection.state is State.PENDING:
        pending = "The tunnel endpoints are being built."
    elif connection.change is not None and tunnel.number in connection.change.turn:
        pending = "The tunnel is being changed."
    status: Shape = {
        "ProvisioningStatus": "failed" if faults else "pending" if pending else "available",
        "ProvisioningStatusReason": " ".join(faults) or pending,
    }
    if not seen.suite or seen.esp is None:
        return {"ActiveVpnTunnelStatus": status}
    first, second = negotiated(seen.suite), negotiated(seen.esp.suite)
    return {
        "ActiveVpnTunnelStatus": status
        | {
            "IkeVersion": seen.ike_version,
            "Phase1EncryptionAlgorithm": first.encryption,
            "Phase1IntegrityAlgorithm": first.integrity,
            "Phase1DHGroup": first.group,
            "Phase2EncryptionAlgorithm": second.encryption,
            "Phase2IntegrityAlgorithm": second.integrity,
            "Phase2DHGroup": second.group,
            "Phase1AdditionalKeyExchanges": [],
            "Phase2AdditionalKeyExchanges": [],
        }
    }


def modify_options(desk: Desk, params: Params) -> Shape:
    """ModifyVpnConnectionOptions."""
    given = {name: value for name, value in params.items() if name != "VpnConnectionId"}
    connection = _connection(desk, params, available=True)
    check_connection(given)
    if not given:
        raise Missing("LocalIpv4NetworkCidr")
    for name in given:
        if name not in _SELECTORS and CONNECTION_ANYWAY.get(name) != given[name]:
            raise Unsupported(f"landbridge does not support changing the connection option {name} yet. {_MAKE_ANEW}")
    customer, cloud = (selector(given, name) if name in given else None for name in _SELECTORS)
    return _changed(desk, ModifySelectors(connection.id, customer, cloud))


_SELECTORS: Final = ("LocalIpv4NetworkCidr", "RemoteIpv4NetworkCidr")


def modify_connection(desk: Desk, params: Params) -> Shape:
    """ModifyVpnConnection."""
    only(params, "VpnConnectionId", "TransitGatewayId", "VpnGatewayId", "CustomerGatewayId")
    connection = _connection(desk, params, available=True)
    targets = [name for name in ("TransitGatewayId", "VpnGatewayId") if params.get(name)]
    if not targets and not params.get("CustomerGatewayId"):
        raise Missing("VpnGatewayId")
    if len(targets) > 1:
        raise Combination("A VPN connection has one target: give VpnGatewayId or TransitGatewayId, not both.")
    if params.get("TransitGatewayId"):
        raise _refused("transit gateways", "Give VpnGatewayId instead.")
    gateway, customer = params.get("VpnGatewayId"), params.get("CustomerGatewayId")
    return _changed(
        desk,
        MoveVpnConnection(
            connection.id,
            checked_id(gateway, "vpn-gateway") if gateway else None,
            customer or None,
        ),
    )


def modify_tunnel_options(desk: Desk, params: Params) -> Shape:
    """ModifyVpnTunnelOptions."""
    connection = _connection(desk, params, available=True)
    tunnel = _tunnel(connection, params)
    options: Params = required(params, "TunnelOptions")
    storage = params.get("PreSharedKeyStorage", STORAGES[0])
    if storage not in STORAGES:
        raise Invalid("PreSharedKeyStorage", f"A PreSharedKeyStorage is one of: {', '.join(STORAGES)}.")
    if storage != STORAGES[0]:
        raise Unsupported("landbridge does not support this PreSharedKeyStorage yet. Leave it out, or use Standard.")
    wish = wish_of(options)
    check_in_force(options)
    return _changed(desk, ModifyTunnel(connection.id, tunnel.number, wish, params.get("SkipTunnelReplacement")))


def _changed(desk: Desk, command: Command) -> Shape:
    return {"VpnConnection": vpn_connections.shown(desk, desk.run(command))}


def modify_certificate(desk: Desk, params: Params) -> Shape:
    """ModifyVpnTunnelCertificate."""
    only(params, "VpnConnectionId", "VpnTunnelOutsideIpAddress")
    connection = _connection(desk, params, available=True)
    return _changed(desk, RotateTunnelCertificate(connection.id, _tunnel(connection, params).outside))


def replace_tunnel(desk: Desk, params: Params) -> Shape:
    """ReplaceVpnTunnel. A new endpoint has all maintenance, whether that is asked for or not."""
    only(params, "VpnConnectionId", "VpnTunnelOutsideIpAddress", "ApplyPendingMaintenance")
    connection = _connection(desk, params, available=True)
    desk.run(ReplaceTunnel(connection.id, _tunnel(connection, params).number))
    return {"Return": True}


def replacement_status(desk: Desk, params: Params) -> Shape:
    """GetVpnTunnelReplacementStatus."""
    only(params, "VpnConnectionId", "VpnTunnelOutsideIpAddress")
    connection = _connection(desk, params)
    tunnel = _tunnel(connection, params)
    desk.reads()
    return {
        "VpnConnectionId": connection.id,
        "CustomerGatewayId": connection.customer_gateway_id,
        "VpnGatewayId": connection.vpn_gateway_id,
        "VpnTunnelOutsideIpAddress": str(tunnel.outside),
        "MaintenanceDetails": {
            "PendingMaintenance": "Available" if tunnel.outdated_since is not None else "None",
            "MaintenanceAutoAppliedAfter": applied_after(tunnel),
            "LastMaintenanceApplied": tunnel.maintained,
        },
    }


# --- what is not there yet --------------------------------------------------------------------------------------------


def _refused(what: str, instead: str) -> Unsupported:
    return Unsupported(f"landbridge does not support {what} yet. {instead}")


_THE_XML: Final = "Use the CustomerGatewayConfiguration of DescribeVpnConnections."


def device_types(desk: Desk, params: Params) -> Shape:
    """GetVpnConnectionDeviceTypes."""
    raise _refused("vendors' configuration files", _THE_XML)


def sample_configuration(desk: Desk, params: Params) -> Shape:
    """GetVpnConnectionDeviceSampleConfiguration."""
    _connection(desk, params)
    required(params, "VpnConnectionDeviceTypeId")
    for name, known in (
        ("InternetKeyExchangeVersion", ("ikev1", "ikev2")),
        ("SampleType", ("compatibility", "recommended")),
    ):
        if params.get(name, known[0]) not in known:
            raise Invalid(
                name, f"Value ({params[name][:40]}) for parameter {name} is invalid. Use {' or '.join(known)}."
            )
    raise _refused("vendors' configuration files", _THE_XML)


def concentrators(desk: Desk, params: Params) -> Shape:
    """CreateVpnConcentrator, DescribeVpnConcentrators, DeleteVpnConcentrator."""
    raise _refused("VPN concentrators", "Use a virtual private gateway.")


ACTIONS: Final[Mapping[str, Action]] = {
    "GetActiveVpnTunnelStatus": active_status,
    "ModifyVpnConnectionOptions": modify_options,
    "ModifyVpnConnection": modify_connection,
    "ModifyVpnTunnelOptions": modify_tunnel_options,
    "ModifyVpnTunnelCertificate": modify_certificate,
    "ReplaceVpnTunnel": replace_tunnel,
    "GetVpnTunnelReplacementStatus": replacement_status,
    "GetVpnConnectionDeviceTypes": device_types,
    "GetVpnConnectionDeviceSampleConfiguration": sample_configuration,
    "CreateVpnConcentrator": concentrators,
    "DescribeVpnConcentrators": concentrators,
    "DeleteVpnConcentrator": concentrators,
}
