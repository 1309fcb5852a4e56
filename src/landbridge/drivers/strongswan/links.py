"""The TUN of libipsec's charon: moved into the router's namespace, with a placeholder left where it was.

libipsec fails the CHILD SA when no link has the name that its TUN was made with (traps 2), so a link of that name
stays beside charon. It is a bridge without ports and without our mark; the settings make its routes inert.
"""

from __future__ import annotations

import os
from typing import Final

from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from landbridge.desired.objects import HERE
from landbridge.drivers.netlink.decode import Link, Message
from landbridge.drivers.netlink.inside import NamespaceMissing, open_namespace
from landbridge.drivers.netlink.rtnl import CREATE, EXCLUSIVE, KernelRefusedError, Rtnl
from landbridge.reconcile.driver import DriverError

MADE_AS: Final = "ipsec0"
"""libipsec asks for `ipsec%d`, and `clear` sees to it that 0 is free."""

QUEUE: Final = 10_000
"""Packets. +15 % TCP throughput over the TUN's 500, measured."""

_UP: Final = 1
TUN: Final = "tun"
XFRM: Final = "xfrm"
_PLACEHOLDER: Final = "bridge"


def change(rtnl: Rtnl, index: int, *attributes: tuple[str, object], up: bool = False) -> None:
    """Set attributes of a link, and bring it up if asked to."""
    message = ifinfmsg()
    message["index"] = index
    message["flags"] = message["change"] = _UP if up else 0
    message["attrs"] = list(attributes)
    rtnl.request(Message.NEWLINK, message)


def alias(owner: str, endpoint: str) -> str:
    """What a moved TUN says: whose it is, and which endpoint's charon it belongs to."""
    return f"landbridge {owner} {endpoint or '.'}"


def endpoint_of(text: str, owner: str) -> str | None:
    """The endpoint, out of a TUN's alias of that owner."""
    match text.split(" "):
        case ["landbridge", found, endpoint] if found == owner:
            return "" if endpoint == "." else endpoint
        case _:
            return None


def devices(namespace: str) -> list[Link]:
    """The TUN devices and XFRM interfaces in a namespace; none when it does not exist."""
    try:
        with Rtnl(namespace) as rtnl:
            return [link for link in rtnl.links() if link.kind in (TUN, XFRM)]
    except NamespaceMissing:
        return []


def ours(there: Rtnl, namespace: str, name: str, owner: str) -> Link | None:
    """The tunnel device of that owner under this name; None if there is no such link.

    Raises:
        DriverError: somebody else's link has the name.
    """
    found = there.link(name)
    if found is not None and (found.kind not in (TUN, XFRM) or endpoint_of(found.alias, owner) is None):
        place = f"the network namespace '{namespace}'" if namespace != HERE else "this network namespace"
        raise DriverError(f"A link '{name}' that is somebody else's is in {place}: rename or delete it.")
    return found


def has_placeholder(endpoint: str) -> bool:
    """Whether libipsec finds a link of its TUN's name beside charon."""
    try:
        with Rtnl(endpoint) as rtnl:
            link = rtnl.link(MADE_AS)
    except NamespaceMissing:
        return False
    return link is not None and link.up


def clear(endpoint: str) -> None:
    """Free libipsec's name before a charon starts.

    Raises:
        DriverError: somebody else's link has it.
    """
    try:
        with Rtnl(endpoint) as rtnl:
            link = rtnl.link(MADE_AS)
            if link is None:
                return
            if link.kind not in (_PLACEHOLDER, TUN) or link.alias:
                raise DriverError(f"A link '{MADE_AS}' that is not ours is in {endpoint}: rename or delete it.")
            message = ifinfmsg()
            message["index"] = link.index
            rtnl.request(Message.DELLINK, message)
    except NamespaceMissing:
        return
    except KernelRefusedError as error:
        raise DriverError(f"The link {MADE_AS} in {endpoint} could not be removed: {error.strerror}.") from error


def move(endpoint: str, namespace: str, name: str, mtu: int, mark: str) -> bool:
    """Move the TUN beside charon to where it is wanted, leave the placeholder, and bring it up. False: no TUN there."""
    with Rtnl(endpoint) as beside:
        tun = beside.link(MADE_AS)
        if tun is None or tun.kind != TUN:
            return False
        target = open_namespace(namespace)
        try:
            # Marked first: a move that was interrupted leaves a device that is recognised.
            change(beside, tun.index, ("IFLA_IFALIAS", mark), ("IFLA_MTU", mtu), ("IFLA_TXQLEN", QUEUE))
            change(beside, tun.index, ("IFLA_NET_NS_FD", target), ("IFLA_IFNAME", name))
        finally:
            os.close(target)
    settle(endpoint, namespace, name, mtu, mark)
    return True


def settle(endpoint: str, namespace: str, name: str, mtu: int, mark: str) -> None:
    """Set a moved TUN as wanted, and see that its placeholder is there."""
    with Rtnl(endpoint) as beside:
        placeholder = beside.link(MADE_AS)
        if placeholder is None:
            message = ifinfmsg()
            message["flags"] = message["change"] = _UP
            message["attrs"] = [
                ("IFLA_IFNAME", MADE_AS),
                ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", _PLACEHOLDER)]}),
            ]
            beside.request(Message.NEWLINK, message, CREATE | EXCLUSIVE)
        elif not placeholder.up:
            change(beside, placeholder.index, up=True)
    with Rtnl(namespace) as there:
        tun = there.link(name)
        if tun is None:
            raise DriverError(f"The tunnel device {name} vanished from {namespace} while it was set up.")
        change(there, tun.index, ("IFLA_IFALIAS", mark), ("IFLA_MTU", mtu), ("IFLA_TXQLEN", QUEUE), up=True)
