"""VPCs at the EC2 door."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, select, yes
from landbridge.api.aws.ec2.paging import in_order_of_creation, page
from landbridge.api.aws.ec2.params import flag, id_of, ids_of, network_of, only, tag_list, tags_of
from landbridge.control import default_vpc, vpc_cidrs, vpcs
from landbridge.control.dhcp_options import NONE as NO_OPTIONS
from landbridge.model.errors import Combination, Invalid, Missing
from landbridge.model.network import Vpc

_OFF: Final = {"Value": False}


def associations(vpc: Vpc) -> list[Shape]:
    """The VPC's CIDRs, the first one first."""
    pairs = [(vpc_cidrs.first_association(vpc), vpc.cidr), *((each.id, each.cidr) for each in vpc.secondary)]
    return [association(identity, cidr, "associated") for identity, cidr in pairs]


def association(identity: str, cidr: IPv4Network, state: str) -> Shape:
    """A VpcCidrBlockAssociation."""
    return {"AssociationId": identity, "CidrBlock": str(cidr), "CidrBlockState": {"State": state}}


def shape(vpc: Vpc) -> Shape:
    """A Vpc."""
    return {
        "VpcId": vpc.id,
        "State": vpc.state.value,
        "CidrBlock": str(vpc.cidr),
        "CidrBlockAssociationSet": associations(vpc),
        "Ipv6CidrBlockAssociationSet": [],
        "DhcpOptionsId": vpc.dhcp_options_id or NO_OPTIONS,
        "InstanceTenancy": vpc.tenancy,
        "IsDefault": vpc.is_default,
        "BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"},
        "OwnerId": vpc.account,
        "Tags": tag_list(vpc.tags),
    }


FILTERS: Final[Mapping[str, Field[Vpc]]] = {
    "cidr": lambda v: (str(v.cidr),),
    "cidr-block": lambda v: (str(v.cidr),),
    "cidrBlock": lambda v: (str(v.cidr),),
    "cidr-block-association.cidr-block": lambda v: map(str, v.cidrs),
    "cidr-block-association.association-id": lambda v: (a["AssociationId"] for a in associations(v)),
    "cidr-block-association.state": lambda v: ("associated",),
    "ipv6-cidr-block-association.association-id": lambda v: (),
    "ipv6-cidr-block-association.ipv6-cidr-block": lambda v: (),
    "ipv6-cidr-block-association.ipv6-pool": lambda v: (),
    "ipv6-cidr-block-association.state": lambda v: (),
    "dhcp-options-id": lambda v: (v.dhcp_options_id or NO_OPTIONS,),
    "is-default": lambda v: yes(v.is_default),
    "isDefault": lambda v: yes(v.is_default),
    "owner-id": lambda v: (v.account,),
    "state": lambda v: (v.state.value,),
    "vpc-id": lambda v: (v.id,),
}


def create_vpc(desk: Desk, params: Params) -> Shape:
    """CreateVpc."""
    only(
        params,
        "CidrBlock",
        "TagSpecifications",
        inert={"InstanceTenancy": "default", "AmazonProvidedIpv6CidrBlock": False},
    )
    vpc = desk.run(vpcs.CreateVpc(network_of(params, "CidrBlock"), tags_of(params, "vpc")))
    return {"Vpc": shape(vpc)}


def create_default_vpc(desk: Desk, params: Params) -> Shape:
    """CreateDefaultVpc."""
    only(params)
    return {"Vpc": shape(desk.run(default_vpc.CreateDefaultVpc()))}


def delete_vpc(desk: Desk, params: Params) -> Shape:
    """DeleteVpc."""
    only(params, "VpcId")
    desk.run(vpcs.DeleteVpc(id_of(params, "VpcId", "vpc")))
    return {}


def describe_vpcs(desk: Desk, params: Params) -> Shape:
    """DescribeVpcs."""
    only(params, "VpcIds", "Filters", "MaxResults", "NextToken")
    scope, ids = desk.scope, ids_of(params, "VpcIds", "vpc")
    named = [scope.get(Vpc, each, "vpc") for each in ids] if ids else scope.all(Vpc)
    shown, token = page(select(named, params.get("Filters"), FILTERS, lambda v: v.tags), params, in_order_of_creation)
    desk.reads()
    return {"Vpcs": [shape(vpc) for vpc in shown], "NextToken": token}


def associate_vpc_cidr_block(desk: Desk, params: Params) -> Shape:
    """AssociateVpcCidrBlock, for IPv4."""
    only(params, "VpcId", "CidrBlock", inert={"AmazonProvidedIpv6CidrBlock": False})
    vpc_id = id_of(params, "VpcId", "vpc")
    added = desk.run(vpc_cidrs.AssociateVpcCidr(vpc_id, network_of(params, "CidrBlock")))
    return {"VpcId": vpc_id, "CidrBlockAssociation": association(added.id, added.cidr, "associated")}


def disassociate_vpc_cidr_block(desk: Desk, params: Params) -> Shape:
    """DisassociateVpcCidrBlock. What is gone is not shown any more."""
    only(params, "AssociationId")
    vpc, left = desk.run(vpc_cidrs.DisassociateVpcCidr(id_of(params, "AssociationId", vpc_cidrs.NOUN)))
    return {"VpcId": vpc.id, "CidrBlockAssociation": association(left.id, left.cidr, "disassociated")}


def modify_vpc_attribute(desk: Desk, params: Params) -> Shape:
    """ModifyVpcAttribute: one attribute at a time, as with EC2."""
    only(params, "VpcId", "EnableDnsSupport", "EnableDnsHostnames", inert={"EnableNetworkAddressUsageMetrics": _OFF})
    given = [name for name in params if name != "VpcId"]
    if not given:
        raise Missing("EnableDnsSupport")
    if len(given) > 1:
        raise Combination(f"Change one attribute in a request; {' and '.join(given)} are two.")
    vpc_id = id_of(params, "VpcId", "vpc")
    desk.run(vpcs.ModifyVpcAttribute(vpc_id, flag(params, "EnableDnsSupport"), flag(params, "EnableDnsHostnames")))
    return {}


def describe_vpc_attribute(desk: Desk, params: Params) -> Shape:
    """DescribeVpcAttribute."""
    only(params, "VpcId", "Attribute")
    vpc = desk.scope.get(Vpc, id_of(params, "VpcId", "vpc"), "vpc")
    match params["Attribute"]:
        case "enableDnsSupport":
            answer = {"EnableDnsSupport": {"Value": vpc.dns_support}}
        case "enableDnsHostnames":
            answer = {"EnableDnsHostnames": {"Value": vpc.dns_hostnames}}
        case "enableNetworkAddressUsageMetrics":
            answer = {"EnableNetworkAddressUsageMetrics": dict(_OFF)}
        case other:
            raise Invalid("Attribute", f"Value ({other[:100]}) for parameter attribute is invalid.")
    desk.reads()
    return {"VpcId": vpc.id, **answer}


ACTIONS: Final[Mapping[str, Action]] = {
    "CreateVpc": create_vpc,
    "CreateDefaultVpc": create_default_vpc,
    "DeleteVpc": delete_vpc,
    "DescribeVpcs": describe_vpcs,
    "AssociateVpcCidrBlock": associate_vpc_cidr_block,
    "DisassociateVpcCidrBlock": disassociate_vpc_cidr_block,
    "ModifyVpcAttribute": modify_vpc_attribute,
    "DescribeVpcAttribute": describe_vpc_attribute,
}
