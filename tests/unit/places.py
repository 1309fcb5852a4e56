"""Where in its parameters an action is told of things that exist, by botocore's model, and telling it of another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from ec2_client import MODEL

Path: TypeAlias = tuple[str | int, ...]
"""Where a value lies in a request's parameters: `("NetworkInterfaces", 0, "SubnetId")`."""

_NAMES_A_THING = re.compile(r".*(Ids?|Groups|Resources|PublicIps?|Peer|Target)$")
_NAMES_NO_THING = re.compile(
    r"(Image|Kernel|Ramdisk|Volume|(Availability)?Zone|MetricCategory|PrefixList|VpcPeeringConnection|User|.*Owner)Ids?"
)
_DEPTH = 4


def takes(action: str, member: str) -> bool:
    """Whether the action has that parameter."""
    return member in input_of(action).members


def input_of(action: str) -> Any:
    """The shape of the action's parameters."""
    return MODEL.operation_model(action).input_shape


def places(action: str) -> list[Path]:
    """Everywhere in its parameters that an action is told of a thing that exists: ids and public addresses."""
    return sorted(_places(input_of(action), (), ()), key=str)


def value_at(parameters: Mapping[str, Any], path: Path) -> list[str]:
    """What the parameters have there, if anything."""
    here: Any = parameters
    for part in path:
        if not here or (isinstance(here, Mapping) and part not in here):
            return []
        here = here[part]
    return [here]


def with_value(parameters: Mapping[str, Any], path: Path, value: str) -> dict[str, Any]:
    """The parameters with that value at the path; what is on the way there and not given yet is made."""
    head, *rest = path
    assert isinstance(head, str)
    changed = dict(parameters)
    if not rest:
        changed[head] = value
    elif rest[0] == 0:
        first, *others = changed.get(head) or [{}]
        changed[head] = [value if len(rest) == 1 else with_value(first, tuple(rest[1:]), value), *others]
    else:
        changed[head] = with_value(changed.get(head) or {}, tuple(rest), value)
    return changed


def one_less(action: str, parameters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The parameters without one that is not always needed: it may exclude another."""
    for spare in sorted(set(parameters) - set(input_of(action).required_members)):
        yield {name: value for name, value in parameters.items() if name != spare}


def _places(shape: Any, path: Path, inside: tuple[str, ...]) -> Iterator[Path]:
    if len(inside) > _DEPTH or shape.name in inside:
        return
    for name, member in shape.members.items():
        here, kind = (*path, name), member
        if name in ("Filters", "TagSpecifications") or _NAMES_NO_THING.fullmatch(name):
            continue
        if member.type_name == "list":
            here, kind = (*here, 0), member.member
        if kind.type_name == "structure":
            yield from _places(kind, here, (*inside, shape.name))
        elif kind.type_name == "string" and _NAMES_A_THING.fullmatch(name):
            yield here
