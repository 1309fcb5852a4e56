"""Looking at the machine from outside: commands in namespaces, polling, sockets that live in a namespace."""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import forks

T = TypeVar("T")
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
LOOK_EVERY = 0.02
DATA_PLANE = os.environ.get("LANDBRIDGE_TEST_DATA_PLANE", "auto")
"""Who does ESP in this run, for service and customer gateways: the same tests for all."""
SLOW = float(os.environ.get("LANDBRIDGE_TEST_SLOW", "1"))
"""How many times longer everything may take than usual."""
BFD_INTERVAL = int(150 * SLOW)
"""Milliseconds, where that is not 1: on an emulated processor a packet may be late by more than BFD's usual 0.9 s. The
slower end's word counts, so only the service is told."""


def run(*argv: str, timeout: float = 30.0, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and hand over what it said; its exit code is the caller's business."""
    if forks.forkable(argv):
        return forks.run(argv, timeout * SLOW, stdin)
    return subprocess.run(argv, capture_output=True, text=True, timeout=timeout * SLOW, input=stdin, check=False)


def start(*argv: str, log: BinaryIO) -> subprocess.Popen[bytes] | forks.Forked:
    """Start a command that goes on; what it says is appended to the log."""
    if forks.forkable(argv):
        with open(os.devnull, "rb") as nothing:
            return forks.Forked(argv, nothing.fileno(), log.fileno(), log.fileno())
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def ok(*argv: str, timeout: float = 30.0, stdin: str | None = None) -> str:
    """Run a command that has to succeed; its standard output."""
    done = run(*argv, timeout=timeout, stdin=stdin)
    assert done.returncode == 0, f"`{' '.join(argv)}` failed ({done.returncode}): {done.stdout}{done.stderr}"
    return done.stdout


def within(namespace: str, *argv: str, timeout: float = 30.0) -> str:
    """Run a command in a namespace; it has to succeed."""
    return ok("ip", "netns", "exec", namespace, *argv, timeout=timeout)


def eventually(condition: Callable[[], T | None], what: str, seconds: float = 10.0) -> T:
    """Poll until the condition is true, and give what it gave."""
    deadline = time.monotonic() + seconds * SLOW
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds * SLOW:g} s: {what}"
        time.sleep(LOOK_EVERY)


def for_a_while(condition: Callable[[], Any], what: str, seconds: float) -> None:
    """Poll, and fail as soon as the condition is false."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), f"no longer true: {what}"
        time.sleep(LOOK_EVERY)


def inside(namespace: str, work: Callable[[], T]) -> T:
    """Run `work` on a thread of its own in the namespace. Sockets that it makes stay there."""
    result: list[T] = []
    failure: list[BaseException] = []

    def enter() -> None:
        try:
            with Path("/run/netns", namespace).open() as handle:
                if _LIBC.setns(handle.fileno(), _CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), f"setns({namespace})")
            result.append(work())
        except BaseException as error:  # noqa: BLE001 - handed over to the caller's thread
            failure.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return result[0]


def namespaces() -> set[str]:
    """The names that `ip netns` knows."""
    try:
        return set(os.listdir("/run/netns"))
    except FileNotFoundError:
        return set()


def alive(pid: int) -> bool:
    """Whether the process runs. One that is only not reaped is dead."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
