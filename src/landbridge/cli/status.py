"""`landbridge status`: everything at a glance."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from landbridge.cli.common import AsJson, State, client, console, print_json
from landbridge.model.options import DEFAULT_STATE

if TYPE_CHECKING:
    from landbridge.api.client import AdminClient

_LOOK_EVERY: Final = 1.0
"""Seconds."""


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: landbridge status --watch")(status)


def status(
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Every second again, until Ctrl-C (with --json: a line each).")
    ] = False,
) -> None:
    """Show gateways, connections and tunnels: their state, since when, why they are down, routes, bytes.

    The JSON document also holds all names of namespaces, links and processes.
    """
    with client(state) as service:
        if watch:
            _watch(service, as_json)
        elif as_json:
            print_json(service.status())
        else:
            from landbridge.cli.overview import overview

            console().print(overview(service.status(), datetime.now(UTC)))


def _watch(service: AdminClient, as_json: bool) -> None:
    from contextlib import suppress

    from rich.live import Live

    from landbridge.cli.overview import overview

    out = console()
    with suppress(KeyboardInterrupt):
        if as_json or not out.is_terminal:
            while True:
                document = service.status()
                if as_json:
                    print(json.dumps(document), flush=True)
                else:
                    out.print(overview(document, datetime.now(UTC)))
                time.sleep(_LOOK_EVERY)
        with Live(overview(service.status(), datetime.now(UTC)), console=out, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(_LOOK_EVERY)
                live.update(overview(service.status(), datetime.now(UTC)), refresh=True)
