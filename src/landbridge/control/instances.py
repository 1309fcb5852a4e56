"""Instances: something that talks, in a subnet, with a private and perhaps a public address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

from landbridge.control import limits, tags, tokens
from landbridge.control.addresses import (
    check_private,
    free_private,
    free_public,
    private_in_use,
    public_in_use,
    too_few,
)
from landbridge.control.base import Command, Context, Outcome, Scope, put
from landbridge.model.errors import Combination, Invalid, Missing, Unsupported
from landbridge.model.ids import new_id
from landbridge.model.resources import Instance, InstanceState, SecurityGroup, Subnet, Tags

NOUN: Final = "instance"
MAX_AT_ONCE: Final = 100
MAX_TEXT: Final = 255


@dataclass(frozen=True, slots=True)
class RunInstances(Command):
    """Launch at least `least` and at most `most` instances in a subnet. Reply: tuple of Instance.

    `public_address` None: as the subnet says. `groups`: security group ids; only the VPC's default group is in force.
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
    wanted_tags = tags.checked(command.tags)
    if before := tokens.repeated(scope.all(Instance), command.client_token, command):
        return Outcome(before)
    subnet = scope.get(Subnet, command.subnet_id, "subnet")
    _check_groups(scope, subnet, command.groups)
    private = _private(scope, command, subnet)
    alive = sum(i.state is not InstanceState.TERMINATED for i in scope.all(Instance))
    context.limits.check(limits.INSTANCES, alive, more=len(private))
    is_public = subnet.map_public_address if command.public_address is None else command.public_address
    public: Sequence[IPv4Address | None] = (
        free_public(context.pools, public_in_use(scope.snapshot), len(private)) if is_public else [None] * len(private)
    )
    reservation = new_id("r", context.entropy)
    launched = tuple(
        Instance(
            id=new_id("i", context.entropy),
            account=context.account,
            region=context.region,
            tags=wanted_tags,
            created=context.now,
            vpc_id=subnet.vpc_id,
            subnet_id=subnet.id,
            interface_id=new_id("eni", context.entropy),
            private_address=address,
            public_address=outside,
            image_id=command.image_id,
            instance_type=command.instance_type,
            reservation_id=reservation,
            key_name=command.key_name,
            launch_index=index,
            client_token=command.client_token,
            request=tokens.digest(command),
            state=InstanceState.PENDING if context.builds else InstanceState.RUNNING,
        )
        for index, (address, outside) in enumerate(zip(private, public, strict=True))
    )
    return Outcome(launched, put(*launched))


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


def _check_groups(scope: Scope, subnet: Subnet, groups: Sequence[str]) -> None:
    for group_id in groups:
        group = scope.get(SecurityGroup, group_id, "security-group")
        if group.vpc_id != subnet.vpc_id:
            raise Invalid("SecurityGroupId", f"{group_id} and {subnet.id} belong to different networks.")
        if group.group_name != "default":
            raise Unsupported(
                "landbridge has no security groups but the default one in force. Leave SecurityGroupId out."
            )


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
    for instance in (scope.get(Instance, each, NOUN) for each in dict.fromkeys(command.instance_ids)):
        if instance.state in (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED):
            pairs.append((instance, instance))
        elif context.builds:
            pairs.append((instance, replace(instance, state=InstanceState.SHUTTING_DOWN)))
        else:
            pairs.append((instance, replace(instance, state=InstanceState.TERMINATED, terminated=context.now)))
    return Outcome(tuple(pairs), put(*(after for before, after in pairs if after is not before)))
