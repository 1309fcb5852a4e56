"""Hears the kernel and the daemons of some namespaces, and keeps what they said last.

Events only say where to look: what is kept was read after the event. What it means is decided elsewhere (observe/).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from ipaddress import IPv4Network
from queue import SimpleQueue
from typing import TypeVar

import structlog

from landbridge.desired.objects import BIRD_PROTOCOL
from landbridge.drivers.netlink.events import KernelEvents, routes
from landbridge.observe.fold import Endpoint, Heard, SpeakerWords
from landbridge.observe.ike import IkeEvent
from landbridge.observe.kernel import KernelEvent, LinkEvent, RouteEvent
from landbridge.reconcile.driver import DriverError, Wake
from landbridge.wiring.host import Host

log = structlog.get_logger(__name__)

T = TypeVar("T")
Routes = dict[tuple[int, IPv4Network], str]


class Ears:
    """Listens to endpoints (charon) and routers (BIRD, routes).

    `wake`: told the namespace in which something broke, for the loop. `news`: called when something else was said.
    Both from any thread.
    """

    def __init__(self, wake: Wake, news: Callable[[], None]) -> None:
        self.wake = wake
        self._news = news
        self._lock = threading.Lock()
        """Guards what was heard."""
        self._endpoints: dict[str, Endpoint] = {}
        self._speakers: dict[str, SpeakerWords] = {}
        self._routes: dict[str, Routes] = {}
        self._machine: Host | None = None
        self._ask: SimpleQueue[str | None] = SimpleQueue()
        """Endpoints to be asked again; None ends the thread."""
        self._thread = threading.Thread(target=self._ask_endpoints, name="ears", daemon=True)
        self._kernel = KernelEvents(self._on_kernel, self._read_routes, protocols=(BIRD_PROTOCOL,))

    def start(self, machine: Host) -> None:
        """Begin to listen on this machine; its charons' events are to be handed to `on_ike`."""
        self._machine = machine
        self._thread.start()

    def on_ike(self, event: IkeEvent) -> None:
        """Something happened in an endpoint."""
        self._ask.put(event.namespace)

    def listen(self, *, endpoints: Collection[str], routers: Collection[str]) -> None:
        """Listen to exactly these from now on."""
        self._kernel.watch({*endpoints, *routers})
        for namespace in routers:
            if namespace not in self._routes:
                self._read_routes(namespace)
        with self._lock:
            _keep(self._routes, routers)
            _keep(self._speakers, routers)
            _keep(self._endpoints, endpoints)
            new = [name for name in endpoints if name not in self._endpoints]
        for namespace in new:
            self._ask.put(namespace)

    def heard(self) -> Heard:
        """What was said last."""
        with self._lock:
            return Heard(
                endpoints=dict(self._endpoints),
                speakers=dict(self._speakers),
                routes={namespace: dict(found) for namespace, found in self._routes.items()},
            )

    def close(self) -> None:
        """Stop listening."""
        self._kernel.close()
        if self._machine is not None:
            self._ask.put(None)
            self._thread.join()
            self._machine.swan.close()

    def _ask_endpoints(self) -> None:
        assert self._machine is not None
        while (namespace := self._ask.get()) is not None:
            swan = self._machine.swan
            try:
                running = swan.endpoints.charon(namespace)
                sas = swan.watcher.sas(namespace)
            except DriverError as error:
                log.warning("an IKE daemon does not answer", namespace=namespace, reason=str(error))
                continue
            cause = next(iter(swan.watcher.causes(namespace).values()), None)
            pid = running.daemon.pid if running is not None else None
            with self._lock:
                self._endpoints[namespace] = Endpoint(pid=pid, sas=sas, cause=cause)
            self._news()

    def _on_kernel(self, event: KernelEvent) -> None:
        match event:
            case RouteEvent():
                with self._lock:
                    _note(self._routes.setdefault(event.namespace, {}), event)
                self._news()
            case LinkEvent(up=False):
                self.wake(event.namespace)

    def _read_routes(self, namespace: str) -> None:
        fresh: Routes = {}
        for event in routes(namespace, BIRD_PROTOCOL):
            _note(fresh, event)
        with self._lock:
            self._routes[namespace] = fresh
        self._news()


def _keep(known: dict[str, T], wanted: Collection[str]) -> None:
    for namespace in known.keys() - set(wanted):
        del known[namespace]


def _note(known: Routes, event: RouteEvent) -> None:
    identity = (event.table, event.destination)
    if event.added:
        known[identity] = event.link or ""
    else:
        known.pop(identity, None)
