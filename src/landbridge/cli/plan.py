"""`landbridge plan`: what the service's loop would do now, without doing it."""

from __future__ import annotations

import typer

from landbridge.cli.common import AsJson, State, client, print_json, progress
from landbridge.model.options import DEFAULT_STATE


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: landbridge plan")(plan)


def plan(state: State = DEFAULT_STATE, as_json: AsJson = False) -> None:
    """Look at everything afresh, and print the steps from what is there to what is wanted. Changes nothing."""
    with client(state) as service, progress("Looking at everything"):
        steps = service.plan()
    if as_json:
        print_json(steps)
    elif steps:
        print("\n".join(steps))
    else:
        print("Everything is as it should be: there is nothing to do.")
