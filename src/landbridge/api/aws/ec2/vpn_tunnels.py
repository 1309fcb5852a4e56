"""Single tunnels of a VPN connection at the EC2 door, and changes of connections: what was negotiated is shown; what
AWS can change and landbridge cannot yet, is checked like everything else and then refused with a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from landbridge.api.aws.ec2 import vpn_connections
from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.params import address, checked_id, id_of, only, required
from landbridge.api.aws.ec2.vpn_option_values import STORAGES, check_connection
from landbridge.api.aws.ec2.vpn_options import CONNECTION_ANYWAY, selector, wish_of
from landbridge.control import customer_gateways, tunnels
from landbridge.control.tunnel_certificates import RotateTunnelCertificate
from landbridge.control.tunnels import TunnelWish
from landbridge.control.vpn_connections import NOUN
from landbridge.control.vpn_gateways import usable_gateway
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
    pending = connection.state is State.PENDING
    status: Shape = {
        "ProvisioningStatus": "failed" if faults else "pending" if pending else "available",
        "ProvisioningStatusReason": " ".join(faults) or ("The tunnel endpoints are being built." if pending else None),
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
    """ModifyVpnConnectionOptions: to what is so anyway."""
    given = {name: value for name, value in params.items() if name != "VpnConnectionId"}
    connection = _connection(desk, params, available=True)
    check_connection(given)
    if not given:
        raise Missing("LocalIpv4NetworkCidr")
    for name in given:
        if not _so_anyway(connection, given, name):
            raise Unsupported(f"landbridge does not support changing the connection option {name} yet. {_MAKE_ANEW}")
    desk.reads()
    return {"VpnConnection": vpn_connections.shape(desk, connection)}


def _so_anyway(connection: VpnConnection, given: Params, name: str) -> bool:
    match name:
        case "LocalIpv4NetworkCidr":
            return selector(given, name) == connection.customer_network
        case "RemoteIpv4NetworkCidr":
            return selector(given, name) == connection.cloud_network
        case _:
            return bool(CONNECTION_ANYWAY.get(name) == given[name])


# --- what is not there yet --------------------------------------------------------------------------------------------


def _refused(what: str, instead: str) -> Unsupported:
    return Unsupported(f"landbridge does not support {what} yet. {instead}")


def modify_connection(desk: Desk, params: Params) -> Shape:
    """ModifyVpnConnection."""
    _connection(desk, params, available=True)
    targets = [name for name in ("TransitGatewayId", "VpnGatewayId") if params.get(name)]
    if not targets and not params.get("CustomerGatewayId"):
        raise Missing("VpnGatewayId")
    if len(targets) > 1:
        raise Combination("A VPN connection has one target: give VpnGatewayId or TransitGatewayId, not both.")
    if params.get("CustomerGatewayId"):
        customer_gateways.find(desk.scope, params["CustomerGatewayId"])
    if params.get("VpnGatewayId"):
        usable_gateway(desk.scope, checked_id(params["VpnGatewayId"], "vpn-gateway"))
    raise _refused("moving a VPN connection to other gateways", _MAKE_ANEW)


def modify_tunnel_options(desk: Desk, params: Params) -> Shape:
    """ModifyVpnTunnelOptions."""
    _tunnel(_connection(desk, params, available=True), params)
    options: Params = required(params, "TunnelOptions")
    if params.get("PreSharedKeyStorage", STORAGES[0]) not in STORAGES:
        raise Invalid("PreSharedKeyStorage", f"A PreSharedKeyStorage is one of: {', '.join(STORAGES)}.")
    if "SkipTunnelReplacement" in params and "EnableTunnelLifecycleControl" not in options:
        raise Combination("SkipTunnelReplacement goes with EnableTunnelLifecycleControl only. Leave it out.")
    tunnels.check((wish_of(options), TunnelWish()))
    raise _refused("changing a tunnel's options", _MAKE_ANEW)


def modify_certificate(desk: Desk, params: Params) -> Shape:
    """ModifyVpnTunnelCertificate."""
    only(params, "VpnConnectionId", "VpnTunnelOutsideIpAddress")
    connection = _connection(desk, params, available=True)
    changed = desk.run(RotateTunnelCertificate(connection.id, _tunnel(connection, params).outside))
    return {"VpnConnection": vpn_connections.shape(desk, vpn_connections.as_seen(desk, changed))}


def replace_tunnel(desk: Desk, params: Params) -> Shape:
    """ReplaceVpnTunnel."""
    _tunnel(_connection(desk, params, available=True), params)
    raise _refused("replacing a tunnel's endpoint on demand", "A dead endpoint is replaced by itself.")


def replacement_status(desk: Desk, params: Params) -> Shape:
    """GetVpnTunnelReplacementStatus."""
    _tunnel(_connection(desk, params), params)
    raise _refused("a tunnel's maintenance status", "There is no pending maintenance.")


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
