"""Run inside a namespace: answers HTTP with its name and who asked, and sends every UDP packet back.

`python responder.py NAME PORT`. It needs nothing but the standard library, so that it starts at once.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

_LONGEST_REQUEST = 65_536


class Echo(asyncio.DatagramProtocol):
    """Sends packets back where they came from."""

    _transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # asyncio's own is not declared as one

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(data, addr)


async def serve(name: str, port: int) -> None:
    """Answer until ended."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        target = request.split(b" ", 2)[1]
        body = f"{name} {writer.get_extra_info('peername')[0]} ".encode() + target + b"\n"
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    await asyncio.get_running_loop().create_datagram_endpoint(Echo, local_addr=("0.0.0.0", port))
    server = await asyncio.start_server(answer, "0.0.0.0", port, limit=_LONGEST_REQUEST)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
