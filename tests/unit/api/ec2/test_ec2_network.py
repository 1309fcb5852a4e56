"""VPCs, subnets, route tables and internet gateways as a client of EC2 meets them."""

from __future__ import annotations

import re
from ipaddress import IPv4Network
from typing import Any

import pytest
from botocore.session import get_session
from ec2_client import Ec2, routes_of, subnet_of, table_of, vpc_of
from support import ACCOUNT, REGION, Cloud

from landbridge.api.aws.ec2.door import DryRunSucceeded
from landbridge.control.limits import RELAXED
from landbridge.observe.state import Observation

UNKNOWN = "0123456789abcdef0"


@pytest.fixture
def ec2() -> Ec2:
    return Ec2(Cloud())


def test_what_terraform_asks_of_a_new_vpc(ec2: Ec2) -> None:
    vpc = ec2(
        "CreateVpc",
        CidrBlock="10.0.0.0/16",
        InstanceTenancy="default",
        AmazonProvidedIpv6CidrBlock=False,
        TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": 'a "b"; {c}\n'}]}],
    )["Vpc"]
    assert vpc["State"] == "available"
    assert vpc["Tags"] == [{"Key": "Name", "Value": 'a "b"; {c}\n'}]
    assert ec2("DescribeVpcs", VpcIds=[vpc["VpcId"]])["Vpcs"] == [vpc]
    values = {
        name: ec2("DescribeVpcAttribute", VpcId=vpc["VpcId"], Attribute=name)[name[0].upper() + name[1:]]["Value"]
        for name in ("enableDnsHostnames", "enableDnsSupport", "enableNetworkAddressUsageMetrics")
    }
    assert values == {
        "enableDnsHostnames": False,
        "enableDnsSupport": True,
        "enableNetworkAddressUsageMetrics": False,
    }
    of_vpc = {"Name": "vpc-id", "Values": [vpc["VpcId"]]}
    acls = ec2("DescribeNetworkAcls", Filters=[{"Name": "default", "Values": ["true"]}, of_vpc])["NetworkAcls"]
    groups = ec2("DescribeSecurityGroups", Filters=[{"Name": "group-name", "Values": ["default"]}, of_vpc])
    tables = ec2("DescribeRouteTables", Filters=[{"Name": "association.main", "Values": ["true"]}, of_vpc])
    assert [acl["IsDefault"] for acl in acls] == [True]
    assert [group["GroupName"] for group in groups["SecurityGroups"]] == ["default"]
    (table,) = tables["RouteTables"]
    assert table["PropagatingVgws"] == []
    assert table["Routes"] == [
        {
            "DestinationCidrBlock": "10.0.0.0/16",
            "GatewayId": "local",
            "Origin": "CreateRouteTable",
            "State": "active",
        }
    ]


