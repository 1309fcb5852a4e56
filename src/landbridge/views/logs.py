"""Where the logs of a connection's tunnels are, as plain JSON-able values: what `landbridge logs` reads."""

from __future__ import annotations

from collections.abc import Callable

from landbridge.model.snapshot import Snapshot
from landbridge.observe.activity import ACTIVITY, BGP, stream_name
from landbridge.views.status import Document
from landbridge.views.why import connection_of


def streams(
    snapshot: Snapshot, name: str, number: int | None, *, bgp: bool, path: Callable[[str, str], str]
) -> list[Document]:
    """The log streams of a connection's tunnels; the group is empty where nothing is written. `path`: of a group's
    stream.

    Raises:
        NotFound, Conflict, Invalid: as `connection_of`.
    """
    connection, tunnels = connection_of(snapshot, name, number)
    found = []
    for tunnel in tunnels:
        log = tunnel.options.bgp_log if bgp else tunnel.options.log
        group = log.group if log is not None else ""
        stream = stream_name(connection.id, tunnel.outside, BGP if bgp else ACTIVITY)
        found.append(
            {
                "connection": connection.id,
                "tunnel": tunnel.number,
                "group": group,
                "stream": stream,
                "path": path(group, stream) if group else "",
            }
        )
    return found
