"""What a probe's record says about an outage."""

from __future__ import annotations

from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from landbridge.demo.probes import figures


def record(count: int, lost: Collection[int], delay: float = 0.001) -> str:
    lines: list[tuple[float, str]] = []
    for number in range(count):
        at = 100 + number / 100
        lines.append((at, f"s {number} {at:.6f}"))
        if number not in lost:
            lines.append((at + delay, f"r {number} {at + delay:.6f}"))
    return "\n".join(line for _, line in sorted(lines)) + "\n"


def test_an_outage() -> None:
    seen = figures(record(100, range(40, 70)), 100.395, 100.9)
    assert (seen.sent, seen.lost) == (51, 30)
    assert 309 < seen.silence < 311
    assert str(seen) == "30 of 51 packets lost, longest silence 310 ms"


def test_an_answer_that_comes_much_too_late_is_none() -> None:
    assert figures(record(10, (), delay=0.3), 100, 100.05).lost == 6


def test_a_line_that_is_being_written_is_left_out() -> None:
    assert figures(record(10, ()) + "s 10 1", 100, 101).sent == 10
    assert figures("10 100.1\nr 4 100.2\n" + record(5, ()), 100, 101).lost == 0


@given(st.sets(st.integers(0, 199)), st.integers(0, 199), st.integers(0, 199))
def test_what_is_lost_in_a_span_was_sent_in_it(lost: set[int], one: int, other: int) -> None:
    first, last = sorted((one, other))
    seen = figures(record(200, lost), 100 + first / 100 - 0.001, 100 + last / 100 + 0.001)
    assert seen.sent == last - first + 1
    assert seen.lost == len({number for number in lost if first <= number <= last})
    assert seen.silence >= 0
