"""uvicorn, set up so that nothing below the app answers an EC2 client in a language that it cannot read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast
from uuid import uuid4

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from landbridge.api.aws.errors import error_xml
from landbridge.api.aws.form import MAX_HEADER_BYTES

_KEEP_ALIVE_SECONDS: Final = 75
_LINGER_SECONDS: Final = 5


class _WholeAnswers:
    """A transport that sends an answer's head and body together.

    A client that is told the head alone is woken for nothing, and on a busy machine takes the processor from the
    service before it has sent the rest.
    """

    def __init__(self, transport: asyncio.Transport, answering: Callable[[], bool]) -> None:
        self._transport = transport
        self._answering = answering
        self._held: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send it, unless the rest of an answer is still to come."""
        if data:
            self._held.append(data)
        if not self._answering():
            self._send()

    def close(self) -> None:
        """Once everything is sent."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._held:
            held, self._held = b"".join(self._held), []
            self._transport.write(held)


class XmlH11Protocol(H11Protocol):
    """uvicorn's HTTP protocol, except that bytes which are no HTTP get EC2's error document instead of plain text."""

    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by asyncio."""
        super().connection_made(cast(asyncio.Transport, _WholeAnswers(transport, self._answering)))

    def _answering(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and cycle.response_started and not cycle.response_complete

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn when h11 cannot make sense of what was received; `msg` says so."""
        self._refused = True
        self._unset_keepalive_if_required()
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is not None and not cycle.response_complete:
            # The request has begun, and its body broke off: what reads it shall not wait, nor answer a second time.
            cycle.disconnected = True
            cycle.message_event.set()
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()  # this request has its answer
            return
        document = error_xml("InvalidRequest", msg, str(uuid4()))
        headers = [("content-type", "text/xml;charset=UTF-8"), ("connection", "close")]
        headers.append(("content-length", str(len(document))))
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=document),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self._linger()

    def data_received(self, data: bytes) -> None:
        """What comes after a refusal is read and dropped."""
        if not self._refused:
            super().data_received(data)

    def _linger(self) -> None:
        """Closed at once, with something left to read, the connection would be reset and the answer lost."""
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.loop.call_later(_LINGER_SECONDS, self.transport.close)
        else:
            self.transport.close()


def ec2_server_config(app: ASGIApp, **where: Any) -> uvicorn.Config:
    """uvicorn's configuration for the EC2 door; `where` is what its `Config` takes: host and port, fd, ssl_certfile...

    No access log: a presigned URL is a credential. No websockets, no Server header, headers bounded.
    """
    return uvicorn.Config(
        app,
        http=XmlH11Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=2 * MAX_HEADER_BYTES,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        **where,
    )
