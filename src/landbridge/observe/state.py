"""What is known of the data plane at one moment: the value that Describe, status and metrics are made from.

All of it is read from daemons and the kernel; none of it is ever stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Network

from landbridge.model.vpn import TunnelId
from landbridge.observe.kernel import LinkCount
from landbridge.observe.trail import Happening
from landbridge.observe.why import NOTHING_TO_SAY, Explanation


class Status(StrEnum):
    """A tunnel's telemetry status: static connections by their CHILD SA, dynamic ones by an established BGP session."""

    UP = "UP"
    DOWN = "DOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class EspState:
    """What is in force for a tunnel's packets, whatever was asked for."""

    suite: str
    udp: bool
    """ESP in UDP (RFC 3948)."""
    esn: bool
    """Extended sequence numbers (RFC 4304)."""
    replay_window: int | None
    """Packets; None where it could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelState:
    """One tunnel as it is. `why` says in a sentence why it is down, or what it is doing."""

    status: Status = Status.DOWN
    changed: datetime
    why: str = ""
    explained: Explanation = NOTHING_TO_SAY
    """The same in its parts."""
    last: tuple[Happening, ...] = ()
    """What happened last, oldest first."""
    ike: str = "down"
    """`established`, `connecting`, `down`."""
    bgp: str = ""
    """BIRD's words: `Established`, `Active`, ...; empty for static connections."""
    bfd: bool = False
    accepted_routes: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    peer: str = ""
    suite: str = ""
    """What IKE negotiated for itself, in strongSwan's words."""
    ike_version: str = ""
    """`ikev1` or `ikev2`."""
    esp: EspState | None = None
    """None while it is down."""
    counted: LinkCount | None = None
    """What passed its device, decrypted: received from the customer gateway, sent to it. None: nobody counted yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedRoute:
    """A prefix that a virtual private gateway knows, and the tunnel that its kernel sends it through."""

    destination: IPv4Network
    tunnel: TunnelId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything observed.

    `learned`: by virtual private gateway, what its kernel's main table holds from its speaker.
    `propagated`: by route table id, the prefixes that really are in that table of the VPC router.
    `faults`: by resource id, what the reconciler could not do, as sentences.
    """

    tunnels: Mapping[TunnelId, TunnelState] = field(default_factory=dict)
    learned: Mapping[str, tuple[LearnedRoute, ...]] = field(default_factory=dict)
    propagated: Mapping[str, frozenset[IPv4Network]] = field(default_factory=dict)
    faults: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
