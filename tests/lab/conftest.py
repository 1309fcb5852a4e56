"""Worlds for lab tests, and what they were like when a test failed."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from world import OPEN, World, opened

sys.path.append(str(Path(__file__).resolve().parent.parent / "clients"))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A service and its lab, shared by the tests of a module."""
    with opened() as made:
        yield made


@pytest.fixture
def own_world() -> Iterator[World]:
    """A service and its lab for one test."""
    with opened() as made:
        yield made


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Add the worlds' states and the ends of their logs to the report of a test that failed."""
    report = (yield).get_result()
    if report.failed:
        for made in OPEN:
            report.sections.append(("world", str(made)))
            report.sections.append(("logs", made.logs()))
