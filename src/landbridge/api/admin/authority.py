"""The authority of tunnels' certificates at the admin API: shown, asked for certificates, told to revoke one.

Private keys neither come here nor leave here: devices' are made where they are used, and requests bear the public half.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from landbridge.api.admin.body import Fields
from landbridge.control.access_keys import check_account
from landbridge.control.base import Command
from landbridge.control.certificates import IssueDeviceCertificate, MakeAuthority, RevokeDeviceCertificate
from landbridge.control.service import Control
from landbridge.model.certificates import DEFAULT_DAYS, MAX_REQUEST, Authority, DeviceCertificate
from landbridge.model.errors import Invalid
from landbridge.model.regions import REGIONS
from landbridge.views import status as views

Endpoint = Callable[[Request], Awaitable[Response]]


def certificate_routes(control: Control, account: str, region: str) -> Sequence[tuple[str, str, Endpoint]]:
    """Method, path and endpoint of each. Certificates are of this account and region unless others are named."""
    here = _Certificates(control, account, region)
    return (
        ("POST", "/v1/authority", here.authority),
        ("GET", "/v1/certificates", here.list),
        ("POST", "/v1/certificates", here.issue),
        ("POST", "/v1/certificates/revoke", here.revoke),
    )


class _Certificates:
    def __init__(self, control: Control, account: str, region: str) -> None:
        self._control = control
        self._account = account
        self._region = region

    async def _execute(self, command: Command, account: str | None = None, region: str | None = None) -> Any:
        whose, where = account or self._account, region or self._region
        return await to_thread.run_sync(lambda: self._control.execute(command, account=whose, region=where))

    async def authority(self, request: Request) -> Response:
        """Its certificate. It is made when somebody asks for it first."""
        (await Fields.of(request)).done()
        found: Authority = await self._execute(MakeAuthority())
        return JSONResponse({"certificate": found.certificate})

    async def list(self, request: Request) -> Response:
        """Of all accounts and regions."""
        return JSONResponse([views.certificate(each) for each in self._control.snapshot.all(DeviceCertificate)])

    async def issue(self, request: Request) -> Response:
        fields = await Fields.of(request)
        command = IssueDeviceCertificate(
            fields.long_text("csr", MAX_REQUEST),
            fields.optional_text("name"),
            fields.optional_number("days", DEFAULT_DAYS),
        )
        account, region = fields.optional_text("account"), fields.optional_text("region")
        fields.done()
        if account is not None:
            check_account(account, "account")
        if region is not None and region not in REGIONS:
            raise Invalid("region", f"'{region[:40]}' is none of AWS's regions, such as eu-central-1.")
        made: DeviceCertificate = await self._execute(command, account, region)
        return JSONResponse({**views.certificate(made), "certificate": made.certificate}, 201)

    async def revoke(self, request: Request) -> Response:
        fields = await Fields.of(request)
        command = RevokeDeviceCertificate(fields.text("arn"))
        fields.done()
        revoked: DeviceCertificate = await self._execute(command)
        revision = self._control.snapshot.revision
        return JSONResponse({**views.certificate(revoked), "revision": revision})
