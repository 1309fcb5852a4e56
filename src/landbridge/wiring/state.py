"""A state folder opened for commands: by the service, or, while it is stopped, by whoever has the folder's lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from landbridge.control.base import PLAIN_POOLS, Pools
from landbridge.control.limits import AWS, Limits
from landbridge.control.service import Control
from landbridge.store.codec import Codec
from landbridge.store.folder import Folder
from landbridge.store.sql import SqlStore
from landbridge.wiring.world import SystemEntropy, now

ACCOUNT: Final = "000000000000"
REGION: Final = "us-east-1"
"""The region of what has none of its own (access keys, lab sites)."""


def control_of(folder: Folder, *, pools: Pools, builds: bool, limits: Limits = AWS) -> Control:
    """Commands on this folder's state. The folder's lock has to be held.

    Raises:
        StoreError: the state cannot be opened.
    """
    store = SqlStore.open(folder.database, Codec(folder.key))
    return Control(store, now=now, entropy=SystemEntropy(), pools=pools, builds=builds, limits=limits)


@contextmanager
def offline(state: Path) -> Iterator[Control]:
    """Commands while no service runs on the folder: the same handlers and transactions.

    Raises:
        FolderError: a service runs on it, or it cannot be used.
    """
    folder = Folder(state)
    folder.lock()
    yield control_of(folder, pools=PLAIN_POOLS, builds=False)
