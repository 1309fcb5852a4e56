"""Who tells that a session came up or went down: BIRD, as an echo of what it does, to one thread for all speakers.

Nothing depends on having heard everything: the thread also looks by itself, every second at a speaker with a session
that is not up, and every five seconds else; at once when a BIRD says that something is in another state, when somebody
else has reason to think so (a kernel route event, a tunnel that came up), and when its process dies. For a while after
such a reason it looks more often: sessions come up one by one. It also lets in what was kept out by a limit, when there
is room again.
"""

from __future__ import annotations

import logging
import os
import selectors
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import IPv4Address
from time import monotonic
from typing import Final

from landbridge.drivers.bird.control import ControlError
from landbridge.drivers.bird.driver import BirdDriver
from landbridge.drivers.bird.echo import Echo
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
        self._lock = threading.Lock()
        """Guards all above and below, but for what belongs to the thread."""
        self._closing = False
        self._thread: threading.Thread | None = None
        self._echoes: dict[str, Echo] = {}
        """Belongs to the thread, as does the selector, but for its bell."""
        self._selector = selectors.DefaultSelector()
        self._alarm, self._bell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._selector.register(self._alarm, selectors.EVENT_READ)

    def follow(self, namespaces: Collection[str]) -> None:
        """Watch the speakers of these namespaces, and of no others."""
        with self._lock:
            if self._closing:
                return
            for namespace in set(self._due) - set(namespaces):
                del self._due[namespace]
                self._seen.pop(namespace, None)
                self._woken.pop(namespace, None)
            for namespace in namespaces:
                self._due.setdefault(namespace, 0.0)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="speakers", daemon=True)
                self._thread.start()
            self._ring()

    def wake(self, namespace: str) -> None:
        """Look at this speaker now."""
        with self._lock:
            if namespace in self._due and not self._closing:
                self._due[namespace] = 0.0
                self._woken[namespace] = monotonic()
                self._ring()

    def seen(self, namespace: str) -> Sessions | None:
        """What the last look saw; None before the first."""
        with self._lock:
            return self._seen.get(namespace)

    def errors(self, namespace: str) -> dict[str, str]:
        """Why sessions of this speaker were closed last, by protocol, as far as it said so to us."""
        echo = self._echoes.get(namespace)
        return dict(echo.errors) if echo is not None else {}

    def close(self) -> None:
        """Stop watching. Closing twice is fine."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            self._ring()
        if self._thread is not None:
            self._thread.join()
        self._selector.close()
        os.close(self._alarm)
        os.close(self._bell)

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

    def _ring(self) -> None:
        """Have the thread see what is new. Call it with the lock held: then nobody has closed the bell."""
        try:
            os.write(self._bell, b"x")
        except BlockingIOError:
            return  # so many rings wait to be heard that one more changes nothing

    def _run(self) -> None:
        while (namespace := self._next()) is not None:
            self._listen(namespace)
            sessions = self.look(namespace)
            with self._lock:
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
        for namespace in list(self._echoes):
            self._hang_up(namespace)

    def _pause(self, namespace: str, sessions: Sessions) -> float:
        if sessions.quiet:
            return QUIET
        since = monotonic() - self._woken.get(namespace, 0.0)
        return min(RESTLESS, max(EAGER, since / 4))

    def _next(self) -> str | None:
        """Wait until a speaker is due, hearing all of them; None when it is time to end."""
        while True:
            with self._lock:
                if self._closing:
                    return None
                due = dict(self._due)
                namespace = min(due, key=due.__getitem__, default=None)
                if namespace is not None and due[namespace] <= monotonic():
                    self._due[namespace] = float("inf")
                    return namespace
            for gone in self._echoes.keys() - due.keys():
                self._hang_up(gone)
            pause = due[namespace] - monotonic() if namespace is not None else float("inf")
            for key, _ in self._selector.select(None if pause == float("inf") else max(0.0, pause)):
                if key.data is None:
                    os.read(self._alarm, 4096)
                else:
                    self._hear(key.data)

    def _listen(self, namespace: str) -> None:
        """Be told by the BIRD there, if there is one and it does not tell already."""
        place = self._driver.place(namespace)
        if namespace in self._echoes or not place.configured():
            return
        try:
            echo = place.echo()
        except ControlError:
            return  # it is not there yet, or hangs: the next look tries again
        self._echoes[namespace] = echo
        self._selector.register(echo, selectors.EVENT_READ, namespace)

    def _hear(self, namespace: str) -> None:
        try:
            news = self._echoes[namespace].receive()
        except BlockingIOError:
            return
        except OSError:
            self._hang_up(namespace)
            news = True  # it ended, or is another one now
        if news:
            self.wake(namespace)

    def _hang_up(self, namespace: str) -> None:
        echo = self._echoes.pop(namespace)
        self._selector.unregister(echo)
        echo.close()
