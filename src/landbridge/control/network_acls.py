"""Network ACLs: what may cross a subnet's border. Every subnet follows one, at first the VPC's default one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import Final

from landbridge.control import limits, tags, tokens
from landbridge.control.base import Command, Context, Outcome, Scope, put, remove
from landbridge.control.traffic import check_family
from landbridge.model.errors import AclEntryExists, Dependency, Invalid, LimitExceeded, NotFound
from landbridge.model.firewall import EVERYTHING, AclAssociation, AclEntry, NetworkAcl
from landbridge.model.ids import new_id
from landbridge.model.network import Subnet, Vpc
from landbridge.model.resources import Resource, Tags

NOUN: Final = "network-acl"
ENTRY: Final = "network-acl-entry"
MAX_ENTRIES: Final = 20
"""Per ACL, direction and version of IP, with the one that ends it (AWS, VPC quotas)."""
LAST: Final = 32767
"""The number of the entry that denies all the rest: always there, never changed, stored nowhere."""
_NUMBERS: Final = range(1, LAST)
_ANYWHERE: Final = IPv4Network("0.0.0.0/0")


@dataclass(frozen=True, slots=True)
class CreateNetworkAcl(Command):
    """A new ACL that lets nothing through. Reply: the NetworkAcl."""

    vpc_id: str
    tags: Tags = ()
    client_token: str = ""


@dataclass(frozen=True, slots=True)
class DeleteNetworkAcl(Command):
    """Delete an ACL that no subnet follows. Reply: None."""

    acl_id: str


@dataclass(frozen=True, slots=True)
class CreateNetworkAclEntry(Command):
    """Add an entry. Reply: None."""

    acl_id: str
    entry: AclEntry


@dataclass(frozen=True, slots=True)
class ReplaceNetworkAclEntry(Command):
    """Put another entry in the place of the one with its number and direction. Reply: None."""

    acl_id: str
    entry: AclEntry


@dataclass(frozen=True, slots=True)
class DeleteNetworkAclEntry(Command):
    """Take an entry away. Reply: None."""

    acl_id: str
    number: int
    egress: bool


@dataclass(frozen=True, slots=True)
class ReplaceNetworkAclAssociation(Command):
    """Let a subnet follow another ACL. Reply: the new AclAssociation."""

    association_id: str
    acl_id: str


def create(scope: Scope, command: CreateNetworkAcl, context: Context) -> Outcome[NetworkAcl]:
    """Asking again with the same token gives the same ACL."""
    vpc = scope.get(Vpc, command.vpc_id, "vpc")
    wanted_tags = tags.checked(command.tags)
    if before := tokens.repeated(scope.all(NetworkAcl), command.client_token, command):
        return Outcome(before[0])
    there = sum(acl.vpc_id == vpc.id for acl in scope.all(NetworkAcl))
    context.limits.check(limits.NETWORK_ACLS, there, where=vpc.id)
    acl = NetworkAcl(
        id=new_id("acl", context.entropy),
        account=context.account,
        region=context.region,
        tags=wanted_tags,
        created=context.now,
        vpc_id=vpc.id,
        client_token=command.client_token,
        request=tokens.digest(command),
    )
    return Outcome(acl, put(acl))


def default_acl(vpc: Vpc, context: Context) -> NetworkAcl:
    """A new VPC's own ACL, which lets everything through."""
    return NetworkAcl(
        id=new_id("acl", context.entropy),
        account=vpc.account,
        region=vpc.region,
        created=vpc.created,
        vpc_id=vpc.id,
        default=True,
        entries=tuple(
            AclEntry(number=100, egress=egress, allow=True, traffic=EVERYTHING, cidr=_ANYWHERE)
            for egress in (False, True)
        ),
    )


def delete(scope: Scope, command: DeleteNetworkAcl, context: Context) -> Outcome[None]:
    """Refuses the default one."""
    acl = scope.get(NetworkAcl, command.acl_id, NOUN)
    if acl.default:
        raise Invalid("NetworkAclId", f"cannot delete default network ACL {acl.id}: it goes with its VPC.")
    if acl.associations:
        raise Dependency(
            f"The networkAcl '{acl.id}' has dependencies and cannot be deleted: {acl.associations[0].subnet_id} "
            "follows it."
        )
    return Outcome(None, remove(acl))


