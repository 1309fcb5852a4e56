"""Steps as values: what a plan consists of. A step can be compared, printed as one line and carried out by a driver."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from landbridge.desired.objects import HERE, HostObject, Key, Seen
from landbridge.model.secret import Secret

_LONGEST_VALUE: Final = 60
_HERE: Final = "(host)"
_NAMED_BY_KEY: Final = frozenset({"namespace", "name", "link", "address", "table", "destination", "metric", "priority"})


@dataclass(frozen=True, slots=True)
class Create:
    """Make an object that is not there."""

    wanted: HostObject

    @property
    def key(self) -> Key:
        """What the step is about."""
        return self.wanted.key

    @property
    def spaces(self) -> frozenset[str]:
        """The namespaces that the step works in."""
        return _spaces((self.wanted,))

    def __str__(self) -> str:
        return f"create {title(self.wanted)}{_in_brackets(properties(self.wanted))}"


@dataclass(frozen=True, slots=True)
class Change:
    """Turn an object into one of the same kind and key with other properties."""

    wanted: HostObject
    actual: HostObject

    @property
    def key(self) -> Key:
        """What the step is about."""
        return self.wanted.key

    @property
    def spaces(self) -> frozenset[str]:
        """The namespaces that the step works in."""
        return _spaces((self.wanted, self.actual))

    def __str__(self) -> str:
        return f"change {title(self.wanted)}{_in_brackets(changed(self.wanted, self.actual))}"


@dataclass(frozen=True, slots=True)
class Delete:
    """Take away an object that is there and should not be."""

    actual: HostObject

    @property
    def key(self) -> Key:
        """What the step is about."""
        return self.actual.key

    @property
    def spaces(self) -> frozenset[str]:
        """The namespaces that the step works in."""
        return _spaces((self.actual,))

    def __str__(self) -> str:
        return f"delete {title(self.actual)}"


Step = Create | Change | Delete


def wanted_by(step: Step) -> HostObject | None:
    """What the step leads to; None if nothing is to be left."""
    return None if isinstance(step, Delete) else step.wanted


def kind_of(item: HostObject) -> type[HostObject]:
    """The kind of an object, also of one that was read back only in part."""
    return item.kind if isinstance(item, Seen) else type(item)


def title(item: HostObject) -> str:
    """Kind and place, such as `veth-end ep-1/eth0`."""
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind_of(item).__name__).lower()
    place = "/".join(part for part in (item.key[1] if item.key[1] != HERE else _HERE, *item.key[2:]) if part)
    return f"{kind} {place}"


def properties(item: HostObject) -> list[str]:
    """What is to be said of an object besides its title: the properties that differ from their defaults."""
    if isinstance(item, Seen):
        return []
    return [
        f"{spec.name} {_text(getattr(item, spec.name))}"
        for spec in dataclasses.fields(item)
        if spec.name not in _NAMED_BY_KEY and getattr(item, spec.name) != spec.default
    ]


def changed(wanted: HostObject, actual: HostObject) -> list[str]:
    """The properties in which two objects differ, as `name old -> new`."""
    if isinstance(actual, Seen):
        return ["differs from what is in force"]
    result = []
    for spec in dataclasses.fields(wanted):
        new, old = getattr(wanted, spec.name), getattr(actual, spec.name, None)
        if new == old:
            continue
        before, after = _text(old), _text(new)
        result.append(f"{spec.name} {before} -> {after}" if before != after else f"{spec.name} changes")
    return result


def _text(value: object) -> str:
    match value:
        case None:
            return "none"
        case "":
            # The only string that may be empty is the name of the process's own namespace.
            return _HERE
        case Secret():
            return "***"
        case Enum():
            return str(value.value)
        case tuple() | frozenset():
            parts = [_text(part) for part in value]
            joined = ",".join(parts) or "none"
            return joined if len(joined) <= _LONGEST_VALUE else f"({len(parts)} items)"
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            inner = " ".join(_text(getattr(value, spec.name)) for spec in dataclasses.fields(value))
            return inner if len(inner) <= _LONGEST_VALUE else f"{inner[:_LONGEST_VALUE]}..."
        case _:
            return str(value)[:_LONGEST_VALUE]


def _in_brackets(parts: list[str]) -> str:
    return f" ({', '.join(parts)})" if parts else ""


def _spaces(items: Iterable[HostObject]) -> frozenset[str]:
    # Every key carries its namespace second, so that needs tell which other namespaces are worked in (a veth's peer, a
    # tunnel device's endpoint).
    return frozenset(key[1] for item in items for key in (item.key, *item.needs))
