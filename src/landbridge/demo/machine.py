"""This machine as anybody with a shell has it: commands, in a network namespace or not, and programs left running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from landbridge.model.errors import OperatorError

LANDBRIDGE: Final = (sys.executable, "-m", "landbridge")
"""The command line of this very installation."""

_SBIN: Final = "/usr/local/sbin:/usr/sbin:/sbin"
_LONGEST_MESSAGE: Final = 400
_POLL: Final = 0.02


class CommandFailed(OperatorError):
    """A command of the demo's did not do what it should."""


class TooLate(OperatorError):
    """What the demo waited for did not come."""


def environment() -> dict[str, str]:
    """The environment for commands: where administrators' programs are on the path, and messages are in English."""
    return {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{_SBIN}", "LC_ALL": "C.UTF-8"}


def attempt(*argv: str, namespace: str | None = None, within: float = 20.0) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in a namespace if one is named. `within`: seconds.

    Raises:
        CommandFailed: it did not end in time, or there is no such program.
    """
    words = (*_into(namespace), *argv)
    try:
        return subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=within,
            env=environment(),
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the demo's affair: what takes things down has to go on
        )
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"`{' '.join(words)}` did not end within {within:g} s.") from None
    except FileNotFoundError:
        raise CommandFailed(f"The program {words[0]} is missing: run scripts/bootstrap.") from None


def run(*argv: str, namespace: str | None = None, within: float = 20.0) -> str:
    """Run a command that has to succeed; answers what it wrote to stdout.

    Raises:
        CommandFailed: it ended with another exit code than 0, or not in time.
    """
    done = attempt(*argv, namespace=namespace, within=within)
    if done.returncode != 0:
        said = " ".join(f"{done.stderr} {done.stdout}".split())[:_LONGEST_MESSAGE]
        raise CommandFailed(f"`{' '.join((*_into(namespace), *argv))}` failed ({done.returncode}): {said}")
    return done.stdout


def _into(namespace: str | None) -> tuple[str, ...]:
    return ("ip", "netns", "exec", namespace) if namespace else ()


class Programs:
    """Programs left running, all ended by `end`."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, *argv: str, out: Path, namespace: str | None = None) -> subprocess.Popen[bytes]:
        """Start one. What it writes goes to `out`, its errors to a file beside it. Ctrl-C does not reach it."""
        with out.open("wb") as stdout, out.with_name(f"{out.name}.err").open("wb") as stderr:
            started = subprocess.Popen(
                (*_into(namespace), *argv),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=environment(),
                start_new_session=True,
            )
        self._running.append(started)
        return started

    def end(self) -> None:
        """End all that still run."""
        for program in self._running:
            end(program)
        self._running.clear()


def end(program: subprocess.Popen[bytes], number: int = signal.SIGTERM, within: float = 5.0) -> None:
    """End a program: ask first, insist later."""
    if program.poll() is not None:
        return
    program.send_signal(number)
    try:
        program.wait(within)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


def until(true: Callable[[], object], within: float, what: str) -> float:
    """Look until it is true; answers the seconds that it took.

    Raises:
        TooLate: it is not true after `within` seconds; `what` completes "... did not happen: ".
    """
    started = time.monotonic()
    while not true():
        if time.monotonic() - started > within:
            raise TooLate(f"After {within:g} s still not: {what}.")
        time.sleep(_POLL)
    return time.monotonic() - started


def namespaces() -> frozenset[str]:
    """The names of all network namespaces."""
    with contextlib.suppress(FileNotFoundError):
        return frozenset(os.listdir("/run/netns"))
    return frozenset()


def processes(words: Sequence[str]) -> list[int]:
    """Living processes whose command line has one of the words in it. What is only not reaped is dead."""
    return [pid for pid, command in _commands() if any(word in command for word in words)]


def _commands() -> Iterator[tuple[int, str]]:
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            command = Path("/proc", name, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            state = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state not in {"Z", "X"}:
            yield int(name), command
