"""Secondary private addresses of an interface: assigned, moved from another interface, given back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from landbridge.control.addresses import check_private, free_private, private_in_use, too_few
from landbridge.control.base import Command, Context, Outcome, Scope, put
from landbridge.control.network_interfaces import NOUN, check_addresses
from landbridge.model.errors import AddressInUse, Combination, Invalid, Missing
from landbridge.model.instances import NetworkInterface, PrivateAddress
from landbridge.model.network import Subnet


@dataclass(frozen=True, slots=True)
class AssignPrivateAddresses(Command):
    """More addresses: these, or the lowest `count` free ones. Reply: the addresses that it got.

    `reassign`: also such as are secondary ones of other interfaces in the subnet. They move, and what they are on the
    Internet moves with them.
    """

    interface_id: str
    addresses: tuple[IPv4Address, ...] = ()
    count: int | None = None
    reassign: bool = False


@dataclass(frozen=True, slots=True)
class UnassignPrivateAddresses(Command):
    """Give secondary addresses back. Elastic addresses of theirs are free again. Reply: None."""

    interface_id: str
    addresses: tuple[IPv4Address, ...]


def assign(scope: Scope, command: AssignPrivateAddresses, context: Context) -> Outcome[tuple[IPv4Address, ...]]:
    """All of them or none. What the interface has already stays."""
    interface = scope.get(NetworkInterface, command.interface_id, NOUN)
    if bool(command.addresses) == (command.count is not None):
        raise Combination("Give either PrivateIpAddress or SecondaryPrivateIpAddressCount.")
    subnet = scope.get(Subnet, interface.subnet_id, "subnet")
    used = private_in_use(scope.snapshot, subnet.id)
    if command.count is not None:
        if command.count < 1:
            raise Invalid("SecondaryPrivateIpAddressCount", "SecondaryPrivateIpAddressCount has to be at least 1.")
        check_addresses(len(interface.addresses) + command.count)
        wanted = free_private(subnet, used, command.count)
        if len(wanted) < command.count:
            raise too_few(subnet, len(wanted))
    else:
        own = {each.address for each in interface.addresses}
        wanted = tuple(each for each in dict.fromkeys(command.addresses) if each not in own)
        check_addresses(len(own) + len(wanted))
    added: list[PrivateAddress] = []
    others: dict[str, NetworkInterface] = {}
    for address in wanted:
        holder = _holder(scope, subnet, address) if address in used and command.reassign else None
        if holder is None:
            check_private(subnet, address, used)
            added.append(PrivateAddress(address=address))
            continue
        holder = others.get(holder.id, holder)
        added.append(next(each for each in holder.addresses if each.address == address))
        left = tuple(each for each in holder.addresses if each.address != address)
        others[holder.id] = replace(holder, addresses=left)
    changed = replace(interface, addresses=(*interface.addresses, *added))
    return Outcome(wanted, put(changed, *others.values()) if added else ())


def _holder(scope: Scope, subnet: Subnet, address: IPv4Address) -> NetworkInterface:
    """The interface that can give an address away."""
    for other in scope.all(NetworkInterface):
        if other.subnet_id == subnet.id and any(each.address == address for each in other.addresses[1:]):
            return other
    raise AddressInUse(f"Address {address} is in use: it is a primary address, which does not move.")


def unassign(scope: Scope, command: UnassignPrivateAddresses, context: Context) -> Outcome[None]:
    """Refuses the primary address, and addresses that the interface does not have."""
    interface = scope.get(NetworkInterface, command.interface_id, NOUN)
    if not command.addresses:
        raise Missing("PrivateIpAddress")
    unwanted = frozenset(command.addresses)
    if interface.private in unwanted:
        raise Invalid(
            "PrivateIpAddress",
            f"The address {interface.private} cannot be unassigned: it is the primary one of interface {interface.id}.",
        )
    if strange := unwanted - {each.address for each in interface.addresses}:
        listed = ", ".join(map(str, sorted(strange)))
        raise Invalid(
            "PrivateIpAddress",
            f"Some of the specified addresses are not assigned to interface {interface.id}: [{listed}]",
        )
    left = tuple(each for each in interface.addresses if each.address not in unwanted)
    return Outcome(None, put(replace(interface, addresses=left)))
