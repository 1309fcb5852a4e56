"""`landbridge serve`: both doors, the loop and the observer of one state folder, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from typing import Any, Final
from uuid import uuid4

import structlog
import uvicorn

import landbridge
from landbridge.api.admin.app import AdminParts, admin_app
from landbridge.api.admin.server import admin_server_config, listen
from landbridge.api.aws.ec2.actions import ACTIONS
from landbridge.api.aws.ec2.door import Desk, DryRunSucceeded
from landbridge.api.aws.errors import dry_run
from landbridge.api.aws.http import Call, Reply, ec2_app
from landbridge.api.aws.server import ec2_server_config
from landbridge.control.access_keys import CreateAccessKey
from landbridge.control.base import LAB_POOLS, PLAIN_POOLS
from landbridge.control.lifecycle import Expire
from landbridge.control.service import Control
from landbridge.desired.host import Settings
from landbridge.desired.names import Names
from landbridge.desired.objects import Bfd, DataPlane
from landbridge.drivers.probe import choose
from landbridge.model.errors import OperatorError
from landbridge.model.options import DataPlaneChoice, ServeOptions
from landbridge.model.resources import AccessKey
from landbridge.model.secret import Secret
from landbridge.observe.state import Observation
from landbridge.store.folder import Folder
from landbridge.views.status import Facts
from landbridge.wiring.ears import Ears
from landbridge.wiring.errands import regularly
from landbridge.wiring.host import host
from landbridge.wiring.loop import ServiceLoop
from landbridge.wiring.observer import Observer
from landbridge.wiring.state import ACCOUNT, REGION, control_of
from landbridge.wiring.world import log_to, now

log = structlog.get_logger(__name__)

BFD_MULTIPLIER: Final = 3
EXPIRE_EVERY: Final = 60.0
LOOK_EVERY: Final = 5.0
GET_CALLER_IDENTITY: Final = "GetCallerIdentity"


class CannotServe(OperatorError):
    """The service cannot start. The message says what to do."""


def serve(options: ServeOptions) -> None:
    """Serve until SIGTERM or SIGINT. What was built stays.

    Raises:
        CannotServe, CannotRun, FolderError, StoreError: it cannot start; nothing was built.
    """
    log_to()
    builds = options.data_plane is not DataPlaneChoice.NONE
    choice = choose(options.data_plane.value) if builds else None
    folder = Folder(options.state)
    folder.lock()
    listener = _listen(options.host, options.port)
    control = control_of(folder, pools=LAB_POOLS if options.lab else PLAIN_POOLS, builds=builds)
    _first_credentials(folder, control)
    service = _Service(folder, options, control, choice.data_plane if choice else None, choice.why if choice else "")
    asyncio.run(service.run(listener))


def _listen(host_name: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host_name else socket.AF_INET
    # With the protocol spelled out asyncio turns Nagle's algorithm off; else an answer in two segments waits 40 ms for
    # the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host_name, port))
    except OSError as error:
        listener.close()
        raise CannotServe(
            f"Cannot listen on {host_name}:{port} ({error.strerror}). "
            "Stop what listens there, or choose another address with --listen HOST:PORT."
        ) from None
    listener.listen(128)
    return listener


def _first_credentials(folder: Folder, control: Control) -> None:
    if any(control.snapshot.all(AccessKey)) or folder.credentials.exists():
        return
    key = control.execute(CreateAccessKey(), account=ACCOUNT, region=REGION)
    folder.write_private(
        folder.credentials,
        f"[default]\naws_access_key_id = {key.id}\naws_secret_access_key = {key.secret.reveal()}\n",
    )


class _Server(uvicorn.Server):
    """A server that leaves signals to the service, which has two of them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Service:
    def __init__(
        self, folder: Folder, options: ServeOptions, control: Control, data_plane: DataPlane | None, why: str
    ) -> None:
        self._folder = folder
        self._options = options
        self._control = control
        self._why = why
        self._data_plane = data_plane
        self._names = Names(folder.instance)
        self._url = ""
        self._loop: ServiceLoop | None = None
        self._observer: Observer | None = None
        self._ears: Ears | None = None
        if data_plane is None:
            return
        bfd = Bfd(interval=options.bfd_interval, multiplier=BFD_MULTIPLIER) if options.bfd_interval else None
        pools = LAB_POOLS if options.lab else PLAIN_POOLS
        self._ears = ears = Ears(wake=lambda name: loop.reconciler.wake(name), news=lambda: observer.news())
        self._observer = observer = Observer(self._names, control, ears, on_health=lambda: loop.reconciler.wake())
        machine = host(folder, wake=ears.wake, on_ike=ears.on_ike)
        self._followed = machine.bird.followed
        settings = Settings(self._names, pools, data_plane, bfd, options.uplink_mtu)
        self._loop = loop = ServiceLoop(control, machine, settings, observer.health)
        ears.start(machine)

    async def run(self, listener: socket.socket) -> None:
        name, port = listener.getsockname()[:2]
        self._url = f"http://{f'[{name}]' if ':' in name else name}:{port}"
        public = _Server(ec2_server_config(self._ec2()))
        admin = _Server(admin_server_config(self._admin()))
        servers = (public, admin)
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(public.serve(sockets=[listener]))
            tasks.create_task(admin.serve(sockets=[listen(self._folder.socket)]))
            background = tasks.create_task(self._background())
            await stopping.wait()
            for server in servers:
                server.should_exit = True
            background.cancel()
        self._folder.socket.unlink(missing_ok=True)
        if self._loop is not None and self._ears is not None:
            await asyncio.to_thread(self._loop.reconciler.stop, 30)
            self._loop.looked.set()  # a thread may still wait for the first pass, and keep the process from ending
            self._ears.close()

    async def _background(self) -> None:
        if self._loop is not None and self._observer is not None:
            log.info("data plane", chosen=str(self._data_plane), why=self._why)
            await asyncio.to_thread(self._listen_first)
            self._loop.reconciler.start()
            await asyncio.to_thread(self._loop.looked.wait)
        print(f"ready {self._url}", flush=True)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(regularly(EXPIRE_EVERY, self._expire))
            if self._observer is not None:
                # Silence is no event, but after a while it means something (`fold.BFD_SILENCE`).
                tasks.create_task(regularly(LOOK_EVERY, self._observer.news))

    def _expire(self) -> None:
        self._control.execute(Expire(now()), account=ACCOUNT, region=REGION)

    def _listen_first(self) -> None:
        """What runs is known before anything is changed: the first pass must not take unheard tunnels for dead ones."""
        assert self._observer is not None
        assert self._ears is not None
        self._observer.start()
        self._observer.recall(self._followed)
        self._ears.ask_all()

    @property
    def _observation(self) -> Observation:
        if self._observer is None or self._loop is None:
            return Observation()
        return self._observer.observation(self._loop.faults())

    def _observed_anew(self) -> Observation:
        if self._ears is not None:
            self._ears.ask_all()
        return self._observation

    def _ec2(self) -> Any:
        return ec2_app(
            self._handle,
            self._secret_of,
            now,
            lambda: str(uuid4()),
            actions={*ACTIONS, GET_CALLER_IDENTITY},
        )

    def _secret_of(self, access_key_id: str) -> Secret | None:
        key = self._control.snapshot.get(AccessKey, access_key_id)
        return key.secret if key is not None else None

    async def _handle(self, call: Call) -> Reply:
        key = self._control.snapshot.get(AccessKey, call.access_key_id)
        account = key.account if key is not None else ACCOUNT
        if call.action == GET_CALLER_IDENTITY:
            return {"Account": account, "UserId": account, "Arn": f"arn:aws:iam::{account}:root"}
        desk = Desk(self._control, self._observation, account, call.region, call.dry_run)
        try:
            return ACTIONS[call.action](desk, call.params)
        except DryRunSucceeded:
            raise dry_run() from None

    def _admin(self) -> Any:
        return admin_app(
            AdminParts(
                control=self._control,
                account=ACCOUNT,
                region=REGION,
                facts=self._facts,
                observation=self._observed_anew,
                plan=self._plan,
                wait=self._wait,
            )
        )

    def _facts(self) -> Facts:
        revision = self._control.snapshot.revision
        return Facts(
            names=self._names,
            folder=str(self._folder.path),
            version=landbridge.__version__,
            url=self._url,
            data_plane=str(self._data_plane) if self._data_plane else "none",
            why=self._why or "the API alone was asked for",
            lab=self._options.lab,
            bfd_interval=self._options.bfd_interval,
            converged=self._loop is None or self._loop.reconciler.converged(revision),
            charons=self._observer.charons() if self._observer else {},
            speakers=self._observer.speakers() if self._observer else {},
        )

    def _wait(self, revision: int, timeout: float) -> bool:
        return self._loop is None or self._loop.reconciler.wait_for(revision, timeout)

    def _plan(self) -> list[str]:
        if self._loop is None:
            return []
        return [str(step) for wave in self._loop.reconciler.plan().waves for step in wave]
