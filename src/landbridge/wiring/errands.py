"""A thread that does one kind of errand by name, each name once however often it was asked for; and regular errands."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

log = structlog.get_logger(__name__)

_PAUSE: Final = 0.02
"""Seconds between two errands to the same place: a storm of events becomes fifty looks a second, not a thousand."""


class Errands:
    """Runs `do(name)` in its own thread, soon after `soon(name)`."""

    def __init__(self, do: Callable[[str], None]) -> None:
        self._do = do
        self._waiting: dict[str, None] = {}
        self._last: dict[str, float] = {}
        self._condition = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="errands", daemon=True)

    def start(self) -> None:
        """Begin; what was asked for before is done now."""
        self._thread.start()

    def soon(self, name: str) -> None:
        """Go there. From any thread."""
        with self._condition:
            self._waiting[name] = None
            self._condition.notify()

    def close(self) -> None:
        """End after the errand under way."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._waiting or self._closing)
                if self._closing:
                    return
                name = min(self._waiting, key=lambda n: self._last.get(n, 0.0))
                remaining = self._last.get(name, 0.0) + _PAUSE - time.monotonic()
                if remaining > 0:
                    self._condition.wait_for(lambda: self._closing, remaining)
                    continue
                del self._waiting[name]
                self._last = {n: at for n, at in self._last.items() if at > time.monotonic() - 1.0}
                self._last[name] = time.monotonic()
            try:
                self._do(name)
            except Exception:  # an errand that fails must not end all others
                log.exception("an errand failed", name=name)


async def regularly(pause: float, work: Callable[[], object]) -> None:
    """Do the work in a thread every `pause` seconds until cancelled. What fails once (a full disk) is tried again."""
    while True:
        await asyncio.sleep(pause)
        try:
            await asyncio.to_thread(work)
        except Exception:
            log.exception("a regular errand failed", every=pause)
