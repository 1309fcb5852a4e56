"""The door: one POST or GET in, one document out, whatever happens in between.

A request is bounded, authenticated, routed to its service, parsed by the model and handed over as a `Call`; what comes
back is written by the model. Every failure on the way, a crash included, leaves as the error document that
clients can read.
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from landbridge.api.aws import form, sigv4
from landbridge.api.aws.errors import Ec2Error, from_domain, internal_error, invalid_action, not_built, outside_ec2
from landbridge.api.aws.model import EC2, IAM, MONITORING, STS, Service, service
from landbridge.api.aws.protocols import SMITHY, TARGET, Asked, Message, Spoken, spoken
from landbridge.model.errors import LandbridgeError
from landbridge.model.regions import REGIONS

log = structlog.get_logger(__name__)

_METHODS: Final = frozenset({"GET", "POST"})


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated, well-formed request. `params` has botocore's names and types and may hold secrets."""

    service: str
    action: str
    params: Mapping[str, Any] = field(repr=False)
    region: str
    access_key_id: str
    dry_run: bool
    request_id: str


Reply: TypeAlias = Mapping[str, Any]
Handle: TypeAlias = Callable[[Call], Awaitable[Reply]]


def ec2_app(
    handle: Handle,
    secret_of: sigv4.SecretOf,
    now: Callable[[], datetime],
    new_request_id: Callable[[], str],
    *,
    actions: Container[str],
) -> ASGIApp:
    """The endpoint of EC2, STS, IAM and CloudWatch as an ASGI app.

    `handle` answers a call with a dict by the output shape, or raises Ec2Error or LandbridgeError. `actions` are those
    it has: others that AWS has are refused with UnsupportedOperation, unknown ones with InvalidAction. The models of
    EC2 and STS are loaded here, so that the first request does not wait for them; the others' when somebody asks.
    """
    return _Door(handle, secret_of, now, new_request_id, actions, (service(EC2), service(STS)))


@dataclass(frozen=True, slots=True)
class _Door:
    handle: Handle
    secret_of: sigv4.SecretOf
    now: Callable[[], datetime]
    new_request_id: Callable[[], str]
    actions: Container[str]
    services: tuple[Service, Service]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # No router in between: it would answer other paths and methods in plain text.
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        request_id = self.new_request_id()
        wire = spoken(self._spoken_to(request), request.scope["path"], request.headers)
        try:
            asked, identity = await self._authenticated(request, wire)
            self._admit(wire.service, asked.action, identity)
            message = await self._call(wire, asked, identity, request_id)
        except Ec2Error as error:
            return _refusal(wire, error, request_id)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except Exception as crash:  # noqa: BLE001 - the last resort: clients cannot read anything but their protocol
            log.error("request crashed", request_id=request_id, crash=_without_values(crash))
            return _refusal(wire, internal_error(request_id), request_id)
        return _response(message, 200, request_id)

    def _spoken_to(self, request: Request) -> Service:
        """The service that the client signed for, not yet verified: it decides the form of refusals, too."""
        claimed = request.headers.get("authorization", "") + unquote(request.scope["query_string"].decode("latin-1"))
        if TARGET in request.headers or SMITHY in request.headers:
            return service(MONITORING)  # nobody else here speaks so, signed or not
        return service(next((name for name in (STS, IAM, MONITORING) if f"/{name}/aws4_request" in claimed), EC2))

    async def _authenticated(self, request: Request, wire: Spoken) -> tuple[Asked, sigv4.Identity]:
        path = request.scope["path"]
        if not wire.at(path) or request.scope.get("raw_path", path.encode()) != path.encode():
            raise Ec2Error(
                "InvalidRequest", "The EC2 API is at the path /. Set the endpoint to scheme, host and port.", 404
            )
        if request.method not in _METHODS:
            raise Ec2Error(
                "InvalidRequest", f"The method {request.method[:20]} is not supported: use POST or GET.", 405
            )
        form.check_headers(request, wire.kind)
        body = await form.read_body(request)
        query: bytes = request.scope["query_string"]
        signed = sigv4.SignedRequest(request.method, path.encode(), query, tuple(request.headers.raw), body)
        identity = sigv4.verify(signed, self.secret_of, self.now())
        return wire.asked(query, body), identity

    def _admit(self, to: Service, action: str, identity: sigv4.Identity) -> None:
        """Let the action through, if it can be had."""
        if not action:
            raise Ec2Error("MissingAction", "The request must contain the parameter Action")
        owner = next((candidate for candidate in (to, *self.services) if action in candidate), None)
        if owner is None:
            raise invalid_action(action)
        if not identity.service == to.name == owner.name:
            message = f"Credential should be scoped to correct service: '{owner.name}'."
            raise Ec2Error("SignatureDoesNotMatch", message, 403)
        if identity.region not in REGIONS:
            message = f"Credential should be scoped to a valid region, not '{identity.region}'."
            raise Ec2Error("SignatureDoesNotMatch", message, 403)
        if action not in self.actions:
            raise not_built(action)

    async def _call(self, wire: Spoken, asked: Asked, identity: sigv4.Identity, request_id: str) -> Message:
        params = wire.params(asked)
        dry_run = params.pop("DryRun", False)
        call = Call(
            wire.service.name, asked.action, params, identity.region, identity.access_key_id, dry_run, request_id
        )
        try:
            reply = await self.handle(call)
        except LandbridgeError as error:
            raise from_domain(error) from error
        return wire.answer(asked.action, reply, request_id)


def _refusal(wire: Spoken, error: Ec2Error, request_id: str) -> Response:
    told = error if wire.service.speaks_ec2 else outside_ec2(error)
    return _response(wire.refusal(told, request_id), told.status, request_id)


def _response(message: Message, status: int, request_id: str) -> Response:
    headers = {
        "content-type": message.kind,
        "x-amzn-requestid": request_id,
        "cache-control": "no-cache, no-store",  # answers carry pre-shared keys
        **message.headers,
    }
    return Response(message.body, status, headers)


def _without_values(crash: BaseException) -> list[str]:
    """Where it crashed and with which exceptions, outermost first. Their messages may quote a secret: left out."""
    lines: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = crash
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        lines.append(type(current).__qualname__)
        lines += [
            f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(current.__traceback__)
        ]
        current = current.__cause__ or current.__context__
    return lines
