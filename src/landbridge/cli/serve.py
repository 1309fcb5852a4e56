"""`landbridge serve`: run the service."""

from __future__ import annotations

from typing import Annotated

import typer

from landbridge.cli.common import State, bfd_interval
from landbridge.model.options import (
    DEFAULT_BFD_INTERVAL,
    DEFAULT_STATE,
    LARGEST_UPLINK_MTU,
    SMALLEST_UPLINK_MTU,
    DataPlaneChoice,
    ServeOptions,
)

_MAX_PORT = 65_535


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: landbridge serve --lab --state /var/lib/landbridge")(serve)


def serve(
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where the EC2 API listens; port 0 takes a free one.")
    ] = "127.0.0.1:8780",
    state: State = DEFAULT_STATE,
    data_plane: Annotated[
        DataPlaneChoice,
        typer.Option(help="Who does ESP. auto: see `landbridge doctor`; none: the API alone, without root."),
    ] = DataPlaneChoice.AUTO,
    lab: Annotated[bool, typer.Option("--lab", help="Simulate the Internet on this machine: sites and hosts.")] = False,
    bfd: Annotated[
        int,
        typer.Option(
            "--bfd-interval",
            metavar="MS",
            help="BFD's interval in milliseconds; 0 turns it off.",
            callback=bfd_interval,
        ),
    ] = DEFAULT_BFD_INTERVAL,
    uplink_mtu: Annotated[
        int,
        typer.Option(
            metavar="BYTES",
            help="The largest packet that fits between tunnel endpoints and Internet.",
            min=SMALLEST_UPLINK_MTU,
            max=LARGEST_UPLINK_MTU,
        ),
    ] = LARGEST_UPLINK_MTU,
) -> None:
    """Run the service: the EC2 API in front, IPsec, BGP and routers behind. Prints `ready URL` when all is in place.

    Stopping it leaves the data plane as it is; `landbridge purge` takes it away.
    """
    host, port = _listen(listen)
    options = ServeOptions(
        host=host,
        port=port,
        state=state,
        data_plane=data_plane,
        lab=lab,
        bfd_interval=bfd,
        uplink_mtu=uplink_mtu,
    )
    from landbridge.wiring.serve import serve as run

    run(options)


def _listen(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > _MAX_PORT:
        raise typer.BadParameter(f"'{text}' is no address to listen on such as 127.0.0.1:8780.", param_hint="--listen")
    return host, int(port)
