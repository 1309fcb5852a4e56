"""Log groups and log streams as files: lines appended by a thread of its own, each stream bounded in size.

A stream that has grown to its bound becomes `STREAM.1`, in place of the one before, and a new one is begun. A line that
cannot be written (a full disk) is lost, and that is said once in the service's own log: nothing else waits for a log.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import quote

MOST_BYTES: Final = 8 << 20
"""Of one stream's present file; there is one older one."""
MOST_TOTAL: Final = 1 << 30
"""Bytes of all streams, present and older files: beyond that those go that nobody has written to for longest."""
_MOST_WAITING: Final = 10_000
"""Lines."""
_LONGEST_NAME: Final = 200

log = logging.getLogger(__name__)


def file_name(name: str) -> str:
    """A log group's or stream's name as one part of a path: it may hold slashes, dots, and 512 characters."""
    made = quote(name, safe="")
    if made.strip(".") == "":
        made = made.replace(".", "%2E")
    if len(made) <= _LONGEST_NAME:
        return made
    return f"{made[:_LONGEST_NAME]}-{sha256(name.encode()).hexdigest()[:16]}"


class LogFiles:
    """Files below a folder, `GROUP/STREAM`, for their owner alone."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES, most_total: int = MOST_TOTAL) -> None:
        self._folder = folder
        self._most = most_bytes
        self._most_total = most_total
        self._waiting: deque[tuple[str, str, str]] = deque()
        self._lost = 0
        self._failing = False
        self._condition = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def path(self, group: str, stream: str) -> Path:
        """Where a stream is."""
        return self._folder / file_name(group) / file_name(stream)

    def write(self, group: str, stream: str, line: str) -> None:
        """Append a line, soon. From any thread; never blocks for the disk."""
        with self._condition:
            if self._closing:
                return
            if len(self._waiting) >= _MOST_WAITING:
                self._lost += 1
                return
            self._waiting.append((group, stream, line))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tunnel-logs", daemon=True)
                self._thread.start()
            self._condition.notify()

    def close(self) -> None:
        """Write what waits, and end."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    return
                group, stream, line = self._waiting.popleft()
                lost, self._lost = self._lost, 0
            if lost:
                log.warning("%d lines of tunnels' logs were lost: they came faster than the disk takes them", lost)
            try:
                self._append(self.path(group, stream), f"{line}\n".encode())
                self._failing = False
            except OSError as error:
                if not self._failing:
                    log.warning("tunnels' logs cannot be written (%s): lines are lost until they can", error.strerror)
                self._failing = True

    def _append(self, path: Path, line: bytes) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(path, flags, 0o600)
        try:
            size = os.fstat(handle).st_size
            if size == 0:
                self._make_room(path)
            if size + len(line) <= self._most or size == 0:
                os.write(handle, line)
                return
        finally:
            os.close(handle)
        os.replace(path, path.with_name(f"{path.name}.1"))
        self._append(path, line)

    def _make_room(self, for_this: Path) -> None:
        """Before a file is begun: streams have many names in the course of time, and a disk has one size."""
        files = [(found.stat(), found) for found in self._folder.glob("*/*") if found != for_this]
        total = sum(status.st_size for status, _ in files)
        for status, found in sorted(files, key=lambda each: (each[0].st_mtime_ns, each[1])):
            if total <= self._most_total:
                return
            found.unlink(missing_ok=True)
            total -= status.st_size
