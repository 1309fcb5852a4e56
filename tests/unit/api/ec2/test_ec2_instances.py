"""Instances as a client of EC2 meets them: addresses, what is refused, and what a route through one shows."""

from __future__ import annotations

from typing import Any

import pytest
from ec2_client import Ec2, routes_of, subnet_of, table_of, vpc_of
from support import Cloud

from landbridge.control.base import PLAIN_POOLS

UNKNOWN = "0123456789abcdef0"


@pytest.fixture
def ec2() -> Ec2:
    return Ec2(Cloud())


def launched(ec2: Ec2, **more: Any) -> dict[str, Any]:
    (instance,) = ec2("RunInstances", ImageId="ami-1", MinCount=1, MaxCount=1, **more)["Instances"]
    assert isinstance(instance, dict)
    return instance


@pytest.fixture
def subnet(ec2: Ec2) -> str:
    return subnet_of(ec2, vpc_of(ec2))


def test_an_instance_from_launch_to_end(ec2: Ec2, subnet: str) -> None:
    instance = launched(
        ec2,
        SubnetId=subnet,
        KeyName="mine",
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]}],
    )
    assert instance["State"] == {"Code": 16, "Name": "running"}
    assert (instance["PrivateIpAddress"], "PublicIpAddress" in instance) == ("10.0.1.4", False)
    assert (instance["InstanceType"], instance["KeyName"]) == ("t3.micro", "mine")
    by_name = [{"Name": "tag:Name", "Values": ["web"]}, {"Name": "instance-state-name", "Values": ["running"]}]
    (reservation,) = ec2("DescribeInstances", Filters=by_name)["Reservations"]
    assert reservation["Instances"] == [instance]
    (interface,) = ec2("DescribeNetworkInterfaces", Filters=[{"Name": "subnet-id", "Values": [subnet]}])[
        "NetworkInterfaces"
    ]
    assert interface["Attachment"]["InstanceId"] == instance["InstanceId"]
    assert ec2.code("DeleteSubnet", SubnetId=subnet) == "DependencyViolation"
    (change,) = ec2("TerminateInstances", InstanceIds=[instance["InstanceId"]])["TerminatingInstances"]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Code"]) == ("running", 48)
    assert ec2("DescribeNetworkInterfaces")["NetworkInterfaces"] == []
    ec2("DeleteSubnet", SubnetId=subnet)
    ended = ec2("DescribeInstances", InstanceIds=[instance["InstanceId"]])["Reservations"][0]["Instances"][0]
    assert "PrivateIpAddress" not in ended
    assert ended["State"]["Name"] == "terminated"


def test_public_addresses_are_asked_for_or_mapped_by_the_subnet(ec2: Ec2, subnet: str) -> None:
    def public(**interface: Any) -> str | None:
        interfaces = [{"DeviceIndex": 0, "SubnetId": subnet, **interface}]
        address = launched(ec2, NetworkInterfaces=interfaces).get("PublicIpAddress")
        return None if address is None else str(address)

    assert public() is None
    assert public(AssociatePublicIpAddress=True) == "198.51.100.2"
    ec2("ModifySubnetAttribute", SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    assert launched(ec2, SubnetId=subnet)["PublicIpAddress"] == "198.51.100.3"
    assert public(AssociatePublicIpAddress=False) is None


def test_without_a_lab_public_addresses_come_from_the_plain_pool() -> None:
    ec2 = Ec2(Cloud(pools=PLAIN_POOLS))
    subnet = subnet_of(ec2, vpc_of(ec2))
    interface = {"DeviceIndex": 0, "SubnetId": subnet, "AssociatePublicIpAddress": True}
    assert launched(ec2, NetworkInterfaces=[interface])["PublicIpAddress"] == "198.19.0.2"


def test_private_addresses_can_be_chosen(ec2: Ec2, subnet: str) -> None:
    assert launched(ec2, SubnetId=subnet, PrivateIpAddress="10.0.1.77")["PrivateIpAddress"] == "10.0.1.77"
    launch = {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet}
    assert ec2.code("RunInstances", **launch, PrivateIpAddress="10.0.1.77") == "InvalidIPAddress.InUse"
    for address in ("10.0.1.0", "10.0.1.3", "10.0.1.255", "10.0.2.9", "ten"):
        assert ec2.code("RunInstances", **launch, PrivateIpAddress=address) == "InvalidParameterValue"
    several = launch | {"MinCount": 2, "MaxCount": 2}
    assert ec2.code("RunInstances", **several, PrivateIpAddress="10.0.1.9") == "InvalidParameterCombination"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"UserData": "IyEvYmluL3No"}, "UnsupportedOperation"),
        ({"BlockDeviceMappings": [{"DeviceName": "/dev/sda1"}]}, "UnsupportedOperation"),
        ({"IamInstanceProfile": {"Name": "x"}}, "UnsupportedOperation"),
        ({"MinCount": 2, "MaxCount": 1}, "InvalidParameterValue"),
        ({"MaxCount": 100_000}, "InvalidParameterValue"),
        ({"SecurityGroupIds": ["sg-" + UNKNOWN]}, "InvalidGroup.NotFound"),
        ({"SubnetId": "subnet-" + UNKNOWN}, "InvalidSubnetID.NotFound"),
        ({"NetworkInterfaces": [{"DeviceIndex": 0}]}, "InvalidParameterCombination"),
        ({"TagSpecifications": [{"ResourceType": "volume", "Tags": []}]}, "InvalidParameterValue"),
    ],
)
def test_launches_that_are_refused(ec2: Ec2, subnet: str, more: dict[str, Any], code: str) -> None:
    launch = {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet}
    assert ec2.code("RunInstances", **(launch | more)) == code


