"""VPN gateways, customer gateways and propagation as a client of EC2 meets them."""

from __future__ import annotations

from typing import Any

import pytest
from ec2_client import Ec2, table_of, vpc_of
from support import Cloud
from vpn_client import connect, hub, site

UNKNOWN = "0123456789abcdef0"


@pytest.fixture
def ec2() -> Ec2:
    return Ec2(Cloud())


# --- virtual private gateways -----------------------------------------------------------------------------------------


def test_a_gateways_life(ec2: Ec2) -> None:
    tags = [{"ResourceType": "vpn-gateway", "Tags": [{"Key": "Name", "Value": "hub"}]}]
    made = ec2("CreateVpnGateway", Type="ipsec.1", AvailabilityZone="", TagSpecifications=tags)["VpnGateway"]
    assert made == {
        "VpnGatewayId": made["VpnGatewayId"],
        "State": "available",
        "Type": "ipsec.1",
        "AmazonSideAsn": 64512,
        "VpcAttachments": [],
        "Tags": [{"Key": "Name", "Value": "hub"}],
    }
    vpc, gateway = vpc_of(ec2), made["VpnGatewayId"]
    attachment = {"VpcId": vpc, "State": "attached"}
    assert ec2("AttachVpnGateway", VpnGatewayId=gateway, VpcId=vpc)["VpcAttachment"] == attachment
    by_vpc = [{"Name": "attachment.vpc-id", "Values": [vpc]}, {"Name": "attachment.state", "Values": ["attached"]}]
    (found,) = ec2("DescribeVpnGateways", Filters=by_vpc)["VpnGateways"]
    assert found["VpcAttachments"] == [attachment]
    assert ec2.code("DeleteVpnGateway", VpnGatewayId=gateway) == "IncorrectState"
    assert ec2.code("DeleteVpc", VpcId=vpc) == "DependencyViolation"
    assert ec2("DetachVpnGateway", VpnGatewayId=gateway, VpcId=vpc) == {}
    assert ec2.code("DetachVpnGateway", VpnGatewayId=gateway, VpcId=vpc) == "InvalidVpnGatewayAttachment.NotFound"
    assert ec2("DescribeVpnGateways", Filters=by_vpc)["VpnGateways"] == []
    (left,) = ec2("DescribeVpnGateways", VpnGatewayIds=[gateway])["VpnGateways"]
    assert left["VpcAttachments"] == [{"VpcId": vpc, "State": "detached"}], "Ansible waits for this"
    assert ec2("DeleteVpnGateway", VpnGatewayId=gateway) == {}
    assert ec2("DescribeVpnGateways", VpnGatewayIds=[gateway])["VpnGateways"][0]["State"] == "deleted"
    assert ec2.code("DeleteVpnGateway", VpnGatewayId=gateway) == "InvalidVpnGatewayID.NotFound"


def test_what_gateways_refuse(ec2: Ec2) -> None:
    one, two, first, second = vpc_of(ec2), vpc_of(ec2), hub(ec2), hub(ec2)
    ec2("AttachVpnGateway", VpnGatewayId=first, VpcId=one)
    for code, action, arguments in (
        ("InvalidVpcState", "AttachVpnGateway", {"VpnGatewayId": second, "VpcId": one}),
        ("VpnGatewayAttachmentLimitExceeded", "AttachVpnGateway", {"VpnGatewayId": first, "VpcId": two}),
        ("InvalidVpcID.NotFound", "AttachVpnGateway", {"VpnGatewayId": second, "VpcId": f"vpc-{UNKNOWN}"}),
        ("InvalidVpnGatewayID.NotFound", "AttachVpnGateway", {"VpnGatewayId": f"vgw-{UNKNOWN}", "VpcId": two}),
        ("InvalidVpnGatewayID.NotFound", "DescribeVpnGateways", {"VpnGatewayIds": ["vgw-nonsense"]}),
        ("InvalidParameterValue", "CreateVpnGateway", {"Type": "ipsec.1", "AmazonSideAsn": 7224}),
        ("InvalidParameterValue", "CreateVpnGateway", {"Type": "ipsec.2"}),
        ("InvalidParameterValue", "DescribeVpnGateways", {"Filters": [{"Name": "colour", "Values": ["red"]}]}),
        ("UnsupportedOperation", "CreateVpnGateway", {"Type": "ipsec.1", "AvailabilityZone": "eu-central-1a"}),
        ("InvalidParameterValue", "CreateVpnGateway", {"Type": "ipsec.1", "AvailabilityZone": "mars-1a"}),
    ):
        assert ec2.code(action, **arguments) == code, (action, arguments)
    for _ in range(3):
        hub(ec2)
    assert ec2.code("CreateVpnGateway", Type="ipsec.1") == "VpnGatewayLimitExceeded"


@pytest.mark.parametrize(
    ("name", "value", "count"),
    [
        ("amazon-side-asn", "64513", 1),
        ("availability-zone", "*", 0),
        ("state", "available", 2),
        ("type", "ipsec.?", 2),
        ("vpn-gateway-id", "vgw-*", 2),
        ("tag:Name", "h*", 1),
        ("tag-key", "Name", 1),
    ],
)
def test_filters_of_gateways(ec2: Ec2, name: str, value: str, count: int) -> None:
    hub(ec2)
    tags = [{"ResourceType": "vpn-gateway", "Tags": [{"Key": "Name", "Value": "hub"}]}]
    hub(ec2, AmazonSideAsn=64513, TagSpecifications=tags)
    found = ec2("DescribeVpnGateways", Filters=[{"Name": name, "Values": [value]}])["VpnGateways"]
    assert len(found) == count


