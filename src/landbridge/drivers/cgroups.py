"""A memory limit per daemon, where the machine has a memory controller that we may use.

cgroup v1: a group below our own. cgroup v2: the same, provided that our own group hands the memory controller down
(systemd: `Delegate=memory` and the service itself in a subgroup). Elsewhere daemons run without a limit: RLIMIT_AS
would count the stacks of threads that are never touched, and the kernel knows no other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

PREFIX: Final = "landbridge-"
"""Every group of ours starts with it; only such groups are ever removed."""


def _mounts() -> Iterator[tuple[str, str, str]]:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split(" ")
        yield where, kind, options


def _own(process: str, controller: str) -> str | None:
    """The process's path in the hierarchy of this controller ("" = v2)."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controller in controllers.split(","):
                return path
    return None


def _hierarchies() -> Iterator[tuple[Path, str, str]]:
    """(mount point, controller as /proc/PID/cgroup names it, file that limits) of hierarchies that limit memory."""
    for where, kind, options in _mounts():
        if kind == "cgroup" and "memory" in options.split(","):
            yield Path(where), "memory", "memory.limit_in_bytes"
        elif kind == "cgroup2":
            yield Path(where), "", "memory.max"


def limited_group(name: str, limit: int) -> Path | None:
    """A group `landbridge-NAME` that holds its processes to `limit` bytes; None where this cannot be had."""
    for mount, controller, limit_file in _hierarchies():
        own = _own("self", controller)
        if own is None:
            continue
        group = mount / own.lstrip("/") / (PREFIX + name)
        try:
            group.mkdir(exist_ok=True)
            (group / limit_file).write_text(str(limit))
        except OSError:
            with suppress(OSError):
                group.rmdir()
            continue
        return group
    return None


def group_of(pid: int) -> Path | None:
    """The group of ours that this process is in."""
    for mount, controller, _ in _hierarchies():
        own = _own(str(pid), controller)
        if own is not None and os.path.basename(own).startswith(PREFIX):
            return mount / own.lstrip("/")
    return None


def remove_limited_group(name: str) -> None:
    """Remove the group that `limited_group` made, if it is there and empty (its daemon may have died by itself)."""
    for mount, controller, _ in _hierarchies():
        own = _own("self", controller)
        if own is not None:
            remove_group(mount / own.lstrip("/") / (PREFIX + name))


def remove_group(group: Path) -> None:
    """Remove a group once its last process has gone. One that is in use again stays."""
    with suppress(OSError):
        group.rmdir()
