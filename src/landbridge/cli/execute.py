"""`landbridge exec`: run a command in the network of an instance, a site, a host, a gateway or an endpoint."""

from __future__ import annotations

from typing import Annotated

import typer

from landbridge.cli.common import State, client
from landbridge.model.options import DEFAULT_STATE


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("exec", epilog="Example: landbridge exec i-0123456789abcdef0 -- ping -c 3 192.168.60.10")(execute)


def execute(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="An id or the tag Name of an instance or gateway, vpn-...-1 for an endpoint, a lab site or host.",
        ),
    ],
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND", help="Behind `--`: the command and its arguments.")
    ],
    state: State = DEFAULT_STATE,
) -> None:
    """Run a command in the network of something. The exit code is the command's."""
    with client(state) as service:
        namespace, resolver = service.place(name)
    from landbridge.wiring.enter import enter

    enter(namespace, command, resolver)
