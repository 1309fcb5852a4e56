"""Addresses, routes and rules. Ours carry the instance's protocol number; whatever has another one is not touched."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator, Mapping
from typing import Final

from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from landbridge.desired.links import Address, KernelRoute, KernelRule, RouteKind
from landbridge.drivers.netlink import decode
from landbridge.drivers.netlink.announce import announce
from landbridge.drivers.netlink.decode import RTNH_F_ONLINK, Link, LinkAddress, Message, Route
from landbridge.drivers.netlink.rtnl import CREATE, EXCLUSIVE, REPLACE, KernelRefusedError, Rtnl
from landbridge.reconcile.driver import DriverError

RULE_PRIORITIES: Final = range(1000, 2000)
"""Our policy rules have priorities in this range; the kernel's own and strongSwan's (220) have not."""

TUNNELS: Final = ("tun", "xfrm")
_UP: Final = 1
_RTN: Final = {RouteKind.UNICAST: 1, RouteKind.BLACKHOLE: 6, RouteKind.UNREACHABLE: 7}
_KINDS: Final = {number: kind for kind, number in _RTN.items()}
_SCOPE_UNIVERSE: Final = 0
_SCOPE_LINK: Final = 253
_FR_ACT_TO_TBL: Final = 1
_SHORT_TABLE: Final = 256
_ADDRESS_DUMP: Final = struct.pack("=BBBBI", socket.AF_INET, 0, 0, 0, 0)
_RULE_DUMP: Final = struct.pack("=BBBBBBBBI", socket.AF_INET, 0, 0, 0, 0, 0, 0, 0, 0)


def addresses(rtnl: Rtnl) -> Iterator[LinkAddress]:
    """All IPv4 addresses of a namespace, whoever set them."""
    return filter(None, map(decode.link_address, rtnl.dump(Message.GETADDR, _ADDRESS_DUMP)))


def read_addresses(namespace: str, protocol: int, rtnl: Rtnl, links: Mapping[int, str]) -> Iterator[Address]:
    """Addresses with our protocol number (IFA_PROTO, Linux 5.18) on these links (index to name)."""
    for found in addresses(rtnl):
        if found.protocol == protocol and found.link in links:
            yield Address(namespace=namespace, link=links[found.link], address=found.address, peer=found.peer)


def read_routes(namespace: str, protocol: int, rtnl: Rtnl, links: Mapping[int, str]) -> Iterator[KernelRoute]:
    """Routes with our protocol number in any table, over these links or over none."""
    for found in routes(rtnl, protocol):
        if found.kind in _KINDS and (found.link == 0 or found.link in links):
            yield KernelRoute(
                namespace=namespace,
                table=found.table,
                destination=found.destination,
                kind=_KINDS[found.kind],
                gateway=found.gateway,
                link=links.get(found.link),
                metric=found.metric,
                onlink=found.onlink,
            )


def routes(rtnl: Rtnl, protocol: int) -> Iterator[Route]:
    """All IPv4 routes of a protocol number; the kernel selects (NETLINK_GET_STRICT_CHK)."""
    header = struct.pack("=BBBBBBBBI", socket.AF_INET, 0, 0, 0, 0, protocol, 0, 0, 0)
    try:
        bodies = rtnl.dump(Message.GETROUTE, header)
    except KernelRefusedError as error:
        if error.errno == errno.ENOENT:
            return
        raise
    for body in bodies:
        found = decode.route(body)
        if found is not None and found.protocol == protocol:
            yield found


def read_rules(namespace: str, protocol: int, rtnl: Rtnl) -> Iterator[KernelRule]:
    """Rules in our priority range with our protocol number that select by `iif` and source only."""
    for body in rtnl.dump(Message.GETRULE, _RULE_DUMP):
        found = decode.rule(body)
        if found is not None and found.protocol == protocol and found.plain and found.priority in RULE_PRIORITIES:
            yield KernelRule(
                namespace=namespace,
                priority=found.priority,
                iif=found.iif or None,
                table=found.table,
                source=found.source,
            )


def put_address(wanted: Address, actual: Address | None, protocol: int) -> None:
    """Set the address. Another peer makes it another address to the kernel, so the old one goes first.

    A tunnel device gets its first one while it is down. The kernel tells of a new address before sockets can be bound
    to it; BIRD opens a BFD session's socket once, as soon as it knows of an address on a link that is up, and a
    session whose socket could not be bound stays silent for good.
    """
    with Rtnl(wanted.namespace) as rtnl:
        link = _link(rtnl, wanted.link, wanted.namespace)
        if actual is not None and actual.peer != wanted.peer:
            _delete_address(rtnl, actual, link.index)
        quietly = link.up and link.kind in TUNNELS and not any(a.link == link.index for a in addresses(rtnl))
        if quietly:
            _turn(rtnl, link.index, up=False)
        try:
            rtnl.request(Message.NEWADDR, _address_message(wanted, link.index, protocol), CREATE | REPLACE)
        finally:
            if quietly:
                _turn(rtnl, link.index, up=True)
    announce(wanted.namespace, wanted.link, wanted.address.ip)


def drop_address(actual: Address) -> None:
    """Take the address away."""
    with Rtnl(actual.namespace) as rtnl:
        link = rtnl.link(actual.link)
        if link is not None:
            _delete_address(rtnl, actual, link.index)


def put_route(wanted: KernelRoute, actual: KernelRoute | None, protocol: int) -> None:
    """Add or replace the route.

    Raises:
        DriverError: somebody else's route has the same table, destination and metric.
    """
    with Rtnl(wanted.namespace) as rtnl:
        message = _route_message(wanted, rtnl, protocol)
        if actual is None:
            try:
                rtnl.request(Message.NEWROUTE, message, CREATE | EXCLUSIVE)
            except KernelRefusedError as error:
                if error.errno != errno.EEXIST:
                    raise
            else:
                return
            if not any(_same_place(found, wanted) for found in routes(rtnl, protocol)):
                raise DriverError(
                    f"A route to {wanted.destination} with metric {wanted.metric} that is somebody else's "
                    f"is in table {wanted.table}: delete it or give it another metric"
                )
            message = _route_message(wanted, rtnl, protocol)
        rtnl.request(Message.NEWROUTE, message, CREATE | REPLACE)


def drop_route(actual: KernelRoute, protocol: int) -> None:
    """Delete the route."""
    with Rtnl(actual.namespace) as rtnl:
        message = rtmsg()
        _fill(message, actual, protocol)
        message["type"] = _RTN[actual.kind]
        message["scope"] = 255  # RT_SCOPE_NOWHERE matches any
        _ignoring(rtnl, Message.DELROUTE, message, errno.ESRCH, errno.ENODEV)


def put_rule(wanted: KernelRule, actual: KernelRule | None, protocol: int) -> None:
    """Add the rule; if it looks into another table so far, the old one goes after the new one is there."""
    if wanted.priority not in RULE_PRIORITIES:
        raise ValueError(f"priority {wanted.priority} is not in {RULE_PRIORITIES}")
    with Rtnl(wanted.namespace) as rtnl:
        try:
            rtnl.request(Message.NEWRULE, _rule_message(wanted, protocol), CREATE | EXCLUSIVE)
        except KernelRefusedError as error:
            if error.errno != errno.EEXIST:
                raise
        if actual is not None and actual != wanted:
            _ignoring(rtnl, Message.DELRULE, _rule_message(actual, protocol), errno.ENOENT)


def drop_rule(actual: KernelRule, protocol: int) -> None:
    """Delete the rule."""
    with Rtnl(actual.namespace) as rtnl:
        _ignoring(rtnl, Message.DELRULE, _rule_message(actual, protocol), errno.ENOENT)


def _same_place(found: Route, wanted: KernelRoute) -> bool:
    return (found.table, found.destination, found.metric) == (wanted.table, wanted.destination, wanted.metric)


def _link(rtnl: Rtnl, name: str, namespace: str) -> Link:
    link = rtnl.link(name)
    if link is None:
        raise DriverError(f"There is no link '{name}' in the network namespace '{namespace}' (yet)")
    return link


def _turn(rtnl: Rtnl, index: int, *, up: bool) -> None:
    message = ifinfmsg()
    message["index"] = index
    message["flags"], message["change"] = (_UP if up else 0), _UP
    rtnl.request(Message.NEWLINK, message)


def _address_message(item: Address, index: int, protocol: int) -> ifaddrmsg:
    message = ifaddrmsg()
    message["family"] = socket.AF_INET
    message["prefixlen"] = item.address.network.prefixlen
    message["index"] = index
    attributes: list[tuple[str, object]] = [
        ("IFA_LOCAL", str(item.address.ip)),
        ("IFA_ADDRESS", str(item.peer or item.address.ip)),
        ("IFA_PROTO", protocol),
    ]
    if item.peer is None and item.address.network.prefixlen < 31:
        attributes.append(("IFA_BROADCAST", str(item.address.network.broadcast_address)))
    message["attrs"] = attributes
    return message


def _delete_address(rtnl: Rtnl, item: Address, index: int) -> None:
    message = ifaddrmsg()
    message["family"] = socket.AF_INET
    message["prefixlen"] = item.address.network.prefixlen
    message["index"] = index
    message["attrs"] = [("IFA_LOCAL", str(item.address.ip)), ("IFA_ADDRESS", str(item.peer or item.address.ip))]
    _ignoring(rtnl, Message.DELADDR, message, errno.EADDRNOTAVAIL, errno.ENODEV)


def _route_message(wanted: KernelRoute, rtnl: Rtnl, protocol: int) -> rtmsg:
    if (wanted.kind is RouteKind.UNICAST) != (wanted.link is not None):
        # A route without a link reads back with the one that the kernel chose, and would never be as wanted.
        raise DriverError(f"The route to {wanted.destination} needs a link, as every unicast route and no other")
    message = rtmsg()
    attributes = _fill(message, wanted, protocol)
    message["type"] = _RTN[wanted.kind]
    message["scope"] = _SCOPE_UNIVERSE
    if wanted.link is not None:
        attributes.append(("RTA_OIF", _link(rtnl, wanted.link, wanted.namespace).index))
        if wanted.gateway is None:
            message["scope"] = _SCOPE_LINK
    if wanted.gateway is not None:
        attributes.append(("RTA_GATEWAY", str(wanted.gateway)))
    if wanted.onlink:
        message["flags"] = RTNH_F_ONLINK
    return message


def _fill(message: rtmsg, item: KernelRoute, protocol: int) -> list[tuple[str, object]]:
    """What tells a route from others: its table, destination, metric and protocol. Answers with the attributes."""
    message["family"] = socket.AF_INET
    message["dst_len"] = item.destination.prefixlen
    message["table"] = item.table if item.table < _SHORT_TABLE else 0
    message["proto"] = protocol
    attributes: list[tuple[str, object]] = [("RTA_TABLE", item.table)]
    if item.destination.prefixlen:
        attributes.append(("RTA_DST", str(item.destination.network_address)))
    if item.metric:
        attributes.append(("RTA_PRIORITY", item.metric))
    message["attrs"] = attributes
    return attributes


def _rule_message(item: KernelRule, protocol: int) -> fibmsg:
    message = fibmsg()
    message["family"] = socket.AF_INET
    message["action"] = _FR_ACT_TO_TBL
    message["table"] = item.table if item.table < _SHORT_TABLE else 0
    attributes: list[tuple[str, object]] = [
        ("FRA_TABLE", item.table),
        ("FRA_PRIORITY", item.priority),
        ("FRA_PROTOCOL", protocol),
    ]
    if item.iif is not None:
        attributes.append(("FRA_IIFNAME", item.iif))
    if item.source is not None:
        message["src_len"] = item.source.prefixlen
        attributes.append(("FRA_SRC", str(item.source.network_address)))
    message["attrs"] = attributes
    return message


def _ignoring(rtnl: Rtnl, kind: Message, message: object, *numbers: int) -> None:
    """A request for which these answers mean that there is nothing left to do."""
    try:
        rtnl.request(kind, message)
    except KernelRefusedError as error:
        if error.errno not in numbers:
            raise
