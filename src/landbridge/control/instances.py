"""Instances: something that talks, in a subnet, with a private and perhaps a public address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

from landbridge.control import tags
from landbridge.control.addresses import (
    check_private,
    free_private,
    free_public,
    private_in_use,
    public_in_use,
    too_few,
)
from landbridge.control.base import Command, Context, Outcome, Scope, put, remove
from landbridge.control.network_interfaces import checked_groups, left_behind, new_interface, plug
from landbridge.control.tokens import checked_token, mismatch
from landbridge.model.attached import interfaces_of
from landbridge.model.errors import Combination, Invalid, LimitExceeded, Missing
from landbridge.model.ids import new_id
from landbridge.model.resources import Instance, InstanceState, NetworkInterface, Subnet, Tags

NOUN: Final = "instance"
MAX_INSTANCES: Final = 1000
"""Per account and region."""
MAX_AT_ONCE: Final = 100
MAX_TEXT: Final = 255


@dataclass(frozen=True, slots=True)
class RunInstances(Command):
    """Launch at least `least` and at most `most` instances in a subnet. Reply: tuple of Instance.

    `public_address` None: as the subnet says. `groups`: security group ids; none: the VPC's default group.
    """

    subnet_id: str
    image_id: str
    least: int = 1
    most: int = 1
    instance_type: str = "t3.micro"
    key_name: str = ""
    private_address: IPv4Address | None = None
    public_address: bool | None = None
    groups: tuple[str, ...] = ()
    tags: Tags = ()
    client_token: str = ""


@dataclass(frozen=True, slots=True)
class TerminateInstances(Command):
    """End instances for good. Reply: tuple of (before, after), each an Instance."""

    instance_ids: tuple[str, ...]


def run(scope: Scope, command: RunInstances, context: Context) -> Outcome[tuple[Instance, ...]]:
    """All of them or none: what is returned has its addresses."""
    _check_form(command)
    wanted_tags, token = tags.checked(command.tags), checked_token(command.client_token)
    if token and (before := _asked_before(scope, command)):
        return Outcome(before)
    subnet = scope.get(Subnet, command.subnet_id, "subnet")
    groups = checked_groups(scope, subnet, command.groups)
    private = _private(scope, command, subnet)
    if sum(i.state is not InstanceState.TERMINATED for i in scope.all(Instance)) + len(private) > MAX_INSTANCES:
        raise LimitExceeded(NOUN, f"There can be {MAX_INSTANCES} instances in a region. Terminate some first.")
    is_public = subnet.map_public_address if command.public_address is None else command.public_address
    public: Sequence[IPv4Address | None] = (
        free_public(context.pools, public_in_use(scope.snapshot), len(private)) if is_public else [None] * len(private)
    )
    reservation = new_id("r", context.entropy)
    interfaces = [
        new_interface(context, subnet, (address,), groups=groups, public=outside)
        for address, outside in zip(private, public, strict=True)
    ]
    launched = tuple(
        Instance(
            id=new_id("i", context.entropy),
            account=context.account,
            region=context.region,
            tags=wanted_tags,
            created=context.now,
            vpc_id=subnet.vpc_id,
            subnet_id=subnet.id,
            image_id=command.image_id,
            instance_type=command.instance_type,
            reservation_id=reservation,
            key_name=command.key_name,
            launch_index=index,
            client_token=token,
            state=InstanceState.PENDING if context.builds else InstanceState.RUNNING,
        )
        for index in range(len(private))
    )
    plugged = (
        plug(context, interface, instance.id, 0, delete_on_termination=True)
        for instance, interface in zip(launched, interfaces, strict=True)
    )
    return Outcome(launched, put(*launched, *plugged))


def _check_form(command: RunInstances) -> None:
    if not command.image_id:
        raise Missing("ImageId")
    for name, text in (
        ("ImageId", command.image_id),
        ("InstanceType", command.instance_type),
        ("KeyName", command.key_name),
    ):
        if len(text) > MAX_TEXT:
            raise Invalid(name, f"The parameter {name} takes at most {MAX_TEXT} characters.")
    if not 1 <= command.least <= command.most:
        raise Invalid(
            "MinCount", f"MinCount ({command.least}) must be at least 1 and at most MaxCount ({command.most})."
        )
    if command.most > MAX_AT_ONCE:
        raise Invalid(
            "MaxCount", f"At most {MAX_AT_ONCE} instances can be launched at once; MaxCount is {command.most}."
        )
    if command.private_address is not None and command.most > 1:
        raise Combination("A PrivateIpAddress can be given to one instance only: use MaxCount 1.")


def _asked_before(scope: Scope, command: RunInstances) -> tuple[Instance, ...]:
    before = tuple(i for i in scope.all(Instance) if i.client_token == command.client_token)
    same = all(
        i.subnet_id == command.subnet_id
        and i.image_id == command.image_id
        and i.instance_type == command.instance_type
        and i.key_name == command.key_name
        and command.private_address in (None, *(n.private for n in interfaces_of(scope.snapshot, i.id)))
        for i in before
    )
    if before and not (same and command.least <= len(before) <= command.most):
        raise mismatch(command.client_token)
    return before


def _private(scope: Scope, command: RunInstances, subnet: Subnet) -> tuple[IPv4Address, ...]:
    used = private_in_use(scope.snapshot, subnet.id)
    if command.private_address is not None:
        check_private(subnet, command.private_address, used)
        return (command.private_address,)
    found = free_private(subnet, used, command.most)
    if len(found) < command.least:
        raise too_few(subnet, len(found))
    return found


def terminate(
    scope: Scope, command: TerminateInstances, context: Context
) -> Outcome[tuple[tuple[Instance, Instance], ...]]:
    """All named instances or none. One that is terminated already stays so."""
    if not command.instance_ids:
        raise Missing("InstanceId")
    pairs = []
    left: list[NetworkInterface] = []
    for instance in (scope.get(Instance, each, NOUN) for each in dict.fromkeys(command.instance_ids)):
        if instance.state in (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED):
            pairs.append((instance, instance))
        elif context.builds:
            pairs.append((instance, replace(instance, state=InstanceState.SHUTTING_DOWN)))
        else:
            pairs.append((instance, replace(instance, state=InstanceState.TERMINATED, terminated=context.now)))
            left.extend(interfaces_of(scope.snapshot, instance.id))
    stay = [(interface, left_behind(interface)) for interface in left]
    return Outcome(
        tuple(pairs),
        (
            *put(*(after for before, after in pairs if after is not before)),
            *put(*(after for _, after in stay if after is not None)),
            *remove(*(before for before, after in stay if after is None)),
        ),
    )
