"""The whole door in one process and without sockets: HTTP in ASGI's form goes in, the answer comes out.

Everything is real but the network and the disk: bounds, signature, parsing, actions, decisions, errors, XML.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from starlette.types import Message
from support import ACCOUNT, REGION, Cloud
from wire_values import EC2

from landbridge.api.aws.ec2.actions import ACTIONS, carry_out
from landbridge.api.aws.ec2.door import Desk, DryRunSucceeded
from landbridge.api.aws.errors import dry_run
from landbridge.api.aws.http import Call, Reply, ec2_app
from landbridge.model.secret import Secret
from landbridge.observe.state import Observation

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
HOST = "127.0.0.1:8000"
FORM = "application/x-www-form-urlencoded; charset=utf-8"
XML = "text/xml;charset=UTF-8"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def error(self) -> tuple[str, str]:
        """Code and message; ("", "") of an answer that is none. An error has exactly EC2's form, or this fails."""
        assert self.headers["content-type"] == XML
        root = ElementTree.fromstring(self.body)
        if self.status == 200:
            assert root.tag.endswith("Response")
            assert root.tag != "Response"
            return "", ""
        assert root.tag == "Response"
        assert [child.tag for child in root] == ["Errors", "RequestID"]
        [error] = root[0]
        assert [child.tag for child in error] == ["Code", "Message"]
        assert root[1].text
        return error[0].text or "", error[1].text or ""

    @property
    def code(self) -> str:
        """The error's code; "" of an answer that is none."""
        return self.error[0]


class Door:
    """The door of one cloud in memory."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._loop = _loop()
        self._app = ec2_app(
            self._handle,
            lambda key: Secret(SECRET) if key == KEY else None,
            lambda: datetime.now(UTC),
            lambda: "request-1",
            actions={*ACTIONS, "GetCallerIdentity"},
        )

    async def _handle(self, call: Call) -> Reply:
        if call.action == "GetCallerIdentity":
            return {"Account": ACCOUNT, "UserId": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root"}
        desk = Desk(self.cloud.control, Observation, ACCOUNT, call.region, call.dry_run)
        try:
            return carry_out(desk, call.action, call.params)
        except DryRunSucceeded:
            raise dry_run() from None

    def send(
        self,
        method: str = "POST",
        path: str = "/",
        query: bytes = b"",
        headers: Iterable[tuple[bytes, bytes]] = (),
        chunks: Iterable[bytes | None] = (b"",),
    ) -> Answer:
        """Send exactly this. A chunk that is None is a client that goes away."""
        parts = list(chunks)
        sent: list[Message] = []

        async def receive() -> Message:
            part = parts.pop(0) if parts else None
            if part is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": list(headers)}
        self._loop.run_until_complete(self._app(scope, receive, send))  # type: ignore[arg-type]
        start, *bodies = sent
        got = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
        return Answer(start["status"], got, b"".join(body.get("body", b"") for body in bodies))

    def post(self, body: bytes, *, region: str = REGION, **headers: str) -> Answer:
        """Send a body as POST, correctly signed. `headers` by their names with underscores."""
        given = {"Content-Type": FORM, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.send(headers=signed(body, given, region=region), chunks=[body])

    def get(self, parameters: Mapping[str, str]) -> Answer:
        """Send parameters in the query of a presigned GET."""
        request = AWSRequest("GET", f"http://{HOST}/?{urlencode(parameters, quote_via=quote)}")
        SigV4QueryAuth(Credentials(KEY, SECRET), "ec2", REGION).add_auth(request)
        url = request.prepare().url
        return self.send("GET", query=url.partition("?")[2].encode(), headers=[(b"host", HOST.encode())])

    def form(self, action: str, parameters: Mapping[str, str], *, region: str = REGION) -> Answer:
        """Send an action with parameters in the form that they have on the wire."""
        body = urlencode({"Action": action, "Version": EC2.api_version, **parameters})
        return self.post(body.encode(), region=region)

    def __call__(self, action: str, **arguments: Any) -> Answer:
        """Send what botocore makes of the arguments, without its own validation."""
        return self.form(action, written(action, arguments))


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def signed(body: bytes, headers: Mapping[str, str], *, region: str = REGION) -> list[tuple[bytes, bytes]]:
    """The headers of a POST with that body, signed."""
    request = AWSRequest("POST", f"http://{HOST}/", dict(headers), body)
    SigV4Auth(Credentials(KEY, SECRET), "ec2", region).add_auth(request)
    given = {"host": HOST, "content-length": str(len(body)), **dict(request.headers)}
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in given.items()]


def written(action: str, arguments: Mapping[str, Any]) -> dict[str, str]:
    """The parameters that botocore sends for these arguments, without Action and Version."""
    operation = EC2.operation_model(action)
    body = create_serializer("ec2", include_validation=False).serialize_to_request(arguments, operation)["body"]
    return {name: str(value) for name, value in body.items() if name not in ("Action", "Version")}


def read(action: str, answer: Answer) -> dict[str, Any]:
    """What botocore reads in an answer."""
    response = {"body": answer.body, "headers": answer.headers, "status_code": answer.status}
    parsed: dict[str, Any] = create_parser("ec2").parse(response, EC2.operation_model(action).output_shape)
    return parsed
