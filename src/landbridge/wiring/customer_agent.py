"""The agent behind `landbridge customer-gateway up`: the service's own loop over what one device file asks for.

`python -m landbridge.wiring.customer_agent FOLDER` runs it. SIGHUP: look at the file again. SIGUSR1: count bytes anew,
for which there is no event. SIGTERM: end, and leave the tunnels as they are. If the network namespace that it was
started in loses its name (a lab site was removed), it takes everything down and ends, for nobody could any more.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sys
import threading
import time
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

import structlog

from landbridge.customer import device_file
from landbridge.customer.closed import Closed, follow
from landbridge.customer.plan import CustomerSettings, links_of, wanted
from landbridge.desired.device_file import DeviceFile
from landbridge.desired.health import Health
from landbridge.desired.links import MAIN_TABLE
from landbridge.desired.mtu import UPLINK_MTU
from landbridge.desired.names import Names
from landbridge.desired.objects import HERE, HostState
from landbridge.desired.speakers import Bfd
from landbridge.drivers.forwarding import NO_FORWARDING, forwarding
from landbridge.drivers.netlink.here import connected, defaults, given_name, uplink_mtu, uplinks
from landbridge.drivers.netlink.mounts import original
from landbridge.drivers.probe import choose
from landbridge.model.crypto import CryptoPolicy
from landbridge.model.errors import LandbridgeError, OperatorError
from landbridge.model.options import CustomerGatewayOptions
from landbridge.model.secret import Secret
from landbridge.observe import fold
from landbridge.observe.fold import NOT_HEARD, Place, SpeakerWords, View
from landbridge.observe.state import Status, TunnelState
from landbridge.observe.trail import NO_TRAIL
from landbridge.observe.why import Side
from landbridge.reconcile.loop import Reconciler
from landbridge.store.folder import Folder
from landbridge.views.status import esp, weaknesses
from landbridge.wiring.ears import Ears
from landbridge.wiring.host import CUSTOMER, host
from landbridge.wiring.moving import Moves
from landbridge.wiring.purge import take_down
from landbridge.wiring.world import log_to, now

if TYPE_CHECKING:
    from landbridge.customer.proof import Proof

log = structlog.get_logger(__name__)

DEVICE_FILE: Final = "device.xml"
OPTIONS: Final = "options.json"
CERTIFICATE: Final = "certificate.pem"
KEY: Final = "certificate.key"
STATUS: Final = "status.json"
CLOSED: Final = "closed.json"
_LOOK_EVERY: Final = 2.0
_LOOK_SOON: Final = 0.1
"""Seconds; the latter while the machine is not yet as wanted, for somebody is waiting."""
_END: Final = (signal.SIGTERM, signal.SIGINT)
_BFD_MULTIPLIER: Final = 3


def remember(folder: Folder, options: CustomerGatewayOptions) -> int:
    """Write down what the agent shall do; answers the number by which its status tells that this is what it does."""
    asked = time.time_ns()
    folder.write_private(folder.path / DEVICE_FILE, options.device_file.reveal())
    key = options.key.reveal() if options.key is not None else None
    for name, text in ((CERTIFICATE, options.certificate), (KEY, key)):
        if text is None:
            (folder.path / name).unlink(missing_ok=True)
        else:
            folder.write_private(folder.path / name, text)
    chosen = {
        "routes": [str(prefix) for prefix in options.routes],
        "advertise": [str(prefix) for prefix in options.advertise],
        "bfd_interval": options.bfd_interval,
        "data_plane": options.data_plane.value,
        "clear_df": options.clear_df,
        "force_udp": options.force_udp,
        "crypto_policy": options.crypto_policy.value,
        "asked": asked,
    }
    folder.write_private(folder.path / OPTIONS, json.dumps(chosen))
    folder.logs.mkdir(mode=0o700, exist_ok=True)
    return asked


def running(folder: Folder) -> int | None:
    """The process id of the folder's agent; None if there is none."""
    try:
        handle = os.open(folder.path / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(handle, 20).decode()
        return int(text) if text.isdigit() else None
    else:
        return None
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class Task:
    """What the agent is to do, as remembered."""

    file: DeviceFile
    settings: CustomerSettings
    wish: str
    """The data plane that was asked for, which may be `auto`."""
    asked: int
    proof: Proof | None = None


def recall(folder: Folder, before: Task | None = None) -> Task:
    """Read what `remember` wrote. LANs are the connected private networks unless some were named.

    `before`: what the agent does already. While the same data plane is asked for it is not looked for anew: a trial may
    fail for reasons that pass, and tunnels would move for it.

    Raises:
        LandbridgeError, OperatorError, OSError, ValueError: it cannot be read, or not be done on this machine.
    """
    file = device_file.read((folder.path / DEVICE_FILE).read_text())
    chosen = json.loads((folder.path / OPTIONS).read_text())
    own = Names(folder.instance)
    ours = {link for number in range(1, len(file.tunnels) + 1) for link in links_of(file.vpn_connection_id, number)}
    public = {tunnel.customer_outside for tunnel in file.tunnels if tunnel.customer_outside is not None}
    shown = proof_of(file, _kept(folder, CERTIFICATE), _kept_key(folder))
    lans = tuple(map(IPv4Network, chosen["advertise"])) or connected(without_links=ours, without_addresses=public)
    interval, wish = chosen["bfd_interval"], chosen.get("data_plane", "auto")
    kept = before.settings.data_plane if before is not None and before.wish == wish else None
    return Task(
        file,
        CustomerSettings(
            names=own,
            data_plane=kept or choose(wish).data_plane,
            bfd=Bfd(interval=interval, multiplier=_BFD_MULTIPLIER) if interval else None,
            lans=lans,
            routes=tuple(map(IPv4Network, chosen["routes"])),
            clear_df=chosen.get("clear_df", False),
            force_udp=chosen.get("force_udp", False),
            crypto_policy=CryptoPolicy(chosen.get("crypto_policy", "aws")),
            certified=shown.certified if shown is not None else None,
        ),
        wish,
        chosen.get("asked", 0),
        shown,
    )


def proof_of(file: DeviceFile, certificate: str | None, key: Secret | None) -> Proof | None:
    """What the machine proves itself with, if not with pre-shared keys.

    Raises:
        Combination, Invalid.
    """
    if not file.certified and certificate is None and key is None:
        return None
    from landbridge.customer import proof  # X.509 takes time to import, and most do without

    return proof.read(file, certificate, key)


def _kept_key(folder: Folder) -> Secret | None:
    text = _kept(folder, KEY)
    return Secret(text) if text is not None else None


def _kept(folder: Folder, name: str) -> str | None:
    try:
        return (folder.path / name).read_text()
    except FileNotFoundError:
        return None


class Agent:
    """The loop and the ears of one connection on this machine."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._task = recall(folder)
        self._asked = self._task.asked
        self._refused = ""
        """Why it does not do what was asked for last; empty if it does."""
        self._health = Health()
        self._states: dict[int, TunnelState] = {}
        self._state: HostState | None = None
        self._made_of: tuple[Task, Health, frozenset[IPv4Network], frozenset[str], int] | None = None
        self._closed = Closed(prefixes=_closed_before(folder))
        self._ways: frozenset[str] = frozenset()
        """Links by which the cloud's endpoints are, or were, reached."""
        self._uplinks: frozenset[str] = frozenset()
        """Those, and all that a default route leads to."""
        self._uplink_mtu = min(UPLINK_MTU, uplink_mtu(self._outside()) or UPLINK_MTU)
        self._moves = Moves()
        self._revision = 0
        self._said = ""
        self._counted = 0
        self._lock = threading.Lock()
        """Guards what `_news` makes from its last result."""
        self._ears = ears = Ears(wake=lambda name: self.reconciler.wake(name), news=self._news)
        self._machine = machine = host(folder, protocol=CUSTOMER, wake=ears.wake, on_ike=ears.on_ike)
        self.reconciler = Reconciler(self._desired, machine.drivers, lambda: [*machine.roots(), HERE])

    def run(self, signals: SimpleQueue[int]) -> None:
        """Work until told to end."""
        home = given_name()
        self._ears.start(self._machine)
        self._listen()
        self._recall_bfd()
        self._ears.ask_all()
        self.reconciler.start()
        while (told := _next(signals, _LOOK_EVERY if self._in_force() else _LOOK_SOON)) not in _END:
            if told == signal.SIGHUP:
                self._look_again()
            elif told == signal.SIGUSR1:
                self._counted += 1
                self._ears.ask_all()
            if home is not None and given_name() != home:
                log.info("the network namespace was removed: taking everything down", namespace=home)
                self._stop()
                take_down(self._machine, lambda line: log.info(line), extra=(HERE,))
                shutil.rmtree(self._folder.run, ignore_errors=True)
                shutil.rmtree(self._folder.path, ignore_errors=True)
                return
            self._moves.look(self._outside())
            self._news()
        self._stop()

    def _look_again(self) -> None:
        """Do what is remembered now. If that cannot be done, say so and go on with what was."""
        try:
            self._asked = _asked(self._folder)
            self._task, self._refused = recall(self._folder, self._task), ""
        except (LandbridgeError, OperatorError, OSError, ValueError) as error:
            log.error("what is asked for cannot be done; everything stays as it is", reason=str(error))
            self._refused = str(error)
        self._listen()
        self.reconciler.wake()

    def _stop(self) -> None:
        self.reconciler.stop(30)
        self._ears.close()

    def _recall_bfd(self) -> None:
        """What the agent before this one knew: whose static routes follow BFD answers it, and may be silent now."""
        followed = self._machine.bird.followed(HERE)
        views = (view for view in self._views() if not view.dynamic)
        seen = frozenset(v.identity for v in views if (v.place.link, v.far_inside) in followed)
        self._health = Health(bfd_seen=seen)

    def _listen(self) -> None:
        self._ears.listen(endpoints=[place.endpoint for place in self._places()], routers=[HERE])

    def _places(self) -> list[Place]:
        file, own = self._task.file, self._task.settings.names
        return [
            Place(
                endpoint=own.endpoint(file.vpn_connection_id, number),
                router=HERE,
                link=links_of(file.vpn_connection_id, number)[0],
            )
            for number in range(1, len(file.tunnels) + 1)
        ]

    def _desired(self) -> tuple[int, HostState]:
        made_of = (self._task, self._health, self._closed.prefixes, self._uplinks, self._uplink_mtu)
        if self._state is None or made_of != self._made_of:
            settings = replace(
                self._task.settings,
                learned=self._closed.prefixes,
                uplinks=self._uplinks,
                uplink_mtu=self._uplink_mtu,
            )
            self._state = wanted(self._task.file, settings, self._health)
            self._made_of = made_of
            self._revision += 1
        return self._revision, self._state

    def _news(self) -> None:
        with self._lock:
            views = self._views()
            at = now()
            vital = fold.vitals(views, self._health.bfd_seen, self._health.bare, self._health.ciphers, at)
            health = Health(
                dead=vital.dead, bfd_seen=vital.bfd_seen, up=vital.up, bare=vital.bare, ciphers=vital.ciphers
            )
            changed = health != self._health
            self._health = health
            changed = self._follow_ways(views) or changed
            self._states = {v.identity[1]: fold.tunnel_state(v, self._states.get(v.identity[1]), at, at) for v in views}
            words = json.dumps(self._document())
            if words != self._said:
                self._folder.write_private(self._folder.path / STATUS, words)
                self._said = words
        if changed:
            self.reconciler.wake()

    def _follow_ways(self, views: list[View]) -> bool:
        """Which networks must not leave by which links, and how much fits those; whether that has changed."""
        before = (self._closed.prefixes, self._uplinks, self._uplink_mtu)
        file = self._task.file
        # Without a way to the cloud the last one counts: it may be back before we look again.
        self._ways = uplinks(self._outside()) or self._ways
        self._uplinks = self._ways | defaults()
        self._uplink_mtu = min(UPLINK_MTU, uplink_mtu(self._outside()) or self._uplink_mtu)
        if not file.static:
            tunnels = {view.place.link for view in views}
            routes = self._ears.heard().routes.get(HERE, {})
            learned = {prefix for (table, prefix), link in routes.items() if link in tunnels and table == MAIN_TABLE}
            self._closed = follow(self._closed, learned, any(view.status is Status.UP for view in views), now())
        if self._closed.prefixes != before[0]:
            words = json.dumps(sorted(map(str, self._closed.prefixes)))
            self._folder.write_private(self._folder.path / CLOSED, words)
        return (self._closed.prefixes, self._uplinks, self._uplink_mtu) != before

    def _outside(self) -> list[IPv4Address]:
        """The addresses of the cloud's endpoints."""
        return [tunnel.gateway_outside for tunnel in self._task.file.tunnels]

    def _views(self) -> list[View]:
        file, heard = self._task.file, self._ears.heard()
        return [
            View(
                identity=(file.vpn_connection_id, number),
                place=place,
                far_inside=tunnel.gateway_inside.ip,
                dynamic=not file.static,
                far_outside=tunnel.gateway_outside,
                endpoint=heard.endpoints.get(place.endpoint, NOT_HEARD),
                speaker=heard.speakers.get(place.router, SpeakerWords()),
                side=Side.CUSTOMER,
                trail=heard.trails.get(place.endpoint, NO_TRAIL),
                session=heard.sessions.get(place.router, {}).get(tunnel.gateway_inside.ip, ()),
                near_outside=tunnel.customer_outside,
                certified=tunnel.psk is None,
                near_inside=tunnel.customer_inside.ip,
            )
            for number, (tunnel, place) in enumerate(zip(file.tunnels, self._places(), strict=True), 1)
        ]

    def _document(self) -> dict[str, Any]:
        file = self._task.file
        return {
            "vpn_connection_id": file.vpn_connection_id,
            "asked": self._asked,
            "in_force": self._in_force(),
            "counted": self._counted,
            "static": file.static,
            "clear_df": self._task.settings.clear_df,
            "force_udp": self._task.settings.force_udp,
            "advertised": [str(prefix) for prefix in self._task.settings.lans],
            "refused": self._refused,
            "certificate": _shown_proof(self._task.proof),
            "faults": [
                *((self._refused,) if self._refused else ()),
                *(failure.message for failure in self.reconciler.errors()),
                *(() if forwarding().on else (NO_FORWARDING,)),
            ],
            "tunnels": [
                {
                    "number": number,
                    "customer_outside": str(tunnel.customer_outside) if tunnel.customer_outside is not None else None,
                    "cloud_outside": str(tunnel.gateway_outside),
                    "link": place.link,
                    "endpoint": place.endpoint,
                    **self._shown(number),
                }
                for number, (tunnel, place) in enumerate(zip(file.tunnels, self._places(), strict=True), 1)
            ],
        }

    def _in_force(self) -> bool:
        """Whether the machine is as the task wants it."""
        return (
            self._made_of is not None and self._made_of[0] is self._task and self.reconciler.converged(self._revision)
        )

    def _shown(self, number: int) -> dict[str, Any]:
        state = self._states[number]
        return {
            "status": state.status.value,
            "since": state.changed.isoformat(),
            "why": state.why,
            "cause": state.explained.cause,
            "proposals": {"received": state.explained.received, "configured": state.explained.configured},
            "ike": state.ike,
            "bgp": state.bgp,
            "bfd": state.bfd,
            "accepted_routes": state.accepted_routes,
            "bytes_in": state.bytes_in,
            "bytes_out": state.bytes_out,
            "suite": state.suite,
            "ike_version": state.ike_version,
            "weak": weaknesses(state),
            "esp": esp(state.esp),
        }


def _shown_proof(shown: Proof | None) -> dict[str, str] | None:
    return {"name": shown.name, "ends": shown.ends.isoformat()} if shown is not None else None


def _asked(folder: Folder) -> int:
    number = json.loads((folder.path / OPTIONS).read_text()).get("asked", 0)
    return int(number)


def _closed_before(folder: Folder) -> frozenset[IPv4Network]:
    """What was closed by the agent before this one: its tunnels may have been down since."""
    try:
        return frozenset(map(IPv4Network, json.loads((folder.path / CLOSED).read_text())))
    except FileNotFoundError:
        return frozenset()


def run(path: Path) -> None:
    """Be the agent of this folder until told to end."""
    log_to()
    folder = Folder(path)
    signals: SimpleQueue[int] = SimpleQueue()  # whose `put` may be called by a signal handler at any point
    for number in (*_END, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, lambda told, _: signals.put(told))
    folder.lock()  # whoever sees it locked may send signals
    Agent(folder).run(signals)


def _next(signals: SimpleQueue[int], seconds: float) -> int | None:
    """The next signal; None if none comes in time."""
    try:
        return signals.get(timeout=seconds)
    except Empty:
        return None


if __name__ == "__main__":
    original()
    run(Path(sys.argv[1]))
