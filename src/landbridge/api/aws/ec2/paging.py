"""Pages of a long answer: MaxResults and an opaque NextToken that survives changes between two pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from landbridge.api.aws.ec2.door import Params
from landbridge.model.errors import Combination, Invalid
from landbridge.model.resources import Resource

T = TypeVar("T")
R = TypeVar("R", bound=Resource)

LEAST: Final = 5
MOST: Final = 1000
_MARK: Final = "landbridge-page-1:"


def in_order_of_creation(resource: Resource) -> str:
    """A sort key that does not change while a resource exists."""
    return f"{resource.created.isoformat(timespec='microseconds')} {resource.id}"


def page(things: Iterable[T], params: Params, key: Callable[[T], str]) -> tuple[list[T], str | None]:
    """The page that MaxResults and NextToken ask for, sorted by a key that is unique, and the next page's token.

    The token names the last thing shown, so that things made or deleted in the meantime shift nothing.

    Raises:
        Invalid: a token that is none of ours, or MaxResults outside 5 to 1000.
        Combination: MaxResults together with named ids.
    """
    ordered = sorted(things, key=key)
    size, token = params.get("MaxResults"), params.get("NextToken")
    if token is not None:
        after = _read(token)
        ordered = [thing for thing in ordered if key(thing) > after]
    if size is None:
        return ordered, None
    if not LEAST <= size <= MOST:
        raise Invalid("MaxResults", f"Value ({size}) for parameter maxResults is invalid. Expecting {LEAST} to {MOST}.")
    if any(name.endswith("Ids") for name in params):
        raise Combination("The parameter MaxResults cannot be used together with ids. Leave one of them out.")
    shown = ordered[:size]
    return shown, _write(key(shown[-1])) if len(ordered) > size else None


def _write(last: str) -> str:
    return base64.urlsafe_b64encode((_MARK + last).encode()).decode("ascii")


def _read(token: str) -> str:
    try:
        text = base64.urlsafe_b64decode(token.encode("ascii")).decode()
    except (binascii.Error, ValueError):
        text = ""
    if not text.startswith(_MARK):
        raise Invalid("NextToken", "The NextToken is none that this service gave out. Begin again without it.")
    return text.removeprefix(_MARK)
