"""The command line: a client of the API, and the way to start the service. One module per group of commands."""

from __future__ import annotations

__all__ = ["main"]


def main() -> int:
    """The program `landbridge`. Answers its exit code: 0 done, 1 failed, 2 asked for in a wrong way."""
    from landbridge.cli.program import run

    return run()
