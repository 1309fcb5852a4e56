"""Become a command inside a named network namespace, as `ip netns exec` does."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Sequence
from typing import Final, NoReturn

from landbridge.drivers.netlink.inside import CLONE_NEWNET, open_namespace, system_call
from landbridge.reconcile.driver import DriverError

_CLONE_NEWNS: Final = 0x20000
_MS_REC: Final = 0x4000
_MS_SLAVE: Final = 0x80000
_MNT_DETACH: Final = 0x2


def run_in(namespace: str, argv: Sequence[str]) -> NoReturn:
    """Replace this process by the command, inside the namespace. Returns only by raising.

    The command gets a private copy of the mounts, so that /sys/class/net shows the namespace's links.

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
