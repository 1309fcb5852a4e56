"""Filters and parameters: wildcards against regular expressions, bounds, and what is refused."""

from __future__ import annotations

import re
from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.api.aws.ec2.filters import MAX_FILTERS, MAX_VALUES, absent, select
from landbridge.api.aws.ec2.globs import MOST_WORK, Glob, TooMuchWork, Work
from landbridge.api.aws.ec2.params import network, only
from landbridge.model.errors import Invalid, LimitExceeded, Missing, Unsupported

ANIMALS = [("cat", 4, ("fur", "tail")), ("eel", 0, ("tail",)), ("man", 2, ())]
FIELDS = {
    "name": lambda animal: (animal[0],),
    "legs": lambda animal: (str(animal[1]),),
    "has": lambda animal: animal[2],
}


def chosen(*filters: tuple[str, list[str]]) -> list[str]:
    given = [{"Name": name, "Values": values} for name, values in filters]
    return [animal[0] for animal in select(ANIMALS, given, FIELDS)]


def test_or_within_and_across() -> None:
    assert chosen() == ["cat", "eel", "man"]
    assert chosen(("name", ["cat", "man"])) == ["cat", "man"]
    assert chosen(("name", ["cat", "man"]), ("legs", ["2", "0"])) == ["man"]
    assert chosen(("has", ["tail"])) == ["cat", "eel"]
    assert chosen(("has", ["fu?"])) == ["cat"]
    assert chosen(("has", ["*"])) == ["cat", "eel"]
    assert chosen(("name", ["CAT"])) == []


def test_what_no_filter_may_be() -> None:
    with pytest.raises(Invalid, match="The filter 'colour' is invalid"):
        chosen(("colour", ["red"]))
    with pytest.raises(Invalid, match="The filter 'tag:x' is invalid"):
        chosen(("tag:x", ["red"]))
    with pytest.raises(Missing):
        chosen(("name", []))
    with pytest.raises(Missing):
        select(ANIMALS, [{"Values": ["x"]}], FIELDS)
    with pytest.raises(LimitExceeded):
        chosen(*[("name", ["cat"])] * (MAX_FILTERS + 1))
    with pytest.raises(LimitExceeded):
        chosen(("name", ["cat"] * (MAX_VALUES + 1)))


def test_what_nothing_has_finds_nothing() -> None:
    fields = {**FIELDS, **absent("wings", "gills")}
    assert select(ANIMALS, [{"Name": "wings", "Values": ["*", ""]}], fields) == []
    assert select(ANIMALS, [{"Name": "name", "Values": ["*"]}], fields) == ANIMALS


def test_values_are_asked_for_once_a_thing() -> None:
    asked: list[str] = []

    def legs(animal: tuple[str, int, tuple[str, ...]]) -> tuple[str, ...]:
        asked.append(animal[0])
        return (str(animal[1]),)

    filters = [{"Name": "legs", "Values": ["*"]}] * MAX_FILTERS
    assert select(ANIMALS, filters, {"legs": legs}) == ANIMALS
    assert asked == ["cat", "eel", "man"]


@given(st.text("ab*?\\", max_size=10), st.text("ab*?\\", max_size=10))
def test_wildcards_are_what_a_regular_expression_makes_of_them(pattern: str, text: str) -> None:
    parts = {"*": ".*", "?": "."}
    pieces = re.findall(r"\\.|.", pattern)
    written = "".join(
        re.escape(piece[1]) if len(piece) == 2 else parts.get(piece, re.escape(piece)) for piece in pieces
    )
    assert Glob(pattern).matches(text, Work()) == (re.fullmatch(written, text) is not None)


@pytest.mark.parametrize(
    "pattern", ["*a" * 120 + "b", "*a?a*" * 80, "?" * 250 + "*b", "*" + "a?" * 100 + "b*", "*" * 250]
)
def test_a_hostile_pattern_takes_little_work(pattern: str) -> None:
    # A backtracking matcher would be busy for years.
    work = Work()
    Glob(pattern).matches("a" * 256, work)
    assert MOST_WORK - work.left < 2 * len(pattern) * 256


def test_the_work_of_a_request_is_bounded() -> None:
    values = [f"*{'a?' * 120}{n}*" for n in range(MAX_VALUES)]
    with pytest.raises(TooMuchWork):
        Work(9).spend(10)
    with pytest.raises(Invalid, match="too many comparisons"):
        select(["a" * 6_000] * 50, [{"Name": "text", "Values": values}], {"text": lambda text: (text,)})
    # Many things, and a word in each one's long text.
    filters = [{"Name": "text", "Values": ["*word*", "*another ?*"]}]
    assert select(["a" * 6_000] * 1_000, filters, {"text": lambda text: (text,)}) == []


@pytest.mark.parametrize(
    "text", ["", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "a/8", "10.0.0.0/8\n", "::/8"]
)
def test_no_prefix(text: str) -> None:
    with pytest.raises(Invalid):
        network(text, "CidrBlock")


def test_host_bits_are_cleared() -> None:
    assert network("100.68.0.18/18", "CidrBlock") == IPv4Network("100.68.0.0/18")


def test_what_is_not_in_force_is_refused() -> None:
    only({"A": 1, "B": False, "C": "x"}, "A", inert={"B": False, "C": ("x", "y")})
    for params in ({"D": 1}, {"B": True}, {"C": "z"}):
        with pytest.raises(Unsupported):
            only(params, "A", inert={"B": False, "C": ("x", "y")})
