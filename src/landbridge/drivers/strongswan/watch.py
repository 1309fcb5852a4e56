"""One thread that listens to all charons, says what changed, and keeps initiating what should be up.

With kernel ESP it also hears when SAs or policies go from the kernel, whoever took them, and has the loop look. Of
several SA pairs that a peer asks for it keeps the last one, as AWS does.

Nothing depends on having heard every event: whenever the thread gets (again) in touch with a charon it says `SYNCED`,
and what is true is read with `sas`. Connections that initiate carry that in charon itself (in their secret's id), so a
service with no memory goes on where the last one stopped.
"""

from __future__ import annotations

import logging
import os
import selectors
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from landbridge.desired.links import DataPlane
from landbridge.drivers.strongswan.endpoints import Endpoints
from landbridge.drivers.strongswan.identity import dialled
from landbridge.drivers.strongswan.sas import LossEvents, installed
from landbridge.drivers.strongswan.status import LIBIPSEC_REPLAY, with_replay
from landbridge.drivers.strongswan.vici import EventStream, Vici
from landbridge.model.crypto import IkeVersion
from landbridge.observe.ike import Cause, ChildState, IkeEvent, IkeEventKind, IkeSaStatus, IkeState, cause_of
from landbridge.reconcile.driver import DriverError

RETRY: Final = 1.0
"""Seconds between looks at an initiating connection that is down, at first."""

RETRY_MOST: Final = 4.0
"""Seconds between attempts at a peer that keeps refusing."""

REVIVE_FOR: Final = 60.0
"""Seconds for which a tunnel that was up when its charon died is initiated again from this side."""

RECONNECT: Final = 0.2
"""Seconds between attempts to reach a charon that does not answer."""

log = logging.getLogger(__name__)

T = TypeVar("T")

_UPDOWN: Final = {
    ("ike-updown", True): IkeEventKind.IKE_UP,
    ("ike-updown", False): IkeEventKind.IKE_DOWN,
    ("child-updown", True): IkeEventKind.CHILD_UP,
    ("child-updown", False): IkeEventKind.CHILD_DOWN,
}
_REKEYED: Final = {"ike-rekey": IkeEventKind.IKE_REKEYED, "child-rekey": IkeEventKind.CHILD_REKEYED}


@dataclass(slots=True)
class _Followed:
    """What the thread knows of one endpoint."""

    stream: EventStream | None = None
    due: float = 0.0
    """When to try again: to connect while there is no stream, else to look after initiating connections."""
    pause: float = RETRY
    causes: dict[str, Cause] = field(default_factory=dict)
    up: dict[str, set[str]] = field(default_factory=dict)
    """By connection: charon's numbers of the CHILD SAs that are up, as far as heard."""
    dials: bool = True
    """Whether it has a connection that should be initiated, as far as is known: most of the cloud's have none."""
    revive: dict[str, float] = field(default_factory=dict)
    """Connections that were up when charon died, and until when they are initiated, whoever initiates otherwise."""


