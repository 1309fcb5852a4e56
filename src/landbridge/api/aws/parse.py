"""Request parameters in, typed values out: the flat names of the Query protocol read along the service's model.

`Options.TunnelOptions.1.PreSharedKey=x` becomes `{"Options": {"TunnelOptions": [{"PreSharedKey": "x"}]}}`: keys are
botocore's member names, values have the model's types. Everything is bounded, and nothing that the model does not know
gets through.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from landbridge.api.aws.bounds import (
    MAX_DEPTH,
    check_characters,
    check_count,
    check_range,
    check_text,
    invalid,
    missing,
    shown,
    unknown,
)
from landbridge.api.aws.model import EC2, ListOf, MapOf, Scalar, ScalarType, Shape, Structure, service

MAX_PARAMETERS: Final = 5_000
MAX_NAME: Final = 512

_INDEX: Final = re.compile(r"[1-9][0-9]{0,3}")
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")
_INTEGER_BITS: Final[Mapping[ScalarType, int]] = {"integer": 32, "long": 64}

# An empty scalar counts as absent (Terraform sends `AvailabilityZone=`), but for three: an item of a list is there
# because it was listed (a filter for an empty tag value), a tag may be empty, which DeleteTags tells from none, and so
# may the new value of an attribute (a description).
_MAY_BE_EMPTY: Final = frozenset({("Tag", "Value"), ("AttributeValue", "Value")})


@dataclass(slots=True)
class _Node:
    """One place in the tree of parameters: the text given for it, and what lies below it."""

    text: str | None = None
    below: dict[str, _Node] = field(default_factory=dict)


def parse(action: str, parameters: Mapping[str, str], *, service_name: str = EC2) -> dict[str, Any]:
    """The parameters of a request, without Action, Version and the signature's, as the model types them.

    Raises Ec2Error (UnknownParameter, InvalidParameterValue, MissingParameter); KeyError if there is no such action.
    """
    operation = service(service_name).operation(action)
    return _structure(operation.input, _tree(parameters), "") or {}


def _tree(parameters: Mapping[str, str]) -> _Node:
    if len(parameters) > MAX_PARAMETERS:
        raise invalid(f"The request has {len(parameters)} parameters. At most {MAX_PARAMETERS} are taken: split it.")
    root = _Node()
    for name, text in parameters.items():
        _check_bounds(name, text)
        node = root
        for part in name.split("."):
            node = node.below.setdefault(part, _Node())
        node.text = text
    return root


def _check_bounds(name: str, text: str) -> None:
    if len(name) > MAX_NAME or name.count(".") >= MAX_DEPTH:
        raise unknown(name)
    check_characters(text, name)


def _read(shape: Shape, node: _Node, path: str, *, may_be_empty: bool) -> Any:
    """The value at `path`, or None if there is none."""
    match shape:
        case Scalar():
            return _scalar(shape, node, path, may_be_empty=may_be_empty)
        case ListOf():
            return _list(shape, node, path)
        case Structure():
            return _structure(shape, node, path)
        case MapOf():
            raise NotImplementedError(f"{path}: the Query protocol takes no maps yet.")


def _structure(shape: Structure, node: _Node, path: str) -> dict[str, Any] | None:
    if node.text:
        raise invalid(f"The parameter {shown(path)} has members: give those ({shown(path)}.NAME), not a value.")
    prefix = f"{path}." if path else ""
    values: dict[str, Any] = {}
    for name, below in node.below.items():
        known = shape.parameters.get(name)
        if known is None:
            raise unknown(prefix + name)
        may_be_empty = (shape.name, known.name) in _MAY_BE_EMPTY
        value = _read(known.shape, below, prefix + name, may_be_empty=may_be_empty)
        if value is not None:
            values[known.name] = value
    if not values and path:
        return None
    for known in shape.required:
        if known.name not in values:
            raise missing(prefix + known.parameter)
    return values


def _list(shape: ListOf, node: _Node, path: str) -> list[Any] | None:
    # A bare `Filter=` is how some clients send an empty list: nothing is lost by taking it as one.
    if node.text:
        raise invalid(f"The parameter {shown(path)} is a list: give {shown(path)}.1, {shown(path)}.2 and so on.")
    if shape.infix:
        node, path = node.below.get(shape.infix, _Node()), f"{path}.{shape.infix}"
    for index in node.below:
        if _INDEX.fullmatch(index) is None:
            raise unknown(f"{path}.{index}")
    items = [
        _read(shape.element, node.below[index], f"{path}.{index}", may_be_empty=True)
        for index in sorted(node.below, key=int)
    ]
    return check_count([item for item in items if item is not None], shape, path) or None


def _scalar(shape: Scalar, node: _Node, path: str, *, may_be_empty: bool) -> Any:
    if node.below:
        raise unknown(f"{path}.{next(iter(node.below))}")
    text = node.text
    if text is None or (text == "" and not may_be_empty):
        return None
    try:
        value = _FROM_TEXT[shape.type](text, shape)
    except ValueError as unfit_text:
        quoted = "***" if shape.sensitive else shown(text)
        if shape.type in _INTEGER_BITS:
            quoted = f" {quoted} "  # EC2 writes numbers so
        raise invalid(f"Value ({quoted}) for parameter {path} is invalid. {unfit_text}") from None
    return value


def _integer(text: str, shape: Scalar) -> int:
    limit = 1 << (_INTEGER_BITS[shape.type] - 1)
    if _INTEGER.fullmatch(text) is None or not -limit <= (number := int(text)) < limit:
        raise ValueError(f"Expecting a whole number of {_INTEGER_BITS[shape.type]} bits.")
    check_range(number, shape)
    return number


def _float(text: str, shape: Scalar) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("Expecting a number.")
    check_range(number, shape)
    return number


def _boolean(text: str, _: Scalar) -> bool:
    match text.lower():
        case "true":
            return True
        case "false":
            return False
    raise ValueError("Expecting true or false.")


def _timestamp(text: str, _: Scalar) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError("Expecting a time as in 2026-11-23T05:00:00Z.") from None


def _blob(text: str, _: Scalar) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("Expecting base64.") from None


_FROM_TEXT: Final[Mapping[ScalarType, Callable[[str, Scalar], Any]]] = {
    "string": check_text,
    "integer": _integer,
    "long": _integer,
    "float": _float,
    "double": _float,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "blob": _blob,
}
