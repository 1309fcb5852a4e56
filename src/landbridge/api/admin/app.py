"""The admin API's door: JSON in, one command carried out or one question answered, JSON out, errors included.

The same commands, handlers and transactions as behind the EC2 API. Who may come in is the socket's business (`server`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import structlog
from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from landbridge.api.admin.authority import certificate_routes
from landbridge.api.admin.body import MAX_TEXT, BodyTooLarge, Fields
from landbridge.api.exposition import PATH, Expose, exposition
from landbridge.control.access_keys import CreateAccessKey, DeleteAccessKey
from landbridge.control.base import Command
from landbridge.control.lab import AddHost, AddSite, RemoveHost, RemoveSite
from landbridge.control.service import Control
from landbridge.control.vpn_connections import SetVpnConnection
from landbridge.model import errors
from landbridge.model.errors import LandbridgeError, NotFound, OperatorError, Unsupported
from landbridge.model.keys import AccessKey, Role
from landbridge.model.lab import LabHost, LabSite
from landbridge.model.secret import Secret
from landbridge.model.vpn import VpnConnection
from landbridge.observe.state import Observation
from landbridge.reconcile.diff import PlanError
from landbridge.views import status as views
from landbridge.views import where
from landbridge.views.logs import streams
from landbridge.views.why import why

log = structlog.get_logger(__name__)

LONGEST_WAIT: Final = 600.0
_SLICE: Final = 1.0
"""Seconds after which a wait looks whether its client is still there."""
_WAITERS: Final = 32

_STATUSES: Final[Mapping[type[Exception], int]] = {
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.WrongState: 409,
    errors.AddressInUse: 409,
    errors.Dependency: 409,
    errors.LimitExceeded: 409,
    errors.Unavailable: 503,
    BodyTooLarge: 413,
    OperatorError: 503,
    PlanError: 503,
}
"""Other refusals are 400."""

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminParts:
    """What the door needs. Commands are carried out for this account (unless they name one) and region.

    The callables may block: each is called in a thread of its own. `plan`: what the loop would do now, a sentence per
    step. `wait`: (revision, seconds) -> whether everything is as that revision wants it. `log_path`: the file of a log
    group's stream; empty where there is none.
    """

    control: Control
    account: str
    region: str
    facts: Callable[[], views.Facts]
    observation: Callable[[], Observation]
    plan: Callable[[], Sequence[str]]
    wait: Callable[[int, float], bool]
    expose: Expose
    log_path: Callable[[str, str], str] = lambda group, stream: ""


def admin_app(parts: AdminParts) -> ASGIApp:
    """The admin API of a running service as an ASGI app."""
    lab, service = _Lab(parts.control, parts.account, parts.region), _Service(parts)
    connections = _Connections(parts.control, parts.account, parts.region)
    return _app(
        *_key_routes(parts.control, parts.account, parts.region),
        Route("/v1/endpoint", _safely(service.endpoint), methods=["GET"]),
        Route("/v1/status", _safely(service.status), methods=["GET"]),
        Route("/v1/plan", _safely(service.plan), methods=["GET"]),
        Route(PATH, _safely(lambda request: exposition(request, parts.expose)), methods=["GET"]),
        Route("/v1/wait", _safely(service.wait), methods=["POST"]),
        Route("/v1/where/{name:path}", _safely(service.where), methods=["GET"]),
        Route("/v1/why/{name:path}", _safely(service.why), methods=["GET"]),
        Route("/v1/logs/{name:path}", _safely(service.logs), methods=["GET"]),
        Route("/v1/vpn-connections/{name}", _safely(connections.change), methods=["PATCH"]),
        *(
            Route(path, _safely(endpoint), methods=[method])
            for method, path, endpoint in certificate_routes(parts.control, parts.account, parts.region)
        ),
        Route("/v1/lab/sites", _safely(lab.sites), methods=["GET"]),
        Route("/v1/lab/sites", _safely(lab.add_site), methods=["POST"]),
        Route("/v1/lab/sites/{name}", _safely(lab.site), methods=["GET"]),
        Route("/v1/lab/sites/{name}", _safely(lab.remove_site), methods=["DELETE"]),
        Route("/v1/lab/hosts", _safely(lab.hosts), methods=["GET"]),
        Route("/v1/lab/hosts", _safely(lab.add_host), methods=["POST"]),
        Route("/v1/lab/hosts/{name}", _safely(lab.host), methods=["GET"]),
        Route("/v1/lab/hosts/{name}", _safely(lab.remove_host), methods=["DELETE"]),
    )


def credentials_app(
    control: Control, *, account: str, region: str, endpoint: Mapping[str, str] = MappingProxyType({})
) -> ASGIApp:
    """What is left of the admin API while the service is stopped and only its state is open.

    `endpoint`: where the EC2 API was last (`url`, `ca_bundle`), if it ever was.
    """

    async def last_endpoint(request: Request) -> Response:
        return JSONResponse(dict(endpoint))

    return _app(*_key_routes(control, account, region), Route("/v1/endpoint", _safely(last_endpoint), methods=["GET"]))


def _key_routes(control: Control, account: str, region: str) -> tuple[Route, ...]:
    keys = _Keys(control, account, region)
    return (
        Route("/v1/credentials", _safely(keys.list), methods=["GET"]),
        Route("/v1/credentials", _safely(keys.create), methods=["POST"]),
        Route("/v1/credentials/{name}", _safely(keys.delete), methods=["DELETE"]),
    )


def _app(*routes: Route) -> ASGIApp:
    app = Starlette(routes=routes, exception_handlers={HTTPException: _no_route})
    app.router.redirect_slashes = False
    return app


@dataclass(frozen=True, slots=True)
class _Commands:
    control: Control
    account: str
    region: str

    async def _execute(self, command: Command, account: str | None = None) -> Any:
        of = account or self.account
        return await to_thread.run_sync(lambda: self.control.execute(command, account=of, region=self.region))

    def _removed(self) -> Response:
        return JSONResponse({"revision": self.control.snapshot.revision})


class _Keys(_Commands):
    """Keys of all accounts: who may come in here is the machine's administrator."""

    async def list(self, request: Request) -> Response:
        return JSONResponse([_key(key) for key in self.control.snapshot.all(AccessKey)])

    async def create(self, request: Request) -> Response:
        """The one answer that holds a secret."""
        fields = await Fields.of(request)
        account = fields.optional_text("account")
        role = fields.choice("role", Role, Role.ADMIN)
        key_id, secret = fields.optional_text("access_key_id"), fields.optional_text("secret_access_key")
        fields.done()
        command = CreateAccessKey(key_id, None if secret is None else Secret(secret), role)
        key: AccessKey = await self._execute(command, account)
        return JSONResponse({**_key(key), "secret_access_key": key.secret.reveal()}, 201, {"cache-control": "no-store"})

    async def delete(self, request: Request) -> Response:
        name = request.path_params["name"]
        found = self.control.snapshot.get(AccessKey, name)
        await self._execute(DeleteAccessKey(name), found.account if found else None)
        return self._removed()


