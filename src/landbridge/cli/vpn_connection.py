"""`landbridge vpn-connection`: how a connection carries packets, where EC2's API has no words for it."""

from __future__ import annotations

from typing import Annotated

import typer

from landbridge.cli.common import (
    BUILD_WITHIN,
    CLEAR_DF_HELP,
    FORCE_UDP_HELP,
    AsJson,
    State,
    client,
    print_json,
    progress,
)
from landbridge.model.errors import WrongState
from landbridge.model.options import DEFAULT_STATE


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    group = typer.Typer(
        help="How a VPN connection carries packets, beyond EC2's API.",
        no_args_is_help=True,
        epilog="Example: landbridge vpn-connection set vpn-0123456789abcdef0 --clear-df",
    )
    group.command("set", epilog="Example: landbridge vpn-connection set vpn-0123456789abcdef0 --clear-df")(change)
    app.add_typer(group, name="vpn-connection")


def change(
    vpn_id: Annotated[str, typer.Argument(metavar="VPN-ID", help="The connection's id, vpn-...")],
    clear_df: Annotated[bool | None, typer.Option("--clear-df/--no-clear-df", help=CLEAR_DF_HELP)] = None,
    force_udp: Annotated[bool | None, typer.Option("--force-udp/--no-force-udp", help=FORCE_UDP_HELP)] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Return when it is in force, or at once.")] = True,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Change how a connection carries packets. What is not named stays as it is, and so do other connections."""
    if clear_df is None and force_udp is None:
        raise typer.BadParameter("Say what to change: --clear-df, --no-clear-df, --force-udp or --no-force-udp.")
    with client(state) as service, progress(f"Changing {vpn_id}"):
        made = service.set_vpn_connection(vpn_id, clear_df=clear_df, force_udp=force_udp)
        if wait:
            answer = service.wait(made["revision"], BUILD_WITHIN)
            if not answer["converged"]:
                reasons = [fault["message"] for fault in answer["faults"]]
                raise WrongState(
                    f"{vpn_id} is changed, but after {BUILD_WITHIN:g} s it is not all in force yet. "
                    + (reasons[0] if reasons else "`landbridge status` tells what the service is doing.")
                )
    if as_json:
        print_json(made)
        return
    df = "is cleared" if made["clear_df"] else "is left as it is"
    udp = "always" if made["force_udp"] else "where there is a NAT"
    print(f"{made['id']}: DF {df}; ESP in UDP {udp}")
