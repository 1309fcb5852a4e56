"""Network interfaces: made in a subnet with their addresses, changed, deleted once they are attached to nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

from landbridge.control import limits, tags, tokens
from landbridge.control.addresses import check_private, free_private, private_in_use, too_few
from landbridge.control.base import Command, Context, Outcome, Scope, put, remove
from landbridge.model.errors import Combination, Invalid, LimitExceeded, NotFound, OtherNetwork
from landbridge.model.firewall import SecurityGroup
from landbridge.model.ids import new_id
from landbridge.model.instances import NetworkInterface, PrivateAddress, PublicAddress
from landbridge.model.network import Subnet
from landbridge.model.resources import Tags

NOUN: Final = "network-interface"
MAX_GROUPS: Final = 5
"""Per interface (AWS, VPC quotas)."""
MAX_ADDRESSES: Final = 50
"""Private addresses of one interface. At AWS it depends on the instance type; this is what the largest have."""
MAX_DESCRIPTION: Final = 255


@dataclass(frozen=True, slots=True)
class NewAddresses:
    """What private addresses an interface is to get: a primary one (None: the lowest free one) and others.

    The others are named or, if there is a `count`, the lowest free ones.
    """

    primary: IPv4Address | None = None
    others: tuple[IPv4Address, ...] = ()
    count: int = 0


@dataclass(frozen=True, slots=True)
class CreateNetworkInterface(Command):
    """An interface by itself. `groups`: security groups; none: the VPC's default one. Reply: the NetworkInterface."""

    subnet_id: str
    addresses: NewAddresses = NewAddresses()
    description: str = ""
    groups: tuple[str, ...] = ()
    tags: Tags = ()
    client_token: str = ""


@dataclass(frozen=True, slots=True)
class DeleteNetworkInterface(Command):
    """Delete an interface that is attached to nothing. Reply: None."""

    interface_id: str


@dataclass(frozen=True, slots=True)
class ModifyNetworkInterface(Command):
    """Change what is not None. Reply: the NetworkInterface.

    `delete_on_termination` is its attachment's, which has to be `attachment_id`.
    """

    interface_id: str
    description: str | None = None
    source_dest_check: bool | None = None
    groups: tuple[str, ...] | None = None
    attachment_id: str = ""
    delete_on_termination: bool | None = None


def create(scope: Scope, command: CreateNetworkInterface, context: Context) -> Outcome[NetworkInterface]:
    """Nothing is built for an interface that is attached to nothing: it is available at once."""
    subnet = scope.get(Subnet, command.subnet_id, "subnet")
    wanted_tags = tags.checked(command.tags)
    groups = checked_groups(scope, subnet, command.groups)
    if before := tokens.repeated(scope.all(NetworkInterface), command.client_token, command):
        return Outcome(before[0])
    check_number(scope, context, 1)
    addresses = chosen(subnet, command.addresses, private_in_use(scope.snapshot, subnet.id))
    interface = replace(
        new_interface(context, subnet, addresses, groups=groups, description=checked_text(command.description)),
        tags=wanted_tags,
        client_token=command.client_token,
        request=tokens.digest(command),
    )
    return Outcome(interface, put(interface))


def delete(scope: Scope, command: DeleteNetworkInterface, context: Context) -> Outcome[None]:
    """Refuses while attached. An elastic address that it has is free again."""
    interface = scope.get(NetworkInterface, command.interface_id, NOUN)
    if interface.attachment is not None:
        raise Invalid(
            "NetworkInterfaceId",
            f"Network interface '{interface.id}' is currently in use. {interface.attachment.instance_id} has it: "
            "detach it first.",
        )
    return Outcome(None, remove(interface))


def modify(scope: Scope, command: ModifyNetworkInterface, context: Context) -> Outcome[NetworkInterface]:
    """Takes effect at once also in an interface that is attached."""
    changed = interface = scope.get(NetworkInterface, command.interface_id, NOUN)
    if command.description is not None:
        changed = replace(changed, description=checked_text(command.description))
    if command.source_dest_check is not None:
        changed = replace(changed, source_dest_check=command.source_dest_check)
    if command.groups is not None:
        subnet = scope.get(Subnet, interface.subnet_id, "subnet")
        changed = replace(changed, group_ids=checked_groups(scope, subnet, command.groups))
    if command.delete_on_termination is not None:
        attachment = interface.attachment
        if attachment is None or attachment.id != command.attachment_id:
            raise NotFound("attachment", command.attachment_id)
        changed = replace(changed, attachment=replace(attachment, delete_on_termination=command.delete_on_termination))
    return Outcome(changed, put(changed) if changed != interface else ())