class _Connections(_Commands):
    async def change(self, request: Request) -> Response:
        """What EC2's API has no words for."""
        fields = await Fields.of(request)
        clear_df, force_udp = fields.optional_flag("clear_df"), fields.optional_flag("force_udp")
        fields.done()
        found: VpnConnection = await self._execute(
            SetVpnConnection(request.path_params["name"][:MAX_TEXT], clear_df=clear_df, force_udp=force_udp)
        )
        revision = self.control.snapshot.revision
        return JSONResponse({**views.data_path(found), "id": found.id, "revision": revision})


class _Lab(_Commands):
    async def sites(self, request: Request) -> Response:
        return JSONResponse([views.site(site) for site in self.control.snapshot.all(LabSite)])

    async def site(self, request: Request) -> Response:
        found = self.control.snapshot.get(LabSite, request.path_params["name"])
        if found is None:
            raise NotFound("site", request.path_params["name"][:40])
        return JSONResponse(views.site(found))

    async def add_site(self, request: Request) -> Response:
        fields = await Fields.of(request)
        command = AddSite(fields.text("name"), fields.address("public_address"), fields.network("lan"))
        fields.done()
        return JSONResponse(views.site(await self._execute(command)), 201)

    async def remove_site(self, request: Request) -> Response:
        await self._execute(RemoveSite(request.path_params["name"]))
        return self._removed()

    async def hosts(self, request: Request) -> Response:
        return JSONResponse([views.host(host) for host in self.control.snapshot.all(LabHost)])

    async def host(self, request: Request) -> Response:
        found = self.control.snapshot.get(LabHost, request.path_params["name"])
        if found is None:
            raise NotFound("host", request.path_params["name"][:40])
        return JSONResponse(views.host(found))

    async def add_host(self, request: Request) -> Response:
        fields = await Fields.of(request)
        command = AddHost(fields.text("name"), fields.address("address"))
        fields.done()
        return JSONResponse(views.host(await self._execute(command)), 201)

    async def remove_host(self, request: Request) -> Response:
        await self._execute(RemoveHost(request.path_params["name"]))
        return self._removed()


