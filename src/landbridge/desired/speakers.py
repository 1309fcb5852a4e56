"""The routing daemons of a host: BGP sessions, static routes that follow BFD, and the kernel tables they fill."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from landbridge.desired.links import MAIN_TABLE
from landbridge.desired.objects import HostObject, Key

BIRD_PROTOCOL: Final = 12
"""The protocol number of routes written by BIRD (RTPROT_BIRD): learned, thus observed and never desired."""

SPEAKER_METRIC: Final = 187
"""Metric of a speaker's kernel routes: above the reconciler's own (0 and 10), which so win for the same prefix. Not
BIRD's default of 32, which another BIRD in the same namespace (a customer's own machine) may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bfd:
    """BFD's timers: both intervals in milliseconds, and how many losses mean down."""

    interval: int = 300
    multiplier: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BgpSession:
    """An eBGP session over one tunnel. `name` is generated (letters, digits, underscore).

    `connection` tags what is learned (a large community), so that it is not sent back to the same connection's other
    tunnel (traps 18). `med` is what we announce with. `reject` are prefixes that are refused with all parts of them, on
    top of those nobody may send.
    """

    name: str
    link: str
    local: IPv4Address
    peer: IPv4Address
    peer_asn: int
    connection: int
    med: int = 100
    reject: tuple[IPv4Network, ...] = ()
    reject_containing: tuple[IPv4Address, ...] = ()
    """Prefixes that contain one of these are refused, the default route among them: what carries the tunnels."""
    receive_limit: int | None = None
    """At most so many prefixes are taken; one more ends the session."""
    send_limit: int | None = None
    """At most so many prefixes are advertised, the first that come."""
    hold_time: int = 30
    local_preference: int = 100
    """Of what is learned. Changing it has the peer asked for its routes again; the session stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerStatic:
    """A static route in BIRD: `via` an address, on `link`. With `bfd` it is there only while that peer's BFD is up.

    Of several routes for one prefix the greatest preference wins. `advertise`: whether BGP peers hear of it.
    """

    destination: IPv4Network
    via: IPv4Address
    link: str
    bfd: bool = False
    preference: int = 200
    connection: int = 0
    advertise: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalSession:
    """The iBGP session between a virtual private gateway's speaker and its VPC router's, over their veth."""

    link: str
    local: IPv4Address
    peer: IPv4Address
    sends: bool
    """True on the gateway's side: it tells what it learned. The VPC router only listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker(HostObject):
    """One BIRD: sessions, static routes, and the kernel tables that it fills. A change is an atomic `configure`.

    `tables`: kernel tables that get what was learned (the gateway: its main table; the VPC router: one per propagating
    route table). `bfd_peers`: inside addresses watched by BFD without a route that asks for it (static connections:
    a route may ask for BFD only once the peer was seen to answer, traps 13).
    Recognised by its command line (its configuration's path below the instance's run directory) and its namespace; the
    configuration in force by a digest in it.
    """

    router_id: IPv4Address
    asn: int
    sessions: tuple[BgpSession, ...] = ()
    statics: tuple[SpeakerStatic, ...] = ()
    internal: InternalSession | None = None
    tables: tuple[int, ...] = (MAIN_TABLE,)
    table_limit: int | None = None
    """At most so many routes in each of `tables` but the main one, the first that come."""
    metric: int = SPEAKER_METRIC
    """Of the kernel routes that it writes: what tells them from those of another speaker in the same namespace."""
    announced: tuple[IPv4Network, ...] = ()
    """Prefixes that are announced and never installed: the networks that this machine itself is in."""
    bfd: Bfd | None = None
    bfd_peers: tuple[tuple[str, IPv4Address, IPv4Address], ...] = ()
    """(link, local, peer)."""

    @property
    def key(self) -> Key:
        return ("speaker", self.namespace)
