"""strongSwan: its daemons, connections and tunnel devices, and what they report.

`strongswan` puts the parts together: three drivers over one set of charons, and the watcher.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from landbridge.drivers.deaths import Deaths
from landbridge.drivers.strongswan.connections import IkeConnectionDriver
from landbridge.drivers.strongswan.daemon import CharonDriver
from landbridge.drivers.strongswan.endpoints import Endpoints
from landbridge.drivers.strongswan.tun import TunnelDeviceDriver
from landbridge.drivers.strongswan.watch import IkeWatcher
from landbridge.observe.ike import IkeEvent
from landbridge.reconcile.driver import Wake

__all__ = ["StrongSwan", "strongswan"]


@dataclass(frozen=True, slots=True)
class StrongSwan:
    """The drivers and the watcher of one run directory."""

    charons: CharonDriver
    connections: IkeConnectionDriver
    devices: TunnelDeviceDriver
    watcher: IkeWatcher
    endpoints: Endpoints
    deaths: Deaths

    def close(self) -> None:
        """Stop watching. Daemons, tunnels and files stay as they are."""
        self.watcher.close()
        self.deaths.close()


def strongswan(
    *, run_dir: Path, log_dir: Path, owner: str, key: bytes, wake: Wake, on_event: Callable[[IkeEvent], None]
) -> StrongSwan:
    """Put the drivers together.

    `run_dir` is short (a Unix socket's path below it has 107 bytes) and the instance's own; `owner` is its id
    in the aliases of links; `key` is a secret of the instance, with which connections' digests are made. `wake` is
    called with the endpoint's and its router's namespace when a charon ended, and with the endpoint's when SAs may have
    gone from its kernel; `on_event` with all that happens.
    """
    deaths = Deaths()

    def ended(namespace: str, ours: bool) -> None:
        watcher.ended(namespace, ours)
        for name in filter(None, (namespace, endpoints.routers.get(namespace))):
            wake(name)

    endpoints = Endpoints(run_dir, log_dir, deaths=deaths, on_end=ended)
    watcher = IkeWatcher(endpoints, on_event, on_loss=wake)
    return StrongSwan(
        charons=CharonDriver(endpoints, watcher),
        connections=IkeConnectionDriver(endpoints, key, watcher),
        devices=TunnelDeviceDriver(endpoints, owner),
        watcher=watcher,
        endpoints=endpoints,
        deaths=deaths,
    )
