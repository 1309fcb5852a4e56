"""Unmodified boto3 before a door in the same process: what it sends goes into the ASGI app, what comes back is read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from starlette.types import ASGIApp, Message


class _Raw(BytesIO):
    def stream(self, amount: int = 1 << 16, **_: Any) -> Iterator[bytes]:
        while chunk := self.read(amount):
            yield chunk


def _sent(app: ASGIApp, loop: asyncio.AbstractEventLoop, request: AWSPreparedRequest) -> AWSResponse:
    url = urlsplit(request.url)
    body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
    headers = {"host": url.netloc, **{name.lower(): value for name, value in request.headers.items()}}
    scope = {
        "type": "http",
        "method": request.method,
        "path": url.path,
        "raw_path": url.path.encode(),
        "query_string": url.query.encode(),
        "headers": [
            (name.encode(), value if isinstance(value, bytes) else str(value).encode())
            for name, value in headers.items()
        ],
        "client": ("127.0.0.1", 50_000),
    }
    got: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        got.append(message)

    loop.run_until_complete(app(scope, receive, send))  # type: ignore[arg-type]
    start, *parts = got
    answered = {name.decode(): value.decode() for name, value in start["headers"]}
    return AWSResponse(request.url, start["status"], answered, _Raw(b"".join(p.get("body", b"") for p in parts)))


def client(app: ASGIApp, name: str, region: str, key: str, secret: str) -> Any:
    """A client of that service, whose requests go to the app."""
    loop = asyncio.new_event_loop()
    made = boto3.client(
        name,
        endpoint_url="http://127.0.0.1:8780",
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
    )
    made.meta.events.register("before-send", lambda request, **_: _sent(app, loop, request))
    return made
