"""UDP packets at a steady pace through a network, there and back, with the time of each arrival at each end.

`python -m lib.probe` is the process: one thread, both sockets, so all times are of one clock. `Probe` runs it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from itertools import pairwise

from lib import BENCH, netns

PORT = 9900
_PACKET = struct.Struct("!Qd")


@dataclass(frozen=True, slots=True)
class Trace:
    """Times (s, CLOCK_MONOTONIC): of arrivals at the far end, and of answers back at the near end."""

    sent: int
    there: list[float]
    back: list[float]

    def gap_there(self, after: float) -> float:
        """Milliseconds of the longest silence at the far end, looking from just before `after`."""
        return _gap(self.there, after)

    def gap_back(self, after: float) -> float:
        """Milliseconds of the longest silence of answers."""
        return _gap(self.back, after)

    @property
    def lost(self) -> int:
        """Packets never answered."""
        return self.sent - len(self.back)


def _gap(times: list[float], after: float) -> float:
    ordered = sorted(times)
    return max((later - earlier for earlier, later in pairwise(ordered) if later > after), default=float("inf")) * 1000


class Probe:
    """Sends from one namespace to an address in another until stopped."""

    def __init__(self, near: str, far: str, address: str, pace: float = 0.01) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lib.probe", near, far, address, str(pace)],
            cwd=BENCH,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.first: float | None = None
        """When the first answer came."""
        self.answered = threading.Event()
        self._text = ""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(b"first "):
                self.first = float(line.split()[1])
                self.answered.set()
            else:
                self._text = line.decode()

    def stop(self) -> Trace:
        """End it and learn what arrived."""
        self._process.terminate()
        self._process.wait(10)
        self._thread.join(10)
        return Trace(**json.loads(self._text))

    def close(self) -> None:
        """End it in any case."""
        netns.stop(self._process)


def _main() -> None:
    near, far, address, pace = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
    sender, echo = netns.udp(near, "0.0.0.0", 0), netns.udp(far, "0.0.0.0", PORT)
    ended = False

    def end(*_: object) -> None:
        nonlocal ended
        ended = True

    signal.signal(signal.SIGTERM, end)
    there: list[float] = []
    back: list[float] = []
    seen_there: set[int] = set()
    seen_back: set[int] = set()
    number, due = 0, time.monotonic()
    while not ended and os.getppid() != 1:
        now = time.monotonic()
        if now >= due:
            number += 1
            due += pace
            with contextlib.suppress(OSError):  # no route (yet, or any more): a lost packet
                sender.sendto(_PACKET.pack(number, now), (address, PORT))
        readable, _, _ = select.select([sender, echo], [], [], max(0.0, due - time.monotonic()))
        for one in readable:
            try:
                packet, source = one.recvfrom(100)
                arrived = time.monotonic()
                if one is echo:
                    echo.sendto(packet, source)
            except OSError:  # an ICMP error, or no route back: a lost packet
                continue
            which, seen = (there, seen_there) if one is echo else (back, seen_back)
            sequence = _PACKET.unpack(packet)[0]
            if sequence not in seen:
                seen.add(sequence)
                which.append(arrived)
                if one is sender and len(back) == 1:
                    print(f"first {arrived}", flush=True)
    print(json.dumps({"sent": number, "there": there, "back": back}), flush=True)


if __name__ == "__main__":
    _main()
