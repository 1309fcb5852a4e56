"""Daemons that outlive the service: started in a network namespace, found again by what they are, watched, stopped.

A daemon gets its own session, /dev/null to read from, a log file to write to and nothing else of ours: when the service
is killed, the daemon notices nothing. Nor is anything about it kept: a service with no memory recognises its daemons by
their executable, their run directory (in the environment or on the command line) and their network namespace.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from select import POLLIN, poll
from typing import Final

from landbridge.drivers import cgroups
from landbridge.drivers.netlink.inside import inside, path_of
from landbridge.reconcile.driver import DriverError

SEARCH: Final = os.pathsep.join(("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"))

# No core files (they would hold keys); into the memory group before anything is allocated; ahead of other work on the
# processor, landbridge's own too (its groups are sessions where nobody made others); then become the daemon.
_WRAPPER: Final = (
    'ulimit -c 0; [ -z "$1" ] || echo $$ > "$1/cgroup.procs"; shift; '
    "{ echo -10 > /proc/self/autogroup; renice -n -10 $$; } > /dev/null 2>&1; "
    'exec "$@"'
)

_FOR_OTHERS: Final = 1 << 5 | 1 << 19
"""CAP_KILL and CAP_SYS_PTRACE (linux/capability.h)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What is to run. `command[0]` is a program name or path; `environment` is all it gets besides PATH."""

    command: tuple[str, ...]
    namespace: str
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ("net_admin", "net_bind_service", "net_raw")
    """The bounding set, in setpriv's names."""
    memory_limit: int | None = None
    """Bytes, enforced where cgroups allow."""
    group: str = ""
    """A unique name for the memory group."""
    directory: Path = Path("/")
    """Where it starts: a daemon that gives up root cannot reach names below directories that are closed to it."""
    user: int | None = None
    """The uid, and gid, that it has from the start, with its capabilities, where we could find and end it then; None:
    root's."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """A running process: its pid, and when it started (clock ticks since boot): pids come again."""

    pid: int
    started: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A process that runs the wanted program, with what recognises it."""

    daemon: Daemon
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    network: int
    """The inode of its network namespace."""


def program(name: str) -> str:
    """The path of an executable.

    Raises:
        DriverError: it is not installed.
    """
    path = shutil.which(name, path=SEARCH)
    if path is None:
        raise DriverError(f"The program {name} is missing; install the package that has it and try again.")
    return path


def namespace_inode(namespace: str) -> int | None:
    """What identifies a network namespace while it exists; None when there is none of this name."""
    try:
        return os.stat(path_of(namespace)).st_ino
    except FileNotFoundError:
        return None


def _stat(pid: int) -> tuple[str, int] | None:
    """State letter and start time; None when there is no such process."""
    try:
        text = _raw(f"/proc/{pid}/stat").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[19])


def alive(daemon: Daemon) -> bool:
    """Whether it still runs. A zombie does not: whoever should have reaped it may never do so (traps 28)."""
    now = _stat(daemon.pid)
    return now is not None and now[0] not in "ZX" and now[1] == daemon.started


def _restrictions(capabilities: tuple[str, ...], user: int | None) -> tuple[str, ...]:
    """What setpriv is told, as far as it may do that here: some containers withhold CAP_SETPCAP, or CAP_SETUID."""
    names = ",".join(("-all", *(f"+{name}" for name in capabilities)))
    bounded = ("--bounding-set", names, "--no-new-privs")
    if user is not None and _reaches_others():
        own = (f"--reuid={user}", f"--regid={user}", "--clear-groups", "--inh-caps", names, "--ambient-caps", names)
        if _permitted((*own, *bounded)):
            return (*own, *bounded)
    return bounded if _permitted(bounded) else ()


@cache
def _reaches_others() -> bool:
    """Whether processes of other users can be looked at (for what they run, and where) and ended.

    Root may do neither where a container withholds CAP_SYS_PTRACE or CAP_KILL.
    """
    [held] = (line.split()[1] for line in _raw("/proc/self/status").decode().splitlines() if line.startswith("CapEff:"))
    return int(held, 16) & _FOR_OTHERS == _FOR_OTHERS


@cache
def _permitted(words: tuple[str, ...]) -> bool:
    command = ["setpriv", *words, "true"]
    return subprocess.run(command, capture_output=True, check=False, timeout=10).returncode == 0


