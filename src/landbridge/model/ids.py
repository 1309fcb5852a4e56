"""Resource ids: EC2's form, a prefix and seventeen hexadecimal digits, drawn from entropy that is handed in."""

from __future__ import annotations

import re
from typing import Final, Protocol

_DIGITS: Final = 17


class Entropy(Protocol):
    """Where randomness comes from; the real one uses `secrets`, tests use a seeded one."""

    def token_hex(self, digits: int) -> str:
        """That many hexadecimal digits."""
        ...

    def below(self, bound: int) -> int:
        """A number from 0 to bound - 1."""
        ...

    def text(self, alphabet: str, length: int) -> str:
        """A string of that length over the alphabet."""
        ...


def new_id(prefix: str, entropy: Entropy) -> str:
    """`vpc-0123456789abcdef0` for the prefix `vpc`."""
    return f"{prefix}-{entropy.token_hex(_DIGITS)}"


def is_id(prefix: str, text: str) -> bool:
    """Whether the text has the form of an id with this prefix (AWS's old eight digits are accepted, too)."""
    return re.fullmatch(rf"{re.escape(prefix)}-(?:[0-9a-f]{{8}}|[0-9a-f]{{17}})", text) is not None


def short(resource_id: str, digits: int = 11) -> str:
    """The last digits of an id: what fits into a Linux interface name (15 characters) after a letter or two."""
    return resource_id.rpartition("-")[2][-digits:]
