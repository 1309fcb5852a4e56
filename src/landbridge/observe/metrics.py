"""Telemetry over time: every look at the tunnels is folded into a series for each of them and for each connection.

Bytes are differences of the tunnel device's counters. A device that is made anew (its daemon died) begins at nothing,
and what is there when a tunnel is first counted passed before this service looked. A rekey makes no difference to them:
the device stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address
from typing import Final

from landbridge.model.vpn import TunnelId, VpnConnection
from landbridge.observe.kernel import LinkCount
from landbridge.observe.series import MINUTES, Series
from landbridge.observe.state import Status, TunnelState

LOOK_EVERY: Final = 5.0
"""Seconds after which a connection whose tunnels have not changed is looked at again."""
_SLACK: Final = 0.5
"""Seconds by which a regular look may come early."""

MOST_ENDED: Final = 3_000
"""Series of connections that are gone: more than these are forgotten before their day is over, the oldest first."""


@dataclass(frozen=True, slots=True)
class Source:
    """Whose series it is: a tunnel's, by its outside address, or (None) the whole connection's."""

    account: str
    region: str
    connection: str
    outside: IPv4Address | None


@dataclass(frozen=True, slots=True)
class Totals:
    """What passed a tunnel since this service started, in bytes, and where its counters stood at the last look."""

    received: int = 0
    sent: int = 0
    counted: LinkCount | None = None
    """None: nobody has counted yet."""


@dataclass(frozen=True, slots=True)
class _Look:
    at: float
    up: tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Everything so far. Never changed: `looked` gives the next one."""

    series: Mapping[Source, Series] = field(default_factory=dict)
    totals: Mapping[TunnelId, Totals] = field(default_factory=dict)
    looks: Mapping[str, _Look] = field(default_factory=dict)
    """By connection, the last one that counted."""
    minute: int = 0


def looked(
    before: Metrics, connections: Iterable[VpnConnection], seen: Mapping[TunnelId, TunnelState], now: datetime
) -> Metrics:
    """With a look at the connections. One that comes soon after the last and sees nothing else is not counted."""
    at = now.timestamp()
    minute = int(at // 60)
    series, totals, looks = dict(before.series), dict(before.totals), {}
    changed = False
    for connection in connections:
        states = [seen.get((connection.id, tunnel.number)) for tunnel in connection.tunnels]
        last = before.looks.get(connection.id)
        known = [state for state in states if state is not None]
        if len(known) < len(states):
            continue  # not looked at yet
        look = _Look(at, tuple(state.status is Status.UP for state in known))
        if last is not None and last.up == look.up and 0 <= at - last.at < LOOK_EVERY - _SLACK:
            looks[connection.id] = last
            continue
        looks[connection.id] = look
        changed = True
        _count(series, totals, connection, known, look, minute)
    if not changed and looks.keys() == before.looks.keys():
        return before
    if minute != before.minute:
        series = _remembered(series, looks, minute)
    totals = {tunnel: total for tunnel, total in totals.items() if tunnel[0] in looks}
    return Metrics(series=series, totals=totals, looks=looks, minute=minute)


def _count(
    series: dict[Source, Series],
    totals: dict[TunnelId, Totals],
    connection: VpnConnection,
    states: list[TunnelState],
    look: _Look,
    minute: int,
) -> None:
    whole_received = whole_sent = 0
    for tunnel, state, up in zip(connection.tunnels, states, look.up, strict=True):
        identity = (connection.id, tunnel.number)
        total = totals.get(identity, Totals())
        received, sent = _passed(total.counted, state.counted)
        totals[identity] = Totals(total.received + received, total.sent + sent, state.counted or total.counted)
        _note(series, source_of(connection, tunnel.outside), minute, float(up), received, sent)
        whole_received += received
        whole_sent += sent
    level = sum(look.up) / len(look.up)
    _note(series, source_of(connection, None), minute, level, whole_received, whole_sent)


def _passed(before: LinkCount | None, now: LinkCount | None) -> tuple[int, int]:
    """The bytes between two looks at a device; of one that was made in between, those since then."""
    if now is None or before is None:
        return 0, 0
    if now.life != before.life or now.received < before.received or now.sent < before.sent:
        return now.received, now.sent
    return now.received - before.received, now.sent - before.sent


def _note(series: dict[Source, Series], source: Source, minute: int, level: float, received: int, sent: int) -> None:
    known = series.get(source) or Series(minute=minute)
    series[source] = known.looked(minute, level, received, sent)


def source_of(connection: VpnConnection, outside: IPv4Address | None) -> Source:
    """The connection's series, or that of its tunnel with this outside address."""
    return Source(connection.account, connection.region, connection.id, outside)


def _remembered(series: Mapping[Source, Series], alive: Iterable[str], minute: int) -> dict[Source, Series]:
    """Without the series whose last minute is a day ago, and without the oldest of too many that have ended."""
    living = set(alive)
    kept = {source: each for source, each in series.items() if each.minute > minute - MINUTES}
    ended = sorted((source for source in kept if source.connection not in living), key=lambda s: kept[s].minute)
    for source in ended[: max(0, len(ended) - MOST_ENDED)]:
        del kept[source]
    return kept