def check_number(scope: Scope, context: Context, more: int) -> None:
    """Whether there can be so many more interfaces.

    Raises:
        LimitExceeded: there cannot.
    """
    context.limits.check(limits.INTERFACES, sum(1 for _ in scope.all(NetworkInterface)), more=more)


def checked_text(description: str) -> str:
    """A description that is not too long.

    Raises:
        Invalid: it is.
    """
    if len(description) > MAX_DESCRIPTION:
        raise Invalid("Description", f"A Description has at most {MAX_DESCRIPTION} characters.")
    return description


def chosen(subnet: Subnet, wanted: NewAddresses, used: frozenset[IPv4Address]) -> tuple[IPv4Address, ...]:
    """An interface's addresses in that subnet, the primary one first. `used` are those that somebody has.

    Raises:
        Invalid, AddressInUse: an address that is named cannot be had.
        InsufficientAddresses: there are not so many.
        LimitExceeded: more than an interface can have.
    """
    if wanted.count and wanted.others:
        raise Combination("Name secondary private addresses, or say how many there shall be, not both.")
    check_addresses(1 + len(wanted.others) + wanted.count)
    named = tuple(each for each in (wanted.primary, *wanted.others) if each is not None)
    taken = check_named(subnet, named, used)
    missing = (wanted.primary is None) + wanted.count
    free = free_private(subnet, taken, missing)
    if len(free) < missing:
        raise too_few(subnet, len(free))
    if wanted.primary is not None:
        return (wanted.primary, *wanted.others, *free)
    return (free[0], *wanted.others, *free[1:])


def check_named(subnet: Subnet, named: tuple[IPv4Address, ...], used: frozenset[IPv4Address]) -> frozenset[IPv4Address]:
    """Whether these may all be taken, each once; then what is used with them.

    Raises:
        Invalid, AddressInUse: one may not.
    """
    for address in named:
        check_private(subnet, address, used)
        used |= {address}
    return used


def check_addresses(number: int) -> None:
    """Whether an interface can have so many.

    Raises:
        LimitExceeded: it cannot.
    """
    if number > MAX_ADDRESSES:
        raise LimitExceeded(
            "private-ip-address", f"Number of private addresses will exceed limit: an interface has {MAX_ADDRESSES}."
        )


def new_interface(
    context: Context,
    subnet: Subnet,
    addresses: tuple[IPv4Address, ...],
    *,
    groups: tuple[str, ...],
    description: str = "",
) -> NetworkInterface:
    """An interface in a subnet, attached to nothing. The first address is the primary one."""
    return NetworkInterface(
        id=new_id("eni", context.entropy),
        account=context.account,
        region=context.region,
        created=context.now,
        vpc_id=subnet.vpc_id,
        subnet_id=subnet.id,
        addresses=tuple(PrivateAddress(address=each) for each in addresses),
        group_ids=groups,
        description=description,
    )


def with_public(interface: NetworkInterface, address: IPv4Address) -> NetworkInterface:
    """The interface as it is launched with a public address that goes with its instance."""
    first, *others = interface.addresses
    public = PublicAddress(address=address)
    return replace(interface, addresses=(replace(first, public=public), *others), assigns_public=True)


def checked_groups(scope: Scope, subnet: Subnet, groups: tuple[str, ...]) -> tuple[str, ...]:
    """The security groups of an interface in that subnet: those named, or the VPC's default one.

    Raises:
        NotFound: there is no such group.
        OtherNetwork: it is another VPC's.
        LimitExceeded: there are too many of them.
    """
    if not groups:
        default = (g for g in scope.all(SecurityGroup) if g.vpc_id == subnet.vpc_id and g.group_name == "default")
        return tuple(group.id for group in default)
    for group_id in groups:
        group = scope.get(SecurityGroup, group_id, "security-group")
        if group.vpc_id != subnet.vpc_id:
            raise OtherNetwork(f"Security group {group_id} and subnet {subnet.id} belong to different networks.")
    found = tuple(dict.fromkeys(groups))
    if len(found) > MAX_GROUPS:
        raise LimitExceeded(
            "security-groups-per-interface",
            f"An interface can be in {MAX_GROUPS} security groups; {len(found)} are named.",
        )
    return found
