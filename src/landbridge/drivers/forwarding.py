"""Whether the machine forwards packets, as a customer gateway has to, between its networks and its tunnel endpoints.

Landbridge says what is missing and changes none of it: who turns a machine into a router should know.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SETTINGS: Final = Path("/proc/sys/net/ipv4")
_STRICT: Final = 1

NO_FORWARDING: Final = (
    "A customer gateway forwards packets, and this machine does not: `sysctl -w net.ipv4.ip_forward=1`, and the same "
    "in a file below /etc/sysctl.d for the next boot. What may then pass between its networks, its filters say."
)
STRICT: Final = (
    "This machine drops what comes by another way than its answer takes (strict rp_filter), and with two tunnels that "
    "is normal: `sysctl -w net.ipv4.conf.all.rp_filter=2`, and the same in a file below /etc/sysctl.d."
)


@dataclass(frozen=True, slots=True)
class Forwarding:
    """`on`: packets are forwarded. `strict`: of those that come in by a link made from now on, only such whose sender

    is reached by that link (RFC 3704).
    """

    on: bool
    strict: bool

    @property
    def troubles(self) -> tuple[str, ...]:
        """What a customer gateway suffers from, in sentences with the remedy."""
        return (*(() if self.on else (NO_FORWARDING,)), *((STRICT,) if self.strict else ()))


def forwarding() -> Forwarding:
    """What is set in the network namespace of the calling thread."""
    # The kernel takes the greater of `all` and the link's own (ip-sysctl), and 2 is the loose filter.
    filters = max(_number("conf/all/rp_filter"), _number("conf/default/rp_filter"))
    return Forwarding(on=_number("ip_forward") != 0, strict=filters == _STRICT)


def _number(name: str) -> int:
    return int((_SETTINGS / name).read_text())
