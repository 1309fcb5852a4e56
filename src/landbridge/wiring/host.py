"""The drivers of one host, made for one state folder, and how everything of that folder is found and removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from landbridge.desired.names import Names
from landbridge.drivers.netlink import namespaces
from landbridge.drivers.netlink.driver import NetlinkDriver
from landbridge.drivers.nftables.driver import NftablesDriver
from landbridge.reconcile.driver import Driver
from landbridge.store.folder import Folder


@dataclass(frozen=True, slots=True)
class Host:
    """What reaches this machine's kernel and daemons on behalf of one state folder."""

    names: Names
    folder: Folder
    drivers: Sequence[Driver]
    roots: Callable[[], Sequence[str]]


def host(folder: Folder) -> Host:
    """The real drivers."""
    own = Names(folder.instance)
    folder.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.logs.mkdir(mode=0o700, exist_ok=True)
    return Host(
        names=own,
        folder=folder,
        drivers=(NetlinkDriver(own.owner), NftablesDriver(own.owner)),
        roots=lambda: namespaces.owned(own.owner),
    )
