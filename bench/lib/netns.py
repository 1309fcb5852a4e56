"""Network namespaces by hand: `ip`, sockets opened inside, and daemons that end with the benchmark."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


def run(*command: str, text: str | None = None) -> str:
    """A command's output.

    Raises:
        RuntimeError: it failed; the message has its words.
    """
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def ip(namespace: str, *lines: str) -> None:
    """`ip` commands in a namespace, in one process."""
    run("ip", "-n", namespace, "-batch", "-", text="\n".join(lines) + "\n")


def add(namespace: str) -> None:
    """A namespace that forwards, without reverse path filters."""
    run("ip", "netns", "add", namespace)
    ip(namespace, "link set lo up")
    run(
        *("ip", "netns", "exec", namespace, "sysctl", "-qw", "net.ipv4.ip_forward=1"),
        *("net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0"),
    )


def delete(namespaces: Sequence[str]) -> None:
    """Remove those that exist."""
    for name in namespaces:
        if Path("/run/netns", name).exists():
            subprocess.run(["ip", "netns", "delete", name], check=False)


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Within, this thread makes its sockets in the namespace. It is back home afterwards."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        there = os.open(f"/run/netns/{namespace}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(there)
        finally:
            os.close(there)
        try:
            yield
        finally:
            _enter(home)
    finally:
        os.close(home)


def _enter(handle: int) -> None:
    if _LIBC.setns(handle, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def udp(namespace: str, address: str, port: int) -> socket.socket:
    """A UDP socket in a namespace."""
    with inside(namespace):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, port))
    made.setblocking(False)
    return made


def stop(process: subprocess.Popen[bytes], patience: float = 2.0) -> None:
    """End a daemon of ours, gently and then not."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return
        process.kill()
    process.wait()


def pss(pid: int) -> float:
    """Megabytes of memory that a process uses, its share of shared pages included."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no Pss")


def busy_seconds() -> float:
    """Processor time of the whole machine, interrupts included, whoever used it."""
    fields = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8]))  # not what was stolen
    idle, waiting = fields[3], fields[4]
    return (sum(fields) - idle - waiting) / os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Processor time that a process (all its threads) has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
