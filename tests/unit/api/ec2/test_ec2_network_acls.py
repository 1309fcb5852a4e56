"""Network ACLs as a client of EC2 meets them."""

from __future__ import annotations

from typing import Any

import pytest
from ec2_client import Ec2, subnet_of, vpc_of
from support import ACCOUNT, Cloud

from landbridge.control.network_acls import MAX_ENTRIES

UNKNOWN = "0123456789abcdef0"
ANYWHERE = "0.0.0.0/0"


@pytest.fixture
def ec2() -> Ec2:
    return Ec2(Cloud())


@pytest.fixture
def vpc(ec2: Ec2) -> str:
    return vpc_of(ec2)


@pytest.fixture
def acl(ec2: Ec2, vpc: str) -> str:
    return str(ec2("CreateNetworkAcl", VpcId=vpc)["NetworkAcl"]["NetworkAclId"])


def shown(ec2: Ec2, acl: str) -> dict[str, Any]:
    (found,) = ec2("DescribeNetworkAcls", NetworkAclIds=[acl])["NetworkAcls"]
    return dict(found)


def default_of(ec2: Ec2, vpc: str) -> dict[str, Any]:
    named = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "default", "Values": ["true"]}]
    (found,) = ec2("DescribeNetworkAcls", Filters=named)["NetworkAcls"]
    return dict(found)


def entry(acl: str, number: int = 100, **more: Any) -> dict[str, Any]:
    given = {
        "NetworkAclId": acl,
        "RuleNumber": number,
        "Egress": False,
        "Protocol": "6",
        "RuleAction": "allow",
        "CidrBlock": "10.0.0.0/8",
        "PortRange": {"From": 22, "To": 23},
    } | more
    return {name: value for name, value in given.items() if value is not None}


def last(egress: bool) -> dict[str, Any]:
    return {"CidrBlock": ANYWHERE, "Egress": egress, "Protocol": "-1", "RuleAction": "deny", "RuleNumber": 32767}


def test_the_default_acl_is_the_one_that_aws_makes(ec2: Ec2, vpc: str) -> None:
    subnet = subnet_of(ec2, vpc)
    found = default_of(ec2, vpc)
    (association,) = found["Associations"]
    assert association["NetworkAclAssociationId"].startswith("aclassoc-")
    assert (association["NetworkAclId"], association["SubnetId"]) == (found["NetworkAclId"], subnet)
    allow = {"CidrBlock": ANYWHERE, "Protocol": "-1", "RuleAction": "allow", "RuleNumber": 100}
    assert found["Entries"] == [allow | {"Egress": True}, last(True), allow | {"Egress": False}, last(False)]
    assert (found["IsDefault"], found["OwnerId"], found["VpcId"], found["Tags"]) == (True, ACCOUNT, vpc, [])
    ec2("DeleteSubnet", SubnetId=subnet)
    assert default_of(ec2, vpc)["Associations"] == []


def test_a_new_acl_lets_nothing_through(ec2: Ec2, vpc: str) -> None:
    tags = [{"Key": "Name", "Value": "dmz"}]
    given = {"VpcId": vpc, "TagSpecifications": [{"ResourceType": "network-acl", "Tags": tags}], "ClientToken": "t"}
    made = ec2("CreateNetworkAcl", **given)
    acl = made["NetworkAcl"]
    assert (acl["Entries"], acl["Associations"], acl["IsDefault"], acl["Tags"]) == (
        [last(True), last(False)],
        [],
        False,
        tags,
    )
    assert made["ClientToken"] == "t"
    assert ec2("CreateNetworkAcl", **given)["NetworkAcl"] == acl
    other = given | {"VpcId": vpc_of(ec2, "10.1.0.0/16")}
    assert ec2.code("CreateNetworkAcl", **other) == "IdempotentParameterMismatch"


def test_entries_come_in_order_of_their_numbers(ec2: Ec2, acl: str) -> None:
    ec2("CreateNetworkAclEntry", **entry(acl, 200))
    ec2("CreateNetworkAclEntry", **entry(acl, 100, Protocol="udp", CidrBlock="10.9.9.9/8", RuleAction="deny"))
    icmp = {"Protocol": "1", "IcmpTypeCode": {"Type": 8, "Code": -1}, "PortRange": None}
    ec2("CreateNetworkAclEntry", **entry(acl, 150, **icmp))
    ec2("CreateNetworkAclEntry", **entry(acl, 100, Egress=True, Protocol="-1"))
    assert shown(ec2, acl)["Entries"] == [
        {"CidrBlock": "10.0.0.0/8", "Egress": True, "Protocol": "-1", "RuleAction": "allow", "RuleNumber": 100},
        last(True),
        {
            "CidrBlock": "10.0.0.0/8",
            "Egress": False,
            "Protocol": "17",
            "RuleAction": "deny",
            "RuleNumber": 100,
            "PortRange": {"From": 22, "To": 23},
        },
        {
            "CidrBlock": "10.0.0.0/8",
            "Egress": False,
            "Protocol": "1",
            "RuleAction": "allow",
            "RuleNumber": 150,
            "IcmpTypeCode": {"Type": 8, "Code": -1},
        },
        {
            "CidrBlock": "10.0.0.0/8",
            "Egress": False,
            "Protocol": "6",
            "RuleAction": "allow",
            "RuleNumber": 200,
            "PortRange": {"From": 22, "To": 23},
        },
        last(False),
    ]


