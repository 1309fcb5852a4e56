"""Worlds for lab tests, and what they were like when a test failed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pytest
from world import World

_OPEN: list[World] = []


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A service and its lab, shared by the tests of a module."""
    with World() as made:
        _OPEN.append(made)
        try:
            yield made
        finally:
            _OPEN.remove(made)


@pytest.fixture
def own_world() -> Iterator[World]:
    """A service and its lab for one test."""
    with World() as made:
        _OPEN.append(made)
        try:
            yield made
        finally:
            _OPEN.remove(made)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Add the worlds' states and the ends of their logs to the report of a test that failed."""
    report = (yield).get_result()
    if report.failed:
        for made in _OPEN:
            report.sections.append(("world", str(made)))
            report.sections.append(("logs", made.logs()))
