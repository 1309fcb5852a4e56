"""Instances: something that talks, by network interfaces that are made with it or were there before."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Final

from landbridge.control import limits, tags, tokens
from landbridge.control.addresses import free_public, private_in_use, public_in_use
from landbridge.control.attachments import check_index, in_use, left_behind, plug
from landbridge.control.base import Command, Context, Outcome, Scope, put, remove
from landbridge.control.network_interfaces import NOUN as INTERFACE
from landbridge.control.network_interfaces import (
    NewAddresses,
    check_number,
    checked_groups,
    checked_text,
    chosen,
    new_interface,
    with_public,
)
from landbridge.control.subnets import default_subnet
from landbridge.model.attached import interfaces_of
from landbridge.model.errors import (
    Combination,
    InsufficientAddresses,
    Invalid,
    Missing,
    NotPermitted,
    Unsupported,
)
from landbridge.model.ids import new_id
from landbridge.model.instances import Instance, InstanceState, NetworkInterface
from landbridge.model.network import Subnet
from landbridge.model.resources import Tags

NOUN: Final = "instance"
MAX_AT_ONCE: Final = 100
MAX_TEXT: Final = 255
_TYPE: Final = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Plugged:
    """An interface that an instance is launched with: one that is there, or a new one in a subnet.

    With neither named it is a new one in a default subnet. `public` None: as the subnet says, for the primary one.
    `delete_on_termination` None: only a new one goes with the instance.
    """

    device_index: int = 0
    interface_id: str = ""
    subnet_id: str = ""
    addresses: NewAddresses = field(default_factory=NewAddresses)
    public: bool | None = None
    groups: tuple[str, ...] = ()
    description: str = ""
    delete_on_termination: bool | None = None


@dataclass(frozen=True, slots=True)
class RunInstances(Command):
    """Launch at least `least` and at most `most` instances. Reply: tuple of Instance.

    Each gets `interfaces`, or if there are none, one in the subnet with the address and the security groups named.
    `public_address` None: as the subnet says. `groups`: security group ids; none: the VPC's default group.
    """

    subnet_id: str
    image_id: str
    least: int = 1
    most: int = 1
    instance_type: str = "t3.micro"
    private_address: IPv4Address | None = None
    public_address: bool | None = None
    groups: tuple[str, ...] = ()
    tags: Tags = ()
    client_token: str = ""
    interfaces: tuple[Plugged, ...] = ()
    interface_tags: Tags = ()
    zone: str = ""
    """The availability zone that the subnet is expected to be in; empty: whichever it is."""
    disable_api_termination: bool = False

    @property
    def plugged(self) -> tuple[Plugged, ...]:
        """What each instance is launched with, whichever way it was said."""
        return self.interfaces or (
            Plugged(
                subnet_id=self.subnet_id,
                addresses=NewAddresses(self.private_address),
                public=self.public_address,
                groups=self.groups,
            ),
        )


@dataclass(frozen=True, slots=True)
class TerminateInstances(Command):
    """End instances for good. Reply: tuple of (before, after), each an Instance."""

    instance_ids: tuple[str, ...]


def run(scope: Scope, command: RunInstances, context: Context) -> Outcome[tuple[Instance, ...]]:
    """All of them or none: what is returned has its addresses."""
    _check_form(command)
    wanted_tags, interface_tags = tags.checked(command.tags), tags.checked(command.interface_tags)
    if before := tokens.repeated(scope.all(Instance), command.client_token, command):
        return Outcome(before)
    launch = _Launch(scope, command, context)
    sets = tuple(launch.interfaces())
    alive = sum(i.state is not InstanceState.TERMINATED for i in scope.all(Instance))
    context.limits.check(limits.INSTANCES, alive, more=len(sets))
    check_number(scope, context, sum(not each.interface_id for each in command.plugged) * len(sets))
    reservation = new_id("r", context.entropy)
    launched: list[Instance] = []
    plugged: list[NetworkInterface] = []
    for index, interfaces in enumerate(sets):
        instance = Instance(
            id=new_id("i", context.entropy),
            account=context.account,
            region=context.region,
            tags=wanted_tags,
            created=context.now,
            vpc_id=interfaces[0].vpc_id,
            subnet_id=interfaces[0].subnet_id,
            image_id=command.image_id,
            instance_type=command.instance_type,
            reservation_id=reservation,
            launch_index=index,
            client_token=command.client_token,
            request=tokens.digest(command),
            disable_api_termination=command.disable_api_termination,
            state=InstanceState.PENDING if context.builds else InstanceState.RUNNING,
        )
        launched.append(instance)
        for each, interface in zip(launch.plugged, interfaces, strict=True):
            goes = not each.interface_id if each.delete_on_termination is None else each.delete_on_termination
            tagged = interface if each.interface_id else replace(interface, tags=interface_tags)
            plugged.append(plug(context, tagged, instance.id, each.device_index, delete_on_termination=goes))
    return Outcome(tuple(launched), put(*launched, *plugged))


class _Launch:
    """Finds the interfaces of one instance after the other. Nobody gets what an earlier one got."""

    def __init__(self, scope: Scope, command: RunInstances, context: Context) -> None:
        self.scope = scope
        self.command = command
        self.context = context
        self.plugged = sorted(command.plugged, key=lambda each: each.device_index)
        self.used: dict[str, frozenset[IPv4Address]] = {}
        self.subnets = [self._subnet(each) for each in self.plugged]
        self.groups = [
            checked_groups(scope, subnet, each.groups)
            for each, subnet in zip(self.plugged, self.subnets, strict=True)
            if not each.interface_id
        ]
        self._check_together()
        subnet = self.subnets[0]
        if command.zone not in ("", subnet.zone):
            raise Invalid(
                "AvailabilityZone",
                f"Value ({command.zone[:100]}) for parameter availabilityZone is invalid. "
                f"The subnet '{subnet.id}' is in the availability zone {subnet.zone}.",
            )

    def _subnet(self, each: Plugged) -> Subnet:
        if not each.interface_id and not each.subnet_id:
            return default_subnet(self.scope, self.command.zone or None)
        if not each.interface_id:
            return self.scope.get(Subnet, each.subnet_id, "subnet")
        interface = self.scope.get(NetworkInterface, each.interface_id, INTERFACE)
        if interface.attachment is not None:
            raise in_use(interface)
        return self.scope.get(Subnet, interface.subnet_id, "subnet")

    def _check_together(self) -> None:
        taken: list[int] = []
        for each in self.plugged:
            check_index(each.device_index, taken, "to be launched")
            taken.append(each.device_index)
        if 0 not in taken:
            raise Invalid("DeviceIndex", "When specifying network interfaces, you must include a device at index 0.")
        there = [each.interface_id for each in self.plugged if each.interface_id]
        if len(set(there)) < len(there):
            raise Invalid("NetworkInterfaceId", f"A network interface is named twice: {', '.join(there)}.")
        if len({subnet.vpc_id for subnet in self.subnets}) > 1:
            raise Unsupported("landbridge has an instance's network interfaces in one VPC only.")
        if len({subnet.zone for subnet in self.subnets}) > 1:
            raise Combination("All network interfaces of an instance have to be in the same availability zone.")

    def interfaces(self) -> Iterator[tuple[NetworkInterface, ...]]:
        """For each instance its interfaces, by device index."""
        found: list[list[NetworkInterface]] = []
        while len(found) < self.command.most:
            groups = iter(self.groups)
            try:
                found.append(
                    [
                        self.scope.get(NetworkInterface, each.interface_id, INTERFACE)
                        if each.interface_id
                        else self._new(each, subnet, next(groups))
                        for each, subnet in zip(self.plugged, self.subnets, strict=True)
                    ]
                )
            except InsufficientAddresses:
                if len(found) < self.command.least:
                    raise
                break
        primary = self.plugged[0]
        public = self.subnets[0].map_public_address if primary.public is None else primary.public
        if not public or primary.interface_id:
            return (tuple(each) for each in found)
        outside = free_public(self.context.pools, public_in_use(self.scope.snapshot), len(found))
        return (
            (with_public(first, address), *others) for (first, *others), address in zip(found, outside, strict=True)
        )

    def _new(self, each: Plugged, subnet: Subnet, groups: Sequence[str]) -> NetworkInterface:
        used = self.used.get(subnet.id)
        if used is None:
            used = private_in_use(self.scope.snapshot, subnet.id)
        addresses = chosen(subnet, each.addresses, used)
        self.used[subnet.id] = used | frozenset(addresses)
        return new_interface(
            self.context, subnet, addresses, groups=tuple(groups), description=checked_text(each.description)
        )


def is_type(text: str) -> bool:
    """Whether it can be the name of an instance type; what it says of a machine means nothing here."""
    return len(text) <= MAX_TEXT and _TYPE.fullmatch(text) is not None


def _check_form(command: RunInstances) -> None:
    if not command.image_id:
        raise Missing("ImageId")
    for name, text in (("ImageId", command.image_id),):
        if len(text) > MAX_TEXT:
            raise Invalid(name, f"The parameter {name} takes at most {MAX_TEXT} characters.")
    if not is_type(command.instance_type):
        raise Invalid("InstanceType", f"Invalid value '{command.instance_type[:100]}' for InstanceType.")
    if not 1 <= command.least <= command.most:
        raise Invalid(
            "MinCount", f"MinCount ({command.least}) must be at least 1 and at most MaxCount ({command.most})."
        )
    if command.most > MAX_AT_ONCE:
        raise Invalid(
            "MaxCount", f"At most {MAX_AT_ONCE} instances can be launched at once; MaxCount is {command.most}."
        )
    for each in command.plugged:
        if command.most > 1 and (each.interface_id or each.addresses.primary or each.addresses.others):
            raise Combination(
                "A network interface, or an address that is named, can be given to one instance only: use MaxCount 1."
            )
        if each.public is not None and (len(command.plugged) > 1 or each.interface_id):
            raise Combination(
                "The associatePublicIPAddress parameter cannot be specified when launching with multiple network "
                "interfaces, or for one that is there already."
            )


def terminate(
    scope: Scope, command: TerminateInstances, context: Context
) -> Outcome[tuple[tuple[Instance, Instance], ...]]:
    """All named instances or none. One that is terminated already stays so."""
    if not command.instance_ids:
        raise Missing("InstanceId")
    pairs = []
    left: list[NetworkInterface] = []
    for instance in [scope.get(Instance, each, NOUN) for each in dict.fromkeys(command.instance_ids)]:
        if instance.disable_api_termination and instance.state is not InstanceState.TERMINATED:
            raise NotPermitted(
                f"The instance '{instance.id}' may not be terminated. Modify its 'disableApiTermination' instance "
                "attribute and try again."
            )
        if instance.state in (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED):
            pairs.append((instance, instance))
        elif context.builds:
            pairs.append((instance, replace(instance, state=InstanceState.SHUTTING_DOWN)))
        else:
            pairs.append((instance, replace(instance, state=InstanceState.TERMINATED, terminated=context.now)))
            left.extend(interfaces_of(scope.snapshot, instance.id))
    stay = [(interface, left_behind(interface, context.now)) for interface in left]
    return Outcome(
        tuple(pairs),
        (
            *put(*(after for before, after in pairs if after is not before)),
            *put(*(after for _, after in stay if after is not None)),
            *remove(*(before for before, after in stay if after is None)),
        ),
    )
