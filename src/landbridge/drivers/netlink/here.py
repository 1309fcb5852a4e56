"""This process's own network namespace: its name, if it has one, and the private networks that it is connected to."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv4Network

from landbridge.desired.objects import HERE
from landbridge.drivers.netlink.inside import path_of
from landbridge.drivers.netlink.namespaces import names
from landbridge.drivers.netlink.routes import addresses
from landbridge.drivers.netlink.rtnl import Rtnl

_IP_MTU = 14  # ip(7)
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


def uplink_mtu(peers: Iterable[IPv4Address], otherwise: int) -> int:
    """The largest packet that the kernel knows to fit on the way to all of these; `otherwise` where there is no way.

    Connecting a UDP socket sends nothing: the kernel only looks the route up.
    """
    found = [otherwise]
    for peer in peers:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((str(peer), 500))
                found.append(probe.getsockopt(socket.IPPROTO_IP, _IP_MTU))
            except OSError:
                continue
    return min(found)
