"""Subnets at the EC2 door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, select, yes
from landbridge.api.aws.ec2.paging import in_order_of_creation, page
from landbridge.api.aws.ec2.params import flag, id_of, ids_of, network_of, only, tag_list, tags_of
from landbridge.control import default_vpc, subnets
from landbridge.control.addresses import available
from landbridge.control.zones import zone_id
from landbridge.model.errors import Missing
from landbridge.model.network import Subnet
from landbridge.model.regions import partition
from landbridge.model.snapshot import Snapshot

HOST_NAMES: Final = "ip-name"
"""How EC2 names instances, where it names them; landbridge has no DNS."""


def arn(subnet: Subnet) -> str:
    """The subnet's ARN."""
    return f"arn:{partition(subnet.region)}:ec2:{subnet.region}:{subnet.account}:subnet/{subnet.id}"


def shape(subnet: Subnet, snapshot: Snapshot) -> Shape:
    """A Subnet."""
    return {
        "SubnetId": subnet.id,
        "SubnetArn": arn(subnet),
        "State": subnet.state.value,
        "VpcId": subnet.vpc_id,
        "CidrBlock": str(subnet.cidr),
        "AvailableIpAddressCount": available(snapshot, subnet),
        "AvailabilityZone": subnet.zone,
        "AvailabilityZoneId": zone_id(subnet.zone),
        "DefaultForAz": subnet.is_default,
        "MapPublicIpOnLaunch": subnet.map_public_address,
        "MapCustomerOwnedIpOnLaunch": False,
        "AssignIpv6AddressOnCreation": False,
        "Ipv6CidrBlockAssociationSet": [],
        "Ipv6Native": False,
        "EnableDns64": False,
        "PrivateDnsNameOptionsOnLaunch": {
            "HostnameType": HOST_NAMES,
            "EnableResourceNameDnsARecord": False,
            "EnableResourceNameDnsAAAARecord": False,
        },
        "BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"},
        "OwnerId": subnet.account,
        "Tags": tag_list(subnet.tags),
    }


def filters(snapshot: Snapshot) -> Mapping[str, Field[Subnet]]:
    """DescribeSubnets' filters."""

    def nothing(_: Subnet) -> tuple[str, ...]:
        return ()

    return {
        "availability-zone": lambda s: (s.zone,),
        "availabilityZone": lambda s: (s.zone,),
        "availability-zone-id": lambda s: (zone_id(s.zone),),
        "availabilityZoneId": lambda s: (zone_id(s.zone),),
        "available-ip-address-count": lambda s: (str(available(snapshot, s)),),
        "cidr": lambda s: (str(s.cidr),),
        "cidr-block": lambda s: (str(s.cidr),),
        "cidrBlock": lambda s: (str(s.cidr),),
        "default-for-az": lambda s: yes(s.is_default),
        "defaultForAz": lambda s: yes(s.is_default),
        "customer-owned-ipv4-pool": nothing,
        "enable-dns64": lambda s: yes(False),
        "enable-lni-at-device-index": nothing,
        "ipv6-cidr-block-association.association-id": nothing,
        "ipv6-cidr-block-association.ipv6-cidr-block": nothing,
        "ipv6-cidr-block-association.state": nothing,
        "ipv6-native": lambda s: yes(False),
        "map-customer-owned-ip-on-launch": lambda s: yes(False),
        "outpost-arn": nothing,
        "private-dns-name-options-on-launch.enable-resource-name-dns-a-record": lambda s: yes(False),
        "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record": lambda s: yes(False),
        "private-dns-name-options-on-launch.hostname-type": lambda s: (HOST_NAMES,),
        "map-public-ip-on-launch": lambda s: yes(s.map_public_address),
        "owner-id": lambda s: (s.account,),
        "state": lambda s: (s.state.value,),
        "subnet-arn": lambda s: (arn(s),),
        "subnet-id": lambda s: (s.id,),
        "vpc-id": lambda s: (s.vpc_id,),
    }


def create_subnet(desk: Desk, params: Params) -> Shape:
    """CreateSubnet."""
    only(
        params,
        "VpcId",
        "CidrBlock",
        "AvailabilityZone",
        "AvailabilityZoneId",
        "TagSpecifications",
        inert={"Ipv6Native": False},
    )
    subnet = desk.run(
        subnets.CreateSubnet(
            vpc_id=id_of(params, "VpcId", "vpc"),
            cidr=network_of(params, "CidrBlock"),
            zone=params.get("AvailabilityZone"),
            zone_id=params.get("AvailabilityZoneId"),
            tags=tags_of(params, "subnet"),
        )
    )
    return {"Subnet": shape(subnet, desk.scope.snapshot)}


def create_default_subnet(desk: Desk, params: Params) -> Shape:
    """CreateDefaultSubnet."""
    only(params, "AvailabilityZone", "AvailabilityZoneId", inert={"Ipv6Native": False})
    command = default_vpc.CreateDefaultSubnet(params.get("AvailabilityZone"), params.get("AvailabilityZoneId"))
    subnet = desk.run(command)
    return {"Subnet": shape(subnet, desk.scope.snapshot)}


def delete_subnet(desk: Desk, params: Params) -> Shape:
    """DeleteSubnet."""
    only(params, "SubnetId")
    desk.run(subnets.DeleteSubnet(id_of(params, "SubnetId", "subnet")))
    return {}


def describe_subnets(desk: Desk, params: Params) -> Shape:
    """DescribeSubnets."""
    only(params, "SubnetIds", "Filters", "MaxResults", "NextToken")
    scope, ids = desk.scope, ids_of(params, "SubnetIds", "subnet")
    named = [scope.get(Subnet, each, "subnet") for each in ids] if ids else scope.all(Subnet)
    found = select(named, params.get("Filters"), filters(scope.snapshot), lambda s: s.tags)
    shown, token = page(found, params, in_order_of_creation)
    desk.reads()
    return {"Subnets": [shape(subnet, scope.snapshot) for subnet in shown], "NextToken": token}


def modify_subnet_attribute(desk: Desk, params: Params) -> Shape:
    """ModifySubnetAttribute: MapPublicIpOnLaunch is the one that is in force."""
    off = {"Value": False}
    only(
        params,
        "SubnetId",
        "MapPublicIpOnLaunch",
        inert={
            "AssignIpv6AddressOnCreation": off,
            "EnableDns64": off,
            "EnableResourceNameDnsARecordOnLaunch": off,
            "EnableResourceNameDnsAAAARecordOnLaunch": off,
            "MapCustomerOwnedIpOnLaunch": off,
            "PrivateDnsHostnameTypeOnLaunch": HOST_NAMES,
        },
    )
    subnet_id, maps = id_of(params, "SubnetId", "subnet"), flag(params, "MapPublicIpOnLaunch")
    if maps is None:
        if len(params) < 2:
            raise Missing("MapPublicIpOnLaunch")
        maps = desk.scope.get(Subnet, subnet_id, "subnet").map_public_address
    desk.run(subnets.ModifySubnetAttribute(subnet_id, maps))
    return {}


ACTIONS: Final[Mapping[str, Action]] = {
    "CreateSubnet": create_subnet,
    "CreateDefaultSubnet": create_default_subnet,
    "DeleteSubnet": delete_subnet,
    "DescribeSubnets": describe_subnets,
    "ModifySubnetAttribute": modify_subnet_attribute,
}
