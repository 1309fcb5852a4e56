"""Which addresses are free: in a subnet, and in the pool of public addresses. Nobody ever gets one that is taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from landbridge.control.base import Pools
from landbridge.model.errors import AddressInUse, InsufficientAddresses, Invalid, PoolExhausted
from landbridge.model.instances import ElasticAddress, Instance, InstanceState, NetworkInterface
from landbridge.model.lab import LabHost
from landbridge.model.network import Subnet
from landbridge.model.snapshot import Snapshot

RESERVED_FIRST: Final = 4
"""Of a subnet: network, router, and two that AWS keeps (VPC guide, subnet sizing)."""
RESERVED: Final = RESERVED_FIRST + 1
"""And the last one."""


def occupies(instance: Instance) -> bool:
    """Whether an instance is still there, and with it its interfaces: until it is terminated."""
    return instance.state is not InstanceState.TERMINATED


def private_in_use(snapshot: Snapshot, subnet_id: str) -> frozenset[IPv4Address]:
    """What interfaces in a subnet have."""
    return frozenset(
        private.address
        for interface in snapshot.all(NetworkInterface)
        if interface.subnet_id == subnet_id
        for private in interface.addresses
    )


def available(snapshot: Snapshot, subnet: Subnet) -> int:
    """How many addresses of a subnet are free."""
    return subnet.cidr.num_addresses - RESERVED - len(private_in_use(snapshot, subnet.id))


def check_private(subnet: Subnet, wanted: IPv4Address, used: frozenset[IPv4Address]) -> None:
    """Whether an interface may get this address.

    Raises:
        Invalid: it is outside the subnet, or one of its reserved addresses.
        AddressInUse: somebody has it.
    """
    if wanted not in subnet.cidr:
        raise Invalid("PrivateIpAddress", f"Address {wanted} does not fall within the subnet's address range.")
    place = int(wanted) - int(subnet.cidr.network_address)
    if not RESERVED_FIRST <= place < subnet.cidr.num_addresses - 1:
        raise Invalid("PrivateIpAddress", f"Address {wanted} is in the subnet's reserved address range.")
    if wanted in used:
        raise AddressInUse(f"Address {wanted} is in use.")


def free_private(subnet: Subnet, used: frozenset[IPv4Address], count: int) -> tuple[IPv4Address, ...]:
    """The lowest free addresses of a subnet, at most `count`."""
    hosts = _range(subnet.cidr, RESERVED_FIRST, subnet.cidr.num_addresses - 1)
    return _take((address for address in hosts if address not in used), count)


def public_in_use(snapshot: Snapshot) -> frozenset[IPv4Address]:
    """What interfaces, holders of elastic addresses and lab hosts of all accounts have."""
    interfaces = (
        private.public.address
        for interface in snapshot.all(NetworkInterface)
        for private in interface.addresses
        if private.public is not None
    )
    elastic = (each.address for each in snapshot.all(ElasticAddress))
    return frozenset((*interfaces, *elastic, *(host.address for host in snapshot.all(LabHost))))


def may_be_public(pools: Pools, address: IPv4Address) -> bool:
    """Whether an address of the pool may be given away: not the network's own, not its router's, not the broadcast."""
    pool = pools.public
    return address in pool and address not in (pool[0], pool[1], pool[-1])


def free_public(pools: Pools, used: frozenset[IPv4Address], count: int) -> tuple[IPv4Address, ...]:
    """The lowest free public addresses, exactly `count`.

    Raises:
        PoolExhausted: there are not that many.
    """
    pool = pools.public
    found = _take((a for a in _range(pool, 2, pool.num_addresses - 1) if a not in used), count)
    if len(found) < count:
        raise PoolExhausted(
            f"Only {len(found)} public addresses of {pool} are free, {count} are needed. Terminate something."
        )
    return found


def too_few(subnet: Subnet, free: int) -> InsufficientAddresses:
    """The error for a subnet that is full."""
    return InsufficientAddresses(f"There are not enough free addresses in subnet '{subnet.id}': {free} are left.")


def _range(network: IPv4Network, first: int, end: int) -> Iterator[IPv4Address]:
    base = int(network.network_address)
    return (IPv4Address(base + place) for place in range(first, end))


def _take(addresses: Iterable[IPv4Address], count: int) -> tuple[IPv4Address, ...]:
    found: list[IPv4Address] = []
    for address in addresses:
        if len(found) == count:
            break
        found.append(address)
    return tuple(found)
