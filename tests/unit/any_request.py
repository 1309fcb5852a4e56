"""Requests of any action there is, made out of botocore's model: what the tests that go over all of ACTIONS share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import botocore.session
from botocore.serialize import create_serializer
from support import Cloud

from landbridge.api.aws.ec2.actions import ACTIONS
from landbridge.api.aws.ec2.door import Desk, DryRunSucceeded
from landbridge.api.aws.errors import Ec2Error, from_domain
from landbridge.api.aws.parse import parse
from landbridge.api.aws.serialize import serialize
from landbridge.model.errors import LandbridgeError
from landbridge.observe.state import Observation

Path: TypeAlias = tuple[str | int, ...]
"""Where a value lies in a request's parameters: `("NetworkInterfaces", 0, "SubnetId")`."""

Handles: TypeAlias = Mapping[str, str]
"""What a caller names its things by: the prefix of an id -> one id of its own; `ip` -> a public address."""

_MODEL = botocore.session.get_session().get_service_model("ec2")
_SERIALIZER = create_serializer("ec2", include_validation=False)
_NAMES_A_THING = re.compile(r".*(Ids?|Groups|Resources|PublicIps?|Peer|Target)$")
_NAMES_NO_THING = re.compile(
    r"(Image|Kernel|Ramdisk|Volume|(Availability)?Zone|MetricCategory|PrefixList|VpcPeeringConnection|User|.*Owner)Ids?"
)
_DEPTH = 4

VALUES: Mapping[str, Any] = {
    "Attribute": "enableDnsSupport",
    "BgpAsn": 65_001,
    "CidrBlock": "10.0.7.0/24",
    "DestinationCidrBlock": "192.168.99.0/24",
    "ImageId": "ami-1",
    "IpAddress": "203.0.113.99",
    "Type": "ipsec.1",
}
"""Values of parameters that have to be something in particular; the others get any of their type."""

_RULES = {
    "GroupId": "{sg}",
    "IpPermissions": [
        {
            "IpProtocol": "tcp",
            "FromPort": 80,
            "ToPort": 80,
            "IpRanges": [{"CidrIp": "192.0.2.0/24", "Description": "a"}],
        }
    ],
}
_ENTRY = {"NetworkAclId": "{acl}", "Protocol": "-1", "RuleAction": "allow", "Egress": False, "CidrBlock": "0.0.0.0/0"}
_RULE = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}