def test_a_vpc_goes_with_its_defaults_and_only_when_empty(ec2: Ec2) -> None:
    vpc = vpc_of(ec2)
    subnet = subnet_of(ec2, vpc)
    assert ec2.code("DeleteVpc", VpcId=vpc) == "DependencyViolation"
    ec2("DeleteSubnet", SubnetId=subnet)
    table = table_of(ec2, vpc)
    assert ec2.code("DeleteVpc", VpcId=vpc) == "DependencyViolation"
    ec2("DeleteRouteTable", RouteTableId=table)
    gateway = ec2("CreateInternetGateway")["InternetGateway"]["InternetGatewayId"]
    ec2("AttachInternetGateway", InternetGatewayId=gateway, VpcId=vpc)
    assert ec2.code("DeleteVpc", VpcId=vpc) == "DependencyViolation"
    ec2("DetachInternetGateway", InternetGatewayId=gateway, VpcId=vpc)
    vgw = ec2("CreateVpnGateway", Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    ec2("AttachVpnGateway", VpnGatewayId=vgw, VpcId=vpc)
    assert ec2.code("DeleteVpc", VpcId=vpc) == "DependencyViolation"
    ec2("DetachVpnGateway", VpnGatewayId=vgw, VpcId=vpc)
    ec2("DeleteVpc", VpcId=vpc)
    assert ec2.code("DescribeVpcs", VpcIds=[vpc]) == "InvalidVpcID.NotFound"
    assert ec2("DescribeRouteTables")["RouteTables"] == []
    assert ec2("DescribeSecurityGroups")["SecurityGroups"] == []
    assert ec2("DescribeNetworkAcls")["NetworkAcls"] == []


@pytest.mark.parametrize(
    ("action", "arguments", "code"),
    [
        ("CreateVpc", {"CidrBlock": "10.0.0.0/15"}, "InvalidVpc.Range"),
        ("CreateVpc", {"CidrBlock": "10.0.0.0/29"}, "InvalidVpc.Range"),
        ("CreateVpc", {"CidrBlock": "10.0.0/16"}, "InvalidParameterValue"),
        ("CreateVpc", {"CidrBlock": "10.0.0.256/24"}, "InvalidParameterValue"),
        ("CreateVpc", {"CidrBlock": "10.0.0.0/255.255.0.0"}, "InvalidParameterValue"),
        ("CreateVpc", {"CidrBlock": "10.0.0.0/24; reboot"}, "InvalidParameterValue"),
        ("CreateVpc", {"CidrBlock": "224.0.0.0/16"}, "InvalidParameterValue"),
        ("CreateVpc", {"CidrBlock": "169.254.0.0/16"}, "InvalidParameterValue"),
        ("CreateVpc", {}, "MissingParameter"),
        ("CreateVpc", {"CidrBlock": "10.0.0.0/16", "AmazonProvidedIpv6CidrBlock": True}, "UnsupportedOperation"),
        ("CreateVpc", {"CidrBlock": "10.0.0.0/16", "InstanceTenancy": "dedicated"}, "UnsupportedOperation"),
        ("CreateVpc", {"Ipv4IpamPoolId": "ipam-pool-1", "Ipv4NetmaskLength": 24}, "UnsupportedOperation"),
        ("DeleteVpc", {"VpcId": "vpc-" + UNKNOWN}, "InvalidVpcID.NotFound"),
        ("DeleteVpc", {"VpcId": "igw-" + UNKNOWN}, "InvalidVpcID.Malformed"),
        ("DescribeVpcs", {"VpcIds": ["vpc-"]}, "InvalidVpcID.Malformed"),
        ("DescribeVpcs", {"Filters": [{"Name": "colour", "Values": ["red"]}]}, "InvalidParameterValue"),
        ("DescribeVpcs", {"Filters": [{"Name": "state"}]}, "MissingParameter"),
        ("DescribeSubnets", {"SubnetIds": ["subnet-" + UNKNOWN]}, "InvalidSubnetID.NotFound"),
        ("DeleteSubnet", {"SubnetId": "x"}, "InvalidSubnetID.Malformed"),
        ("DescribeRouteTables", {"RouteTableIds": ["rtb-" + UNKNOWN]}, "InvalidRouteTableID.NotFound"),
        ("DeleteRouteTable", {"RouteTableId": "vpc-" + UNKNOWN}, "InvalidRouteTableId.Malformed"),
        ("DisassociateRouteTable", {"AssociationId": "rtbassoc-" + UNKNOWN}, "InvalidAssociationID.NotFound"),
        ("DescribeInternetGateways", {"InternetGatewayIds": ["igw-" + UNKNOWN]}, "InvalidInternetGatewayID.NotFound"),
        ("DeleteInternetGateway", {"InternetGatewayId": "igw"}, "InvalidInternetGatewayId.Malformed"),
        ("DescribeInstances", {"InstanceIds": ["i-" + UNKNOWN]}, "InvalidInstanceID.NotFound"),
        ("TerminateInstances", {"InstanceIds": ["box"]}, "InvalidInstanceID.Malformed"),
        ("DescribeSecurityGroups", {"GroupIds": ["sg-" + UNKNOWN]}, "InvalidGroup.NotFound"),
        ("DescribeSecurityGroups", {"GroupIds": ["x"]}, "InvalidGroupId.Malformed"),
        ("DescribeNetworkAcls", {"NetworkAclIds": ["acl-" + UNKNOWN]}, "InvalidNetworkAclID.NotFound"),
        (
            "DescribeNetworkInterfaces",
            {"NetworkInterfaceIds": ["eni-" + UNKNOWN]},
            "InvalidNetworkInterfaceID.NotFound",
        ),
        ("CreateTags", {"Resources": ["x"], "Tags": [{"Key": "a", "Value": "b"}]}, "InvalidID"),
        (
            "CreateTags",
            {"Resources": ["vpn-" + UNKNOWN], "Tags": [{"Key": "a", "Value": "b"}]},
            "InvalidVpnConnectionID.NotFound",
        ),
        ("DescribeAvailabilityZones", {"ZoneNames": ["mars-1a"]}, "InvalidParameterValue"),
        ("DescribeVpcs", {"MaxResults": 6, "NextToken": "bm9uc2Vuc2U="}, "InvalidParameterValue"),
    ],
)
def test_refusals(ec2: Ec2, action: str, arguments: dict[str, Any], code: str) -> None:
    assert ec2.code(action, **arguments) == code


def test_subnets_lie_in_their_vpc_and_do_not_overlap(ec2: Ec2) -> None:
    vpc = vpc_of(ec2)
    subnet = ec2("CreateSubnet", VpcId=vpc, CidrBlock="10.0.1.7/24")["Subnet"]
    assert (subnet["CidrBlock"], subnet["AvailabilityZone"]) == ("10.0.1.0/24", REGION + "a")
    assert (subnet["AvailabilityZoneId"], subnet["AvailableIpAddressCount"]) == ("euc1-az1", 251)
    assert ec2.code("CreateSubnet", VpcId=vpc, CidrBlock="10.0.1.128/25") == "InvalidSubnet.Conflict"
    assert ec2.code("CreateSubnet", VpcId=vpc, CidrBlock="10.0.0.0/16") == "InvalidSubnet.Conflict"
    assert ec2.code("CreateSubnet", VpcId=vpc, CidrBlock="10.1.0.0/24") == "InvalidSubnet.Range"
    assert ec2.code("CreateSubnet", VpcId=vpc, CidrBlock="10.0.2.0/29") == "InvalidSubnet.Range"
    zone = {"AvailabilityZone": "us-east-1a"}
    assert ec2.code("CreateSubnet", VpcId=vpc, CidrBlock="10.0.2.0/24", **zone) == "InvalidParameterValue"
    other = ec2("CreateSubnet", VpcId=vpc, CidrBlock="10.0.2.0/24", AvailabilityZoneId="euc1-az3")["Subnet"]
    assert other["AvailabilityZone"] == REGION + "c"


def test_two_vpcs_may_have_the_same_cidr(ec2: Ec2) -> None:
    first, second = vpc_of(ec2), vpc_of(ec2)
    assert subnet_of(ec2, first) != subnet_of(ec2, second)


def test_attributes_are_kept(ec2: Ec2) -> None:
    vpc = vpc_of(ec2)
    ec2("ModifyVpcAttribute", VpcId=vpc, EnableDnsHostnames={"Value": True})
    asked = ec2("DescribeVpcAttribute", VpcId=vpc, Attribute="enableDnsHostnames")
    assert asked["EnableDnsHostnames"] == {"Value": True}
    metrics = {"EnableNetworkAddressUsageMetrics": {"Value": True}}
    assert ec2.code("ModifyVpcAttribute", VpcId=vpc, **metrics) == "UnsupportedOperation"
    subnet = subnet_of(ec2, vpc)
    ec2("ModifySubnetAttribute", SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    assert ec2("DescribeSubnets", SubnetIds=[subnet])["Subnets"][0]["MapPublicIpOnLaunch"] is True
    dns64 = {"EnableDns64": {"Value": True}}
    assert ec2.code("ModifySubnetAttribute", SubnetId=subnet, **dns64) == "UnsupportedOperation"


def test_associations_move(ec2: Ec2) -> None:
    vpc = vpc_of(ec2)
    subnet, first, second = subnet_of(ec2, vpc), table_of(ec2, vpc), table_of(ec2, vpc)
    association = ec2("AssociateRouteTable", RouteTableId=first, SubnetId=subnet)["AssociationId"]
    again = ec2("AssociateRouteTable", RouteTableId=first, SubnetId=subnet)["AssociationId"]
    assert again == association
    assert ec2.code("AssociateRouteTable", RouteTableId=second, SubnetId=subnet) == "Resource.AlreadyAssociated"
    assert ec2.code("DeleteRouteTable", RouteTableId=first) == "DependencyViolation"
    moved = ec2("ReplaceRouteTableAssociation", AssociationId=association, RouteTableId=second)["NewAssociationId"]
    by_id = [{"Name": "association.route-table-association-id", "Values": [moved]}]
    (table,) = ec2("DescribeRouteTables", Filters=by_id)["RouteTables"]
    assert table["RouteTableId"] == second
    assert table["Associations"] == [
        {
            "Main": False,
            "RouteTableAssociationId": moved,
            "RouteTableId": second,
            "SubnetId": subnet,
            "AssociationState": {"State": "associated"},
        }
    ]
    ec2("DisassociateRouteTable", AssociationId=moved)
    ec2("DeleteRouteTable", RouteTableId=second)
    edge = {"RouteTableId": second, "GatewayId": "igw-" + UNKNOWN}
    assert ec2.code("AssociateRouteTable", **edge) == "UnsupportedOperation"
    elsewhere = table_of(ec2, vpc_of(ec2))
    assert ec2.code("AssociateRouteTable", RouteTableId=elsewhere, SubnetId=subnet) == "InvalidParameterValue"


def test_the_main_table_can_be_replaced_but_never_lost(ec2: Ec2) -> None:
    vpc = vpc_of(ec2)
    (main,) = ec2("DescribeRouteTables")["RouteTables"]
    association = main["Associations"][0]["RouteTableAssociationId"]
    assert ec2.code("DisassociateRouteTable", AssociationId=association) == "InvalidParameterValue"
    assert ec2.code("DeleteRouteTable", RouteTableId=main["RouteTableId"]) == "DependencyViolation"
    table = table_of(ec2, vpc)
    ec2("ReplaceRouteTableAssociation", AssociationId=association, RouteTableId=table)
    is_main = [{"Name": "association.main", "Values": ["true"]}]
    assert [t["RouteTableId"] for t in ec2("DescribeRouteTables", Filters=is_main)["RouteTables"]] == [table]
    ec2("DeleteRouteTable", RouteTableId=main["RouteTableId"])
    ec2("DeleteVpc", VpcId=vpc)


def test_a_client_token_makes_one_table(ec2: Ec2) -> None:
    vpc, other = vpc_of(ec2), vpc_of(ec2)
    first = ec2("CreateRouteTable", VpcId=vpc, ClientToken="token-1")["RouteTable"]
    assert ec2("CreateRouteTable", VpcId=vpc, ClientToken="token-1")["RouteTable"] == first
    assert ec2.code("CreateRouteTable", VpcId=other, ClientToken="token-1") == "IdempotentParameterMismatch"
    assert ec2.code("CreateRouteTable", VpcId=vpc, ClientToken="x" * 65) == "InvalidParameterValue"


def test_routes(ec2: Ec2) -> None:
    vpc = vpc_of(ec2)
    table, gateway = table_of(ec2, vpc), ec2("CreateInternetGateway")["InternetGateway"]["InternetGatewayId"]
    route = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
    assert ec2.code("CreateRoute", **route, GatewayId=gateway) == "InvalidParameterValue", "it is not attached"
    assert ec2.code("CreateRoute", **route, GatewayId="igw-" + UNKNOWN) == "InvalidGatewayID.NotFound"
    assert ec2.code("CreateRoute", **route, GatewayId="local") == "InvalidGatewayID.NotFound"
    assert ec2.code("CreateRoute", **route, GatewayId="vgw-" + UNKNOWN) == "InvalidGatewayID.NotFound"
    assert ec2.code("CreateRoute", **route, NatGatewayId="nat-1") == "UnsupportedOperation"
    assert ec2.code("CreateRoute", **route) == "MissingParameter"
    ec2("AttachInternetGateway", InternetGatewayId=gateway, VpcId=vpc)
    assert ec2("CreateRoute", **route, GatewayId=gateway) == {"Return": True}
    assert routes_of(ec2, table)["0.0.0.0/0"] == {
        "DestinationCidrBlock": "0.0.0.0/0",
        "GatewayId": gateway,
        "Origin": "CreateRoute",
        "State": "active",
    }
    assert ec2.code("CreateRoute", **route, GatewayId=gateway) == "RouteAlreadyExists"
    for inside in ("10.0.0.0/16", "10.0.1.0/24"):
        local = {"RouteTableId": table, "DestinationCidrBlock": inside}
        assert ec2.code("CreateRoute", **local, GatewayId=gateway) == "InvalidParameterValue"
        assert ec2.code("ReplaceRoute", **local, GatewayId=gateway) == "InvalidParameterValue"
    local = {"RouteTableId": table, "DestinationCidrBlock": "10.0.0.0/16"}
    assert ec2.code("DeleteRoute", **local) == "InvalidParameterValue"
    unknown = {"RouteTableId": table, "DestinationCidrBlock": "192.168.0.0/16"}
    assert ec2.code("ReplaceRoute", **unknown, GatewayId=gateway) == "InvalidParameterValue"
    assert ec2.code("DeleteRoute", **unknown) == "InvalidRoute.NotFound"
    ec2("DetachInternetGateway", InternetGatewayId=gateway, VpcId=vpc)
    assert routes_of(ec2, table)["0.0.0.0/0"]["State"] == "blackhole"
    ec2("DeleteInternetGateway", InternetGatewayId=gateway)
    assert routes_of(ec2, table)["0.0.0.0/0"]["State"] == "blackhole"
    ec2("DeleteRoute", **route)
    assert list(routes_of(ec2, table)) == ["10.0.0.0/16"]


def test_routes_to_a_virtual_private_gateway(ec2: Ec2) -> None:
    vpc = vpc_of(ec2)
    table = table_of(ec2, vpc)
    vgw = ec2("CreateVpnGateway", Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    ec2("AttachVpnGateway", VpnGatewayId=vgw, VpcId=vpc)
    ec2("CreateRoute", RouteTableId=table, DestinationCidrBlock="192.168.0.0/16", GatewayId=vgw)
    ec2("EnableVgwRoutePropagation", RouteTableId=table, GatewayId=vgw)
    learned = frozenset(map(IPv4Network, ("192.168.0.0/16", "192.168.60.0/24", "10.0.3.0/24")))
    ec2.observation = Observation(propagated={table: learned})
    shown = routes_of(ec2, table)
    assert {cidr: (r["Origin"], r["State"]) for cidr, r in shown.items()} == {
        "10.0.0.0/16": ("CreateRouteTable", "active"),
        "192.168.0.0/16": ("CreateRoute", "active"),
        "192.168.60.0/24": ("EnableVgwRoutePropagation", "active"),
    }
    assert shown["192.168.60.0/24"]["GatewayId"] == vgw
    by_origin = [{"Name": "route.origin", "Values": ["EnableVgwRoute*"]}]
    (found,) = ec2("DescribeRouteTables", Filters=by_origin)["RouteTables"]
    assert found["PropagatingVgws"] == [{"GatewayId": vgw}]
    ec2("DetachVpnGateway", VpnGatewayId=vgw, VpcId=vpc)
    assert {cidr: r["State"] for cidr, r in routes_of(ec2, table).items()} == {
        "10.0.0.0/16": "active",
        "192.168.0.0/16": "blackhole",
    }


def test_internet_gateways(ec2: Ec2) -> None:
    vpc, other = vpc_of(ec2), vpc_of(ec2)
    first, second = (ec2("CreateInternetGateway")["InternetGateway"]["InternetGatewayId"] for _ in range(2))
    ec2("AttachInternetGateway", InternetGatewayId=first, VpcId=vpc)
    assert ec2.code("AttachInternetGateway", InternetGatewayId=first, VpcId=other) == "Resource.AlreadyAssociated"
    assert ec2.code("AttachInternetGateway", InternetGatewayId=second, VpcId=vpc) == "InvalidParameterValue"
    assert ec2.code("DetachInternetGateway", InternetGatewayId=first, VpcId=other) == "Gateway.NotAttached"
    assert ec2.code("DeleteInternetGateway", InternetGatewayId=first) == "DependencyViolation"
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc]}, {"Name": "attachment.state", "Values": ["available"]}]
    (shown,) = ec2("DescribeInternetGateways", Filters=attached)["InternetGateways"]
    assert shown == {
        "InternetGatewayId": first,
        "Attachments": [{"State": "available", "VpcId": vpc}],
        "OwnerId": ACCOUNT,
        "Tags": [],
    }
    subnet = subnet_of(ec2, vpc)
    launch = {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1}
    interface = {"DeviceIndex": 0, "SubnetId": subnet, "AssociatePublicIpAddress": True}
    (instance,) = ec2("RunInstances", **launch, NetworkInterfaces=[interface])["Instances"]
    assert ec2.code("DetachInternetGateway", InternetGatewayId=first, VpcId=vpc) == "DependencyViolation"
    ec2("TerminateInstances", InstanceIds=[instance["InstanceId"]])
    ec2("DetachInternetGateway", InternetGatewayId=first, VpcId=vpc)
    ec2("DeleteInternetGateway", InternetGatewayId=first)


