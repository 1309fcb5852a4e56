"""Start a Python program of ours that goes on when this process has ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def detach(arguments: Sequence[str], log: Path) -> None:
    """Run this Python with the arguments in a session of its own; what it writes is appended to the log."""
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        subprocess.Popen(
            (sys.executable, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            cwd="/",
            umask=0o077,
            start_new_session=True,
        )
    finally:
        os.close(handle)
