"""A customer gateway's machine that moves to another address: its NAT must not go on with the former one.

conntrack remembers by which address the endpoints' packets left, for as long as there are any, and there always are.
What the machine hands to its endpoints by DNAT keeps even an address that it has lost (masquerading forgets by itself).
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address

import structlog

from landbridge.desired.objects import HERE
from landbridge.drivers.netlink.here import own_addresses, sources
from landbridge.drivers.nftables.flows import forget
from landbridge.reconcile.driver import DriverError

log = structlog.get_logger(__name__)


class Moves:
    """Notices that packets to the cloud leave by another address, or that one of those that they left by is gone."""

    def __init__(self) -> None:
        self._now: frozenset[IPv4Address] = frozenset()
        self._used: frozenset[IPv4Address] = frozenset()

    def look(self, peers: Collection[IPv4Address]) -> None:
        """To be called again and again. `peers`: the cloud's endpoints."""
        found = sources(peers)
        gone = self._used - own_addresses()
        moved = bool(found and self._now and found != self._now)
        self._now = found or self._now
        self._used = (self._used | found) - gone
        if not moved and not gone:
            return
        log.info("the machine has moved: flows to the cloud begin anew", address=", ".join(map(str, sorted(found))))
        try:
            forget(HERE, peers)
        except DriverError as error:
            log.error("what was known of the former address could not be forgotten", reason=str(error))
