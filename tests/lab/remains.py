"""What an instance of landbridge has on this machine: after a purge it should be nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from shell import alive, namespaces


def of(instances: Iterable[str], names: Iterable[str], folder: Path) -> set[str]:
    """Namespaces (by instance id or by these names), living processes, run folders, mounts, control groups."""
    ids, named = set(instances), set(names)
    found = {f"namespace {name}" for name in namespaces() if name in named or _of(name, ids)}
    found |= {f"folder /run/landbridge/{one}" for one in ids if Path("/run/landbridge", one).exists()}
    needles = [str(folder).encode(), *(f"/run/landbridge/{one}".encode() for one in ids)]
    found |= {f"process {pid}: {what}" for pid, what in processes(needles)}
    mounts = Path("/proc/self/mountinfo").read_text()
    found |= {f"a mount of {one}" for one in ids if f"lb-{one}-" in mounts or f"/landbridge/{one}" in mounts}
    found |= {f"control group {path}" for path in _groups() if _of(path.rpartition("/")[2], ids)}
    if folder.exists():
        found.add(f"folder {folder}")
    return found


def _of(name: str, ids: set[str]) -> bool:
    return any(one in name.split("-") for one in ids)


def processes(needles: list[bytes]) -> list[tuple[int, str]]:
    """Living processes whose command line or environment names one of these."""
    found = []
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue  # it ended meanwhile
        if pid != os.getpid() and any(needle in command + environment for needle in needles) and alive(pid):
            found.append((pid, command.replace(b"\0", b" ").decode(errors="replace")[:120]))
    return found


def _groups() -> list[str]:
    return [folder for folder, _, _ in os.walk("/sys/fs/cgroup") if "lb-" in folder or "landbridge" in folder]