def create_entry(scope: Scope, command: CreateNetworkAclEntry, context: Context) -> Outcome[None]:
    """Refuses a number that is taken in that direction."""
    acl, entry = scope.get(NetworkAcl, command.acl_id, NOUN), command.entry
    _check_number(entry.number)
    check_family(entry.traffic, entry.cidr)
    if _find(acl, entry.number, entry.egress) is not None:
        raise AclEntryExists(f"The network acl entry identified by {entry.number} already exists.")
    alike = (each for each in acl.entries if each.egress == entry.egress and each.cidr.version == entry.cidr.version)
    if sum(1 for _ in alike) + 1 >= MAX_ENTRIES:
        raise LimitExceeded(
            ENTRY,
            f"{acl.id} has {MAX_ENTRIES} entries in that direction, with the one that ends it, the most it can have. "
            "Delete one.",
        )
    return Outcome(None, put(_with(acl.entries, entry, acl)))


def replace_entry(scope: Scope, command: ReplaceNetworkAclEntry, context: Context) -> Outcome[None]:
    """Refuses where there is nothing to replace."""
    acl, entry = scope.get(NetworkAcl, command.acl_id, NOUN), command.entry
    _check_number(entry.number)
    check_family(entry.traffic, entry.cidr)
    old = _must(acl, entry.number, entry.egress)
    changed = _with((each for each in acl.entries if each is not old), entry, acl)
    return Outcome(None, put(changed) if changed != acl else ())


def delete_entry(scope: Scope, command: DeleteNetworkAclEntry, context: Context) -> Outcome[None]:
    """Refuses the entry that ends the ACL."""
    acl = scope.get(NetworkAcl, command.acl_id, NOUN)
    _check_number(command.number)
    old = _must(acl, command.number, command.egress)
    return Outcome(None, put(replace(acl, entries=tuple(each for each in acl.entries if each is not old))))


def replace_association(
    scope: Scope, command: ReplaceNetworkAclAssociation, context: Context
) -> Outcome[AclAssociation]:
    """Refuses an ACL of another VPC."""
    old, association = _association(scope, command.association_id)
    acl = scope.get(NetworkAcl, command.acl_id, NOUN)
    if acl.vpc_id != old.vpc_id:
        raise Invalid(
            "NetworkAclId",
            f"network ACL {acl.id} and association {association.id} belong to different networks: "
            f"{acl.vpc_id} and {old.vpc_id}.",
        )
    moved = AclAssociation(id=new_id("aclassoc", context.entropy), subnet_id=association.subnet_id)
    left = replace(old, associations=tuple(each for each in old.associations if each is not association))
    if acl.id == old.id:
        return Outcome(moved, put(replace(left, associations=(*left.associations, moved))))
    return Outcome(moved, put(left, replace(acl, associations=(*acl.associations, moved))))


def following(scope: Scope, subnet: Subnet, context: Context) -> NetworkAcl:
    """The VPC's default ACL with a new subnet that follows it."""
    acl = next(acl for acl in scope.all(NetworkAcl) if acl.vpc_id == subnet.vpc_id and acl.default)
    association = AclAssociation(id=new_id("aclassoc", context.entropy), subnet_id=subnet.id)
    return replace(acl, associations=(*acl.associations, association))


def abandoned(scope: Scope, subnet_id: str) -> tuple[Resource, ...]:
    """The ACL that a subnet followed, without it."""
    return tuple(
        replace(acl, associations=tuple(each for each in acl.associations if each.subnet_id != subnet_id))
        for acl in scope.all(NetworkAcl)
        if any(each.subnet_id == subnet_id for each in acl.associations)
    )


def _with(others: Iterable[AclEntry], entry: AclEntry, acl: NetworkAcl) -> NetworkAcl:
    return replace(acl, entries=tuple(sorted((*others, entry), key=lambda each: (each.egress, each.number))))


def _check_number(number: int) -> None:
    if number not in _NUMBERS:
        raise Invalid(
            "ruleNumber",
            f"Value ({number}) for parameter ruleNumber is invalid. Rule numbers go from {_NUMBERS[0]} to "
            f"{_NUMBERS[-1]}.",
        )


def _find(acl: NetworkAcl, number: int, egress: bool) -> AclEntry | None:
    return next((each for each in acl.entries if each.number == number and each.egress == egress), None)


def _must(acl: NetworkAcl, number: int, egress: bool) -> AclEntry:
    found = _find(acl, number, egress)
    if found is None:
        raise NotFound(ENTRY, f"{'egress' if egress else 'ingress'} {number} of {acl.id}")
    return found


def _association(scope: Scope, association_id: str) -> tuple[NetworkAcl, AclAssociation]:
    for acl in scope.all(NetworkAcl):
        for association in acl.associations:
            if association.id == association_id:
                return acl, association
    raise NotFound("association", association_id)
