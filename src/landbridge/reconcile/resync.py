"""When which namespace is read although nothing says that it changed: all of them within a period, spread out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

_SLICES: Final = 30
_HASTE: Final = 6
"""After an error all is read within this part of the period."""


class Sweep:
    """One full read after the other, in slices. Times are seconds on the loop's clock."""

    def __init__(self, period: float) -> None:
        self._period = period
        self._slices: deque[list[str]] = deque()
        self._started = float("-inf")
        self._pause = 0.0
        self.next_at = float("-inf")
        """When to ask again: for `start` if all slices are used up, otherwise for `take`."""

    @property
    def ended(self) -> bool:
        """Whether every slice was taken."""
        return not self._slices

    def start(self, now: float, namespaces: Iterable[str]) -> None:
        """Begin a sweep over these namespaces that takes one period."""
        self._begin(now, sorted(namespaces), self._period)

    def hasten(self, now: float, namespaces: Iterable[str]) -> None:
        """Begin one that is faster, unless one has only just begun."""
        if now - self._started >= self._period / _HASTE:
            self._begin(now, sorted(namespaces), self._period / _HASTE)

    def take(self, now: float) -> list[str]:
        """The namespaces that are due."""
        taken: list[str] = []
        while self._slices and self.next_at <= now:
            taken.extend(self._slices.popleft())
            if self._slices:
                self.next_at += self._pause
        return taken

    def _begin(self, now: float, namespaces: list[str], over: float) -> None:
        count = max(1, min(_SLICES, len(namespaces)))
        self._slices = deque(namespaces[index::count] for index in range(count))
        self._started = now
        self._pause = over / count
        self.next_at = now + self._pause
