"""Run inside a namespace: sends a UDP packet a hundred times a second to a responder, and writes down what comes back.

`python prober.py ADDRESS PORT` writes a line per event: `s NUMBER SECONDS` sent, `r NUMBER SECONDS` received, by the
machine's monotonic clock. It needs nothing but the standard library, so that it starts at once.
"""

from __future__ import annotations

import asyncio
import sys
import time

INTERVAL = 0.01


class Listener(asyncio.DatagramProtocol):
    """Notes answers. What the network refuses is no answer."""

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        note("r", int(data))

    def error_received(self, exc: Exception) -> None:
        pass


def note(what: str, number: int) -> None:
    """One event."""
    sys.stdout.write(f"{what} {number} {time.monotonic():.6f}\n")
    sys.stdout.flush()


async def probe(address: str, port: int) -> None:
    """Send until ended."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Listener, remote_addr=(address, port))
    started, number = loop.time(), 0
    while True:
        note("s", number)
        transport.sendto(str(number).encode())
        number += 1
        await asyncio.sleep(max(0.0, started + number * INTERVAL - loop.time()))


if __name__ == "__main__":
    asyncio.run(probe(sys.argv[1], int(sys.argv[2])))
