"""A state folder opened for commands: by the service, or, while it is stopped, by whoever has the folder's lock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from landbridge.control.base import PLAIN_POOLS, PSK_GRACE, Pools
from landbridge.control.limits import AWS, Limits
from landbridge.control.service import Control
from landbridge.model.crypto import CryptoPolicy
from landbridge.model.options import DEFAULT_REGION
from landbridge.store.codec import Codec
from landbridge.store.folder import Folder
from landbridge.store.sql import SqlStore
from landbridge.wiring.world import SystemEntropy, now

if TYPE_CHECKING:
    from landbridge.api.client import AdminClient

ACCOUNT: Final = "000000000000"
REGION: Final = DEFAULT_REGION
"""The region of what has none of its own (access keys, lab sites)."""


def control_of(
    folder: Folder,
    *,
    pools: Pools,
    builds: bool,
    limits: Limits = AWS,
    crypto_policy: CryptoPolicy = CryptoPolicy.AWS,
    psk_grace: timedelta = PSK_GRACE,
) -> Control:
    """Commands on this folder's state. The folder's lock has to be held.

    Raises:
        StoreError: the state cannot be opened.
    """
    store = SqlStore.open(folder.database, Codec(folder.key))
    return Control(
        store,
        now=now,
        entropy=SystemEntropy(),
        pools=pools,
        builds=builds,
        limits=limits,
        crypto_policy=crypto_policy,
        psk_grace=psk_grace,
    )


@contextmanager
def offline(state: Path) -> Iterator[AdminClient]:
    """Access keys while no service runs on the folder: the same handlers and transactions.

    Raises:
        FolderError: a service runs on it, or it cannot be used.
    """
    from landbridge.api.client import AdminClient  # the service itself does without

    folder = Folder(state)
    folder.lock()
    control = control_of(folder, pools=PLAIN_POOLS, builds=False)
    with AdminClient.offline(control, account=ACCOUNT, region=REGION, endpoint=last_endpoint(folder)) as client:
        yield client


def note_endpoint(folder: Folder, url: str, ca_bundle: str) -> None:
    """Keep where the EC2 API is, for profiles that are made while it is stopped."""
    folder.write_private(folder.endpoint, json.dumps({"url": url, "ca_bundle": ca_bundle}))


def last_endpoint(folder: Folder) -> dict[str, str]:
    """Where the EC2 API was last; empty if it never was, or if nobody can tell."""
    try:
        kept = json.loads(folder.endpoint.read_text())
        return {"url": str(kept["url"]), "ca_bundle": str(kept["ca_bundle"])}
    except (OSError, ValueError, LookupError, TypeError):
        return {}
