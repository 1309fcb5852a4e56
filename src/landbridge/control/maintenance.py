"""Maintenance of tunnel endpoints: one whose software was upgraded on this machine runs the old one until made anew.

Without lifecycle control that is done by itself, once the other tunnel is up to take the traffic; with it, when the
owner asks (ReplaceVpnTunnel), or when it has waited long enough.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from landbridge.control.base import Command, Context, Outcome, Scope, put
from landbridge.control.rollout import begun
from landbridge.model.resources import State
from landbridge.model.snapshot import Snapshot
from landbridge.model.vpn import LIVE, Tunnel, TunnelId, VpnConnection

WAITS_FOR: Final = timedelta(days=14)
"""How long maintenance waits at most: for its owner, or for the other tunnel to be up."""


@dataclass(frozen=True, slots=True)
class Maintain(Command):
    """Note whose software is outdated, and begin what is due. From the service itself. Reply: None."""

    outdated: frozenset[TunnelId]
    up: frozenset[TunnelId]


def applied_after(tunnel: Tunnel) -> datetime | None:
    """When pending maintenance is applied whether somebody asked for it or not; None where none is pending."""
    return tunnel.outdated_since + WAITS_FOR if tunnel.outdated_since is not None else None


def maintained(connection: VpnConnection, command: Maintain, now: datetime) -> VpnConnection:
    """The connection with what is known of its endpoints, and with the replacement of one of them if that is due."""
    first, second = (_noted(connection.id, tunnel, command, now) for tunnel in connection.tunnels)
    noted = replace(connection, tunnels=(first, second))
    if noted.state is State.AVAILABLE:
        for tunnel in noted.tunnels:
            if _is_due(tunnel, (noted.id, 3 - tunnel.number) in command.up, now):
                return begun(noted, noted, (tunnel.number,), now, anew=True)
    return noted


def _noted(connection_id: str, tunnel: Tunnel, command: Maintain, now: datetime) -> Tunnel:
    outdated = (connection_id, tunnel.number) in command.outdated
    return replace(tunnel, outdated_since=(tunnel.outdated_since or now) if outdated else None)


def _is_due(tunnel: Tunnel, other_is_up: bool, now: datetime) -> bool:
    after = applied_after(tunnel)
    if after is None:
        return False
    return now >= after or (other_is_up and not tunnel.options.keeps_its_endpoint)


def due(snapshot: Snapshot, command: Maintain, now: datetime) -> tuple[VpnConnection, ...]:
    """The connections that `Maintain` would change, as they will be."""
    live = (each for each in snapshot.all(VpnConnection) if each.state in LIVE)
    return tuple(after for each in live if (after := maintained(each, command, now)) != each)


def maintain(scope: Scope, command: Maintain, context: Context) -> Outcome[None]:
    """Of all accounts and regions."""
    return Outcome(None, put(*due(scope.snapshot, command, context.now)))