def test_an_entry_is_replaced_and_deleted_by_number_and_direction(ec2: Ec2, acl: str) -> None:
    ec2("CreateNetworkAclEntry", **entry(acl))
    assert ec2.code("CreateNetworkAclEntry", **entry(acl)) == "NetworkAclEntryAlreadyExists"
    ec2("CreateNetworkAclEntry", **entry(acl, Egress=True))
    ec2("ReplaceNetworkAclEntry", **entry(acl, RuleAction="deny"))
    inward = [e for e in shown(ec2, acl)["Entries"] if not e["Egress"]]
    assert [(e["RuleNumber"], e["RuleAction"]) for e in inward] == [(100, "deny"), (32767, "deny")]
    assert ec2.code("ReplaceNetworkAclEntry", **entry(acl, 101)) == "InvalidNetworkAclEntry.NotFound"
    named = {"NetworkAclId": acl, "RuleNumber": 100, "Egress": False}
    ec2("DeleteNetworkAclEntry", **named)
    assert ec2.code("DeleteNetworkAclEntry", **named) == "InvalidNetworkAclEntry.NotFound"
    assert ec2.code("DeleteNetworkAclEntry", **named | {"RuleNumber": 32767}) == "InvalidParameterValue"
    assert [e["RuleNumber"] for e in shown(ec2, acl)["Entries"] if e["Egress"]] == [100, 32767]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"NetworkAclId": "acl-" + UNKNOWN}, "InvalidNetworkAclID.NotFound"),
        ({"NetworkAclId": "x"}, "InvalidNetworkAclId.Malformed"),
        ({"RuleNumber": 0}, "InvalidParameterValue"),
        ({"RuleNumber": 32767}, "InvalidParameterValue"),
        ({"RuleAction": "maybe"}, "InvalidParameterValue"),
        ({"Protocol": "x"}, "InvalidParameterValue"),
        ({"Protocol": "58", "IcmpTypeCode": {"Type": -1, "Code": -1}}, "InvalidParameterValue"),
        ({"CidrBlock": "10.0.0.0/33"}, "InvalidParameterValue"),
        ({"CidrBlock": None}, "MissingParameter"),
        ({"Ipv6CidrBlock": "::/0"}, "InvalidParameterCombination"),
        ({"CidrBlock": None, "Ipv6CidrBlock": "::/129"}, "InvalidParameterValue"),
        ({"CidrBlock": None, "Ipv6CidrBlock": "10.0.0.0/8"}, "InvalidParameterValue"),
        ({"CidrBlock": None, "Ipv6CidrBlock": "fe80::1%eth0/64"}, "InvalidParameterValue"),
        ({"PortRange": None}, "MissingParameter"),
        ({"PortRange": {"From": 22}}, "MissingParameter"),
        ({"PortRange": {"From": 23, "To": 22}}, "InvalidParameterValue"),
        ({"PortRange": {"From": -1, "To": -1}}, "InvalidParameterValue"),
        ({"Protocol": "1"}, "MissingParameter"),
        ({"Protocol": "1", "IcmpTypeCode": {"Type": 8}}, "MissingParameter"),
        ({"Protocol": "1", "IcmpTypeCode": {"Type": 300, "Code": -1}}, "InvalidParameterValue"),
    ],
)
def test_entries_that_cannot_be(ec2: Ec2, acl: str, change: dict[str, Any], code: str) -> None:
    assert ec2.code("CreateNetworkAclEntry", **entry(acl, **change)) == code


def test_twenty_entries_with_the_last_one(ec2: Ec2, acl: str) -> None:
    for number in range(1, MAX_ENTRIES):
        ec2("CreateNetworkAclEntry", **entry(acl, number))
    assert ec2.code("CreateNetworkAclEntry", **entry(acl, 100)) == "NetworkAclEntryLimitExceeded"
    ec2("CreateNetworkAclEntry", **entry(acl, 100, Egress=True))
    ec2("ReplaceNetworkAclEntry", **entry(acl, 1, RuleAction="deny"))


