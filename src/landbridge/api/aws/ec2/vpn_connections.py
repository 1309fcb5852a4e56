"""VPN connections and their static routes at the EC2 door."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, select, yes
from landbridge.api.aws.ec2.params import id_of, ids_of, network_of, only, tag_list, tags_of
from landbridge.api.aws.ec2.vpn_gateways import TYPE, check_type
from landbridge.api.aws.ec2.vpn_option_values import STORAGES
from landbridge.api.aws.ec2.vpn_options import BANDWIDTH, INSIDE_VERSION, OUTSIDE_TYPE, selector, wishes_of
from landbridge.control.base import Scope
from landbridge.control.certificates import authority_of
from landbridge.control.vpn_connections import NOUN, CreateVpnConnection, DeleteVpnConnection
from landbridge.control.vpn_routes import CreateVpnConnectionRoute, DeleteVpnConnectionRoute
from landbridge.desired import device_file
from landbridge.model.crypto import Algorithm, CryptoPolicy, PhaseOptions
from landbridge.model.errors import Invalid, Unsupported
from landbridge.model.secret import Secret
from landbridge.model.vpn import LIVE, CustomerGateway, Tunnel, TunnelOptions, VpnConnection, VpnGateway
from landbridge.observe.state import Observation, TunnelState

CATEGORY: Final = "VPN"
REDACTED: Final = "REDACTED"


def create(desk: Desk, params: Params) -> Shape:
    """CreateVpnConnection."""
    for name in ("TransitGatewayId", "VpnConcentratorId"):
        if params.get(name):
            raise Unsupported(f"landbridge does not support {name} yet. Give VpnGatewayId instead.")
    storage = params.get("PreSharedKeyStorage", STORAGES[0])
    if storage not in STORAGES:
        raise Invalid("PreSharedKeyStorage", f"A PreSharedKeyStorage is one of: {', '.join(STORAGES)}.")
    if storage != STORAGES[0]:
        raise Unsupported("landbridge does not support this PreSharedKeyStorage yet. Leave it out, or use Standard.")
    only(
        params,
        *("CustomerGatewayId", "VpnGatewayId", "Type", "Options", "TagSpecifications"),
        *("TransitGatewayId", "VpnConcentratorId", "PreSharedKeyStorage"),
    )
    check_type(params)
    options = params.get("Options") or {}
    connection = desk.run(
        CreateVpnConnection(
            vpn_gateway_id=id_of(params, "VpnGatewayId", "vpn-gateway"),
            customer_gateway_id=id_of(params, "CustomerGatewayId", "customer-gateway"),
            static_only=options.get("StaticRoutesOnly", False),
            wishes=wishes_of(options),
            customer_network=selector(options, "LocalIpv4NetworkCidr"),
            cloud_network=selector(options, "RemoteIpv4NetworkCidr"),
            tags=tags_of(params, NOUN),
        ),
    )
    return {"VpnConnection": shown(desk, connection)}


def delete(desk: Desk, params: Params) -> Shape:
    """DeleteVpnConnection."""
    only(params, "VpnConnectionId")
    desk.run(DeleteVpnConnection(id_of(params, "VpnConnectionId", NOUN)))
    return {}


def create_route(desk: Desk, params: Params) -> Shape:
    """CreateVpnConnectionRoute."""
    only(params, "VpnConnectionId", "DestinationCidrBlock")
    destination = network_of(params, "DestinationCidrBlock")
    desk.run(CreateVpnConnectionRoute(id_of(params, "VpnConnectionId", NOUN), destination))
    return {}


def delete_route(desk: Desk, params: Params) -> Shape:
    """DeleteVpnConnectionRoute."""
    only(params, "VpnConnectionId", "DestinationCidrBlock")
    destination = network_of(params, "DestinationCidrBlock")
    desk.run(DeleteVpnConnectionRoute(id_of(params, "VpnConnectionId", NOUN), destination))
    return {}


def describe(desk: Desk, params: Params) -> Shape:
    """DescribeVpnConnections. No pages: the model has none."""
    only(params, "VpnConnectionIds", "Filters")
    ids = ids_of(params, "VpnConnectionIds", NOUN)
    scope = desk.scope
    named = [scope.get(VpnConnection, i, NOUN) for i in ids] if ids else scope.all(VpnConnection)
    found = [_as_seen(desk, connection) for connection in named]  # before filters: they would tell keys by guessing
    chosen = select(found, params.get("Filters"), _filters(desk), lambda connection: connection.tags)
    desk.reads()
    return {"VpnConnections": [shape(desk, connection) for connection in chosen]}


def shown(desk: Desk, connection: VpnConnection) -> Shape:
    """A connection as the caller may see it."""
    return shape(desk, _as_seen(desk, connection))


def _filters(desk: Desk) -> Mapping[str, Field[VpnConnection]]:
    scope = desk.scope

    def asn(connection: VpnConnection) -> tuple[str, ...]:
        customer = scope.find(CustomerGateway, connection.customer_gateway_id)
        return (str(customer.asn),) if customer is not None else ()

    def configuration(connection: VpnConnection) -> tuple[str, ...]:
        text = _configuration(connection, scope, desk.crypto_policy)
        return (text,) if text is not None else ()

    return {
        "bgp-asn": asn,
        "customer-gateway-configuration": configuration,
        "customer-gateway-id": lambda connection: (connection.customer_gateway_id,),
        "option.static-routes-only": lambda connection: yes(connection.static_only),
        "route.destination-cidr-block": lambda connection: (str(r.destination) for r in connection.routes),
        "state": lambda connection: (connection.state,),
        "transit-gateway-id": lambda connection: (),
        "type": lambda connection: (TYPE,),
        "vpn-connection-id": lambda connection: (connection.id,),
        "vpn-gateway-id": lambda connection: (connection.vpn_gateway_id,),
    }


def _as_seen(desk: Desk, connection: VpnConnection) -> VpnConnection:
    """The connection as the caller may see it. REDACTED is what AWS shows for keys that it keeps elsewhere."""
    if desk.sees_secrets:
        return connection
    one, two = (replace(tunnel, psk=tunnel.psk and Secret(REDACTED)) for tunnel in connection.tunnels)
    return replace(connection, tunnels=(one, two))


# --- what is shown ----------------------------------------------------------------------------------------------------


def shape(desk: Desk, connection: VpnConnection) -> Shape:
    """The connection as EC2 shows it; keys and configuration only while it is pending or available."""
    observation = desk.observation
    shown: Shape = {
        "VpnConnectionId": connection.id,
        "State": str(connection.state),
        "Type": TYPE,
        "Category": CATEGORY,
        "CustomerGatewayId": connection.customer_gateway_id,
        "VpnGatewayId": connection.vpn_gateway_id,
        "GatewayAssociationState": "associated",
        "Options": {
            "EnableAcceleration": False,
            "StaticRoutesOnly": connection.static_only,
            "LocalIpv4NetworkCidr": str(connection.customer_network),
            "RemoteIpv4NetworkCidr": str(connection.cloud_network),
            "OutsideIpAddressType": OUTSIDE_TYPE,
            "TunnelInsideIpVersion": INSIDE_VERSION,
            "TunnelBandwidth": BANDWIDTH,
            "TunnelOptions": [_options(tunnel, connection.state in LIVE) for tunnel in connection.tunnels],
        },
        "Routes": [
            {
                "DestinationCidrBlock": str(route.destination),
                "Source": "Static",
                "State": str(route.state if connection.state in LIVE else connection.state),  # routes go with it
            }
            for route in connection.routes
        ],
        "Tags": tag_list(connection.tags),
        "VgwTelemetry": [_telemetry(connection, tunnel, observation) for tunnel in connection.tunnels],
    }
    configuration = _configuration(connection, desk.scope, desk.crypto_policy)
    if configuration is not None:
        shown["CustomerGatewayConfiguration"] = configuration
    return shown


def _configuration(connection: VpnConnection, scope: Scope, policy: CryptoPolicy) -> str | None:
    gateway = scope.find(VpnGateway, connection.vpn_gateway_id)
    customer = scope.find(CustomerGateway, connection.customer_gateway_id)
    if connection.state not in LIVE or gateway is None or customer is None:
        return None
    authority = authority_of(scope.snapshot)
    known = authority.certificate if authority is not None and customer.certificate_arn else ""
    return device_file.configuration(connection, gateway, customer, policy, known)


def _options(tunnel: Tunnel, live: bool) -> dict[str, Any]:
    """What was allotted, and of the options only what the caller set."""
    options = tunnel.options
    asked = {
        "DpdTimeoutSeconds": options.dpd_timeout_seconds,
        "DpdTimeoutAction": options.dpd_timeout_action and str(options.dpd_timeout_action),
        "StartupAction": options.startup_action and str(options.startup_action),
        "ReplayWindowSize": options.replay_window_size,
        "IkeVersions": _values(options.ike_versions),
        "RekeyMarginTimeSeconds": options.rekey_margin_seconds,
        "RekeyFuzzPercentage": options.rekey_fuzz_percentage,
        "EnableTunnelLifecycleControl": options.lifecycle_control,
        **_phase(1, options.phase1),
        **_phase(2, options.phase2),
        "LogOptions": _logs(options),
    }
    return {
        "OutsideIpAddress": str(tunnel.outside),
        "TunnelInsideCidr": str(tunnel.inside),
        **({"PreSharedKey": tunnel.psk.reveal()} if live and tunnel.psk is not None else {}),
        **{name: value for name, value in asked.items() if value is not None},
    }


def _logs(options: TunnelOptions) -> dict[str, Any] | None:
    if options.log is None and options.bgp_log is None:
        return None
    shown: dict[str, Any] = {}
    for kind, log in (("Log", options.log), ("BgpLog", options.bgp_log)):
        if log is not None:
            shown[f"{kind}Enabled"] = log.enabled
            shown[f"{kind}GroupArn"] = log.group_arn
            shown[f"{kind}OutputFormat"] = log.output_format and str(log.output_format)
    return {"CloudWatchLogOptions": {name: value for name, value in shown.items() if value is not None}}


def _phase(number: int, options: PhaseOptions) -> dict[str, Any]:
    return {
        f"Phase{number}EncryptionAlgorithms": _values(options.encryption),
        f"Phase{number}IntegrityAlgorithms": _values(options.integrity),
        f"Phase{number}DHGroupNumbers": _values(options.groups),
        f"Phase{number}LifetimeSeconds": options.lifetime_seconds,
    }


def _values(chosen: Iterable[Algorithm] | None) -> list[dict[str, Any]] | None:
    return None if chosen is None else [{"Value": each.value} for each in chosen]


def _telemetry(connection: VpnConnection, tunnel: Tunnel, observation: Observation) -> dict[str, Any]:
    """A tunnel that nobody has looked at yet is down, and has been since the connection was made."""
    state = observation.tunnels.get((connection.id, tunnel.number)) or TunnelState(changed=connection.created)
    return {
        "OutsideIpAddress": str(tunnel.outside),
        "Status": str(state.status),
        "StatusMessage": state.why,
        "LastStatusChange": state.changed,
        "AcceptedRouteCount": state.accepted_routes,
        **({"CertificateArn": tunnel.certificate.arn} if tunnel.certificate is not None else {}),
    }


ACTIONS: Final[Mapping[str, Action]] = {
    "CreateVpnConnection": create,
    "DeleteVpnConnection": delete,
    "CreateVpnConnectionRoute": create_route,
    "DeleteVpnConnectionRoute": delete_route,
    "DescribeVpnConnections": describe,
}
