"""`landbridge serve`: both doors, the loop and the observer of one state folder, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import shlex
import signal
import socket
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import structlog
import uvicorn

import landbridge
from landbridge.api.admin.app import AdminParts, admin_app
from landbridge.api.admin.server import admin_server_config, listen
from landbridge.api.aws import iam
from landbridge.api.aws.cloudwatch.actions import ACTIONS as METRIC_ACTIONS
from landbridge.api.aws.cloudwatch.desk import WatchDesk
from landbridge.api.aws.ec2.actions import ACTIONS, carry_out
from landbridge.api.aws.ec2.door import Desk, DryRunSucceeded
from landbridge.api.aws.errors import dry_run
from landbridge.api.aws.http import Call, Reply, ec2_app
from landbridge.api.aws.model import IAM, MONITORING
from landbridge.api.aws.roles import authorize, caller_identity, sees_secrets
from landbridge.api.aws.server import ec2_server_config
from landbridge.api.aws.sigv4 import not_validated
from landbridge.api.exposition import Exposed, beside
from landbridge.control.access_keys import CreateAccessKey
from landbridge.control.base import LAB_POOLS, PLAIN_POOLS
from landbridge.control.lifecycle import Expire
from landbridge.control.limits import AWS, RELAXED, Limits
from landbridge.control.maintenance import Maintain, due
from landbridge.control.service import Control
from landbridge.control.tunnel_options import listed, refused
from landbridge.desired.links import DataPlane
from landbridge.desired.names import Names
from landbridge.desired.speakers import Bfd
from landbridge.model.crypto import CryptoPolicy
from landbridge.model.errors import OperatorError
from landbridge.model.keys import AccessKey
from landbridge.model.options import DEFAULT_STATE, DataPlaneChoice, LimitsChoice, ServeOptions
from landbridge.model.secret import Secret
from landbridge.model.vpn import LIVE, VpnConnection
from landbridge.observe.metrics import LOOK_EVERY, Metrics
from landbridge.observe.state import Observation
from landbridge.store.folder import Folder
from landbridge.views.status import Facts
from landbridge.wiring.commits import Request, SharedCommits
from landbridge.wiring.errands import regularly
from landbridge.wiring.state import ACCOUNT, REGION, control_of, note_endpoint
from landbridge.wiring.world import log_to, now

if TYPE_CHECKING:
    from landbridge.drivers.probe import Choice
    from landbridge.wiring.ears import Ears
    from landbridge.wiring.loop import ServiceLoop
    from landbridge.wiring.observer import Observer
    from landbridge.wiring.tls import Given, Tls
    from landbridge.wiring.tunnel_logs import TunnelLogs

log = structlog.get_logger(__name__)

BFD_MULTIPLIER: Final = 3
EXPIRE_EVERY: Final = 60.0
ADVANCE_EVERY: Final = 0.5
MAINTAIN_EVERY: Final = 30.0
RENEW_EVERY: Final = 60.0
GET_CALLER_IDENTITY: Final = "GetCallerIdentity"


class CannotServe(OperatorError):
    """The service cannot start. The message says what to do."""


def serve(options: ServeOptions) -> None:
    """Serve until SIGTERM or SIGINT. What was built stays.

    Raises:
        CannotServe, CannotRun, FolderError, StoreError: it cannot start; nothing was built.
    """
    log_to()
    gc.disable()
    certificate = _given(options)
    builds = options.data_plane is not DataPlaneChoice.NONE
    choice = _chosen(options) if builds else None
    folder = Folder(options.state)
    folder.lock()
    listener = _listen(options.host, options.port)
    tls = _tls(options, certificate, folder, listener)
    listener.listen(128)
    pools = LAB_POOLS if options.lab else PLAIN_POOLS
    control = control_of(
        folder,
        pools=pools,
        builds=builds,
        limits=_limits(options),
        crypto_policy=options.crypto_policy,
        psk_grace=timedelta(seconds=options.psk_grace),
    )
    _check_crypto_policy(options.crypto_policy, control)
    hint = _first_credentials(folder, control)
    service = _Service(
        folder, options, control, choice.data_plane if choice else None, choice.why if choice else "", tls, hint
    )
    # What is there now stays, a few hundred thousand objects: no collection has to look at it again.
    gc.freeze()
    gc.enable()
    try:
        asyncio.run(service.run(listener))
    finally:
        control.close()


def _given(options: ServeOptions) -> Given | None:
    """The certificate that was given, if it is good."""
    if options.tls_cert is None or options.tls_key is None:
        return None
    from landbridge.wiring.tls import Given

    certificate = Given(options.tls_cert, options.tls_key, now)
    certificate.keep()
    return certificate


def _tls(options: ServeOptions, certificate: Given | None, folder: Folder, listener: socket.socket) -> Tls | None:
    """TLS as asked for. Beyond loopback it has to be: answers carry pre-shared keys."""
    if certificate is not None or options.tls:
        from landbridge.wiring.tls import Own, Tls, names_of

        return Tls(certificate or Own(folder, names_of(options.host, listener, options.tls_names), now))
    if not is_loopback(listener.getsockname()[0]):
        listener.close()
        raise CannotServe(
            f"Beyond loopback ({options.host}) the EC2 API takes TLS, since answers carry pre-shared keys: "
            "add --tls to have a certificate made, or give one with --tls-cert FILE --tls-key FILE."
        )
    return None


def _chosen(options: ServeOptions) -> Choice:
    from landbridge.drivers.probe import choose

    return choose(options.data_plane.value)


def _limits(options: ServeOptions) -> Limits:
    return RELAXED if options.limits is LimitsChoice.RELAXED else AWS


def _check_crypto_policy(policy: CryptoPolicy, control: Control) -> None:
    """What somebody named under another policy would be in force against this one.

    Raises:
        CannotServe: and names the connection.
    """
    for connection in control.snapshot.all(VpnConnection):
        for tunnel in connection.tunnels if connection.state in LIVE else ():
            weak = refused(policy, tunnel.options)
            if weak:
                control.close()
                raise CannotServe(
                    f"The crypto policy {policy} does not admit {listed(weak)}, which tunnel {tunnel.number} of "
                    f"{connection.id} was made with. Start with --crypto-policy aws, delete that VPN connection, and "
                    "make it anew."
                )


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
    return listener


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach a socket that listens there."""
    return ip_address(address).is_loopback


