"""Every command and the handler that carries it out, as one visible list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from landbridge.control.base import Command, Context, Outcome, Scope

Handler = Callable[[Scope, Any, Context], Outcome[Any]]

HANDLERS: Mapping[type[Command], Handler] = {}


def handler_of(command: Command) -> Handler:
    """The handler of a command."""
    return HANDLERS[type(command)]
