"""EC2's filters: a list of conditions that all must hold, each of them with values of which one must match.

Each subject says which filters it has: a mapping from a filter's name to the function that gives a thing's values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from landbridge.api.aws.ec2.globs import Glob, TooMuchWork, Work
from landbridge.model.errors import Invalid, LimitExceeded, Missing
from landbridge.model.resources import Tags

T = TypeVar("T")

Field = Callable[[T], Iterable[str]]
"""What values a thing has under a filter's name: several, one, or none."""

MAX_FILTERS: Final = 50
MAX_VALUES: Final = 200


def yes(value: bool) -> tuple[str]:
    """A boolean as filters write it."""
    return ("true" if value else "false",)


def moment(at: datetime) -> tuple[str]:
    """A time as filters write it, and as answers show it."""
    return (at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),)


def absent(*names: str) -> Mapping[str, Field[Any]]:
    """Filters by something that nothing here has: EC2 knows them, and they find nothing."""
    return dict.fromkeys(names, lambda thing: ())


def select(
    things: Iterable[T],
    filters: Sequence[Mapping[str, Any]] | None,
    fields: Mapping[str, Field[T]],
    tags: Callable[[T], Tags] | None = None,
) -> list[T]:
    """The things that pass all filters, in their order. With `tags` there are `tag:KEY` and `tag-key`, too.

    Raises:
        Invalid: a filter that the subject does not have, or wildcards that take too long.
        Missing: a filter without a name or without values.
        LimitExceeded: too many filters or values.
    """
    filters = filters or ()
    if len(filters) > MAX_FILTERS:
        raise LimitExceeded("filter", f"At most {MAX_FILTERS} filters can be given; there are {len(filters)}.")
    asked: dict[str, tuple[Field[T], list[_Condition]]] = {}
    for given in filters:
        name = given.get("Name")
        if not name:
            raise Missing("Filter.Name")
        if name not in asked:
            asked[name] = _field(name, fields, tags), []
        asked[name][1].append(_condition(name, given.get("Values") or ()))
    work = Work()
    try:
        return [thing for thing in things if _passes(thing, asked.values(), work)]
    except TooMuchWork:
        message = "The filters take too many comparisons. Give fewer or shorter values with wildcards."
        raise Invalid("Filter", message) from None


def _passes(thing: T, asked: Iterable[tuple[Field[T], list[_Condition]]], work: Work) -> bool:
    for field, conditions in asked:
        values = tuple(field(thing))
        if not all(condition.holds(values, work) for condition in conditions):
            return False
    return True


@dataclass(frozen=True, slots=True)
class _Condition:
    """One filter's values: one of them has to match."""

    literal: frozenset[str]
    patterns: tuple[Glob, ...]

    def holds(self, values: Iterable[str], work: Work) -> bool:
        return any(
            value in self.literal or any(pattern.matches(value, work) for pattern in self.patterns) for value in values
        )


def _condition(name: str, wanted: Sequence[str]) -> _Condition:
    if not wanted:
        raise Missing("Filter.Value")
    if len(wanted) > MAX_VALUES:
        message = f"A filter has at most {MAX_VALUES} values; '{name[:100]}' has {len(wanted)}."
        raise LimitExceeded("filter", message)
    literal = frozenset(pattern for pattern in wanted if not any(special in pattern for special in "*?\\"))
    return _Condition(literal, tuple(Glob(pattern) for pattern in wanted if pattern not in literal))


def _field(name: str, fields: Mapping[str, Field[T]], tags: Callable[[T], Tags] | None) -> Field[T]:
    if name in fields:
        return fields[name]
    if tags is not None:
        tags_of = tags
        if name == "tag-key":
            return lambda thing: (key for key, _ in tags_of(thing))
        if name.startswith("tag:"):
            wanted = name.removeprefix("tag:")
            return lambda thing: (value for key, value in tags_of(thing) if key == wanted)
    raise Invalid("Filter", f"The filter '{name[:100]}' is invalid")
