"""What all tests share: the markers, the time limits, and how hard hypothesis looks."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

NIGHTLY = os.environ.get("LANDBRIDGE_NIGHTLY") == "1"
LAB_TIMEOUT = 180  # seconds; a lab test that says nothing else

# No deadline: the machine is shared with real daemons, and a slow example is not a wrong one.
settings.register_profile("ci", max_examples=100, deadline=None, print_blob=True)
settings.register_profile(
    "nightly", max_examples=2_000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("nightly" if NIGHTLY else "ci")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give lab tests their time limit; skip, and say why, what this run or this user cannot do."""
    for item in items:
        if item.get_closest_marker("lab"):
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(LAB_TIMEOUT))
            if os.geteuid() != 0:
                item.add_marker(pytest.mark.skip(reason="builds network namespaces: run as root"))
        if item.get_closest_marker("nightly") and not NIGHTLY:
            item.add_marker(pytest.mark.skip(reason="long: run scripts/test --nightly"))
