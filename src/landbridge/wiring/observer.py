"""Listens to the kernel and the daemons, and keeps what they said: the source of telemetry, health and learned routes.

Everything is pushed or looked at after an event; nothing here decides anything (observe/ does).
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network

import structlog

from landbridge.control.service import Control
from landbridge.desired.names import tunnel_link
from landbridge.desired.objects import BIRD_PROTOCOL, MAIN_TABLE, Health
from landbridge.desired.vpn_gateway import alive
from landbridge.drivers.netlink.events import KernelEvents, routes
from landbridge.model.resources import TunnelId, Vpc, VpnConnection, VpnGateway
from landbridge.model.snapshot import Snapshot
from landbridge.observe import fold
from landbridge.observe.fold import Endpoint, Heard, Place, SpeakerWords, View
from landbridge.observe.kernel import KernelEvent, RouteEvent
from landbridge.observe.state import Observation
from landbridge.wiring.host import Host
from landbridge.wiring.world import now

log = structlog.get_logger(__name__)

Routes = dict[tuple[int, IPv4Network], str]


class Observer:
    """Hears what goes on, and answers with health (for the loop) and observations (for everybody who shows them)."""

    def __init__(self, machine: Host, control: Control) -> None:
        self._own = machine.names
        self._control = control
        self._lock = threading.Lock()
        """Guards what was heard."""
        self._endpoints: dict[str, Endpoint] = {}
        self._speakers: dict[str, SpeakerWords] = {}
        self._routes: dict[str, Routes] = defaultdict(dict)
        self._bfd_seen: frozenset[TunnelId] = frozenset()
        self._before = Observation()
        self._listeners: list[Callable[[], None]] = []
        self._kernel = KernelEvents(self._on_kernel, self._reread_routes, protocols=(BIRD_PROTOCOL,))

    def on_change(self, listener: Callable[[], None]) -> None:
        """Be told when health may have changed. From any thread; has to be quick."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Listen, in threads of their own."""
        self._control.on_change(self._follow)
        self._follow(self._control.snapshot)

    def stop(self) -> None:
        """Stop listening."""
        self._kernel.close()

    def _follow(self, snapshot: Snapshot) -> None:
        routers = {self._own.of(r.id) for kind in (Vpc, VpnGateway) for r in snapshot.all(kind)}
        self._kernel.watch(routers)
        for namespace in routers:
            self._reread_routes(namespace)

    def _on_kernel(self, event: KernelEvent) -> None:
        if isinstance(event, RouteEvent):
            with self._lock:
                _note(self._routes[event.namespace], event)

    def _reread_routes(self, namespace: str) -> None:
        fresh: Routes = {}
        for event in routes(namespace, BIRD_PROTOCOL):
            _note(fresh, event)
        with self._lock:
            self._routes[namespace] = fresh
        self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def _heard(self) -> Heard:
        with self._lock:
            return Heard(
                endpoints=dict(self._endpoints),
                speakers=dict(self._speakers),
                routes={namespace: dict(found) for namespace, found in self._routes.items()},
            )

    def _views(self, snapshot: Snapshot, heard: Heard) -> list[View]:
        return [
            fold.view_of(connection, tunnel, snapshot, heard, self._place(connection, tunnel.number))
            for connection in snapshot.all(VpnConnection)
            if alive(connection)
            for tunnel in connection.tunnels
        ]

    def _place(self, connection: VpnConnection, number: int) -> Place:
        return Place(
            endpoint=self._own.endpoint(connection.id, number),
            router=self._own.of(connection.vpn_gateway_id),
            link=tunnel_link(connection.number, number),
        )

    def health(self) -> Health:
        """What the desired state may depend on."""
        views = self._views(self._control.snapshot, self._heard())
        vital = fold.vitals(views, self._bfd_seen, now())
        self._bfd_seen = vital.bfd_seen
        return Health(dead=vital.dead, bfd_seen=vital.bfd_seen, up=vital.up)

    def observation(self, faults: Mapping[str, tuple[str, ...]] | None = None) -> Observation:
        """Everything that is known now."""
        snapshot, heard = self._control.snapshot, self._heard()
        links = {
            (place.router, place.link): (connection.id, tunnel.number)
            for connection in snapshot.all(VpnConnection)
            if alive(connection)
            for tunnel in connection.tunnels
            for place in (self._place(connection, tunnel.number),)
        }
        self._before = fold.observation(
            snapshot,
            self._views(snapshot, heard),
            heard,
            self._before,
            gateways={g.id: self._own.of(g.id) for g in snapshot.all(VpnGateway)},
            routers={v.id: self._own.of(v.id) for v in snapshot.all(Vpc)},
            links=links,
            main_table=MAIN_TABLE,
            faults=faults or {},
            now=now(),
        )
        return self._before

    def charons(self) -> dict[str, int]:
        """Process ids of IKE daemons by namespace."""
        with self._lock:
            return {namespace: e.pid for namespace, e in self._endpoints.items() if e.pid is not None}

    def speakers(self) -> dict[str, int]:
        """Process ids of BGP speakers by namespace."""
        with self._lock:
            return {namespace: s.pid for namespace, s in self._speakers.items() if s.pid is not None}


def _note(known: Routes, event: RouteEvent) -> None:
    identity = (event.table, event.destination)
    if event.added:
        known[identity] = event.link or ""
    else:
        known.pop(identity, None)
