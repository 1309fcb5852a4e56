"""Pages of a long answer: MaxResults and an opaque NextToken that survives changes between two pages.

What holds for every action is done around the action (`opened`, `closed`): bounds, what cannot be combined, and that a
token is of this query. In between, an action shows its `page` and knows the token as the place where to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from landbridge.api.aws.ec2.door import Desk, Params, Shape
from landbridge.api.aws.model import EC2, Scalar, service
from landbridge.api.aws.tokens import place_of, query_of, token_of
from landbridge.model.errors import Combination, Invalid
from landbridge.model.resources import Resource

T = TypeVar("T")

SIZE: Final = "MaxResults"
NEXT: Final = "NextToken"
LEAST: Final = 5
MOST: Final = 1000


def opened(desk: Desk, action: str, params: Params) -> Params:
    """The parameters with the token read, if there is one.

    Raises:
        Invalid: a token that was not given out for this query, or MaxResults outside EC2's range.
        Combination: MaxResults together with named ids.
    """
    size, token = params.get(SIZE), params.get(NEXT)
    if size is not None:
        _check_size(action, size)
        for name, value in params.items():
            if name.endswith("Ids") and value:
                raise Combination(f"The parameter {name} cannot be used with the parameter {SIZE}")
    return params if token is None else {**params, NEXT: _read(token, _query(desk, action, params))}


def closed(desk: Desk, action: str, params: Params, reply: Shape) -> Shape:
    """The reply with the next page's token, if there is one, made what clients get."""
    place = reply.get(NEXT)
    if place is None:
        return reply
    return {**reply, NEXT: token_of(_query(desk, action, params), place)}


def _query(desk: Desk, action: str, params: Params) -> bytes:
    """The size of the pages may change from one to the next."""
    asked = {name: value for name, value in params.items() if name not in (SIZE, NEXT)}
    return query_of(action, desk.account, desk.region, asked)


def _check_size(action: str, size: int) -> None:
    """What the model does not bound (DescribeInstances, DescribeTags), EC2 bounds all the same."""
    shape = service(EC2).operation(action).input.fields[SIZE].shape
    if isinstance(shape, Scalar) and shape.minimum is None and size < LEAST:
        bound = f"greater than or equal to {LEAST}"
    elif isinstance(shape, Scalar) and shape.maximum is None and size > MOST:
        bound = f"smaller than or equal to {MOST}"
    else:
        return
    raise Invalid(SIZE, f"Value ( {size} ) for parameter {SIZE} is invalid. Expecting a value {bound}.")


def _read(token: str, query: bytes) -> str:
    try:
        return place_of(token, query)
    except ValueError:
        message = f"Value ( {token[:100]} ) for parameter {NEXT} is invalid. The token is invalid."
        raise Invalid(NEXT, message) from None


def in_order_of_creation(resource: Resource) -> str:
    """A sort key that does not change while a resource exists."""
    return f"{resource.created.isoformat(timespec='microseconds')} {resource.id}"


def page(things: Iterable[T], params: Params, key: Callable[[T], str]) -> tuple[list[T], str | None]:
    """The page that MaxResults and NextToken ask for, sorted by a key that is unique, and where the next one begins.

    A token names the last thing shown, so that things made or deleted in the meantime shift nothing.
    """
    ordered = sorted(things, key=key)
    size, after = params.get(SIZE), params.get(NEXT)
    if after is not None:
        ordered = [thing for thing in ordered if key(thing) > after]
    if size is None:
        return ordered, None
    shown = ordered[:size]
    return shown, key(shown[-1]) if len(ordered) > size else None
