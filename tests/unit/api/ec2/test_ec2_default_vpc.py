"""The default VPC as a client of EC2 meets it: what goes there if nothing else is said, and groups that go by name."""

from __future__ import annotations

from typing import Any

import pytest
from ec2_client import Ec2, routes_of, subnet_of, vpc_of
from support import REGION, Cloud

from landbridge.api.aws.errors import Ec2Error


@pytest.fixture
def ec2() -> Ec2:
    return Ec2(Cloud())


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


LAUNCH: dict[str, Any] = {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1}


def launched(ec2: Ec2, **more: Any) -> dict[str, Any]:
    (instance,) = ec2("RunInstances", **LAUNCH, **more)["Instances"]
    return dict(instance)


def zone_of(ec2: Ec2, **more: Any) -> str:
    """The zone of a new instance, which is in the default VPC."""
    instance = launched(ec2, **more)
    (vpc,) = ec2("DescribeVpcs", VpcIds=[instance["VpcId"]])["Vpcs"]
    (subnet,) = ec2("DescribeSubnets", SubnetIds=[instance["SubnetId"]])["Subnets"]
    assert (vpc["IsDefault"], subnet["DefaultForAz"]) == (True, True)
    return str(instance["Placement"]["AvailabilityZone"])


def in_zone(letter: str) -> dict[str, Any]:
    return {"Placement": {"AvailabilityZone": REGION + letter}}


def test_who_names_no_subnet_gets_a_default_one(ec2: Ec2) -> None:
    vpc_of(ec2)
    assert ec2.code("RunInstances", **LAUNCH) == "VPCIdNotSpecified"
    ec2("CreateDefaultVpc")
    assert zone_of(ec2) == REGION + "a"
    assert zone_of(ec2, **in_zone("c")) == REGION + "c"
    assert zone_of(ec2, NetworkInterfaces=[{"DeviceIndex": 0}]) == REGION + "a"
    assert "PublicIpAddress" in launched(ec2)
    assert ec2.code("RunInstances", **LAUNCH, **in_zone("x")) == "InvalidParameterValue"
    for reservation in ec2("DescribeInstances")["Reservations"]:
        ec2("TerminateInstances", InstanceIds=[each["InstanceId"] for each in reservation["Instances"]])
    for subnet in ec2("DescribeSubnets")["Subnets"]:
        if subnet["AvailabilityZone"] != REGION + "b":
            ec2("DeleteSubnet", SubnetId=subnet["SubnetId"])
    assert zone_of(ec2) == REGION + "b"
    assert ec2.code("RunInstances", **LAUNCH, **in_zone("c")) == "MissingInput"


def test_account_attributes_name_it(ec2: Ec2) -> None:
    def named() -> list[str]:
        answer = ec2("DescribeAccountAttributes", AttributeNames=["default-vpc"])["AccountAttributes"]
        return [value["AttributeValue"] for value in answer[0]["AttributeValues"]]

    assert named() == ["none"]
    vpc = ec2("CreateDefaultVpc")["Vpc"]["VpcId"]
    assert named() == [vpc]


# --- security groups --------------------------------------------------------------------------------------------------

SSH: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
FROM_TEN: dict[str, Any] = {**SSH, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}


@pytest.fixture
def default(ec2: Ec2) -> str:
    """A default VPC, beside another one."""
    vpc_of(ec2)
    return str(ec2("CreateDefaultVpc")["Vpc"]["VpcId"])


def group_of(ec2: Ec2, name: str, **more: Any) -> str:
    return str(ec2("CreateSecurityGroup", GroupName=name, Description="for the tests", **more)["GroupId"])


def shown(ec2: Ec2, *names: str, **more: Any) -> list[dict[str, Any]]:
    return list(ec2("DescribeSecurityGroups", GroupNames=list(names), **more)["SecurityGroups"])


