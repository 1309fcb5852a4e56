"""`landbridge purge`: remove everything that one state folder's service built, and the folder."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from landbridge.cli.common import State, console


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: landbridge purge --state /var/lib/landbridge --yes")(purge)


def purge(state: State, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Remove all networks, daemons and files of the (stopped) service at this state folder, and the folder."""
    if not yes:
        if not sys.stdin.isatty():
            raise typer.BadParameter("Nobody is there to ask: add --yes to remove everything.", param_hint="--yes")
        typer.confirm(f"Remove everything of the service at {state}, its state included?", abort=True)
    from landbridge.wiring.purge import purge as remove

    out = console(stderr=True)
    remove(state, lambda line: out.print(line))