NEEDS: Mapping[str, Mapping[str, Any]] = {
    "AssociateAddress": {"AllocationId": "{eipalloc}", "NetworkInterfaceId": "{eni}", "AllowReassociation": True},
    "AssociateRouteTable": {"RouteTableId": "{rtb}", "SubnetId": "{subnet}"},
    "AssociateVpcCidrBlock": {"VpcId": "{vpc}", "CidrBlock": "10.1.0.0/16"},
    "AuthorizeSecurityGroupEgress": _RULES,
    "AuthorizeSecurityGroupIngress": _RULES,
    "CreateCustomerGateway": {"IpAddress": "203.0.113.99", "BgpAsn": 65_001},
    "CreateNetworkAclEntry": {**_ENTRY, "RuleNumber": 50},
    "CreateRoute": {"RouteTableId": "{rtb}", "DestinationCidrBlock": "192.168.99.0/24", "GatewayId": "{igw}"},
    "CreateSubnet": {"VpcId": "{vpc}", "CidrBlock": "10.0.7.0/24"},
    "CreateTags": {"Resources": ["{vpc}"], "Tags": [{"Key": "a", "Value": "b"}]},
    "CreateVpnConnection": {"CustomerGatewayId": "{cgw}", "VpnGatewayId": "{vgw}"},
    "CreateVpnConnectionRoute": {"VpnConnectionId": "{vpn}", "DestinationCidrBlock": "192.168.99.0/24"},
    "DeleteRoute": {"RouteTableId": "{rtb}", "DestinationCidrBlock": "10.250.0.0/16"},
    "DeleteVpnConnectionRoute": {"VpnConnectionId": "{vpn}", "DestinationCidrBlock": "192.168.70.0/24"},
    "DescribeAddressesAttribute": {"Attribute": "domain-name"},
    "DescribeInstanceAttribute": {"InstanceId": "{i}", "Attribute": "instanceType"},
    "DisassociateAddress": {"AssociationId": "{eipassoc}"},
    "DisassociateRouteTable": {"AssociationId": "{rtbassoc}"},
    "ModifyInstanceAttribute": {"InstanceId": "{i}", "SourceDestCheck": {"Value": True}},
    "ModifyNetworkInterfaceAttribute": {"NetworkInterfaceId": "{eni}", "SourceDestCheck": {"Value": True}},
    "ModifySecurityGroupRules": {
        "GroupId": "{sg}",
        "SecurityGroupRules": [
            {"SecurityGroupRuleId": "{sgr}", "SecurityGroupRule": {**_RULE, "CidrIpv4": "192.0.2.0/24"}}
        ],
    },
    "ModifySubnetAttribute": {"SubnetId": "{subnet}", "MapPublicIpOnLaunch": {"Value": True}},
    "ModifyVpcAttribute": {"VpcId": "{vpc}", "EnableDnsHostnames": {"Value": True}},
    "ModifyVpnTunnelOptions": {"VpnConnectionId": "{vpn}", "TunnelOptions": {"DPDTimeoutSeconds": 30}},
    "ReplaceNetworkAclAssociation": {"AssociationId": "{aclassoc}", "NetworkAclId": "{acl}"},
    "ReplaceNetworkAclEntry": {**_ENTRY, "RuleNumber": 100},
    "ReplaceRoute": {"RouteTableId": "{rtb}", "DestinationCidrBlock": "10.250.0.0/16", "GatewayId": "{vgw}"},
    "ReplaceRouteTableAssociation": {"AssociationId": "{rtbassoc}", "RouteTableId": "{rtb}"},
    "ResetNetworkInterfaceAttribute": {"NetworkInterfaceId": "{eni}", "SourceDestCheck": "x"},
    "RevokeSecurityGroupEgress": _RULES,
    "RevokeSecurityGroupIngress": _RULES,
    "RunInstances": {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1, "SubnetId": "{subnet}"},
    "UnassignPrivateIpAddresses": {"NetworkInterfaceId": "{eni}", "PrivateIpAddresses": ["10.0.1.200"]},
    "UpdateSecurityGroupRuleDescriptionsEgress": _RULES,
    "UpdateSecurityGroupRuleDescriptionsIngress": _RULES,
}
"""What an action takes besides what the model demands. `{vpc}` is the caller's own, by the prefix of its id."""

_BY_GROUP = ({"GroupId": "{sg}", "IpPermissions": [_RULE]},)
_RUN = {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1}
OTHERWISE: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "ModifyNetworkInterfaceAttribute": (
        {
            "NetworkInterfaceId": "{eni}",
            "Attachment": {"AttachmentId": "{eni-attach}", "DeleteOnTermination": True},
        },
    ),
    "ModifySecurityGroupRules": (
        {"GroupId": "{sg}", "SecurityGroupRules": [{"SecurityGroupRuleId": "{sgr}", "SecurityGroupRule": _RULE}]},
    ),
    "RevokeSecurityGroupEgress": _BY_GROUP,
    "RevokeSecurityGroupIngress": _BY_GROUP,
    "UpdateSecurityGroupRuleDescriptionsEgress": _BY_GROUP,
    "UpdateSecurityGroupRuleDescriptionsIngress": _BY_GROUP,
    "RunInstances": (
        {**_RUN, "NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": "{subnet}"}]},
        {**_RUN, "NetworkInterfaces": [{"DeviceIndex": 0}]},
    ),
}
"""Other ways of asking the same, where there are some."""


def ask(
    cloud: Cloud, account: str, region: str, action: str, parameters: Mapping[str, Any], *, sees_secrets: bool = True
) -> tuple[str, str]:
    """Ask: the code and the message of the refusal, or `ok` and the answer's document.

    With DryRun the code of success is `DryRunOperation`, as EC2 has it.
    """
    body = _SERIALIZER.serialize_to_request(dict(parameters), _MODEL.operation_model(action))["body"]
    flat = {name: _text(value) for name, value in body.items() if name not in ("Action", "Version")}
    try:
        typed = parse(action, flat)
        desk = Desk(cloud.control, Observation, account, region, typed.pop("DryRun", False), sees_secrets)
        document = serialize(action, ACTIONS[action](desk, typed), "request-1")
    except Ec2Error as refusal:
        return refusal.code, refusal.message
    except LandbridgeError as refusal:
        error = from_domain(refusal)
        return error.code, error.message
    except DryRunSucceeded:
        return "DryRunOperation", ""
    return "ok", document.decode()


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def request(action: str, own: Handles) -> dict[str, Any]:
    """Parameters with which the caller could carry out the action, or nearly."""
    return _required(_input(action), own) | _with_handles(NEEDS.get(action, {}), own)


