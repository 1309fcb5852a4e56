"""Sets of DHCP options as a client of EC2 meets them."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest
from ec2_client import Ec2, vpc_of
from support import ACCOUNT, Cloud

from landbridge.control.dhcp_options import resolver
from landbridge.model.network import DhcpOptions
from landbridge.model.resolver import Resolver

AMAZON = ("domain-name-servers", "AmazonProvidedDNS")


@pytest.fixture
def ec2() -> Ec2:
    return Ec2(Cloud())


def wish(*options: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"Key": key, "Values": values} for key, *values in options]


def made(ec2: Ec2, *options: tuple[str, ...]) -> str:
    return str(ec2("CreateDhcpOptions", DhcpConfigurations=wish(*options))["DhcpOptions"]["DhcpOptionsId"])


def in_force(ec2: Ec2, identity: str) -> Resolver | None:
    found = ec2.cloud.snapshot.get(DhcpOptions, identity)
    assert found is not None
    return resolver(found)


def shown(ec2: Ec2, vpc: str) -> str:
    return str(ec2("DescribeVpcs", VpcIds=[vpc])["Vpcs"][0]["DhcpOptionsId"])


def test_new_vpcs_share_the_regions_default_set() -> None:
    ec2, elsewhere = Ec2(cloud := Cloud()), Ec2(cloud, region="us-east-1")
    first, second = vpc_of(ec2), vpc_of(ec2)
    (default,) = ec2("DescribeDhcpOptions")["DhcpOptions"]
    assert default["DhcpOptionsId"].startswith("dopt-")
    assert default["DhcpConfigurations"] == [
        {"Key": "domain-name", "Values": [{"Value": "eu-central-1.compute.internal"}]},
        {"Key": "domain-name-servers", "Values": [{"Value": "AmazonProvidedDNS"}]},
    ]
    assert (default["OwnerId"], default["Tags"]) == (ACCOUNT, [])
    assert shown(ec2, first) == shown(ec2, second) == default["DhcpOptionsId"]
    assert in_force(ec2, default["DhcpOptionsId"]) is None, "no server is behind it: the machine's stay"
    vpc_of(elsewhere)
    (other,) = elsewhere("DescribeDhcpOptions")["DhcpOptions"]
    assert other["DhcpConfigurations"][0]["Values"] == [{"Value": "ec2.internal"}]


def test_a_set_is_made_associated_and_deleted(ec2: Ec2) -> None:
    vpc = vpc_of(ec2)
    before = shown(ec2, vpc)
    tags = [{"ResourceType": "dhcp-options", "Tags": [{"Key": "Name", "Value": "corp"}]}]
    options = wish(("domain-name", "corp.example lab.example"), ("domain-name-servers", "10.0.0.53", "10.0.0.54"))
    answer = ec2("CreateDhcpOptions", DhcpConfigurations=options, TagSpecifications=tags)["DhcpOptions"]
    identity = answer["DhcpOptionsId"]
    assert answer["DhcpConfigurations"] == [
        {"Key": "domain-name", "Values": [{"Value": "corp.example lab.example"}]},
        {"Key": "domain-name-servers", "Values": [{"Value": "10.0.0.53"}, {"Value": "10.0.0.54"}]},
    ]
    assert answer["Tags"] == [{"Key": "Name", "Value": "corp"}]
    for name, value in (
        ("key", "domain-name*"),
        ("value", "10.0.0.53"),
        ("tag:Name", "corp"),
        ("dhcp-options-id", identity),
    ):
        found = ec2("DescribeDhcpOptions", Filters=[{"Name": name, "Values": [value]}])["DhcpOptions"]
        assert answer in found, name
    servers = (IPv4Address("10.0.0.53"), IPv4Address("10.0.0.54"))
    assert in_force(ec2, identity) == Resolver(("corp.example", "lab.example"), servers)

    ec2("AssociateDhcpOptions", DhcpOptionsId=identity, VpcId=vpc)
    assert shown(ec2, vpc) == identity
    assert ec2("DescribeVpcs", Filters=[{"Name": "dhcp-options-id", "Values": [identity]}])["Vpcs"]
    assert ec2.code("DeleteDhcpOptions", DhcpOptionsId=identity) == "DependencyViolation"
    ec2("AssociateDhcpOptions", DhcpOptionsId="default", VpcId=vpc)
    assert shown(ec2, vpc) == "default"
    ec2("DeleteDhcpOptions", DhcpOptionsId=identity)
    assert ec2.code("DescribeDhcpOptions", DhcpOptionsIds=[identity]) == "InvalidDhcpOptionID.NotFound"
    ec2("AssociateDhcpOptions", DhcpOptionsId=before, VpcId=vpc)
    assert shown(ec2, vpc) == before


def test_the_default_set_comes_back_with_the_next_vpc(ec2: Ec2) -> None:
    vpc = vpc_of(ec2)
    default = shown(ec2, vpc)
    assert ec2.code("DeleteDhcpOptions", DhcpOptionsId=default) == "DependencyViolation"
    ec2("DeleteVpc", VpcId=vpc)
    ec2("DeleteDhcpOptions", DhcpOptionsId=default)
    assert shown(ec2, vpc_of(ec2)) != default


def test_names_without_servers_use_the_machines(ec2: Ec2) -> None:
    assert in_force(ec2, made(ec2, ("domain-name", "corp.example"), AMAZON)) == Resolver(("corp.example",))
    assert in_force(ec2, made(ec2, ("domain-name", "corp.example"))) == Resolver(("corp.example",))
    assert in_force(ec2, made(ec2, AMAZON)) is None
    assert in_force(ec2, made(ec2, ("domain-name-servers", "10.0.0.2,10.0.0.3"))) == Resolver(
        (), (IPv4Address("10.0.0.2"), IPv4Address("10.0.0.3"))
    )


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], "MissingParameter"),
        ([("domain-name",)], "MissingParameter"),
        ([("domain-name", "")], "MissingParameter"),
        ([("", "corp.example")], "MissingParameter"),
        ([("colour", "red")], "InvalidParameterValue"),
        ([("domain-name", "corp..example")], "InvalidParameterValue"),
        ([("domain-name", "corp.example\nnameserver 10.0.0.1")], "InvalidParameterValue"),
        ([("domain-name", "-corp.example")], "InvalidParameterValue"),
        ([("domain-name", "x" * 64)], "InvalidParameterValue"),
        ([("domain-name", " ".join("abcdefg"))], "InvalidParameterValue"),
        ([("domain-name", "a.example"), ("domain-name", "b.example")], "InvalidParameterValue"),
        ([("domain-name-servers", "ns.example")], "InvalidParameterValue"),
        ([("domain-name-servers", "2001:db8::1")], "InvalidParameterValue"),
        ([("domain-name-servers", *(f"10.0.0.{n}" for n in range(5)))], "InvalidParameterValue"),
        ([("domain-name-servers", "AmazonProvidedDNS", "10.0.0.1")], "InvalidParameterValue"),
        ([("ntp-servers", "10.0.0.1")], "UnsupportedOperation"),
        ([("netbios-name-servers", "10.0.0.1")], "UnsupportedOperation"),
        ([("netbios-node-type", "2")], "UnsupportedOperation"),
    ],
)
def test_refusals(ec2: Ec2, options: list[tuple[str, ...]], code: str) -> None:
    assert ec2.code("CreateDhcpOptions", DhcpConfigurations=wish(*options)) == code


def test_ids(ec2: Ec2) -> None:
    vpc, unknown = vpc_of(ec2), "dopt-0123456789abcdef0"
    assert ec2.code("DeleteDhcpOptions", DhcpOptionsId=unknown) == "InvalidDhcpOptionID.NotFound"
    assert ec2.code("DeleteDhcpOptions", DhcpOptionsId="default") == "InvalidDhcpOptionsId.Malformed"
    assert ec2.code("AssociateDhcpOptions", DhcpOptionsId=unknown, VpcId=vpc) == "InvalidDhcpOptionID.NotFound"
    default = {"DhcpOptionsId": "default", "VpcId": "vpc-0123456789abcdef0"}
    assert ec2.code("AssociateDhcpOptions", **default) == "InvalidVpcID.NotFound"
    ec2("CreateTags", Resources=[shown(ec2, vpc)], Tags=[{"Key": "a", "Value": "b"}])
    assert ec2("DescribeTags")["Tags"][0]["ResourceType"] == "dhcp-options"
