"""What several commands share: where the state is, how output looks, how addresses on the command line are read."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from landbridge.model.options import LONGEST_BFD_INTERVAL, SHORTEST_BFD_INTERVAL

if TYPE_CHECKING:
    from rich.console import Console

    from landbridge.api.client import AdminClient

BUILD_WITHIN: Final = 60.0
"""Seconds that a command waits for what it asked for to be built."""

_PIPE_WIDTH: Final = 1_000

State = Annotated[
    Path,
    typer.Option(
        "--state",
        metavar="DIR",
        envvar="LANDBRIDGE_STATE",
        help="The state folder of the service.",
        file_okay=False,
    ),
]
CLEAR_DF_HELP: Final = "Fragment what is too large for the tunnels, even packets that forbid it."
FORCE_UDP_HELP: Final = "Carry ESP in UDP, even where there is no NAT (libipsec always does)."

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Connection = Annotated[str, typer.Argument(metavar="VPN-ID", help="The connection's id or name.")]
OneTunnel = Annotated[
    int | None, typer.Option("--tunnel", min=1, max=2, metavar="1|2", help="One of the tunnels; both if not given.")
]


def file_text(path: Path, most: int) -> str:
    """What is in a file; of more than `most` characters as much as shows that."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(most + 1)


def text_of(source: str, most: int) -> str:
    """The same, or what comes by standard input if the source is `-`."""
    return sys.stdin.read(most + 1) if source == "-" else file_text(Path(source), most)


def address(text: str) -> IPv4Address:
    """An IPv4 address off the command line."""
    try:
        return IPv4Address(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no IPv4 address such as 203.0.113.77.") from None


def network(text: str) -> IPv4Network:
    """An IPv4 prefix off the command line."""
    try:
        if "/" not in text:
            raise ValueError
        return IPv4Network(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no IPv4 prefix such as 192.168.60.0/24.") from None


def bfd_interval(milliseconds: int) -> int:
    """BFD's interval off the command line; 0 turns BFD off."""
    if milliseconds != 0 and not SHORTEST_BFD_INTERVAL <= milliseconds <= LONGEST_BFD_INTERVAL:
        raise typer.BadParameter(
            f"{milliseconds} is neither 0 (off) nor {SHORTEST_BFD_INTERVAL} to {LONGEST_BFD_INTERVAL} milliseconds."
        )
    return milliseconds


def client(state: Path) -> AdminClient:
    """The service at this state folder."""
    from landbridge.api.client import AdminClient

    return AdminClient(state)


def console(*, stderr: bool = False) -> Console:
    """Where text goes. In a pipe lines are not broken: programs read lines."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, markup=False, width=_PIPE_WIDTH)


def print_json(value: Any) -> None:
    """A JSON document on stdout."""
    print(json.dumps(value, indent=2))


@contextmanager
def progress(message: str) -> Iterator[None]:
    """Show on a terminal that something is under way; elsewhere say nothing."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield
        return
    with out.status(message):
        yield


def printable(text: str) -> str:
    """Text that somebody typed, fit for a terminal: no control characters."""
    return "".join(c if c.isprintable() else "?" for c in text)


def columns(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A plain table: left-aligned columns, two blanks between them."""
    table = [header, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
    )
