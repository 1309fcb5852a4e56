"""What the kernel says: of its own accord that a route or a link came, changed or went; when asked, what passed a link.

Values only.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteEvent:
    """A route was added, or replaced the one of the same table, destination and metric (`added`), or went.

    `link` is the name of its link, None if it has none or the link is gone already. `protocol` is RTPROT_*.
    """

    namespace: str
    table: int
    destination: IPv4Network
    protocol: int
    metric: int
    gateway: IPv4Address | None
    link: str | None
    added: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEvent:
    """A link is there, administratively `up` or down and with or without a `carrier`, or `gone`."""

    namespace: str
    name: str
    up: bool
    carrier: bool
    gone: bool


KernelEvent = RouteEvent | LinkEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCount:
    """What passed a link since it was made, in bytes. `life` is another one for a link of the same name made anew."""

    life: int
    received: int
    sent: int


NO_LINK: Final = LinkCount(life=0, received=0, sent=0)
"""Where there is no such link."""
