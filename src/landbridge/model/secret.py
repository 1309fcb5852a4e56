"""Text that must never be printed: pre-shared keys and secret access keys."""

from __future__ import annotations

import hmac
from typing import Final

_HIDDEN: Final = "Secret(***)"


class Secret:
    """A secret string whose `repr`, `str` and `format` hide it; only `reveal()` gives it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself. Call it where it leaves the process for good (vici, a device file), nowhere else."""
        return self._text

    def __repr__(self) -> str:
        return _HIDDEN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return _HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(("Secret", self._text))

    def __reduce__(self) -> str:
        raise TypeError("A Secret cannot be pickled.")
