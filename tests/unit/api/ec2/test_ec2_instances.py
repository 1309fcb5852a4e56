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
    (instance,) = ec2("RunInstances", **{"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1, **more})["Instances"]
    assert isinstance(instance, dict)
    return instance


@pytest.fixture
def subnet(ec2: Ec2) -> str:
    return subnet_of(ec2, vpc_of(ec2))


def test_an_instance_from_launch_to_end(ec2: Ec2, subnet: str) -> None:
    instance = launched(
        ec2,
        SubnetId=subnet,
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]}],
    )
    assert instance["State"] == {"Code": 16, "Name": "running"}
    assert (instance["PrivateIpAddress"], "PublicIpAddress" in instance) == ("10.0.1.4", False)
    assert (instance["InstanceType"], "KeyName" in instance) == ("t3.micro", False)
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
        ({"MetadataOptions": {"HttpEndpoint": "enabled"}}, "UnsupportedOperation"),
        ({"MetadataOptions": {"HttpTokens": "optional"}}, "UnsupportedOperation"),
        ({"EnclaveOptions": {"Enabled": True}}, "UnsupportedOperation"),
        ({"MinCount": 2, "MaxCount": 1}, "InvalidParameterValue"),
        ({"MaxCount": 100_000}, "InvalidParameterValue"),
        ({"SecurityGroupIds": ["sg-" + UNKNOWN]}, "InvalidGroup.NotFound"),
        ({"SubnetId": "subnet-" + UNKNOWN}, "InvalidSubnetID.NotFound"),
        ({"NetworkInterfaces": [{"DeviceIndex": 0}]}, "InvalidParameterCombination"),
        ({"TagSpecifications": [{"ResourceType": "snapshot", "Tags": []}]}, "InvalidParameterValue"),
        ({"TagSpecifications": [{"ResourceType": "volume", "Tags": [{"Key": "aws:x"}]}]}, "InvalidParameterValue"),
        ({"TagSpecifications": [{"ResourceType": "volume"}] * 2}, "InvalidParameterCombination"),
    ],
)
def test_launches_that_are_refused(ec2: Ec2, subnet: str, more: dict[str, Any], code: str) -> None:
    launch = {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet}
    assert ec2.code("RunInstances", **(launch | more)) == code


@pytest.mark.parametrize(
    ("region", "domain"), [("us-east-1", "ec2.internal"), ("eu-west-1", "eu-west-1.compute.internal")]
)
def test_private_names_are_made_of_the_addresses(region: str, domain: str) -> None:
    """Ansible's inventory calls hosts so."""
    ec2 = Ec2(Cloud(), region=region)
    subnet = subnet_of(ec2, vpc_of(ec2))
    instance = launched(ec2, SubnetId=subnet)
    name = f"ip-10-0-1-4.{domain}"
    assert instance["PrivateDnsName"] == name
    assert instance["NetworkInterfaces"][0]["PrivateDnsName"] == name
    assert instance["NetworkInterfaces"][0]["PrivateIpAddresses"][0]["PrivateDnsName"] == name
    (interface,) = ec2("DescribeNetworkInterfaces")["NetworkInterfaces"]
    assert (interface["PrivateDnsName"], interface["PrivateIpAddresses"][0]["PrivateDnsName"]) == (name, name)
    for action, filters, answer in (
        ("DescribeInstances", ("private-dns-name", "network-interface.private-dns-name"), "Reservations"),
        ("DescribeInstances", ("network-interface.addresses.private-dns-name",), "Reservations"),
        ("DescribeNetworkInterfaces", ("private-dns-name",), "NetworkInterfaces"),
    ):
        for each in filters:
            assert len(ec2(action, Filters=[{"Name": each, "Values": [name]}])[answer]) == 1, each
            assert ec2(action, Filters=[{"Name": each, "Values": ["ip-10-0-1-5.*"]}])[answer] == [], each
    ec2("TerminateInstances", InstanceIds=[instance["InstanceId"]])
    assert ec2("DescribeInstances")["Reservations"][0]["Instances"][0]["PrivateDnsName"] == ""
    assert ec2("DescribeInstances", Filters=[{"Name": "private-dns-name", "Values": [name]}])["Reservations"] == []


@pytest.mark.parametrize(
    ("filter_name", "member", "value"),
    [
        ("hypervisor", "Hypervisor", "xen"),
        ("virtualization-type", "VirtualizationType", "hvm"),
        ("root-device-type", "RootDeviceType", "instance-store"),
        ("ebs-optimized", "EbsOptimized", False),
        ("ena-support", "EnaSupport", True),
        ("platform-details", "PlatformDetails", "Linux/UNIX"),
        ("usage-operation", "UsageOperation", "RunInstances"),
    ],
)
def test_what_is_so_of_every_instance(ec2: Ec2, subnet: str, filter_name: str, member: str, value: object) -> None:
    """The same as of its image and by its attributes."""
    instance = launched(ec2, SubnetId=subnet)
    assert instance[member] == value
    text = str(value).lower() if isinstance(value, bool) else str(value)
    (found,) = ec2("DescribeInstances", Filters=[{"Name": filter_name, "Values": [text]}])["Reservations"]
    assert found["Instances"] == [instance]
    assert ec2("DescribeInstances", Filters=[{"Name": filter_name, "Values": ["other"]}])["Reservations"] == []
    (image,) = ec2("DescribeImages", ImageIds=["ami-1"])["Images"]
    assert image.get(member, value) == value


