"""What security groups allow: rules are added, taken away and changed, all of a request's or none.

Two rules that allow the same are one and the same, whatever their descriptions say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from landbridge.control import tags
from landbridge.control.base import Command, Context, Outcome, Scope, put, remove
from landbridge.control.security_groups import NOUN, checked_text, new_rule, rules_of
from landbridge.control.subnets import default_vpc
from landbridge.control.traffic import check_family, described
from landbridge.model.errors import Invalid, LimitExceeded, Missing, NotFound, OtherVpc, RuleExists, RuleNotFound
from landbridge.model.firewall import Prefix, SecurityGroup, SecurityGroupRule, Traffic
from landbridge.model.resources import Tags

RULE: Final = "security-group-rule"
MAX_RULES: Final = 60
"""Per group, direction and version of IP; a rule that names a group counts for both versions (AWS, VPC quotas)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """What a rule shall allow. Exactly one of `cidr` and `peer_group_id` is set."""

    traffic: Traffic
    cidr: Prefix | None = None
    peer_group_id: str | None = None
    description: str = ""


_Allowed = tuple[Traffic, Prefix | None, str | None]


@dataclass(frozen=True, slots=True)
class AuthorizeRules(Command):
    """Let more in (or out). Reply: tuple of SecurityGroupRule, in the order given."""

    group_id: str
    egress: bool
    permissions: tuple[Permission, ...]
    tags: Tags = ()


@dataclass(frozen=True, slots=True)
class RevokeRules(Command):
    """Take rules away, by id or by what they allow. Reply: a Revoked."""

    group_id: str
    egress: bool
    rule_ids: tuple[str, ...] = ()
    permissions: tuple[Permission, ...] = ()


@dataclass(frozen=True, slots=True)
class Revoked:
    """What was taken away, as it was, and in the default VPC what was not there."""

    rules: tuple[SecurityGroupRule, ...]
    unknown: tuple[Permission, ...]


@dataclass(frozen=True, slots=True)
class ModifyRules(Command):
    """Let rules allow something else; addresses stay addresses, a group stays a group. Reply: None."""

    group_id: str
    changes: tuple[tuple[str, Permission], ...]


@dataclass(frozen=True, slots=True)
class DescribeRulesAnew(Command):
    """Give rules other descriptions, by id or by what they allow. Reply: None."""

    group_id: str
    egress: bool
    by_id: tuple[tuple[str, str], ...] = ()
    by_permission: tuple[Permission, ...] = ()


def authorize(scope: Scope, command: AuthorizeRules, context: Context) -> Outcome[tuple[SecurityGroupRule, ...]]:
    """Refuses what is allowed already, groups of other VPCs, and more rules than a group can have."""
    group = scope.get(SecurityGroup, command.group_id, NOUN)
    if not command.permissions:
        raise Missing("IpPermissions")
    wanted_tags = tags.checked(command.tags)
    for permission in command.permissions:
        _check(scope, group, permission)
    there = [rule for rule in rules_of(scope, group.id) if rule.egress == command.egress]
    _check_distinct(command.permissions)
    known = {_allowed(rule) for rule in there}
    for permission in command.permissions:
        if _allowed(permission) in known:
            raise _exists(permission)
    all_of_them: tuple[SecurityGroupRule | Permission, ...] = (*there, *command.permissions)
    if any(sum(_counts(each, version) for each in all_of_them) > MAX_RULES for version in (4, 6)):
        raise LimitExceeded(
            "rules-per-security-group",
            f"The maximum number of rules per security group has been reached: {MAX_RULES} in one direction.",
        )
    added = tuple(
        new_rule(
            group,
            context,
            egress=command.egress,
            traffic=each.traffic,
            cidr=each.cidr,
            peer=each.peer_group_id,
            description=each.description,
            tags=wanted_tags,
        )
        for each in command.permissions
    )
    return Outcome(added, put(*added))


def revoke(scope: Scope, command: RevokeRules, context: Context) -> Outcome[Revoked]:
    """Refuses rules that the group does not have in that direction; in the default VPC, as EC2, only ids of such."""
    group = scope.get(SecurityGroup, command.group_id, NOUN)
    if not command.rule_ids and not command.permissions:
        raise Missing("IpPermissions")
    found = [_rule(scope, group, rule_id, command.egress) for rule_id in command.rule_ids]
    vpc, unknown = default_vpc(scope), list[Permission]()
    for permission in command.permissions:
        try:
            found.append(_same(scope, group, permission, command.egress))
        except RuleNotFound:
            if vpc is None or vpc.id != group.vpc_id:
                raise
            unknown.append(permission)
    gone = tuple({rule.id: rule for rule in found}.values())
    return Outcome(Revoked(gone, tuple(unknown)), remove(*gone))


