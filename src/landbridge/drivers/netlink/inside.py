"""Being inside a network namespace for a moment: the calling thread enters, does what is to be done there, and returns.

A network namespace belongs to a thread, so nobody else in the process notices. What is opened inside (a socket, a file
of /proc/sys/net) stays in that namespace, and so does a process started there. Entering and leaving takes about 10 us.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from landbridge.desired.objects import HERE
from landbridge.reconcile.driver import DriverError

RUN_DIRECTORY: Final = "/run/netns"
"""Where `ip netns` keeps the named namespaces (ip-netns(8))."""

CLONE_NEWNET: Final = 0x40000000
_NS_GET_NSTYPE: Final = 0xB703  # ioctl_ns(2)
_OWN: Final = "/proc/thread-self/ns/net"

libc: Final = ctypes.CDLL(None, use_errno=True)


class NamespaceMissing(DriverError):
    """There is no network namespace of that name."""

    def __init__(self, namespace: str) -> None:
        super().__init__(f"The network namespace '{namespace}' does not exist")
        self.namespace = namespace


def system_call(name: str, *arguments: object) -> None:
    """Call a function of libc that answers -1 on failure.

    Raises:
        OSError: with the errno that it set.
    """
    if getattr(libc, name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def path_of(namespace: str) -> str:
    """The file that stands for a namespace; HERE is the calling thread's own."""
    if namespace == HERE:
        return _OWN
    if "/" in namespace or namespace in (".", ".."):
        raise ValueError(f"'{namespace}' is not a name of a network namespace")
    return f"{RUN_DIRECTORY}/{namespace}"


def open_namespace(namespace: str) -> int:
    """A file descriptor of the namespace; the caller closes it.

    Raises:
        NamespaceMissing: no such name, or only the empty file that an interrupted `ip netns add` leaves behind.
    """
    try:
        handle = os.open(path_of(namespace), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NamespaceMissing(namespace) from error
    try:
        if fcntl.ioctl(handle, _NS_GET_NSTYPE) == CLONE_NEWNET:
            return handle
    except OSError as error:
        if error.errno != errno.ENOTTY:
            os.close(handle)
            raise
    os.close(handle)
    raise NamespaceMissing(namespace)


def exists(namespace: str) -> bool:
    """Whether there is such a namespace (HERE always is)."""
    try:
        os.close(open_namespace(namespace))
    except NamespaceMissing:
        return False
    return True


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Run the block inside the namespace. Not to be held over an `await`: it is the thread that moves.

    Threads and processes started in the block are born in the namespace and stay there: start no thread pool in it.

    Raises:
        NamespaceMissing: there is none of that name.
    """
    if namespace == HERE:
        yield
        return
    target = open_namespace(namespace)
    try:
        home = open_namespace(HERE)
        try:
            system_call("setns", target, CLONE_NEWNET)
            yield
        finally:
            system_call("setns", home, CLONE_NEWNET)
            os.close(home)
    finally:
        os.close(target)
