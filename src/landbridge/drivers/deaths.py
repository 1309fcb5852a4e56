"""Who tells that a daemon has died, at once: one thread, one pidfd per daemon. It also keeps their logs short."""

from __future__ import annotations

import logging
import os
import selectors
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from landbridge.drivers.processes import Daemon, reap

LOG_LIMIT: Final = 1_000_000
"""Bytes. A longer log is cut to nothing after its tail was kept beside it as `NAME.old`."""

_TAIL: Final = 200_000
_LOG_PAUSE: Final = 5.0

log = logging.getLogger(__name__)


def shorten(path: Path, limit: int = LOG_LIMIT) -> None:
    """Cut a log that a daemon appends to (O_APPEND: it goes on at the new end). A missing one is fine."""
    try:
        size = path.stat().st_size
        if size <= limit:
            return
        with path.open("rb") as file:
            file.seek(max(0, size - _TAIL))
            tail = file.read(_TAIL)
        old = path.with_name(path.name + ".old")
        with open(os.open(old, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(tail)
        os.truncate(path, 0)
    except FileNotFoundError:
        return


class Deaths:
    """Calls back, from its own thread and once per daemon, when a watched daemon has ended."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._handles: dict[Daemon, int] = {}
        self._logs: dict[Daemon, Path] = {}
        self._alarm, self._bell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._selector.register(self._alarm, selectors.EVENT_READ)
        self._closing = False
        self._thread: threading.Thread | None = None

    def watch(self, daemon: Daemon, callback: Callable[[], None], log_file: Path | None = None) -> None:
        """Watch a daemon (again: nothing happens). One that has ended already is told at once, in this thread."""
        with self._lock:
            if daemon in self._handles or self._closing:
                return
            try:
                handle = os.pidfd_open(daemon.pid)
            except ProcessLookupError:
                handle = -1
            if handle >= 0:
                self._handles[daemon] = handle
                if log_file is not None:
                    self._logs[daemon] = log_file
                self._selector.register(handle, selectors.EVENT_READ, (daemon, callback))
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="deaths", daemon=True)
                    self._thread.start()
        if handle < 0:
            callback()

    def close(self) -> None:
        """Stop watching; the daemons are not touched. Closing twice is fine."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
        os.write(self._bell, b"x")
        if self._thread is not None:
            self._thread.join()
        for handle in self._handles.values():
            os.close(handle)
        self._handles.clear()
        self._selector.close()
        os.close(self._alarm)
        os.close(self._bell)

    def _run(self) -> None:
        next_look = time.monotonic() + _LOG_PAUSE
        while not self._closing:
            for key, _ in self._selector.select(timeout=max(0.0, next_look - time.monotonic())):
                if key.data is None:
                    continue
                daemon, callback = key.data
                with self._lock:
                    self._selector.unregister(key.fd)
                    os.close(self._handles.pop(daemon))
                    self._logs.pop(daemon, None)
                reap(daemon.pid)
                try:
                    callback()
                except Exception:  # one listener may not make the others deaf
                    log.exception("telling of the death of process %d failed", daemon.pid)
            if time.monotonic() >= next_look:
                with self._lock:
                    logs = list(self._logs.values())
                for path in logs:
                    with suppress(OSError):  # a full disk: there is nothing better to do about a log
                        shorten(path)
                next_look = time.monotonic() + _LOG_PAUSE
