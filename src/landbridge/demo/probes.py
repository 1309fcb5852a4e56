"""What the demo measures with: ping, a question over HTTP, a hundred UDP packets a second, and a capture."""

from __future__ import annotations

import re
import signal
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from landbridge.demo import pcap, prober, responder
from landbridge.demo.machine import Programs, attempt, end, until

PORT: Final = 7007
"""Where responders listen, TCP and UDP."""
INTERVAL: Final = prober.INTERVAL

_SENT: Final = re.compile(r"(\d+) packets transmitted, (\d+) received")
_TIMES: Final = re.compile(r"= [\d.]+/([\d.]+)/")
_REFUSED: Final = re.compile(r"From ([\d.]+) .*?(Unreachable|Prohibited|Filtered)", re.IGNORECASE)
_TTL: Final = re.compile(r"ttl=(\d+)")
_LONGEST_LINE: Final = 40
_LATE: Final = 0.25
"""Seconds after which an answer does not count: a stopped daemon queues packets and delivers them much later."""


@dataclass(frozen=True, slots=True)
class Ping:
    """What became of some pings. `milliseconds`: the mean round trip. `refused_by`: who said `unreachable`."""

    sent: int
    received: int
    milliseconds: float | None
    ttl: int | None
    refused_by: str | None

    @property
    def all(self) -> bool:
        """Whether each was answered."""
        return self.received == self.sent > 0

    def __str__(self) -> str:
        counts = f"{self.received} of {self.sent}"
        if self.milliseconds is not None:
            return f"{counts} ({self.milliseconds:.2f} ms)"
        return f"{counts} ({self.refused_by}: unreachable)" if self.refused_by else counts


def ping(namespace: str, address: str, count: int = 3, patience: float = 1.0, size: int = 56) -> Ping:
    """Ping from a namespace, 20 times a second. `patience`: seconds to wait for the last answer."""
    done = attempt(
        "ping", "-n", "-i", "0.05", "-c", str(count), "-W", str(patience), "-s", str(size), address, namespace=namespace
    )
    counts, times, ttl = _SENT.search(done.stdout), _TIMES.search(done.stdout), _TTL.search(done.stdout)
    refused = _REFUSED.search(done.stdout)
    return Ping(
        sent=int(counts[1]) if counts else count,
        received=int(counts[2]) if counts else 0,
        milliseconds=float(times[1]) if times else None,
        ttl=int(ttl[1]) if ttl else None,
        refused_by=refused[1] if refused else None,
    )


def reached_after(namespace: str, address: str, within: float) -> float:
    """Ping until the first answer; the seconds that it took.

    Raises:
        TooLate: no answer within that many seconds.
    """
    return until(
        lambda: ping(namespace, address, count=1, patience=0.2).received, within, f"{address} answers from {namespace}"
    )