def test_tags(ec2: Ec2) -> None:
    vpc = vpc_of(ec2)
    subnet = subnet_of(ec2, vpc)
    ec2("CreateTags", Resources=[vpc, subnet], Tags=[{"Key": "team", "Value": "net"}, {"Key": "x", "Value": ""}])
    ec2("CreateTags", Resources=[vpc], Tags=[{"Key": "team", "Value": "core"}])
    by_tag = [{"Name": "tag:team", "Values": ["co?e", "nothing"]}]
    assert [v["VpcId"] for v in ec2("DescribeVpcs", Filters=by_tag)["Vpcs"]] == [vpc]
    by_key = [{"Name": "tag-key", "Values": ["te*"]}]
    assert [s["SubnetId"] for s in ec2("DescribeSubnets", Filters=by_key)["Subnets"]] == [subnet]
    shown = ec2("DescribeTags", Filters=[{"Name": "resource-type", "Values": ["subnet"]}])["Tags"]
    assert shown == [
        {"Key": "team", "ResourceId": subnet, "ResourceType": "subnet", "Value": "net"},
        {"Key": "x", "ResourceId": subnet, "ResourceType": "subnet", "Value": ""},
    ]
    ec2("DeleteTags", Resources=[subnet], Tags=[{"Key": "team", "Value": "other"}, {"Key": "x", "Value": ""}])
    ec2("DeleteTags", Resources=[vpc], Tags=[{"Key": "team"}])
    assert ec2("DescribeSubnets")["Subnets"][0]["Tags"] == [{"Key": "team", "Value": "net"}]
    assert ec2("DescribeVpcs")["Vpcs"][0]["Tags"] == [{"Key": "x", "Value": ""}]
    ec2("DeleteTags", Resources=[subnet])
    assert ec2("DescribeSubnets")["Subnets"][0]["Tags"] == []
    too_many = [{"Key": str(n), "Value": ""} for n in range(50)]
    assert ec2.code("CreateTags", Resources=[vpc], Tags=too_many) == "TagLimitExceeded"
    for key, value in (("aws:x", ""), ("k" * 129, ""), ("k", "v" * 257), ("", "v")):
        assert ec2.code("CreateTags", Resources=[vpc], Tags=[{"Key": key, "Value": value}]) == "InvalidParameterValue"
    wrong = [{"ResourceType": "subnet", "Tags": [{"Key": "a", "Value": "b"}]}]
    assert ec2.code("CreateVpc", CidrBlock="10.0.0.0/16", TagSpecifications=wrong) == "InvalidParameterValue"


