"""Recordings: what a client asked for and what it was told, phase by phase, as text that people can read and compare.

    > ec2 CreateVpc
    CidrBlock=10.0.0.0/16
    < 200 CreateVpcResponse
    vpc.vpcId={vpc-1}

No headers are kept, so no credentials. What was asked for again and again until something changed is there once, with
the last answer. An answer that is the same as that to the same request before is `< as before`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from answers import Tree, from_lines, lines

FOLDER = Path(__file__).parent / "recordings"
_AS_BEFORE = "< as before"


@dataclass(frozen=True)
class Asked:
    """A request, without its signature."""

    service: str
    action: str
    parameters: tuple[tuple[str, str], ...]

    @property
    def reads(self) -> bool:
        """Whether asking again changes nothing."""
        return self.action.startswith(("Describe", "Get"))


@dataclass(frozen=True)
class Told:
    """An answer: the status, the root's name or an error's code, and what is in it."""

    status: int
    what: str
    tree: Tree


@dataclass(frozen=True)
class Exchange:
    """A request and its answer."""

    asked: Asked
    told: Told


@dataclass
class Phase:
    """What one command of the client asked for."""

    name: str
    exchanges: list[Exchange] = field(default_factory=list)

    def add(self, exchange: Exchange) -> None:
        """Add it; in the place of the one before if that was the same, and only its answer was waited for."""
        last = self.exchanges[-1] if self.exchanges else None
        if last and last.asked == exchange.asked and (last.asked.reads or last.told.status != 200):
            self.exchanges.pop()
        self.exchanges.append(exchange)


@dataclass
class Recording:
    """`about` says which client it was, what it was given and which region it spoke to."""

    about: dict[str, str]
    phases: list[Phase] = field(default_factory=list)

    def text(self) -> str:
        """The recording as a file's text."""
        return "\n".join([*(f"{name}: {value}" for name, value in self.about.items()), *self._lines(), ""])

    def _lines(self) -> Iterator[str]:
        before: dict[Asked, Told] = {}
        for phase in self.phases:
            yield from ("", f"== {phase.name}")
            for exchange in phase.exchanges:
                asked, told = exchange.asked, exchange.told
                yield from ("", f"> {asked.service} {asked.action}", *_written(asked.parameters))
                if before.get(asked) == told:
                    yield _AS_BEFORE
                else:
                    yield from (f"< {told.status} {told.what}", *_written(lines(told.tree)))
                before[asked] = told


def parse(text: str) -> Recording:
    """The recording that has this text."""
    head, *phases = text.split("\n\n== ")
    recording = Recording(dict(line.split(": ", 1) for line in head.split("\n")))
    before: dict[Asked, Told] = {}
    for phase in phases:
        name, *exchanges = phase.rstrip("\n").split("\n\n> ")
        recording.phases.append(Phase(name, [_exchange(exchange.split("\n"), before) for exchange in exchanges]))
    return recording


def _exchange(text: list[str], before: dict[Asked, Told]) -> Exchange:
    answer = next(number for number, line in enumerate(text) if line.startswith("< "))
    service, action = text[0].split()
    asked = Asked(service, action, tuple(_read(text[1:answer])))
    if text[answer] != _AS_BEFORE:
        _, status, what = text[answer].split()
        before[asked] = Told(int(status), what, from_lines(_read(text[answer + 1 :])))
    return Exchange(asked, before[asked])


def _written(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, value in pairs:
        escaped = value.replace("\\", "\\\\").replace("\n", "\\n")
        yield f"{name}={escaped}"


def _read(texts: list[str]) -> Iterator[tuple[str, str]]:
    for line in texts:
        name, _, value = line.partition("=")
        yield name, value.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\")
