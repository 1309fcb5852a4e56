"""Elastic addresses as a client of EC2 meets them: held, associated, moved, given back."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from ec2_client import Ec2, subnet_of, vpc_of
from support import Cloud

from landbridge.control.base import Pools
from landbridge.control.lab import AddHost
from landbridge.model.errors import Conflict

UNKNOWN = "0123456789abcdef0"


@pytest.fixture
def ec2() -> Ec2:
    return Ec2(Cloud())


@pytest.fixture
def vpc(ec2: Ec2) -> str:
    vpc = vpc_of(ec2)
    gateway = ec2("CreateInternetGateway")["InternetGateway"]["InternetGatewayId"]
    ec2("AttachInternetGateway", InternetGatewayId=gateway, VpcId=vpc)
    return vpc


@pytest.fixture
def subnet(ec2: Ec2, vpc: str) -> str:
    return subnet_of(ec2, vpc)


def launched(ec2: Ec2, subnet: str, *, public: bool = False) -> str:
    interface = {"DeviceIndex": 0, "SubnetId": subnet, "AssociatePublicIpAddress": public}
    launch = {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1, "NetworkInterfaces": [interface]}
    return str(ec2("RunInstances", **launch)["Instances"][0]["InstanceId"])


def held(ec2: Ec2, **more: Any) -> str:
    return str(ec2("AllocateAddress", **more)["AllocationId"])


def shown(ec2: Ec2, allocation: str) -> dict[str, Any]:
    (found,) = ec2("DescribeAddresses", AllocationIds=[allocation])["Addresses"]
    assert isinstance(found, dict)
    return found


def public_of(ec2: Ec2, instance: str) -> str | None:
    (found,) = ec2("DescribeInstances", InstanceIds=[instance])["Reservations"][0]["Instances"]
    address = found.get("PublicIpAddress")
    return None if address is None else str(address)


def interface_of(ec2: Ec2, instance: str) -> dict[str, Any]:
    by_instance = [{"Name": "attachment.instance-id", "Values": [instance]}]
    found = ec2("DescribeNetworkInterfaces", Filters=by_instance)["NetworkInterfaces"][0]
    assert isinstance(found, dict)
    return found


def test_held_and_given_back(ec2: Ec2) -> None:
    tag = {"Key": "Name", "Value": "front"}
    got = ec2("AllocateAddress", Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": [tag]}])
    assert (got["PublicIp"], got["Domain"]) == ("198.51.100.2", "vpc")
    allocation = got["AllocationId"]
    assert shown(ec2, allocation) == got | {"Tags": [tag]}
    assert held(ec2) != allocation
    with pytest.raises(Conflict):
        ec2.cloud.run(AddHost("web", IPv4Address("198.51.100.2")))
    ec2("ReleaseAddress", AllocationId=allocation)
    assert ec2.code("ReleaseAddress", AllocationId=allocation) == "InvalidAllocationID.NotFound"
    assert ec2("AllocateAddress")["PublicIp"] == "198.51.100.2"


def test_an_address_can_be_chosen_while_nobody_has_it(ec2: Ec2) -> None:
    assert ec2("AllocateAddress", Address="198.51.100.50")["PublicIp"] == "198.51.100.50"
    assert ec2.code("AllocateAddress", Address="198.51.100.50") == "InvalidIPAddress.InUse"
    for address in ("198.51.100.1", "198.51.100.255", "8.8.8.8", "ten"):
        assert ec2.code("AllocateAddress", Address=address) == "InvalidParameterValue"
    assert ec2.code("AllocateAddress", Domain="standard") == "UnsupportedOperation"


def test_five_and_no_more(ec2: Ec2) -> None:
    for _ in range(5):
        held(ec2)
    assert ec2.code("AllocateAddress") == "AddressLimitExceeded"


def test_associated_and_disassociated(ec2: Ec2, subnet: str) -> None:
    instance, allocation = launched(ec2, subnet), held(ec2)
    association = ec2("AssociateAddress", AllocationId=allocation, InstanceId=instance)["AssociationId"]
    found, interface = shown(ec2, allocation), interface_of(ec2, instance)
    assert found["AssociationId"] == association
    assert found["InstanceId"] == instance
    assert found["NetworkInterfaceId"] == interface["NetworkInterfaceId"]
    assert found["PrivateIpAddress"] == interface["PrivateIpAddress"]
    assert interface["Association"] == {
        "AllocationId": allocation,
        "AssociationId": association,
        "IpOwnerId": interface["OwnerId"],
        "PublicIp": found["PublicIp"],
        "PublicDnsName": "",
    }
    assert public_of(ec2, instance) == found["PublicIp"]
    assert ec2("AssociateAddress", AllocationId=allocation, InstanceId=instance)["AssociationId"] == association
    assert ec2.code("ReleaseAddress", AllocationId=allocation) == "InvalidIPAddress.InUse"
    ec2("DisassociateAddress", AssociationId=association)
    assert ec2.code("DisassociateAddress", AssociationId=association) == "InvalidAssociationID.NotFound"
    assert public_of(ec2, instance) is None
    assert "AssociationId" not in shown(ec2, allocation)
    ec2("ReleaseAddress", AllocationId=allocation)


def test_it_moves_unless_that_is_forbidden(ec2: Ec2, subnet: str) -> None:
    one, two = launched(ec2, subnet), launched(ec2, subnet)
    allocation, other = held(ec2), held(ec2)
    first = ec2("AssociateAddress", AllocationId=allocation, InstanceId=one)["AssociationId"]
    wanted = {"AllocationId": allocation, "InstanceId": two}
    assert ec2.code("AssociateAddress", **wanted, AllowReassociation=False) == "Resource.AlreadyAssociated"
    assert ec2("AssociateAddress", **wanted)["AssociationId"] != first
    assert (public_of(ec2, one), public_of(ec2, two)) == (None, "198.51.100.2")
    instead = {"AllocationId": other, "InstanceId": two}
    assert ec2.code("AssociateAddress", **instead, AllowReassociation=False) == "Resource.AlreadyAssociated"
    ec2("AssociateAddress", **instead)
    assert public_of(ec2, two) == "198.51.100.3"
    assert "AssociationId" not in shown(ec2, allocation)


def test_a_public_address_from_launch_gives_way_and_comes_again(ec2: Ec2, subnet: str) -> None:
    instance = launched(ec2, subnet, public=True)
    assert public_of(ec2, instance) == "198.51.100.2"
    allocation = held(ec2)
    association = ec2("AssociateAddress", AllocationId=allocation, InstanceId=instance)["AssociationId"]
    assert public_of(ec2, instance) == "198.51.100.3"
    assert ec2("AllocateAddress")["PublicIp"] == "198.51.100.2", "it was given back"
    ec2("DisassociateAddress", AssociationId=association)
    assert public_of(ec2, instance) == "198.51.100.4"
    moved = ec2("AssociateAddress", AllocationId=allocation, InstanceId=instance)["AssociationId"]
    interface = ec2("CreateNetworkInterface", SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    ec2("AttachNetworkInterface", NetworkInterfaceId=interface, InstanceId=instance, DeviceIndex=1)
    ec2("DisassociateAddress", AssociationId=moved)
    assert public_of(ec2, instance) is None, "not with more than one interface"


def test_it_can_be_a_secondary_addresss_and_stays_with_it(ec2: Ec2, subnet: str) -> None:
    one, two = (
        ec2("CreateNetworkInterface", SubnetId=subnet, SecondaryPrivateIpAddressCount=1)["NetworkInterface"]
        for _ in range(2)
    )
    second = one["PrivateIpAddresses"][1]["PrivateIpAddress"]
    allocation = held(ec2)
    wanted = {"AllocationId": allocation, "NetworkInterfaceId": one["NetworkInterfaceId"]}
    assert ec2.code("AssociateAddress", **wanted, PrivateIpAddress="10.0.1.200") == "InvalidParameterValue"
    ec2("AssociateAddress", **wanted, PrivateIpAddress=second)
    assert shown(ec2, allocation)["PrivateIpAddress"] == second
    ec2(
        "AssignPrivateIpAddresses",
        NetworkInterfaceId=two["NetworkInterfaceId"],
        PrivateIpAddresses=[second],
        AllowReassignment=True,
    )
    assert shown(ec2, allocation)["NetworkInterfaceId"] == two["NetworkInterfaceId"]
    ec2("UnassignPrivateIpAddresses", NetworkInterfaceId=two["NetworkInterfaceId"], PrivateIpAddresses=[second])
    assert "AssociationId" not in shown(ec2, allocation)
    ec2("AssociateAddress", **wanted)
    ec2("DeleteNetworkInterface", NetworkInterfaceId=one["NetworkInterfaceId"])
    assert "AssociationId" not in shown(ec2, allocation)


def test_it_stays_with_an_interface_that_is_detached(ec2: Ec2, subnet: str) -> None:
    instance, allocation = launched(ec2, subnet), held(ec2)
    interface = ec2("CreateNetworkInterface", SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    wanted = {"NetworkInterfaceId": interface, "InstanceId": instance, "DeviceIndex": 1}
    attachment = ec2("AttachNetworkInterface", **wanted)["AttachmentId"]
    assert ec2.code("AssociateAddress", AllocationId=allocation, InstanceId=instance) == "InvalidInstanceID"
    both = {"AllocationId": allocation, "InstanceId": instance, "NetworkInterfaceId": interface}
    ec2("AssociateAddress", **both)
    ec2("DetachNetworkInterface", AttachmentId=attachment)
    found = shown(ec2, allocation)
    assert (found["NetworkInterfaceId"], "InstanceId" in found) == (interface, False)
    assert ec2.code("AssociateAddress", **both) == "InvalidParameterValue", "that instance has it no more"


def test_associations_that_are_refused(ec2: Ec2, vpc: str, subnet: str) -> None:
    instance, allocation = launched(ec2, subnet), held(ec2)
    alone = launched(ec2, subnet_of(ec2, vpc_of(ec2)))
    for wanted, code in (
        ({"AllocationId": allocation, "InstanceId": alone}, "Gateway.NotAttached"),
        ({"AllocationId": allocation}, "MissingParameter"),
        ({"InstanceId": instance}, "MissingParameter"),
        ({"AllocationId": f"eipalloc-{UNKNOWN}", "InstanceId": instance}, "InvalidAllocationID.NotFound"),
        ({"AllocationId": "eipalloc-1", "InstanceId": instance}, "InvalidAllocationID.NotFound"),
        ({"PublicIp": "198.51.100.77", "InstanceId": instance}, "InvalidAddress.NotFound"),
        (
            {"PublicIp": "198.51.100.2", "AllocationId": allocation, "InstanceId": instance},
            "InvalidParameterCombination",
        ),
        ({"AllocationId": allocation, "InstanceId": f"i-{UNKNOWN}"}, "InvalidInstanceID.NotFound"),
        ({"AllocationId": allocation, "NetworkInterfaceId": f"eni-{UNKNOWN}"}, "InvalidNetworkInterfaceID.NotFound"),
    ):
        assert ec2.code("AssociateAddress", **wanted) == code
    assert ec2.code("ReleaseAddress", PublicIp="198.51.100.2") == "InvalidParameterValue"
    assert ec2.code("DisassociateAddress", PublicIp="198.51.100.2") == "InvalidAssociationID.NotFound"
    assert ec2.code("DisassociateAddress", PublicIp="198.51.100.9") == "InvalidAddress.NotFound"
    ec2("TerminateInstances", InstanceIds=[instance])
    assert ec2.code("AssociateAddress", AllocationId=allocation, InstanceId=instance) == "IncorrectState"


def test_by_the_public_address(ec2: Ec2, subnet: str) -> None:
    instance = launched(ec2, subnet)
    public = ec2("AllocateAddress")["PublicIp"]
    ec2("AssociateAddress", PublicIp=public, InstanceId=instance)
    assert public_of(ec2, instance) == public
    ec2("DisassociateAddress", PublicIp=public)
    assert public_of(ec2, instance) is None


def test_a_gateway_stays_while_an_elastic_address_needs_it(ec2: Ec2, vpc: str, subnet: str) -> None:
    (gateway,) = ec2("DescribeInternetGateways")["InternetGateways"]
    instance, allocation = launched(ec2, subnet), held(ec2)
    association = ec2("AssociateAddress", AllocationId=allocation, InstanceId=instance)["AssociationId"]
    wanted = {"InternetGatewayId": gateway["InternetGatewayId"], "VpcId": vpc}
    assert ec2.code("DetachInternetGateway", **wanted) == "DependencyViolation"
    ec2("DisassociateAddress", AssociationId=association)
    ec2("DetachInternetGateway", **wanted)


def test_filters_of_addresses(ec2: Ec2, subnet: str) -> None:
    instance, allocation = launched(ec2, subnet), held(ec2)
    held(ec2)
    association = ec2("AssociateAddress", AllocationId=allocation, InstanceId=instance)["AssociationId"]
    ec2("CreateTags", Resources=[allocation], Tags=[{"Key": "Name", "Value": "front"}])
    for name, value, count in (
        ("allocation-id", allocation, 1),
        ("association-id", association, 1),
        ("association-id", "*", 1),
        ("instance-id", instance, 1),
        ("public-ip", "198.51.100.*", 2),
        ("private-ip-address", "10.0.1.4", 1),
        ("domain", "vpc", 2),
        ("tag:Name", "front", 1),
    ):
        assert len(ec2("DescribeAddresses", Filters=[{"Name": name, "Values": [value]}])["Addresses"]) == count, name
    assert len(ec2("DescribeAddresses", PublicIps=["198.51.100.3"])["Addresses"]) == 1
    assert ec2.code("DescribeAddresses", PublicIps=["198.51.100.99"]) == "InvalidAddress.NotFound"
    assert ec2.code("DescribeAddresses", AllocationIds=[f"eipalloc-{UNKNOWN}"]) == "InvalidAllocationID.NotFound"
    attribute = {"AllocationIds": [allocation], "Attribute": "domain-name"}
    assert ec2("DescribeAddressesAttribute", **attribute)["Addresses"] == []


def test_accounts_do_not_see_each_others(ec2: Ec2, subnet: str) -> None:
    instance, allocation = launched(ec2, subnet), held(ec2)
    other = Ec2(ec2.cloud, account="999999999999")
    assert other("DescribeAddresses")["Addresses"] == []
    assert other("DescribeNetworkInterfaces")["NetworkInterfaces"] == []
    assert (
        other.code("AssociateAddress", AllocationId=allocation, InstanceId=instance) == "InvalidAllocationID.NotFound"
    )
    assert other("AllocateAddress")["PublicIp"] != shown(ec2, allocation)["PublicIp"]


def test_when_all_public_addresses_are_taken() -> None:
    pools = Pools(
        outside=IPv4Network("203.0.113.0/24"),
        outside_first=128,
        outside_last=254,
        public=IPv4Network("198.51.100.0/29"),
        sites=None,
    )
    ec2 = Ec2(Cloud(pools=pools))
    for _ in range(5):
        held(ec2)
    other = Ec2(ec2.cloud, account="999999999999")
    assert other.code("AllocateAddress") == "InsufficientAddressCapacity"
