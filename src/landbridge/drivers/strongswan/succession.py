"""A second IKE SA takes over from one that was authenticated by a certificate of ours that has been replaced.

Make before break: the new one is authenticated and carries traffic before the peer ends the old one, as a duplicate
(RFC 7296, 2.8 is about rekeying, which authenticates nobody; 2.8.3 asks for a new IKE SA from scratch).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Final

from landbridge.desired.ike import IkeConnection
from landbridge.drivers.strongswan.vici import Vici
from landbridge.observe.ike import IkeSaStatus
from landbridge.reconcile.driver import DriverError

AGREED_WITHIN: Final = 5.0
"""Seconds in which the peer has to answer."""
_MOST_SECONDS: Final = 60
_LOOK_EVERY: Final = 0.02
_IKE: Final = 500
_NAT_TRAVERSAL: Final = 4500


def succeed(vici: Vici, wanted: IkeConnection, message: Mapping[str, object]) -> None:
    """Initiate beside each IKE SA of the connection that is up, and wait until the new one is up.

    Where the peer is, the old SA knows: behind whatever port its NAT has for it, and wherever it has moved to.
    `message`: the connection as it is loaded, and as it is left.

    Raises:
        DriverError: the peer did not agree in time. What is up stays up.
    """
    deadline = time.monotonic() + AGREED_WITHIN
    if not any(sa.up for sa in _mine(vici, wanted)):
        return
    while attempts := [sa for sa in _mine(vici, wanted) if sa.initiator and sa.established is None]:
        # Earlier ones, which would be taken up again.
        for sa in attempts:
            vici.give_up(sa.unique_id)
        _look_again(wanted, deadline)
    before = _mine(vici, wanted)
    old = next((sa for sa in before if sa.up), None)
    if old is None:
        return
    known = {sa.unique_id for sa in before}
    ports = {} if old.remote_port == _IKE else {"local_port": _NAT_TRAVERSAL, "remote_port": old.remote_port}
    vici.load(wanted.name, {**message, **ports, **_unlike(message), "remote_addrs": [str(old.remote)]})
    try:
        vici.initiate(wanted.name)
        while not any(sa.up and sa.unique_id not in known for sa in _mine(vici, wanted)):
            _look_again(wanted, deadline)
    finally:
        vici.load(wanted.name, message)


def _unlike(message: Mapping[str, object]) -> dict[str, str]:
    """What makes the connection another one than any before: charon would use an IKE SA again that an earlier attempt
    has brought about after all. (Time in which an IKE SA that could not be rekeyed lives on.)"""
    seconds = int(str(message["over_time"]).removesuffix("s"))
    return {"over_time": f"{seconds + 1 + secrets.randbelow(_MOST_SECONDS)}s"}


def _mine(vici: Vici, wanted: IkeConnection) -> list[IkeSaStatus]:
    return [sa for sa in vici.sas() if sa.connection == wanted.name]


def _look_again(wanted: IkeConnection, deadline: float) -> None:
    if time.monotonic() > deadline:
        raise DriverError(
            f"The peer of {wanted.name} does not answer when it is asked to accept the new certificate: the tunnel "
            "stays as it is until it does, or until the customer gateway connects anew."
        )
    time.sleep(_LOOK_EVERY)
