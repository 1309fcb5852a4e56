"""The charons of one run directory: where their files are, which of them run, starting and ending them.

Three drivers share this: a charon, its connections and its tunnel device are separate objects with one process beneath.
Nothing is remembered that could not be read again: /proc tells which charon runs where, with which settings (their
digest is in its environment) and whether its TUN still exists (the descriptor knows the device's present name).
With kernel ESP there is no TUN; what a charon that died left in its namespace's kernel is flushed before the next one.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from landbridge.desired.ike import Charon
from landbridge.desired.links import DataPlane
from landbridge.desired.objects import HERE
from landbridge.drivers import cgroups, processes
from landbridge.drivers.deaths import Deaths
from landbridge.drivers.processes import Daemon, Found, Launch
from landbridge.drivers.strongswan import links, sas
from landbridge.drivers.strongswan.settings import charon_settings, data_plane_of, settings_digest
from landbridge.drivers.strongswan.vici import Vici
from landbridge.reconcile.driver import DriverError

EXECUTABLE: Final = "charon-systemd"
MEMORY_LIMIT: Final = 128 * 1024 * 1024
"""Bytes. A charon uses 5 MB; one whose TUN was taken away grows by tens of MB a second (traps 1)."""

READY_WITHIN: Final = 15.0
_POLL: Final = 0.004
_HERE_DIRECTORY: Final = "_here"
_DIGEST: Final = "LANDBRIDGE_SETTINGS"
_DATA_PLANE: Final = "LANDBRIDGE_DATA_PLANE"
_CONF: Final = "STRONGSWAN_CONF"
_DIRECTORY: Final = "LANDBRIDGE_ENDPOINT"
_SETTINGS: Final = "strongswan.conf"
_TUN: Final = "/dev/net/tun"
_ALL_MAY: Final = 0o006
USERS: Final = range(60_578, 61_184)
"""Uids, and gids, that systemd (UIDS-GIDS) calls unused and of which Debian (base-passwd's README) has given none out.
Which one is a charon's follows from its endpoint: mostly no two charons have the same."""


@dataclass(frozen=True, slots=True)
class Running:
    """A charon that runs for an endpoint."""

    daemon: Daemon
    digest: str
    """Of the settings that it was started with."""
    in_place: bool
    """Whether it is in the namespace that has the endpoint's name now."""
    device: str
    """The present name of its TUN, wherever that is; empty when the TUN has gone."""
    data_plane: DataPlane

    @property
    def sound(self) -> bool:
        """Whether it can carry traffic at all."""
        return self.in_place and (bool(self.device) or self.data_plane is DataPlane.KERNEL)


def _device(pid: int) -> str:
    """The name of the TUN that the process holds (`iff:` of its descriptor), as the kernel knows it now."""
    with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):
                if os.readlink(f"/proc/{pid}/fd/{number}") == _TUN:
                    for line in Path(f"/proc/{pid}/fdinfo/{number}").read_text().splitlines():
                        if line.startswith("iff:"):
                            return line.removeprefix("iff:").strip()
    return ""


def _anybody_opens_tun() -> bool:
    """Whether the TUN device is open to all, as udev makes it: who does anything with it needs CAP_NET_ADMIN anyway.

    Where there is no udev (many a container) it is root's alone.
    """
    try:
        return os.stat(_TUN).st_mode & _ALL_MAY == _ALL_MAY
    except FileNotFoundError:
        return False


def _write_settings(directory: Path, text: str, user: int) -> None:
    """Settings that charon can read and not change, in a directory where it can make files and remove only its own."""
    directory.mkdir(mode=0o700, exist_ok=True)
    file = directory / _SETTINGS
    file.unlink(missing_ok=True)
    # Made anew, and not through a link: the directory may have been an earlier charon's to write to.
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(handle, "w") as settings:
        os.fchown(handle, 0, user)
        os.fchmod(handle, 0o640)  # whatever our umask
        settings.write(text)
    os.chown(directory, 0, user)
    directory.chmod(0o1770)


