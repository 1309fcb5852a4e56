"""Security groups' rules at the EC2 door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, select
from landbridge.api.aws.ec2.groups import group_of
from landbridge.api.aws.ec2.paging import in_order_of_creation, page
from landbridge.api.aws.ec2.params import checked_id, ids_of, only, required, tags_of
from landbridge.api.aws.ec2.permissions import FLAT, grouped, one_rule, revoked_shape, rule_shape, wanted
from landbridge.control import security_group_rules as rules
from landbridge.control.security_group_rules import RULE
from landbridge.model.errors import Combination
from landbridge.model.firewall import SecurityGroupRule


def _authorize(desk: Desk, params: Params, *, egress: bool) -> Shape:
    flat = () if egress else (*FLAT, "GroupName")
    only(params, "GroupId", "IpPermissions", "TagSpecifications", *flat)
    group = group_of(desk, params)
    permissions = wanted(desk, group, params, new=True)
    added = desk.run(rules.AuthorizeRules(group.id, egress, permissions, tags_of(params, RULE)))
    return {"Return": True, "SecurityGroupRules": [rule_shape(rule) for rule in added]}


def _revoke(desk: Desk, params: Params, *, egress: bool) -> Shape:
    flat = () if egress else (*FLAT, "GroupName")
    only(params, "GroupId", "IpPermissions", "SecurityGroupRuleIds", *flat)
    group, ids = group_of(desk, params), ids_of(params, "SecurityGroupRuleIds", RULE)
    permissions = wanted(desk, group, params, new=False)
    if ids and permissions:
        raise Combination("Name the rules by SecurityGroupRuleId or by what they allow, not both.")
    revoked = desk.run(rules.RevokeRules(group.id, egress, ids, permissions))
    return {
        "Return": True,
        "UnknownIpPermissions": grouped(revoked.unknown, desk.account),
        "RevokedSecurityGroupRules": [revoked_shape(rule) for rule in revoked.rules],
    }


def _describe_anew(desk: Desk, params: Params, *, egress: bool) -> Shape:
    only(params, "GroupId", "GroupName", "IpPermissions", "SecurityGroupRuleDescriptions")
    group = group_of(desk, params)
    by_id = tuple(
        (checked_id(required(each, "SecurityGroupRuleId"), RULE), each.get("Description") or "")
        for each in params.get("SecurityGroupRuleDescriptions") or ()
    )
    permissions = wanted(desk, group, params, new=False)
    if by_id and permissions:
        raise Combination("Name the rules by SecurityGroupRuleId or by what they allow, not both.")
    desk.run(rules.DescribeRulesAnew(group.id, egress, by_id, permissions))
    return {"Return": True}


def authorize_security_group_ingress(desk: Desk, params: Params) -> Shape:
    """AuthorizeSecurityGroupIngress."""
    return _authorize(desk, params, egress=False)


def authorize_security_group_egress(desk: Desk, params: Params) -> Shape:
    """AuthorizeSecurityGroupEgress, as EC2 with IpPermissions only."""
    return _authorize(desk, params, egress=True)


def revoke_security_group_ingress(desk: Desk, params: Params) -> Shape:
    """RevokeSecurityGroupIngress."""
    return _revoke(desk, params, egress=False)


def revoke_security_group_egress(desk: Desk, params: Params) -> Shape:
    """RevokeSecurityGroupEgress, as EC2 with IpPermissions or ids only."""
    return _revoke(desk, params, egress=True)


def update_security_group_rule_descriptions_ingress(desk: Desk, params: Params) -> Shape:
    """UpdateSecurityGroupRuleDescriptionsIngress."""
    return _describe_anew(desk, params, egress=False)


def update_security_group_rule_descriptions_egress(desk: Desk, params: Params) -> Shape:
    """UpdateSecurityGroupRuleDescriptionsEgress."""
    return _describe_anew(desk, params, egress=True)


def modify_security_group_rules(desk: Desk, params: Params) -> Shape:
    """ModifySecurityGroupRules."""
    only(params, "GroupId", "SecurityGroupRules")
    group = group_of(desk, params)
    changes = tuple(
        (
            checked_id(required(each, "SecurityGroupRuleId"), RULE),
            one_rule(required(each, "SecurityGroupRule")),
        )
        for each in required(params, "SecurityGroupRules")
    )
    desk.run(rules.ModifyRules(group.id, changes))
    return {"Return": True}


FILTERS: Final[Mapping[str, Field[SecurityGroupRule]]] = {
    "group-id": lambda r: (r.group_id,),
    "security-group-rule-id": lambda r: (r.id,),
}
"""DescribeSecurityGroupRules' filters."""


def describe_security_group_rules(desk: Desk, params: Params) -> Shape:
    """DescribeSecurityGroupRules."""
    only(params, "SecurityGroupRuleIds", "Filters", "MaxResults", "NextToken")
    scope, ids = desk.scope, ids_of(params, "SecurityGroupRuleIds", RULE)
    named = [scope.get(SecurityGroupRule, each, RULE) for each in ids] if ids else scope.all(SecurityGroupRule)
    found = select(named, params.get("Filters"), FILTERS, lambda r: r.tags)
    shown, token = page(found, params, in_order_of_creation)
    desk.reads()
    return {"SecurityGroupRules": [rule_shape(rule) for rule in shown], "NextToken": token}


ACTIONS: Final[Mapping[str, Action]] = {
    "AuthorizeSecurityGroupIngress": authorize_security_group_ingress,
    "AuthorizeSecurityGroupEgress": authorize_security_group_egress,
    "RevokeSecurityGroupIngress": revoke_security_group_ingress,
    "RevokeSecurityGroupEgress": revoke_security_group_egress,
    "UpdateSecurityGroupRuleDescriptionsIngress": update_security_group_rule_descriptions_ingress,
    "UpdateSecurityGroupRuleDescriptionsEgress": update_security_group_rule_descriptions_egress,
    "ModifySecurityGroupRules": modify_security_group_rules,
    "DescribeSecurityGroupRules": describe_security_group_rules,
}
