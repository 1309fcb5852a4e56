"""Go on with some work in a process of its own when this one has ended."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path


def detach(work: Callable[[], None], log: Path) -> None:
    """Do the work in a grandchild, in a session of its own; what it writes is appended to the log.

    The grandchild has all that was imported here already, which is most of what a new interpreter would spend its first
    second on. There must be no other threads yet.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    status = 1
    try:
        os.setsid()
        if os.fork():
            status = 0
            return
        os.chdir("/")
        os.umask(0o077)
        _redirect(log)
        work()
        status = 0
    except BaseException:  # noqa: BLE001  (this is the end of a process: what went wrong belongs in its log)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _redirect(log: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for source, target in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(written)
