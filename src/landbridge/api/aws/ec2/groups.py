"""The default security group and network ACL of each VPC at the EC2 door: records of what is the case, all is allowed.

Nothing filters yet. The default group is shown with the rules that are true of it here: everything in, everything out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, select, yes
from landbridge.api.aws.ec2.paging import in_order_of_creation, page
from landbridge.api.aws.ec2.params import ids_of, only, tag_list
from landbridge.model.errors import NotFound
from landbridge.model.resources import NetworkAcl, SecurityGroup, Subnet

_ANYWHERE: Final = "0.0.0.0/0"
_LAST_RULE: Final = 32767


def _everything() -> list[Shape]:
    return [
        {
            "IpProtocol": "-1",
            "IpRanges": [{"CidrIp": _ANYWHERE}],
            "Ipv6Ranges": [],
            "PrefixListIds": [],
            "UserIdGroupPairs": [],
        }
    ]


def _group(group: SecurityGroup) -> Shape:
    return {
        "GroupId": group.id,
        "GroupName": group.group_name,
        "Description": group.description,
        "VpcId": group.vpc_id,
        "OwnerId": group.account,
        "SecurityGroupArn": f"arn:aws:ec2:{group.region}:{group.account}:security-group/{group.id}",
        "IpPermissions": _everything(),
        "IpPermissionsEgress": _everything(),
        "Tags": tag_list(group.tags),
    }


_GROUP_FILTERS: Final[Mapping[str, Field[SecurityGroup]]] = {
    "description": lambda g: (g.description,),
    "group-id": lambda g: (g.id,),
    "group-name": lambda g: (g.group_name,),
    "ip-permission.cidr": lambda g: (_ANYWHERE,),
    "ip-permission.protocol": lambda g: ("-1",),
    "egress.ip-permission.cidr": lambda g: (_ANYWHERE,),
    "egress.ip-permission.protocol": lambda g: ("-1",),
    "owner-id": lambda g: (g.account,),
    "vpc-id": lambda g: (g.vpc_id,),
}


def describe_security_groups(desk: Desk, params: Params) -> Shape:
    """DescribeSecurityGroups."""
    only(params, "GroupIds", "GroupNames", "Filters", "MaxResults", "NextToken")
    scope, ids = desk.scope, ids_of(params, "GroupIds", "security-group")
    named = [scope.get(SecurityGroup, i, "security-group") for i in ids] if ids else list(scope.all(SecurityGroup))
    names = params.get("GroupNames") or ()
    for name in names:
        if all(group.group_name != name for group in named):
            raise NotFound("security-group", name[:100])
    if names:
        named = [group for group in named if group.group_name in names]
    found = select(named, params.get("Filters"), _GROUP_FILTERS, lambda g: g.tags)
    shown, token = page(found, params, in_order_of_creation)
    desk.reads()
    return {"SecurityGroups": [_group(group) for group in shown], "NextToken": token}


def _subnets(desk: Desk, acl: NetworkAcl) -> list[str]:
    return [subnet.id for subnet in desk.scope.all(Subnet) if subnet.vpc_id == acl.vpc_id]


def _association_id(subnet_id: str) -> str:
    return "aclassoc-" + subnet_id.removeprefix("subnet-")


def _entry(egress: bool, number: int, action: str) -> Shape:
    return {
        "CidrBlock": _ANYWHERE,
        "Egress": egress,
        "Protocol": "-1",
        "RuleAction": action,
        "RuleNumber": number,
    }


def _acl(desk: Desk, acl: NetworkAcl) -> Shape:
    return {
        "NetworkAclId": acl.id,
        "VpcId": acl.vpc_id,
        "IsDefault": True,
        "OwnerId": acl.account,
        "Entries": [
            _entry(egress, number, action)
            for egress in (True, False)
            for number, action in ((100, "allow"), (_LAST_RULE, "deny"))
        ],
        "Associations": [
            {"NetworkAclAssociationId": _association_id(subnet), "NetworkAclId": acl.id, "SubnetId": subnet}
            for subnet in _subnets(desk, acl)
        ],
        "Tags": tag_list(acl.tags),
    }


def describe_network_acls(desk: Desk, params: Params) -> Shape:
    """DescribeNetworkAcls."""
    only(params, "NetworkAclIds", "Filters", "MaxResults", "NextToken")
    fields: Mapping[str, Field[NetworkAcl]] = {
        "association.association-id": lambda a: (_association_id(s) for s in _subnets(desk, a)),
        "association.network-acl-id": lambda a: (a.id for _ in _subnets(desk, a)),
        "association.subnet-id": lambda a: _subnets(desk, a),
        "default": lambda a: yes(True),
        "network-acl-id": lambda a: (a.id,),
        "owner-id": lambda a: (a.account,),
        "vpc-id": lambda a: (a.vpc_id,),
    }
    scope, ids = desk.scope, ids_of(params, "NetworkAclIds", "network-acl")
    named = [scope.get(NetworkAcl, i, "network-acl") for i in ids] if ids else scope.all(NetworkAcl)
    found = select(named, params.get("Filters"), fields, lambda a: a.tags)
    shown, token = page(found, params, in_order_of_creation)
    desk.reads()
    return {"NetworkAcls": [_acl(desk, acl) for acl in shown], "NextToken": token}


ACTIONS: Final[Mapping[str, Action]] = {
    "DescribeSecurityGroups": describe_security_groups,
    "DescribeNetworkAcls": describe_network_acls,
}
