"""A failure that nobody foresaw is in the log with its place, and without the values that were about."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
import structlog

from landbridge.wiring.world import SystemEntropy, log_to


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def configuration() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def fails(key: str) -> None:
    raise LookupError(f"{len(key)} characters were no use")


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_a_logged_exception_tells_its_place_and_no_values(stream: io.StringIO) -> None:
    log_to(stream)
    psk = "correct.horse." + "battery"
    try:
        fails(psk)
    except LookupError:
        structlog.get_logger("test").exception("failed")
    text = stream.getvalue()
    assert "in fails" in text
    assert "LookupError" in text
    assert psk not in text


@pytest.mark.parametrize("alphabet", ["ab", "abc", "".join(map(chr, range(33, 97))), "x"])
def test_drawn_text_is_of_its_alphabet_and_every_letter_as_likely(alphabet: str) -> None:
    text = SystemEntropy().text(alphabet, 1000 * len(alphabet))
    assert len(text) == 1000 * len(alphabet)
    counts = {letter: text.count(letter) for letter in alphabet}
    assert sum(counts.values()) == len(text)
    # Eight standard deviations: by chance once in 10^14 times.
    assert all(abs(count - 1000) < 8 * 1000**0.5 for count in counts.values())
