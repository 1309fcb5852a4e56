"""Numbered packets through a tunnel, one way each: what was sent, and what of it arrived."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from networks import SLOW
from vpn import Side, Vpn

from landbridge.drivers.netlink.inside import inside

PORT = 7011
PAUSE = 1.0
"""Seconds without a packet after which nothing is on its way any more: ten round trips of the slow link."""
LOOK_EVERY = 0.02
EVERY = 0.005
"""Seconds between two packets of one direction."""


@dataclass
class Stream:
    """Numbered packets one way through the tunnel, and those that arrived."""

    sender: socket.socket
    receiver: socket.socket
    sent: int = 0
    arrived: set[int] = field(default_factory=set)

    def step(self) -> bool:
        """Take what has arrived; whether anything has."""
        before = len(self.arrived)
        with suppress(BlockingIOError):
            while True:
                self.arrived.add(struct.unpack("!Q", self.receiver.recv(64))[0])
        return len(self.arrived) > before

    def send(self) -> None:
        """The next packet."""
        self.sender.send(struct.pack("!Q", self.sent))
        self.sent += 1

    @property
    def lost(self) -> int:
        """How many did not arrive."""
        return self.sent - len(self.arrived)


def streams(vpn: Vpn) -> list[Stream]:
    """One in each direction, between the inside addresses."""

    def bound(side: Side, peer: Side) -> socket.socket:
        with inside(side.router):
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((str(side.inside), PORT))
        made.connect((str(peer.inside), PORT))
        made.setblocking(False)
        return made

    a, b = bound(vpn.a, vpn.b), bound(vpn.b, vpn.a)
    return [Stream(a, b), Stream(b, a)]


def drain(both: list[Stream]) -> None:
    """Take what is still on its way, until nothing has come for a while."""
    quiet = time.monotonic()
    while time.monotonic() < quiet + PAUSE * max(1.0, SLOW / 5):
        if [stream for stream in both if stream.step()]:
            quiet = time.monotonic()
        time.sleep(LOOK_EVERY)


@dataclass
class Sender:
    """Two hundred packets a second in each direction, on a thread of its own."""

    both: list[Stream]

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        start = time.monotonic()
        while not self._ended.wait(max(0.0, start + self.both[0].sent * EVERY - time.monotonic())):
            for stream in self.both:
                stream.send()
                stream.step()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """From now until the end of the block."""
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join()
