"""Secondary CIDRs of a VPC as a client of EC2 meets them: AWS's rules, and everything that knows the VPC's CIDRs."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from ec2_client import Ec2, routes_of, subnet_of, table_of, vpc_of
from support import Cloud

from landbridge.observe.state import Observation


@pytest.fixture
def ec2() -> Ec2:
    return Ec2(Cloud())


def add(ec2: Ec2, vpc: str, cidr: str) -> str:
    """Add a CIDR; the association's id."""
    answer = ec2("AssociateVpcCidrBlock", VpcId=vpc, CidrBlock=cidr)
    assert answer["VpcId"] == vpc
    assert answer["CidrBlockAssociation"]["CidrBlockState"] == {"State": "associated"}
    return str(answer["CidrBlockAssociation"]["AssociationId"])


def test_a_cidr_is_added_shown_and_taken_away(ec2: Ec2) -> None:
    vpc = vpc_of(ec2)
    (first,) = ec2("DescribeVpcs")["Vpcs"][0]["CidrBlockAssociationSet"]
    second = add(ec2, vpc, "10.2.0.7/16")
    assert second.startswith("vpc-cidr-assoc-")
    (shown,) = ec2("DescribeVpcs", VpcIds=[vpc])["Vpcs"]
    assert shown["CidrBlock"] == "10.0.0.0/16"
    assert shown["CidrBlockAssociationSet"] == [
        first,
        {"AssociationId": second, "CidrBlock": "10.2.0.0/16", "CidrBlockState": {"State": "associated"}},
    ]
    for name, value in (
        ("cidr-block-association.cidr-block", "10.2.0.0/16"),
        ("cidr-block-association.association-id", second),
        ("cidr-block-association.association-id", first["AssociationId"]),
        ("cidr-block-association.state", "associated"),
    ):
        assert ec2("DescribeVpcs", Filters=[{"Name": name, "Values": [value]}])["Vpcs"] == [shown]
    assert ec2("DescribeVpcs", Filters=[{"Name": "cidr", "Values": ["10.2.0.0/16"]}])["Vpcs"] == []
    left = ec2("DisassociateVpcCidrBlock", AssociationId=second)
    assert left["CidrBlockAssociation"]["CidrBlockState"] == {"State": "disassociated"}
    assert ec2("DescribeVpcs")["Vpcs"][0]["CidrBlockAssociationSet"] == [first]
    gone = "InvalidVpcCidrBlockAssociationID.NotFound"
    assert ec2.code("DisassociateVpcCidrBlock", AssociationId=second) == gone
    assert ec2.code("DisassociateVpcCidrBlock", AssociationId="vpc-cidr-assoc-x") == gone
    assert ec2.code("DisassociateVpcCidrBlock", AssociationId=first["AssociationId"]) == "OperationNotPermitted"


@pytest.mark.parametrize(
    ("first", "added", "code"),
    [
        ("10.2.0.0/16", "10.2.0.0/24", "CidrConflict"),
        ("10.2.0.0/24", "10.2.0.0/16", "CidrConflict"),
        ("10.2.0.0/16", "10.3.0.0/15", "InvalidVpc.Range"),
        ("10.2.0.0/16", "10.3.0.0/29", "InvalidVpc.Range"),
        ("10.2.0.0/16", "172.20.0.0/16", "InvalidVpc.Range"),
        ("10.2.0.0/16", "192.168.0.0/16", "InvalidVpc.Range"),
        ("10.2.0.0/16", "198.19.0.0/24", "InvalidVpc.Range"),
        ("10.1.0.0/16", "10.0.0.0/24", "InvalidVpc.Range"),
        ("10.0.0.0/24", "10.0.1.0/24", "InvalidVpc.Range"),
        ("172.20.0.0/16", "172.31.0.0/16", "InvalidVpc.Range"),
        ("172.20.0.0/16", "10.0.0.0/16", "InvalidVpc.Range"),
        ("192.168.0.0/24", "172.20.0.0/16", "InvalidVpc.Range"),
        ("100.64.0.0/16", "10.0.0.0/16", "InvalidVpc.Range"),
        ("52.0.0.0/16", "192.168.0.0/16", "InvalidVpc.Range"),
        ("10.2.0.0/16", "169.254.0.0/24", "InvalidParameterValue"),
        ("10.2.0.0/16", "224.0.0.0/16", "InvalidParameterValue"),
        ("10.2.0.0/16", "somewhere", "InvalidParameterValue"),
    ],
)
def test_what_aws_refuses(ec2: Ec2, first: str, added: str, code: str) -> None:
    vpc = vpc_of(ec2, first)
    assert ec2.code("AssociateVpcCidrBlock", VpcId=vpc, CidrBlock=added) == code


@pytest.mark.parametrize(
    ("first", "added"),
    [
        ("10.0.0.0/16", "10.1.0.0/16"),
        ("10.2.0.0/16", "10.0.0.0/16"),
        ("10.2.0.0/16", "100.64.0.0/16"),
        ("10.2.0.0/16", "52.0.0.0/16"),
        ("192.168.0.0/24", "192.168.1.0/24"),
        ("172.16.0.0/16", "172.17.0.0/16"),
        ("198.19.0.0/24", "198.19.1.0/24"),
        ("52.0.0.0/16", "100.64.0.0/28"),
    ],
)
def test_what_aws_takes(ec2: Ec2, first: str, added: str) -> None:
    add(ec2, vpc_of(ec2, first), added)


