"""The outer world as the pure core needs it handed in: the clock and randomness; and where logs go."""

from __future__ import annotations

import logging
import secrets
import sys
from datetime import UTC, datetime
from typing import TextIO

import structlog


class SystemEntropy:
    """Randomness fit for keys, from the operating system."""

    def token_hex(self, digits: int) -> str:
        """That many hexadecimal digits."""
        return secrets.token_hex((digits + 1) // 2)[:digits]

    def below(self, bound: int) -> int:
        """A number from 0 to bound - 1."""
        return secrets.randbelow(bound)

    def text(self, alphabet: str, length: int) -> str:
        """A string of that length over the alphabet."""
        drawn: list[str] = []
        # Bytes from the last, incomplete run through the alphabet would favour its beginning.
        even = 256 - 256 % len(alphabet)
        while len(drawn) < length:
            drawn += [alphabet[byte % len(alphabet)] for byte in secrets.token_bytes(length) if byte < even]
        return "".join(drawn[:length])


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def log_to(stream: TextIO = sys.stderr, least: int = logging.INFO) -> None:
    """One line per event from the level `least` on: readable on a terminal, JSON elsewhere.

    Exceptions are told with their place, and never with the values of variables: among those are keys.
    """
    renderers: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(colors=True, exception_formatter=structlog.dev.plain_traceback)]
        if stream.isatty()
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
