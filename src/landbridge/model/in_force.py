"""Which values of a connection are in force for which of its tunnels while it is being changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from landbridge.model.vpn import Before, Stage, Tunnel, VpnConnection

T = TypeVar("T")

_AS_BEFORE = (Stage.LEAVING, Stage.LEFT)
_AFTER = (Stage.CHANGING, Stage.RETURNING)


@dataclass(frozen=True, slots=True)
class Part:
    """Some tunnels of a connection, and the connection as it is for them."""

    connection: VpnConnection
    tunnels: tuple[Tunnel, ...]


def parts(connection: VpnConnection) -> tuple[Part, ...]:
    """All tunnels: those that wait for their turn, if any, with the values from before, then the others."""
    change = connection.change
    if change is None:
        return (Part(connection, connection.tunnels),)
    before = change.before
    old = replace(
        connection,
        vpn_gateway_id=before.vpn_gateway_id,
        customer_gateway_id=before.customer_gateway_id,
        number=before.number,
        customer_network=before.customer_network,
        cloud_network=before.cloud_network,
        tunnels=before.tunnels,
    )
    waiting = tuple(tunnel for tunnel in before.tunnels if _waits(connection, tunnel.number))
    others = tuple(tunnel for tunnel in connection.tunnels if not _waits(connection, tunnel.number))
    return tuple(part for part in (Part(old, waiting), Part(connection, others)) if part.tunnels)


def _waits(connection: VpnConnection, number: int) -> bool:
    change = connection.change
    if change is None or number not in change.turn:
        return False
    return number != change.turn[0] or change.stage in _AS_BEFORE


def _now_and_before(connection: VpnConnection, of: Callable[[VpnConnection | Before], T]) -> frozenset[T]:
    """One value, or two while it is changed from one to the other."""
    before = (of(connection.change.before),) if connection.change is not None else ()
    return frozenset((of(connection), *before))


def gateways(connection: VpnConnection) -> frozenset[str]:
    """The virtual private gateways that it is at."""
    return _now_and_before(connection, lambda each: each.vpn_gateway_id)


def customers(connection: VpnConnection) -> frozenset[str]:
    """The customer gateways that it is for."""
    return _now_and_before(connection, lambda each: each.customer_gateway_id)


def numbers(connection: VpnConnection) -> frozenset[int]:
    """The numbers that it has at its virtual private gateways."""
    return _now_and_before(connection, lambda each: each.number)


def is_away(connection: VpnConnection, number: int) -> bool:
    """Whether a tunnel's endpoint is not wanted for the moment, so that it can be made anew."""
    change = connection.change
    return change is not None and change.stage is Stage.REMOVING and change.turn[0] == number


def is_changing(connection: VpnConnection, number: int) -> bool:
    """Whether new settings are being put in force for a tunnel that traffic has left."""
    change = connection.change
    return change is not None and change.turn[0] == number and change.stage in _AFTER


def calls_back(connection: VpnConnection, number: int) -> bool:
    """Whether the endpoint initiates, whoever does otherwise: its tunnel was up, and ends for the change's sake."""
    change = connection.change
    return change is not None and change.was_up and is_changing(connection, number)
