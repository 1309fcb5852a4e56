"""Which prefixes of those that BGP brought are closed to the Internet: once learned, until it is withdrawn.

A prefix that vanishes together with its session was not withdrawn: the tunnels are down, and without this its packets
would take the machine's default route, in the clear. One that stays away while a session is up was.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Network
from typing import Final

WITHDRAWN_AFTER: Final = timedelta(seconds=5)
"""How long a prefix is missing, with a session up all that time, before it counts as withdrawn. A session that came up
this moment has not told everything yet."""

MOST: Final = 1_000
"""Prefixes; AWS announces 100 per route table and refuses more than 100 of a site."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The prefixes, and since when each has been missing while a session was up."""

    prefixes: frozenset[IPv4Network] = frozenset()
    missing: Mapping[IPv4Network, datetime] = field(default_factory=dict)


def follow(before: Closed, learned: Collection[IPv4Network], up: bool, now: datetime) -> Closed:
    """What is closed now. `learned`: what leads into a tunnel at the moment; `up`: whether any BGP session is."""
    missing = {prefix: before.missing.get(prefix, now) for prefix in before.prefixes - set(learned)} if up else {}
    withdrawn = {prefix for prefix, since in missing.items() if now - since >= WITHDRAWN_AFTER}
    # A default route belongs to nobody: the machine's own way to the Internet stays open.
    fresh = sorted(prefix for prefix in learned if prefix.prefixlen > 0 and prefix not in before.prefixes)
    kept = before.prefixes - withdrawn
    return Closed(
        prefixes=kept | frozenset(fresh[: max(0, MOST - len(kept))]),
        missing={prefix: since for prefix, since in missing.items() if prefix not in withdrawn},
    )
