"""Whether an answer is the recorded one: the same elements with the same texts, each placeholder for one value only."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TypeAlias

from answers import Tree, lines
from placeholders import FORMS, PLACEHOLDER, form_of

Bound: TypeAlias = Mapping[str, str]
"""What the placeholders stand for so far."""

NOTHING: Bound = MappingProxyType({})

SETTLED = {
    "pending": {"available", "running"},
    "attaching": {"attached", "in-use"},
    "detaching": {"detached", "available"},
    "deleting": {"deleted"},
    "shutting-down": {"terminated"},
    "0": {"16"},  # the codes of an instance's pending and running,
    "32": {"48"},  # shutting-down and terminated
}
"""What a state that does not last becomes: a service that builds nothing is there at once."""
_STATES = {"state", "status", "name", "code"}


def fill(text: str, bound: Bound) -> str:
    """The text with values for placeholders; those that stand for nothing yet stay."""
    return PLACEHOLDER.sub(lambda found: bound.get(found[0], found[0]), text)


def matches(recorded: Tree, answer: Tree, bound: Bound, name: str = "") -> Iterator[Bound]:
    """The ways in which the answer is the recorded one: what the placeholders then stand for. None: it is another."""
    match recorded, answer:
        case str(), str():
            if (after := _same(recorded, answer, bound, name)) is not None:
                yield after
        case dict(), dict() if recorded.keys() == answer.keys():
            yield from _all([(part, answer[below], below) for below, part in recorded.items()], bound)
        case list(), list() if len(recorded) == len(answer):
            if any(_has_id(item) for item in recorded):
                yield from _in_any_order(recorded, answer, bound)
            else:
                yield from _all([(part, other, name) for part, other in zip(recorded, answer, strict=True)], bound)


def _same(recorded: str, text: str, bound: Bound, name: str) -> Bound | None:
    if recorded == text or (name in _STATES and text in SETTLED.get(recorded, ())):
        return bound
    pattern, new = "", list[str]()
    for literal, placeholder in _parts(recorded):
        pattern += re.escape(literal)
        if placeholder == "{time}":
            pattern += FORMS["time"]
        elif placeholder in bound:
            pattern += re.escape(bound[placeholder])
        elif placeholder in new:
            pattern += f"(?P=p{new.index(placeholder)})"
        elif placeholder:
            pattern += f"(?P<p{len(new)}>{form_of(placeholder)})"
            new.append(placeholder)
    found = re.fullmatch(pattern, text)
    if found is None:
        return None
    values = {placeholder: found[f"p{number}"] for number, placeholder in enumerate(new)}
    if len({*values.values()} - {*bound.values()}) != len(values):
        return None  # two placeholders are two things
    return {**bound, **values} if values else bound


def _parts(recorded: str) -> Iterator[tuple[str, str]]:
    last = 0
    for found in PLACEHOLDER.finditer(recorded):
        yield recorded[last : found.start()], found[0]
        last = found.end()
    yield recorded[last:], ""


def _all(pairs: list[tuple[Tree, Tree, str]], bound: Bound) -> Iterator[Bound]:
    if not pairs:
        yield bound
        return
    (recorded, answer, name), *rest = pairs
    for after in matches(recorded, answer, bound, name):
        yield from _all(rest, after)


def _has_id(item: Tree) -> bool:
    """Whether it has an id of its own: such lists are ordered by ids, which are at random."""
    if isinstance(item, str):
        item = {"": item}
    texts = [part for part in item.values() if isinstance(part, str)] if isinstance(item, dict) else []
    return any((found := PLACEHOLDER.fullmatch(text)) and (found["kind"] or "time") not in FORMS for text in texts)


def _in_any_order(recorded: list[Tree], answer: list[Tree], bound: Bound) -> Iterator[Bound]:
    if not recorded:
        yield bound
        return
    first, *rest = recorded
    for number, other in enumerate(answer):
        for after in matches(first, other, bound):
            yield from _in_any_order(rest, answer[:number] + answer[number + 1 :], after)


def difference(recorded: Tree, answer: Tree, bound: Bound) -> str:
    """What is recorded and not in the answer, and the other way round, line by line."""
    got = dict(lines(answer))
    wanted = {path: fill(text, bound) for path, text in lines(recorded)}
    for path, text in wanted.items():
        if path in got and _same(text, got[path], bound, path.rpartition(".")[2]) is not None:
            wanted[path] = got[path]
    texts = [[f"{path}={text}" for path, text in each.items()] for each in (wanted, got)]
    return "\n".join(difflib.unified_diff(*texts, "recorded", "answered", lineterm="", n=2))