def test_a_launch_needs_an_image(ec2: Ec2, subnet: str) -> None:
    assert ec2.code("RunInstances", MinCount=1, MaxCount=1, SubnetId=subnet) == "MissingParameter"


def test_the_default_group_may_be_named(ec2: Ec2, subnet: str) -> None:
    (group,) = ec2("DescribeSecurityGroups")["SecurityGroups"]
    instance = launched(ec2, SubnetId=subnet, SecurityGroupIds=[group["GroupId"]])
    assert instance["SecurityGroups"] == [{"GroupId": group["GroupId"], "GroupName": "default"}]


def test_a_client_token_launches_once(ec2: Ec2, subnet: str) -> None:
    launch = {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 3, "SubnetId": subnet, "ClientToken": "once"}
    first = ec2("RunInstances", **launch)
    assert len(first["Instances"]) == 3
    assert ec2("RunInstances", **launch) == first
    assert ec2.code("RunInstances", **(launch | {"ImageId": "ami-2"})) == "IdempotentParameterMismatch"


def test_a_full_subnet_says_so(ec2: Ec2) -> None:
    subnet = subnet_of(ec2, vpc_of(ec2), "10.0.9.0/28")
    launch = {"ImageId": "ami-1", "MinCount": 5, "MaxCount": 100, "SubnetId": subnet}
    assert len(ec2("RunInstances", **launch)["Instances"]) == 16 - 5
    assert ec2("DescribeSubnets", SubnetIds=[subnet])["Subnets"][0]["AvailableIpAddressCount"] == 0
    assert ec2.code("RunInstances", **launch) == "InsufficientFreeAddressesInSubnet"


def test_a_route_through_an_instance(ec2: Ec2) -> None:
    vpc = vpc_of(ec2)
    table, subnet = table_of(ec2, vpc), subnet_of(ec2, vpc)
    instance = launched(ec2, SubnetId=subnet)["InstanceId"]
    route = {"RouteTableId": table, "DestinationCidrBlock": "172.16.0.0/12", "InstanceId": instance}
    ec2("CreateRoute", **route)
    shown = routes_of(ec2, table)["172.16.0.0/12"]
    assert (shown["InstanceId"], shown["State"]) == (instance, "active")
    assert shown["NetworkInterfaceId"].startswith("eni-")
    inside = route | {"DestinationCidrBlock": "10.0.1.0/24"}
    assert ec2.code("CreateRoute", **inside) == "UnsupportedOperation"
    elsewhere = table_of(ec2, vpc_of(ec2))
    assert ec2.code("CreateRoute", **(route | {"RouteTableId": elsewhere})) == "InvalidParameterValue"
    ec2("TerminateInstances", InstanceIds=[instance])
    assert routes_of(ec2, table)["172.16.0.0/12"]["State"] == "blackhole"
