"""The bytes that leave the door's server: an answer in one piece, and in the order in which things happened."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from landbridge.api.aws.server import XmlH11Protocol, ec2_server_config

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"


@dataclass
class Wire:
    """A transport that notes what is done with it."""

    done: list[bytes | str] = field(default_factory=list)

    def write(self, data: bytes) -> None:
        assert "closed" not in self.done
        self.done.append(data)

    def write_eof(self) -> None:
        self.done.append("ended")

    def close(self) -> None:
        self.done.append("closed")

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return "closed" in self.done

    def get_extra_info(self, name: str) -> Any:
        return None

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(b"you said " + await Request(scope, receive).body())(scope, receive, send)


def seen(*pieces: bytes, app: ASGIApp = echo) -> list[bytes | str]:
    """What becomes of the wire when these pieces come in, each once the service has done all that it can do."""

    async def talk() -> list[bytes | str]:
        config = ec2_server_config(app)
        config.load()
        state = ServerState()
        protocol, wire = XmlH11Protocol(config=config, server_state=state, app_state={}), Wire()
        protocol.connection_made(cast(asyncio.Transport, wire))
        for piece in pieces:
            protocol.data_received(piece)
            for _ in range(20):
                await asyncio.sleep(0)
        done = list(wire.done)
        protocol.connection_lost(None)
        while state.tasks:
            await asyncio.sleep(0)
        return done

    return asyncio.run(talk())


def is_whole(answer: bytes | str, said: bytes) -> bool:
    assert isinstance(answer, bytes)
    return answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"\r\n\r\nyou said " + said)


def test_head_and_body_leave_together() -> None:
    (answer,) = seen(HEAD + b"\r\nfour")
    assert is_whole(answer, b"four")


def test_answers_leave_one_by_one() -> None:
    first, second = seen(HEAD + b"\r\nfour" + HEAD + b"\r\nfive")
    assert is_whole(first, b"four")
    assert is_whole(second, b"five")


def test_who_waits_for_a_continue_gets_it_at_once() -> None:
    (go_on,) = seen(HEAD + b"Expect: 100-continue\r\n\r\n")
    assert cast(bytes, go_on).startswith(b"HTTP/1.1 100 ")
    assert is_whole(seen(HEAD + b"Expect: 100-continue\r\n\r\n", b"four")[1], b"four")


def test_the_answer_leaves_before_the_connection_is_closed() -> None:
    answer, closed = seen(HEAD + b"Connection: close\r\n\r\nfour")
    assert is_whole(answer, b"four")
    assert closed == "closed"


def test_an_answer_that_breaks_off_is_sent_as_far_as_it_goes() -> None:
    async def breaks_off(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ConnectionError

    head, closed = seen(HEAD + b"\r\nfour", app=breaks_off)
    assert cast(bytes, head).startswith(b"HTTP/1.1 200 OK\r\n")
    assert closed == "closed"


def test_what_is_no_http_is_told_and_the_connection_ends() -> None:
    *document, ended = seen(b"\x16\x03\x01 hello\r\n\r\n")
    assert b"".join(cast(list[bytes], document)).startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert ended == "ended"
