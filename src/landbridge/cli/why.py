"""`landbridge why`: the cause of a tunnel's state in a sentence, what to change, and what happened last."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from landbridge.cli.common import AsJson, Connection, OneTunnel, State, client, print_json, printable
from landbridge.model.options import DEFAULT_STATE
from landbridge.model.resources import State as ResourceState

LAST: Final = 12
"""Happenings that are printed if not all are asked for."""

CHANGING: Final = (
    "being changed, one tunnel after the other. A tunnel that the device has to set up anew, by its new device file, "
    "has five minutes for it."
)
"""What `modifying` means."""


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: landbridge why vpn-0123456789abcdef0 --tunnel 1")(why)


def why(
    vpn_id: Connection,
    tunnel: OneTunnel = None,
    everything: Annotated[
        bool, typer.Option("--all", help=f"All that is known to have happened, not only the last {LAST} things.")
    ] = False,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Say why a connection's tunnels are down: the cause, both sides' proposals if they are it, what to change."""
    with client(state) as service:
        document = service.why(vpn_id, tunnel)
    if as_json:
        print_json(document)
        return
    if document["state"] == ResourceState.MODIFYING.value:
        print(f"{document['id']} is {CHANGING}\n")
    for fault in document["faults"]:
        print(f"{document['id']}: {printable(fault)}")
    print("\n\n".join(_told(document["id"], each, everything=everything) for each in document["tunnels"]))


def _told(connection: str, tunnel: dict[str, Any], *, everything: bool) -> str:
    which = f"{connection} tunnel {tunnel['number']} ({tunnel['outside_address']})"
    lines = [
        f"{which} is {tunnel['status']} since {tunnel['since']}",
        f"  why      {printable(tunnel['why'])}",
    ]
    if tunnel["change"]:
        lines.append(f"  change   {printable(tunnel['change'])}")
    if tunnel["proposals"]:
        received, configured = tunnel["proposals"]["received"], tunnel["proposals"]["configured"]
        lines.append(f"  theirs   {printable(received) or 'not told'}")
        lines.append(f"  ours     {printable(configured) or 'not told'}")
    events = tunnel["events"]
    shown = events if everything else events[-LAST:]
    if len(shown) < len(events):
        lines.append(f"  {len(events) - len(shown)} earlier: --all")
    lines += [f"  {event['at']}  {printable(event['what'])}{_often(event)}" for event in shown]
    return "\n".join(lines)


def _often(event: dict[str, Any]) -> str:
    return f"  ({event['times']} times since {event['since']})" if event["times"] > 1 else ""
