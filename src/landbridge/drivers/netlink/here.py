"""This process's own network namespace: its name, if it has one, the networks it is connected to, the ways out."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv4Network

from landbridge.desired.links import MAIN_TABLE
from landbridge.desired.objects import HERE
from landbridge.drivers.netlink import decode, marks
from landbridge.drivers.netlink.decode import Message
from landbridge.drivers.netlink.inside import path_of
from landbridge.drivers.netlink.namespaces import names
from landbridge.drivers.netlink.routes import TUNNELS, addresses
from landbridge.drivers.netlink.rtnl import KernelRefusedError, Rtnl

_IP_MTU = 14  # ip(7)
_RTA_DST = 1
_MAIN_ROUTES = struct.pack("=BBBBBBBBI", socket.AF_INET, 0, 0, 0, MAIN_TABLE, 0, 0, 0, 0)
_DEFAULT = IPv4Network("0.0.0.0/0")
_PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))


def given_name() -> str | None:
    """What `ip netns` calls the namespace that this process is in; None for one without a name."""
    mine = os.stat("/proc/self/ns/net").st_ino
    for name in names():
        try:
            if os.stat(path_of(name)).st_ino == mine:
                return name
        except FileNotFoundError:
            continue
    return None


def connected(*, without_links: Collection[str], without_addresses: Collection[IPv4Address]) -> tuple[IPv4Network, ...]:
    """The private networks (RFC 1918) on links that are up, less some links and less those with some addresses."""
    with Rtnl(HERE) as rtnl:
        usable = {link.index for link in rtnl.links() if link.up and link.name not in without_links}
        found = {
            address.address.network
            for address in addresses(rtnl)
            if address.link in usable
            and address.address.ip not in without_addresses
            and any(address.address.network.subnet_of(private) for private in _PRIVATE)
        }
    return tuple(sorted(found))


def uplink_mtu(peers: Iterable[IPv4Address]) -> int | None:
    """The largest packet that the kernel knows to fit on the ways that there are to these; None if there is no way.

    Connecting a UDP socket sends nothing: the kernel only looks the route up.
    """
    found = []
    for peer in peers:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((str(peer), 500))
                found.append(probe.getsockopt(socket.IPPROTO_IP, _IP_MTU))
            except OSError:
                continue
    return min(found, default=None)


def sources(peers: Iterable[IPv4Address]) -> frozenset[IPv4Address]:
    """The addresses by which packets to these leave now; none for what there is no route to."""
    found = set()
    for peer in peers:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((str(peer), 500))
                found.add(IPv4Address(probe.getsockname()[0]))
            except OSError:
                continue
    return frozenset(found)


def own_addresses() -> frozenset[IPv4Address]:
    """All IPv4 addresses of the namespace."""
    with Rtnl(HERE) as rtnl:
        return frozenset(address.address.ip for address in addresses(rtnl))


def uplinks(peers: Iterable[IPv4Address]) -> frozenset[str]:
    """The links that packets to these addresses leave by now; none for what there is no route to."""
    found = set()
    with Rtnl(HERE) as rtnl:
        names_of = {link.index: link.name for link in rtnl.links()}
        for peer in peers:
            asked = struct.pack("=BBBBBBBBI", socket.AF_INET, 32, 0, 0, 0, 0, 0, 0, 0)
            asked += struct.pack("=HH4s", 8, _RTA_DST, peer.packed)
            try:
                route = decode.route(rtnl.get(Message.GETROUTE, asked))
            except KernelRefusedError:
                continue  # there is no way at the moment
            if route is not None and route.link in names_of:
                found.add(names_of[route.link])
    return frozenset(found)


def defaults() -> frozenset[str]:
    """The links that all default routes of the main table lead to: those in use, and those that would be if they fail.

    All next hops count. A tunnel of landbridge's is none, also where the cloud announces a default route.
    """
    with Rtnl(HERE) as rtnl:
        names_of = {
            link.index: link.name
            for link in rtnl.links()
            if link.kind not in TUNNELS or marks.owner_of(link.alias) is None
        }
        found: set[int] = set()
        try:
            for body in rtnl.walk(Message.GETROUTE, _MAIN_ROUTES):
                route = decode.route(body)
                if route is None:
                    continue
                if route.destination.network_address != _DEFAULT.network_address:
                    break  # the kernel lists by address (fib_trie), and may have all of the Internet's routes
                if route.destination == _DEFAULT:
                    found |= decode.ways(body)
        except KernelRefusedError as error:
            if error.errno != errno.ENOENT:  # there is no such table before its first route
                raise
    return frozenset(names_of[index] for index in found if index in names_of)
