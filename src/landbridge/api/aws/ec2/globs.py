"""EC2's wildcards, with a bound on the work: `*` is any characters, `?` any one; a backslash makes the next literal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOST_WORK: Final = 5_000_000
"""Comparisons in one request. No client comes near it; whoever means harm waits for half a second and is refused."""

_ANY: Final = None  # in a segment: any one character


class TooMuchWork(Exception):
    """The patterns of a request take too long to match."""


@dataclass(slots=True)
class Work:
    """How many comparisons may still be made."""

    left: int = MOST_WORK

    def spend(self, comparisons: int) -> None:
        """Raises TooMuchWork."""
        self.left -= comparisons
        if self.left < 0:
            raise TooMuchWork


@dataclass(frozen=True, slots=True)
class _Segment:
    """What stands between two stars. `anchor` is its longest run without `?`, `offset` where that begins."""

    characters: tuple[str | None, ...]
    anchor: str
    offset: int

    def stands_at(self, text: str, start: int, work: Work) -> bool:
        work.spend(len(self.characters))
        return all(wanted is _ANY or text[place] == wanted for place, wanted in enumerate(self.characters, start))

    def find(self, text: str, start: int, end: int, work: Work) -> int:
        """Where it stands first within text[start:end]; -1 if nowhere."""
        behind = len(self.characters) - self.offset - len(self.anchor)
        while True:
            found = text.find(self.anchor, start + self.offset, max(end - behind, 0))
            work.spend(1 + ((end if found < 0 else found) - start) // 64)  # a search is quicker than a comparison
            if found < 0:
                return -1
            start = found - self.offset
            if len(self.anchor) == len(self.characters) or self.stands_at(text, start, work):
                return start
            start += 1


class Glob:
    """A pattern, made ready to match."""

    __slots__ = ("_first", "_last", "_least", "_middle")

    def __init__(self, pattern: str) -> None:
        segments = [_segment(characters) for characters in _split(pattern)]
        self._first = segments[0]
        self._last = segments[-1] if len(segments) > 1 else None
        self._middle = [segment for segment in segments[1:-1] if segment.characters]
        self._least = sum(len(segment.characters) for segment in segments)

    def matches(self, text: str, work: Work) -> bool:
        """Whether all of the text is as the pattern says. Each segment is taken where it stands first: that suffices.

        Raises:
            TooMuchWork.
        """
        work.spend(1)
        if len(text) < self._least or (self._last is None and len(text) > self._least):
            return False
        if not self._first.stands_at(text, 0, work):
            return False
        if self._last is None:
            return True
        start, end = len(self._first.characters), len(text) - len(self._last.characters)
        if not self._last.stands_at(text, end, work):
            return False
        for segment in self._middle:
            start = segment.find(text, start, end, work)
            if start < 0:
                return False
            start += len(segment.characters)
        return True


def _split(pattern: str) -> list[list[str | None]]:
    """The characters between the stars."""
    segments: list[list[str | None]] = [[]]
    characters = iter(pattern)
    for character in characters:
        match character:
            case "*":
                segments.append([])
            case "?":
                segments[-1].append(_ANY)
            case "\\":
                segments[-1].append(next(characters, "\\"))
            case _:
                segments[-1].append(character)
    return segments


def _segment(characters: list[str | None]) -> _Segment:
    anchor, offset, run = "", 0, ""
    for place, character in enumerate(characters):
        run = "" if character is _ANY else run + character
        if len(run) > len(anchor):
            anchor, offset = run, place + 1 - len(run)
    return _Segment(tuple(characters), anchor, offset)
