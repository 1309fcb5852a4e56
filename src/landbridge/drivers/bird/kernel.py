"""The kernel routes that a BIRD of ours wrote: seen when one is to recover, removed when it is to be forgotten."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from typing import Final

from pyroute2.netlink.rtnl.rtmsg import rtmsg

from landbridge.desired.speakers import BIRD_PROTOCOL
from landbridge.drivers.netlink.decode import Message, Route
from landbridge.drivers.netlink.routes import routes
from landbridge.drivers.netlink.rtnl import KernelRefusedError, Rtnl

_SHORT_TABLE: Final = 256


def left(namespace: str, metric: int) -> bool:
    """Whether routes of a BIRD with this metric are in the kernel.

    Raises:
        NamespaceMissing: there is no such namespace.
    """
    with Rtnl(namespace) as rtnl:
        return any(True for _ in _ours(rtnl, metric))


def flush(namespace: str, metric: int, keep: frozenset[int] = frozenset()) -> int:
    """Remove the routes of a BIRD with this metric from all tables but these; how many there were.

    Another BIRD's in the same namespace (on a customer's own machine) have another metric.

    Raises:
        NamespaceMissing: there is no such namespace.
        KernelRefusedError: the kernel refuses.
    """
    with Rtnl(namespace) as rtnl:
        doomed = [route for route in _ours(rtnl, metric) if route.table not in keep]
        for route in doomed:
            try:
                rtnl.request(Message.DELROUTE, _message(route))
            except KernelRefusedError as error:
                if error.errno != errno.ESRCH:
                    raise
    return len(doomed)


def _ours(rtnl: Rtnl, metric: int) -> Iterator[Route]:
    return (route for route in routes(rtnl, BIRD_PROTOCOL) if route.metric == metric)


def _message(route: Route) -> rtmsg:
    message = rtmsg()
    message["family"] = socket.AF_INET
    message["dst_len"] = route.destination.prefixlen
    message["proto"] = BIRD_PROTOCOL
    message["scope"] = 255  # RT_SCOPE_NOWHERE: whatever it is
    message["table"] = route.table if route.table < _SHORT_TABLE else 0
    message["attrs"] = [
        ("RTA_TABLE", route.table),
        ("RTA_DST", str(route.destination.network_address)),
        ("RTA_PRIORITY", route.metric),
    ]
    return message