def _url(host: str, listener: socket.socket, tls: Tls | None) -> str:
    """The API's URL as this machine's clients use it, by a name that the certificate has."""
    address, port = listener.getsockname()[:2]
    if ip_address(address).is_unspecified:
        address = "::1" if ":" in address else "127.0.0.1"
    name = tls.name_for(host, address) if tls else address
    return f"{'https' if tls else 'http'}://{f'[{name}]' if ':' in name else name}:{port}"


def _first_credentials(folder: Folder, control: Control) -> str:
    """At the first start, make an access key. Answers what to tell about it."""
    if any(control.snapshot.all(AccessKey)) or folder.credentials.exists():
        return ""
    key = control.execute(CreateAccessKey(), account=ACCOUNT, region=REGION)
    folder.write_private(
        folder.credentials,
        f"[default]\naws_access_key_id = {key.id}\naws_secret_access_key = {key.secret.reveal()}\n",
    )
    state = "" if folder.path == DEFAULT_STATE else f" --state {shlex.quote(str(folder.path))}"
    return (
        f"The first access key is in {folder.credentials}. "
        f"For the AWS CLI: landbridge credentials create --profile landbridge{state}"
    )


class _Server(uvicorn.Server):
    """A server that leaves signals to the service, which has two of them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Service:
    def __init__(
        self,
        folder: Folder,
        options: ServeOptions,
        control: Control,
        data_plane: DataPlane | None,
        why: str,
        tls: Tls | None,
        hint: str,
    ) -> None:
        self._folder = folder
        self._options = options
        self._control = control
        self._public: uvicorn.Server | None = None
        self._commits = SharedCommits(control, self._has_one_client)
        self._why = why
        self._tls = tls
        self._ca_bundle = str(tls.bundle or "") if tls else ""
        self._hint = hint
        self._data_plane = data_plane
        self._names = Names(folder.instance)
        self._url = ""
        self._loop: ServiceLoop | None = None
        self._observer: Observer | None = None
        self._ears: Ears | None = None
        self._logs: TunnelLogs | None = None
        if data_plane is None:
            return
        # Only those who build need any of the drivers: the API alone starts without them.
        from landbridge.desired.host import Settings
        from landbridge.drivers.logs import LogFiles
        from landbridge.wiring.ears import Ears
        from landbridge.wiring.host import host
        from landbridge.wiring.loop import ServiceLoop
        from landbridge.wiring.observer import Observer
        from landbridge.wiring.tunnel_logs import TunnelLogs

        self._logs = TunnelLogs(self._names, lambda: control.snapshot, LogFiles(folder.log_groups))
        bfd = Bfd(interval=options.bfd_interval, multiplier=BFD_MULTIPLIER) if options.bfd_interval else None
        pools = LAB_POOLS if options.lab else PLAIN_POOLS
        self._ears = ears = Ears(
            wake=lambda name: loop.reconciler.wake(name),
            news=lambda: observer.news(),
            refused=lambda name: observer.refused(name),
            logs=self._logs,
        )
        self._observer = observer = Observer(self._names, control, ears, on_health=lambda: loop.reconciler.wake())
        machine = host(folder, wake=ears.wake, on_ike=ears.on_ike)
        self._followed = machine.bird.followed
        settings = Settings(
            self._names, pools, data_plane, bfd, _limits(options), options.uplink_mtu, options.crypto_policy
        )
        self._loop = loop = ServiceLoop(control, machine, settings, observer.health)
        ears.start(machine)

    async def run(self, listener: socket.socket) -> None:
        self._url = _url(self._options.host, listener, self._tls)
        note_endpoint(self._folder, self._url, self._ca_bundle)
        public = self._public = _Server(ec2_server_config(self._ec2(), **(self._tls.settings if self._tls else {})))
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
        if self._logs is not None:
            await asyncio.to_thread(self._logs.close)
        self._commits.close()

    def _has_one_client(self) -> bool:
        """Whether the EC2 API has one connection only: that of the request which is being answered."""
        return self._public is not None and len(self._public.server_state.connections) == 1

    async def _background(self) -> None:
        if self._loop is not None and self._observer is not None:
            log.info("data plane", chosen=str(self._data_plane), why=self._why)
            await asyncio.to_thread(self._listen_first)
            self._loop.reconciler.start()
            await asyncio.to_thread(self._loop.looked.wait)
        print(f"ready {self._url}", flush=True)
        if self._hint:
            print(self._hint, flush=True)
        async with asyncio.TaskGroup() as tasks:
            if self._tls is not None:
                accepting = asyncio.get_running_loop()
                tasks.create_task(regularly(RENEW_EVERY, lambda: self._renew(accepting)))
            tasks.create_task(regularly(EXPIRE_EVERY, self._expire))
            if self._loop is not None:
                tasks.create_task(regularly(ADVANCE_EVERY, self._loop.advance))
                tasks.create_task(regularly(MAINTAIN_EVERY, self._maintain))
            if self._observer is not None:
                # Silence is no event, but after a while it means something (`fold.BFD_SILENCE`); nor are counters.
                tasks.create_task(regularly(LOOK_EVERY, self._observer.look))

    def _renew(self, accepting: asyncio.AbstractEventLoop) -> None:
        if self._tls is not None and self._tls.look():
            accepting.call_soon_threadsafe(self._tls.take)

    def _expire(self) -> None:
        self._control.execute(Expire(now()), account=ACCOUNT, region=REGION)

    def _maintain(self) -> None:
        assert self._observer is not None
        health = self._observer.health()
        command = Maintain(self._observer.outdated(), health.up - health.dead)
        if due(self._control.snapshot, command, now()):
            self._control.execute(command, account=ACCOUNT, region=REGION)

    def _listen_first(self) -> None:
        """What runs is known before anything is changed: the first pass must not take unheard tunnels for dead ones."""
        assert self._observer is not None
        assert self._ears is not None
        self._observer.start()
        self._observer.recall(self._followed)
        self._ears.ask_all()
        self._observer.begin()

    def _observe(self) -> Observation:
        if self._observer is None or self._loop is None:
            return Observation()
        return self._observer.observation(self._loop.faults())

    def _observed_anew(self) -> Observation:
        if self._ears is not None:
            self._ears.ask_all()
        return self._observe()

    def _ec2(self) -> Any:
        app = ec2_app(
            self._handle,
            self._secret_of,
            now,
            lambda: str(uuid4()),
            actions={*ACTIONS, *iam.ACTIONS, *METRIC_ACTIONS, GET_CALLER_IDENTITY},
        )
        return beside(app, self._exposed)

    def _exposed(self) -> Exposed:
        return Exposed(
            snapshot=self._control.snapshot,
            observation=self._observe(),
            metrics=self._observer.metrics() if self._observer else Metrics(),
            facts=self._facts(),
            counts=self._loop.reconciler.counts() if self._loop else None,
        )

    def _secret_of(self, access_key_id: str) -> Secret | None:
        key = self._control.snapshot.get(AccessKey, access_key_id)
        return key.secret if key is not None else None

    async def _handle(self, call: Call) -> Reply:
        key = self._control.snapshot.get(AccessKey, call.access_key_id)
        if key is None:  # deleted since the signature was verified
            raise not_validated()
        if call.action == GET_CALLER_IDENTITY:
            return caller_identity(key, call.region)
        if call.service == IAM:
            return iam.answer(self._control, key, call.region, call.action, call.params)
        if call.service == MONITORING:  # all of it only reads, which every role may
            metrics, at = self._observer.metrics() if self._observer else Metrics(), now()
            return METRIC_ACTIONS[call.action](WatchDesk(metrics, key.account, call.region, at), call.params)
        authorize(key, call.region, call.action)
        request = Request(self._control)
        desk = Desk(
            request,
            self._observe,
            key.account,
            call.region,
            call.dry_run,
            sees_secrets(key),
            self._options.crypto_policy,
        )
        try:
            reply = carry_out(desk, call.action, call.params)
        except DryRunSucceeded:
            raise dry_run() from None
        await self._commits.durable(request)
        return reply

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
                expose=self._exposed,
                log_path=self._logs.path if self._logs is not None else lambda group, stream: "",
            )
        )

    def _facts(self) -> Facts:
        revision = self._control.snapshot.revision
        return Facts(
            names=self._names,
            folder=str(self._folder.path),
            version=landbridge.__version__,
            url=self._url,
            ca_bundle=self._ca_bundle,
            data_plane=str(self._data_plane) if self._data_plane else "none",
            why=self._why or "the API alone was asked for",
            lab=self._options.lab,
            bfd_interval=self._options.bfd_interval,
            crypto_policy=str(self._options.crypto_policy),
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
