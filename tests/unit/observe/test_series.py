"""A series is what a list of all looks says, as long as it remembers; and it remembers a day and no more."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from landbridge.observe.series import MINUTES, Minute, Series

START = 29_000_000
Look = tuple[int, float, int, int]

LOOKS = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 3), st.integers(0, 2 * MINUTES)),  # minutes since the last one
        st.sampled_from([0.0, 0.5, 1.0]),
        st.integers(0, 2**40),
        st.integers(0, 2**40),
    ),
    min_size=1,
    max_size=60,
)


def taken(looks: Iterable[Look]) -> tuple[Series, dict[int, list[tuple[float, int, int]]]]:
    """The series of these looks, and the same as a list by minute."""
    minute, series = START, Series(minute=START)
    plain: dict[int, list[tuple[float, int, int]]] = {}
    for later, level, received, sent in looks:
        minute += later
        series = series.looked(minute, level, received, sent)
        plain.setdefault(minute, []).append((level, received, sent))
    return series, plain


def everything(series: Series) -> dict[int, Minute]:
    return dict(series.minutes(0, 2**31))


@given(LOOKS)
def test_it_is_what_all_looks_together_say(looks: list[Look]) -> None:
    series, plain = taken(looks)
    remembered = {minute: seen for minute, seen in plain.items() if minute >= series.minute - MINUTES}
    assert everything(series) == {
        minute: Minute(
            looks=len(seen),
            levels=sum(level for level, _, _ in seen),
            low=min(level for level, _, _ in seen),
            high=max(level for level, _, _ in seen),
            received=sum(received for _, received, _ in seen),
            sent=sum(sent for _, _, sent in seen),
        )
        for minute, seen in remembered.items()
    }


@given(LOOKS, st.integers(-10, 3 * MINUTES), st.integers(-10, 3 * MINUTES))
def test_a_part_is_the_part_of_the_whole(looks: list[Look], begin: int, end: int) -> None:
    series, _ = taken(looks)
    begin, end = START + begin, START + end
    assert dict(series.minutes(begin, end)) == {
        minute: seen for minute, seen in everything(series).items() if begin <= minute < end
    }


@given(LOOKS)
def test_it_never_grows_beyond_a_day(looks: list[Look]) -> None:
    series, _ = taken(looks)
    assert len(series.closed) <= MINUTES * len(Minute().packed())


def test_nothing_that_was_given_out_changes() -> None:
    first = Series(minute=START).looked(START, 1.0, 10, 20)
    before = everything(first)
    first.looked(START, 0.0, 1, 1).looked(START + 5, 0.0, 1, 1)
    assert everything(first) == before == {START: Minute(looks=1, levels=1, low=1, high=1, received=10, sent=20)}


def test_a_clock_that_is_set_back() -> None:
    series = Series(minute=START).looked(START, 1.0, 1, 1)
    assert everything(series.looked(START - 3, 0.0, 1, 1)).keys() == {START}
    assert everything(series.looked(START - 3_000, 0.0, 1, 1)).keys() == {START - 3_000}


def test_more_looks_than_are_counted() -> None:
    minute = Minute(looks=0xFFFF, levels=float(0xFFFF), low=1, high=1)
    more = minute.looked(0.0, 5, 6)
    assert (more.looks, more.levels, more.low, more.received, more.sent) == (0xFFFF, float(0xFFFF), 0, 5, 6)
    assert more.packed()