def test_pages_survive_changes_between_them() -> None:
    ec2 = Ec2(Cloud(limits=RELAXED))
    vpcs = [vpc_of(ec2) for _ in range(13)]
    first = ec2("DescribeVpcs", MaxResults=5)
    seen = [v["VpcId"] for v in first["Vpcs"]]
    ec2("DeleteVpc", VpcId=seen[-1])
    token = first["NextToken"]
    while token:
        answer = ec2("DescribeVpcs", MaxResults=5, NextToken=token)
        seen += [v["VpcId"] for v in answer["Vpcs"]]
        token = answer.get("NextToken")
    assert sorted(seen) == sorted(vpcs)
    assert "NextToken" not in ec2("DescribeVpcs", MaxResults=12)
    assert ec2.code("DescribeVpcs", MaxResults=5, VpcIds=seen[:1]) == "InvalidParameterCombination"


def test_a_dry_run_checks_and_changes_nothing(ec2: Ec2) -> None:
    with pytest.raises(DryRunSucceeded):
        ec2("CreateVpc", CidrBlock="10.0.0.0/16", DryRun=True)
    assert ec2.code("CreateVpc", CidrBlock="10.0.0.0/8", DryRun=True) == "InvalidVpc.Range"
    with pytest.raises(DryRunSucceeded):
        ec2("DescribeVpcs", DryRun=True)
    assert ec2("DescribeVpcs")["Vpcs"] == []


