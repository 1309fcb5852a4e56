"""Values by botocore's shapes: random ones, full ones, and what of a request's values the wire cannot carry."""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from botocore.session import Session
from hypothesis import strategies as st

from landbridge.api.aws.ec2.actions import ACTIONS

EC2 = Session().get_service_model("ec2")

ALL: list[str] = sorted(EC2.operation_names)
OURS: list[str] = sorted(ACTIONS)

# What XML 1.0 can carry.
XML_TEXT = st.characters(
    codec="utf-8",
    exclude_categories=["Cs", "Cc"],
    exclude_characters="\ufffe\uffff",
    include_characters="\t\n\r\x7f\x85",
)


@st.composite
def values(draw: st.DrawFn, shape: Any, *, request: bool) -> Any:
    """A value of that shape. In a request what the wire cannot tell from absence (empty text) is not drawn."""
    match shape.type_name:
        case "structure":
            names = sorted(shape.members)
            chosen = set(draw(st.lists(st.sampled_from(names), max_size=4, unique=True))) if names else set()
            if request:
                chosen |= set(shape.required_members)
            return {name: draw(values(shape.members[name], request=request)) for name in sorted(chosen)}
        case "list":
            facts = shape.metadata
            least, most = (facts.get("min") or 0, min(facts.get("max") or 3, 3)) if request else (0, 3)
            return draw(st.lists(values(shape.member, request=request), min_size=least, max_size=max(least, most)))
        case "map":
            return draw(
                st.dictionaries(st.text(XML_TEXT, max_size=10), values(shape.value, request=request), max_size=3)
            )
        case _:
            return draw(_scalars(shape, request=request))


def _scalars(shape: Any, *, request: bool) -> st.SearchStrategy[Any]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    match shape.type_name:
        case "string" if shape.enum:
            return st.sampled_from(shape.enum)
        case "string":
            least = max(low or 0, int(request))
            return st.text(XML_TEXT, min_size=least, max_size=min(high or 40, least + 40))
        case "integer" | "long" as kind:
            bits = 31 if kind == "integer" else 63
            return st.integers(-(2**bits) if low is None else low, 2**bits - 1 if high is None else high)
        case "float" | "double":
            return st.floats(low, high, allow_nan=False, allow_infinity=False)
        case "boolean":
            return st.booleans()
        case "timestamp":
            moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
            return moments if request else moments.map(lambda moment: moment.replace(microsecond=0))
        case "blob":
            return st.binary(min_size=int(request), max_size=50)
        case other:
            raise NotImplementedError(other)


def full(shape: Any) -> Any:
    """A value with every member of every structure, no two leaves alike where the shape allows it."""
    return _full(shape, count(1))


def _full(shape: Any, numbers: count[int]) -> Any:
    match shape.type_name:
        case "structure":
            return {name: _full(member, numbers) for name, member in shape.members.items()}
        case "list":
            most = shape.metadata.get("max") or 2
            return [_full(shape.member, numbers) for _ in range(min(most, 2 if _is_flat(shape.member) else 1))]
        case "map":
            return {f"name {next(numbers)}": _full(shape.value, numbers) for _ in range(2)}
    number, low, high = next(numbers), shape.metadata.get("min"), shape.metadata.get("max")
    match shape.type_name:
        case "string" if shape.enum:
            return shape.enum[number % len(shape.enum)]
        case "string":
            text = f"{number} <a&b> \"c\" 'd' + %41 é ☃ \U0001f600\r\n\t".ljust(low or 0, "x")
            return text[:high] if high else text
        case "integer" | "long":
            return int(_within(number, low, high))
        case "float" | "double":
            return _within(number + 0.5, low, high)
        case "boolean":
            return number % 2 == 0
        case "timestamp":
            return datetime(2026, 11, 23, 5, tzinfo=UTC) + timedelta(seconds=number)
        case "blob":
            return bytes((number % 256, 0, 255, 10))
        case other:
            raise NotImplementedError(other)


def _within(number: float, low: float | None, high: float | None) -> float:
    number = number if low is None else max(number, low)
    return number if high is None else min(number, high)


def _is_flat(shape: Any) -> bool:
    return shape.type_name not in ("structure", "list")


def pruned(value: Any) -> Any:
    """A request's value without everything empty, which the wire does not carry; None if nothing is left."""
    if isinstance(value, dict):
        left = {name: kept for name, member in value.items() if (kept := pruned(member)) is not None}
        return left or None
    if isinstance(value, list):
        return [kept for item in value if (kept := pruned(item)) is not None] or None
    return value


AWKWARD_TEXT = st.text(
    st.one_of(st.sampled_from(string.punctuation + " %+/=&~\t\n"), XML_TEXT), min_size=1, max_size=30
)
