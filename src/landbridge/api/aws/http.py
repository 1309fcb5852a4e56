"""The door: one POST or GET on `/` in, one XML document out, whatever happens in between.

A request is bounded, authenticated, routed to its service, parsed by the model and handed over as a `Call`; what comes
back is written by the model. Every failure on the way, a crash included, leaves as the error document that
clients can read.
"""

from __future__ import annotations

import re
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
from landbridge.api.aws.errors import (
    Ec2Error,
    error_xml,
    from_domain,
    internal_error,
    invalid_action,
    not_built,
    query_error_xml,
)
from landbridge.api.aws.model import EC2, IAM, STS, Service, service
from landbridge.api.aws.parse import parse
from landbridge.api.aws.serialize import serialize
from landbridge.model.errors import LandbridgeError
from landbridge.model.regions import REGIONS

log = structlog.get_logger(__name__)

_ENVELOPE: Final = frozenset({"Action", "Version"})
_VERSION: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
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
    """The endpoint of EC2, STS and IAM as an ASGI app.

    `handle` answers a call with a dict by the output shape, or raises Ec2Error or LandbridgeError. `actions` are those
    it has: others that AWS has are refused with UnsupportedOperation, unknown ones with InvalidAction. The models of
    EC2 and STS are loaded here, so that the first request does not wait for them; IAM's when somebody asks for it.
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
        spoken = self._spoken_to(request)
        try:
            parameters, identity = await self._authenticated(request)
            action = self._admitted(spoken, parameters, identity)
            document = await self._call(spoken, action, parameters, identity, request_id)
        except Ec2Error as error:
            return _refusal(spoken, error, request_id)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except Exception as crash:  # noqa: BLE001 - the last resort: clients cannot read anything but EC2's own XML
            log.error("request crashed", request_id=request_id, crash=_without_values(crash))
            return _refusal(spoken, internal_error(request_id), request_id)
        return _xml(document, 200, request_id)

    def _spoken_to(self, request: Request) -> Service:
        """The service that the client signed for, not yet verified: it decides the form of refusals, too."""
        claimed = request.headers.get("authorization", "") + unquote(request.scope["query_string"].decode("latin-1"))
        return service(next((name for name in (STS, IAM) if f"/{name}/aws4_request" in claimed), EC2))

    async def _authenticated(self, request: Request) -> tuple[dict[str, str], sigv4.Identity]:
        if request.scope["path"] != "/" or request.scope.get("raw_path", b"/") != b"/":
            raise Ec2Error(
                "InvalidRequest", "The EC2 API is at the path /. Set the endpoint to scheme, host and port.", 404
            )
        if request.method not in _METHODS:
            raise Ec2Error(
                "InvalidRequest", f"The method {request.method[:20]} is not supported: use POST or GET.", 405
            )
        form.check_headers(request)
        body = await form.read_body(request)
        query: bytes = request.scope["query_string"]
        signed = sigv4.SignedRequest(request.method, b"/", query, tuple(request.headers.raw), body)
        identity = sigv4.verify(signed, self.secret_of, self.now())
        return form.decode(query, body), identity

    def _admitted(self, spoken: Service, parameters: Mapping[str, str], identity: sigv4.Identity) -> str:
        """The action, if it can be had. The version is checked for its form only: EC2 answers old ones alike."""
        action = parameters.get("Action", "")
        if not action:
            raise Ec2Error("MissingAction", "The request must contain the parameter Action")
        version = parameters.get("Version", "")
        if version and _VERSION.fullmatch(version) is None:
            raise Ec2Error("NoSuchVersion", f"The requested version ({version[:40]}) does not exist.")
        owner = next((candidate for candidate in (spoken, *self.services) if action in candidate), None)
        if owner is None:
            raise invalid_action(action)
        if not identity.service == spoken.name == owner.name:
            message = f"Credential should be scoped to correct service: '{owner.name}'."
            raise Ec2Error("SignatureDoesNotMatch", message, 403)
        if identity.region not in REGIONS:
            message = f"Credential should be scoped to a valid region, not '{identity.region}'."
            raise Ec2Error("SignatureDoesNotMatch", message, 403)
        if action not in self.actions:
            raise not_built(action)
        return action

    async def _call(
        self,
        spoken: Service,
        action: str,
        parameters: Mapping[str, str],
        identity: sigv4.Identity,
        request_id: str,
    ) -> bytes:
        own = {
            name: value for name, value in parameters.items() if name not in _ENVELOPE and name not in sigv4.QUERY_NAMES
        }
        params = parse(action, own, service_name=spoken.name)
        dry_run = params.pop("DryRun", False)
        call = Call(spoken.name, action, params, identity.region, identity.access_key_id, dry_run, request_id)
        try:
            reply = await self.handle(call)
        except LandbridgeError as error:
            raise from_domain(error) from error
        return serialize(action, reply, request_id, service_name=spoken.name)


def _refusal(spoken: Service, error: Ec2Error, request_id: str) -> Response:
    if spoken.speaks_ec2:
        return _xml(error_xml(error.code, error.message, request_id), error.status, request_id)
    return _xml(query_error_xml(spoken.namespace, error, request_id), error.status, request_id)


def _xml(document: bytes, status: int, request_id: str) -> Response:
    headers = {
        "content-type": "text/xml;charset=UTF-8",
        "x-amzn-requestid": request_id,
        "cache-control": "no-cache, no-store",  # answers carry pre-shared keys
    }
    return Response(document, status, headers)


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