class IkeWatcher:
    """Follows endpoints' charons. `on_event` is called from the watcher's thread and should be quick."""

    def __init__(
        self, endpoints: Endpoints, on_event: Callable[[IkeEvent], None], on_loss: Callable[[str], None]
    ) -> None:
        """`on_loss`: called with the endpoint's namespace when SAs went from its kernel, also by rekeying."""
        self._endpoints = endpoints
        self._on_event = on_event
        self._on_loss = on_loss
        self._losses: dict[str, LossEvents] = {}
        """Belongs to the thread; there is one exactly while there is a stream of a charon with kernel ESP."""
        self._lock = threading.Lock()
        self._followed: dict[str, _Followed] = {}
        self._selector = selectors.DefaultSelector()
        self._bell: int | None
        """None once it is closed: its number may be somebody else's file then."""
        self._alarm, self._bell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._selector.register(self._alarm, selectors.EVENT_READ)
        self._thread: threading.Thread | None = None
        self._closing = False

    def follow(self, namespace: str) -> None:
        """Listen to the endpoint's charon from now on, whenever it runs."""
        with self._lock:
            if self._closing:
                return
            known = self._followed.setdefault(namespace, _Followed())
            if known.stream is not None:
                return
            known.due = 0.0
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ike-watcher", daemon=True)
                self._thread.start()
        self._ring()

    def attend(self, namespace: str) -> None:
        """Look after the endpoint's connections that should be initiated: one may have been loaded."""
        with self._lock:
            known = self._followed.get(namespace)
            if known is None or known.stream is None:
                return  # it is looked after as soon as there is contact
            known.dials = True
            known.due, known.pause = time.monotonic() + (0.0 if known.revive else RETRY), RETRY
        self._ring()

    def forget(self, namespace: str) -> None:
        """Listen no longer."""
        with self._lock:
            self._followed.pop(namespace, None)
        self._ring()

    def sas(self, namespace: str) -> tuple[IkeSaStatus, ...]:
        """What the endpoint's charon says of its SAs now; nothing when it does not run.

        Raises:
            DriverError: it runs and does not answer.
        """
        running = self._endpoints.charon(namespace) if self._endpoints.socket(namespace).exists() else None
        if running is None:
            return ()
        found = self._endpoints.vici(namespace).sas()
        if running.data_plane is DataPlane.LIBIPSEC:
            return with_replay(found, lambda _: LIBIPSEC_REPLAY)
        return with_replay(found, installed(namespace).replay.get) if found else ()

    def causes(self, namespace: str) -> Mapping[str, Cause]:
        """Why connections of this endpoint are down, by name ("" where charon did not say of which it spoke).

        Of the last attempt that was seen; emptied when a CHILD SA comes up.
        """
        with self._lock:
            known = self._followed.get(namespace)
            return dict(known.causes) if known is not None else {}

    def ended(self, namespace: str, ours: bool) -> None:
        """The endpoint's charon has ended; `ours`: because it was told to by the driver."""
        cause = None if ours else Cause.PROCESS_GONE
        with self._lock:
            known = self._followed.get(namespace)
            if known is not None:
                # The peer would notice only by DPD (traps 9); it takes a new IKE SA for the old one at once.
                carried = [name for name, pairs in known.up.items() if pairs]
                known.revive |= dict.fromkeys(carried, time.monotonic() + REVIVE_FOR)
                known.up = {}
                if cause is not None:
                    known.causes = {"": cause}
        self._tell(IkeEvent(namespace=namespace, kind=IkeEventKind.GONE, cause=cause))

    def close(self) -> None:
        """End the thread; charon goes on. Closing twice is fine."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
        self._ring()
        if self._thread is not None:
            self._thread.join()
        self._selector.close()
        os.close(self._alarm)
        with self._lock:
            if self._bell is not None:
                os.close(self._bell)
            self._bell = None

    def _ring(self) -> None:
        with self._lock, suppress(BlockingIOError):  # so many rings wait to be heard that one more changes nothing
            if self._bell is not None:
                os.write(self._bell, b"x")

    def _tell(self, event: IkeEvent) -> None:
        self._call(self._on_event, event)

    def _call(self, listener: Callable[[T], None], what: T) -> None:
        try:
            listener(what)
        except Exception:  # a listener's mistake may not make us deaf
            log.exception("telling of %s failed", what)

    def _run(self) -> None:
        streams: dict[str, EventStream] = {}
        while True:
            with self._lock:
                if self._closing:
                    break
                wanted = dict(self._followed)
            for namespace in [name for name, stream in streams.items() if _stream_of(wanted, name) is not stream]:
                self._hang_up(namespace, streams.pop(namespace))
            for namespace, known in wanted.items():
                if known.due <= time.monotonic():
                    self._look_after(namespace, known, streams)
            due = min((known.due for known in wanted.values()), default=float("inf"))
            pause = None if due == float("inf") else max(0.0, due - time.monotonic())
            for key, _ in self._selector.select(pause):
                if key.data is None:
                    os.read(self._alarm, 4096)
                elif key.data in streams and key.fileobj is streams[key.data]:
                    self._receive(key.data, wanted[key.data], streams)
                elif isinstance(key.fileobj, LossEvents) and key.fileobj.receive():
                    self._call(self._on_loss, key.data)
        for namespace, stream in streams.items():
            self._hang_up(namespace, stream)

    def _hang_up(self, namespace: str, stream: EventStream) -> None:
        self._selector.unregister(stream)
        stream.close()
        losses = self._losses.pop(namespace, None)
        if losses is not None:
            self._selector.unregister(losses)
            losses.close()

    def _hear_losses(self, namespace: str) -> None:
        running = self._endpoints.charon(namespace)
        if running is not None and running.data_plane is DataPlane.KERNEL:
            self._losses[namespace] = losses = LossEvents(namespace)
            self._selector.register(losses, selectors.EVENT_READ, namespace)
            self._call(self._on_loss, namespace)  # what went before we listened

    def _look_after(self, namespace: str, known: _Followed, streams: dict[str, EventStream]) -> None:
        with self._lock:
            known.due = float("inf")  # whoever asks for another look from now on is not overheard
        try:
            if known.stream is None:
                known.stream = EventStream(self._endpoints.socket(namespace))
                streams[namespace] = known.stream
                self._selector.register(known.stream, selectors.EVENT_READ, namespace)
                self._hear_losses(namespace)
                known.causes.pop("", None)
                known.up = {}
                for sa in self._endpoints.vici(namespace).sas():
                    carrying = (str(child.unique_id) for child in sa.children if child.carries)
                    known.up.setdefault(sa.connection, set()).update(carrying)
                self._tell(IkeEvent(namespace=namespace, kind=IkeEventKind.SYNCED))
                for name, message in known.stream.early():
                    self._interpret(namespace, known, name, message)
            if (known.dials or known.revive) and self._initiate(namespace, known):
                with self._lock:
                    known.due = min(known.due, time.monotonic() + known.pause)
                known.pause = min(known.pause * 1.5, RETRY_MOST)
            else:
                known.pause = RETRY
        except (OSError, DriverError):
            self._lost(namespace, known, streams)

    def _lost(self, namespace: str, known: _Followed, streams: dict[str, EventStream]) -> None:
        """No contact: not started yet, ended, or hung. Its death is told by others; here it is tried again."""
        if namespace in streams:
            self._hang_up(namespace, streams.pop(namespace))
        known.stream = None
        known.due = time.monotonic() + RECONNECT

    def _initiate(self, namespace: str, known: _Followed) -> bool:
        """Initiate what should be up and is not, nor on its way. Whether anything of that kind is not up."""
        lock = self._endpoints.lock(namespace)
        if not lock.acquire(blocking=False):
            return True  # its connections are being changed
        try:
            return self._initiate_down(self._endpoints.vici(namespace), known)
        finally:
            lock.release()

    def _initiate_down(self, vici: Vici, known: _Followed) -> bool:
        known.revive = {name: until for name, until in known.revive.items() if until > time.monotonic()}
        known.dials = False  # before it is asked: who loads a connection says so afterwards
        wanted = dialled(vici.secrets()) | known.revive.keys()
        names = [loaded.name for loaded in vici.connections() if loaded.name in wanted]
        known.dials = bool(names)
        if not names:
            return bool(known.revive)
        sas = vici.sas()
        up = {sa.connection for sa in sas if sa.up}
        for sa in sas:
            # The peer's attempt came first: a second SA would only be ended as a duplicate, ten seconds later. (With
            # IKEv1 it may be the one that takes over: a main mode is how keys are renewed there.)
            attempt = sa.initiator and sa.established is None and sa.state is IkeState.CONNECTING
            if attempt and sa.connection in up and sa.version is IkeVersion.IKEV2:
                vici.give_up(sa.unique_id)
        down = [name for name in names if name not in up]
        for name in down:
            # An SA in CONNECTING is charon's own attempt; one that is established without a CHILD SA is not.
            if not any(sa.connection == name and sa.established is None for sa in sas):
                vici.initiate(name)
        return bool(down)

    def _narrow(self, namespace: str, connection: str) -> set[str]:
        """Close all but the youngest CHILD SA of an IKE SA (a rekeyed one takes the old one's place without this).

        What is left; nothing if that is not known.
        """
        left: set[str] = set()
        try:
            vici = self._endpoints.vici(namespace)
            for sa in vici.sas():
                pairs = sorted(
                    child.unique_id
                    for child in sa.children
                    if sa.connection == connection and child.state is ChildState.INSTALLED
                )
                left |= set(map(str, pairs[-1:]))
                for unique_id in pairs[:-1]:
                    log.warning(
                        "The peer %s asks for %d SA pairs. As at AWS only the last one stays: let it propose one pair "
                        "that covers all of its networks, 0.0.0.0/0 for instance.",
                        sa.remote,
                        len(pairs),
                    )
                    vici.close_child(unique_id)
        except DriverError as error:
            log.warning("SA pairs in %s were not counted: %s", namespace, error)
        return left

    def _receive(self, namespace: str, known: _Followed, streams: dict[str, EventStream]) -> None:
        assert known.stream is not None
        try:
            name, message = known.stream.receive()
        except OSError:
            self._lost(namespace, known, streams)
            return
        self._interpret(namespace, known, name, message)

    def _interpret(self, namespace: str, known: _Followed, name: str, message: Mapping[str, Any]) -> None:
        if name == "log":
            line, connection = _text(message.get("msg")), _text(message.get("ikesa-name"))
            self._tell(IkeEvent(namespace=namespace, kind=IkeEventKind.SAID, connection=connection, text=line))
            cause = cause_of(line)
            # A refused key is told each time: what is done about it helps the next attempt only.
            again = cause is Cause.AUTHENTICATION_FAILED
            if cause is not None and (again or known.causes.get(connection) != cause):
                known.causes[connection] = cause
                kind = IkeEventKind.TROUBLE
                self._tell(IkeEvent(namespace=namespace, kind=kind, connection=connection, cause=cause))
            return
        connection = next((key for key, value in message.items() if isinstance(value, dict)), "")
        kind = _REKEYED.get(name) or _UPDOWN[name, _text(message.get("up")) == "yes"]
        if kind is IkeEventKind.CHILD_UP:
            known.causes.clear()
            if known.dials:
                known.due = 0.0
            known.revive.pop(connection, None)
            up = known.up.setdefault(connection, set())
            up |= _numbers(message)
            if len(up) > 1:
                known.up[connection] = self._narrow(namespace, connection) or _numbers(message)
        elif kind is IkeEventKind.CHILD_REKEYED:
            known.up[connection] = _numbers(message)
        elif kind in (IkeEventKind.IKE_DOWN, IkeEventKind.CHILD_DOWN):
            known.up.get(connection, set()).difference_update(_numbers(message))
            # Not at once: charon's own restart, or its peer's, may be under way.
            known.due, known.pause = min(known.due, time.monotonic() + RETRY), RETRY
        self._tell(IkeEvent(namespace=namespace, kind=kind, connection=connection, cause=known.causes.get(connection)))


def _numbers(message: Mapping[str, Any]) -> set[str]:
    """charon's numbers of the CHILD SAs that an event is of; of rekeyed ones the new ones'."""
    sas = [sa for sa in message.values() if isinstance(sa, dict)]
    children = [child for sa in sas for child in sa.get("child-sas", {}).values()]
    return {_text(child.get("new", child).get("uniqueid")) for child in children}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _stream_of(followed: Mapping[str, _Followed], namespace: str) -> EventStream | None:
    known = followed.get(namespace)
    return known.stream if known is not None else None
