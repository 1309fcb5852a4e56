"""What a BGP speaker tells of itself: sessions, BFD, routes with their attributes. Values only.

The words for states are BIRD's, which are RFC 4271's and RFC 5880's: `Established`, `Active`, `Up`, `Down`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import Final


class BgpCause(StrEnum):
    """Why a session is down, as far as BIRD's own words tell."""

    WRONG_PEER_ASN = "bgp-wrong-peer-asn"
    """The peer's OPEN has another AS number than is expected of it."""
    WRONG_OWN_ASN = "bgp-wrong-own-asn"
    """The peer expects another AS number of us."""
    REFUSED = "bgp-refused"
    """At the peer's address nobody speaks BGP."""
    UNREACHABLE = "bgp-unreachable"
    """At the peer's address nobody answers."""
    HOLD_TIMER = "bgp-hold-timer"
    PREFIX_LIMIT = "bgp-prefix-limit"
    BFD_DOWN = "bgp-bfd-down"
    PEER_CLOSED = "bgp-peer-closed"
    """The peer ended it, and said why."""


_BAD_ASN: Final = re.compile(r"Bad peer AS: ([0-9]+)")

# Fragments of `Last error` (BIRD 2.0.12, proto/bgp), most telling first.
_FRAGMENTS: Final = (
    ("Received: Bad peer AS", BgpCause.WRONG_OWN_ASN),
    ("Bad peer AS", BgpCause.WRONG_PEER_ASN),
    ("Hold timer expired", BgpCause.HOLD_TIMER),
    ("Route limit exceeded", BgpCause.PREFIX_LIMIT),
    ("BFD session down", BgpCause.BFD_DOWN),
    ("Connection refused", BgpCause.REFUSED),
    ("No route to host", BgpCause.UNREACHABLE),
    ("Host is unreachable", BgpCause.UNREACHABLE),
    ("Connection timed out", BgpCause.UNREACHABLE),
    ("Received: ", BgpCause.PEER_CLOSED),
)


def bgp_cause_of(last_error: str) -> BgpCause | None:
    """What a session's last error says; None when it says nothing that is known."""
    return next((cause for fragment, cause in _FRAGMENTS if fragment in last_error), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerStatus:
    """The daemon. `hostname` carries the fingerprint of the configuration in force."""

    version: str
    router_id: IPv4Address
    hostname: str
    started: datetime
    configured: datetime
    recovering: bool
    """A graceful restart is not finished yet: the kernel's routes are those of before."""
    reconfiguring: bool
    """A new configuration was taken, and some protocol has not followed yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BgpPeering:
    """The BGP side of a protocol. Timers in seconds, absent while there is no session."""

    state: str
    neighbour: IPv4Address
    link: str
    peer_asn: int
    local_asn: int
    hold_time: int | None = None
    hold_remaining: float | None = None
    imported: int = 0
    filtered: int = 0
    exported: int = 0
    preferred: int = 0
    last_error: str = ""
    receive_limit: int | None = None
    """Prefixes that may be received."""
    stale: bool = False
    """The neighbour is gone and its routes are kept for a while as the last resort."""

    @property
    def told_asn(self) -> int | None:
        """The AS number that the peer's OPEN had, if it was the wrong one and is known."""
        told = _BAD_ASN.search(self.last_error)
        return int(told[1]) if told is not None else None

    @property
    def cause(self) -> BgpCause | None:
        """Why it is down; None while it is not, or if that is not known."""
        return bgp_cause_of(self.last_error) if self.state != "Established" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerProtocol:
    """One protocol instance. `session` is the `BgpSession.name` that it was made from, empty for all else."""

    name: str
    kind: str
    table: str
    state: str
    since: datetime
    info: str
    session: str = ""
    bgp: BgpPeering | None = None

    @property
    def established(self) -> bool:
        """Whether it is a BGP session that is up."""
        return self.bgp is not None and self.bgp.state == "Established"


@dataclass(frozen=True, slots=True, kw_only=True)
class BfdPeer:
    """A BFD session. Seconds; a timeout of 0 is none yet."""

    address: IPv4Address
    link: str
    state: str
    since: datetime
    interval: float
    timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerRoute:
    """A route in the speaker's table. `preferred`: the one that is used for its prefix."""

    destination: IPv4Network
    kind: str
    """`unicast`, `blackhole`, `unreachable`, `prohibited`."""
    protocol: str
    session: str
    since: datetime
    preferred: bool
    preference: int
    stale: bool
    source: str
    """`BGP` or `static`."""
    via: IPv4Address | None = None
    link: str = ""
    connection: int = 0
    origin: str = ""
    as_path: tuple[str, ...] = ()
    """AS numbers in order; a set is one word in braces."""
    med: int | None = None
    local_preference: int | None = None
    communities: tuple[tuple[int, int], ...] = ()
    large_communities: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerView:
    """A whole speaker at one moment: the daemon, its protocols, its BFD sessions and its routes."""

    status: SpeakerStatus
    protocols: tuple[SpeakerProtocol, ...]
    bfd: tuple[BfdPeer, ...]
    routes: tuple[SpeakerRoute, ...]


def with_error(protocol: SpeakerProtocol, said: str) -> SpeakerProtocol:
    """The same, with what the speaker said when the session was closed, where it tells nothing more, or less of it."""
    bgp = protocol.bgp
    if bgp is None or protocol.established or not said.startswith(bgp.last_error):
        return protocol
    return replace(protocol, bgp=replace(bgp, last_error=said))


def moved(before: BgpPeering | None, after: BgpPeering) -> str:
    """In words, that a session is in another state than at the last look; empty if it is not."""
    if before is None or before.state == after.state:
        return ""
    why = f": {after.last_error}" if after.last_error and after.state != "Established" else ""
    return f"BGP with {after.neighbour} went from {before.state} to {after.state}{why}"
