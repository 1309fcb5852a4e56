"""The service's loop: committed snapshots and observations in, the host as it should be, and API states out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from landbridge.control.lifecycle import MarkBuilt, MarkGone, waiting
from landbridge.control.rollout import Advance, Progress, due, settling, under_way
from landbridge.control.service import Control
from landbridge.desired.health import Health
from landbridge.desired.host import Planner, Settings, Wanted
from landbridge.desired.links import link_key
from landbridge.desired.names import TO_INTERNET_GATEWAY, TO_VPN_GATEWAY, interface_port
from landbridge.desired.objects import HostState, Key
from landbridge.model.in_force import gateways
from landbridge.model.instances import NetworkInterface
from landbridge.model.network import InternetGateway
from landbridge.model.snapshot import Snapshot
from landbridge.model.vpn import VpnConnection, VpnGateway
from landbridge.reconcile.loop import Reconciler
from landbridge.wiring.host import Host
from landbridge.wiring.world import now

log = structlog.get_logger(__name__)

HOST: Final = "host"
"""Whose faults are nobody's in particular."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What was in place after a pass, and what then was wanted."""

    snapshot: Snapshot
    wanted: Wanted
    built: frozenset[Key]
    unsettled: frozenset[Key]


class ServiceLoop:
    """Runs the reconciler for a `Control`, and writes down what it has built and taken away."""

    def __init__(self, control: Control, host: Host, settings: Settings, health: Callable[[], Health]) -> None:
        self._control = control
        self._own = host.names
        self._planner = Planner(settings)
        self._health = health
        self._inputs: tuple[Snapshot, Health] | None = None
        self._told: _Told | None = None
        bfd = settings.bfd
        detection = timedelta(milliseconds=bfd.interval * bfd.multiplier) if bfd is not None else timedelta()
        self._settle = settling(detection)
        self.wanted = Wanted(-1, {}, {})
        """The desired state of the last pass."""
        self.looked = threading.Event()
        """Set once the first pass has been told."""
        self.reconciler = Reconciler(self._desired, host.drivers, host.roots, on_converged=self._on_converged)
        control.on_change(lambda _: self.reconciler.wake())

    def _desired(self) -> tuple[int, HostState]:
        snapshot, health = self._control.snapshot, self._health()
        if self._inputs is None or self._inputs[0] is not snapshot or self._inputs[1] != health:
            self.wanted = self._planner.wanted(snapshot, health)
            self._inputs = (snapshot, health)
        return self.wanted.revision, self.wanted.state

    def _on_converged(self, revision: int, built: frozenset[Key]) -> None:
        snapshot = self._inputs[0] if self._inputs else self._control.snapshot
        waits = waiting(snapshot)
        done = frozenset(mark for mark, owner in waits.built.items() if self._is_built(snapshot, mark, owner, built))
        gone = frozenset(mark for mark, owner in waits.gone.items() if self._is_gone(snapshot, mark, owner))
        if done:
            self._control.execute(MarkBuilt(done), account="", region="")
        if gone:
            self._control.execute(MarkGone(gone), account="", region="")
        self._told = _Told(snapshot, self.wanted, built, self.reconciler.unsettled())
        self.advance()
        self.looked.set()

    def advance(self) -> None:
        """Take changes under way further, if it is time: also to be called now and then, for time passes unheard."""
        snapshot = self._control.snapshot
        told, progress = self._told, {}
        for connection in under_way(snapshot):
            # What is known of another stage than this one says nothing.
            if connection.change and told and told.snapshot.get(VpnConnection, connection.id) == connection:
                ready, gone = self._reached(told, connection)
                progress[connection.id] = Progress(
                    connection.change, ready, gone, self._up(connection.id), self._settle
                )
        if any(due(snapshot, progress, now())):
            self._control.execute(Advance(progress), account="", region="")

    def _reached(self, told: _Told, connection: VpnConnection) -> tuple[bool, bool]:
        """Whether everything is in place that the connection wants; whether nothing else is left of its endpoints."""
        speakers = {("speaker", self._own.of(gateway)) for gateway in gateways(connection)}
        wanted = told.wanted.owners.get(connection.id, ())
        spaces = {self._own.endpoint(connection.id, tunnel.number) for tunnel in connection.tunnels}
        left = told.unsettled - told.wanted.state.keys()
        return told.built.issuperset({*wanted, *speakers}), not any(key[1] in spaces for key in left)

    def _up(self, connection_id: str) -> frozenset[int]:
        health = self._health()
        return frozenset(number for of, number in health.up - health.dead if of == connection_id)

    def faults(self) -> dict[str, tuple[str, ...]]:
        """What could not be done at present, as sentences, by the id of the resource that asked for it."""
        found: dict[str, tuple[str, ...]] = {}
        for failure in self.reconciler.errors():
            owner = next((o for o, keys in self.wanted.owners.items() if failure.key in keys), HOST)
            found[owner] = (*found.get(owner, ()), failure.message)
        return found

    def _is_built(self, snapshot: Snapshot, mark: str, owner: str, built: frozenset[Key]) -> bool:
        """Whether all objects of the resource are there; for a connection's route, also the speaker that has it."""
        connection = snapshot.get(VpnConnection, owner) if mark != owner else None
        if connection is not None and self._speaker(connection) not in built:
            return False
        return built.issuperset(self.wanted.owners.get(owner, ()))

    def _speaker(self, connection: VpnConnection) -> Key:
        return "speaker", self._own.of(connection.vpn_gateway_id)

    def _is_gone(self, snapshot: Snapshot, mark: str, owner: str) -> bool:
        """Whether nothing is left: no object in the resource's namespaces; for attachments, no link to the VPC; for a
        connection's route, no speaker that has it."""
        unsettled = self.reconciler.unsettled()
        left = unsettled - self.wanted.state.keys()
        if "@" not in mark:
            spaces = {self._own.of(owner), owner, f"{owner}-host"}
            if owner.startswith("vpn-"):
                spaces = {self._own.endpoint(owner, 1), self._own.endpoint(owner, 2)}
            return not any(key[1] in spaces for key in left)
        interface = snapshot.get(NetworkInterface, owner)
        if interface is not None:
            return link_key(self._own.of(interface.vpc_id), interface_port(owner)) not in left
        joined = snapshot.get(VpnGateway, owner) or snapshot.get(InternetGateway, owner)
        if joined is not None and joined.vpc_id is not None:
            link = TO_VPN_GATEWAY if isinstance(joined, VpnGateway) else TO_INTERNET_GATEWAY
            return link_key(self._own.of(joined.vpc_id), link) not in left
        connection = snapshot.get(VpnConnection, owner)
        return connection is not None and self._speaker(connection) not in unsettled
