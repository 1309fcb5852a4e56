"""`landbridge logs`: what a connection's tunnels have logged, as LogOptions ask for it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import typer

from landbridge.cli.common import Connection, OneTunnel, State, client, printable
from landbridge.model.errors import WrongState
from landbridge.model.options import DEFAULT_STATE

_LOOK_EVERY: Final = 0.5
"""Seconds."""


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: landbridge logs vpn-0123456789abcdef0 --tunnel 1 --follow")(logs)


def logs(
    vpn_id: Connection,
    tunnel: OneTunnel = None,
    bgp: Annotated[bool, typer.Option("--bgp", help="The BGP logs instead of the activity logs.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is logged, until Ctrl-C.")] = False,
    lines: Annotated[
        int | None,
        typer.Option("--lines", "-n", min=0, metavar="N", help="The last N lines of each tunnel; all if not given."),
    ] = None,
    state: State = DEFAULT_STATE,
) -> None:
    """Print the logs of a connection's tunnels. LogOptions of CreateVpnConnection turn them on."""
    with client(state) as service:
        streams = service.logs(vpn_id, tunnel, bgp=bgp)
    paths = [Path(stream["path"]) for stream in streams if stream["path"]]
    if not paths:
        kind = "BGP log" if bgp else "activity log"
        option = "BgpLogEnabled and BgpLogGroupArn" if bgp else "LogEnabled and LogGroupArn"
        raise WrongState(f"{vpn_id} has no {kind}: set {option} in its tunnels' LogOptions.CloudWatchLogOptions.")
    read: dict[Path, int] = {}
    for path in paths:
        old, _ = _from(path.with_name(f"{path.name}.1"), 0)
        new, read[path] = _from(path, 0)
        whole = [*old, *new]
        _print(whole if lines is None else whole[max(0, len(whole) - lines) :])
    with suppress(KeyboardInterrupt):
        while follow:
            time.sleep(_LOOK_EVERY)
            for path in paths:
                fresh, read[path] = _from(path, read[path])
                _print(fresh)


def _from(path: Path, start: int) -> tuple[list[str], int]:
    """The lines that are there from that byte on, and where to go on. One that has begun anew is read whole."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(start if start <= end else 0)
            whole = file.read()
            place = file.tell()
    except FileNotFoundError:
        return [], 0
    return whole.decode(errors="replace").splitlines(), place


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(printable(line), flush=True)
