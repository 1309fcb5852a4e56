"""`landbridge serve`: run the service."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final

import typer

from landbridge.cli.common import State, bfd_interval
from landbridge.model.crypto import CryptoPolicy
from landbridge.model.options import (
    DEFAULT_BFD_INTERVAL,
    DEFAULT_PSK_GRACE,
    DEFAULT_STATE,
    LARGEST_UPLINK_MTU,
    LONGEST_PSK_GRACE,
    SMALLEST_UPLINK_MTU,
    DataPlaneChoice,
    LimitsChoice,
    ServeOptions,
)

_MAX_PORT = 65_535
_LONGEST_DNS_NAME: Final = 253
_DNS_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*", re.ASCII)


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
    limits: Annotated[
        LimitsChoice,
        typer.Option(help="aws: AWS's default quotas; relaxed: as many of everything as there is room for."),
    ] = LimitsChoice.AWS,
    crypto_policy: Annotated[
        CryptoPolicy,
        typer.Option(
            help="What tunnels may use. aws: all of AWS's algorithms; modern: none that is weak; cnsa: RFC 9206's."
        ),
    ] = CryptoPolicy.AWS,
    bfd: Annotated[
        int,
        typer.Option(
            "--bfd-interval",
            metavar="MS",
            help="BFD's interval in milliseconds; 0 turns it off.",
            callback=bfd_interval,
        ),
    ] = DEFAULT_BFD_INTERVAL,
    tls: Annotated[
        bool,
        typer.Option("--tls", help="Serve HTTPS, with a certificate that is made and renewed in the state folder."),
    ] = False,
    tls_names: Annotated[
        list[str] | None,
        typer.Option("--tls-name", metavar="NAME", help="A name or address more in that certificate. Repeatable."),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Serve HTTPS with this certificate (PEM, with its chain).")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="The certificate's key (PEM).")] = None,
    uplink_mtu: Annotated[
        int,
        typer.Option(
            metavar="BYTES",
            help="The largest packet that fits between tunnel endpoints and Internet.",
            min=SMALLEST_UPLINK_MTU,
            max=LARGEST_UPLINK_MTU,
        ),
    ] = LARGEST_UPLINK_MTU,
    psk_grace: Annotated[
        int,
        typer.Option(
            metavar="SECONDS",
            help="How long the old pre-shared key still connects when a tunnel is given a new one; 0: not at all.",
            min=0,
            max=LONGEST_PSK_GRACE,
        ),
    ] = DEFAULT_PSK_GRACE,
) -> None:
    """Run the service: the EC2 API in front, IPsec, BGP and routers behind. Prints `ready URL` when all is in place.

    Beyond loopback it takes TLS. Stopping it leaves the data plane as it is; `landbridge purge` takes it away.
    """
    host, port = _listen(listen)
    if (tls_cert is None) != (tls_key is None):
        raise typer.BadParameter("Give both, or --tls to have them made.", param_hint="--tls-cert, --tls-key")
    if tls_cert is not None and (tls or tls_names):
        raise typer.BadParameter(
            "Give either a certificate, or --tls (and --tls-name) to have one made.", param_hint="--tls-cert, --tls"
        )
    options = ServeOptions(
        host=host,
        port=port,
        state=state,
        data_plane=data_plane,
        lab=lab,
        limits=limits,
        crypto_policy=crypto_policy,
        bfd_interval=bfd,
        tls=tls or bool(tls_names),
        tls_cert=tls_cert,
        tls_key=tls_key,
        tls_names=tuple(map(_name, tls_names or ())),
        uplink_mtu=uplink_mtu,
        psk_grace=psk_grace,
    )
    from landbridge.wiring.serve import serve as run

    run(options)


def _name(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        if _DNS_NAME.fullmatch(text) is None or len(text) > _LONGEST_DNS_NAME:
            raise typer.BadParameter(
                f"'{text}' is neither a DNS name nor an address.", param_hint="--tls-name"
            ) from None
        return text.lower()


def _listen(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > _MAX_PORT:
        raise typer.BadParameter(f"'{text}' is no address to listen on such as 127.0.0.1:8780.", param_hint="--listen")
    return host, int(port)