class _Service:
    def __init__(self, parts: AdminParts) -> None:
        self._control = parts.control
        self._parts = parts
        self._waiters = CapacityLimiter(_WAITERS)  # not the common threads, which everybody else needs

    async def status(self, request: Request) -> Response:
        def document() -> views.Document:
            snapshot = self._control.snapshot
            return views.status(snapshot, self._parts.observation(), self._parts.facts())

        return JSONResponse(await to_thread.run_sync(document))

    async def endpoint(self, request: Request) -> Response:
        facts = await to_thread.run_sync(self._parts.facts)
        return JSONResponse({"url": facts.url, "ca_bundle": facts.ca_bundle})

    async def plan(self, request: Request) -> Response:
        steps = await to_thread.run_sync(self._parts.plan)
        return JSONResponse({"revision": self._control.snapshot.revision, "steps": list(steps)})

    async def why(self, request: Request) -> Response:
        name, number = request.path_params["name"][:255], _tunnel(request)

        def document() -> views.Document:
            observation = self._parts.observation()
            return why(self._control.snapshot, observation, name, number)

        return JSONResponse(await to_thread.run_sync(document))

    async def logs(self, request: Request) -> Response:
        name, number, bgp = request.path_params["name"][:255], _tunnel(request), "bgp" in request.query_params
        return JSONResponse(streams(self._control.snapshot, name, number, bgp=bgp, path=self._parts.log_path))

    async def where(self, request: Request) -> Response:
        facts = await to_thread.run_sync(self._parts.facts)
        if not facts.builds:
            raise Unsupported("There is nothing to enter: the service runs with --data-plane none.")
        place = where.find(request.path_params["name"][:255], self._control.snapshot, facts.names)
        return JSONResponse({"name": place.name, "kind": place.kind, "namespace": place.namespace, **_told(place)})

    async def wait(self, request: Request) -> Response:
        fields = await Fields.of(request)
        revision = fields.revision("revision", self._control.snapshot.revision)
        left = fields.seconds("timeout", default=30.0, longest=LONGEST_WAIT)
        fields.done()
        while True:
            pause = min(left, _SLICE)
            left -= pause
            converged = await to_thread.run_sync(self._parts.wait, revision, pause, limiter=self._waiters)
            if converged or left <= 0 or await request.is_disconnected():
                break
        faults = [] if converged else views.faults(await to_thread.run_sync(self._parts.observation))
        return JSONResponse({"revision": revision, "converged": converged, "faults": faults})


def _tunnel(request: Request) -> int | None:
    number = request.query_params.get("tunnel")
    if number not in (None, "1", "2"):
        raise errors.Invalid("tunnel", "A connection's tunnels are 1 and 2.")
    return None if number is None else int(number)


def _told(place: where.Place) -> dict[str, Any]:
    """What programs at the place are told about name resolution, if it is not what the machine's are told."""
    if place.resolver is None:
        return {"resolver": None}
    return {"resolver": {"search": place.resolver.search, "servers": [str(s) for s in place.resolver.servers]}}


def _key(key: AccessKey) -> dict[str, str]:
    return {
        "access_key_id": key.id,
        "account": key.account,
        "role": str(key.role),
        "created": views.timestamp(key.created),
    }


def _safely(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with every failure as an answer that clients can read."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except (LandbridgeError, OperatorError, PlanError) as error:
            return _error(str(error), type(error).__name__, _status_of(error))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except Exception as crash:  # noqa: BLE001 - the last resort; the message may quote a secret, so it is left out
            log.error("admin request crashed", path=request.url.path, crash=_places(crash))
            return _error(
                f"The service failed in a way it does not foresee ({type(crash).__name__}); its log says where.",
                "InternalError",
                500,
            )

    return answer


def _status_of(error: Exception) -> int:
    return next((_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES), 400)


def _no_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        return _error(f"{request.method[:20]} is not possible at {request.url.path[:100]}.", "MethodNotAllowed", status)
    return _error(f"The admin API has nothing at {request.url.path[:100]}.", "NoSuchPath", status)


def _error(message: str, code: str, status: int) -> Response:
    return JSONResponse({"error": message, "code": code}, status)


def _places(crash: BaseException) -> list[str]:
    lines: list[str] = []
    trace = crash.__traceback__
    while trace is not None:
        lines.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
        trace = trace.tb_next
    return [type(crash).__qualname__, *lines]