def test_a_subnet_follows_one_acl_at_a_time(ec2: Ec2, vpc: str, acl: str) -> None:
    subnet = subnet_of(ec2, vpc)
    (first,) = default_of(ec2, vpc)["Associations"]
    replaced = {"AssociationId": first["NetworkAclAssociationId"], "NetworkAclId": acl}
    second = ec2("ReplaceNetworkAclAssociation", **replaced)["NewAssociationId"]
    assert second != first["NetworkAclAssociationId"]
    assert default_of(ec2, vpc)["Associations"] == []
    assert shown(ec2, acl)["Associations"] == [
        {"NetworkAclAssociationId": second, "NetworkAclId": acl, "SubnetId": subnet}
    ]
    assert ec2.code("ReplaceNetworkAclAssociation", **replaced) == "InvalidAssociationID.NotFound"
    assert ec2.code("ReplaceNetworkAclAssociation", AssociationId="x", NetworkAclId=acl) == (
        "InvalidAssociationID.NotFound"
    )
    elsewhere = default_of(ec2, vpc_of(ec2, "10.1.0.0/16"))["NetworkAclId"]
    assert ec2.code("ReplaceNetworkAclAssociation", AssociationId=second, NetworkAclId=elsewhere) == (
        "InvalidParameterValue"
    )
    assert ec2.code("DeleteNetworkAcl", NetworkAclId=acl) == "DependencyViolation"
    ec2("DeleteSubnet", SubnetId=subnet)
    ec2("DeleteNetworkAcl", NetworkAclId=acl)
    assert ec2.code("DescribeNetworkAcls", NetworkAclIds=[acl]) == "InvalidNetworkAclID.NotFound"


def test_what_keeps_an_acl_and_a_vpc(ec2: Ec2, vpc: str, acl: str) -> None:
    assert ec2.code("DeleteNetworkAcl", NetworkAclId=default_of(ec2, vpc)["NetworkAclId"]) == "InvalidParameterValue"
    assert ec2.code("DeleteVpc", VpcId=vpc) == "DependencyViolation"
    ec2("DeleteNetworkAcl", NetworkAclId=acl)
    ec2("DeleteVpc", VpcId=vpc)
    assert ec2("DescribeNetworkAcls")["NetworkAcls"] == []


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("entry.protocol", "6", 1),
        ("entry.protocol", "tcp", 1),
        ("entry.protocol", "-1", 2),
        ("entry.port-range.from", "22", 1),
        ("entry.port-range.to", "22", 0),
        ("entry.icmp.type", "8", 1),
        ("entry.icmp.code", "-1", 1),
        ("entry.cidr", "10.*", 1),
        ("entry.rule-action", "allow", 2),
        ("entry.rule-number", "100", 2),
        ("entry.rule-number", "101", 1),
        ("entry.egress", "true", 2),
        ("entry.ipv6-cidr", "*", 0),
        ("default", "false", 1),
        ("association.subnet-id", "subnet-*", 1),
        ("owner-id", ACCOUNT, 2),
    ],
)
def test_filters(ec2: Ec2, vpc: str, acl: str, name: str, value: str, found: int) -> None:
    subnet_of(ec2, vpc)
    ec2("CreateNetworkAclEntry", **entry(acl))
    icmp = {"Protocol": "icmp", "IcmpTypeCode": {"Type": 8, "Code": -1}, "PortRange": None}
    ec2("CreateNetworkAclEntry", **entry(acl, 101, **icmp))
    assert len(ec2("DescribeNetworkAcls", Filters=[{"Name": name, "Values": [value]}])["NetworkAcls"]) == found


def test_entries_about_ipv6_are_kept_and_shown(ec2: Ec2, acl: str) -> None:
    """Terraform's modules write them whether a VPC has IPv6 or not."""
    six = {"CidrBlock": None, "Ipv6CidrBlock": "2001:db8::1/32"}
    ec2("CreateNetworkAclEntry", **entry(acl, 101, **six))
    echo = {"Protocol": "58", "IcmpTypeCode": {"Type": 128, "Code": -1}, "PortRange": None}
    ec2("CreateNetworkAclEntry", **entry(acl, 102, **six, **echo))
    first, second, *_ = (each for each in shown(ec2, acl)["Entries"] if not each["Egress"])
    assert (first["Ipv6CidrBlock"], first["PortRange"], "CidrBlock" in first) == (
        "2001:db8::/32",
        {"From": 22, "To": 23},
        False,
    )
    assert (second["Protocol"], second["IcmpTypeCode"]) == ("58", {"Type": 128, "Code": -1})
    assert ec2.code("CreateNetworkAclEntry", **entry(acl, 101)) == "NetworkAclEntryAlreadyExists"
    for name, value, found in (("entry.ipv6-cidr", "2001:db8::/32", 1), ("entry.cidr", "2001:*", 0)):
        answer = ec2("DescribeNetworkAcls", Filters=[{"Name": name, "Values": [value]}])["NetworkAcls"]
        assert len(answer) == found


def test_twenty_entries_of_each_version_of_ip(ec2: Ec2, acl: str) -> None:
    for number in range(1, 20):
        ec2("CreateNetworkAclEntry", **entry(acl, number))
        ec2("CreateNetworkAclEntry", **entry(acl, 100 + number, CidrBlock=None, Ipv6CidrBlock="::/0"))
    for more in ({}, {"CidrBlock": None, "Ipv6CidrBlock": "::/0"}):
        assert ec2.code("CreateNetworkAclEntry", **entry(acl, 200, **more)) == "NetworkAclEntryLimitExceeded"
