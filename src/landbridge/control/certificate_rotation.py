"""A tunnel endpoint gets another certificate: a change like others, rolled out once the traffic has left the tunnel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from landbridge.control import certificates
from landbridge.control.base import Command, Context, Outcome, Scope
from landbridge.control.changes import changeable, rolled_out
from landbridge.control.rollout import with_tunnel
from landbridge.model.errors import Combination, Invalid
from landbridge.model.vpn import VpnConnection


@dataclass(frozen=True, slots=True)
class RotateTunnelCertificate(Command):
    """A new certificate, with a new key, for the endpoint of the tunnel with that outside address.

    Reply: the VpnConnection.
    """

    vpn_connection_id: str
    outside: IPv4Address


def rotate(scope: Scope, command: RotateTunnelCertificate, context: Context) -> Outcome[VpnConnection]:
    """The device believes the authority, and so the new certificate as it did the former one."""
    connection = changeable(scope, command.vpn_connection_id)
    tunnel = next((each for each in connection.tunnels if each.outside == command.outside), None)
    if tunnel is None:
        raise Invalid("VpnTunnelOutsideIpAddress", f"{connection.id} has no tunnel with {command.outside}.")
    if tunnel.certificate is None:
        raise Combination(
            f"The tunnels of {connection.id} have pre-shared keys and no certificates: its customer gateway was made "
            "without a CertificateArn."
        )
    authority, others = certificates.kept_authority(scope, context)
    name = f"{connection.id}-{tunnel.number}"
    renewed = replace(tunnel, certificate=certificates.for_endpoint(authority, name, tunnel.outside, context))
    outcome = rolled_out(context, connection, with_tunnel(connection, renewed), (tunnel.number,))
    return Outcome(outcome.reply, (*others, *outcome.changes))
