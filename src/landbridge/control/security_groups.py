"""Security groups: made in a VPC, named by rules, in force where interfaces are in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final

from landbridge.control import limits, tags
from landbridge.control.base import Command, Context, Outcome, Scope, put, remove
from landbridge.control.subnets import in_default_vpc
from landbridge.model.errors import Dependency, GroupExists, GroupStays, Invalid, Missing, NotFound
from landbridge.model.firewall import DEFAULT_GROUP, EVERYTHING, Prefix, SecurityGroup, SecurityGroupRule, Traffic
from landbridge.model.ids import new_id
from landbridge.model.instances import NetworkInterface
from landbridge.model.network import Vpc
from landbridge.model.resources import Resource, Tags

NOUN: Final = "security-group"
MAX_TEXT: Final = 255
ALLOWED: Final = "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
_TEXT: Final = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]*")
_ANYWHERE: Final = IPv4Network("0.0.0.0/0")


@dataclass(frozen=True, slots=True)
class CreateSecurityGroup(Command):
    """A new group that lets nothing in and everything out. Reply: the SecurityGroup.

    `vpc_id` None: the region's default VPC.
    """

    vpc_id: str | None
    name: str
    description: str
    tags: Tags = ()


@dataclass(frozen=True, slots=True)
class DeleteSecurityGroup(Command):
    """Delete a group that no interface is in and no other group's rule names. Reply: None."""

    group_id: str


def create(scope: Scope, command: CreateSecurityGroup, context: Context) -> Outcome[SecurityGroup]:
    """Refuses a name that the VPC has, and names that EC2 keeps for itself."""
    name = _checked_name(command.name)
    if not command.description:
        raise Missing("GroupDescription")
    checked_text("GroupDescription", "security group description", command.description)
    if command.vpc_id is None:
        vpc = in_default_vpc(scope, "Give the VpcId of the VPC to make the group in")
    else:
        vpc = scope.get(Vpc, command.vpc_id, "vpc")
    groups = list(scope.all(SecurityGroup))
    if any(group.vpc_id == vpc.id and group.group_name == name for group in groups):
        raise GroupExists(f"The security group '{name}' already exists for VPC '{vpc.id}'")
    context.limits.check(limits.SECURITY_GROUPS, len(groups))
    group = SecurityGroup(
        id=new_id("sg", context.entropy),
        account=context.account,
        region=context.region,
        tags=tags.checked(command.tags),
        created=context.now,
        vpc_id=vpc.id,
        group_name=name,
        description=command.description,
    )
    return Outcome(group, put(group, new_rule(group, context, egress=True, cidr=_ANYWHERE)))


def default_group(vpc: Vpc, context: Context) -> tuple[Resource, ...]:
    """A new VPC's own group and its rules: in from its members, out to anywhere."""
    group = SecurityGroup(
        id=new_id("sg", context.entropy),
        account=vpc.account,
        region=vpc.region,
        created=vpc.created,
        vpc_id=vpc.id,
        group_name=DEFAULT_GROUP,
        description="default VPC security group",
    )
    return (
        group,
        new_rule(group, context, egress=False, peer=group.id),
        new_rule(group, context, egress=True, cidr=_ANYWHERE),
    )


def new_rule(
    group: SecurityGroup,
    context: Context,
    *,
    egress: bool,
    traffic: Traffic = EVERYTHING,
    cidr: Prefix | None = None,
    peer: str | None = None,
    description: str = "",
    tags: Tags = (),
) -> SecurityGroupRule:
    """A rule of a group, with an id of its own."""
    return SecurityGroupRule(
        id=new_id("sgr", context.entropy),
        account=group.account,
        region=group.region,
        tags=tags,
        created=context.now,
        group_id=group.id,
        egress=egress,
        traffic=traffic,
        cidr=cidr,
        peer_group_id=peer,
        description=description,
    )


def delete(scope: Scope, command: DeleteSecurityGroup, context: Context) -> Outcome[None]:
    """Its rules go along."""
    group = scope.get(SecurityGroup, command.group_id, NOUN)
    if group.default:
        raise GroupStays(
            f'the specified group: "{group.id}" name: "{group.group_name}" cannot be deleted by a user: '
            "it goes with its VPC."
        )
    if (user := next(_users(scope, group), None)) is not None:
        raise Dependency(f"resource {group.id} has a dependent object: {user}.")
    return Outcome(None, remove(*rules_of(scope, group.id), group))


def everything_of(scope: Scope, vpc_id: str) -> tuple[Resource, ...]:
    """The VPC's groups with their rules, for when the VPC goes."""
    groups = [group for group in scope.all(SecurityGroup) if group.vpc_id == vpc_id]
    ids = frozenset(group.id for group in groups)
    return (*(rule for rule in scope.all(SecurityGroupRule) if rule.group_id in ids), *groups)


def rules_of(scope: Scope, group_id: str) -> Iterator[SecurityGroupRule]:
    """A group's rules, in order of creation."""
    return (rule for rule in scope.all(SecurityGroupRule) if rule.group_id == group_id)


def _users(scope: Scope, group: SecurityGroup) -> Iterator[str]:
    for interface in scope.all(NetworkInterface):
        if group.id in interface.group_ids:
            yield f"{interface.id} is in it"
    for rule in scope.all(SecurityGroupRule):
        if rule.peer_group_id == group.id and rule.group_id != group.id:
            yield f"{rule.id} of {rule.group_id} names it"


def checked_text(parameter: str, what: str, text: str) -> str:
    """A name or description, if it has only the characters that EC2 allows.

    Raises:
        Invalid: it has others, or too many.
    """
    if len(text) > MAX_TEXT or not _TEXT.fullmatch(text):
        raise Invalid(
            parameter,
            f"Invalid {what}. Valid {what}s are strings less than {MAX_TEXT + 1} characters from the following set: "
            f"{ALLOWED}",
        )
    return text


def _checked_name(name: str) -> str:
    name = checked_text("GroupName", "security group name", name.rstrip(" "))
    if not name:
        raise Missing("GroupName")
    if name.startswith("sg-"):
        raise Invalid("GroupName", "invalid value for parameter groupName: group names may not be in the format sg-*.")
    if name == DEFAULT_GROUP:
        raise Invalid("GroupName", f"Cannot use reserved security group name: {DEFAULT_GROUP}")
    return name


def named(scope: Scope, name: str) -> SecurityGroup:
    """The default VPC's group of that name. Other VPCs' groups have names as well, but are named by their ids only.

    Raises:
        VpcNotSpecified: there is no default VPC.
        NotFound: it has no such group.
    """
    vpc = in_default_vpc(scope, "GroupName is only supported for its groups: give a GroupId")
    for group in scope.all(SecurityGroup):
        if group.vpc_id == vpc.id and group.group_name == name:
            return group
    raise NotFound(NOUN, name[:100], f"in default VPC '{vpc.id}'")
