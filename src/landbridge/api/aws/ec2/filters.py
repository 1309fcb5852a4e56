"""EC2's filters: a list of conditions that all must hold, each of them with values of which one must match.

Each subject says which filters it has: a mapping from a filter's name to the function that gives a thing's values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from landbridge.model.errors import Invalid, Missing
from landbridge.model.resources import Tags

T = TypeVar("T")

Field = Callable[[T], Iterable[str]]
"""What values a thing has under a filter's name: several, one, or none."""

MAX_FILTERS: Final = 50
MAX_VALUES: Final = 200


def yes(value: bool) -> tuple[str]:
    """A boolean as filters write it."""
    return ("true" if value else "false",)


def glob(pattern: str, text: str) -> bool:
    """Whether the text matches: `*` is any characters, `?` any one, a backslash takes the next literally.

    Takes time proportional to the product of the lengths, whatever the pattern.
    """
    tokens = _tokens(pattern)
    at, here = 0, 0
    star, resume = -1, 0
    while here < len(text):
        if at < len(tokens) and tokens[at] == "*":
            star, resume = at, here
            at += 1
        elif at < len(tokens) and (tokens[at] == "?" or tokens[at] == "=" + text[here]):
            at += 1
            here += 1
        elif star >= 0:
            # Let the last star take one character more and try again behind it.
            resume += 1
            at, here = star + 1, resume
        else:
            return False
    return all(rest == "*" for rest in tokens[at:])


def _tokens(pattern: str) -> list[str]:
    """`*`, `?`, or `=` and the literal character."""
    tokens: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            tokens.append("=" + next(characters, "\\"))
        elif character in "*?":
            tokens.append(character)
        else:
            tokens.append("=" + character)
    return tokens


def select(
    things: Iterable[T],
    filters: Sequence[Mapping[str, Any]] | None,
    fields: Mapping[str, Field[T]],
    tags: Callable[[T], Tags] | None = None,
) -> list[T]:
    """The things that pass all filters, in their order. With `tags` there are `tag:KEY` and `tag-key`, too.

    Raises:
        Invalid: a filter that the subject does not have, or too many.
        Missing: a filter without a name or without values.
    """
    filters = filters or ()
    if len(filters) > MAX_FILTERS:
        raise Invalid("Filter", f"At most {MAX_FILTERS} filters can be given; there are {len(filters)}.")
    conditions = [_condition(condition, fields, tags) for condition in filters]
    return [thing for thing in things if all(condition(thing) for condition in conditions)]


def _condition(
    given: Mapping[str, Any], fields: Mapping[str, Field[T]], tags: Callable[[T], Tags] | None
) -> Callable[[T], bool]:
    name, wanted = given.get("Name"), given.get("Values")
    if not name:
        raise Missing("Filter.Name")
    values = _field(name, fields, tags)
    if not wanted:
        raise Missing("Filter.Value")
    if len(wanted) > MAX_VALUES:
        raise Invalid("Filter", f"A filter has at most {MAX_VALUES} values; '{name}' has {len(wanted)}.")
    literal = frozenset(pattern for pattern in wanted if not any(special in pattern for special in "*?\\"))
    patterns = tuple(pattern for pattern in wanted if pattern not in literal)

    def holds(thing: T) -> bool:
        return any(value in literal or any(glob(p, value) for p in patterns) for value in values(thing))

    return holds


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
