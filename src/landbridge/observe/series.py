"""One tunnel's (or connection's) last day, minute by minute: a value that the next look is folded into. Pure.

A minute holds how often was looked and what was seen then (the level: 1 for UP, 0 for DOWN, a connection's in between),
and the bytes that passed. Closed minutes are packed: a day of one series is 49 kB, beside some five megabytes for its
daemon.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

MINUTES: Final = 24 * 60
"""Closed minutes that are kept; the one under way comes on top."""

_CELL: Final = struct.Struct("<HdffQQ")
_MOST_LOOKS: Final = 0xFFFF
_SET_BACK: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """What was seen in one minute. `low` and `high` mean nothing while `looks` is 0."""

    looks: int = 0
    levels: float = 0.0
    """The sum of what was seen at each look."""
    low: float = 0.0
    high: float = 0.0
    received: int = 0
    sent: int = 0

    def looked(self, level: float, received: int, sent: int) -> Minute:
        """With one look more. More looks than 65,535 count as no further ones; their bytes do count."""
        more = self.looks < _MOST_LOOKS
        return Minute(
            looks=self.looks + more,
            levels=self.levels + level * more,
            low=min(self.low, level) if self.looks else level,
            high=max(self.high, level) if self.looks else level,
            received=self.received + received,
            sent=self.sent + sent,
        )

    def packed(self) -> bytes:
        """As many bytes as every other minute."""
        return _CELL.pack(self.looks, self.levels, self.low, self.high, self.received, self.sent)


_NOTHING: Final = Minute().packed()


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The minutes of one day up to `minute` (minutes since 1970), which is under way."""

    minute: int
    under_way: Minute = Minute()
    closed: bytes = b""
    """The minutes before, without a gap."""

    def looked(self, minute: int, level: float, received: int, sent: int) -> Series:
        """With a look in that minute. A clock that was set back a little goes on in the minute under way; by more than
        an hour, what it said before is forgotten."""
        if minute < self.minute - _SET_BACK:
            return Series(minute=minute).looked(minute, level, received, sent)
        current = self if minute <= self.minute else self._at(minute)
        return replace(current, under_way=current.under_way.looked(level, received, sent))

    def minutes(self, begin: int, end: int) -> Iterator[tuple[int, Minute]]:
        """The minutes from `begin` to before `end` in which anybody looked, in order."""
        first = self.minute - len(self.closed) // _CELL.size
        for minute in range(max(begin, first), min(end, self.minute)):
            cell = _unpacked(self.closed, minute - first)
            if cell.looks:
                yield minute, cell
        if begin <= self.minute < end and self.under_way.looks:
            yield self.minute, self.under_way

    def _at(self, minute: int) -> Series:
        missed = min(minute - self.minute - 1, MINUTES)
        closed = self.closed + self.under_way.packed() + _NOTHING * missed
        return Series(minute=minute, closed=closed[-MINUTES * _CELL.size :])


def _unpacked(closed: bytes, place: int) -> Minute:
    looks, levels, low, high, received, sent = _CELL.unpack_from(closed, place * _CELL.size)
    return Minute(looks=looks, levels=levels, low=low, high=high, received=received, sent=sent)
