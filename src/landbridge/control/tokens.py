"""Client tokens: a caller's name for a request, so that asking twice (a retry after a lost answer) makes one thing.

A token is remembered by the resource that the request made, with a digest of what was asked, for as long as the
resource is there. Commands come one at a time: of concurrent ones with one token the first makes, the others find.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import fields
from typing import Final, Protocol, TypeVar

from landbridge.control.base import Command
from landbridge.model.errors import Invalid, TokenMismatch

MAX_LENGTH: Final = 64
"""AWS, "Ensuring idempotency": up to 64 ASCII characters."""
TOKEN: Final = "client_token"  # noqa: S105  (a member's name)


class Named(Protocol):
    """What remembers the request that made it."""

    @property
    def client_token(self) -> str:
        """What the caller named the request with; empty for nothing."""
        ...

    @property
    def request(self) -> str:
        """The request's `digest`."""
        ...


T = TypeVar("T", bound=Named)


def checked_token(token: str) -> str:
    """The token, if it may be one; the empty text is none.

    Raises:
        Invalid: too long, or not ASCII.
    """
    if len(token) > MAX_LENGTH or not (token.isascii() and token.isprintable()):
        raise Invalid("ClientToken", f"A ClientToken has at most {MAX_LENGTH} printable ASCII characters.")
    return token


def digest(command: Command) -> str:
    """What tells a request from others: all that was asked, less the token. What is as by default was not asked, so a
    newer landbridge, whose commands can ask for more, knows the request again."""
    asked = (
        f"{field.name}={value!r}"
        for field in fields(command)
        if field.name != TOKEN and (value := getattr(command, field.name)) != field.default
    )
    return hashlib.sha256("\n".join((type(command).__name__, *asked)).encode()).hexdigest()[:32]


def repeated(things: Iterable[T], token: str, command: Command) -> tuple[T, ...]:
    """Those of the things that this very request made before; none if it is new, or has no token.

    Raises:
        Invalid: the token cannot be one.
        TokenMismatch: it named another request.
    """
    if not checked_token(token):
        return ()
    found = tuple(thing for thing in things if thing.client_token == token)
    if any(thing.request != digest(command) for thing in found):
        raise mismatch(token)
    return found


def mismatch(token: str) -> TokenMismatch:
    """The error for a token that named something else before."""
    return TokenMismatch(f"The client token '{token}' was used before with other parameters. Use a new one.")