# --- customer gateways ------------------------------------------------------------------------------------------------


def test_a_customer_gateways_life(ec2: Ec2) -> None:
    arguments = {"Type": "ipsec.1", "IpAddress": "203.0.113.77", "BgpAsn": 65001, "DeviceName": "edge"}
    made = ec2("CreateCustomerGateway", **arguments)["CustomerGateway"]
    assert made == {
        "CustomerGatewayId": made["CustomerGatewayId"],
        "State": "available",
        "Type": "ipsec.1",
        "IpAddress": "203.0.113.77",
        "BgpAsn": "65001",
        "DeviceName": "edge",
        "Tags": [],
    }
    assert ec2("CreateCustomerGateway", **arguments)["CustomerGateway"] == made
    for name, value in (("bgp-asn", "65001"), ("ip-address", "203.0.113.*"), ("customer-gateway-id", "cgw-*")):
        (found,) = ec2("DescribeCustomerGateways", Filters=[{"Name": name, "Values": [value]}])["CustomerGateways"]
        assert found == made
    ec2("DeleteCustomerGateway", CustomerGatewayId=made["CustomerGatewayId"])
    by_id = ec2("DescribeCustomerGateways", CustomerGatewayIds=[made["CustomerGatewayId"]])
    assert by_id["CustomerGateways"][0]["State"] == "deleted"


def test_asns_of_customer_gateways(ec2: Ec2) -> None:
    common = {"Type": "ipsec.1", "IpAddress": "203.0.113.77"}
    assert ec2("CreateCustomerGateway", **common)["CustomerGateway"]["BgpAsn"] == "65000"
    large = ec2("CreateCustomerGateway", BgpAsnExtended=4_294_967_295, **common)["CustomerGateway"]
    assert large["BgpAsnExtended"] == "4294967295"
    assert "BgpAsn" not in large
    old = ec2("CreateCustomerGateway", Type="ipsec.1", PublicIp="203.0.113.78")["CustomerGateway"]
    assert old["IpAddress"] == "203.0.113.78"


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("MissingParameter", {}),
        ("InvalidParameterValue", {"IpAddress": "203.0.113.777"}),
        ("InvalidParameterValue", {"IpAddress": "203.0.113.7; drop"}),
        ("UnsupportedOperation", {"IpAddress": "2001:db8::1"}),
        ("InvalidParameterValue", {"IpAddress": "127.0.0.1"}),
        ("InvalidParameterValue", {"IpAddress": "203.0.113.7", "BgpAsn": 0}),
        ("InvalidParameterValue", {"IpAddress": "203.0.113.7", "BgpAsnExtended": 2_147_483_647}),
        ("InvalidParameterValue", {"IpAddress": "203.0.113.7", "BgpAsnExtended": 4_294_967_296}),
        ("InvalidParameterValue", {"IpAddress": "203.0.113.7", "DeviceName": "x" * 256}),
        ("InvalidParameterCombination", {"IpAddress": "203.0.113.7", "BgpAsn": 1, "BgpAsnExtended": 2_147_483_648}),
        ("InvalidParameterCombination", {"IpAddress": "203.0.113.7", "PublicIp": "203.0.113.8"}),
        ("InvalidParameterValue", {"CertificateArn": "arn:aws:acm:x"}),
        ("InvalidParameterValue", {"CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/0-1-2"}),
    ],
)
def test_what_customer_gateways_refuse(ec2: Ec2, code: str, arguments: dict[str, Any]) -> None:
    assert ec2.code("CreateCustomerGateway", Type="ipsec.1", **arguments) == code


def test_ids_of_customer_gateways(ec2: Ec2) -> None:
    assert ec2.code("DeleteCustomerGateway", CustomerGatewayId=f"cgw-{UNKNOWN}") == "InvalidCustomerGatewayID.NotFound"
    assert ec2.code("DeleteCustomerGateway", CustomerGatewayId="cgw-X") == "InvalidCustomerGatewayId.Malformed"
    customer = site(ec2)
    connect(ec2, hub(ec2), customer)
    assert ec2.code("DeleteCustomerGateway", CustomerGatewayId=customer) == "IncorrectState"


# --- propagation ------------------------------------------------------------------------------------------------------


def test_propagation(ec2: Ec2) -> None:
    vpc, gateway = vpc_of(ec2), hub(ec2)
    both = {"RouteTableId": table_of(ec2, vpc), "GatewayId": gateway}
    assert ec2.code("EnableVgwRoutePropagation", **both) == "Gateway.NotAttached"
    ec2("AttachVpnGateway", VpnGatewayId=gateway, VpcId=vpc)
    assert ec2("EnableVgwRoutePropagation", **both) == {}
    (table,) = ec2("DescribeRouteTables", RouteTableIds=[both["RouteTableId"]])["RouteTables"]
    assert table["PropagatingVgws"] == [{"GatewayId": gateway}]
    assert ec2("DisableVgwRoutePropagation", **both) == {}
    (table,) = ec2("DescribeRouteTables", RouteTableIds=[both["RouteTableId"]])["RouteTables"]
    assert table["PropagatingVgws"] == []
    for code, arguments in (
        ("InvalidRouteTableID.NotFound", {**both, "RouteTableId": f"rtb-{UNKNOWN}"}),
        ("InvalidRouteTableId.Malformed", {**both, "RouteTableId": "rtb"}),
        ("InvalidGatewayID.NotFound", {**both, "GatewayId": f"vgw-{UNKNOWN}"}),
        ("InvalidGatewayID.NotFound", {**both, "GatewayId": "igw-0"}),
    ):
        assert ec2.code("EnableVgwRoutePropagation", **arguments) == code
