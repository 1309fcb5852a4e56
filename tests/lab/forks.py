"""landbridge's commands without their imports, for an emulated processor, where those take twenty seconds each.

`python forks.py SOCKET` imports everything once; each command is a fork of it. What a command does is the same, to the
mounts that `ip netns exec` makes; only the interpreter's start is left out, which the ordinary suite has.
"""

from __future__ import annotations

import array
import atexit
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

LANDBRIDGE = str(Path(sys.executable).with_name("landbridge"))
START_WITHIN = 600.0
_LIBC = ctypes.CDLL(None, use_errno=True)
_ROOM = 4000
"""Bytes of command line that a fork can show in /proc: the server's own command line is made that long."""
_ARGUMENTS = 47
"""Where in /proc/self/stat the command line's first and last address are, counted from 0 (proc(5))."""
_CLONE_NEWNS, _CLONE_NEWNET = 0x20000, 0x40000000
_MS_REC_SLAVE, _MNT_DETACH = 0x4000 | 0x80000, 2
_STREAMS = 3


def forkable(argv: Sequence[str]) -> bool:
    """Whether it is a command of landbridge's, in a namespace or not, and this is where such commands are forked."""
    return os.environ.get("LANDBRIDGE_IN_VM") == "1" and LANDBRIDGE in (argv[0], *argv[4:5])


class Forked:
    """A command that runs; the part of subprocess.Popen that is used here."""

    def __init__(self, argv: Sequence[str], stdin: int, stdout: int, stderr: int) -> None:
        self.args = list(argv)
        self.returncode: int | None = None
        namespace = argv[3] if argv[0] != LANDBRIDGE else None
        words = argv[argv.index(LANDBRIDGE) + 1 :]
        asked = json.dumps({"argv": words, "namespace": namespace, "folder": os.getcwd()}).encode()
        descriptors = array.array("i", [stdin, stdout, stderr])
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.connect(_server())
        self._line.sendmsg([asked], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
        self.pid = int(self._line.recv(64))

    def poll(self) -> int | None:
        """The exit code once it has ended, as Popen has it."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; the exit code."""
        if self.returncode is None:
            self._line.settimeout(timeout)
            try:
                self.returncode = int(self._line.recv(64))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def run(argv: Sequence[str], timeout: float, stdin: str | None) -> subprocess.CompletedProcess[str]:
    """A command to its end, and what it said."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained, tempfile.TemporaryFile() as told:
        told.write((stdin or "").encode())
        told.seek(0)
        process = Forked(argv, told.fileno(), said.fileno(), complained.fileno())
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        said.seek(0)
        complained.seek(0)
        return subprocess.CompletedProcess(list(argv), code, said.read().decode(), complained.read().decode())


@cache
def _server() -> str:
    folder = tempfile.mkdtemp(prefix="forks-")
    path = f"{folder}/socket"
    # Not of the group that an interrupt is sent to: the tests' ends still need commands.
    command = (sys.executable, __file__, path, " " * _ROOM)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
    atexit.register(_end, server, folder)
    end = time.monotonic() + START_WITHIN
    while not os.path.exists(path):
        assert server.poll() is None, "the process that commands are forked from has ended"
        assert time.monotonic() < end, f"nothing to fork commands from within {START_WITHIN:g} s"
        time.sleep(0.05)
    return path


def _end(server: subprocess.Popen[bytes], folder: str) -> None:
    server.terminate()
    server.wait()
    for name in os.listdir(folder):
        os.unlink(f"{folder}/{name}")
    os.rmdir(folder)


# the process that is forked


def _import_all() -> None:
    import landbridge
    import landbridge.wiring  # first: it leaves out parts of libraries

    for module in pkgutil.walk_packages(landbridge.__path__, "landbridge."):
        if not module.name.endswith("__main__") and ".migrations." not in module.name:
            importlib.import_module(module.name)
    from landbridge.api.aws.model import EC2, service

    service(EC2)
    for lazy in ("rich.console", "rich.tree", "sqlalchemy.dialects.sqlite", "cryptography.fernet", "alembic.command"):
        importlib.import_module(lazy)


def serve(path: str) -> None:
    """Fork commands until told to end."""
    _import_all()
    gc.collect()
    gc.freeze()
    selector = selectors.DefaultSelector()
    wake, bell = socket.socketpair()
    for end in (wake, bell):
        end.setblocking(False)
    signal.set_wakeup_fd(bell.fileno())
    ending = False

    def on_end(*_: object) -> None:
        nonlocal ending
        ending = True

    signal.signal(signal.SIGTERM, on_end)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(f"{path}.new")
    listener.listen(16)
    os.rename(f"{path}.new", path)
    selector.register(listener, selectors.EVENT_READ)
    selector.register(wake, selectors.EVENT_READ)
    lines: dict[int, socket.socket] = {}
    while not ending:
        for key, _ in selector.select():
            if key.fileobj is listener:
                line, _ = listener.accept()
                pid = _fork(line, [listener, wake, bell, *lines.values()])
                lines[pid] = line
                with suppress(OSError):
                    line.send(str(pid).encode())
            else:
                with suppress(BlockingIOError):
                    wake.recv(4096)
                _reap(lines)


def _reap(lines: dict[int, socket.socket]) -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
            line = lines.pop(ended[0], None)
            if line is not None:
                with suppress(OSError):  # nobody waits for it any more
                    line.send(str(os.waitstatus_to_exitcode(ended[1])).encode())
                line.close()


def _fork(line: socket.socket, others: Sequence[socket.socket]) -> int:
    room = socket.CMSG_SPACE(_STREAMS * array.array("i").itemsize)
    asked, extra, _, _ = line.recvmsg(1 << 16, room)
    streams = array.array("i")
    streams.frombytes(extra[0][2])
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            for target, source in enumerate(streams):
                os.dup2(source, target)
                os.close(source)
            for each in (line, *others):
                each.close()
            status = _command(json.loads(asked))
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    for stream in streams:
        os.close(stream)
    return pid


def _command(asked: dict[str, Any]) -> int:
    from landbridge.cli import main

    os.chdir(asked["folder"])
    if asked["namespace"] is not None:
        _enter(asked["namespace"])
    sys.argv = [LANDBRIDGE, *asked["argv"]]
    _show_as(sys.argv)
    return main()


def _show_as(argv: Sequence[str]) -> None:
    """Have this command line in /proc, by which processes are found that should not be there any more."""
    stat = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    first, last = (int(stat[_ARGUMENTS - 2 + more]) for more in (0, 1))
    shown = b"".join(word.encode() + b"\0" for word in argv)[: last - first]
    ctypes.memset(first, 0, last - first)
    ctypes.memmove(first, shown, len(shown))


def _enter(namespace: str) -> None:
    """What `ip netns exec` does (iproute2, lib/namespace.c)."""
    with open(f"/run/netns/{namespace}") as handle:
        _checked(_LIBC.setns(handle.fileno(), _CLONE_NEWNET))
    _checked(_LIBC.unshare(_CLONE_NEWNS))
    _checked(_LIBC.mount(b"", b"/", b"none", ctypes.c_ulong(_MS_REC_SLAVE), None))
    _checked(_LIBC.umount2(b"/sys", _MNT_DETACH))
    _checked(_LIBC.mount(namespace.encode(), b"/sys", b"sysfs", ctypes.c_ulong(0), None))


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    serve(sys.argv[1])
