"""What does not work at present: since when, how often it was tried, when it is tried again (growing pauses)."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from landbridge.desired.objects import HostObject, Key

FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 30.0
_GRID: Final = 0.1
"""Retries fall on multiples of this, so that many of them share a pass."""

UNPROVEN_TRIES: Final = 3
"""How often a step may succeed without showing in what is read back before that counts as a failure: now and then a
sibling takes an object along in the same round, but a value that never reads back as it was asked for is an error."""


PARTS: Final = frozenset({"read", "roots", "desired", "plan", "report", "loop"})
"""First parts of the keys of failures that are not an object's, but one of the loop's own doings."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that still stands."""

    key: Key
    """The object's key; or one that starts with a word from `PARTS`, such as (`read`, namespace)."""
    message: str
    since: datetime
    tries: int
    again_at: float
    """On the loop's clock, seconds."""
    wanted: HostObject | None = field(default=None, repr=False)


class Retries:
    """The failures that stand, by key. Belongs to one thread; `standing` may be read by any."""

    def __init__(self, clock: Callable[[], float], now: Callable[[], datetime], jitter: random.Random) -> None:
        self.standing: dict[Key, Failure] = {}
        self._clock = clock
        self._now = now
        self._jitter = jitter
        self._unproven: dict[Key, tuple[HostObject | None, int]] = {}

    def fail(self, key: Key, message: str, wanted: HostObject | None = None) -> bool:
        """Note a failure; answers whether it is a new one."""
        last = self.standing.get(key)
        tries = last.tries + 1 if last is not None else 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(tries - 1, 16)) * self._jitter.uniform(0.75, 1.25)
        since = last.since if last is not None else self._now()
        again_at = math.ceil((self._clock() + pause) / _GRID) * _GRID
        failure = Failure(key, message, since, tries, again_at, wanted)
        self.standing = {**self.standing, key: failure}
        return last is None

    def carried_out(self, key: Key, wanted: HostObject | None) -> None:
        """Note that a step worked. Whether it was to any effect is for the read-back to tell (`settle`)."""
        last, tries = self._unproven.get(key, (wanted, 0))
        tries = tries + 1 if last == wanted else 1
        self._unproven[key] = (wanted, tries)
        if tries >= UNPROVEN_TRIES:
            self.fail(key, "It was carried out without an error, yet what is read back is still different.", wanted)

    def settle(self, pending: Collection[Key]) -> None:
        """Forget the failures of objects that are no longer pending."""
        self._unproven = {key: value for key, value in self._unproven.items() if key in pending}
        if any(key not in pending and key[0] not in PARTS for key in self.standing):
            self.standing = {k: v for k, v in self.standing.items() if k in pending or k[0] in PARTS}

    def forget(self, key: Key) -> None:
        """Whatever it was, it works."""
        if key in self.standing:
            self.standing = {other: value for other, value in self.standing.items() if other != key}

    def holds(self, key: Key, wanted: HostObject | None = None) -> bool:
        """Whether it is too early to try again. Something else being wanted now is a reason to try at once."""
        failure = self.standing.get(key)
        return failure is not None and failure.wanted == wanted and self._clock() < failure.again_at

    def next_due(self, after: float) -> float | None:
        """When, after this time on the loop's clock, the next retry is due. What was due before it and has not been
        tried waits for something else."""
        return min((failure.again_at for failure in self.standing.values() if failure.again_at > after), default=None)
