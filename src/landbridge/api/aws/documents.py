"""JSON's and CBOR's documents: a request's tree of values is read along the service's model, an answer's is written.

Names are botocore's member names, and values have types of their own; what the two formats do differently is a moment
in time, and bytes.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from landbridge.api.aws.bounds import (
    check_characters,
    check_count,
    check_range,
    check_text,
    invalid,
    missing,
    shown,
    unknown,
)
from landbridge.api.aws.model import ListOf, MapOf, Scalar, ScalarType, Shape, Structure
from landbridge.api.aws.serialize import ReplyError

_BITS: Final[Mapping[ScalarType, int]] = {"integer": 32, "long": 64}


def read(shape: Structure, tree: Any) -> dict[str, Any]:
    """A request's values, by the model.

    Raises:
        Ec2Error: UnknownParameter, InvalidParameterValue, MissingParameter; the parameter is named as in a query.
    """
    return _structure(shape, tree, "")


def _value(shape: Shape, value: Any, path: str) -> Any:
    match shape:
        case Structure():
            return _structure(shape, value, path)
        case ListOf():
            if not isinstance(value, list):
                raise invalid(f"The parameter {shown(path)} is a list.")
            items = [
                _value(shape.element, item, f"{path}.member.{n}") for n, item in enumerate(value, 1) if item is not None
            ]
            return check_count(items, shape, path)
        case MapOf():
            if not isinstance(value, dict):
                raise invalid(f"The parameter {shown(path)} is a map.")
            return {name: _value(shape.element, item, f"{path}.{shown(str(name))}") for name, item in value.items()}
        case Scalar():
            return _scalar(shape, value, path)


def _structure(shape: Structure, tree: Any, path: str) -> dict[str, Any]:
    if not isinstance(tree, dict):
        raise invalid(f"The parameter {shown(path)} has members." if path else "The request has to be a map.")
    prefix = f"{path}." if path else ""
    values: dict[str, Any] = {}
    for name, value in tree.items():
        known = shape.fields.get(name) if isinstance(name, str) else None
        if known is None:
            raise unknown(f"{prefix}{name}")
        if value is not None:
            values[known.name] = _value(known.shape, value, f"{prefix}{known.name}")
    for known in shape.required:
        if known.name not in values:
            raise missing(prefix + known.name)
    return values


def _scalar(shape: Scalar, value: Any, path: str) -> Any:
    if isinstance(value, str):
        check_characters(value, path)
    try:
        return _FROM_VALUE[shape.type](value, shape)
    except ValueError as unfit:
        quoted = "***" if shape.sensitive else shown(str(value))
        raise invalid(f"Value ({quoted}) for parameter {path} is invalid. {unfit}") from None


def _string(value: Any, shape: Scalar) -> str:
    if not isinstance(value, str):
        raise ValueError("Expecting a text.")
    return check_text(value, shape)


def _integer(value: Any, shape: Scalar) -> int:
    limit = 1 << (_BITS[shape.type] - 1)
    if not isinstance(value, int) or isinstance(value, bool) or not -limit <= value < limit:
        raise ValueError(f"Expecting a whole number of {_BITS[shape.type]} bits.")
    check_range(value, shape)
    return value


def _float(value: Any, shape: Scalar) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError("Expecting a number.")
    check_range(value, shape)
    return float(value)


def _boolean(value: Any, _: Scalar) -> bool:
    if not isinstance(value, bool):
        raise ValueError("Expecting true or false.")
    return value


def _timestamp(value: Any, _: Scalar) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise ValueError("Expecting a time, in seconds since 1970.")


def _blob(value: Any, _: Scalar) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, binascii.Error):
        raise ValueError("Expecting bytes, or base64.") from None


_FROM_VALUE: Final[Mapping[ScalarType, Callable[[Any, Scalar], Any]]] = {
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "float": _float,
    "double": _float,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "blob": _blob,
}


def base64_of(value: bytes) -> str:
    """Bytes as formats without any have them."""
    return base64.b64encode(value).decode("ascii")


# --- the answer -------------------------------------------------------------------------------------------------------

Fitted: TypeAlias = Callable[[Any], Any]
"""How a format writes a value of its own."""

_TYPES: Final[Mapping[ScalarType, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (datetime,),
    "blob": (bytes,),
}


def _as_it_is(value: Any) -> Any:
    return value


_FITTED: Final[Mapping[ScalarType, Fitted]] = {"float": float, "double": float}
"""In CBOR a whole number is of another type."""


def write(shape: Structure | None, reply: Mapping[str, Any], fit: Mapping[ScalarType, Fitted]) -> dict[str, Any]:
    """The reply as a tree of plain values. `None` is left out; `fit` writes those types that are not plain.

    Raises:
        ReplyError: it is not what the model says (a handler's mistake). Names members and types, no values.
    """
    if shape is None:
        if reply:
            raise ReplyError(f"There is no output, yet the reply has {', '.join(sorted(reply))}.")
        return {}
    return _written(shape, reply, shape.name, fit)  # type: ignore[no-any-return]  # of a structure


def _written(shape: Shape, value: Any, place: str, fit: Mapping[ScalarType, Fitted]) -> Any:
    match shape:
        case Structure():
            if not isinstance(value, Mapping):
                raise _wrong(place, shape.name, value)
            unknown_names = sorted(value.keys() - shape.fields.keys())
            if unknown_names:
                raise ReplyError(f"{shape.name} has no member {unknown_names[0]}.")
            return {
                name: _written(shape.fields[name].shape, item, f"{shape.name}.{name}", fit)
                for name, item in value.items()
                if item is not None
            }
        case ListOf():
            if not isinstance(value, list | tuple):
                raise _wrong(place, "list", value)
            return [_written(shape.element, item, place, fit) for item in value]
        case MapOf():
            if not isinstance(value, Mapping):
                raise _wrong(place, "map", value)
            return {name: _written(shape.element, item, place, fit) for name, item in value.items()}
        case Scalar():
            types = _TYPES[shape.type]
            if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
                raise _wrong(place, shape.type, value)
            return _FITTED.get(shape.type, fit.get(shape.type, _as_it_is))(value)


def _wrong(place: str, wanted: str, value: object) -> ReplyError:
    return ReplyError(f"{place}: {wanted} wanted, {type(value).__name__} given.")
