"""A service with a world, for commands that ask one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from admin_world import World, served

from landbridge.control.lifecycle import waiting


@pytest.fixture
def world() -> World:
    """A world that builds at once, as a quick loop would."""
    made = World()

    def build(_: object) -> None:
        if waiting(made.cloud.snapshot).built:
            made.build()

    made.cloud.control.on_change(build)
    return made


@pytest.fixture
def state(world: World, tmp_path: Path) -> Iterator[str]:
    with served(world, tmp_path) as folder:
        yield str(folder)
