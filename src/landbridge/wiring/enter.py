"""`landbridge exec`: become a command inside a network namespace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from landbridge.drivers.execute import run_in
from landbridge.model.resolver import Resolver


def enter(namespace: str, argv: Sequence[str], resolver: Resolver | None) -> NoReturn:
    """Replace this process by the command. `resolver` takes the place of the machine's resolv.conf.

    Raises:
        DriverError: the namespace or the command is not there, or this needs root.
    """
    run_in(namespace, argv, resolver)
