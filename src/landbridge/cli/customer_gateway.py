"""`landbridge customer-gateway`: this machine as the customer gateway of a VPN connection, from its device file."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Final

import typer

from landbridge.cli.common import (
    CLEAR_DF_HELP,
    FORCE_UDP_HELP,
    AsJson,
    State,
    bfd_interval,
    console,
    file_text,
    network,
    print_json,
    progress,
    text_of,
)
from landbridge.model.certificates import MAX_FILE
from landbridge.model.crypto import CryptoPolicy
from landbridge.model.errors import Invalid
from landbridge.model.options import (
    DEFAULT_BFD_INTERVAL,
    DEFAULT_STATE,
    DEFAULT_WAIT,
    LONGEST_WAIT,
    CustomerGatewayOptions,
    DataPlaneChoice,
)
from landbridge.model.secret import Secret

_LONGEST_FILE: Final = 1_000_000
"""Characters; AWS's files have about 10,000."""

ClearDf = Annotated[bool, typer.Option("--clear-df/--no-clear-df", help=CLEAR_DF_HELP)]
ForceUdp = Annotated[bool, typer.Option("--force-udp/--no-force-udp", help=FORCE_UDP_HELP)]
VpnId = Annotated[str, typer.Argument(metavar="VPN-ID", help="The connection's id, vpn-...")]


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    group = typer.Typer(
        help="Be the customer gateway of a VPN connection, AWS's or landbridge's.",
        no_args_is_help=True,
        epilog="Example: landbridge customer-gateway up vpn-config.xml",
    )
    group.command(epilog="Example: landbridge customer-gateway up vpn-config.xml --advertise 192.168.60.0/24")(up)
    group.command(epilog="Example: landbridge customer-gateway down vpn-0123456789abcdef0")(down)
    group.command(epilog="Example: landbridge customer-gateway status vpn-0123456789abcdef0")(status)
    app.add_typer(group, name="customer-gateway")


def _carries_packets(chosen: DataPlaneChoice) -> DataPlaneChoice:
    if chosen is DataPlaneChoice.NONE:
        raise typer.BadParameter("A customer gateway carries packets: choose auto, kernel or libipsec.")
    return chosen


def up(
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="The connection's customerGatewayConfiguration (XML), - for stdin.")
    ],
    route: Annotated[
        list[IPv4Network] | None,
        typer.Option(parser=network, metavar="PREFIX", help="A prefix behind the tunnels (static connections)."),
    ] = None,
    advertise: Annotated[
        list[IPv4Network] | None,
        typer.Option(parser=network, metavar="PREFIX", help="A prefix of this site to announce (BGP connections)."),
    ] = None,
    bfd: Annotated[
        int,
        typer.Option(
            "--bfd-interval",
            metavar="MS",
            help="BFD's interval in milliseconds; 0 turns it off.",
            callback=bfd_interval,
        ),
    ] = DEFAULT_BFD_INTERVAL,
    state: State = DEFAULT_STATE,
    data_plane: Annotated[
        DataPlaneChoice,
        typer.Option(help="Who does ESP. auto: see `landbridge doctor`.", callback=_carries_packets),
    ] = DataPlaneChoice.AUTO,
    clear_df: ClearDf = False,
    force_udp: ForceUdp = False,
    crypto_policy: Annotated[
        CryptoPolicy,
        typer.Option(
            help="aws: what the file names. modern, cnsa: what these admit, where the file names other things."
        ),
    ] = CryptoPolicy.AWS,
    certificate: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="This device's certificate (PEM), if the file has no pre-shared keys."),
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="FILE", help="The certificate's private key (PEM, not encrypted).")
    ] = None,
    wait: Annotated[
        int,
        typer.Option(min=1, max=LONGEST_WAIT, metavar="SECONDS", help="How long to wait for both tunnels, at most."),
    ] = DEFAULT_WAIT,
) -> int | None:
    """Bring up both tunnels, with BGP or static routes and failover.

    An agent stays behind and keeps them up; `landbridge customer-gateway down` ends it.
    """
    options = CustomerGatewayOptions(
        device_file=_device_file(file),
        source="standard input" if file == "-" else file,
        routes=tuple(route or ()),
        advertise=tuple(advertise or ()),
        bfd_interval=bfd,
        state=state,
        data_plane=data_plane,
        clear_df=clear_df,
        force_udp=force_udp,
        crypto_policy=crypto_policy,
        wait=wait,
        certificate=file_text(Path(certificate), MAX_FILE) if certificate is not None else None,
        key=Secret(file_text(Path(key), MAX_FILE)) if key is not None else None,
    )
    from landbridge.wiring.customer_gateway import up as run

    with progress("Bringing up both tunnels"):
        return run(options)


def down(vpn_id: VpnId, state: State = DEFAULT_STATE) -> None:
    """Take the tunnels of a connection down and remove everything that `up` made."""
    from landbridge.wiring.customer_gateway import down as run

    out = console(stderr=True)
    run(vpn_id, state, lambda line: out.print(line))


def status(
    vpn_id: Annotated[
        str | None, typer.Argument(metavar="VPN-ID", help="The connection's id; if not given, the only one here.")
    ] = None,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Show both tunnels of a connection."""
    from landbridge.wiring.customer_gateway import only_one
    from landbridge.wiring.customer_gateway import status as read

    document = read(vpn_id or only_one(state), state)
    if as_json:
        print_json(document)
        return
    from landbridge.cli.overview import customer_gateway

    console().print(customer_gateway(document, datetime.now(UTC)))


def _device_file(source: str) -> Secret:
    text = text_of(source, _LONGEST_FILE)
    if len(text) > _LONGEST_FILE:
        raise Invalid("FILE", f"{source} is too large to be a customer gateway's device file.")
    return Secret(text)
