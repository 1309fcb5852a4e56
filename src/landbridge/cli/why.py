"""`landbridge why`: the cause of a tunnel's state in a sentence, what to change, and what happened last."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from landbridge.cli.common import AsJson, State, client, print_json, printable
from landbridge.model.options import DEFAULT_STATE


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: landbridge why vpn-0123456789abcdef0 --tunnel 1")(why)


def why(
    vpn_id: Annotated[str, typer.Argument(metavar="VPN-ID", help="The connection's id or name.")],
    tunnel: Annotated[
        int | None, typer.Option("--tunnel", min=1, max=2, metavar="1|2", help="One of the tunnels; both if not given.")
    ] = None,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Say why a connection's tunnels are down: the cause, both sides' proposals if they are it, what to change."""
    with client(state) as service:
        document = service.why(vpn_id, tunnel)
    if as_json:
        print_json(document)
        return
    for fault in document["faults"]:
        print(f"{document['id']}: {printable(fault)}")
    print("\n\n".join(_told(document["id"], each) for each in document["tunnels"]))


def _told(connection: str, tunnel: dict[str, Any]) -> str:
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
    lines += [f"  {event['at']}  {printable(event['what'])}" for event in tunnel["events"]]
    return "\n".join(lines)
