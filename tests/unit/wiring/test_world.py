"""A failure that nobody foresaw is in the log with its place, and without the values that were about."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
import structlog

from landbridge.wiring.world import log_to


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
