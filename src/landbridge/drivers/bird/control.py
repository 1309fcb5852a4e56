"""BIRD's control socket, spoken directly: one connection, one command at a time, bounded answers, a time limit.

Every line of an answer begins with four digits; a minus sign after them says that more follows, a space that this was
the last, and a line that begins with a space continues under the code before. 0xxx is done, 1xxx tables, 8xxx could not
be done, 9xxx not understood (BIRD's doc/reply_codes).
"""

from __future__ import annotations

import os
import re
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Final, Self, TypeVar

from landbridge.drivers.bird import parse
from landbridge.drivers.bird.parse import Line
from landbridge.observe.bgp import BfdPeer, SpeakerProtocol, SpeakerRoute, SpeakerStatus

ANSWER_WITHIN: Final = 5.0
GREATEST_ANSWER: Final = 32 << 20
_GREETING: Final = 1
_REFUSED: Final = 8000
_PEERCRED: Final = struct.Struct("iII")
_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,64}")

_Value = TypeVar("_Value")


class ControlError(Exception):
    """BIRD did not answer, or not as it should. The message is half a sentence."""


class RefusedError(ControlError):
    """BIRD answered that it would not. The message is BIRD's own."""


class Control:
    """A connection to one BIRD. Use it as a context manager; one thread at a time."""

    def __init__(self, path: Path, *, within: float = ANSWER_WITHIN) -> None:
        """Connect and wait for the greeting; `within` seconds bound this and every answer.

        Raises:
            ControlError: nobody listens there, or nobody answers.
        """
        self._within = within
        self._rest = b""
        self._lines: deque[bytes] = deque()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            connect(self._socket, path, within)
            self._answer()
        except OSError as error:
            self._socket.close()
            raise ControlError(f"cannot be reached ({error.strerror or error})") from error
        except ControlError:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def command(self, text: str) -> list[Line]:
        """The lines of BIRD's answer.

        Raises:
            RefusedError: it says no.
            ControlError: it does not say anything, or too much.
        """
        try:
            self._socket.sendall(text.encode("ascii") + b"\n")
            lines = self._answer()
        except OSError as error:
            raise ControlError(f"does not answer '{text}' ({error.strerror or error})") from error
        if lines[-1][0] >= _REFUSED:
            raise RefusedError(lines[-1][1])
        return lines

    def status(self) -> SpeakerStatus:
        """What the daemon says of itself."""
        return self._parsed(parse.status, "show status")

    def protocols(self) -> tuple[SpeakerProtocol, ...]:
        """All protocols, with the BGP side of those that have one."""
        return self._parsed(parse.protocols, "show protocols all")

    def summary(self) -> tuple[SpeakerProtocol, ...]:
        """All protocols without details: a tenth of the text."""
        return self._parsed(parse.protocols, "show protocols")

    def held_back(self) -> dict[str, int]:
        """Protocols that keep routes back because of a limit (`export limit`), and how many they could let out now."""
        return self._parsed(parse.held_back, "show protocols all")

    def let_out(self, names: Iterable[str]) -> None:
        """Have these protocols export everything anew. Once it has reached a limit BIRD 2.0.12 lets nothing new out,
        however many routes go, and even if the limit is taken away."""
        for name in names:
            self.command(f"reload out {name}")

    def bfd_sessions(self) -> tuple[BfdPeer, ...]:
        """All BFD sessions; none if BFD is not configured."""
        try:
            return self._parsed(parse.bfd_sessions, "show bfd sessions")
        except RefusedError as error:
            if "no BFD protocol" in str(error) or "There is no" in str(error):
                return ()
            raise

    def routes(self, *, table: str = "master4", protocol: str | None = None) -> tuple[SpeakerRoute, ...]:
        """The routes of a BIRD table with their attributes, on demand those of one protocol only."""
        for name in (table, protocol or table):
            if not _NAME.fullmatch(name):
                raise ValueError(f"'{name}' cannot be the name of a table or a protocol")
        only = f" protocol {protocol}" if protocol is not None else ""
        return self._parsed(parse.routes, f"show route table {table}{only} all")

    def _parsed(self, parser: Callable[[list[Line]], _Value], command: str) -> _Value:
        lines = self.command(command)
        try:
            return parser(lines)
        except (ValueError, KeyError) as error:
            raise ControlError(f"answers '{command}' in a way that is not understood ({error})") from error

    def _answer(self) -> list[Line]:
        """Lines up to the last one of an answer."""
        deadline = monotonic() + self._within
        lines: list[Line] = []
        size = 0
        code = 0
        while True:
            raw = self._line(deadline)
            size += len(raw)
            if size > GREATEST_ANSWER:
                raise ControlError(f"sends more than {GREATEST_ANSWER >> 20} MiB")
            text = raw.decode("utf-8", "replace")
            if text.startswith(" "):
                lines.append((code, text[1:]))
                continue
            if text.startswith("+"):
                continue
            if len(text) < 5 or not text[:4].isdigit() or text[4] not in "- ":
                raise ControlError(f"sends {text[:40]!r}, which is no answer")
            code = int(text[:4])
            lines.append((code, text[5:]))
            if text[4] == " ":
                return lines

    def _line(self, deadline: float) -> bytes:
        while not self._lines:
            remaining = deadline - monotonic()
            if remaining <= 0:
                raise ControlError(f"does not answer within {self._within:g} s")
            self._socket.settimeout(remaining)
            try:
                received = self._socket.recv(1 << 16)
            except TimeoutError as error:
                raise ControlError(f"does not answer within {self._within:g} s") from error
            if not received:
                raise ControlError("closed the connection")
            if len(self._rest) > 1 << 20:
                raise ControlError("sends a line without an end")
            *whole, self._rest = (self._rest + received).split(b"\n")
            self._lines.extend(whole)
        return self._lines.popleft()


def connect(connection: socket.socket, path: Path, within: float) -> None:
    """Connect to a Unix socket by way of its directory: the path may be longer than an address (107 bytes).

    Raises:
        OSError: nobody is there.
    """
    connection.settimeout(within)
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connection.connect(f"/proc/self/fd/{directory}/{path.name}")
    finally:
        os.close(directory)


def listener(path: Path) -> int | None:
    """The process that listens on a Unix socket by the kernel's word (SO_PEERCRED), hung or not; None if none does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
        try:
            connect(connection, path, 1.0)
        except OSError:
            return None
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEERCRED.size)
    process, _, _ = _PEERCRED.unpack(credentials)
    return int(process) or None
