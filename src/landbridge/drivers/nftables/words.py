"""Names and sets as nft writes them, checked once more, whatever was checked before. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_LINK_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}")


def link(name: str) -> str:
    """A link's name in quotes.

    Raises:
        ValueError: it is none that landbridge gives.
    """
    if not _LINK_NAME.fullmatch(name):
        raise ValueError(f"'{name}' is not a generated link name")
    return f'"{name}"'


def pairs(items: Iterable[tuple[str, ...]]) -> str:
    """A set of concatenations: `{ "e1" . 10.0.0.4, "e2" . 10.0.0.5 }`."""
    return f"{{ {', '.join(' . '.join(item) for item in items)} }}"
