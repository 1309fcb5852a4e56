"""What a VPC's route table holds, in which state, and where it sends a packet: the one place that decides it.

The order is AWS's (VPC guide, route priority): the local route before propagated ones, even more specific ones; then
the longest prefix; for the same prefix a static route before a propagated one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from landbridge.model.instances import Instance, InstanceState, NetworkInterface
from landbridge.model.network import InternetGateway, RouteOrigin, RouteTable, Subnet, Vpc
from landbridge.model.resources import Attachment, State
from landbridge.model.snapshot import Snapshot
from landbridge.model.vpn import VpnGateway

LOCAL: Final = "local"
"""The target of the local route."""

FIRST_TABLE: Final = 100
"""Kernel tables below are kept for other uses (gateways' packets, tests by hand)."""
KERNELS_OWN: Final = frozenset({253, 254, 255})
"""The kernel's tables default, main and local."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One route as it is in force. An entry that is not active is a black hole: it takes packets and drops them."""

    destination: IPv4Network
    target: str
    origin: RouteOrigin
    active: bool = True


def leads_somewhere(target: str, vpc_id: str, snapshot: Snapshot) -> bool:
    """Whether a static route of that VPC to the target is active: a gateway attached to it, an interface in it
    that a living instance has.
    """
    prefix = target.partition("-")[0]
    if prefix == "igw":
        internet = snapshot.get(InternetGateway, target)
        return internet is not None and internet.vpc_id == vpc_id and _joined(internet.attachment)
    if prefix == "vgw":
        vpn = snapshot.get(VpnGateway, target)
        return (
            vpn is not None
            and vpn.vpc_id == vpc_id
            and _joined(vpn.attachment)
            and vpn.state in (State.PENDING, State.AVAILABLE)
        )
    interface = snapshot.get(NetworkInterface, target)
    return interface is not None and interface.vpc_id == vpc_id and plugged(interface, snapshot)


def plugged(interface: NetworkInterface, snapshot: Snapshot) -> bool:
    """Whether an instance that is not ending has the interface."""
    if interface.attachment is None or not _joined(interface.attachment.state):
        return False
    instance = snapshot.get(Instance, interface.attachment.instance_id)
    return instance is not None and instance.state in (InstanceState.PENDING, InstanceState.RUNNING)


def _joined(attachment: Attachment) -> bool:
    return attachment in (Attachment.ATTACHING, Attachment.ATTACHED)


def propagator(table: RouteTable, snapshot: Snapshot) -> str | None:
    """The virtual private gateway whose routes the table takes now; None if there is none attached that may."""
    return next((g for g in table.propagating if leads_somewhere(g, table.vpc_id, snapshot)), None)


def entries(vpc: Vpc, table: RouteTable, snapshot: Snapshot, learned: Iterable[IPv4Network] = ()) -> tuple[Entry, ...]:
    """The table's routes: the local ones, the static ones in order of creation, then the propagated ones, sorted.

    `learned` is what the propagating gateway knows. No two entries have the same destination: a static route hides a
    propagated one even while it is a black hole, and a local route hides every propagated one inside of it.
    """
    static = tuple(
        Entry(
            route.destination,
            route.target,
            RouteOrigin.CREATE_ROUTE,
            leads_somewhere(route.target, table.vpc_id, snapshot),
        )
        for route in table.routes
    )
    hidden = {entry.destination for entry in static}
    source = propagator(table, snapshot)
    propagated = (
        tuple(
            Entry(destination, source, RouteOrigin.PROPAGATION)
            for destination in sorted(set(learned))
            if destination not in hidden and not vpc.holds(destination)
        )
        if source is not None
        else ()
    )
    local = (Entry(cidr, LOCAL, RouteOrigin.CREATE_TABLE) for cidr in vpc.cidrs)
    return (*local, *static, *propagated)


def choose(table: Iterable[Entry], destination: IPv4Address) -> Entry | None:
    """The entry that takes a packet to that address: the longest prefix. None: it is unreachable."""
    matching = (entry for entry in table if destination in entry.destination)
    return max(matching, key=lambda entry: entry.destination.prefixlen, default=None)


def followed(subnet: Subnet, tables: Iterable[RouteTable]) -> RouteTable | None:
    """The table that a subnet follows, of the VPC's tables: its own, else the main one."""
    main: RouteTable | None = None
    for table in tables:
        if table.vpc_id != subnet.vpc_id:
            continue
        if any(a.subnet_id == subnet.id for a in table.associations):
            return table
        if table.main:
            main = table
    return main


def free_number(taken: Iterable[int]) -> int:
    """The lowest kernel table number that no table of the VPC has."""
    used = frozenset(taken) | KERNELS_OWN
    number = FIRST_TABLE
    while number in used:
        number += 1
    return number