def modify(scope: Scope, command: ModifyRules, context: Context) -> Outcome[None]:
    """Refuses another kind of peer, and what another rule of the group allows already."""
    group = scope.get(SecurityGroup, command.group_id, NOUN)
    if not command.changes:
        raise Missing("SecurityGroupRule")
    changed: dict[str, SecurityGroupRule] = {}
    for rule_id, permission in command.changes:
        rule = _rule(scope, group, rule_id, None)
        if rule_id in changed:
            raise Invalid("SecurityGroupRule", f"The rule '{rule_id}' is named twice. Name each rule once.")
        if _kind(rule) != _kind(permission):
            raise Invalid(
                "SecurityGroupRule",
                f"The type of a rule cannot be changed: '{rule_id}' is about {_kind(rule)}. "
                "Revoke it and authorize another.",
            )
        _check(scope, group, permission)
        changed[rule_id] = replace(
            rule,
            traffic=permission.traffic,
            cidr=permission.cidr,
            peer_group_id=permission.peer_group_id,
            description=permission.description,
        )
    seen: set[tuple[bool, _Allowed]] = set()
    for rule in (changed.get(each.id, each) for each in rules_of(scope, group.id)):
        if (rule.egress, _allowed(rule)) in seen:
            raise _exists(rule)
        seen.add((rule.egress, _allowed(rule)))
    return Outcome(None, put(*(rule for rule in changed.values() if rule != scope.find(SecurityGroupRule, rule.id))))


def describe_anew(scope: Scope, command: DescribeRulesAnew, context: Context) -> Outcome[None]:
    """Refuses rules that the group does not have in that direction."""
    group = scope.get(SecurityGroup, command.group_id, NOUN)
    if not command.by_id and not command.by_permission:
        raise Missing("IpPermissions")
    changed: dict[str, SecurityGroupRule] = {}
    for rule_id, description in command.by_id:
        changed[rule_id] = _renamed(_rule(scope, group, rule_id, command.egress), description)
    for permission in command.by_permission:
        rule = _same(scope, group, permission, command.egress)
        changed[rule.id] = _renamed(rule, permission.description)
    return Outcome(None, put(*(rule for rule in changed.values() if rule != scope.find(SecurityGroupRule, rule.id))))


def _renamed(rule: SecurityGroupRule, description: str) -> SecurityGroupRule:
    return replace(rule, description=_checked_description(description))


def _checked_description(text: str) -> str:
    return checked_text("Description", "rule description", text)


def _allowed(rule: SecurityGroupRule | Permission) -> _Allowed:
    return (rule.traffic, rule.cidr, rule.peer_group_id)


def _kind(rule: SecurityGroupRule | Permission) -> str:
    return "a security group" if rule.cidr is None else f"a range of IPv{rule.cidr.version}"


def _counts(rule: SecurityGroupRule | Permission, version: int) -> bool:
    return rule.cidr is None or rule.cidr.version == version


def _check(scope: Scope, group: SecurityGroup, permission: Permission) -> None:
    _checked_description(permission.description)
    if permission.cidr is not None:
        check_family(permission.traffic, permission.cidr)
    if permission.peer_group_id is None:
        return
    peer = scope.get(SecurityGroup, permission.peer_group_id, NOUN)
    if peer.vpc_id != group.vpc_id:
        raise OtherVpc(
            "You have specified two resources that belong to different networks: "
            f"{group.id} is in {group.vpc_id}, {peer.id} in {peer.vpc_id}."
        )


def _check_distinct(permissions: Iterable[Permission]) -> None:
    seen: set[_Allowed] = set()
    for permission in permissions:
        if _allowed(permission) in seen:
            raise Invalid("IpPermissions", "The same permission must not appear multiple times")
        seen.add(_allowed(permission))


def _exists(rule: SecurityGroupRule | Permission) -> RuleExists:
    return RuleExists(
        f'the specified rule "peer: {rule.cidr or rule.peer_group_id}, {described(rule.traffic)}, ALLOW" already exists'
    )


def _rule(scope: Scope, group: SecurityGroup, rule_id: str, egress: bool | None) -> SecurityGroupRule:
    rule = scope.get(SecurityGroupRule, rule_id, RULE)
    if rule.group_id != group.id or egress not in (None, rule.egress):
        raise NotFound(RULE, rule_id)
    return rule


def _same(scope: Scope, group: SecurityGroup, permission: Permission, egress: bool) -> SecurityGroupRule:
    for rule in rules_of(scope, group.id):
        if rule.egress == egress and _allowed(rule) == _allowed(permission):
            return rule
    raise RuleNotFound(
        "The specified rule does not exist in this security group: "
        f"peer: {permission.cidr or permission.peer_group_id}, {described(permission.traffic)}."
    )
