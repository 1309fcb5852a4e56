"""Tunnels whose ends prove themselves with certificates instead of a pre-shared key.

They speak IKEv2: in IKEv1 a peer's certificate comes after its address and identity have chosen the connection.
"""

from __future__ import annotations

from dataclasses import replace

from landbridge.control import certificates
from landbridge.control.base import Context, Scope
from landbridge.control.tunnels import TunnelWish, Wishes, new_key
from landbridge.model.crypto import IkeVersion
from landbridge.model.errors import Combination, Unsupported
from landbridge.model.snapshot import Change
from landbridge.model.vpn import CustomerGateway, StartupAction, Tunnel, VpnConnection

NOUN = "vpn-connection"


def check(scope: Scope, customer: CustomerGateway, wishes: Wishes, context: Context) -> None:
    """Whether tunnels to this customer gateway, which has a certificate, can be as wished.

    Raises:
        Invalid, Combination, Unsupported.
    """
    certificates.usable(scope, customer.certificate_arn, context)
    for wish in wishes:
        check_wish(customer, wish)


def check_wish(customer: CustomerGateway, wish: TunnelWish) -> None:
    """The same of one tunnel, whatever has become of the certificate.

    Raises:
        Combination, Unsupported.
    """
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
    """The connection with certificates in the keys' place, and what is to be written besides it."""
    authority, changes = certificates.kept_authority(scope, context)

    def one(tunnel: Tunnel) -> Tunnel:
        name = f"{connection.id}-{tunnel.number}"
        own = certificates.for_endpoint(authority, name, tunnel.outside, context)
        return replace(tunnel, psk=None, old_psk=None, old_psk_until=None, certificate=own)

    first, second = connection.tunnels
    return replace(connection, tunnels=(one(first), one(second))), changes


def proved(
    scope: Scope, connection: VpnConnection, customer: CustomerGateway, context: Context
) -> tuple[VpnConnection, tuple[Change, ...]]:
    """The connection, which is given to this customer gateway, with what its tunnels prove themselves by from then on:
    what they have, or, if that is of the other kind, new certificates or new pre-shared keys.

    Raises:
        Invalid, Combination, Unsupported.
    """
    if not customer.certificate_arn:
        first, second = (
            each if each.psk is not None else replace(each, psk=new_key(context.entropy), certificate=None)
            for each in connection.tunnels
        )
        return replace(connection, tunnels=(first, second)), ()
    first_wish, second_wish = (TunnelWish(others=tunnel.options) for tunnel in connection.tunnels)
    check(scope, customer, (first_wish, second_wish), context)
    if all(tunnel.certificate is not None for tunnel in connection.tunnels):
        return connection, ()
    return certified(scope, connection, context)
