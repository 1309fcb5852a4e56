"""`landbridge exec`: how the command line, which knows no drivers, becomes a command in a network namespace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from landbridge.drivers.execute import run_in


def enter(namespace: str, command: Sequence[str]) -> NoReturn:
    """Become the command, inside the namespace.

    Raises:
        DriverError: there is no such namespace or command, or this process may not enter it.
    """
    run_in(namespace, command)