def test_five_cidrs_are_the_most(ec2: Ec2) -> None:
    vpc = vpc_of(ec2, "10.10.0.0/16")
    for number in range(11, 15):
        add(ec2, vpc, f"10.{number}.0.0/16")
    assert ec2.code("AssociateVpcCidrBlock", VpcId=vpc, CidrBlock="10.15.0.0/16") == "CidrLimitExceeded"


def test_other_forms_are_refused(ec2: Ec2) -> None:
    vpc = vpc_of(ec2)
    assert ec2.code("AssociateVpcCidrBlock", VpcId=vpc) == "MissingParameter"
    assert ec2.code("AssociateVpcCidrBlock", VpcId="vpc-0123456789abcdef0", CidrBlock="10.2.0.0/16") == (
        "InvalidVpcID.NotFound"
    )
    for ipv6 in ({"AmazonProvidedIpv6CidrBlock": True}, {"Ipv6CidrBlock": "fd00::/56"}, {"Ipv4IpamPoolId": "ipam-1"}):
        assert ec2.code("AssociateVpcCidrBlock", VpcId=vpc, **ipv6) == "UnsupportedOperation"


def test_a_route_stands_in_the_way_of_a_cidr_that_covers_it(ec2: Ec2) -> None:
    """The VPC guide's own example."""
    vpc = vpc_of(ec2, "10.2.0.0/16")
    table = table_of(ec2, vpc)
    vgw = ec2("CreateVpnGateway", Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    ec2("AttachVpnGateway", VpnGatewayId=vgw, VpcId=vpc)
    ec2("CreateRoute", RouteTableId=table, DestinationCidrBlock="10.0.0.0/24", GatewayId=vgw)
    for covering in ("10.0.0.0/24", "10.0.0.0/23"):
        assert ec2.code("AssociateVpcCidrBlock", VpcId=vpc, CidrBlock=covering) == "CidrConflict"
    add(ec2, vpc, "10.0.0.0/25")


def test_subnets_lie_in_any_of_the_cidrs_and_hold_them(ec2: Ec2) -> None:
    vpc = vpc_of(ec2)
    association = add(ec2, vpc, "10.2.0.0/16")
    subnet = subnet_of(ec2, vpc, "10.2.1.0/24")
    assert ec2.code("CreateSubnet", VpcId=vpc, CidrBlock="10.3.0.0/24") == "InvalidSubnet.Range"
    assert ec2.code("DisassociateVpcCidrBlock", AssociationId=association) == "InvalidCidrBlock.InUse"
    ec2("DeleteSubnet", SubnetId=subnet)
    ec2("DisassociateVpcCidrBlock", AssociationId=association)
    assert ec2.code("CreateSubnet", VpcId=vpc, CidrBlock="10.2.1.0/24") == "InvalidSubnet.Range"


def test_every_cidr_has_a_local_route_that_comes_first(ec2: Ec2) -> None:
    vpc = vpc_of(ec2)
    add(ec2, vpc, "10.2.0.0/16")
    table = table_of(ec2, vpc)
    igw = ec2("CreateInternetGateway")["InternetGateway"]["InternetGatewayId"]
    ec2("AttachInternetGateway", InternetGatewayId=igw, VpcId=vpc)
    vgw = ec2("CreateVpnGateway", Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    ec2("AttachVpnGateway", VpnGatewayId=vgw, VpcId=vpc)
    ec2("EnableVgwRoutePropagation", RouteTableId=table, GatewayId=vgw)
    learned = frozenset(map(IPv4Network, ("10.2.3.0/24", "10.3.0.0/24")))
    ec2.observation = Observation(propagated={table: learned})
    local = {"GatewayId": "local", "Origin": "CreateRouteTable", "State": "active"}
    assert routes_of(ec2, table) == {
        "10.0.0.0/16": {"DestinationCidrBlock": "10.0.0.0/16", **local},
        "10.2.0.0/16": {"DestinationCidrBlock": "10.2.0.0/16", **local},
        "10.3.0.0/24": {
            "DestinationCidrBlock": "10.3.0.0/24",
            "GatewayId": vgw,
            "Origin": "EnableVgwRoutePropagation",
            "State": "active",
        },
    }
    for inside in ("10.2.0.0/16", "10.2.3.0/24"):
        route = {"RouteTableId": table, "DestinationCidrBlock": inside}
        assert ec2.code("CreateRoute", **route, GatewayId=igw) == "InvalidParameterValue"
    route = {"RouteTableId": table, "DestinationCidrBlock": "10.2.0.0/16"}
    assert ec2.code("DeleteRoute", **route) == "InvalidParameterValue"


def test_a_static_vpn_route_into_any_of_the_cidrs_is_refused(ec2: Ec2) -> None:
    vpc = vpc_of(ec2)
    add(ec2, vpc, "10.2.0.0/16")
    vgw = ec2("CreateVpnGateway", Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    ec2("AttachVpnGateway", VpnGatewayId=vgw, VpcId=vpc)
    customer = ec2("CreateCustomerGateway", Type="ipsec.1", IpAddress="203.0.113.77", BgpAsn=65010)
    vpn = ec2(
        "CreateVpnConnection",
        Type="ipsec.1",
        VpnGatewayId=vgw,
        CustomerGatewayId=customer["CustomerGateway"]["CustomerGatewayId"],
        Options={"StaticRoutesOnly": True},
    )["VpnConnection"]["VpnConnectionId"]
    route = {"VpnConnectionId": vpn, "DestinationCidrBlock": "10.2.3.0/24"}
    assert ec2.code("CreateVpnConnectionRoute", **route) == "InvalidParameterValue"
    ec2("CreateVpnConnectionRoute", VpnConnectionId=vpn, DestinationCidrBlock="10.3.0.0/24")
