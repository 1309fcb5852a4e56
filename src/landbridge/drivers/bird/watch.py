"""Who tells that a session came up or went down: BIRD announces nothing, so one thread asks, cheaply and seldom.

It also lets in what was kept out by a limit, when there is room again.

A speaker is asked every second while one of its sessions is not up, and every five seconds else; at once when somebody
has reason to think that it changed (a kernel route event, a tunnel that came up) and when its process dies. For a while
after such a reason it is asked more often: sessions come up one by one, and not each of them changes a kernel route.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import IPv4Address
from time import monotonic
from typing import Final

from landbridge.drivers.bird.control import ControlError
from landbridge.drivers.bird.driver import BirdDriver
from landbridge.drivers.deaths import Deaths

RESTLESS: Final = 1.0
QUIET: Final = 5.0
"""Seconds between two looks at a speaker with a session that is not up, and at one where all are."""

EAGER: Final = 0.1
"""Seconds to the next look just after a reason to look; then a quarter of the time since, until it is RESTLESS."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sessions:
    """What a look sees: the state words of the BGP sessions by protocol name and of BFD by link and address."""

    bgp: tuple[tuple[str, str], ...] = ()
    bfd: tuple[tuple[str, IPv4Address, str], ...] = ()
    answered: bool = True

    @property
    def quiet(self) -> bool:
        """Whether everything that is configured is up."""
        words = [state for _, state in self.bgp]
        return self.answered and all(state == "Established" for state in words) and all(b[2] == "Up" for b in self.bfd)


class SpeakerWatch:
    """Calls `changed(namespace)` from its own thread whenever a session of a followed speaker changed its state."""

    def __init__(self, driver: BirdDriver, changed: Callable[[str], None], deaths: Deaths | None = None) -> None:
        """`deaths` is told of every BIRD that is seen, and keeps its log short."""
        self._driver = driver
        self._changed = changed
        self._deaths = deaths
        self._due: dict[str, float] = {}
        self._woken: dict[str, float] = {}
        """When somebody had a reason to look."""
        self._seen: dict[str, Sessions] = {}
        self._condition = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def follow(self, namespaces: Collection[str]) -> None:
        """Watch the speakers of these namespaces, and of no others."""
        with self._condition:
            for namespace in set(self._due) - set(namespaces):
                del self._due[namespace]
                self._seen.pop(namespace, None)
                self._woken.pop(namespace, None)
            for namespace in namespaces:
                self._due.setdefault(namespace, 0.0)
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._run, name="speakers", daemon=True)
                self._thread.start()
            self._condition.notify()

    def wake(self, namespace: str) -> None:
        """Look at this speaker now."""
        with self._condition:
            if namespace in self._due:
                self._due[namespace] = 0.0
                self._woken[namespace] = monotonic()
                self._condition.notify()

    def seen(self, namespace: str) -> Sessions | None:
        """What the last look saw; None before the first."""
        with self._condition:
            return self._seen.get(namespace)

    def close(self) -> None:
        """Stop watching."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        if self._thread is not None:
            self._thread.join()

    def look(self, namespace: str) -> Sessions:
        """Ask a speaker once."""
        place = self._driver.place(namespace)
        found = place.find()
        if found is None:
            return Sessions(answered=False)
        if self._deaths is not None:
            self._deaths.watch(found.daemon, lambda: self.wake(namespace), place.log)
        try:
            with place.control() as control:
                bgp = tuple(
                    (item.name, item.info.partition(" ")[0]) for item in control.summary() if item.kind == "BGP"
                )
                bfd = tuple(sorted((peer.link, peer.address, peer.state) for peer in control.bfd_sessions()))
                control.let_out(name for name, room in control.held_back().items() if room)
        except ControlError:
            return Sessions(answered=False)
        return Sessions(bgp, bfd)

    def _run(self) -> None:
        while (namespace := self._next()) is not None:
            sessions = self.look(namespace)
            with self._condition:
                if namespace not in self._due:
                    continue
                changed = self._seen.get(namespace) != sessions
                self._seen[namespace] = sessions
                # A wake that came during the look asks for another one.
                if self._due[namespace] != 0.0:
                    self._due[namespace] = monotonic() + self._pause(namespace, sessions)
            if changed:
                try:
                    self._changed(namespace)
                except Exception:  # whoever listens may not end the watch
                    log.exception("telling of a change in '%s' failed", namespace)

    def _pause(self, namespace: str, sessions: Sessions) -> float:
        if sessions.quiet:
            return QUIET
        since = monotonic() - self._woken.get(namespace, 0.0)
        return min(RESTLESS, max(EAGER, since / 4))

    def _next(self) -> str | None:
        """Wait until a speaker is due; None when it is time to end."""
        with self._condition:
            while not self._closing:
                namespace = min(self._due, key=self._due.__getitem__, default=None)
                if namespace is None:
                    self._condition.wait()
                    continue
                remaining = self._due[namespace] - monotonic()
                if remaining <= 0:
                    self._due[namespace] = float("inf")
                    return namespace
                self._condition.wait(remaining)
            return None
