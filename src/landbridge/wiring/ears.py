"""Hears the kernel and the daemons of some namespaces, and keeps what they said last, and what was counted.

Events only say where to look: what is kept was read after the event. What it means is decided elsewhere (observe/).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import TypeVar

import structlog

from landbridge.desired.speakers import BIRD_PROTOCOL
from landbridge.drivers.bird.control import ControlError
from landbridge.drivers.bird.watch import SpeakerWatch
from landbridge.drivers.netlink.counters import counts
from landbridge.drivers.netlink.events import KernelEvents, routes
from landbridge.observe.bgp import moved, with_error
from landbridge.observe.fold import Endpoint, Heard, SpeakerWords
from landbridge.observe.ike import Cause, IkeEvent, IkeEventKind
from landbridge.observe.kernel import KernelEvent, LinkCount, LinkEvent, RouteEvent
from landbridge.observe.trail import NO_TRAIL, Happening, Trail, noted
from landbridge.reconcile.driver import DriverError, Wake
from landbridge.wiring.errands import Errands
from landbridge.wiring.host import Host
from landbridge.wiring.tunnel_logs import TunnelLogs
from landbridge.wiring.world import now

log = structlog.get_logger(__name__)

T = TypeVar("T")
Routes = dict[tuple[int, IPv4Network], str]


class Ears:
    """Listens to endpoints (charon) and routers (BIRD, routes).

    `wake`: told the namespace in which something broke, for the loop. `news`: called when something else was said.
    `refused`: told the endpoint whose peer showed another key than is loaded there.
    Both from any thread.
    """

    def __init__(
        self,
        wake: Wake,
        news: Callable[[], None],
        refused: Callable[[str], None] = lambda _: None,
        logs: TunnelLogs | None = None,
    ) -> None:
        self.wake = wake
        self._news = news
        self._refused = refused
        self._logs = logs
        self._lock = threading.Lock()
        """Guards what was heard."""
        self._endpoints: dict[str, Endpoint] = {}
        self._trails: dict[str, Trail] = {}
        self._sessions: dict[str, dict[IPv4Address, tuple[Happening, ...]]] = {}
        self._speakers: dict[str, SpeakerWords] = {}
        self._routes: dict[str, Routes] = {}
        self._counting: set[str] = set()
        self._counts: dict[str, dict[str, LinkCount]] = {}
        self._said: Heard | None = None
        """All of them as a value, until one of them changes."""
        self._machine: Host | None = None
        self._watch: SpeakerWatch | None = None
        self._asking = Errands(self._ask)
        self._kernel = KernelEvents(self._on_kernel, self._read_routes, protocols=(BIRD_PROTOCOL,))

    def start(self, machine: Host) -> None:
        """Begin to listen on this machine; its charons' events are to be handed to `on_ike`."""
        self._machine = machine
        self._watch = SpeakerWatch(machine.bird, self._asking.soon, machine.swan.deaths)
        self._asking.start()

    def on_ike(self, event: IkeEvent) -> None:
        """Something happened in an endpoint. A death is news at once: whoever is woken by it next shall know."""
        at = now()
        if self._logs is not None:
            self._logs.heard(event, at)
        with self._lock:
            if event.namespace in self._endpoints:
                trail = self._trails.get(event.namespace, NO_TRAIL)
                self._trails[event.namespace] = followed = trail.heard(event, at)
                if followed is not trail:
                    self._said = None
        if event.kind is IkeEventKind.SAID:
            return
        if event.kind is IkeEventKind.GONE:
            with self._lock:
                if event.namespace in self._endpoints:
                    self._endpoints[event.namespace] = Endpoint(pid=None, cause=event.cause)
                    self._said = None
            self._news()
        if event.cause is Cause.AUTHENTICATION_FAILED and event.kind is IkeEventKind.TROUBLE:
            self._refused(event.namespace)
        self._asking.soon(event.namespace)
        if event.kind is IkeEventKind.CHILD_UP and self._machine is not None and self._watch is not None:
            router = self._machine.swan.endpoints.routers.get(event.namespace)
            if router is not None:
                self._watch.wake(router)  # its sessions can come up from now on

    def listen(self, *, endpoints: Collection[str], routers: Collection[str], counting: Collection[str] = ()) -> None:
        """Listen to exactly these from now on. `counting`: the routers that tunnels lead into."""
        self._kernel.watch({*endpoints, *routers})
        for namespace in routers:
            if namespace not in self._routes:
                self._read_routes(namespace)
        with self._lock:
            for namespace in endpoints:
                self._endpoints.setdefault(namespace, Endpoint(heard=False))
            for namespace in routers:
                self._speakers.setdefault(namespace, SpeakerWords())
            _keep(self._routes, routers)
            _keep(self._speakers, routers)
            _keep(self._sessions, routers)
            _keep(self._endpoints, endpoints)
            _keep(self._trails, endpoints)
            self._counting = set(counting)
            _keep(self._counts, counting)
            new = [name for name, each in self._endpoints.items() if not each.heard]
            self._said = None
        if self._watch is not None:
            self._watch.follow(routers)
        for namespace in new:
            self._asking.soon(namespace)

    def heard(self) -> Heard:
        """What was said last: the same value until something else was said."""
        with self._lock:
            if self._said is None:
                self._said = Heard(
                    endpoints=dict(self._endpoints),
                    speakers=dict(self._speakers),
                    trails=dict(self._trails),
                    sessions={router: dict(each) for router, each in self._sessions.items()},
                    routes={namespace: dict(found) for namespace, found in self._routes.items()},
                    counts=dict(self._counts),
                )
            return self._said

    def count(self) -> None:
        """Read what passed the tunnels' devices: the kernel counts, and tells nobody."""
        with self._lock:
            namespaces = set(self._counting)
        found = {}
        for namespace in namespaces:
            try:
                found[namespace] = counts(namespace)
            except OSError as error:
                log.warning("the kernel does not tell its counters", namespace=namespace, reason=str(error))
        with self._lock:
            for namespace, told in found.items():
                if namespace in self._counting and self._counts.get(namespace) != told:
                    self._counts[namespace] = told
                    self._said = None

    def ask_all(self) -> None:
        """Ask everybody now and wait for the answers: counters change without an event, and at the start all is new."""
        with self._lock:
            endpoints, speakers = list(self._endpoints), list(self._speakers)
        for namespace in endpoints:
            self._ask_endpoint(namespace)
        for namespace in speakers:
            self._ask_speaker(namespace)
        self.count()
        self._news()

    def close(self) -> None:
        """Stop listening."""
        self._kernel.close()
        if self._watch is not None:
            self._watch.close()
        self._asking.close()
        if self._machine is not None:
            self._machine.swan.close()

    def _ask(self, namespace: str) -> None:
        with self._lock:
            is_endpoint, is_router = namespace in self._endpoints, namespace in self._speakers
        if is_endpoint:
            self._ask_endpoint(namespace)
        if is_router:
            self._ask_speaker(namespace)
            if self._watch is not None:
                self._watch.wake(namespace)  # a route may be the only sign of one of several sessions
        self._news()

    def _ask_endpoint(self, namespace: str) -> None:
        assert self._machine is not None
        swan = self._machine.swan
        with self._lock:
            trail = self._trails.get(namespace, NO_TRAIL)
        try:
            running = swan.endpoints.charon(namespace)
            sas = swan.watcher.sas(namespace)
        except DriverError as error:
            log.warning("an IKE daemon does not answer", namespace=namespace, reason=str(error))
            return
        cause = next(iter(swan.watcher.causes(namespace).values()), None)
        pid = running.daemon.pid if running is not None else None
        with self._lock:
            if namespace in self._endpoints:
                self._endpoints[namespace] = Endpoint(pid=pid, sas=sas, cause=cause)
                # Unless something was heard since: that is newer than the look.
                if any(sa.up for sa in sas) and self._trails.get(namespace, NO_TRAIL) is trail:
                    self._trails[namespace] = trail.seen_up()
                self._said = None

    def _ask_speaker(self, namespace: str) -> None:
        assert self._machine is not None
        place = self._machine.bird.place(namespace)
        words = SpeakerWords()
        try:
            found = place.find()
            if found is not None:
                errors = self._watch.errors(namespace) if self._watch is not None else {}
                with place.control() as control:
                    protocols = tuple(with_error(p, errors.get(p.name, "")) for p in control.protocols())
                    wanted = self._logs is not None and self._logs.wants_routes(namespace)
                    words = SpeakerWords(
                        pid=found.daemon.pid,
                        protocols=protocols,
                        bfd=control.bfd_sessions(),
                        routes=control.routes() if wanted else (),
                    )
        except ControlError as error:
            # What it said last is nearer to the truth than silence; it is asked again at the next look.
            log.warning("a BGP speaker does not answer", namespace=namespace, reason=str(error))
            return
        with self._lock:
            before = self._speakers.get(namespace)
            died = words.pid is None and self._speakers.get(namespace, words).pid is not None
            if namespace in self._speakers:
                self._speakers[namespace] = words
                self._sessions[namespace] = _followed(self._sessions.get(namespace, {}), before, words)
                self._said = None
        if self._logs is not None and before is not None:
            self._logs.spoke(namespace, before, words, now())
        if died:
            self.wake(namespace)

    def _on_kernel(self, event: KernelEvent) -> None:
        match event:
            case RouteEvent():
                with self._lock:
                    _note(self._routes.setdefault(event.namespace, {}), event)
                    self._said = None
                self._asking.soon(event.namespace)
            case LinkEvent(up=False):
                self.wake(event.namespace)

    def _read_routes(self, namespace: str) -> None:
        fresh: Routes = {}
        for event in routes(namespace, BIRD_PROTOCOL):
            _note(fresh, event)
        with self._lock:
            self._routes[namespace] = fresh
            self._said = None
        self._asking.soon(namespace)


def _followed(
    known: Mapping[IPv4Address, tuple[Happening, ...]], before: SpeakerWords | None, words: SpeakerWords
) -> dict[IPv4Address, tuple[Happening, ...]]:
    """What became of a speaker's sessions, of those that there are."""
    found = {}
    for peering in (protocol.bgp for protocol in words.protocols):
        if peering is not None:
            what = moved(before.peering(peering.neighbour) if before is not None else None, peering)
            last = known.get(peering.neighbour, ())
            found[peering.neighbour] = noted(last, what, now(), turn="Established" in what) if what else last
    return found


def _keep(known: dict[str, T], wanted: Collection[str]) -> None:
    for namespace in known.keys() - set(wanted):
        del known[namespace]


def _note(known: Routes, event: RouteEvent) -> None:
    identity = (event.table, event.destination)
    if event.added:
        known[identity] = event.link or ""
    else:
        known.pop(identity, None)
