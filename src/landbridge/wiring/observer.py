"""What the service knows of its tunnels: health for the loop, observations for everybody who shows them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from typing import Final

from landbridge.control.service import Control
from landbridge.desired.health import Health
from landbridge.desired.links import MAIN_TABLE
from landbridge.desired.names import Names, tunnel_link
from landbridge.desired.vpn_gateway import alive
from landbridge.drivers.strongswan.upgraded import outdated
from landbridge.model.in_force import gateways, parts
from landbridge.model.network import Vpc
from landbridge.model.resources import State
from landbridge.model.snapshot import Snapshot
from landbridge.model.vpn import TunnelId, VpnConnection, VpnGateway
from landbridge.observe import fold, metrics
from landbridge.observe.fold import Heard, Place, View
from landbridge.observe.metrics import Metrics
from landbridge.observe.state import Observation
from landbridge.wiring.ears import Ears
from landbridge.wiring.world import now

_HOLDS_FOR: Final = timedelta(seconds=1)
"""How long an observation is good for while nobody says anything else (`fold.BFD_SILENCE` is a minute)."""

_KEY_HOLDS: Final = timedelta(seconds=0.5)
"""How long one of two keys is loaded at least."""


class Observer:
    """Joins what is wanted (the snapshot) with what was heard. `on_health` is called when health has changed."""

    def __init__(self, own: Names, control: Control, ears: Ears, on_health: Callable[[], None]) -> None:
        self._own = own
        self._control = control
        self._ears = ears
        self._on_health = on_health
        self._lock = threading.Lock()
        """Guards the values below, which are made from their last ones."""
        self._health = Health()
        self._observation = Observation()
        self._metrics = Metrics()
        self._swapped: dict[TunnelId, datetime] = {}
        """When a tunnel's key was last changed for the other one of its two."""
        self._all_heard = False
        """Before, what is heard of one says nothing of the others."""
        self._made: tuple[Snapshot, Heard, datetime] | None = None
        """What the observation was made from, and when."""
        self._following = threading.Lock()
        """Held from looking at what is wanted until it is listened to."""

    def start(self) -> None:
        """Follow the snapshots: listen to whatever they hold."""
        self._control.on_change(self.follow)
        self.follow(self._control.snapshot)

    def follow(self, told: Snapshot) -> None:
        """Listen to what is wanted now: of two threads with a new snapshot each, the older one may come last."""
        del told
        with self._following:
            snapshot = self._control.snapshot
            routers = {self._own.of(vpc.id) for vpc in snapshot.all(Vpc)}
            routers |= {self._own.of(g.id) for g in snapshot.all(VpnGateway) if g.state is not State.DELETED}
            connections = [c for c in snapshot.all(VpnConnection) if alive(c)]
            self._ears.listen(
                endpoints={self._own.endpoint(c.id, t.number) for c in connections for t in c.tunnels},
                routers=routers,
                counting={self._own.of(gateway) for c in connections for gateway in gateways(c)},
            )

    def recall(self, followed: Callable[[str], Collection[tuple[str, IPv4Address]]]) -> None:
        """Learn what the service before this one knew: a peer whose static routes follow BFD (`followed`, by router)
        answers it, and means something by being silent now. Before anything else is heard."""
        with self._lock:
            views = self._views(self._control.snapshot, self._ears.heard())
            seen = (
                v.identity for v in views if not v.dynamic and (v.place.link, v.far_inside) in followed(v.place.router)
            )
            self._health = Health(bfd_seen=frozenset(seen))

    def begin(self) -> None:
        """Everybody was heard: from now on a tunnel of which nothing is known is down, and changes are changes."""
        with self._lock:
            self._all_heard = True
            self._observation = Observation()
        self._refresh({})

    def health(self) -> Health:
        """What the desired state may depend on."""
        return self._health

    def observation(self, faults: Mapping[str, tuple[str, ...]] | None = None) -> Observation:
        """Everything that is known now. `faults`: what the loop could not do, by resource id.

        Made anew when something else is wanted or was heard, and once in a while: silence comes to mean something, too.
        """
        with self._lock:
            known, made = self._observation, self._made
        if made is None or made[0] is not self._control.snapshot or made[1] is not self._ears.heard():
            return self._refresh(faults or {})
        if now() - made[2] > _HOLDS_FOR:
            return self._refresh(faults or {})
        return known if known.faults == (faults or {}) else replace(known, faults=faults or {})

    def metrics(self) -> Metrics:
        """Telemetry over time, up to now."""
        self.observation()
        with self._lock:
            return self._metrics

    def look(self) -> None:
        """To be called regularly: what nobody tells is looked at."""
        self._ears.count()
        self._refresh({})

    def news(self) -> None:
        """Something new was heard, or enough time has passed for silence to mean something."""
        self._refresh({})

    def _refresh(self, faults: Mapping[str, tuple[str, ...]]) -> Observation:
        before, observation = self._renew(faults)
        if self._health != before:
            self._on_health()
        return observation

    def _renew(self, faults: Mapping[str, tuple[str, ...]]) -> tuple[Health, Observation]:
        """The health so far, and what is to be shown from now on."""
        with self._lock:
            before = self._health
            snapshot, heard, at = self._made = self._control.snapshot, self._ears.heard(), now()
            views = self._views(snapshot, heard)
            vital = fold.vitals(views, self._health.bfd_seen, self._health.bare, self._health.ciphers, at)
            self._health = Health(
                dead=vital.dead,
                bfd_seen=vital.bfd_seen,
                up=vital.up,
                bare=vital.bare,
                ciphers=vital.ciphers,
                former_keys=self._health.former_keys & self._with_two_keys(snapshot).keys(),
            )
            self._observation = fold.observation(
                snapshot,
                views,
                heard,
                self._observation if self._all_heard else Observation(),
                gateways={g.id: self._own.of(g.id) for g in snapshot.all(VpnGateway)},
                routers={v.id: self._own.of(v.id) for v in snapshot.all(Vpc)},
                links={(v.place.router, v.place.link): v.identity for v in views},
                main_table=MAIN_TABLE,
                faults=faults,
                now=at,
            )
            if self._all_heard:
                connections = (c for c in snapshot.all(VpnConnection) if alive(c))
                self._metrics = metrics.looked(self._metrics, connections, self._observation.tunnels, at)
            return before, self._observation

    def refused(self, namespace: str) -> None:
        """An endpoint's peer showed another key than is loaded: in the grace time the other one is loaded next.

        Which key the peer has is known only by trying, and two at a time would be told apart by chance (traps 5).
        """
        with self._lock:
            at, before = now(), self._health
            two_keys = self._with_two_keys(self._control.snapshot)
            self._swapped = {identity: since for identity, since in self._swapped.items() if identity in two_keys}
            for identity, endpoint in two_keys.items():
                # Of one attempt several lines may tell.
                if endpoint == namespace and at - self._swapped.get(identity, at - _KEY_HOLDS) >= _KEY_HOLDS:
                    self._swapped[identity] = at
                    self._health = replace(self._health, former_keys=self._health.former_keys ^ {identity})
            changed = self._health is not before
        if changed:
            self._on_health()

    def _with_two_keys(self, snapshot: Snapshot) -> dict[TunnelId, str]:
        """The tunnels whose former key still lets the customer gateway in, and their endpoints."""
        return {
            (connection.id, tunnel.number): self._own.endpoint(connection.id, tunnel.number)
            for connection in snapshot.all(VpnConnection)
            if alive(connection)
            for tunnel in connection.tunnels
            if tunnel.old_psk is not None
        }

    def _views(self, snapshot: Snapshot, heard: Heard) -> list[View]:
        return [
            fold.view_of(part.connection, tunnel, snapshot, heard, self._place(part.connection, tunnel.number))
            for connection in snapshot.all(VpnConnection)
            if alive(connection)
            for part in parts(connection)
            for tunnel in part.tunnels
        ]

    def _place(self, connection: VpnConnection, number: int) -> Place:
        return Place(
            endpoint=self._own.endpoint(connection.id, number),
            router=self._own.of(connection.vpn_gateway_id),
            link=tunnel_link(connection.number, number),
        )

    def outdated(self) -> frozenset[TunnelId]:
        """The tunnels whose IKE daemons run software that has been replaced on this machine."""
        running = self.charons()
        return frozenset(
            (connection.id, tunnel.number)
            for connection in self._control.snapshot.all(VpnConnection)
            if alive(connection)
            for tunnel in connection.tunnels
            if (pid := running.get(self._own.endpoint(connection.id, tunnel.number))) is not None and outdated(pid)
        )

    def charons(self) -> dict[str, int]:
        """Process ids of IKE daemons by namespace."""
        return {name: each.pid for name, each in self._ears.heard().endpoints.items() if each.pid is not None}

    def speakers(self) -> dict[str, int]:
        """Process ids of BGP speakers by namespace."""
        return {name: each.pid for name, each in self._ears.heard().speakers.items() if each.pid is not None}
