"""Tunnels whose ends prove themselves with certificates instead of a pre-shared key.

They speak IKEv2: in IKEv1 a peer's certificate comes after its address and identity have chosen the connection.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from landbridge.control import certificates
from landbridge.control.base import Command, Context, Outcome, Scope, put
from landbridge.control.tunnels import Wishes
from landbridge.model.crypto import IkeVersion
from landbridge.model.errors import Combination, ConnectionUnavailable, Invalid, NotFound, Unsupported
from landbridge.model.resources import State
from landbridge.model.snapshot import Change
from landbridge.model.vpn import CustomerGateway, StartupAction, Tunnel, VpnConnection

NOUN = "vpn-connection"


@dataclass(frozen=True, slots=True)
class RotateTunnelCertificate(Command):
    """A new certificate, with a new key, for the endpoint of the tunnel with that outside address.

    Reply: the VpnConnection.
    """

    vpn_connection_id: str
    outside: IPv4Address


def check(scope: Scope, customer: CustomerGateway, wishes: Wishes, context: Context) -> None:
    """Whether tunnels to this customer gateway, which has a certificate, can be as wished.

    Raises:
        Invalid, Combination, Unsupported.
    """
    certificates.usable(scope, customer.certificate_arn, context)
    for wish in wishes:
        if wish.psk is not None:
            raise Combination(
                f"The customer gateway {customer.id} has a certificate: its tunnels have no PreSharedKey. Leave it out."
            )
        if IkeVersion.IKEV1 in (wish.others.ike_versions or ()):
            raise Unsupported(
                "With certificates tunnels speak IKEv2 only. Leave ikev1 out of IKEVersions, or use a customer gateway "
                "without a certificate."
            )
        if wish.others.startup_action is StartupAction.START and customer.address is None:
            raise Combination(
                f"The customer gateway {customer.id} has no IpAddress: the cloud cannot start its tunnels. Leave "
                "StartupAction out."
            )


def certified(scope: Scope, connection: VpnConnection, context: Context) -> tuple[VpnConnection, tuple[Change, ...]]:
    """The new connection with certificates in the keys' place, and what is to be written besides it."""
    authority, changes = certificates.kept_authority(scope, context)

    def one(tunnel: Tunnel) -> Tunnel:
        name = f"{connection.id}-{tunnel.number}"
        return replace(
            tunnel, psk=None, certificate=certificates.for_endpoint(authority, name, tunnel.outside, context)
        )

    first, second = connection.tunnels
    return replace(connection, tunnels=(one(first), one(second))), changes


def rotate(scope: Scope, command: RotateTunnelCertificate, context: Context) -> Outcome[VpnConnection]:
    """The device believes the authority, and so the new certificate as it did the former one."""
    connection = scope.get(VpnConnection, command.vpn_connection_id, NOUN)
    if connection.state is State.DELETED:
        raise NotFound(NOUN, connection.id)
    if connection.state is not State.AVAILABLE:
        raise ConnectionUnavailable(
            f"The VPN connection {connection.id} is {connection.state}. Change it while it is available."
        )
    tunnel = next((each for each in connection.tunnels if each.outside == command.outside), None)
    if tunnel is None:
        raise Invalid("VpnTunnelOutsideIpAddress", f"{connection.id} has no tunnel with {command.outside}.")
    if tunnel.certificate is None:
        raise Combination(
            f"The tunnels of {connection.id} have pre-shared keys and no certificates: its customer gateway was made "
            "without a CertificateArn."
        )
    authority, changes = certificates.kept_authority(scope, context)
    name = f"{connection.id}-{tunnel.number}"
    rotated = replace(tunnel, certificate=certificates.for_endpoint(authority, name, tunnel.outside, context))
    first, second = (rotated if each is tunnel else each for each in connection.tunnels)
    changed = replace(connection, tunnels=(first, second))
    return Outcome(changed, (*changes, *put(changed)))