def test_accounts_and_regions_do_not_see_each_other(ec2: Ec2) -> None:
    vpc = vpc_of(ec2)
    for stranger in (Ec2(ec2.cloud, account="999999999999"), Ec2(ec2.cloud, region="us-east-1")):
        assert stranger("DescribeVpcs")["Vpcs"] == []
        assert stranger.code("DeleteVpc", VpcId=vpc) == "InvalidVpcID.NotFound"
        assert (
            stranger.code("CreateTags", Resources=[vpc], Tags=[{"Key": "a", "Value": "b"}]) == "InvalidVpcID.NotFound"
        )


def test_surroundings(ec2: Ec2) -> None:
    zones = ec2("DescribeAvailabilityZones", Filters=[{"Name": "state", "Values": ["available"]}])
    assert [z["ZoneName"] for z in zones["AvailabilityZones"]] == [REGION + letter for letter in "abc"]
    regions = {r["RegionName"]: r["OptInStatus"] for r in ec2("DescribeRegions")["Regions"]}
    assert (regions[REGION], regions["il-central-1"]) == ("opt-in-not-required", "opted-in")
    assert "cn-north-1" not in regions, "another partition's"
    named = ec2("DescribeRegions", RegionNames=["us-west-2"], AllRegions=True)["Regions"]
    assert named == [{"OptInStatus": "opt-in-not-required", "RegionName": "us-west-2"}]
    europe = [{"Name": "region-name", "Values": ["eu-west-*"]}]
    assert [r["RegionName"][-1] for r in ec2("DescribeRegions", Filters=europe)["Regions"]] == ["1", "2", "3"]
    assert ec2.code("DescribeRegions", RegionNames=["mars-1"]) == "InvalidParameterValue"
    assert {a["AttributeName"] for a in ec2("DescribeAccountAttributes")["AccountAttributes"]} == {
        "supported-platforms",
        "default-vpc",
        "max-instances",
        "vpc-max-security-groups-per-interface",
        "max-elastic-ips",
        "vpc-max-elastic-ips",
    }
    assert ec2.code("DescribeAccountAttributes", AttributeNames=["mood"]) == "InvalidParameterValue"
    for name in (a["AttributeName"] for a in ec2("DescribeAccountAttributes")["AccountAttributes"]):
        (found,) = ec2("DescribeAccountAttributes", AttributeNames=[name])["AccountAttributes"]
        assert found["AttributeName"] == name
    platforms = ec2("DescribeAccountAttributes", AttributeNames=["supported-platforms"])["AccountAttributes"]
    assert platforms == [{"AttributeName": "supported-platforms", "AttributeValues": [{"AttributeValue": "VPC"}]}]