def test_a_group_goes_there_if_nothing_else_is_said(ec2: Ec2, default: str) -> None:
    group = group_of(ec2, "web")
    (found,) = shown(ec2, "web")
    assert (found["GroupId"], found["VpcId"]) == (group, default)
    again = {"GroupName": "web", "Description": "the same"}
    assert ec2.code("CreateSecurityGroup", **again) == "InvalidGroup.Duplicate"
    elsewhere = Ec2(ec2.cloud, region="us-east-1")
    assert elsewhere.code("CreateSecurityGroup", **again) == "VPCIdNotSpecified"


BY_NAME = [
    ("CreateSecurityGroup", {"GroupName": "new", "Description": "d"}),
    ("DeleteSecurityGroup", {"GroupName": "web"}),
    ("DescribeSecurityGroups", {"GroupNames": ["web"]}),
    ("AuthorizeSecurityGroupIngress", {"GroupName": "web", "IpPermissions": [FROM_TEN]}),
    ("RevokeSecurityGroupIngress", {"GroupName": "web", "IpPermissions": [FROM_TEN]}),
    ("UpdateSecurityGroupRuleDescriptionsIngress", {"GroupName": "web", "IpPermissions": [FROM_TEN]}),
    ("UpdateSecurityGroupRuleDescriptionsEgress", {"GroupName": "web", "IpPermissions": [FROM_TEN]}),
    ("RunInstances", {**LAUNCH, "SecurityGroups": ["web"]}),
]
IN_IT = [pytest.param(action, given, id=action) for action, given in BY_NAME]


@pytest.mark.parametrize(("action", "given"), IN_IT)
def test_without_one_nothing_goes_by_name(ec2: Ec2, action: str, given: dict[str, Any]) -> None:
    group_of(ec2, "web", VpcId=vpc_of(ec2))
    with pytest.raises(Ec2Error, match=r"^VPCIdNotSpecified: No default VPC for this user"):
        ec2(action, **given)


@pytest.mark.parametrize(("action", "given"), IN_IT[1:])
def test_a_name_is_one_of_the_default_vpc(ec2: Ec2, default: str, action: str, given: dict[str, Any]) -> None:
    other = group_of(ec2, "web", VpcId=vpc_of(ec2, "10.1.0.0/16"))
    with pytest.raises(Ec2Error) as refused:
        ec2(action, **given)
    assert refused.value.code == "InvalidGroup.NotFound"
    assert refused.value.message == f"The security group 'web' does not exist in default VPC '{default}'"
    (found,) = ec2("DescribeSecurityGroups", GroupIds=[other])["SecurityGroups"]
    assert found["GroupName"] == "web", "it goes by its id only"


@pytest.mark.parametrize(("action", "given"), IN_IT[1:])
def test_another_accounts_names_are_none(ec2: Ec2, default: str, action: str, given: dict[str, Any]) -> None:
    other = Ec2(ec2.cloud, account="999999999999")
    other("CreateDefaultVpc")
    group_of(other, "web")
    assert ec2.code(action, **given) == "InvalidGroup.NotFound"


def test_from_its_first_rule_to_its_end_by_name(ec2: Ec2, default: str) -> None:
    group, other = group_of(ec2, "web"), group_of(ec2, "web", VpcId=vpc_of(ec2, "10.1.0.0/16"))

    def ranges() -> list[dict[str, Any]]:
        (found,) = shown(ec2, "web")
        assert found["GroupId"] == group
        return [each for permission in found["IpPermissions"] for each in permission["IpRanges"]]

    ec2("AuthorizeSecurityGroupIngress", GroupName="web", IpPermissions=[FROM_TEN])
    assert ranges() == [{"CidrIp": "10.0.0.0/8"}]
    named = {**SSH, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "ssh"}]}
    ec2("UpdateSecurityGroupRuleDescriptionsIngress", GroupName="web", IpPermissions=[named])
    assert ranges() == [{"CidrIp": "10.0.0.0/8", "Description": "ssh"}]
    out = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "all"}]}
    ec2("UpdateSecurityGroupRuleDescriptionsEgress", GroupName="web", IpPermissions=[out])
    assert shown(ec2, "web")[0]["IpPermissionsEgress"][0]["IpRanges"] == out["IpRanges"]
    ec2("RevokeSecurityGroupIngress", GroupName="web", IpPermissions=[FROM_TEN])
    assert ranges() == []
    assert ec2("DeleteSecurityGroup", GroupName="web")["GroupId"] == group
    assert ec2.code("DescribeSecurityGroups", GroupNames=["web"]) == "InvalidGroup.NotFound"
    (left,) = ec2("DescribeSecurityGroups", GroupIds=[other])["SecurityGroups"]
    assert (left["IpPermissions"], left["GroupName"]) == ([], "web")


