"""Network interfaces as a client of EC2 meets them: made, addressed, plugged, changed, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ec2_client import Ec2, routes_of, subnet_of, table_of, vpc_of
from support import Cloud

from landbridge.control import limits
from landbridge.control.lifecycle import KEPT_DETACHED, Expire, MarkBuilt, MarkGone, waiting

UNKNOWN = "0123456789abcdef0"
ENI, INSTANCE = f"eni-{UNKNOWN}", f"i-{UNKNOWN}"


@pytest.fixture
def ec2() -> Ec2:
    return Ec2(Cloud())


@pytest.fixture
def vpc(ec2: Ec2) -> str:
    return vpc_of(ec2)


@pytest.fixture
def subnet(ec2: Ec2, vpc: str) -> str:
    return subnet_of(ec2, vpc)


def made(ec2: Ec2, subnet: str, **more: Any) -> dict[str, Any]:
    interface = ec2("CreateNetworkInterface", SubnetId=subnet, **more)["NetworkInterface"]
    assert isinstance(interface, dict)
    return interface


def shown(ec2: Ec2, interface: str) -> dict[str, Any]:
    (found,) = ec2("DescribeNetworkInterfaces", NetworkInterfaceIds=[interface])["NetworkInterfaces"]
    assert isinstance(found, dict)
    return found


def addresses(ec2: Ec2, interface: str) -> list[str]:
    return [each["PrivateIpAddress"] for each in shown(ec2, interface)["PrivateIpAddresses"]]


def launched(ec2: Ec2, **more: Any) -> dict[str, Any]:
    (instance,) = ec2("RunInstances", ImageId="ami-1", MinCount=1, MaxCount=1, **more)["Instances"]
    assert isinstance(instance, dict)
    return instance


def instance_now(ec2: Ec2, instance: str) -> dict[str, Any]:
    (found,) = ec2("DescribeInstances", InstanceIds=[instance])["Reservations"][0]["Instances"]
    assert isinstance(found, dict)
    return found


def test_an_interface_by_itself(ec2: Ec2, vpc: str, subnet: str) -> None:
    tag = {"Key": "Name", "Value": "second"}
    interface = made(
        ec2,
        subnet,
        Description="for later",
        PrivateIpAddress="10.0.1.77",
        SecondaryPrivateIpAddressCount=2,
        TagSpecifications=[{"ResourceType": "network-interface", "Tags": [tag]}],
    )
    (group,) = ec2("DescribeSecurityGroups")["SecurityGroups"]
    assert interface["Status"] == "available"
    assert (interface["VpcId"], interface["SubnetId"], interface["Description"]) == (vpc, subnet, "for later")
    assert [(a["PrivateIpAddress"], a["Primary"]) for a in interface["PrivateIpAddresses"]] == [
        ("10.0.1.77", True),
        ("10.0.1.4", False),
        ("10.0.1.5", False),
    ]
    assert interface["Groups"] == [{"GroupId": group["GroupId"], "GroupName": "default"}]
    assert interface["SourceDestCheck"] is True
    assert interface["TagSet"] == [tag]
    assert len(interface["MacAddress"]) == 17
    assert int(interface["MacAddress"][:2], 16) & 3 == 2, "unicast, and nobody's by registration"
    assert "Attachment" not in interface
    assert shown(ec2, interface["NetworkInterfaceId"]) == interface
    assert ec2("DescribeSubnets", SubnetIds=[subnet])["Subnets"][0]["AvailableIpAddressCount"] == 256 - 5 - 3
    assert ec2.code("DeleteSubnet", SubnetId=subnet) == "DependencyViolation"
    ec2("DeleteNetworkInterface", NetworkInterfaceId=interface["NetworkInterfaceId"])
    ec2("DeleteSubnet", SubnetId=subnet)


def test_addresses_can_be_named_in_a_list(ec2: Ec2, subnet: str) -> None:
    listed = [
        {"PrivateIpAddress": "10.0.1.20", "Primary": False},
        {"PrivateIpAddress": "10.0.1.10", "Primary": True},
        {"PrivateIpAddress": "10.0.1.30"},
    ]
    interface = made(ec2, subnet, PrivateIpAddresses=listed)["NetworkInterfaceId"]
    assert addresses(ec2, interface) == ["10.0.1.10", "10.0.1.20", "10.0.1.30"]
    without_primary = [{"PrivateIpAddress": "10.0.1.40"}]
    assert addresses(ec2, made(ec2, subnet, PrivateIpAddresses=without_primary)["NetworkInterfaceId"]) == [
        "10.0.1.4",
        "10.0.1.40",
    ]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"PrivateIpAddress": "10.0.2.9"}, "InvalidParameterValue"),
        ({"PrivateIpAddress": "10.0.1.1"}, "InvalidParameterValue"),
        ({"PrivateIpAddress": "10.0.1.4"}, "InvalidIPAddress.InUse"),
        (
            {"PrivateIpAddresses": [{"PrivateIpAddress": a, "Primary": True} for a in ("10.0.1.8", "10.0.1.9")]},
            "InvalidParameterCombination",
        ),
        ({"PrivateIpAddresses": [{"PrivateIpAddress": "10.0.1.8"}] * 2}, "InvalidIPAddress.InUse"),
        (
            {"PrivateIpAddresses": [{"PrivateIpAddress": "10.0.1.8"}], "SecondaryPrivateIpAddressCount": 1},
            "InvalidParameterCombination",
        ),
        ({"SecondaryPrivateIpAddressCount": 50}, "PrivateIpAddressLimitExceeded"),
        ({"SecondaryPrivateIpAddressCount": -1}, "InvalidParameterValue"),
        ({"Groups": [f"sg-{UNKNOWN}"]}, "InvalidGroup.NotFound"),
        ({"Description": "x" * 256}, "InvalidParameterValue"),
        ({"Ipv6AddressCount": 1}, "UnsupportedOperation"),
        ({"InterfaceType": "efa"}, "UnsupportedOperation"),
        ({"SubnetId": f"subnet-{UNKNOWN}"}, "InvalidSubnetID.NotFound"),
        ({"TagSpecifications": [{"ResourceType": "instance", "Tags": []}]}, "InvalidParameterValue"),
    ],
)
def test_interfaces_that_are_refused(ec2: Ec2, subnet: str, more: dict[str, Any], code: str) -> None:
    made(ec2, subnet)
    assert ec2.code("CreateNetworkInterface", **({"SubnetId": subnet} | more)) == code


def test_a_client_token_makes_one(ec2: Ec2, subnet: str) -> None:
    wanted = {"SubnetId": subnet, "Description": "once", "ClientToken": "once"}
    first = ec2("CreateNetworkInterface", **wanted)
    assert ec2("CreateNetworkInterface", **wanted) == first
    assert ec2.code("CreateNetworkInterface", **(wanted | {"Description": "twice"})) == "IdempotentParameterMismatch"


def test_there_is_an_end_of_interfaces(ec2: Ec2, subnet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "INTERFACES", replace(limits.INTERFACES, most=1))
    launched(ec2, SubnetId=subnet)
    assert ec2.code("CreateNetworkInterface", SubnetId=subnet) == "NetworkInterfaceLimitExceeded"
    launch = {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet}
    assert ec2.code("RunInstances", **launch) == "NetworkInterfaceLimitExceeded"


def test_attached_and_detached(ec2: Ec2, subnet: str) -> None:
    instance = launched(ec2, SubnetId=subnet)["InstanceId"]
    interface = made(ec2, subnet)["NetworkInterfaceId"]
    attachment = ec2("AttachNetworkInterface", NetworkInterfaceId=interface, InstanceId=instance, DeviceIndex=1)
    found = shown(ec2, interface)
    assert found["Status"] == "in-use"
    assert found["Attachment"] | {"AttachTime": None} == {
        "AttachmentId": attachment["AttachmentId"],
        "AttachTime": None,
        "DeleteOnTermination": False,
        "DeviceIndex": 1,
        "NetworkCardIndex": 0,
        "InstanceId": instance,
        "InstanceOwnerId": found["OwnerId"],
        "Status": "attached",
    }
    has = instance_now(ec2, instance)
    assert [i["Attachment"]["DeviceIndex"] for i in has["NetworkInterfaces"]] == [0, 1]
    assert has["PrivateIpAddress"] == has["NetworkInterfaces"][0]["PrivateIpAddress"]
    assert ec2.code("DeleteNetworkInterface", NetworkInterfaceId=interface) == "InvalidParameterValue"
    by_instance = [{"Name": "attachment.instance-id", "Values": [instance]}]
    assert len(ec2("DescribeNetworkInterfaces", Filters=by_instance)["NetworkInterfaces"]) == 2

    ec2("DetachNetworkInterface", AttachmentId=attachment["AttachmentId"])
    found = shown(ec2, interface)
    assert (found["Status"], found["Attachment"]["Status"]) == ("available", "detached"), "clients wait to see it"
    by_id = [{"Name": "attachment.attachment-id", "Values": [attachment["AttachmentId"]]}]
    assert len(ec2("DescribeNetworkInterfaces", Filters=by_id)["NetworkInterfaces"]) == 1
    ec2.cloud.later(KEPT_DETACHED)
    ec2.cloud.run(Expire(ec2.cloud.now))
    assert "Attachment" not in shown(ec2, interface)
    assert ec2("DescribeNetworkInterfaces", Filters=by_id)["NetworkInterfaces"] == []
    assert ec2.code("DetachNetworkInterface", AttachmentId=attachment["AttachmentId"]) == "InvalidAttachmentID.NotFound"
    assert len(instance_now(ec2, instance)["NetworkInterfaces"]) == 1


def test_what_cannot_be_attached_or_detached(ec2: Ec2, vpc: str, subnet: str) -> None:
    one, two = (launched(ec2, SubnetId=subnet) for _ in range(2))
    interface = made(ec2, subnet)["NetworkInterfaceId"]
    wanted = {"NetworkInterfaceId": interface, "InstanceId": one["InstanceId"], "DeviceIndex": 1}
    primary = one["NetworkInterfaces"][0]
    assert ec2.code("AttachNetworkInterface", **(wanted | {"DeviceIndex": 0})) == "InvalidParameterValue"
    assert ec2.code("AttachNetworkInterface", **(wanted | {"DeviceIndex": 15})) == "InvalidParameterValue"
    assert ec2.code("AttachNetworkInterface", **(wanted | {"DeviceIndex": -1})) == "InvalidParameterValue"
    assert ec2.code("AttachNetworkInterface", **(wanted | {"InstanceId": INSTANCE})) == "InvalidInstanceID.NotFound"
    assert (
        ec2.code("AttachNetworkInterface", **(wanted | {"NetworkInterfaceId": ENI}))
        == "InvalidNetworkInterfaceID.NotFound"
    )
    taken = wanted | {"NetworkInterfaceId": primary["NetworkInterfaceId"], "InstanceId": two["InstanceId"]}
    assert ec2.code("AttachNetworkInterface", **taken) == "InvalidNetworkInterface.InUse"
    elsewhere = launched(ec2, SubnetId=subnet_of(ec2, vpc_of(ec2)))["InstanceId"]
    assert ec2.code("AttachNetworkInterface", **(wanted | {"InstanceId": elsewhere})) == "UnsupportedOperation"
    other_zone = ec2("CreateSubnet", VpcId=vpc, CidrBlock="10.0.3.0/24", AvailabilityZone="eu-central-1b")["Subnet"]
    far = made(ec2, other_zone["SubnetId"])["NetworkInterfaceId"]
    assert ec2.code("AttachNetworkInterface", **(wanted | {"NetworkInterfaceId": far})) == "InvalidParameterCombination"
    ec2("TerminateInstances", InstanceIds=[two["InstanceId"]])
    assert ec2.code("AttachNetworkInterface", **(wanted | {"InstanceId": two["InstanceId"]})) == "IncorrectState"
    attachment = primary["Attachment"]["AttachmentId"]
    assert ec2.code("DetachNetworkInterface", AttachmentId=attachment) == "OperationNotPermitted"
    assert ec2.code("DetachNetworkInterface", AttachmentId="eni-attach-1") == "InvalidAttachmentID.NotFound"


def test_an_instance_has_fifteen_interfaces_at_most(ec2: Ec2, subnet: str) -> None:
    instance = launched(ec2, SubnetId=subnet)["InstanceId"]
    for index in range(1, 15):
        interface = made(ec2, subnet)["NetworkInterfaceId"]
        ec2("AttachNetworkInterface", NetworkInterfaceId=interface, InstanceId=instance, DeviceIndex=index)
    one_more = made(ec2, subnet)["NetworkInterfaceId"]
    wanted = {"NetworkInterfaceId": one_more, "InstanceId": instance, "DeviceIndex": 15}
    assert ec2.code("AttachNetworkInterface", **wanted) == "AttachmentLimitExceeded"


def test_states_while_the_data_plane_follows() -> None:
    ec2 = Ec2(Cloud(builds=True))
    subnet = subnet_of(ec2, vpc_of(ec2))

    def build() -> None:
        waits = waiting(ec2.cloud.snapshot)
        ec2.cloud.run(MarkBuilt(frozenset(waits.built)))
        ec2.cloud.run(MarkGone(frozenset(waits.gone)))

    instance = launched(ec2, SubnetId=subnet)
    assert instance["NetworkInterfaces"][0]["Attachment"]["Status"] == "attaching"
    interface = made(ec2, subnet)["NetworkInterfaceId"]
    wanted = {"NetworkInterfaceId": interface, "InstanceId": instance["InstanceId"], "DeviceIndex": 1}
    assert ec2.code("AttachNetworkInterface", **wanted) == "IncorrectState"
    build()
    attachment = ec2("AttachNetworkInterface", **wanted)["AttachmentId"]
    assert shown(ec2, interface)["Status"] == shown(ec2, interface)["Attachment"]["Status"] == "attaching"
    build()
    assert (shown(ec2, interface)["Status"], shown(ec2, interface)["Attachment"]["Status"]) == ("in-use", "attached")
    for _ in range(2):
        ec2("DetachNetworkInterface", AttachmentId=attachment)
    assert shown(ec2, interface)["Status"] == shown(ec2, interface)["Attachment"]["Status"] == "detaching"
    assert ec2.code("DeleteNetworkInterface", NetworkInterfaceId=interface) == "InvalidParameterValue"
    build()
    assert shown(ec2, interface)["Status"] == "available"
    ec2("AttachNetworkInterface", **wanted)
    build()
    ec2("TerminateInstances", InstanceIds=[instance["InstanceId"]])
    assert shown(ec2, interface)["Status"] == "in-use", "until its instance is gone"
    build()
    assert [i["NetworkInterfaceId"] for i in ec2("DescribeNetworkInterfaces")["NetworkInterfaces"]] == [interface]
    assert shown(ec2, interface)["Status"] == "available"


def test_what_becomes_of_interfaces_when_their_instance_ends(ec2: Ec2, subnet: str) -> None:
    instance = launched(ec2, SubnetId=subnet)["InstanceId"]
    stays, goes = (made(ec2, subnet)["NetworkInterfaceId"] for _ in range(2))
    for index, interface in enumerate((stays, goes), 1):
        attachment = ec2("AttachNetworkInterface", NetworkInterfaceId=interface, InstanceId=instance, DeviceIndex=index)
        change = {"AttachmentId": attachment["AttachmentId"], "DeleteOnTermination": interface == goes}
        ec2("ModifyNetworkInterfaceAttribute", NetworkInterfaceId=interface, Attachment=change)
    ec2("TerminateInstances", InstanceIds=[instance])
    assert [i["NetworkInterfaceId"] for i in ec2("DescribeNetworkInterfaces")["NetworkInterfaces"]] == [stays]
    assert shown(ec2, stays)["Status"] == "available"


def test_attributes_are_changed_one_at_a_time(ec2: Ec2, subnet: str) -> None:
    interface = made(ec2, subnet)["NetworkInterfaceId"]

    def modify(**change: Any) -> None:
        ec2("ModifyNetworkInterfaceAttribute", NetworkInterfaceId=interface, **change)

    def attribute(name: str) -> Any:
        found = ec2("DescribeNetworkInterfaceAttribute", NetworkInterfaceId=interface, Attribute=name)
        assert found.pop("NetworkInterfaceId") == interface
        return found

    modify(Description={"Value": "changed"})
    assert attribute("description") == {"Description": {"Value": "changed"}}
    modify(Description={"Value": ""})
    assert attribute("description") == {"Description": {"Value": ""}}
    modify(SourceDestCheck={"Value": False})
    assert attribute("sourceDestCheck") == {"SourceDestCheck": {"Value": False}}
    ec2("ResetNetworkInterfaceAttribute", NetworkInterfaceId=interface, SourceDestCheck="true")
    assert attribute("sourceDestCheck") == {"SourceDestCheck": {"Value": True}}
    (group,) = ec2("DescribeSecurityGroups")["SecurityGroups"]
    modify(Groups=[group["GroupId"]])
    assert attribute("groupSet") == {"Groups": [{"GroupId": group["GroupId"], "GroupName": "default"}]}
    assert attribute("attachment") == {}
    refused = "ModifyNetworkInterfaceAttribute"
    two = {"Description": {"Value": "x"}, "SourceDestCheck": {"Value": False}}
    assert ec2.code(refused, NetworkInterfaceId=interface) == "InvalidParameterCombination"
    assert ec2.code(refused, NetworkInterfaceId=interface, **two) == "InvalidParameterCombination"
    assert ec2.code(refused, NetworkInterfaceId=interface, AssociatePublicIpAddress=True) == "UnsupportedOperation"
    attachment = {"AttachmentId": f"eni-attach-{UNKNOWN}", "DeleteOnTermination": True}
    assert ec2.code(refused, NetworkInterfaceId=interface, Attachment=attachment) == "InvalidAttachmentID.NotFound"
    assert ec2.code("DescribeNetworkInterfaceAttribute", NetworkInterfaceId=interface, Attribute="x") == (
        "InvalidParameterValue"
    )


def test_secondary_addresses_come_and_go(ec2: Ec2, subnet: str) -> None:
    one, two = (made(ec2, subnet)["NetworkInterfaceId"] for _ in range(2))
    got = ec2("AssignPrivateIpAddresses", NetworkInterfaceId=one, SecondaryPrivateIpAddressCount=2)
    assert [a["PrivateIpAddress"] for a in got["AssignedPrivateIpAddresses"]] == ["10.0.1.6", "10.0.1.7"]
    ec2("AssignPrivateIpAddresses", NetworkInterfaceId=one, PrivateIpAddresses=["10.0.1.50", "10.0.1.6"])
    assert addresses(ec2, one) == ["10.0.1.4", "10.0.1.6", "10.0.1.7", "10.0.1.50"]
    wanted = {"NetworkInterfaceId": two, "PrivateIpAddresses": ["10.0.1.50", "10.0.1.60"]}
    assert ec2.code("AssignPrivateIpAddresses", **wanted) == "InvalidIPAddress.InUse"
    ec2("AssignPrivateIpAddresses", **wanted, AllowReassignment=True)
    assert addresses(ec2, two) == ["10.0.1.5", "10.0.1.50", "10.0.1.60"]
    assert addresses(ec2, one) == ["10.0.1.4", "10.0.1.6", "10.0.1.7"]
    primary = {"NetworkInterfaceId": two, "PrivateIpAddresses": ["10.0.1.4"], "AllowReassignment": True}
    assert ec2.code("AssignPrivateIpAddresses", **primary) == "InvalidIPAddress.InUse"
    ec2("UnassignPrivateIpAddresses", NetworkInterfaceId=one, PrivateIpAddresses=["10.0.1.6"])
    assert addresses(ec2, one) == ["10.0.1.4", "10.0.1.7"]
    for not_its_own in ("10.0.1.4", "10.0.1.6", "10.0.1.50"):
        wanted = {"NetworkInterfaceId": one, "PrivateIpAddresses": [not_its_own]}
        assert ec2.code("UnassignPrivateIpAddresses", **wanted) == "InvalidParameterValue"
    assert ec2.code("AssignPrivateIpAddresses", NetworkInterfaceId=one) == "InvalidParameterCombination"
    many = {"NetworkInterfaceId": one, "SecondaryPrivateIpAddressCount": 49}
    assert ec2.code("AssignPrivateIpAddresses", **many) == "PrivateIpAddressLimitExceeded"
    assert ec2.code("AssignPrivateIpAddresses", NetworkInterfaceId=one, SecondaryPrivateIpAddressCount=0) == (
        "InvalidParameterValue"
    )
    tight = made(ec2, subnet_of(ec2, shown(ec2, one)["VpcId"], "10.0.9.0/28"))["NetworkInterfaceId"]
    full = {"NetworkInterfaceId": tight, "SecondaryPrivateIpAddressCount": 11}
    assert ec2.code("AssignPrivateIpAddresses", **full) == "InsufficientFreeAddressesInSubnet"


def test_an_instance_is_launched_with_interfaces(ec2: Ec2, vpc: str, subnet: str) -> None:
    there = made(ec2, subnet, PrivateIpAddress="10.0.1.99")["NetworkInterfaceId"]
    other = subnet_of(ec2, vpc, "10.0.2.0/24")
    instance = launched(
        ec2,
        NetworkInterfaces=[
            {"DeviceIndex": 1, "SubnetId": other, "SecondaryPrivateIpAddressCount": 1, "Description": "new"},
            {"DeviceIndex": 0, "NetworkInterfaceId": there},
        ],
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "i"}]},
            {"ResourceType": "network-interface", "Tags": [{"Key": "Name", "Value": "n"}]},
        ],
    )
    first, second = instance["NetworkInterfaces"]
    assert (instance["SubnetId"], instance["PrivateIpAddress"]) == (subnet, "10.0.1.99")
    assert (first["NetworkInterfaceId"], first["Attachment"]["DeleteOnTermination"]) == (there, False)
    assert (second["SubnetId"], second["Attachment"]["DeleteOnTermination"]) == (other, True)
    assert [a["PrivateIpAddress"] for a in second["PrivateIpAddresses"]] == ["10.0.2.4", "10.0.2.5"]
    assert instance["Tags"] == [{"Key": "Name", "Value": "i"}]
    assert shown(ec2, second["NetworkInterfaceId"])["TagSet"] == [{"Key": "Name", "Value": "n"}]
    assert shown(ec2, there)["TagSet"] == [], "it was not made by this call"
    ec2("TerminateInstances", InstanceIds=[instance["InstanceId"]])
    assert [i["NetworkInterfaceId"] for i in ec2("DescribeNetworkInterfaces")["NetworkInterfaces"]] == [there]


def test_launches_with_interfaces_that_are_refused(ec2: Ec2, vpc: str, subnet: str) -> None:
    there = made(ec2, subnet)["NetworkInterfaceId"]
    busy = launched(ec2, SubnetId=subnet)["NetworkInterfaces"][0]["NetworkInterfaceId"]
    elsewhere = subnet_of(ec2, vpc_of(ec2))
    zone_b = ec2("CreateSubnet", VpcId=vpc, CidrBlock="10.0.3.0/24", AvailabilityZone="eu-central-1b")["Subnet"]
    new = {"DeviceIndex": 0, "SubnetId": subnet}

    def code(*interfaces: dict[str, Any], most: int = 1) -> str:
        return ec2.code("RunInstances", ImageId="ami-1", MinCount=1, MaxCount=most, NetworkInterfaces=list(interfaces))

    assert code({"DeviceIndex": 0, "NetworkInterfaceId": busy}) == "InvalidNetworkInterface.InUse"
    assert code({"DeviceIndex": 0, "NetworkInterfaceId": ENI}) == "InvalidNetworkInterfaceID.NotFound"
    assert code({"DeviceIndex": 1, "SubnetId": subnet}) == "InvalidParameterValue"
    assert code(new, new) == "InvalidParameterValue"
    assert code(new, {"DeviceIndex": 1, "SubnetId": elsewhere}) == "UnsupportedOperation"
    assert code(new, {"DeviceIndex": 1, "SubnetId": zone_b["SubnetId"]}) == "InvalidParameterCombination"
    assert code(new | {"NetworkInterfaceId": there}) == "InvalidParameterCombination"
    assert code({"DeviceIndex": 0, "NetworkInterfaceId": there}, most=2) == "InvalidParameterCombination"
    assert code({"SubnetId": subnet}) == "MissingParameter"
    public = new | {"AssociatePublicIpAddress": True}
    assert code(public, {"DeviceIndex": 1, "SubnetId": subnet}) == "InvalidParameterCombination"
    twice = ({"DeviceIndex": n, "NetworkInterfaceId": there} for n in range(2))
    assert code(*twice) == "InvalidParameterValue"


def test_several_instances_with_two_interfaces_each_share_nothing(ec2: Ec2, subnet: str) -> None:
    interfaces = [{"DeviceIndex": n, "SubnetId": subnet} for n in range(2)]
    launch = {"ImageId": "ami-1", "MinCount": 3, "MaxCount": 3, "NetworkInterfaces": interfaces}
    made_ = ec2("RunInstances", **launch)["Instances"]
    found = [n["PrivateIpAddress"] for i in made_ for n in i["NetworkInterfaces"]]
    assert sorted(found) == [f"10.0.1.{n}" for n in range(4, 10)]


def test_routes_to_interfaces(ec2: Ec2, vpc: str, subnet: str) -> None:
    table, to = table_of(ec2, vpc), {"DestinationCidrBlock": "172.16.0.0/16"}
    instance = launched(ec2, SubnetId=subnet)
    primary = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    interface = made(ec2, subnet)["NetworkInterfaceId"]

    def route() -> dict[str, Any]:
        return routes_of(ec2, table)["172.16.0.0/16"] | {"Origin": ""}

    ec2("CreateRoute", RouteTableId=table, NetworkInterfaceId=interface, **to)
    alone = {**to, "NetworkInterfaceId": interface, "State": "blackhole", "Origin": ""}
    assert route() == alone, "it may be attached later"
    wanted = {"NetworkInterfaceId": interface, "InstanceId": instance["InstanceId"], "DeviceIndex": 1}
    attachment = ec2("AttachNetworkInterface", **wanted)["AttachmentId"]
    assert route() == alone | {
        "State": "active",
        "InstanceId": instance["InstanceId"],
        "InstanceOwnerId": ec2.account,
    }
    by_instance = {**to, "RouteTableId": table, "InstanceId": instance["InstanceId"]}
    assert ec2.code("ReplaceRoute", **by_instance) == "InvalidInstanceID", "which of its interfaces?"
    ec2("DetachNetworkInterface", AttachmentId=attachment)
    assert route() == alone
    ec2("ReplaceRoute", **by_instance)
    assert (route()["NetworkInterfaceId"], route()["State"]) == (primary, "active")
    for name, value, count in (("route.instance-id", instance["InstanceId"], 1), ("route.state", "blackhole", 0)):
        by = [{"Name": name, "Values": [value]}, {"Name": "route-table-id", "Values": [table]}]
        assert len(ec2("DescribeRouteTables", Filters=by)["RouteTables"]) == count
    ec2("TerminateInstances", InstanceIds=[instance["InstanceId"]])
    assert route() == alone | {"NetworkInterfaceId": primary}
    for target, code in (
        ({"NetworkInterfaceId": ENI}, "InvalidNetworkInterfaceID.NotFound"),
        ({"NetworkInterfaceId": interface, "InstanceId": INSTANCE}, "InvalidParameterCombination"),
        ({"InstanceId": INSTANCE}, "InvalidInstanceID.NotFound"),
        ({"InstanceId": instance["InstanceId"]}, "InvalidParameterValue"),
        ({"NetworkInterfaceId": made(ec2, subnet_of(ec2, vpc_of(ec2)))["NetworkInterfaceId"]}, "InvalidParameterValue"),
    ):
        assert ec2.code("ReplaceRoute", RouteTableId=table, **to, **target) == code
    inside = {"RouteTableId": table, "DestinationCidrBlock": "10.0.1.0/24", "NetworkInterfaceId": interface}
    assert ec2.code("CreateRoute", **inside) == "UnsupportedOperation"


def test_attributes_of_an_instance(ec2: Ec2, subnet: str) -> None:
    instance = launched(ec2, SubnetId=subnet, DisableApiTermination=True)["InstanceId"]

    def attribute(name: str) -> Any:
        found = ec2("DescribeInstanceAttribute", InstanceId=instance, Attribute=name)
        assert found.pop("InstanceId") == instance
        return found

    assert attribute("disableApiTermination") == {"DisableApiTermination": {"Value": True}}
    assert ec2.code("TerminateInstances", InstanceIds=[instance]) == "OperationNotPermitted"
    modify = "ModifyInstanceAttribute"
    ec2(modify, InstanceId=instance, DisableApiTermination={"Value": False})
    ec2(modify, InstanceId=instance, SourceDestCheck={"Value": False})
    assert attribute("sourceDestCheck") == {"SourceDestCheck": {"Value": False}}
    assert instance_now(ec2, instance)["SourceDestCheck"] is False
    ec2(modify, InstanceId=instance, Attribute="sourceDestCheck", Value="true")
    assert attribute("sourceDestCheck") == {"SourceDestCheck": {"Value": True}}
    (group,) = ec2("DescribeSecurityGroups")["SecurityGroups"]
    ec2(modify, InstanceId=instance, Groups=[group["GroupId"]])
    assert attribute("groupSet") == {"Groups": [{"GroupId": group["GroupId"], "GroupName": "default"}]}
    assert attribute("instanceType") == {"InstanceType": {"Value": "t3.micro"}}
    assert attribute("userData") == {"UserData": {}}
    for change, code in (
        ({}, "InvalidParameterCombination"),
        ({"DisableApiStop": {"Value": True}}, "UnsupportedOperation"),
        ({"InstanceType": {"Value": "t3.large"}}, "UnsupportedOperation"),
        ({"Attribute": "instanceType", "Value": "t3.large"}, "InvalidParameterValue"),
        ({"SourceDestCheck": {"Value": True}, "Groups": [group["GroupId"]]}, "InvalidParameterCombination"),
    ):
        assert ec2.code(modify, InstanceId=instance, **change) == code
    assert ec2.code("DescribeInstanceAttribute", InstanceId=instance, Attribute="x") == "InvalidParameterValue"
    interface = made(ec2, subnet)["NetworkInterfaceId"]
    ec2("AttachNetworkInterface", NetworkInterfaceId=interface, InstanceId=instance, DeviceIndex=1)
    assert ec2.code(modify, InstanceId=instance, SourceDestCheck={"Value": False}) == "InvalidInstanceID"
    ec2("TerminateInstances", InstanceIds=[instance])
    assert ec2.code(modify, InstanceId=instance, DisableApiTermination={"Value": True}) == "IncorrectState"


def test_status_types_images_and_what_there_is_none_of(ec2: Ec2, subnet: str) -> None:
    instance = launched(ec2, SubnetId=subnet)["InstanceId"]
    (status,) = ec2("DescribeInstanceStatus", InstanceIds=[instance])["InstanceStatuses"]
    assert (status["InstanceStatus"]["Status"], status["SystemStatus"]["Status"]) == ("ok", "ok")
    (kind,) = ec2("DescribeInstanceTypes", InstanceTypes=["m5.large"])["InstanceTypes"]
    assert (kind["InstanceType"], kind["NetworkInfo"]["MaximumNetworkInterfaces"]) == ("m5.large", 15)
    assert [t["InstanceType"] for t in ec2("DescribeInstanceTypes")["InstanceTypes"]] == ["t3.micro"]
    (image,) = ec2("DescribeImages", ImageIds=["ami-12345678"])["Images"]
    assert (image["State"], image["RootDeviceType"]) == ("available", "instance-store")
    assert [i["ImageId"] for i in ec2("DescribeImages")["Images"]] == ["ami-1"]
    assert ec2.code("DescribeImages", ImageIds=["disk"]) == "InvalidAMIID.Malformed"
    assert ec2("DescribeVolumes")["Volumes"] == []
    assert ec2.code("DescribeVolumes", VolumeIds=[f"vol-{UNKNOWN}"]) == "InvalidVolume.NotFound"
    asked = ec2("DescribeInstanceCreditSpecifications", InstanceIds=[instance])
    assert asked["InstanceCreditSpecifications"] == []
    assert ec2.code("DescribeInstanceCreditSpecifications", InstanceIds=[INSTANCE]) == "InvalidInstanceID.NotFound"
    ec2("TerminateInstances", InstanceIds=[instance])
    assert ec2("DescribeInstanceStatus")["InstanceStatuses"] == []
    (status,) = ec2("DescribeInstanceStatus", IncludeAllInstances=True)["InstanceStatuses"]
    assert status["InstanceStatus"]["Status"] == "not-applicable"


def test_a_placement_is_where_the_subnet_is(ec2: Ec2, subnet: str) -> None:
    launched(ec2, SubnetId=subnet, Placement={"AvailabilityZone": "eu-central-1a"})
    launch = {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet}
    assert ec2.code("RunInstances", **launch, Placement={"AvailabilityZone": "eu-central-1b"}) == (
        "InvalidParameterValue"
    )
    assert ec2.code("RunInstances", **launch, Placement={"Tenancy": "dedicated"}) == "UnsupportedOperation"
    assert ec2.code("RunInstances", **launch, CreditSpecification={"CpuCredits": "standard"}) == (
        "UnsupportedOperation"
    )


def test_filters_of_interfaces(ec2: Ec2, subnet: str) -> None:
    instance = launched(ec2, SubnetId=subnet)["InstanceId"]
    interface = made(ec2, subnet, Description="free", SecondaryPrivateIpAddressCount=1)
    ec2("CreateTags", Resources=[interface["NetworkInterfaceId"]], Tags=[{"Key": "Name", "Value": "n"}])
    for name, value, count in (
        ("status", "available", 1),
        ("status", "in-use", 1),
        ("attachment.instance-id", instance, 1),
        ("attachment.device-index", "0", 1),
        ("attachment.status", "attached", 1),
        ("description", "fr*", 1),
        ("mac-address", interface["MacAddress"], 1),
        ("addresses.private-ip-address", "10.0.1.6", 1),
        ("private-ip-address", "10.0.1.6", 0),
        ("private-ip-address", "10.0.1.5", 1),
        ("addresses.primary", "true", 2),
        ("addresses.primary", "false", 1),
        ("source-dest-check", "true", 2),
        ("group-name", "default", 2),
        ("tag:Name", "n", 1),
        ("subnet-id", subnet, 2),
    ):
        found = ec2("DescribeNetworkInterfaces", Filters=[{"Name": name, "Values": [value]}])["NetworkInterfaces"]
        assert len(found) == count, (name, value)
    instances = [{"Name": "network-interface.mac-address", "Values": ["02:*", "?6:*", "?a:*", "?e:*", "?2:*"]}]
    assert len(ec2("DescribeInstances", Filters=instances)["Reservations"]) == 1
    unknown = [{"Name": "colour", "Values": ["red"]}]
    assert ec2.code("DescribeNetworkInterfaces", Filters=unknown) == "InvalidParameterValue"
