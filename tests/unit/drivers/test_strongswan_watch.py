"""The watcher of IKE daemons, as far as it needs none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from landbridge.drivers.strongswan import strongswan
from landbridge.drivers.strongswan.watch import IkeWatcher


@pytest.fixture
def closed(tmp_path: Path) -> IkeWatcher:
    swan = strongswan(
        run_dir=tmp_path / "run",
        log_dir=tmp_path / "log",
        owner="somebody",
        key=b"a key for digests",
        wake=lambda _: None,
        on_event=lambda _: None,
    )
    watcher: IkeWatcher = swan.watcher
    swan.close()
    return watcher


def test_one_that_is_closed_writes_into_nobody_elses_files(closed: IkeWatcher) -> None:
    """What is taken down after that still says whom to forget, and the descriptors' numbers are others' by then."""
    pipes = [os.pipe2(os.O_NONBLOCK) for _ in range(8)]
    try:
        closed.forget("an endpoint")
        closed.attend("an endpoint")
        closed.close()
        for reader, _ in pipes:
            with pytest.raises(BlockingIOError):
                os.read(reader, 1)
    finally:
        for pipe in pipes:
            for handle in pipe:
                os.close(handle)
