"""Why the tunnels of a connection are as they are, as plain JSON-able values: what `landbridge why` prints."""

from __future__ import annotations

from landbridge.control.vpn_connections import NOUN
from landbridge.model.errors import Conflict, Invalid, NotFound
from landbridge.model.resources import State
from landbridge.model.snapshot import Snapshot
from landbridge.model.vpn import Tunnel, VpnConnection
from landbridge.observe.state import Observation, Status, TunnelState
from landbridge.views.status import Document, timestamp


def connection_of(snapshot: Snapshot, name: str, number: int | None) -> tuple[VpnConnection, tuple[Tunnel, ...]]:
    """A connection, by id or by its tag `Name`, and its tunnels. `number`: one of them only.

    Raises:
        NotFound: there is no such connection.
        Conflict: several are called so.
        Invalid: there is no such tunnel.
    """
    connections = [c for c in snapshot.all(VpnConnection) if c.state is not State.DELETED]
    found = [c for c in connections if c.id == name] or [c for c in connections if name and c.name == name]
    if not found:
        raise NotFound(NOUN, name[:40])
    if len(found) > 1:
        raise Conflict(f"Several are called '{name[:40]}': {', '.join(c.id for c in found)}. Use one of these ids.")
    [connection] = found
    tunnels = tuple(tunnel for tunnel in connection.tunnels if number in (None, tunnel.number))
    if not tunnels:
        raise Invalid("tunnel", f"{connection.id} has the tunnels 1 and 2, and no tunnel {number}.")
    return connection, tunnels


def why(snapshot: Snapshot, observation: Observation, name: str, number: int | None = None) -> Document:
    """The document of a connection, or of one of its tunnels.

    Raises:
        NotFound, Conflict, Invalid: as `connection_of`.
    """
    connection, tunnels = connection_of(snapshot, name, number)
    return {
        "id": connection.id,
        "state": connection.state.value,
        "faults": list(observation.faults.get(connection.id, ())),
        "tunnels": [
            _tunnel(tunnel, observation.tunnels.get((connection.id, tunnel.number)), connection) for tunnel in tunnels
        ],
    }


def _tunnel(tunnel: Tunnel, seen: TunnelState | None, connection: VpnConnection) -> Document:
    state = seen or TunnelState(changed=connection.created, why="It has not been looked at yet.")
    explained = state.explained
    proposals = {"received": explained.received, "configured": explained.configured}
    return {
        "number": tunnel.number,
        "outside_address": str(tunnel.outside),
        "status": state.status.value,
        "since": timestamp(state.changed),
        "cause": explained.cause or None,
        "why": _in_words(state),
        "change": explained.change or None,
        "proposals": proposals if any(proposals.values()) else None,
        "events": [{"at": timestamp(each.at), "what": each.what} for each in state.last],
    }


def _in_words(state: TunnelState) -> str:
    said = state.explained.sentence or state.why
    if state.status is Status.DOWN or state.explained.cause:
        return said
    return f"All is well: {said}." if said else "All is well."
