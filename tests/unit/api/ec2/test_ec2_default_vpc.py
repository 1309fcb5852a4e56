"""The default VPC as a client of EC2 meets it."""

from __future__ import annotations

import pytest
from ec2_client import Ec2, routes_of, subnet_of, vpc_of
from support import ACCOUNT, REGION, Cloud

from landbridge.control.base import Scope
from landbridge.control.subnets import default_subnet
from landbridge.model.errors import NoDefaultSubnet, VpcNotSpecified


@pytest.fixture
def ec2() -> Ec2:
    return Ec2(Cloud())


def scope(ec2: Ec2) -> Scope:
    return Scope(ec2.cloud.snapshot, ACCOUNT, REGION)


def test_it_has_a_subnet_per_zone_and_a_way_to_the_internet(ec2: Ec2) -> None:
    vpc_of(ec2)
    vpc = ec2("CreateDefaultVpc")["Vpc"]
    assert (vpc["CidrBlock"], vpc["IsDefault"]) == ("172.31.0.0/16", True)
    is_default = [{"Name": "is-default", "Values": ["true"]}]
    assert ec2("DescribeVpcs", Filters=is_default)["Vpcs"] == [vpc]
    subnets = ec2("DescribeSubnets", Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    assert {(s["AvailabilityZone"], s["CidrBlock"], s["MapPublicIpOnLaunch"], s["VpcId"]) for s in subnets} == {
        (REGION + "a", "172.31.0.0/20", True, vpc["VpcId"]),
        (REGION + "b", "172.31.16.0/20", True, vpc["VpcId"]),
        (REGION + "c", "172.31.32.0/20", True, vpc["VpcId"]),
    }
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc["VpcId"]]}]
    (gateway,) = ec2("DescribeInternetGateways", Filters=attached)["InternetGateways"]
    main = [{"Name": "association.main", "Values": ["true"]}, {"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
    (table,) = ec2("DescribeRouteTables", Filters=main)["RouteTables"]
    shown = routes_of(ec2, table["RouteTableId"])
    assert (shown["0.0.0.0/0"]["GatewayId"], shown["0.0.0.0/0"]["State"]) == (gateway["InternetGatewayId"], "active")
    for attribute in ("enableDnsSupport", "enableDnsHostnames"):
        answer = ec2("DescribeVpcAttribute", VpcId=vpc["VpcId"], Attribute=attribute)
        assert answer[attribute[0].upper() + attribute[1:]] == {"Value": True}


def test_there_is_one_per_region(ec2: Ec2) -> None:
    ec2("CreateDefaultVpc")
    assert ec2.code("CreateDefaultVpc") == "DefaultVpcAlreadyExists"
    elsewhere = Ec2(ec2.cloud, region="us-east-1")("CreateDefaultVpc")["Vpc"]
    assert elsewhere["IsDefault"]


def test_it_can_be_deleted_and_made_again(ec2: Ec2) -> None:
    vpc = ec2("CreateDefaultVpc")["Vpc"]["VpcId"]
    for subnet in ec2("DescribeSubnets")["Subnets"]:
        ec2("DeleteSubnet", SubnetId=subnet["SubnetId"])
    (gateway,) = ec2("DescribeInternetGateways")["InternetGateways"]
    ec2("DetachInternetGateway", InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc)
    ec2("DeleteVpc", VpcId=vpc)
    assert ec2("CreateDefaultVpc")["Vpc"]["VpcId"] != vpc


def test_default_subnets_come_back_one_by_one(ec2: Ec2) -> None:
    zone = {"AvailabilityZone": REGION + "b"}
    assert ec2.code("CreateDefaultSubnet", **zone) == "DefaultVpcDoesNotExist"
    vpc = ec2("CreateDefaultVpc")["Vpc"]["VpcId"]
    assert ec2.code("CreateDefaultSubnet", **zone) == "DefaultSubnetAlreadyExistsInAvailabilityZone"
    assert ec2.code("CreateDefaultSubnet") == "MissingParameter"
    assert ec2.code("CreateDefaultSubnet", AvailabilityZone="mars-1a") == "InvalidParameterValue"
    assert ec2.code("CreateDefaultSubnet", **zone, Ipv6Native=True) == "UnsupportedOperation"
    by_zone = [{"Name": "availability-zone", "Values": [REGION + "b"]}]
    (old,) = ec2("DescribeSubnets", Filters=by_zone)["Subnets"]
    ec2("DeleteSubnet", SubnetId=old["SubnetId"])
    in_the_way = subnet_of(ec2, vpc, "172.31.16.0/24")
    made = ec2("CreateDefaultSubnet", AvailabilityZoneId="euc1-az2")["Subnet"]
    assert (made["CidrBlock"], made["DefaultForAz"], made["AvailabilityZone"]) == (
        "172.31.48.0/20",
        True,
        REGION + "b",
    )
    shown = ec2("DescribeSubnets", SubnetIds=[in_the_way])["Subnets"][0]
    assert (shown["DefaultForAz"], shown["MapPublicIpOnLaunch"]) == (False, False)


def test_who_names_no_subnet_gets_a_default_one(ec2: Ec2) -> None:
    vpc_of(ec2)
    with pytest.raises(VpcNotSpecified):
        default_subnet(scope(ec2))
    ec2("CreateDefaultVpc")
    assert default_subnet(scope(ec2)).zone == REGION + "a"
    assert default_subnet(scope(ec2), REGION + "c").zone == REGION + "c"
    for subnet in ec2("DescribeSubnets")["Subnets"]:
        if subnet["AvailabilityZone"] != REGION + "b":
            ec2("DeleteSubnet", SubnetId=subnet["SubnetId"])
    assert default_subnet(scope(ec2)).zone == REGION + "b"
    with pytest.raises(NoDefaultSubnet):
        default_subnet(scope(ec2), REGION + "c")


def test_account_attributes_name_it(ec2: Ec2) -> None:
    def named() -> list[str]:
        answer = ec2("DescribeAccountAttributes", AttributeNames=["default-vpc"])["AccountAttributes"]
        return [value["AttributeValue"] for value in answer[0]["AttributeValues"]]

    assert named() == ["none"]
    vpc = ec2("CreateDefaultVpc")["Vpc"]["VpcId"]
    assert named() == [vpc]
