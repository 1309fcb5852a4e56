"""How a change reaches the tunnels: one at a time, and not before the traffic has left it. A pure step by step.

For each tunnel in turn: both ends are told to use the other tunnel; then the new settings are put in force (or the
endpoint is taken away and made anew); then the tunnel is to come up again, if it was up; only then comes the next.
Where the other tunnel is down there is nowhere to go, and where this one is down nothing to lose: no waiting then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from landbridge.control.base import Command, Context, Outcome, Scope, put
from landbridge.model.resources import State
from landbridge.model.snapshot import Index, Snapshot
from landbridge.model.vpn import LIVE, Before, Change, Stage, Tunnel, VpnConnection

SETTLE: Final = timedelta(seconds=3)
"""From telling the other end until it has moved, at least: BFD's three times 300 ms, or a BGP update, and a margin. As
long, what is seen of a tunnel after a change may still be from before."""
LEAVE_WITHIN: Final = timedelta(seconds=30)
"""How long the own side may take to tell the other one."""
CHANGE_WITHIN: Final = timedelta(minutes=5)
"""How long new settings, or the end of an endpoint, may take. What cannot be put in force (a peer refuses the new
certificate's authentication, this machine is at fault) is told as a fault and tried on: the connection would otherwise
be `modifying` for ever, and nobody could change what is the cause."""
FIRST_BACK_WITHIN: Final = timedelta(minutes=5)
"""How long the second tunnel stays as it was for the first to come up again: a device may have to be set up by hand."""
LAST_BACK_WITHIN: Final = timedelta(minutes=1)
"""How long a change with no other tunnel to follow waits for its tunnel."""

_UNDER_WAY: Final = Index(VpnConnection, lambda c: (True,) if c.state in LIVE and (c.change or _old_keys(c)) else ())


def _old_keys(connection: VpnConnection) -> bool:
    return any(tunnel.old_psk_until is not None for tunnel in connection.tunnels)


@dataclass(frozen=True, slots=True)
class Progress:
    """What is seen of a connection that is being changed: of this very stage of it."""

    change: Change
    ready: bool
    """Everything is in place as this stage wants it."""
    gone: bool
    """Nothing is left of what this stage does not want."""
    up: frozenset[int]
    """Numbers of the tunnels that carry traffic."""
    settle: timedelta = SETTLE
    """`SETTLE`, or longer where BFD takes longer."""


@dataclass(frozen=True, slots=True)
class Advance(Command):
    """Take changes under way as far as they can go, and end what is over. From the service itself. Reply: None."""

    progress: Mapping[str, Progress]
    """By connection's id."""


def settling(bfd_detection: timedelta) -> timedelta:
    """How long the other end takes to move, when BFD takes so long to find that nobody answers any more."""
    return max(SETTLE, 2 * bfd_detection + timedelta(seconds=1))


def begun(
    connection: VpnConnection, changed: VpnConnection, turn: tuple[int, ...], now: datetime, *, anew: bool
) -> VpnConnection:
    """The changed connection with the change under way."""
    before = Before(
        vpn_gateway_id=connection.vpn_gateway_id,
        customer_gateway_id=connection.customer_gateway_id,
        number=connection.number,
        customer_network=connection.customer_network,
        cloud_network=connection.cloud_network,
        tunnels=connection.tunnels,
    )
    change = Change(before=before, turn=turn, stage=Stage.LEAVING, since=now, anew=anew)
    return replace(changed, state=State.MODIFYING, change=change)


def advanced(connection: VpnConnection, seen: Progress, now: datetime) -> VpnConnection:
    """The connection one stage further, if it is time for that."""
    change = connection.change
    if change is None or change != seen.change or connection.state is not State.MODIFYING:
        return connection
    number = change.turn[0]
    this_up, other_up = number in seen.up, 3 - number in seen.up
    passed = now - change.since

    def goes_on(stage: Stage, was_up: bool = change.was_up) -> VpnConnection:
        return replace(connection, change=replace(change, stage=stage, since=now, was_up=was_up))

    match change.stage:
        case Stage.LEAVING:
            if this_up and other_up and passed < LEAVE_WITHIN:
                return goes_on(Stage.LEFT, was_up=True) if seen.ready else connection
            return goes_on(Stage.REMOVING if change.anew else Stage.CHANGING, was_up=this_up)
        case Stage.LEFT:
            if other_up and passed < seen.settle:
                return connection
            return goes_on(Stage.REMOVING if change.anew else Stage.CHANGING)
        case Stage.REMOVING:
            return goes_on(Stage.CHANGING) if seen.gone or passed >= CHANGE_WITHIN else connection
        case Stage.CHANGING:
            if not seen.ready and passed < CHANGE_WITHIN:
                return connection
            return goes_on(Stage.RETURNING) if change.was_up else _next(connection, change, now)
        case Stage.RETURNING:
            patience = LAST_BACK_WITHIN if len(change.turn) == 1 else FIRST_BACK_WITHIN
            back = this_up and passed >= seen.settle
            return _next(connection, change, now) if back or passed >= patience else connection


def _next(connection: VpnConnection, change: Change, now: datetime) -> VpnConnection:
    """It is the next tunnel's turn, or the change is through."""
    if change.anew:
        connection = replaced(connection, change.turn[0], now)
    rest = change.turn[1:]
    if not rest:
        return replace(connection, state=State.AVAILABLE, change=None)
    return replace(connection, change=replace(change, turn=rest, stage=Stage.LEAVING, since=now, was_up=False))


def replaced(connection: VpnConnection, number: int, now: datetime) -> VpnConnection:
    """The connection with a note that this tunnel's endpoint is new."""
    return with_tunnel(connection, replace(connection.tunnels[number - 1], maintained=now, outdated_since=None))


def with_tunnel(connection: VpnConnection, tunnel: Tunnel) -> VpnConnection:
    """The connection with this tunnel in place of the one of that number."""
    first, second = (tunnel if each.number == tunnel.number else each for each in connection.tunnels)
    return replace(connection, tunnels=(first, second))


def without_old_keys(connection: VpnConnection, now: datetime) -> VpnConnection:
    """The connection without keys whose grace time is over."""
    for tunnel in connection.tunnels:
        if tunnel.old_psk_until is not None and tunnel.old_psk_until <= now:
            connection = with_tunnel(connection, replace(tunnel, old_psk=None, old_psk_until=None))
    return connection


def under_way(snapshot: Snapshot) -> Collection[VpnConnection]:
    """The connections to which time alone may do something: this is asked twice a second."""
    return snapshot.having(_UNDER_WAY, True)


def due(snapshot: Snapshot, progress: Mapping[str, Progress], now: datetime) -> Iterator[VpnConnection]:
    """The connections that `Advance` would change, as they will be."""
    for connection in snapshot.all(VpnConnection):
        if connection.state in LIVE:
            after = without_old_keys(connection, now)
            if connection.id in progress:
                after = advanced(after, progress[connection.id], now)
            if after is not connection:
                yield after


def advance(scope: Scope, command: Advance, context: Context) -> Outcome[None]:
    """Of all accounts and regions."""
    return Outcome(None, put(*due(scope.snapshot, command.progress, context.now)))