@pytest.mark.parametrize(
    "options",
    [
        {"MetadataOptions": {"HttpEndpoint": "disabled"}},
        {"MetadataOptions": {"HttpEndpoint": "disabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 2}},
        {"MetadataOptions": {"HttpTokens": "required"}},
        {"EnclaveOptions": {"Enabled": False}},
    ],
)
def test_there_is_no_metadata_service_and_who_says_so_may(ec2: Ec2, subnet: str, options: dict[str, Any]) -> None:
    instance = launched(ec2, SubnetId=subnet, **options)
    assert instance["MetadataOptions"] == {"HttpEndpoint": "disabled", "HttpTokens": "required", "State": "applied"}
    assert instance["EnclaveOptions"] == {"Enabled": False}
    for name, value in (
        ("metadata-options.http-endpoint", "disabled"),
        ("metadata-options.http-tokens", "required"),
        ("metadata-options.state", "applied"),
        ("enclave-options.enabled", "false"),
    ):
        assert len(ec2("DescribeInstances", Filters=[{"Name": name, "Values": [value]}])["Reservations"]) == 1


def test_volumes_may_be_tagged_where_there_are_none(ec2: Ec2, subnet: str) -> None:
    """As Terraform does it with default_tags, and Ansible always."""
    tags = [{"Key": "Name", "Value": "web"}]
    specifications = [{"ResourceType": kind, "Tags": tags} for kind in ("volume", "instance")]
    assert launched(ec2, SubnetId=subnet, TagSpecifications=specifications)["Tags"] == tags


def test_types_are_names_and_newer_ones_than_the_model_knows_are_taken(ec2: Ec2, subnet: str) -> None:
    assert launched(ec2, SubnetId=subnet, InstanceType="m99-new.2xlarge")["InstanceType"] == "m99-new.2xlarge"
    (shown,) = ec2("DescribeInstanceTypes", InstanceTypes=["m99-new.2xlarge"])["InstanceTypes"]
    assert shown["InstanceType"] == "m99-new.2xlarge"
    for wrong in ("t3micro", "T3.micro", "t3.", "t3.\u00b5", "x." + "x" * 300):
        launch = {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet, "InstanceType": wrong}
        assert ec2.code("RunInstances", **launch) == "InvalidParameterValue"
        assert ec2.code("DescribeInstanceTypes", InstanceTypes=[wrong]) == "InvalidInstanceType"


def test_groups_of_another_vpc_are_refused_in_ec2s_words(ec2: Ec2, subnet: str) -> None:
    other = vpc_of(ec2, "10.9.0.0/16")
    (group,) = ec2("DescribeSecurityGroups", Filters=[{"Name": "vpc-id", "Values": [other]}])["SecurityGroups"]
    launch = {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet}
    message = f"Security group {group['GroupId']} and subnet {subnet} belong to different networks."
    refused = ec2.said("RunInstances", {**launch, "SecurityGroupIds": [group["GroupId"]]})
    assert refused == ("InvalidParameter", message)


def test_there_are_no_key_pairs(ec2: Ec2, subnet: str) -> None:
    """One that is accepted would open no instance."""
    launch = {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet, "KeyName": "mine"}
    expected = ("InvalidKeyPair.NotFound", "The key pair 'mine' does not exist")
    assert ec2.said("RunInstances", launch) == expected


def test_an_image_may_be_looked_for_by_name(ec2: Ec2, subnet: str) -> None:
    """As Terraform's `data "aws_ami"` does it; any image can be launched, and the same name is the same image."""
    wanted = [
        {"Name": "name", "Values": ["al2023-ami-2023.*-x86_64"]},
        {"Name": "virtualization-type", "Values": ["hvm"]},
        {"Name": "architecture", "Values": ["x86_64"]},
    ]
    (image,) = ec2("DescribeImages", Owners=["amazon"], ExecutableUsers=["all"], Filters=wanted)["Images"]
    assert image["Name"] == "al2023-ami-2023.-x86_64"
    assert ec2("DescribeImages", Filters=wanted)["Images"] == [image]
    instance = launched(ec2, SubnetId=subnet, ImageId=image["ImageId"])
    assert instance["ImageId"] == image["ImageId"]
    assert [each["ImageId"] for each in ec2("DescribeImages", Owners=["self"])["Images"]] == [image["ImageId"]]
    assert ec2("DescribeImages", Filters=[*wanted, {"Name": "root-device-type", "Values": ["ebs"]}])["Images"] == []
    for pattern, name in ((r"a\*b", "a*b"), ("a??", "a00"), ("a", "a"), ("x" * 300, None)):
        found = ec2("DescribeImages", Filters=[{"Name": "name", "Values": [pattern]}])["Images"]
        assert [each["Name"] for each in found] == ([name] if name else []), pattern
    everything = ec2("DescribeImages", Filters=[{"Name": "name", "Values": ["*"]}])["Images"]
    assert [each["ImageId"] for each in everything] == [image["ImageId"]]


def test_types_may_be_looked_for_by_a_filter(ec2: Ec2) -> None:
    wanted = [{"Name": "instance-type", "Values": ["m5.large", "t2.*", "mood"]}]
    assert [each["InstanceType"] for each in ec2("DescribeInstanceTypes", Filters=wanted)["InstanceTypes"]] == [
        "m5.large"
    ]


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
