"""`landbridge demo`: build a complete hybrid environment, prove what it promises, take it down."""

from __future__ import annotations

from typing import Annotated

import typer

from landbridge.model.options import DataPlaneChoice, DemoOptions


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: landbridge demo")(demo)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end.")] = False,
    data_plane: Annotated[DataPlaneChoice, typer.Option(help="Who does ESP.")] = DataPlaneChoice.AUTO,
) -> int | None:
    """Build two VPCs, three sites and their VPN connections on this machine; prove twelve promises with real packets.

    It takes about a minute. Everything is taken down at the end, also after Ctrl-C.
    """
    from landbridge.wiring.demo import demo as run

    return run(DemoOptions(keep=keep, data_plane=data_plane))
