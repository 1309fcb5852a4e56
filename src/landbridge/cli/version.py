"""`landbridge version`."""

from __future__ import annotations

import typer

from landbridge import __version__


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: landbridge version")(version)


def version() -> None:
    """Print the version."""
    print(f"landbridge {__version__}")
