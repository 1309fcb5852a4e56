"""Bridges and veth pairs.

Both ends of a pair are objects, and putting either makes the pair: the other end then lies in its namespace, down and
marked, until it is put itself. Two ends belong together when each has the other's index (IFLA_LINK).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from typing import Final

from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from landbridge.desired.links import Bridge, VethEnd
from landbridge.desired.objects import HERE, HostObject, Seen
from landbridge.drivers.netlink import marks
from landbridge.drivers.netlink.announce import announce
from landbridge.drivers.netlink.decode import Link, Message
from landbridge.drivers.netlink.inside import NamespaceMissing, open_namespace
from landbridge.drivers.netlink.routes import addresses
from landbridge.drivers.netlink.rtnl import CREATE, EXCLUSIVE, KernelRefusedError, Rtnl
from landbridge.reconcile.driver import DriverError

_UP: Final = 1
DOWN: Final = "down"
"""The fingerprint of a link that is all right but down."""


def read(namespace: str, owner: str, links: Sequence[Link]) -> Iterator[HostObject]:
    """The bridges and veth ends of that owner. One that is down, or a bridge with spanning tree, reads as `Seen`."""
    names = {link.index: link.name for link in links}
    for link in links:
        item: HostObject
        peer = marks.peer_of(link.alias, owner)
        if link.kind == "veth" and peer is not None:
            item = VethEnd(
                namespace=namespace,
                name=link.name,
                peer_namespace=peer[0],
                peer_name=peer[1],
                master=names.get(link.master),
                mtu=link.mtu,
                mac=_given(link, owner, namespace),
            )
        elif link.kind == "bridge" and link.alias == marks.alias(owner):
            item = Bridge(namespace=namespace, name=link.name, mac=_given(link, owner, namespace))
        else:
            continue
        if link.up and not link.spanning_tree:
            yield item
        else:
            yield Seen(
                namespace=namespace,
                kind=type(item),
                what=item.key,
                requires=item.needs,
                fingerprint="spanning tree is on" if link.up else DOWN,
            )


def put_bridge(wanted: Bridge, owner: str) -> None:
    """Make the bridge, or bring it up."""
    with Rtnl(wanted.namespace) as rtnl:
        link = rtnl.link(wanted.name)
        if link is not None:
            if link.kind != "bridge" or (wanted.namespace == HERE and marks.owner_of(link.alias) is None):
                raise _in_the_way(wanted.namespace, wanted.name)
            _refuse_foreign(link, wanted.namespace, owner)
        if link is None:
            message = ifinfmsg()
            message["attrs"] = [
                ("IFLA_IFNAME", wanted.name),
                ("IFLA_ADDRESS", _mac(wanted, owner)),
                ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "bridge")]}),
            ]
            rtnl.request(Message.NEWLINK, message, CREATE | EXCLUSIVE)
            link = _must(rtnl.link(wanted.name), wanted.namespace, wanted.name)
        elif link.spanning_tree:
            message = ifinfmsg()
            message["index"] = link.index
            data = {"attrs": [("IFLA_BR_STP_STATE", 0)]}
            message["attrs"] = [
                ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "bridge"), ("IFLA_INFO_DATA", data)]}),
            ]
            rtnl.request(Message.NEWLINK, message)
        _set(rtnl, link.index, ("IFLA_IFALIAS", marks.alias(owner)), ("IFLA_ADDRESS", _mac(wanted, owner)))


def put_veth(wanted: VethEnd, owner: str) -> None:
    """Make the pair unless it is there, and set this end up as wanted."""
    with Rtnl(wanted.namespace) as near, Rtnl(wanted.peer_namespace) as far:
        end, peer = near.link(wanted.name), far.link(wanted.peer_name)
        if end is None or peer is None or not _pair(end, peer):
            for rtnl, link, namespace in ((near, end, wanted.namespace), (far, peer, wanted.peer_namespace)):
                _make_way(rtnl, link, namespace, owner)
            mac = marks.hardware_address(owner, wanted.peer_namespace, wanted.peer_name)
            mtu, master, mac = _remembered(peer) or (1500, 0, mac)
            _make_pair(wanted, _mac(wanted, owner), mac, mtu)
            end = _must(near.link(wanted.name), wanted.namespace, wanted.name)
            peer = _must(far.link(wanted.peer_name), wanted.peer_namespace, wanted.peer_name)
            if peer.mtu != mtu or master:
                _change(far, peer.index, [("IFLA_MTU", mtu), ("IFLA_MASTER", master)])
        if marks.peer_of(peer.alias, owner) is None:
            _refuse_foreign(peer, wanted.peer_namespace, owner)
            mirrored = VethEnd(
                namespace=wanted.peer_namespace,
                name=wanted.peer_name,
                peer_namespace=wanted.namespace,
                peer_name=wanted.name,
            )
            _change(far, peer.index, [("IFLA_IFALIAS", marks.veth_alias(owner, mirrored))])
        _refuse_foreign(end, wanted.namespace, owner)
        master = 0
        if wanted.master is not None:
            master = _must(near.link(wanted.master), wanted.namespace, wanted.master).index
        _set(
            near,
            end.index,
            ("IFLA_MTU", wanted.mtu),
            ("IFLA_MASTER", master),
            ("IFLA_IFALIAS", marks.veth_alias(owner, wanted)),
        )
        changed = end.mac != (mac := _mac(wanted, owner))
        if changed:
            _change(near, end.index, [("IFLA_ADDRESS", mac)])
        mine = [found.address.ip for found in addresses(near) if changed and found.link == end.index]
        others = [found.address.ip for found in addresses(far) if found.link == peer.index]
    # An address that came to the other end before this one was up has told nobody.
    for address in others:
        announce(wanted.peer_namespace, wanted.peer_name, address)
    for address in mine:
        announce(wanted.namespace, wanted.name, address)


def drop(namespace: str, name: str, kind: str, owner: str) -> None:
    """Delete a link of that owner; a veth's other end goes with it."""
    try:
        with Rtnl(namespace) as rtnl:
            link = rtnl.link(name)
            if link is None or link.kind != kind:
                return
            if marks.owner_of(link.alias) != owner:
                raise _in_the_way(namespace, name)
            _delete(rtnl, link)
    except NamespaceMissing:
        return


