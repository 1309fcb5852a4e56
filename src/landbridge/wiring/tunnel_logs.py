"""What is heard of tunnels goes into their logs, where LogOptions ask for that: as files of the state folder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from landbridge.desired.names import Names
from landbridge.desired.vpn_gateway import alive
from landbridge.drivers.logs import LogFiles
from landbridge.model.in_force import parts
from landbridge.model.snapshot import Snapshot
from landbridge.model.vpn import DpdAction, Tunnel, VpnConnection
from landbridge.observe.activity import ACTIVITY, BGP, Phases, activity_line, bgp_line, details, stream_name
from landbridge.observe.bgp_log import route_news, session_news
from landbridge.observe.fold import SpeakerWords
from landbridge.observe.ike import IkeEvent


class TunnelLogs:
    """Writes the tunnels' logs of one service. Called from the threads that hear."""

    def __init__(self, own: Names, snapshot: Callable[[], Snapshot], files: LogFiles) -> None:
        self._own = own
        self._snapshot = snapshot
        self._files = files
        self._lock = threading.Lock()
        self._of: Snapshot | None = None
        self._endpoints: Mapping[str, tuple[VpnConnection, Tunnel]] = {}
        self._routers: dict[str, list[tuple[VpnConnection, Tunnel]]] = {}
        self._phases: dict[str, Phases] = {}

    def heard(self, event: IkeEvent, at: datetime) -> None:
        """An endpoint's charon did or said something."""
        with self._lock:
            self._look()
            before = self._phases.get(event.namespace, Phases())
            self._phases[event.namespace] = phases = before.heard(event)
            found = self._endpoints.get(event.namespace)
        if found is None:
            return
        connection, tunnel = found
        log = tunnel.options.log
        if log is not None and log.group and (detail := details(event, phases)):
            dpd = tunnel.options.dpd_action is not DpdAction.NONE
            line = activity_line(at, connection.id, tunnel.outside, phases, detail, dpd=dpd, as_json=log.as_json)
            self._files.write(log.group, stream_name(connection.id, tunnel.outside, ACTIVITY), line)

    def wants_routes(self, router: str) -> bool:
        """Whether some tunnel that leads to this router has a BGP log."""
        with self._lock:
            self._look()
            return bool(self._routers.get(router))

    def spoke(self, router: str, before: SpeakerWords, after: SpeakerWords, at: datetime) -> None:
        """A gateway's BIRD was looked at again."""
        with self._lock:
            self._look()
            tunnels = list(self._routers.get(router, ()))
        for connection, tunnel in tunnels:
            peering = after.peering(tunnel.customer_inside)
            log = tunnel.options.bgp_log
            if peering is None or log is None:
                continue
            session = f"c{connection.number}_t{tunnel.number}"
            news = [
                *session_news(before.peering(tunnel.customer_inside), peering),
                *route_news(
                    (route for route in before.routes if route.session == session),
                    (route for route in after.routes if route.session == session),
                ),
            ]
            for each in news:
                line = bgp_line(
                    at, connection.id, tunnel.outside, each.kind, each.status, each.message, as_json=log.as_json
                )
                self._files.write(log.group, stream_name(connection.id, tunnel.outside, BGP), line)

    def path(self, group: str, stream: str) -> str:
        """The file that a log stream is."""
        return str(self._files.path(group, stream))

    def close(self) -> None:
        """Write what waits."""
        self._files.close()

    def _look(self) -> None:
        """Whose endpoints and routers there are, if something changed. With the lock held."""
        snapshot = self._snapshot()
        if snapshot is self._of:
            return
        self._of = snapshot
        endpoints = {}
        self._routers = {}
        for connection in snapshot.all(VpnConnection):
            for part in parts(connection) if alive(connection) else ():
                for tunnel in part.tunnels:
                    endpoints[self._own.endpoint(connection.id, tunnel.number)] = (part.connection, tunnel)
                    bgp_log = tunnel.options.bgp_log
                    if not connection.static_only and bgp_log is not None and bgp_log.group:
                        router = self._own.of(part.connection.vpn_gateway_id)
                        self._routers.setdefault(router, []).append((part.connection, tunnel))
        self._endpoints = endpoints
        self._phases = {namespace: each for namespace, each in self._phases.items() if namespace in endpoints}
