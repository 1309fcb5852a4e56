"""The admin API's socket: only its owner may connect, and who connects is asked of the kernel once more."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import h11
import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from landbridge.model.errors import OperatorError

_CREDENTIALS: Final = struct.Struct("3i")
"""Linux's struct ucred: pid, uid, gid (unix(7), SO_PEERCRED)."""
_LONGEST_PATH: Final = 100
_MAX_HEADER_BYTES: Final = 16_384
_BACKLOG: Final = 64


class SocketInUse(OperatorError):
    """Somebody listens there already. The message says what to do."""


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """A name for the socket file that fits into a socket address (107 bytes), however long its path is."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def listen(path: Path) -> socket.socket:
    """A listening Unix socket with mode 0600 at this path. What a killed service left there is replaced.

    Call it with the state folder's lock held.

    Raises:
        SocketInUse: somebody answers there.
        OSError: the folder cannot be written.
    """
    with reachable(path) as address:
        probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with probe:
            try:
                probe.connect(address)
            except OSError:
                path.unlink(missing_ok=True)
            else:
                raise SocketInUse(f"Another service answers at {path}. Stop it, or name another folder with --state.")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # The file is private from its first moment: bind makes it with the modes of the socket itself.
            os.fchmod(listener.fileno(), 0o600)
            listener.bind(address)
            path.chmod(0o600)
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
    listener.setblocking(False)
    return listener


def peer_uid(connection: Any) -> int:
    """The user id of the process at the other end, as it was when it connected."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(raw)
    return int(uid)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    refusal = JSONResponse(
        {"error": "Only root and the service's own user may use the admin API.", "code": "Forbidden"}, 403
    )
    await refusal(scope, receive, send)


class AdminProtocol(H11Protocol):
    """uvicorn's HTTP protocol for connections of root and of the service's own user; JSON also for what is no HTTP."""

    allowed: frozenset[int] = frozenset({0, os.geteuid()})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Called by uvicorn for each connection."""
        super().connection_made(transport)
        if peer_uid(transport.get_extra_info("socket")) not in self.allowed:
            self.app = _refuse

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn when h11 cannot make sense of what was received; `msg` says so."""
        answer = JSONResponse({"error": msg, "code": "InvalidRequest"}, 400)
        for event in (
            h11.Response(status_code=400, headers=[*answer.raw_headers, (b"connection", b"close")]),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def admin_server_config(app: ASGIApp) -> uvicorn.Config:
    """uvicorn's configuration for the admin API; give `listen`'s socket to `Server.serve(sockets=[...])`.

    No access log: ids of access keys are in the paths.
    """
    return uvicorn.Config(
        app,
        http=AdminProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
    )
