"""Reply values in, XML out: a handler's dict written along the output shape of the service's model.

Each shape becomes, once and member by member as they are first written, a function that knows its tags and its type.

A member that the model does not know, or a value of the wrong type, is a mistake in a handler and raises `ReplyError`:
better a failing test than an answer that clients misread.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, TypeAlias

from landbridge.api.aws.model import (
    EC2,
    ListOf,
    MapOf,
    Operation,
    Scalar,
    ScalarType,
    Service,
    Shape,
    Structure,
    service,
)
from landbridge.api.aws.xmltext import escape


class ReplyError(Exception):
    """A handler's reply that does not fit the model's output shape. The message names members and types, no values."""


def serialize(action: str, reply: Mapping[str, Any], request_id: str, *, service_name: str = EC2) -> bytes:
    """The answer as UTF-8 XML. `None` is left out, an empty list is an empty element (clients tell these apart).

    An action without an output shape answers `<return>true</return>` and takes only an empty reply.
    """
    spoken = service(service_name)
    operation = spoken.operation(action)
    out = ['<?xml version="1.0" encoding="UTF-8"?>\n', f'<{action}Response xmlns="{spoken.namespace}">']
    if spoken.speaks_ec2:
        out.append(f"<requestId>{escape(request_id)}</requestId>")
    _result(out, spoken, operation, reply)
    if not spoken.speaks_ec2:
        out.append(f"<ResponseMetadata><RequestId>{escape(request_id)}</RequestId></ResponseMetadata>")
    out.append(f"</{action}Response>")
    return "".join(out).encode()


def _result(out: list[str], spoken: Service, operation: Operation, reply: Mapping[str, Any]) -> None:
    if operation.output is None:
        if reply:
            raise ReplyError(f"{operation.name} has no output, yet the reply has {', '.join(sorted(reply))}.")
        if spoken.speaks_ec2:
            out.append("<return>true</return>")
    elif operation.wrapper:
        out.append(f"<{operation.wrapper}>")
        _members_of(operation.output)(out.append, reply)
        out.append(f"</{operation.wrapper}>")
    else:
        _members_of(operation.output)(out.append, reply)


Append: TypeAlias = Callable[[str], None]
Write: TypeAlias = Callable[[Append, Any], None]
"""Appends a value as text; raises _WrongTypeError for one of another type."""


@cache
def _members_of(shape: Structure) -> Write:
    """What writes the members of a structure, without an element around them."""
    writers: dict[str, Write] = {}

    def learn(name: str) -> Write:
        known = shape.fields.get(name)
        if known is None:
            raise ReplyError(f"{shape.name} has no member {name}.")
        made = writers[name] = _element(known.tag, known.shape)
        return made

    def write(append: Append, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            writer = writers.get(name) or learn(name)
            if value is None:
                continue
            try:
                writer(append, value)
            except _WrongTypeError as wrong:
                raise ReplyError(f"{shape.name}.{name}: {wrong}") from None

    return write


def _element(tag: str, shape: Shape) -> Write:
    match shape:
        case Scalar():
            return _scalar(tag, _TO_TEXT[shape.type])
        case ListOf():
            return _list(tag, _element(shape.tag, shape.element))
        case MapOf():
            return _map(tag, _scalar(shape.key_tag, _string), _element(shape.tag, shape.element))
        case Structure():
            return _structure(tag, shape)


def _scalar(tag: str, to_text: Callable[[Any], str]) -> Write:
    before, after = f"<{tag}>", f"</{tag}>"

    def write(append: Append, value: Any) -> None:
        append(f"{before}{to_text(value)}{after}")

    return write


def _list(tag: str, write_item: Write) -> Write:
    before, after, empty = f"<{tag}>", f"</{tag}>", f"<{tag}/>"

    def write(append: Append, value: Any) -> None:
        if not isinstance(value, list | tuple):
            raise _WrongTypeError("list", value)
        if not value:
            append(empty)
            return
        append(before)
        for item in value:
            write_item(append, item)
        append(after)

    return write


def _map(tag: str, write_key: Write, write_value: Write) -> Write:
    before, after = f"<{tag}>", f"</{tag}>"

    def write(append: Append, value: Any) -> None:
        if not isinstance(value, Mapping):
            raise _WrongTypeError("map", value)
        append(before)
        for name, item in value.items():
            append("<entry>")
            write_key(append, name)
            write_value(append, item)
            append("</entry>")
        append(after)

    return write


def _structure(tag: str, shape: Structure) -> Write:
    before, after, write_members = f"<{tag}>", f"</{tag}>", _members_of(shape)

    def write(append: Append, value: Any) -> None:
        if not isinstance(value, Mapping):
            raise _WrongTypeError(shape.name, value)
        append(before)
        write_members(append, value)
        append(after)

    return write


class _WrongTypeError(Exception):
    def __init__(self, wanted: str, value: object) -> None:
        super().__init__(f"{wanted} wanted, {type(value).__name__} given.")


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise _WrongTypeError("string", value)
    return escape(value)


def _integer(value: Any) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _WrongTypeError("integer", value)
    return str(int(value))


def _float(value: Any) -> str:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _WrongTypeError("number", value)
    return repr(float(value))


def _boolean(value: Any) -> str:
    if not isinstance(value, bool):
        raise _WrongTypeError("boolean", value)
    return "true" if value else "false"


def _timestamp(value: Any) -> str:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _WrongTypeError("datetime with a time zone", value)
    # Whole seconds with a zeroed fraction, the form that EC2 uses.
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + ".000Z"


def _blob(value: Any) -> str:
    if not isinstance(value, bytes):
        raise _WrongTypeError("bytes", value)
    return base64.b64encode(value).decode("ascii")


_TO_TEXT: Final[Mapping[ScalarType, Callable[[Any], str]]] = {
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "float": _float,
    "double": _float,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "blob": _blob,
}
