"""The admin API's client: what the command line, the demo and programs call. Answers are the API's JSON values."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Address
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import httpx

from landbridge.model.errors import LandbridgeError
from landbridge.model.resolver import Resolver

if TYPE_CHECKING:
    from landbridge.control.service import Control

Document = dict[str, Any]

_ANSWER_WITHIN: Final = 30.0
"""Seconds; a look at everything (`plan`) on a busy machine takes some."""
_LOOK_EVERY: Final = 0.05
_LONGEST_PATH: Final = 100


class AdminError(LandbridgeError):
    """What the service refused, or why it could not be asked. `code` is the refusal's name, such as `NotFound`."""

    def __init__(self, message: str, code: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class NotRunning(AdminError):
    """No service answers at this state folder."""


class AdminClient:
    """The service of one state folder. Use it as a context manager, or `close` it.

    Every method raises AdminError with a sentence that says what to do, NotRunning if there is no service.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        path = state.absolute() / "admin.sock"
        self._folder: int | None = None
        address = str(path)
        if len(os.fsencode(address)) > _LONGEST_PATH:  # a socket address has 107 bytes
            with contextlib.suppress(OSError):
                self._folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
                address = f"/proc/self/fd/{self._folder}/{path.name}"
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=address), base_url="http://landbridge", timeout=_ANSWER_WITHIN
        )

    @classmethod
    def offline(
        cls, control: Control, *, account: str, region: str, endpoint: Mapping[str, str] | None = None
    ) -> AdminClient:
        """A client of a state that this process holds itself: only credentials can be managed.

        `endpoint`: where the EC2 API was last.
        """
        from landbridge.api.admin.app import credentials_app  # a client of a running service does without the server

        app = credentials_app(control, account=account, region=region, endpoint=endpoint or {})
        client = cls.__new__(cls)
        client._state, client._folder = Path(), None
        client._http = httpx.Client(transport=InProcess(httpx.ASGITransport(app)), base_url="http://landbridge")
        return client

    def __enter__(self) -> AdminClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None

    def status(self) -> Document:
        """Everything at a glance."""
        return self._document("GET", "/v1/status")

    def why(self, name: str, tunnel: int | None = None) -> Document:
        """Why a connection's tunnels (None: both) are as they are, what to change, and what happened last."""
        query = "" if tunnel is None else f"?tunnel={tunnel:d}"
        return self._document("GET", f"/v1/why/{quote(name, safe='')}{query}")

    def logs(self, name: str, tunnel: int | None = None, *, bgp: bool = False) -> list[Document]:
        """Where the activity logs (or BGP logs) of a connection's tunnels are."""
        query = "&".join((*(() if tunnel is None else (f"tunnel={tunnel:d}",)), *(("bgp=yes",) if bgp else ())))
        return self._documents(f"/v1/logs/{quote(name, safe='')}?{query}")

    def plan(self) -> list[str]:
        """The steps that the loop would take now, as sentences; nothing is changed."""
        return list(self._document("GET", "/v1/plan")["steps"])

    def where(self, name: str) -> str:
        """The network namespace of an instance, gateway, endpoint, site or host."""
        return self.place(name)[0]

    def place(self, name: str) -> tuple[str, Resolver | None]:
        """That namespace, and what takes the place of the machine's resolv.conf there (None: nothing does)."""
        found = self._document("GET", f"/v1/where/{quote(name, safe='')}")
        told = found["resolver"]
        if told is None:
            return str(found["namespace"]), None
        return str(found["namespace"]), Resolver(tuple(told["search"]), tuple(map(IPv4Address, told["servers"])))

    def wait(self, revision: int | None = None, timeout: float = 30.0) -> Document:
        """Wait until everything is as the revision (None: the present one) wants it; `converged` says whether it is.

        `timeout` in seconds, at most 600.
        """
        body = {"revision": "now" if revision is None else revision, "timeout": timeout}
        return self._document("POST", "/v1/wait", body, timeout + _ANSWER_WITHIN)

    def set_vpn_connection(
        self, vpn_connection_id: str, *, clear_df: bool | None = None, force_udp: bool | None = None
    ) -> Document:
        """Choose how a connection carries packets; None leaves it as it is. `wait` for the answer's revision."""
        chosen = {"clear_df": clear_df, "force_udp": force_udp}
        return self._document("PATCH", f"/v1/vpn-connections/{quote(vpn_connection_id, safe='')}", chosen)

    def sites(self) -> list[Document]:
        """The lab's sites."""
        return self._documents("/v1/lab/sites")

    def site(self, name: str) -> Document:
        """One site."""
        return self._document("GET", f"/v1/lab/sites/{quote(name, safe='')}")

    def add_site(self, name: str, public_address: str, lan: str) -> Document:
        """Add a site; it is built in the background (`built`)."""
        return self._document("POST", "/v1/lab/sites", {"name": name, "public_address": public_address, "lan": lan})

    def remove_site(self, name: str) -> int:
        """Remove a site; answers the revision to `wait` for."""
        return int(self._document("DELETE", f"/v1/lab/sites/{quote(name, safe='')}")["revision"])

    def hosts(self) -> list[Document]:
        """The lab's Internet hosts."""
        return self._documents("/v1/lab/hosts")

    def host(self, name: str) -> Document:
        """One host."""
        return self._document("GET", f"/v1/lab/hosts/{quote(name, safe='')}")

    def add_host(self, name: str, address: str) -> Document:
        """Add a host; it is built in the background (`built`)."""
        return self._document("POST", "/v1/lab/hosts", {"name": name, "address": address})

    def remove_host(self, name: str) -> int:
        """Remove a host; answers the revision to `wait` for."""
        return int(self._document("DELETE", f"/v1/lab/hosts/{quote(name, safe='')}")["revision"])

    def built(self, read: Callable[[], Document], timeout: float = 30.0) -> Document:
        """Read (`lambda: client.site(name)`) until the answer's state is `available`; `timeout` in seconds.

        Raises:
            AdminError: it is not built in time; the message says what stands in the way.
        """
        end = time.monotonic() + timeout
        while True:
            found = read()
            if found["state"] == "available":
                return found
            if time.monotonic() >= end:
                faults = [f for f in self.status()["faults"] if f["resource"] == found["name"]]
                reason = faults[0]["message"] if faults else "`landbridge status` tells what the service is doing."
                raise AdminError(f"{found['name']} is not built after {timeout:g} s. {reason}", "NotBuilt")
            time.sleep(_LOOK_EVERY)

    def authority(self) -> str:
        """The certificate (PEM) of the authority of tunnels' certificates."""
        return str(self._document("POST", "/v1/authority")["certificate"])

    def certificates(self) -> list[Document]:
        """Devices' certificates of all accounts and regions."""
        return self._documents("/v1/certificates")

    def issue_certificate(
        self,
        csr: str,
        *,
        name: str | None = None,
        days: int | None = None,
        account: str | None = None,
        region: str | None = None,
    ) -> Document:
        """A device's certificate for the key of a request (PKCS #10, PEM): `arn`, and `certificate` in PEM."""
        given = {"csr": csr, "name": name, "days": days, "account": account, "region": region}
        return self._document("POST", "/v1/certificates", {k: v for k, v in given.items() if v is not None})

    def revoke_certificate(self, arn: str) -> Document:
        """Make a device's certificate worth nothing. `wait` for the answer's revision."""
        return self._document("POST", "/v1/certificates/revoke", {"arn": arn})

    def endpoint(self) -> Document:
        """Where the EC2 API is, or was last: `url`, and `ca_bundle`, a file to trust. Empty if it never was."""
        return self._document("GET", "/v1/endpoint")

    def credentials(self) -> list[Document]:
        """The access keys of all accounts, without their secrets."""
        return self._documents("/v1/credentials")

    def create_credentials(
        self,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        *,
        account: str | None = None,
        role: str | None = None,
    ) -> Document:
        """Make an access key; the answer is the only place that ever shows its secret.

        `account`: twelve digits, else the service's first account. `role`: admin (if not given), operator, read-only.
        """
        given = {
            "access_key_id": access_key_id,
            "secret_access_key": secret_access_key,
            "account": account,
            "role": role,
        }
        return self._document("POST", "/v1/credentials", {k: v for k, v in given.items() if v is not None})

    def delete_credentials(self, access_key_id: str) -> None:
        """Forget an access key."""
        self._document("DELETE", f"/v1/credentials/{quote(access_key_id, safe='')}")

    def _document(self, method: str, path: str, body: Document | None = None, within: float | None = None) -> Document:
        answer = self._ask(method, path, body, within)
        if not isinstance(answer, dict):
            raise AdminError(_NOT_UNDERSTOOD, "InvalidAnswer")
        return answer

    def _documents(self, path: str) -> list[Document]:
        answer = self._ask("GET", path, None, None)
        if not isinstance(answer, list):
            raise AdminError(_NOT_UNDERSTOOD, "InvalidAnswer")
        return answer

    def _ask(self, method: str, path: str, body: Document | None, within: float | None) -> Any:
        with self._explained():
            answer = self._http.request(method, path, json=body, timeout=within or _ANSWER_WITHIN)
        try:
            content = answer.json()
        except ValueError:
            raise AdminError(_NOT_UNDERSTOOD, "InvalidAnswer", answer.status_code) from None
        if answer.is_success:
            return content
        message = content.get("error") if isinstance(content, dict) else None
        if not isinstance(message, str):
            raise AdminError(_NOT_UNDERSTOOD, "InvalidAnswer", answer.status_code)
        raise AdminError(message, str(content.get("code", "")), answer.status_code)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectError as error:
            raise self._no_connection(error) from None
        except httpx.TimeoutException:
            raise AdminError(
                "The service did not answer in time. It may be overloaded: look at its log, then try again.", "Timeout"
            ) from None
        except httpx.TransportError as error:
            raise AdminError(
                f"The service ended the connection ({type(error).__name__}). See whether it still runs.", "Disconnected"
            ) from None

    def _no_connection(self, error: Exception) -> AdminError:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, PermissionError):
                return AdminError(
                    f"No permission for the service at {self._state}. Run this as root, or as the service's user.",
                    "Forbidden",
                )
            cause = cause.__cause__ or cause.__context__
        return NotRunning(
            f"No landbridge service runs at {self._state}. Start it with `landbridge serve --state {self._state}`, "
            "or name the folder of the one that runs with --state.",
            "NotRunning",
        )


_NOT_UNDERSTOOD: Final = "The service's answer is not understood: service and client are of different versions."


class InProcess(httpx.BaseTransport):
    """An ASGI app of this very process as a transport for calls that block."""

    def __init__(self, app: httpx.ASGITransport) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def call() -> httpx.Response:
            answer = await self._app.handle_async_request(
                httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
            )
            return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

        return asyncio.run(call())
