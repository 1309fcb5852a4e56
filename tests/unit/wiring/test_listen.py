"""The EC2 door's socket answers without waiting for delayed acknowledgements."""

from __future__ import annotations

import asyncio
import socket

from landbridge.wiring.serve import _listen


def test_an_answer_in_several_segments_does_not_wait_for_the_clients_acknowledgement() -> None:
    async def scenario() -> int:
        seen: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with _listen("127.0.0.1", 0) as listener:
            server = await asyncio.start_server(accepted, sock=listener)
            async with server:
                _, writer = await asyncio.open_connection(*listener.getsockname())
                writer.close()
                return await asyncio.wait_for(seen, 5)

    assert asyncio.run(scenario()) == 1
