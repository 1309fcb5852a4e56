"""Security groups at the EC2 door."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, select
from landbridge.api.aws.ec2.paging import in_order_of_creation, page
from landbridge.api.aws.ec2.params import MAX_IDS, checked_id, id_of, ids_of, only, required, tag_list, tags_of
from landbridge.api.aws.ec2.permissions import grouped
from landbridge.control import security_groups
from landbridge.control.security_groups import NOUN
from landbridge.control.traffic import protocol_name, shown_range
from landbridge.model.errors import Combination, Invalid, Missing
from landbridge.model.firewall import SecurityGroup, SecurityGroupRule
from landbridge.model.regions import partition

Rules = Mapping[str, list[SecurityGroupRule]]
"""By the id of their group, in order of creation."""


def arn(group: SecurityGroup) -> str:
    """The group's ARN."""
    return f"arn:{partition(group.region)}:ec2:{group.region}:{group.account}:security-group/{group.id}"


def group_of(desk: Desk, params: Params) -> SecurityGroup:
    """The group that a request is about: by GroupId or, in the default VPC, by GroupName.

    Raises:
        NotFound: there is none.
        VpcNotSpecified: it is named, and there is no default VPC.
    """
    name, given = params.get("GroupName"), params.get("GroupId")
    if given is not None and name is not None:
        raise Combination("Name the security group by GroupId or by GroupName, not by both.")
    if given is not None:
        return desk.scope.get(SecurityGroup, checked_id(given, NOUN), NOUN)
    if name is None:
        raise Missing("GroupId")
    return security_groups.named(desk.scope, name)


def create_security_group(desk: Desk, params: Params) -> Shape:
    """CreateSecurityGroup."""
    only(params, "GroupName", "Description", "VpcId", "TagSpecifications")
    group = desk.run(
        security_groups.CreateSecurityGroup(
            vpc_id=id_of(params, "VpcId", "vpc") if params.get("VpcId") is not None else None,
            name=required(params, "GroupName"),
            description=required(params, "Description"),
            tags=tags_of(params, NOUN),
        )
    )
    return {"GroupId": group.id, "Tags": tag_list(group.tags), "SecurityGroupArn": arn(group)}


def delete_security_group(desk: Desk, params: Params) -> Shape:
    """DeleteSecurityGroup."""
    only(params, "GroupId", "GroupName")
    group = group_of(desk, params)
    desk.run(security_groups.DeleteSecurityGroup(group.id))
    return {"Return": True, "GroupId": group.id}


def _shape(group: SecurityGroup, rules: Rules) -> Shape:
    mine = rules.get(group.id, [])
    return {
        "GroupId": group.id,
        "GroupName": group.group_name,
        "Description": group.description,
        "VpcId": group.vpc_id,
        "OwnerId": group.account,
        "SecurityGroupArn": arn(group),
        "IpPermissions": grouped((rule for rule in mine if not rule.egress), group.account),
        "IpPermissionsEgress": grouped((rule for rule in mine if rule.egress), group.account),
        "Tags": tag_list(group.tags),
    }


def _peer_name(desk: Desk, rule: SecurityGroupRule) -> Iterable[str]:
    peer = desk.scope.find(SecurityGroup, rule.peer_group_id) if rule.peer_group_id else None
    return (peer.group_name,) if peer else ()


def _port(rule: SecurityGroupRule, place: int) -> Iterable[str]:
    ports = shown_range(rule.traffic)
    return (str(ports[place]),) if ports else ()


def filters(desk: Desk, rules: Rules) -> Mapping[str, Field[SecurityGroup]]:
    """DescribeSecurityGroups' filters."""
    of_rules: Mapping[str, Field[SecurityGroupRule]] = {
        "cidr": lambda r: (str(r.cidr),) if r.cidr is not None and r.cidr.version == 4 else (),
        "from-port": lambda r: _port(r, 0),
        "to-port": lambda r: _port(r, 1),
        "group-id": lambda r: (r.peer_group_id,) if r.peer_group_id else (),
        "group-name": lambda r: _peer_name(desk, r),
        "ipv6-cidr": lambda r: (str(r.cidr),) if r.cidr is not None and r.cidr.version == 6 else (),
        "prefix-list-id": lambda r: (),
        "protocol": lambda r: (protocol_name(r.traffic.protocol),),
        "user-id": lambda r: (r.account,) if r.peer_group_id else (),
    }

    def any_rule(field: Field[SecurityGroupRule], egress: bool) -> Field[SecurityGroup]:
        return lambda g: (v for rule in rules.get(g.id, ()) if rule.egress == egress for v in field(rule))

    return {
        "description": lambda g: (g.description,),
        "group-id": lambda g: (g.id,),
        "group-name": lambda g: (g.group_name,),
        "owner-id": lambda g: (g.account,),
        "vpc-id": lambda g: (g.vpc_id,),
        **{f"ip-permission.{name}": any_rule(field, False) for name, field in of_rules.items()},
        **{f"egress.ip-permission.{name}": any_rule(field, True) for name, field in of_rules.items()},
    }


def describe_security_groups(desk: Desk, params: Params) -> Shape:
    """DescribeSecurityGroups."""
    only(params, "GroupIds", "GroupNames", "Filters", "MaxResults", "NextToken")
    scope, ids, names = desk.scope, ids_of(params, "GroupIds", NOUN), params.get("GroupNames") or ()
    if len(names) > MAX_IDS:
        raise Invalid("GroupNames", f"At most {MAX_IDS} groups can be named in one request; {len(names)} are.")
    by_id = [scope.get(SecurityGroup, each, NOUN) for each in ids]
    by_name = [security_groups.named(scope, each) for each in dict.fromkeys(names)]
    named = {group.id: group for group in (*by_id, *by_name)}.values() if ids or names else scope.all(SecurityGroup)
    rules = _by_group(scope.all(SecurityGroupRule))
    found = select(named, params.get("Filters"), filters(desk, rules), lambda g: g.tags)
    shown, token = page(found, params, in_order_of_creation)
    desk.reads()
    return {"SecurityGroups": [_shape(group, rules) for group in shown], "NextToken": token}


def _by_group(rules: Iterable[SecurityGroupRule]) -> Rules:
    found: dict[str, list[SecurityGroupRule]] = defaultdict(list)
    for rule in rules:
        found[rule.group_id].append(rule)
    return found


ACTIONS: Final[Mapping[str, Action]] = {
    "CreateSecurityGroup": create_security_group,
    "DeleteSecurityGroup": delete_security_group,
    "DescribeSecurityGroups": describe_security_groups,
}
