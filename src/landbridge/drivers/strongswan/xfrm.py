"""The tunnel device of kernel ESP: an XFRM interface made in the endpoint's namespace and moved into the router's.

It stays bound to the namespace that it was made in: packets sent to it are encrypted by the SAs there that have its
`if_id`, and what they decrypt arrives on it. It dies with either namespace (traps 8), and not with charon.
"""

from __future__ import annotations

import errno
import os
import struct
from typing import Final

from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from landbridge.desired.links import TunnelDevice
from landbridge.drivers.netlink.decode import NO_ORIGIN, Link, Message, namespace_number
from landbridge.drivers.netlink.inside import NamespaceMissing, open_namespace
from landbridge.drivers.netlink.rtnl import CREATE, EXCLUSIVE, KernelRefusedError, Rtnl
from landbridge.drivers.strongswan.links import XFRM, alias, change, endpoint_of, ours
from landbridge.reconcile.driver import DriverError

_GENERIC: Final = bytes(4)  # struct rtgenmsg, padded
_NETNSA_FD: Final = 3  # linux/net_namespace.h
_UNSUPPORTED: Final = (errno.EOPNOTSUPP, errno.ENOTSUP)


def put(wanted: TunnelDevice, owner: str) -> None:
    """Have the interface in its place, with its if_id and its MTU, and up.

    Raises:
        DriverError: somebody else's link has its name or its if_id, or the kernel has no XFRM interfaces.
        NamespaceMissing: the endpoint's namespace or the router's is not there.
        KernelRefusedError: the kernel refused for another reason.
    """
    mark = alias(owner, wanted.endpoint)
    with Rtnl(wanted.endpoint) as beside, Rtnl(wanted.namespace) as there:
        found = ours(there, wanted.namespace, wanted.name, owner)
        if found is not None and not (
            (found.kind, found.if_id, found.alias) == (XFRM, wanted.if_id, mark)
            and _is_bound(there, found, wanted.endpoint)
        ):
            _delete(there, found)
            found = None
        if found is None:
            # Under another name, or not yet moved: our own from before, which holds the if_id.
            for rtnl in (there, beside):
                for link in rtnl.links():
                    if link.kind == XFRM and (link.alias == mark or (rtnl is beside and not link.alias)):
                        _delete(rtnl, link)
            _make(beside, wanted, mark)
            found = there.link(wanted.name)
        if found is None:
            raise DriverError(f"The tunnel device {wanted.name} vanished from {wanted.namespace} while it was set up.")
        change(there, found.index, ("IFLA_IFALIAS", mark), ("IFLA_MTU", wanted.mtu), up=True)


def is_bound(namespace: str, link: Link, endpoint: str) -> bool:
    """Whether an interface in the router's namespace belongs to the one that has the endpoint's name now.

    A namespace that was deleted while a process holds it lives on without its name, and so does an interface of it.
    """
    try:
        with Rtnl(namespace) as there:
            return _is_bound(there, link, endpoint)
    except NamespaceMissing:
        return False


def _is_bound(there: Rtnl, link: Link, endpoint: str) -> bool:
    handle = open_namespace(endpoint)
    try:
        answer = there.get(Message.GETNSID, _GENERIC + struct.pack("=HHI", 8, _NETNSA_FD, handle))
    finally:
        os.close(handle)
    return link.origin != NO_ORIGIN and namespace_number(answer) == link.origin


def _make(beside: Rtnl, wanted: TunnelDevice, mark: str) -> None:
    made_as = f"x{wanted.if_id:x}"
    message = ifinfmsg()
    message["attrs"] = [
        ("IFLA_IFNAME", made_as),
        (
            "IFLA_LINKINFO",
            {
                "attrs": [
                    ("IFLA_INFO_KIND", XFRM),
                    ("IFLA_INFO_DATA", {"attrs": [("IFLA_XFRM_IF_ID", wanted.if_id)]}),
                ]
            },
        ),
    ]
    try:
        beside.request(Message.NEWLINK, message, CREATE | EXCLUSIVE)
    except KernelRefusedError as error:
        if error.errno in _UNSUPPORTED:
            raise DriverError(
                "This kernel makes no XFRM interfaces. Load the module (modprobe xfrm_interface), or serve with "
                "--data-plane libipsec. `landbridge doctor` says what is missing."
            ) from error
        if error.errno == errno.EPERM:
            raise DriverError(
                "XFRM interfaces may not be made here: run as root with CAP_NET_ADMIN, or use --data-plane libipsec."
            ) from error
        if error.errno == errno.EEXIST:
            raise DriverError(
                f"The if_id {wanted.if_id} of {wanted.endpoint} is taken by an XFRM interface of somebody else's, here "
                "or in another namespace: delete that."
            ) from error
        raise
    made = beside.link(made_as)
    if made is None:
        raise DriverError(f"The tunnel device of {wanted.endpoint} vanished while it was set up.")
    # Marked first: a move that was interrupted leaves a device that is recognised.
    change(beside, made.index, ("IFLA_IFALIAS", mark), ("IFLA_MTU", wanted.mtu))
    target = open_namespace(wanted.namespace)
    try:
        change(beside, made.index, ("IFLA_NET_NS_FD", target), ("IFLA_IFNAME", wanted.name))
    finally:
        os.close(target)


def drop(namespace: str, name: str, owner: str) -> None:
    """Delete the interface if it is ours; without its namespace it is gone already."""
    try:
        with Rtnl(namespace) as rtnl:
            link = rtnl.link(name)
            if link is not None and link.kind == XFRM and endpoint_of(link.alias, owner) is not None:
                _delete(rtnl, link)
    except NamespaceMissing:
        return


def _delete(rtnl: Rtnl, link: Link) -> None:
    message = ifinfmsg()
    message["index"] = link.index
    try:
        rtnl.request(Message.DELLINK, message)
    except KernelRefusedError as error:
        if error.errno != errno.ENODEV:
            raise
