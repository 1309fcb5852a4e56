"""Request bodies: bounded JSON objects, each field checked, unknown ones refused."""

from __future__ import annotations

import json
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Final, TypeVar

from starlette.requests import Request

from landbridge.model.errors import Invalid, LandbridgeError, Missing

MAX_BODY_BYTES: Final = 16_384
MAX_TEXT: Final = 255

Choice = TypeVar("Choice", bound=StrEnum)


class BodyTooLarge(LandbridgeError):
    """More than anybody needs to say here."""


class Fields:
    """The fields of one request's body; each is taken once, then `done` refuses what is left."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._left = dict(document)

    @classmethod
    async def of(cls, request: Request) -> Fields:
        """Read a body. An empty one has no fields.

        Raises:
            BodyTooLarge, Invalid.
        """
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise BodyTooLarge(f"The request's body is larger than {MAX_BODY_BYTES} bytes.")
        if not body:
            return cls({})
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            raise Invalid("body", "The request's body is no JSON.") from None
        if not isinstance(document, dict):
            raise Invalid("body", "The request's body is no JSON object.")
        return cls(document)

    def text(self, name: str) -> str:
        """A text that has to be there.

        Raises:
            Missing, Invalid.
        """
        found = self.optional_text(name)
        if found is None:
            raise Missing(name)
        return found

    def optional_text(self, name: str) -> str | None:
        """A text, or None if it is not there."""
        value = self._left.pop(name, None)
        if value is None:
            return None
        if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
            raise Invalid(name, f"'{name}' is a text of 1 to {MAX_TEXT} characters.")
        return value

    def long_text(self, name: str, most: int) -> str:
        """A text that has to be there and may be longer than others: up to `most` characters.

        Raises:
            Missing, Invalid.
        """
        value = self._left.pop(name, None)
        if value is None:
            raise Missing(name)
        if not isinstance(value, str) or not 0 < len(value) <= most:
            raise Invalid(name, f"'{name}' is a text of 1 to {most} characters.")
        return value

    def optional_number(self, name: str, default: int) -> int:
        """A whole number; the default if it is not there."""
        value = self._left.pop(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Invalid(name, f"'{name}' is a whole number.")
        return value

    def choice(self, name: str, kind: type[Choice], default: Choice) -> Choice:
        """One of the values of an enumeration; the default if it is not there.

        Raises:
            Invalid.
        """
        text = self.optional_text(name)
        try:
            return default if text is None else kind(text)
        except ValueError:
            raise Invalid(name, f"'{name}' is one of {', '.join(kind)}, not '{text}'.") from None

    def optional_flag(self, name: str) -> bool | None:
        """True or false, or None if it is not there."""
        value = self._left.pop(name, None)
        if value is not None and not isinstance(value, bool):
            raise Invalid(name, f"'{name}' is true or false.")
        return value

    def address(self, name: str) -> IPv4Address:
        """An IPv4 address that has to be there."""
        text = self.text(name)
        try:
            return IPv4Address(text)
        except ValueError:
            raise Invalid(name, f"'{text[:40]}' is no IPv4 address such as 203.0.113.77 (for '{name}').") from None

    def network(self, name: str) -> IPv4Network:
        """An IPv4 prefix that has to be there; bits behind its length are zero."""
        text = self.text(name)
        try:
            if "/" not in text:
                raise ValueError
            return IPv4Network(text)
        except ValueError:
            raise Invalid(name, f"'{text[:40]}' is no IPv4 prefix such as 192.168.60.0/24 (for '{name}').") from None

    def seconds(self, name: str, *, default: float, longest: float) -> float:
        """A duration in seconds."""
        value = self._left.pop(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= longest:
            raise Invalid(name, f"'{name}' is a number of seconds from 0 to {longest:g}.")
        return float(value)

    def revision(self, name: str, now: int) -> int:
        """A revision of the state: a number, or `now`, which is also what is meant when it is not there."""
        value = self._left.pop(name, "now")
        if value == "now":
            return now
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= now:
            raise Invalid(name, f"'{name}' is \"now\" or a revision, at present 0 to {now}.")
        return value

    def done(self) -> None:
        """Refuse fields that nobody asked for: what is not in force is not accepted."""
        if self._left:
            raise Invalid("body", f"Unknown field '{next(iter(self._left))[:40]}' in the request's body.")
