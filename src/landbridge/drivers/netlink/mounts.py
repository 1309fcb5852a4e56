"""Where named namespaces have to be mounted so that everybody sees them.

`ip netns exec` gives its command a private copy of the mounts that only listens to the host's (a slave, see
mount_namespaces(7)). A namespace mounted from in there would be known to that command alone. So a name is always given,
and taken away, in the mount namespace that the copy listens to: by a thread of its own that enters it and then ends.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from landbridge.drivers.netlink.inside import RUN_DIRECTORY, system_call
from landbridge.reconcile.driver import DriverError

_CLONE_FS: Final = 0x200
_CLONE_NEWNS: Final = 0x20000
T = TypeVar("T")

_LOCK: Final = threading.Lock()
_kept: int | None = None


@dataclass(frozen=True, slots=True)
class Propagation:
    """A mount and who hears of mounts below it: its peer group (0 none) and the group that it listens to (0 none)."""

    path: str
    shared: int
    master: int


def parse(mountinfo: str, path: str) -> Propagation:
    """The mount that `path` is on, out of /proc/PID/mountinfo (proc_pid_mountinfo(5)).

    Raises:
        ValueError: the text has no mount above the path, thus is no mountinfo.
    """
    best: Propagation | None = None
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        point = fields[4]
        if path != point and not path.startswith(point.rstrip("/") + "/"):
            continue
        # Of two mounts on one point the later one covers the earlier.
        if best is None or len(point) >= len(best.path):
            tags = dict(tag.split(":", 1) for tag in fields[6 : fields.index("-")] if ":" in tag)
            best = Propagation(point, int(tags.get("shared", 0)), int(tags.get("master", 0)))
    if best is None:
        raise ValueError(f"no mount above {path}")
    return best


def original() -> int | None:
    """A descriptor of the mount namespace in which names have to be made; None if that is our own.

    It is looked for among PID 1 and our ancestors, and kept once found: a daemon may lose its ancestors later.

    Raises:
        DriverError: our mounts are a copy, and none of those processes could be asked for the original.
    """
    global _kept
    own = parse(Path("/proc/thread-self/mountinfo").read_text(), RUN_DIRECTORY)
    if own.shared or not own.master:
        return None
    with _LOCK:
        for process in () if _kept is not None else _candidates():
            try:
                theirs = parse(Path(f"/proc/{process}/mountinfo").read_text(), RUN_DIRECTORY)
                if theirs.path == own.path and theirs.shared == own.master:
                    _kept = os.open(f"/proc/{process}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
                    break
            except (OSError, ValueError):
                continue  # it ended, or we may not look at it (PID 1 may have capabilities that we have not)
        if _kept is not None:
            return _kept
    raise DriverError(
        f"{RUN_DIRECTORY} is a private copy here, as under `ip netns exec`, and neither PID 1 nor the processes that "
        "started this one give access to the original: start this program with `nsenter --net=/run/netns/NAME` instead"
    )


def _candidates() -> Iterator[int]:
    """PID 1, then our ancestors."""
    yield 1
    process = os.getppid()
    while process > 1:
        yield process
        # The name, in parentheses, may contain spaces and parentheses.
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def outside(work: Callable[[], T]) -> T:
    """Run `work` on a thread of its own, in the mount namespace where names are made; what it raises is raised here."""
    home = original()
    result: list[T] = []
    failure: list[Exception] = []

    def run() -> None:
        try:
            if home is not None:
                # A thread may change its mount namespace only once it shares no root and working directory with others.
                system_call("unshare", _CLONE_FS)
                system_call("setns", home, _CLONE_NEWNS)
            result.append(work())
        except Exception as error:  # noqa: BLE001 - handed over to the caller's thread
            failure.append(error)

    thread = threading.Thread(target=run, name="namespace-names")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return result[0]