def _pair(one: Link, other: Link) -> bool:
    return one.kind == other.kind == "veth" and one.peer_index == other.index and other.peer_index == one.index


def _remembered(peer: Link | None) -> tuple[int, int, str] | None:
    """MTU, master and hardware address of an end that has to be made anew although it was all right itself."""
    return (peer.mtu, peer.master, peer.mac) if peer is not None and peer.kind == "veth" else None


def _mac(wanted: VethEnd | Bridge, owner: str) -> str:
    return wanted.mac or marks.hardware_address(owner, wanted.namespace, wanted.name)


def _given(link: Link, owner: str, namespace: str) -> str:
    """The hardware address, unless it is the one that a link has by itself."""
    return "" if link.mac == marks.hardware_address(owner, namespace, link.name) else link.mac


def _make_way(rtnl: Rtnl, link: Link | None, namespace: str, owner: str) -> None:
    """Delete half of a pair of ours whose other half is missing or elsewhere."""
    if link is None:
        return
    if link.kind != "veth" or marks.owner_of(link.alias) != owner:
        raise _in_the_way(namespace, link.name)
    _delete(rtnl, link)


def _make_pair(wanted: VethEnd, mac: str, peer_mac: str, peer_mtu: int) -> None:
    far = open_namespace(wanted.peer_namespace)
    try:
        peer = [
            ("IFLA_IFNAME", wanted.peer_name),
            ("IFLA_MTU", peer_mtu),
            ("IFLA_ADDRESS", peer_mac),
            ("IFLA_NET_NS_FD", far),
        ]
        message = ifinfmsg()
        message["attrs"] = [
            ("IFLA_IFNAME", wanted.name),
            ("IFLA_MTU", wanted.mtu),
            ("IFLA_ADDRESS", mac),
            (
                "IFLA_LINKINFO",
                {
                    "attrs": [
                        ("IFLA_INFO_KIND", "veth"),
                        ("IFLA_INFO_DATA", {"attrs": [("VETH_INFO_PEER", {"attrs": peer})]}),
                    ]
                },
            ),
        ]
        with Rtnl(wanted.namespace) as rtnl:
            rtnl.request(Message.NEWLINK, message, CREATE | EXCLUSIVE)
    finally:
        os.close(far)


def _set(rtnl: Rtnl, index: int, *attributes: tuple[str, object]) -> None:
    """Change a link and bring it up."""
    _change(rtnl, index, list(attributes), flags=_UP)


def _change(rtnl: Rtnl, index: int, attributes: list[tuple[str, object]], flags: int = 0) -> None:
    message = ifinfmsg()
    message["index"] = index
    message["flags"] = message["change"] = flags
    message["attrs"] = attributes
    rtnl.request(Message.NEWLINK, message)


def _delete(rtnl: Rtnl, link: Link) -> None:
    message = ifinfmsg()
    message["index"] = link.index
    try:
        rtnl.request(Message.DELLINK, message)
    except KernelRefusedError as error:
        if error.errno != errno.ENODEV:
            raise


def _refuse_foreign(link: Link, namespace: str, owner: str) -> None:
    # A pair without a mark is what a crash between making and marking leaves.
    if marks.owner_of(link.alias) not in (owner, None):
        raise _in_the_way(namespace, link.name)


def _must(link: Link | None, namespace: str, name: str) -> Link:
    if link is None:
        raise DriverError(f"There is no link '{name}' in {_place(namespace)}")
    return link


def _in_the_way(namespace: str, name: str) -> DriverError:
    return DriverError(f"A link '{name}' that is somebody else's is in {_place(namespace)}: rename or delete it")


def _place(namespace: str) -> str:
    return f"the network namespace '{namespace}'" if namespace != HERE else "this network namespace"
