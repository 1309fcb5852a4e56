"""Log streams as files: bounded, private, below their folder whatever a group is called; a full disk harms nothing."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.drivers.logs import LogFiles, file_name


@given(st.text(alphabet="abzAZ09_./#-", min_size=1, max_size=512))
def test_a_name_is_one_part_of_a_path_and_no_two_are_the_same(name: str) -> None:
    made = file_name(name)
    assert "/" not in made
    assert made not in ("", ".", "..")
    assert len(made.encode()) <= 255
    assert name == "x" or file_name(name + "x") != made


def test_lines_are_appended_for_their_owner_alone(tmp_path: Path) -> None:
    files = LogFiles(tmp_path / "logs")
    for line in ("one", "two"):
        files.write("/aws/vpn", "stream", line)
    files.close()
    path = files.path("/aws/vpn", "stream")
    assert path.read_text() == "one\ntwo\n"
    assert path.parent.parent == tmp_path / "logs"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_stream_has_a_bound(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, most_bytes=100)
    for number in range(50):
        files.write("g", "s", f"line {number:03}")
    files.close()
    path = files.path("g", "s")
    older = path.with_name("s.1")
    assert sorted(p.name for p in path.parent.iterdir()) == ["s", "s.1"]
    assert path.stat().st_size <= 100
    assert older.stat().st_size <= 100
    assert path.read_text().splitlines()[-1] == "line 049"


def test_all_streams_together_have_a_bound_and_the_one_left_alone_for_longest_goes(tmp_path: Path) -> None:
    files = LogFiles(tmp_path, most_bytes=100, most_total=250)
    for number in range(40):
        files.write(f"group {number % 3}", f"stream {number}", "x" * 49)
    files.close()
    left = [path for path in tmp_path.glob("*/*") if path.is_file()]
    assert sum(path.stat().st_size for path in left) <= 300
    assert {path.name for path in left} >= {file_name(f"stream {number}") for number in range(36, 40)}


def test_what_cannot_be_written_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file where the folder should be stands for a disk that takes nothing: both are an OSError."""
    (tmp_path / "logs").write_text("in the way")
    files = LogFiles(tmp_path / "logs")
    with caplog.at_level(logging.WARNING):
        for line in ("one", "two"):
            files.write("g", "s", line)
        files.close()
    assert [record.getMessage().split(" (")[0] for record in caplog.records] == ["tunnels' logs cannot be written"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a device")
def test_a_full_disk_is_said_and_others_are_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = LogFiles(tmp_path, most_bytes=1 << 20)
    full = files.path("g", "full")
    full.parent.mkdir()
    os.mknod(full, stat.S_IFCHR | 0o600, os.makedev(1, 7))
    with caplog.at_level(logging.WARNING):
        files.write("g", "full", "lost")
        files.write("g", "other", "kept")
        files.close()
    assert files.path("g", "other").read_text() == "kept\n"
    assert "No space left" in caplog.text
