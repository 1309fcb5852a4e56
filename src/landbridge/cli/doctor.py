"""`landbridge doctor`: which data plane this machine gives, why, and what is missing for the better one."""

from __future__ import annotations

from typing import Any

import typer

from landbridge.cli.common import AsJson, console, print_json


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: landbridge doctor --json")(doctor)


def doctor(as_json: AsJson = False) -> int | None:
    """Say who does ESP on this machine and why, and what is missing for the better way. Exit code 1: nobody can."""
    from landbridge.wiring.doctor import doctor as look

    found = look()
    if as_json:
        print_json(found)
    else:
        console().print("\n".join(_lines(found)))
    return 0 if found["data_plane"] else 1


def _lines(found: dict[str, Any]) -> list[str]:
    missing = found["missing"]
    lines = [
        f"data plane    {found['data_plane'] or 'none'}: {found['why']}",
        f"Linux         {found['kernel_release']}",
    ]
    for name, title in (("programs", "programs"), ("kernel", "kernel ESP"), ("libipsec", "libipsec")):
        lines += _block(title, missing[name] or ["works" if found["root"] or name == "programs" else "not tried"])
    return lines + _block("forwarding", missing["forwarding"] or ["works"])


def _block(title: str, sentences: list[str]) -> list[str]:
    first, *others = sentences
    return [f"{title:<13} {first}", *(f"{'':<13} {other}" for other in others)]
