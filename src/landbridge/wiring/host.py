"""The drivers of one host, made for one state folder, and what they hear."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from landbridge.desired.links import PROTOCOL
from landbridge.desired.names import Names
from landbridge.drivers.bird.driver import BirdDriver
from landbridge.drivers.netlink import namespaces
from landbridge.drivers.netlink.driver import NetlinkDriver
from landbridge.drivers.nftables.driver import NftablesDriver
from landbridge.drivers.strongswan import StrongSwan, strongswan
from landbridge.observe.ike import IkeEvent
from landbridge.reconcile.driver import Driver, Wake
from landbridge.store.folder import Folder


@dataclass(frozen=True, slots=True)
class Host:
    """What reaches this machine's kernel and daemons on behalf of one state folder."""

    names: Names
    folder: Folder
    swan: StrongSwan
    bird: BirdDriver
    others: Sequence[Driver]

    @property
    def drivers(self) -> Sequence[Driver]:
        """All drivers: one per kind of object."""
        return (*self.others, self.swan.charons, self.swan.connections, self.swan.devices, self.bird)

    def roots(self) -> Sequence[str]:
        """The namespaces that bear our mark, and those that daemons of ours are for: one may have lost its name."""
        marked = namespaces.owned(self.names.owner)
        return sorted({*marked, *self.swan.endpoints.namespaces(), *self.bird.namespaces()})


SERVICE: Final = PROTOCOL
CUSTOMER: Final = PROTOCOL + 1
"""Whose routes and addresses are whose: a customer gateway works in a lab site's namespace, which the service owns."""


def host(
    folder: Folder,
    *,
    protocol: int = SERVICE,
    wake: Wake = lambda _: None,
    on_ike: Callable[[IkeEvent], None] = lambda _: None,
) -> Host:
    """The real drivers. `wake`: something broke in a namespace; `on_ike`: what charons report. From any thread."""
    own = Names(folder.instance)
    folder.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.logs.mkdir(mode=0o700, exist_ok=True)
    key = base64.urlsafe_b64decode(folder.key)
    return Host(
        names=own,
        folder=folder,
        swan=strongswan(run_dir=folder.run, log_dir=folder.logs, owner=own.owner, key=key, wake=wake, on_event=on_ike),
        bird=BirdDriver(folder.run, folder.logs),
        others=(NetlinkDriver(own.owner, protocol), NftablesDriver(own.owner)),
    )
