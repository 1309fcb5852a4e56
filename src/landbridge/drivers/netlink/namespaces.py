"""Named network namespaces, as `ip netns` makes them, configured before they get their name."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from landbridge.desired.links import Namespace
from landbridge.desired.objects import HERE, HostObject, Seen
from landbridge.drivers.netlink import decode, marks
from landbridge.drivers.netlink.decode import Link, Message
from landbridge.drivers.netlink.inside import (
    CLONE_NEWNET,
    RUN_DIRECTORY,
    NamespaceMissing,
    exists,
    inside,
    path_of,
    system_call,
)
from landbridge.drivers.netlink.mounts import outside
from landbridge.drivers.netlink.rtnl import LINK_DUMP, Rtnl
from landbridge.reconcile.driver import DriverError

_MS_BIND: Final = 0x1000
_MS_REC: Final = 0x4000
_MS_SHARED: Final = 0x100000
_MNT_DETACH: Final = 0x2
_LOOPBACK: Final = 1
_SYSCTL: Final = "/proc/sys/net"
_FORWARDING: Final = "ipv4/ip_forward"

SETTINGS: Final = {
    # Asymmetric ways are normal here (two tunnels), and rp_filter is the greater of `all` and the link's.
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv4/conf/lo/rp_filter": "0",
    # A router on a stick must neither send its neighbours elsewhere nor be sent.
    "ipv4/conf/all/accept_redirects": "0",
    "ipv4/conf/default/accept_redirects": "0",
    "ipv4/conf/all/send_redirects": "0",
    "ipv4/conf/default/send_redirects": "0",
    "ipv4/conf/all/accept_source_route": "0",
    # Deleting an address must not take its neighbours in the same prefix with it.
    "ipv4/conf/all/promote_secondaries": "1",
    "ipv6/conf/all/disable_ipv6": "1",
    "ipv6/conf/default/disable_ipv6": "1",
    "bridge/bridge-nf-call-iptables": "0",
    "bridge/bridge-nf-call-ip6tables": "0",
    "bridge/bridge-nf-call-arptables": "0",
}
"""Values below /proc/sys/net in every namespace of ours; what the kernel has not (no br_netfilter) is left out."""


def owner_of(rtnl: Rtnl) -> str | None:
    """Whose namespace the socket is in; None if it is not one of landbridge's."""
    return marks.owner_of(decode.link(rtnl.get(Message.GETLINK, _loopback())).alias)


def owned(owner: str) -> list[str]:
    """The named namespaces of that owner."""
    return [name for name in sorted(names()) if _owner_by_name(name) == owner]


def names() -> list[str]:
    """What is in /run/netns, whosever it is."""
    try:
        return os.listdir(RUN_DIRECTORY)
    except FileNotFoundError:
        return []


def read(namespace: str, owner: str, loopback: Link) -> HostObject:
    """The namespace of that owner that has this loopback; `Seen` with the fault if a setting is not as it should be."""
    with inside(namespace):
        item = Namespace(namespace=namespace, owner=owner, forwarding=_read(_FORWARDING) == "1")
        fault = "" if loopback.up else "lo is down"
        for name, value in SETTINGS.items():
            found = _read(name)
            if found not in (value, None):
                fault = f"{name} is {found}"
    return Seen(namespace=namespace, kind=Namespace, what=item.key, fingerprint=fault) if fault else item


def put(wanted: Namespace) -> None:
    """Make the namespace, or bring one of the same owner back into shape.

    Raises:
        DriverError: the name is taken by somebody else's namespace, or the system does not allow it.
    """
    if exists(wanted.namespace):
        with Rtnl(wanted.namespace) as rtnl:
            if owner_of(rtnl) != wanted.owner:
                raise DriverError(
                    f"A network namespace '{wanted.namespace}' exists already and is somebody else's: "
                    f"delete it (`ip netns delete {wanted.namespace}`) or choose another name"
                )
            with inside(wanted.namespace):
                _configure(wanted, rtnl)
        return

    def make() -> None:
        # A name appears only once the namespace carries its mark: a crash leaves nothing that nobody owns.
        system_call("unshare", CLONE_NEWNET)
        with Rtnl(HERE) as rtnl:
            _configure(wanted, rtnl)
        with _directory():
            path = path_of(wanted.namespace)
            # An empty file is what a crash between the two calls leaves; it is in nobody's use and gets mounted over.
            os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o000))
            system_call("mount", b"/proc/thread-self/ns/net", path.encode(), b"none", _MS_BIND, None)

    outside(make)
    if not exists(wanted.namespace):
        raise DriverError(f"The network namespace '{wanted.namespace}' was made but cannot be seen from here")


def drop(namespace: str, owner: str) -> None:
    """Take the name away; the namespace goes with the last process in it.

    Unlinking also detaches the copies of the mount in other mount namespaces (a daemon's private ones).

    Raises:
        DriverError: it is somebody else's.
    """
    if not exists(namespace):
        return
    if _owner_by_name(namespace) != owner:
        raise DriverError(f"The network namespace '{namespace}' is somebody else's and is left alone")

    def remove() -> None:
        path = path_of(namespace)
        try:
            system_call("umount2", path.encode(), _MNT_DETACH)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOENT):
                raise
        Path(path).unlink(missing_ok=True)

    outside(remove)


def _owner_by_name(name: str) -> str | None:
    try:
        with Rtnl(name) as rtnl:
            return owner_of(rtnl)
    except NamespaceMissing:
        return None


def _loopback() -> bytes:
    return LINK_DUMP[:4] + _LOOPBACK.to_bytes(4, sys.byteorder) + LINK_DUMP[8:]


def _configure(wanted: Namespace, rtnl: Rtnl) -> None:
    """Settings first and the mark last, of the namespace that the calling thread is in."""
    # Writing ip_forward resets accept_redirects and others, thus first, and only if it changes something.
    try:
        if _read(_FORWARDING) != str(int(wanted.forwarding)):
            _write(_FORWARDING, str(int(wanted.forwarding)))
        for name, value in SETTINGS.items():
            if _read(name) not in (value, None):
                _write(name, value)
    except OSError as error:
        raise DriverError(
            f"A setting of the network namespace '{wanted.namespace}' could not be written ({error}): "
            "is /proc/sys read-only, as in a container without privileges?"
        ) from error
    message = ifinfmsg()
    message["index"] = _LOOPBACK
    message["flags"] = message["change"] = 1
    message["attrs"] = [("IFLA_IFALIAS", marks.alias(wanted.owner))]
    rtnl.request(Message.NEWLINK, message)


def _read(name: str) -> str | None:
    # Some 15 files per namespace and pass: without pathlib and text layers this takes a third of the time.
    try:
        handle = os.open(f"{_SYSCTL}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return os.read(handle, 64).decode().strip()
    finally:
        os.close(handle)


def _write(name: str, value: str) -> None:
    Path(_SYSCTL, name).write_text(value)


@contextmanager
def _directory() -> Iterator[None]:
    """/run/netns as `ip netns` wants it: a shared mount, and locked while it is made one."""
    os.makedirs(RUN_DIRECTORY, mode=0o755, exist_ok=True)
    lock = os.open(RUN_DIRECTORY, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        where = RUN_DIRECTORY.encode()
        try:
            system_call("mount", b"", where, b"none", _MS_SHARED | _MS_REC, None)
        except OSError as error:
            if error.errno != errno.EINVAL:  # it is no mount yet
                raise
            system_call("mount", where, where, b"none", _MS_BIND | _MS_REC, None)
            system_call("mount", b"", where, b"none", _MS_SHARED | _MS_REC, None)
        yield
    finally:
        os.close(lock)