class Endpoints:
    """All charons below one run directory."""

    def __init__(self, run_dir: Path, log_dir: Path, *, deaths: Deaths, on_end: Callable[[str, bool], None]) -> None:
        """`on_end` is called when a charon has ended, from another thread: its namespace, and whether we ended it."""
        self._run_dir = run_dir
        self._log_dir = log_dir
        self._deaths = deaths
        self._on_end = on_end
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        self._vici: dict[str, Vici] = {}
        self._known: dict[str, Daemon] = {}
        self._ending: set[Daemon] = set()
        self._guard = threading.Lock()
        self.routers: dict[str, str] = {}
        """Where each endpoint's TUN was seen or put last: who else has to look when charon dies."""

    def lock(self, namespace: str) -> threading.RLock:
        """Held while an endpoint's charon is started, ended or loaded."""
        with self._guard:
            return self._locks[namespace]

    def vici(self, namespace: str) -> Vici:
        """The commands of the endpoint's charon, whether it runs or not."""
        with self._guard:
            if namespace not in self._vici:
                self._vici[namespace] = Vici(self.socket(namespace), namespace)
            return self._vici[namespace]

    def socket(self, namespace: str) -> Path:
        """The path of the vici socket."""
        return self._directory(namespace) / "charon.vici"

    def log_file(self, namespace: str) -> Path:
        """Where charon writes."""
        return self._log_dir / f"charon-{namespace or _HERE_DIRECTORY}.log"

    def _directory(self, namespace: str) -> Path:
        if "/" in namespace or namespace.startswith((".", _HERE_DIRECTORY)):
            raise DriverError(f"'{namespace}' cannot be the name of an endpoint's namespace.")
        return self._run_dir / (namespace or _HERE_DIRECTORY)

    def _namespace_of(self, found: Found) -> str | None:
        # Charons that were started as root have absolute names.
        named = found.environment.get(_DIRECTORY) or os.path.dirname(found.environment.get(_CONF, ""))
        path = Path(named)
        if path.parent != self._run_dir:
            return None
        return HERE if path.name == _HERE_DIRECTORY else path.name

    def running(self, only: Collection[str] | None = None) -> dict[str, list[Running]]:
        """The charons of this run directory, by the namespace that they are for. More than one is one too many.

        `only`: those for these namespaces (looking for a TUN takes longer than all else).
        """
        state: dict[str, list[Running]] = {}
        for found in processes.find(EXECUTABLE, self._run_dir):
            namespace = self._namespace_of(found)
            if namespace is not None and (only is None or namespace in only):
                state.setdefault(namespace, []).append(self._running(namespace, found))
        return state

    def namespaces(self) -> set[str]:
        """What charons of this run directory run for, whether the namespaces still have these names or not."""
        found = map(self._namespace_of, processes.find(EXECUTABLE, self._run_dir))
        return {namespace for namespace in found if namespace is not None}

    def _running(self, namespace: str, found: Found) -> Running:
        kernel = found.environment.get(_DATA_PLANE) == DataPlane.KERNEL
        return Running(
            daemon=found.daemon,
            digest=found.environment.get(_DIGEST, ""),
            in_place=found.network == processes.namespace_inode(namespace),
            device="" if kernel else _device(found.daemon.pid),
            data_plane=DataPlane.KERNEL if kernel else DataPlane.LIBIPSEC,
        )

    def charon(self, namespace: str) -> Running | None:
        """The endpoint's charon; None when there is none, or only unsound or superfluous ones."""
        known = self._known.get(namespace)
        if known is not None:
            found = processes.look(known, EXECUTABLE, self._run_dir)
            if found is not None and (running := self._running(namespace, found)).sound:
                return running
        candidates = self.running((namespace,)).get(namespace, [])
        return candidates[0] if len(candidates) == 1 and candidates[0].sound else None

    def digest(self, wanted: Charon) -> str:
        """What tells a charon with the wanted settings."""
        return settings_digest(self._settings(wanted))

    def _settings(self, wanted: Charon) -> str:
        return charon_settings(
            data_plane=wanted.data_plane, dpd_timeout=wanted.dpd_timeout, socket=self.socket(wanted.namespace)
        )

    def adopt(self, namespace: str, daemon: Daemon) -> None:
        """Watch a charon that runs."""
        self._known[namespace] = daemon
        self._deaths.watch(daemon, lambda: self._died(namespace, daemon), self.log_file(namespace))

    def _died(self, namespace: str, daemon: Daemon) -> None:
        ours = daemon in self._ending
        self._ending.discard(daemon)
        if self._known.get(namespace) == daemon:
            del self._known[namespace]
        self._on_end(namespace, ours)

    def start(self, wanted: Charon) -> Running:
        """End what runs for this endpoint, write the settings, start charon, and wait until it serves commands.

        In this order, so that a charon that runs was started with the settings that lie there, whenever we are killed.

        Raises:
            DriverError: it did not start; the message has its last words.
        """
        namespace = wanted.namespace
        text = self._settings(wanted)
        self.stop(namespace)
        directory = self._directory(namespace)
        try:
            self._run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_settings(directory, text, self._user(namespace))
        except OSError as error:
            raise DriverError(f"{error.filename or directory} cannot be written: {error.strerror}.") from error
        return self._launch(namespace, settings_digest(text), wanted.data_plane)

    def restart(self, namespace: str) -> Running:
        """Start libipsec's charon anew with the settings that it had.

        Raises:
            DriverError: it never had any, or it did not start.
        """
        try:
            text = (self._directory(namespace) / _SETTINGS).read_text()
        except FileNotFoundError as error:
            raise DriverError(f"There is no charon in {namespace} yet.") from error
        self.stop(namespace)
        return self._launch(namespace, settings_digest(text), DataPlane.LIBIPSEC)

    def _launch(self, namespace: str, digest: str, data_plane: DataPlane) -> Running:
        links.clear(namespace)
        if data_plane is DataPlane.KERNEL:
            sas.flush(namespace)
        daemon = processes.start(
            Launch(
                command=(EXECUTABLE,),
                namespace=namespace,
                log=self.log_file(namespace),
                environment={
                    _CONF: _SETTINGS,
                    _DIRECTORY: str(self._directory(namespace)),
                    _DIGEST: digest,
                    # Not with libipsec: charons that were started before there was a choice have none.
                    **({_DATA_PLANE: data_plane.value} if data_plane is DataPlane.KERNEL else {}),
                },
                memory_limit=MEMORY_LIMIT,
                group=self._group(namespace),
                directory=self._directory(namespace),
                user=self._user(namespace) if data_plane is DataPlane.KERNEL or _anybody_opens_tun() else None,
            )
        )
        self.adopt(namespace, daemon)
        self._await_ready(namespace, daemon)
        found = processes.look(daemon, EXECUTABLE, self._run_dir)
        running = self._running(namespace, found) if found is not None else None
        if running is None or not running.sound:
            what = "without a TUN device" if data_plane is DataPlane.LIBIPSEC else "and ended, or lost its namespace"
            raise DriverError(f"charon in {namespace} started {what}. {self._last_words(namespace)}")
        return running

    def _user(self, namespace: str) -> int:
        digest = hashlib.sha256(f"{self._run_dir.name} {namespace}".encode()).digest()
        return USERS[int.from_bytes(digest[:4], "big") % len(USERS)]

    def _group(self, namespace: str) -> str:
        return f"{self._run_dir.name}-{namespace or _HERE_DIRECTORY}"

    def _await_ready(self, namespace: str, daemon: Daemon) -> None:
        socket, vici = self.socket(namespace), self.vici(namespace)
        deadline = time.monotonic() + READY_WITHIN
        while not (socket.exists() and vici.answers(timeout=READY_WITHIN)):
            if not processes.alive(daemon):
                processes.reap(daemon.pid)
                raise DriverError(f"charon in {namespace} ended while starting. {self._last_words(namespace)}")
            if time.monotonic() > deadline:
                processes.stop(daemon, patience=0.5)
                raise DriverError(
                    f"charon in {namespace} was not ready within {READY_WITHIN:.0f} s. {self._last_words(namespace)}"
                )
            time.sleep(_POLL)

    def _last_words(self, namespace: str) -> str:
        try:
            lines = self.log_file(namespace).read_bytes()[-2000:].decode("utf-8", "replace").split("\n")
        except FileNotFoundError:
            return "It left no log."
        return "It said last: " + " | ".join(line for line in lines if line)[-500:]

    def stop(self, namespace: str) -> None:
        """End every charon that runs for this endpoint. Its TUN goes with it.

        Raises:
            DriverError: one is still there.
        """
        for running in self.running((namespace,)).get(namespace, []):
            if self._known.get(namespace) == running.daemon:
                self._ending.add(running.daemon)
            processes.stop(running.daemon)
        self.socket(namespace).unlink(missing_ok=True)

    def forget(self, namespace: str) -> None:
        """Remove an ended charon's files, the placeholder of its TUN, and SAs that it left; the log stays."""
        directory = self._directory(namespace)
        try:
            plane = data_plane_of((directory / _SETTINGS).read_text())
        except FileNotFoundError:
            plane = DataPlane.LIBIPSEC
        for file in (directory / _SETTINGS, self.socket(namespace)):
            file.unlink(missing_ok=True)
        with suppress(OSError):  # gone already, or something of somebody else's is in it
            directory.rmdir()
        links.clear(namespace)
        if plane is DataPlane.KERNEL:
            sas.flush(namespace)
        cgroups.remove_limited_group(self._group(namespace))
        with self._guard:
            self._vici.pop(namespace, None)
        self._known.pop(namespace, None)