def lost_after(namespace: str, address: str, within: float) -> float:
    """Ping until there is no answer any more; the seconds that it took."""
    return until(
        lambda: not ping(namespace, address, count=1, patience=0.2).received, within, f"{address} is out of reach"
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """Who answered, and by which address the asker was seen."""

    name: str
    seen: str


def start_responder(programs: Programs, namespace: str, name: str, scratch: Path) -> None:
    """Have somebody answer as `name` in a namespace."""
    out = scratch / f"responder-{namespace}"
    programs.start(sys.executable, "-S", "-E", responder.__file__, name, str(PORT), out=out, namespace=namespace)
    until(lambda: out.read_text().startswith("ready"), 10, f"the responder in {namespace} runs")


def ask(namespace: str, address: str, word: str = "", patience: float = 1.0) -> Answer | None:
    """Ask a responder over HTTP who it is; None if nobody answers. `word` goes there and back in plain text."""
    url = f"http://{address}:{PORT}/{word}"
    done = attempt("curl", "-s", "--noproxy", "*", "--max-time", str(patience), url, namespace=namespace)
    words = done.stdout.split()
    return Answer(words[0], words[1]) if done.returncode == 0 and len(words) >= 3 else None


@dataclass(frozen=True, slots=True)
class Figures:
    """What a probe saw in a span of time. `silence`: the longest time without an answer, in milliseconds."""

    sent: int
    lost: int
    silence: float

    def __str__(self) -> str:
        return f"{self.lost} of {self.sent} packets lost, longest silence {self.silence:.0f} ms"


class Probe:
    """A hundred UDP packets a second from a namespace to a responder, until ended."""

    def __init__(self, programs: Programs, namespace: str, address: str, out: Path) -> None:
        self._out = out
        self._program = programs.start(
            sys.executable, "-S", "-E", prober.__file__, address, str(PORT), out=out, namespace=namespace
        )
        until(lambda: " " in out.read_text() and "\nr " in out.read_text(), 10, f"the probe to {address} is answered")

    def figures(self, begin: float, finish: float) -> Figures:
        """What became of what was sent from `begin` to `finish` (seconds of the monotonic clock).

        Waits until the last of it has been answered, or would be late.
        """
        time.sleep(max(0.0, finish + _LATE - time.monotonic()))
        return figures(self._out.read_text(), begin, finish)

    def steady(self, seconds: float, within: float) -> float:
        """Wait for so many seconds without a loss; answers when (monotonic clock) they began."""

        def quiet() -> bool:
            now = time.monotonic() - _LATE
            return figures(self._recent(seconds + 2 * _LATE), now - seconds, now).lost == 0

        until(quiet, within, f"{seconds:g} s without a lost packet")
        return time.monotonic() - _LATE - seconds

    def _recent(self, seconds: float) -> str:
        """The record's end, a line longer than those seconds need."""
        with self._out.open("rb") as file:
            length = file.seek(0, 2)
            file.seek(max(0, length - int(seconds / INTERVAL * 2 + 1) * _LONGEST_LINE))
            return file.read().decode().partition("\n")[2]

    def end(self) -> None:
        """Send no more."""
        end(self._program)


def figures(record: str, begin: float, finish: float) -> Figures:
    """Count in a prober's record."""
    sent: dict[int, float] = {}
    lost: set[int] = set()
    arrivals: list[float] = []
    for line in record.splitlines():
        words = line.split()
        if len(words) != 3:
            continue  # the line being written
        number, at = int(words[1]), float(words[2])
        if words[0] == "s":
            sent[number] = at
            if begin <= at <= finish:
                lost.add(number)
        elif number in sent and at - sent[number] <= _LATE:
            lost.discard(number)
            arrivals.append(at)
    return Figures(
        sent=sum(begin <= at <= finish for at in sent.values()),
        lost=len(lost),
        silence=1000 * _longest(sorted(arrivals), begin, finish),
    )


def _longest(arrivals: list[float], begin: float, finish: float) -> float:
    """The longest time between two arrivals of which one at least is in the span."""
    longest = 0.0
    for before, after in pairwise(arrivals):
        if after >= begin and before <= finish:
            longest = max(longest, after - before)
    return longest


class Capture:
    """Everything that passes a link, written down by tcpdump."""

    def __init__(self, programs: Programs, namespace: str, link: str, file: Path, only: str = "") -> None:
        self._file = file
        words = ("tcpdump", "-n", "-U", "--immediate-mode", "-Z", "root", "-i", link, "-w", str(file))
        out = file.with_name(f"{file.name}.log")
        self._program = programs.start(*words, *only.split(), out=out, namespace=namespace)
        said = out.with_name(f"{out.name}.err")
        until(lambda: "listening on" in said.read_text(), 10, f"tcpdump listens on {link} of {namespace}")

    def end(self) -> bytes:
        """Stop; answers the file's content."""
        time.sleep(0.05)  # what the kernel has and tcpdump has not
        end(self._program, signal.SIGINT)
        return self._file.read_bytes()

    def count(self) -> int:
        """Stop; answers the number of packets."""
        return sum(1 for _ in pcap.frames(self.end()))
