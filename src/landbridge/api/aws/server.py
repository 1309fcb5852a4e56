"""uvicorn, set up so that nothing below the app answers an EC2 client in a language that it cannot read."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from landbridge.api.aws.errors import error_xml
from landbridge.api.aws.form import MAX_HEADER_BYTES

_KEEP_ALIVE_SECONDS: Final = 75


class XmlH11Protocol(H11Protocol):
    """uvicorn's HTTP protocol, except that bytes which are no HTTP get EC2's error document instead of plain text."""

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn when h11 cannot make sense of what was received; `msg` says so."""
        document = error_xml("InvalidRequest", msg, str(uuid4()))
        headers = [("content-type", "text/xml;charset=UTF-8"), ("connection", "close")]
        headers.append(("content-length", str(len(document))))
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=document),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
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