# Children have to be reaped by whoever started them, whichever object that was.
_children: dict[int, subprocess.Popen[bytes]] = {}
_children_lock = threading.Lock()


def reap(pid: int) -> None:
    """Collect the exit status of a child of ours that has ended. Other processes are left alone."""
    with _children_lock:
        child = _children.get(pid)
        if child is not None and child.poll() is not None:
            del _children[pid]


def start(launch: Launch) -> Daemon:
    """Start a daemon; it runs its program shortly after. Whether it gets ready is for the caller to see.

    Raises:
        DriverError: a program or the namespace is missing, or the system refuses another process.
    """
    executable = program(launch.command[0])
    group = None
    if launch.memory_limit is not None and launch.group:
        group = cgroups.limited_group(launch.group, launch.memory_limit)
    command = ["/bin/sh", "-c", _WRAPPER, "sh", str(group or "")]
    restrictions = _restrictions(launch.capabilities, launch.user)
    if restrictions:
        command += [program("setpriv"), *restrictions, "--"]
    command += [executable, *launch.command[1:]]
    try:
        launch.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = os.open(launch.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with inside(launch.namespace):
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={"PATH": SEARCH, **launch.environment},
                    cwd=launch.directory,
                    umask=0o077,
                    start_new_session=True,
                )
        finally:
            os.close(log)
    except (OSError, DriverError) as error:
        if group is not None:
            cgroups.remove_group(group)
        if isinstance(error, DriverError):
            raise
        raise DriverError(f"{launch.command[0]} could not be started: {error.strerror or error}.") from error
    with _children_lock:
        _children[child.pid] = child
    now = _stat(child.pid)
    assert now is not None, "a child that nobody has waited for is at least a zombie"
    return Daemon(child.pid, now[1])


def _raw(path: str) -> bytes:
    # Read for every daemon in every look at /proc: without Python's file layers it takes a third of the time.
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(handle, 1 << 16):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(handle)


def _strings(raw: bytes) -> tuple[str, ...]:
    return tuple(part.decode(errors="surrogateescape") for part in raw.split(b"\0") if part)


def examine(pid: int, executable: str, run_dir: str) -> Found | None:
    """The process, if it is one of ours; None if not, or if it ended while being looked at."""
    try:
        running = os.path.basename(os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)"))
        if running != executable:
            return None
        command, environ = _raw(f"/proc/{pid}/cmdline"), _raw(f"/proc/{pid}/environ")
        # Most that run the program are others': they are told apart before anything is taken to pieces.
        mark = f"{run_dir}/".encode()
        if mark not in command and mark not in environ:
            return None
        arguments, variables = _strings(command), _strings(environ)
        network = os.stat(f"/proc/{pid}/ns/net").st_ino
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    now = _stat(pid)
    if now is None or now[0] in "ZX":
        return None
    environment = dict(variable.split("=", 1) for variable in variables if "=" in variable)
    return Found(daemon=Daemon(pid, now[1]), arguments=arguments, environment=environment, network=network)


def find(executable: str, run_dir: Path) -> Iterator[Found]:
    """Running processes of this program that belong to this run directory, by the evidence in /proc alone."""
    for entry in os.listdir("/proc"):
        if entry.isdecimal() and (found := examine(int(entry), executable, str(run_dir))) is not None:
            yield found


def look(daemon: Daemon, executable: str, run_dir: Path) -> Found | None:
    """What `find` would say of this one process; None when it has ended."""
    found = examine(daemon.pid, executable, str(run_dir))
    return found if found is not None and found.daemon == daemon else None


def _ended(handle: int, seconds: float) -> bool:
    waiter = poll()
    waiter.register(handle, POLLIN)
    return bool(waiter.poll(seconds * 1000))


def stop(daemon: Daemon, *, patience: float = 2.0) -> None:
    """End a daemon: ask (SIGTERM), and when it has not gone within `patience` seconds, insist (SIGKILL).

    Raises:
        DriverError: it is still there.
    """
    group = cgroups.group_of(daemon.pid)
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(daemon.pid)
        try:
            if alive(daemon):
                for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 10.0)):
                    signal.pidfd_send_signal(handle, number)
                    if _ended(handle, seconds):
                        break
                else:
                    raise DriverError(f"Process {daemon.pid} is still there 10 s after SIGKILL; the kernel holds it.")
        finally:
            os.close(handle)
    reap(daemon.pid)
    if group is not None:
        cgroups.remove_group(group)
