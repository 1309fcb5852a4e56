"""BIRD as a process: started in a namespace without more rights than it needs, found again with no memory, ended.

It runs as the user `bird`, which keeps four capabilities (net_admin, net_bind_service, net_broadcast, net_raw). The
directories above its own are closed to that user, so it is started in its own one and given relative names. It can
read there and write nothing: the control socket is made before it gives up being root, and root never trusts a file
that it could have made.

Found again by the listener of its control socket, else by the pid noted beside it; believed only if its environment
names the directory. A process in state Z is dead.
"""

from __future__ import annotations

import grp
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from landbridge.desired.objects import HERE
from landbridge.drivers import processes
from landbridge.drivers.bird.control import ANSWER_WITHIN, Control, ControlError, listener
from landbridge.drivers.bird.echo import Echo
from landbridge.drivers.netlink.inside import path_of
from landbridge.drivers.processes import Daemon, Launch
from landbridge.reconcile.driver import DriverError

MARK: Final = "LANDBRIDGE_SPEAKER"
USER: Final = "bird"
_PROGRAM: Final = "bird"
CONFIGURATION: Final = "bird.conf"
SOCKET: Final = "bird.ctl"
_CANDIDATE: Final = "bird.conf.new"
_PID: Final = "bird.pid"
_FILES: Final = (CONFIGURATION, SOCKET, _CANDIDATE, _PID)
# Four that BIRD keeps, and four to become the user and to hand it the socket.
_CAPABILITIES: Final = (
    "net_admin",
    "net_bind_service",
    "net_broadcast",
    "net_raw",
    "chown",
    "fowner",
    "setgid",
    "setuid",
)
_HERE_DIRECTORY: Final = "here"
_START_WITHIN: Final = 10.0
_LEAVE_WITHIN: Final = 3.0


@dataclass(frozen=True, slots=True)
class Found:
    """A living BIRD. `home`: it is in the namespace that has the name now, not in a deleted one of that name."""

    daemon: Daemon
    home: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where the files of one namespace's BIRD are."""

    namespace: str
    run: Path
    logs: Path
    within: float = ANSWER_WITHIN
    """Seconds that BIRD has for an answer."""

    @property
    def socket(self) -> Path:
        """The control socket."""
        return self.run / SOCKET

    @property
    def log(self) -> Path:
        """What BIRD says."""
        return self.logs / "bird.log"

    def configured(self) -> bool:
        """Whether there is, or was, a BIRD here."""
        return (self.run / CONFIGURATION).exists()

    def configuration(self) -> str:
        """The configuration of the BIRD that is, or was, here; empty without one."""
        try:
            return (self.run / CONFIGURATION).read_text("ascii")
        except FileNotFoundError:
            return ""

    def control(self) -> Control:
        """A connection to the BIRD here."""
        return Control(self.socket, within=self.within)

    def echo(self) -> Echo:
        """A connection that hears what the BIRD here says of its own accord."""
        return Echo(self.socket, within=self.within)

    def write_candidate(self, text: str) -> str:
        """Put a configuration beside the one in force; the name that BIRD knows it by."""
        group = _group()
        self.run.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.run.mkdir(mode=0o750, exist_ok=True)
        os.chown(self.run, 0, group)
        os.chmod(self.run, 0o750)  # noqa: S103 - BIRD's group may read, nobody else
        path = self.run / _CANDIDATE
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        with open(handle, "w", encoding="ascii") as file:
            os.fchown(handle, 0, group)
            os.fchmod(handle, 0o640)  # whatever our umask is
            file.write(text)
        return _CANDIDATE

    def accept_candidate(self) -> None:
        """Make the candidate the configuration."""
        os.replace(self.run / _CANDIDATE, self.run / CONFIGURATION)

    def refuse_candidate(self) -> None:
        """Take the candidate away."""
        (self.run / _CANDIDATE).unlink(missing_ok=True)

    def find(self) -> Found | None:
        """The BIRD that runs here, if one does."""
        for pid in (listener(self.socket) if self.socket.exists() else None, self._noted()):
            found = processes.examine(pid, _PROGRAM, str(self.run)) if pid is not None else None
            if found is not None:
                home = found.network == processes.namespace_inode(self.namespace)
                return Found(found.daemon, home=home)
        return None

    def start(self, *, recover: bool) -> Daemon:
        """Start BIRD with the configuration that is here and wait until it answers.

        With `recover` (`bird -R`) the kernel's routes stay as they are until the neighbours have told theirs again.

        Raises:
            DriverError: it did not start; with its own words.
        """
        _group()
        said = self.log.stat().st_size if self.log.exists() else 0
        daemon = processes.start(
            Launch(
                command=(
                    _PROGRAM,
                    *("-f", "-u", USER, "-g", USER, "-c", CONFIGURATION, "-s", SOCKET),
                    *(("-R",) if recover else ()),
                ),
                namespace=self.namespace,
                log=self.log,
                environment={MARK: str(self.run / CONFIGURATION), "TZ": "UTC"},
                capabilities=_CAPABILITIES,
                directory=self.run,
            )
        )
        deadline = monotonic() + _START_WITHIN
        while processes.alive(daemon) and monotonic() < deadline:
            if listener(self.socket) == daemon.pid:
                with suppress(ControlError), self.control() as control:
                    control.status()
                    _replace(self.run / _PID, f"{daemon.pid}\n")
                    return daemon
            sleep(0.002)
        processes.stop(daemon)
        words = self._last_words(said) or "it said nothing"
        raise DriverError(f"BIRD did not start in {_called(self.namespace)}: {words}")

    def end(self, found: Found, *, kindly: bool) -> None:
        """End it; kindly, it takes leave of its neighbours, who forget its routes at once.

        Raises:
            DriverError: it lives on.
        """
        if kindly:
            with suppress(ControlError), self.control() as control:
                control.command("down")
                deadline = monotonic() + _LEAVE_WITHIN
                while processes.alive(found.daemon) and monotonic() < deadline:
                    sleep(0.005)
        processes.stop(found.daemon)

    def remove(self) -> None:
        """Take the run files away; the log stays."""
        for name in _FILES:
            (self.run / name).unlink(missing_ok=True)
        try:
            self.run.rmdir()
        except OSError:
            # Somebody else's files are here, or nothing is.
            return

    def _noted(self) -> int | None:
        try:
            text = (self.run / _PID).read_text()
        except FileNotFoundError:
            return None
        return int(text) if text.strip().isdigit() else None

    def _last_words(self, since: int) -> str:
        with self.log.open("rb") as log:
            log.seek(since)
            return " ".join(log.read(2000).decode("utf-8", "replace").split())


def place_of(namespace: str, run_dir: Path, log_dir: Path, within: float = ANSWER_WITHIN) -> Place:
    """Where the BIRD of a namespace has its files."""
    if namespace != HERE:
        path_of(namespace)
    name = namespace or _HERE_DIRECTORY
    return Place(namespace, (run_dir / name).absolute(), (log_dir / name).absolute(), within)


def _called(namespace: str) -> str:
    return f"the namespace '{namespace}'" if namespace != HERE else "this namespace"


def namespace_of(run: Path) -> str:
    """Whose BIRD has its files there."""
    return HERE if run.name == _HERE_DIRECTORY else run.name


def _group() -> int:
    try:
        return grp.getgrnam(USER).gr_gid
    except KeyError as error:
        raise DriverError(
            f"The user '{USER}' does not exist: install Debian's package bird2, which makes it"
        ) from error


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    with open(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)