def requests(action: str, own: Handles) -> list[dict[str, Any]]:
    """The same in every way, also with one thing left out that is not always needed: it may exclude another."""
    whole = request(action, own)
    spare = set(whole) - set(_input(action).required_members)
    less = [{name: value for name, value in whole.items() if name != left_out} for left_out in sorted(spare)]
    return [whole, *less, *(_with_handles(each, own) for each in OTHERWISE.get(action, ()))]


def has_dry_run(action: str) -> bool:
    """Whether the action can be tried."""
    return "DryRun" in _input(action).members


def takes_a_token(action: str) -> bool:
    """Whether a caller can name a request, so that asking again is the same request."""
    return "ClientToken" in _input(action).members


def _input(action: str) -> Any:
    return _MODEL.operation_model(action).input_shape


def places(action: str) -> list[Path]:
    """Everywhere in its parameters that an action is told of a thing that exists: ids and public addresses."""
    return sorted(_places(_input(action), (), ()), key=str)


def with_value(parameters: Mapping[str, Any], path: Path, value: str) -> dict[str, Any]:
    """The parameters with that value at the path; what is on the way there and not given yet is made."""
    head, *rest = path
    assert isinstance(head, str)
    changed = dict(parameters)
    if not rest:
        changed[head] = value
    elif rest[0] == 0:
        first, *others = changed.get(head) or [{}]
        changed[head] = [value if len(rest) == 1 else with_value(first, tuple(rest[1:]), value), *others]
    else:
        changed[head] = with_value(changed.get(head) or {}, tuple(rest), value)
    return changed


def _places(shape: Any, path: Path, inside: tuple[str, ...]) -> Iterator[Path]:
    if len(inside) > _DEPTH or shape.name in inside:
        return
    for name, member in shape.members.items():
        here, kind = (*path, name), member
        if name in ("Filters", "TagSpecifications") or _NAMES_NO_THING.fullmatch(name):
            continue
        if member.type_name == "list":
            here, kind = (*here, 0), member.member
        if kind.type_name == "structure":
            yield from _places(kind, here, (*inside, shape.name))
        elif kind.type_name == "string" and _NAMES_A_THING.fullmatch(name):
            yield here


def _required(shape: Any, own: Handles) -> dict[str, Any]:
    return {name: _value(name, shape.members[name], own) for name in shape.required_members}


def _value(name: str, shape: Any, own: Handles) -> Any:
    if name in VALUES:
        return VALUES[name]
    match shape.type_name:
        case "structure":
            return _required(shape, own)
        case "list":
            return [_value(name, shape.member, own)]
        case "boolean":
            return False
        case "integer" | "long":
            return 1
        case _:
            return shape.enum[0] if getattr(shape, "enum", None) else own.get(_prefix(name), "x")


_PREFIXES = {
    "Vpc": "vpc",
    "Subnet": "subnet",
    "RouteTable": "rtb",
    "InternetGateway": "igw",
    "VpnGateway": "vgw",
    "Gateway": "vgw",
    "CustomerGateway": "cgw",
    "VpnConnection": "vpn",
    "Instance": "i",
    "NetworkInterface": "eni",
    "NetworkAcl": "acl",
    "Group": "sg",
    "SecurityGroup": "sg",
    "DhcpOptions": "dopt",
    "Allocation": "eipalloc",
}


def _prefix(name: str) -> str:
    return _PREFIXES.get(re.sub(r"Ids?$", "", name), "")


def _with_handles(value: Any, own: Handles) -> Any:
    if isinstance(value, Mapping):
        return {name: _with_handles(each, own) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_handles(each, own) for each in value]
    if isinstance(value, str) and value.startswith("{"):
        return own.get(value[1:-1], "none")
    return value
