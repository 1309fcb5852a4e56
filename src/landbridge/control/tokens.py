"""Client tokens: a caller's name for a request, so that asking twice (a retry after a lost answer) makes one thing."""

from __future__ import annotations

from typing import Final

from landbridge.model.errors import Invalid, TokenMismatch

MAX_LENGTH: Final = 64
"""AWS, "Ensuring idempotency": up to 64 ASCII characters."""


def checked_token(token: str) -> str:
    """The token, if it may be one; the empty text is none.

    Raises:
        Invalid: too long, or not ASCII.
    """
    if len(token) > MAX_LENGTH or not (token.isascii() and token.isprintable()):
        raise Invalid("ClientToken", f"A ClientToken has at most {MAX_LENGTH} printable ASCII characters.")
    return token


def mismatch(token: str) -> TokenMismatch:
    """The error for a token that named something else before."""
    return TokenMismatch(f"The client token '{token}' was used before with other parameters. Use a new one.")