def test_groups_are_described_by_id_and_by_name(ec2: Ec2, default: str) -> None:
    web, elsewhere = group_of(ec2, "web"), group_of(ec2, "web", VpcId=vpc_of(ec2, "10.1.0.0/16"))
    assert {g["GroupId"] for g in shown(ec2, "web", GroupIds=[elsewhere, web])} == {web, elsewhere}
    assert len(shown(ec2, "web", "default", "web")) == 2
    filters = [{"Name": "group-id", "Values": [elsewhere]}]
    assert shown(ec2, "web", Filters=filters) == []
    assert ec2.code("DescribeSecurityGroups", GroupNames=["web", "nobody"]) == "InvalidGroup.NotFound"
    assert ec2.code("DescribeSecurityGroups", GroupNames=["x"] * 1001) == "InvalidParameterValue"


def test_rules_name_the_default_vpcs_groups(ec2: Ec2, default: str) -> None:
    """Wherever the rule is: another VPC's group cannot have them, and has to name its own by their ids."""
    web = group_of(ec2, "web")
    peers = {**SSH, "UserIdGroupPairs": [{"GroupName": "web"}]}
    (rule,) = ec2("AuthorizeSecurityGroupIngress", GroupName="default", IpPermissions=[peers])["SecurityGroupRules"]
    assert rule["ReferencedGroupInfo"]["GroupId"] == web
    added = ec2("AuthorizeSecurityGroupIngress", GroupName="web", SourceSecurityGroupName="default")
    assert [(r["IpProtocol"], r["FromPort"], r["ToPort"]) for r in added["SecurityGroupRules"]] == [
        ("icmp", -1, -1),
        ("tcp", 0, 65535),
        ("udp", 0, 65535),
    ]
    elsewhere = group_of(ec2, "lonely", VpcId=vpc_of(ec2, "10.1.0.0/16"))
    flat = ({"SourceSecurityGroupName": "web"}, {"SourceSecurityGroupName": "lonely"})
    for source in ({"IpPermissions": [peers]}, *flat):
        assert ec2.code("AuthorizeSecurityGroupIngress", GroupId=elsewhere, **source) == "InvalidGroup.NotFound"


def test_an_instance_is_launched_into_groups_by_name(ec2: Ec2, default: str) -> None:
    web, admin = group_of(ec2, "web"), group_of(ec2, "admin")
    instance = launched(ec2, SecurityGroups=["web"])
    assert (instance["VpcId"], instance["SecurityGroups"]) == (default, [{"GroupId": web, "GroupName": "web"}])
    both = launched(ec2, SecurityGroups=["web"], SecurityGroupIds=[admin, web])["SecurityGroups"]
    assert {each["GroupId"] for each in both} == {web, admin}
    (subnet, *_) = ec2("DescribeSubnets")["Subnets"]
    named = {**LAUNCH, "SecurityGroups": ["web"]}
    assert ec2.code("RunInstances", **named, SubnetId=subnet["SubnetId"]) == "InvalidParameterCombination"
    assert ec2.code("RunInstances", **named, NetworkInterfaces=[{"DeviceIndex": 0}]) == "InvalidParameterCombination"
