"""What the demo says: a line while something is under way, and for each proof what was shown, with figures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.status import Status
from rich.text import Text

_WIDTH: Final = 100
_INDENT: Final = "      "


class Report:
    """Writes to stdout; on a terminal the last line shows what is going on."""

    def __init__(self) -> None:
        self.out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._status: Status | None = None
        self._title = ""
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has gone on."""
        return time.monotonic() - self._began

    def line(self, text: str = "", style: str = "") -> None:
        """A line of its own."""
        self.out.print(Text(text, style))

    def step(self, what: str) -> None:
        """What is being done now; seen on a terminal only."""
        if self._status is not None:
            self._status.update(f"{self._title}: {what}" if self._title else what)

    @contextmanager
    def busy(self, title: str) -> Iterator[None]:
        """While this goes on, a terminal shows the title and the present step."""
        self._title = title
        if not self.out.is_terminal:
            yield
            return
        with self.out.status(title) as self._status:
            yield
        self._status = None

    def proved(self, number: int, title: str, seconds: float, facts: list[str]) -> None:
        """A proof that held."""
        self._head(number, title, seconds, "proved", "green")
        self._facts(facts)

    def failed(self, number: int, title: str, seconds: float, facts: list[str], why: str) -> None:
        """A proof that did not; `facts` are what held before."""
        self._head(number, title, seconds, "FAILED", "bold red")
        self._facts(facts)
        self.line(f"{_INDENT}{why}", "red")

    def _head(self, number: int, title: str, seconds: float, verdict: str, style: str) -> None:
        tail = f"{seconds:5.1f} s"
        self.out.print(
            Text.assemble((f"{number:3d}  ", "bold"), (f"{title:<76}", "bold"), (f"{verdict:>8}", style), f"  {tail}")
        )

    def _facts(self, facts: list[str]) -> None:
        for fact in facts:
            self.line(f"{_INDENT}{fact}")
