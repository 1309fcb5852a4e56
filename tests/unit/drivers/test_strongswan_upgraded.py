"""A process whose program was replaced under it is told from one that runs what is there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from landbridge.drivers.strongswan.upgraded import outdated


def test_a_process_is_outdated_once_its_program_is_another_file(tmp_path: Path) -> None:
    program = tmp_path / "daemon"
    shutil.copy("/bin/cat", program)
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(b"x")
        running.stdin.flush()
        running.stdout.read(1)  # it runs
        assert not outdated(running.pid)
        shutil.copy("/bin/cat", tmp_path / "new")
        (tmp_path / "new").rename(program)
        assert outdated(running.pid)
        running.stdin.close()
    assert not outdated(running.pid), "what has ended runs nothing"