@pytest.mark.parametrize(
    "action",
    [
        *("DescribeVpcs", "DescribeSubnets", "DescribeRouteTables", "DescribeInternetGateways", "DescribeDhcpOptions"),
        *("DescribeTags", "DescribeAvailabilityZones", "DescribeRegions"),
        *("DescribeVpnConnections", "DescribeVpnGateways", "DescribeCustomerGateways"),
    ],
)
def test_every_filter_that_aws_documents_is_known(ec2: Ec2, action: str) -> None:
    members = get_session().get_service_model("ec2").operation_model(action).input_shape.members
    names = re.findall(r"<p> *<code>([^<]+)</code>(?::&lt;key&gt;)? - ", members["Filters"].documentation)
    assert len(names) > 2
    for name in names:
        ec2(action, Filters=[{"Name": "tag:Owner" if name == "tag" else name, "Values": ["x"]}])


def test_a_region_of_any_name_has_zones() -> None:
    ec2 = Ec2(Cloud(), region="lab")
    assert [z["ZoneId"] for z in ec2("DescribeAvailabilityZones")["AvailabilityZones"]] == [
        "lab-az1",
        "lab-az2",
        "lab-az3",
    ]


@pytest.mark.parametrize(
    ("region", "zone"), [("us-east-1", "use1-az1"), ("ap-southeast-2", "apse2-az1"), ("us-gov-west-1", "usgw1-az1")]
)
def test_zone_ids_are_awss(region: str, zone: str) -> None:
    ec2 = Ec2(Cloud(), region=region)
    assert ec2("DescribeAvailabilityZones")["AvailabilityZones"][0]["ZoneId"] == zone
