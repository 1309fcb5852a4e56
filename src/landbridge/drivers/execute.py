"""Become a command inside a named network namespace, as `ip netns exec` does."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from landbridge.drivers.netlink.inside import CLONE_NEWNET, open_namespace, system_call
from landbridge.model.resolver import Resolver
from landbridge.reconcile.driver import DriverError

_CLONE_NEWNS: Final = 0x20000
_MS_REC: Final = 0x4000
_MS_SLAVE: Final = 0x80000
_MNT_DETACH: Final = 0x2
_MS_BIND: Final = 0x1000
_RESOLV_CONF: Final = "/etc/resolv.conf"


def run_in(namespace: str, argv: Sequence[str], resolver: Resolver | None = None) -> NoReturn:
    """Replace this process by the command, inside the namespace. Returns only by raising.

    The command gets a private copy of the mounts, so that /sys/class/net shows the namespace's links, and so that
    `resolver` can take the place of the machine's resolv.conf. Nothing of that is ever seen or left outside of it.

    Raises:
        NamespaceMissing: there is none of that name.
        DriverError: the command was not found or cannot be run, or this process may not do that (it needs root).
    """
    if not argv:
        raise DriverError("There is no command to run: name one after `--`")
    target = open_namespace(namespace)
    try:
        system_call("setns", target, CLONE_NEWNET)
        system_call("unshare", _CLONE_NEWNS)
        system_call("mount", b"", b"/", b"none", ctypes.c_ulong(_MS_SLAVE | _MS_REC), None)
        system_call("umount2", b"/sys", _MNT_DETACH)
        if resolver is not None:
            _cover_resolv_conf(resolver)
        system_call("mount", namespace.encode(), b"/sys", b"sysfs", ctypes.c_ulong(0), None)
    except OSError as error:
        raise DriverError(
            f"The network namespace '{namespace}' could not be entered ({error.strerror}): this needs root"
        ) from error
    finally:
        os.close(target)
    # Python ignores SIGPIPE, and what is ignored stays so in the command.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execvp(argv[0], list(argv))  # noqa: S606 - the user's own command, as they typed it
    except OSError as error:
        raise DriverError(f"'{argv[0]}' could not be run: {error.strerror}") from error


def _cover_resolv_conf(resolver: Resolver) -> None:
    """Mount a resolv.conf over the machine's. The text's own file system is mounted at /sys, which is free just now,
    and only its file stays when the name goes: as long as somebody sees it, nowhere on a disk.
    """
    try:
        machines = Path(_RESOLV_CONF).read_text(errors="replace")
    except FileNotFoundError:
        # A program that asks no names need not do without the command.
        print(
            f"landbridge: this machine has no {_RESOLV_CONF}, so the instance's name servers cannot be shown in its "
            "place. Make an empty one.",
            file=sys.stderr,
        )
        return
    made = Path("/sys/resolv.conf")
    system_call("mount", b"resolv.conf", b"/sys", b"tmpfs", ctypes.c_ulong(0), b"mode=0755,size=64k")
    made.write_text(resolver.text(machines))
    made.chmod(0o644)
    system_call("mount", bytes(made), _RESOLV_CONF.encode(), b"none", ctypes.c_ulong(_MS_BIND), None)
    system_call("umount2", b"/sys", _MNT_DETACH)
