"""A small cloud with one of everything, and for every action a request that succeeds in it.

What is tried with every action (dry runs, ids, filters, pages, fuzzing, roles, others' things) begins with these: who
adds an action adds its request to `EXAMPLES`, or to `REFUSED` if it is not built yet and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from ec2_client import Ec2, subnet_of, table_of, vpc_of
from support import Cloud, SeededEntropy

from landbridge.control.certificates import IssueDeviceCertificate
from landbridge.model.snapshot import Snapshot
from pki import REQUEST

UNKNOWN = "0123456789abcdef0"
TAGS = [{"Key": "Name", "Value": 'a "b" <c> & é ☃ +%'}, {"Key": "empty", "Value": ""}]


@dataclass(frozen=True)
class World:
    """The ids of what there is. A `spare` thing has nothing in it and is attached to nothing."""

    vpc: str
    spare_vpc: str
    subnet: str
    spare_subnet: str
    table: str
    spare_table: str
    association: str
    igw: str
    spare_igw: str
    vgw: str
    spare_vgw: str
    cgw: str
    spare_cgw: str
    vpn: str
    outside: str
    instance: str
    interface: str
    spare_interface: str
    address: str
    spare_address: str
    group: str
    acl: str


def build(ec2: Ec2) -> World:
    """instance -- subnet -- VPC == VGW == static connection == customer gateway, with tags, routes and spares."""
    vpc, spare_vpc = vpc_of(ec2), vpc_of(ec2, "10.9.0.0/16")
    subnet, spare_subnet = subnet_of(ec2, vpc), subnet_of(ec2, vpc, "10.0.2.0/24")
    table, spare_table = table_of(ec2, vpc), table_of(ec2, vpc)
    association = ec2("AssociateRouteTable", RouteTableId=table, SubnetId=subnet)["AssociationId"]
    igw, spare_igw = (ec2("CreateInternetGateway")["InternetGateway"]["InternetGatewayId"] for _ in range(2))
    ec2("AttachInternetGateway", InternetGatewayId=igw, VpcId=vpc)
    vgw, spare_vgw = (ec2("CreateVpnGateway", Type="ipsec.1")["VpnGateway"]["VpnGatewayId"] for _ in range(2))
    ec2("AttachVpnGateway", VpnGatewayId=vgw, VpcId=vpc)
    cgw, spare_cgw = (
        ec2("CreateCustomerGateway", Type="ipsec.1", IpAddress=address, BgpAsn=65010)["CustomerGateway"][
            "CustomerGatewayId"
        ]
        for address in ("203.0.113.7", "203.0.113.8")
    )
    made = ec2(
        "CreateVpnConnection",
        Type="ipsec.1",
        VpnGatewayId=vgw,
        CustomerGatewayId=cgw,
        Options={"StaticRoutesOnly": True},
    )["VpnConnection"]
    vpn, outside = made["VpnConnectionId"], made["Options"]["TunnelOptions"][0]["OutsideIpAddress"]
    ec2("CreateVpnConnectionRoute", VpnConnectionId=vpn, DestinationCidrBlock="192.168.0.0/16")
    ec2("EnableVgwRoutePropagation", RouteTableId=table, GatewayId=vgw)
    ec2("CreateRoute", RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=igw)
    [launched] = ec2("RunInstances", ImageId="lab", MinCount=1, MaxCount=1, SubnetId=subnet)["Instances"]
    [plugged] = launched["NetworkInterfaces"]
    spare_interface = ec2("CreateNetworkInterface", SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    address, spare_address = (ec2("AllocateAddress", Domain="vpc")["AllocationId"] for _ in range(2))
    ec2("AssociateAddress", AllocationId=address, InstanceId=launched["InstanceId"])
    group = ec2("CreateSecurityGroup", GroupName="world", Description="of the world", VpcId=vpc)["GroupId"]
    ec2("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=_SSH)
    acl = ec2("CreateNetworkAcl", VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    ec2("CreateNetworkAclEntry", NetworkAclId=acl, **_ENTRY)
    world = World(
        vpc=vpc,
        spare_vpc=spare_vpc,
        subnet=subnet,
        spare_subnet=spare_subnet,
        table=table,
        spare_table=spare_table,
        association=association,
        igw=igw,
        spare_igw=spare_igw,
        vgw=vgw,
        spare_vgw=spare_vgw,
        cgw=cgw,
        spare_cgw=spare_cgw,
        vpn=vpn,
        outside=outside,
        instance=launched["InstanceId"],
        interface=plugged["NetworkInterfaceId"],
        spare_interface=spare_interface,
        address=address,
        spare_address=spare_address,
        group=group,
        acl=acl,
    )
    tagged = [vpc, subnet, table, igw, vgw, cgw, vpn, world.instance, world.interface, address, group, acl]
    ec2("CreateTags", Resources=tagged, Tags=TAGS)
    return world


@cache
def built() -> tuple[Snapshot, World]:
    """The small cloud, built once."""
    ec2 = Ec2(Cloud())
    world = build(ec2)
    return ec2.cloud.snapshot, world


def cloud_at(snapshot: Snapshot, seed: int = 1) -> Cloud:
    """A cloud of its own that is as the snapshot says. The seed is another one than that of `built`."""
    return Cloud(entropy=SeededEntropy(seed), found=snapshot)


def arn(ec2: Ec2) -> str:
    """A device's certificate of the caller's."""
    command = IssueDeviceCertificate(REQUEST, "device.example.net")
    made = ec2.cloud.control.execute(command, account=ec2.account, region=ec2.region)
    return str(made.id)


def _certified(ec2: Ec2, world: World) -> dict[str, Any]:
    """A tunnel of a connection by certificates."""
    customer = ec2("CreateCustomerGateway", Type="ipsec.1", BgpAsn=65022, CertificateArn=arn(ec2))["CustomerGateway"]
    made = ec2(
        "CreateVpnConnection",
        Type="ipsec.1",
        VpnGatewayId=world.vgw,
        CustomerGatewayId=customer["CustomerGatewayId"],
        Options={"StaticRoutesOnly": True},
    )["VpnConnection"]
    return {
        "VpnConnectionId": made["VpnConnectionId"],
        "VpnTunnelOutsideIpAddress": made["Options"]["TunnelOptions"][0]["OutsideIpAddress"],
    }


Example = Callable[[Ec2, World], dict[str, Any]]
"""Makes in a cloud what a request needs besides its world, and gives the request's arguments."""


def examples_of(action: str) -> tuple[Example, ...]:
    """The action's requests: one, or several where there are several ways of asking."""
    return ((EXAMPLES | REFUSED)[action], *OTHERWISE.get(action, ()))


@cache
def example_of(action: str, way: int = 0) -> tuple[Snapshot, Mapping[str, Any]]:
    """The action's request, and the cloud that it succeeds in."""
    snapshot, world = built()
    ec2 = Ec2(cloud_at(snapshot))
    arguments = examples_of(action)[way](ec2, world)
    return ec2.cloud.snapshot, arguments


def _specified(kind: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": TAGS}]


def _filter(name: str, *values: str) -> list[dict[str, Any]]:
    return [{"Name": name, "Values": list(values)}]


def _default_subnet(ec2: Ec2, world: World) -> dict[str, Any]:
    vpc = ec2("CreateDefaultVpc")["Vpc"]["VpcId"]
    subnet = ec2("DescribeSubnets", Filters=_filter("vpc-id", vpc))["Subnets"][0]
    ec2("DeleteSubnet", SubnetId=subnet["SubnetId"])
    return {"AvailabilityZone": subnet["AvailabilityZone"]}


def _dhcp_options(ec2: Ec2) -> str:
    configuration = {"Key": "domain-name", "Values": ["lab.example"]}
    return str(ec2("CreateDhcpOptions", DhcpConfigurations=[configuration])["DhcpOptions"]["DhcpOptionsId"])


def _attached_gateway(ec2: Ec2, world: World) -> dict[str, Any]:
    attached = {"InternetGatewayId": world.spare_igw, "VpcId": world.spare_vpc}
    ec2("AttachInternetGateway", **attached)
    return attached


def _interface(ec2: Ec2, world: World) -> str:
    return str(ec2("CreateNetworkInterface", SubnetId=world.subnet)["NetworkInterface"]["NetworkInterfaceId"])


def _reset(ec2: Ec2, world: World) -> dict[str, Any]:
    interface = _interface(ec2, world)
    ec2("ModifyNetworkInterfaceAttribute", NetworkInterfaceId=interface, SourceDestCheck={"Value": False})
    return {"NetworkInterfaceId": interface, "SourceDestCheck": "true"}


def _unassign(ec2: Ec2, world: World) -> dict[str, Any]:
    address = {"NetworkInterfaceId": _interface(ec2, world), "PrivateIpAddresses": ["10.0.1.77"]}
    ec2("AssignPrivateIpAddresses", **address)
    return address


def _allocation(ec2: Ec2) -> str:
    return str(ec2("AllocateAddress", Domain="vpc")["AllocationId"])


_PORT = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
_SSH = [{**_PORT, "IpRanges": [{"CidrIp": "203.0.113.0/24"}]}]
_DESCRIBED = [{**_SSH[0], "IpRanges": [{"CidrIp": "203.0.113.0/24", "Description": "the office"}]}]
_ENTRY = {"RuleNumber": 50, "Egress": False, "Protocol": "6", "RuleAction": "allow", "CidrBlock": "203.0.113.0/24"} | {
    "PortRange": {"From": 22, "To": 22}
}


def _group(ec2: Ec2, world: World, rules: str = "") -> str:
    group = str(ec2("CreateSecurityGroup", GroupName="web", Description="web", VpcId=world.vpc)["GroupId"])
    if rules:
        ec2(f"AuthorizeSecurityGroup{rules}", GroupId=group, IpPermissions=_SSH)
    return group


def _by_peer(rules: str, **described: str) -> Example:
    """A rule that names its own group."""

    def example(ec2: Ec2, world: World) -> dict[str, Any]:
        group = _group(ec2, world)

        def allowed(**more: str) -> dict[str, Any]:
            return {"GroupId": group, "IpPermissions": [{**_PORT, "UserIdGroupPairs": [{"GroupId": group, **more}]}]}

        ec2(f"AuthorizeSecurityGroup{rules}", **allowed())
        return allowed(**described)

    return example


def _rule(ec2: Ec2, world: World, rules: str = "Ingress", *, peer: str = "") -> tuple[str, str]:
    """A group and the rule in it."""
    group = _group(ec2, world)
    permissions = [{**_PORT, "UserIdGroupPairs": [{"GroupId": peer}]}] if peer else _SSH
    [rule] = ec2(f"AuthorizeSecurityGroup{rules}", GroupId=group, IpPermissions=permissions)["SecurityGroupRules"]
    return group, rule["SecurityGroupRuleId"]


def _revoked_by_id(rules: str) -> Example:
    def example(ec2: Ec2, world: World) -> dict[str, Any]:
        group, rule = _rule(ec2, world, rules)
        return {"GroupId": group, "SecurityGroupRuleIds": [rule]}

    return example


def _described_by_id(rules: str) -> Example:
    def example(ec2: Ec2, world: World) -> dict[str, Any]:
        group, rule = _rule(ec2, world, rules)
        described = [{"SecurityGroupRuleId": rule, "Description": "the office"}]
        return {"GroupId": group, "SecurityGroupRuleDescriptions": described}

    return example


def _modified_rule(ec2: Ec2, world: World, *, peer: str = "") -> dict[str, Any]:
    group, rule = _rule(ec2, world, peer=peer)
    allowed = {"ReferencedGroupId": peer} if peer else {"CidrIpv4": "203.0.113.0/24"}
    changed = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443} | allowed
    return {"GroupId": group, "SecurityGroupRules": [{"SecurityGroupRuleId": rule, "SecurityGroupRule": changed}]}


def _attachment(ec2: Ec2, world: World) -> dict[str, Any]:
    [found] = ec2("DescribeNetworkInterfaces", NetworkInterfaceIds=[world.interface])["NetworkInterfaces"]
    attachment = {"AttachmentId": found["Attachment"]["AttachmentId"], "DeleteOnTermination": False}
    return {"NetworkInterfaceId": world.interface, "Attachment": attachment}


def _acl(ec2: Ec2, world: World, *, entry: bool = False) -> str:
    acl = str(ec2("CreateNetworkAcl", VpcId=world.vpc)["NetworkAcl"]["NetworkAclId"])
    if entry:
        ec2("CreateNetworkAclEntry", NetworkAclId=acl, **_ENTRY)
    return acl


def _reassociated(ec2: Ec2, world: World) -> dict[str, Any]:
    acl = _acl(ec2, world)
    associations = [each for one in ec2("DescribeNetworkAcls")["NetworkAcls"] for each in one["Associations"]]
    [found] = [each for each in associations if each["SubnetId"] == world.subnet]
    return {"AssociationId": found["NetworkAclAssociationId"], "NetworkAclId": acl}


EXAMPLES: dict[str, Example] = {
    "DescribeAvailabilityZones": lambda ec2, w: {"Filters": _filter("state", "available")},
    "DescribeRegions": lambda ec2, w: {"Filters": _filter("region-name", "eu-*")},
    "DescribeAccountAttributes": lambda ec2, w: {"AttributeNames": ["default-vpc"]},
    # VPCs and subnets
    "CreateVpc": lambda ec2, w: {"CidrBlock": "10.7.0.0/16", "TagSpecifications": _specified("vpc")},
    "DeleteVpc": lambda ec2, w: {"VpcId": w.spare_vpc},
    "DescribeVpcs": lambda ec2, w: {"Filters": _filter("tag:Name", "a*")},
    "ModifyVpcAttribute": lambda ec2, w: {"VpcId": w.vpc, "EnableDnsHostnames": {"Value": True}},
    "DescribeVpcAttribute": lambda ec2, w: {"VpcId": w.vpc, "Attribute": "enableDnsSupport"},
    "CreateDefaultVpc": lambda ec2, w: {},
    "AssociateVpcCidrBlock": lambda ec2, w: {"VpcId": w.vpc, "CidrBlock": "10.1.0.0/16"},
    "DisassociateVpcCidrBlock": lambda ec2, w: {
        "AssociationId": ec2("AssociateVpcCidrBlock", VpcId=w.vpc, CidrBlock="10.1.0.0/16")["CidrBlockAssociation"][
            "AssociationId"
        ]
    },
    "CreateSubnet": lambda ec2, w: {
        "VpcId": w.vpc,
        "CidrBlock": "10.0.7.0/24",
        "AvailabilityZone": ec2.region + "b",
        "TagSpecifications": _specified("subnet"),
    },
    "CreateDefaultSubnet": _default_subnet,
    "DeleteSubnet": lambda ec2, w: {"SubnetId": w.spare_subnet},
    "DescribeSubnets": lambda ec2, w: {"SubnetIds": [w.subnet, w.spare_subnet]},
    "ModifySubnetAttribute": lambda ec2, w: {"SubnetId": w.subnet, "MapPublicIpOnLaunch": {"Value": True}},
    # DHCP options
    "CreateDhcpOptions": lambda ec2, w: {
        "DhcpConfigurations": [
            {"Key": "domain-name", "Values": ["lab.example"]},
            {"Key": "domain-name-servers", "Values": ["10.0.0.2", "10.0.0.3"]},
        ],
        "TagSpecifications": _specified("dhcp-options"),
    },
    "DeleteDhcpOptions": lambda ec2, w: {"DhcpOptionsId": _dhcp_options(ec2)},
    "AssociateDhcpOptions": lambda ec2, w: {"DhcpOptionsId": _dhcp_options(ec2), "VpcId": w.vpc},
    "DescribeDhcpOptions": lambda ec2, w: {"DhcpOptionsIds": [_dhcp_options(ec2)]},
    # route tables
    "CreateRouteTable": lambda ec2, w: {"VpcId": w.vpc, "TagSpecifications": _specified("route-table")},
    "DeleteRouteTable": lambda ec2, w: {"RouteTableId": w.spare_table},
    "DescribeRouteTables": lambda ec2, w: {"Filters": _filter("vpc-id", w.vpc)},
    "AssociateRouteTable": lambda ec2, w: {"RouteTableId": w.spare_table, "SubnetId": w.spare_subnet},
    "DisassociateRouteTable": lambda ec2, w: {"AssociationId": w.association},
    "ReplaceRouteTableAssociation": lambda ec2, w: {"AssociationId": w.association, "RouteTableId": w.spare_table},
    "CreateRoute": lambda ec2, w: {
        "RouteTableId": w.table,
        "DestinationCidrBlock": "172.16.0.0/16",
        "GatewayId": w.vgw,
    },
    "ReplaceRoute": lambda ec2, w: {"RouteTableId": w.table, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": w.vgw},
    "DeleteRoute": lambda ec2, w: {"RouteTableId": w.table, "DestinationCidrBlock": "0.0.0.0/0"},
    "EnableVgwRoutePropagation": lambda ec2, w: {"RouteTableId": w.spare_table, "GatewayId": w.vgw},
    "DisableVgwRoutePropagation": lambda ec2, w: {"RouteTableId": w.table, "GatewayId": w.vgw},
    # internet gateways
    "CreateInternetGateway": lambda ec2, w: {"TagSpecifications": _specified("internet-gateway")},
    "AttachInternetGateway": lambda ec2, w: {"InternetGatewayId": w.spare_igw, "VpcId": w.spare_vpc},
    "DetachInternetGateway": _attached_gateway,
    "DeleteInternetGateway": lambda ec2, w: {"InternetGatewayId": w.spare_igw},
    "DescribeInternetGateways": lambda ec2, w: {"Filters": _filter("attachment.vpc-id", w.vpc)},
    # instances
    "RunInstances": lambda ec2, w: {
        "ImageId": "lab",
        "MinCount": 1,
        "MaxCount": 2,
        "SubnetId": w.subnet,
        "TagSpecifications": _specified("instance"),
    },
    "TerminateInstances": lambda ec2, w: {"InstanceIds": [w.instance]},
    "DescribeInstances": lambda ec2, w: {"Filters": _filter("instance-state-name", "pending", "running")},
    "DescribeNetworkInterfaces": lambda ec2, w: {"Filters": _filter("subnet-id", w.subnet)},
    # network interfaces and elastic addresses
    "CreateNetworkInterface": lambda ec2, w: {
        "SubnetId": w.subnet,
        "Description": "a spare one",
        "TagSpecifications": _specified("network-interface"),
    },
    "DeleteNetworkInterface": lambda ec2, w: {"NetworkInterfaceId": _interface(ec2, w)},
    "AttachNetworkInterface": lambda ec2, w: {
        "NetworkInterfaceId": _interface(ec2, w),
        "InstanceId": w.instance,
        "DeviceIndex": 1,
    },
    "DetachNetworkInterface": lambda ec2, w: {
        "AttachmentId": ec2(
            "AttachNetworkInterface", NetworkInterfaceId=_interface(ec2, w), InstanceId=w.instance, DeviceIndex=1
        )["AttachmentId"]
    },
    "ModifyNetworkInterfaceAttribute": lambda ec2, w: {
        "NetworkInterfaceId": _interface(ec2, w),
        "SourceDestCheck": {"Value": False},
    },
    "ResetNetworkInterfaceAttribute": _reset,
    "DescribeNetworkInterfaceAttribute": lambda ec2, w: {
        "NetworkInterfaceId": _interface(ec2, w),
        "Attribute": "sourceDestCheck",
    },
    "AssignPrivateIpAddresses": lambda ec2, w: {
        "NetworkInterfaceId": _interface(ec2, w),
        "PrivateIpAddresses": ["10.0.1.77"],
    },
    "UnassignPrivateIpAddresses": _unassign,
    "AllocateAddress": lambda ec2, w: {"Domain": "vpc", "TagSpecifications": _specified("elastic-ip")},
    "ReleaseAddress": lambda ec2, w: {"AllocationId": _allocation(ec2)},
    "AssociateAddress": lambda ec2, w: {"AllocationId": _allocation(ec2), "InstanceId": w.instance},
    "DisassociateAddress": lambda ec2, w: {
        "AssociationId": ec2("AssociateAddress", AllocationId=_allocation(ec2), InstanceId=w.instance)["AssociationId"]
    },
    "DescribeAddresses": lambda ec2, w: {"AllocationIds": [_allocation(ec2)]},
    "DescribeAddressesAttribute": lambda ec2, w: {"AllocationIds": [_allocation(ec2)], "Attribute": "domain-name"},
    # what tools ask about instances
    "DescribeImages": lambda ec2, w: {},
    "DescribeInstanceTypes": lambda ec2, w: {"InstanceTypes": ["t3.micro"]},
    "DescribeInstanceCreditSpecifications": lambda ec2, w: {"InstanceIds": [w.instance]},
    "DescribeInstanceStatus": lambda ec2, w: {"InstanceIds": [w.instance]},
    "DescribeInstanceAttribute": lambda ec2, w: {"InstanceId": w.instance, "Attribute": "sourceDestCheck"},
    "ModifyInstanceAttribute": lambda ec2, w: {"InstanceId": w.instance, "SourceDestCheck": {"Value": False}},
    "DescribeVolumes": lambda ec2, w: {},
    "DescribeNatGateways": lambda ec2, w: {"Filter": _filter("vpc-id", w.vpc)},
    "DescribeVpcEndpoints": lambda ec2, w: {"Filters": _filter("vpc-id", w.vpc)},
    "DescribeVpcPeeringConnections": lambda ec2, w: {"Filters": _filter("requester-vpc-info.vpc-id", w.vpc)},
    "DescribeKeyPairs": lambda ec2, w: {"IncludePublicKey": True},
    "DescribePrefixLists": lambda ec2, w: {},
    # security groups
    "CreateSecurityGroup": lambda ec2, w: {
        "GroupName": "web",
        "Description": "what the web may",
        "VpcId": w.vpc,
        "TagSpecifications": _specified("security-group"),
    },
    "DeleteSecurityGroup": lambda ec2, w: {"GroupId": _group(ec2, w)},
    "AuthorizeSecurityGroupIngress": lambda ec2, w: {"GroupId": _group(ec2, w), "IpPermissions": _SSH},
    "AuthorizeSecurityGroupEgress": lambda ec2, w: {"GroupId": _group(ec2, w), "IpPermissions": _SSH},
    "RevokeSecurityGroupIngress": lambda ec2, w: {"GroupId": _group(ec2, w, "Ingress"), "IpPermissions": _SSH},
    "RevokeSecurityGroupEgress": lambda ec2, w: {"GroupId": _group(ec2, w, "Egress"), "IpPermissions": _SSH},
    "UpdateSecurityGroupRuleDescriptionsIngress": lambda ec2, w: {
        "GroupId": _group(ec2, w, "Ingress"),
        "IpPermissions": _DESCRIBED,
    },
    "UpdateSecurityGroupRuleDescriptionsEgress": lambda ec2, w: {
        "GroupId": _group(ec2, w, "Egress"),
        "IpPermissions": _DESCRIBED,
    },
    "ModifySecurityGroupRules": _modified_rule,
    "DescribeSecurityGroupRules": lambda ec2, w: {"Filters": _filter("group-id", _group(ec2, w, "Ingress"))},
    # network ACLs
    "CreateNetworkAcl": lambda ec2, w: {"VpcId": w.vpc, "TagSpecifications": _specified("network-acl")},
    "DeleteNetworkAcl": lambda ec2, w: {"NetworkAclId": _acl(ec2, w)},
    "CreateNetworkAclEntry": lambda ec2, w: {"NetworkAclId": _acl(ec2, w), **_ENTRY},
    "ReplaceNetworkAclEntry": lambda ec2, w: {"NetworkAclId": _acl(ec2, w, entry=True), **_ENTRY, "RuleAction": "deny"},
    "DeleteNetworkAclEntry": lambda ec2, w: {
        "NetworkAclId": _acl(ec2, w, entry=True),
        "RuleNumber": 50,
        "Egress": False,
    },
    "ReplaceNetworkAclAssociation": _reassociated,
    # groups and ACLs
    "DescribeSecurityGroups": lambda ec2, w: {"Filters": _filter("group-name", "default")},
    "DescribeNetworkAcls": lambda ec2, w: {"Filters": _filter("default", "true")},
    # tags
    "CreateTags": lambda ec2, w: {"Resources": [w.vpc, w.vpn], "Tags": TAGS},
    "DeleteTags": lambda ec2, w: {"Resources": [w.vpc, w.vpn], "Tags": [{"Key": "Name"}]},
    "DescribeTags": lambda ec2, w: {"Filters": _filter("resource-id", w.vpc)},
    # the VPN
    "CreateVpnGateway": lambda ec2, w: {
        "Type": "ipsec.1",
        "AmazonSideAsn": 64600,
        "TagSpecifications": _specified("vpn-gateway"),
    },
    "AttachVpnGateway": lambda ec2, w: {"VpnGatewayId": w.spare_vgw, "VpcId": w.spare_vpc},
    "DetachVpnGateway": lambda ec2, w: {"VpnGatewayId": w.vgw, "VpcId": w.vpc},
    "DeleteVpnGateway": lambda ec2, w: {"VpnGatewayId": w.spare_vgw},
    "DescribeVpnGateways": lambda ec2, w: {"VpnGatewayIds": [w.vgw]},
    "ModifyVpnTunnelCertificate": lambda ec2, w: _certified(ec2, w),
    "CreateCustomerGateway": lambda ec2, w: {
        "Type": "ipsec.1",
        "IpAddress": "203.0.113.9",
        "BgpAsn": 65020,
        "DeviceName": "paris",
        "TagSpecifications": _specified("customer-gateway"),
    },
    "DeleteCustomerGateway": lambda ec2, w: {"CustomerGatewayId": w.spare_cgw},
    "DescribeCustomerGateways": lambda ec2, w: {"Filters": _filter("bgp-asn", "65010")},
    "CreateVpnConnection": lambda ec2, w: {
        "Type": "ipsec.1",
        "CustomerGatewayId": w.spare_cgw,
        "VpnGatewayId": w.vgw,
        "Options": {
            "StaticRoutesOnly": False,
            "TunnelOptions": [
                {"TunnelInsideCidr": "169.254.200.0/30", "PreSharedKey": "A_key.of_the_user"},
                {"DPDTimeoutSeconds": 40, "DPDTimeoutAction": "restart", "StartupAction": "start"},
            ],
        },
        "TagSpecifications": _specified("vpn-connection"),
    },
    "DeleteVpnConnection": lambda ec2, w: {"VpnConnectionId": w.vpn},
    "DescribeVpnConnections": lambda ec2, w: {"VpnConnectionIds": [w.vpn], "Filters": _filter("state", "available")},
    "CreateVpnConnectionRoute": lambda ec2, w: {"VpnConnectionId": w.vpn, "DestinationCidrBlock": "172.20.0.0/16"},
    "DeleteVpnConnectionRoute": lambda ec2, w: {"VpnConnectionId": w.vpn, "DestinationCidrBlock": "192.168.0.0/16"},
    "ModifyVpnConnectionOptions": lambda ec2, w: {"VpnConnectionId": w.vpn, "LocalIpv4NetworkCidr": "192.168.0.0/16"},
    "GetActiveVpnTunnelStatus": lambda ec2, w: _tunnel(w),
    "ModifyVpnConnection": lambda ec2, w: {"VpnConnectionId": w.vpn, "VpnGatewayId": w.spare_vgw},
    "ModifyVpnTunnelOptions": lambda ec2, w: {**_tunnel(w), "TunnelOptions": {"DPDTimeoutSeconds": 40}},
    "ReplaceVpnTunnel": lambda ec2, w: {**_tunnel(w), "ApplyPendingMaintenance": True},
    "GetVpnTunnelReplacementStatus": lambda ec2, w: _tunnel(w),
}


_ONE = {"ImageId": "lab", "MinCount": 1, "MaxCount": 1}

OTHERWISE: dict[str, tuple[Example, ...]] = {
    "CreateCustomerGateway": (lambda ec2, w: {"Type": "ipsec.1", "BgpAsn": 65021, "CertificateArn": arn(ec2)},),
    "RunInstances": (
        lambda ec2, w: {**_ONE, "NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": w.subnet}]},
        lambda ec2, w: {**_ONE, "NetworkInterfaces": [{"DeviceIndex": 0, "NetworkInterfaceId": _interface(ec2, w)}]},
    ),
    "ModifyNetworkInterfaceAttribute": (_attachment,),
    "RevokeSecurityGroupIngress": (_by_peer("Ingress"), _revoked_by_id("Ingress")),
    "RevokeSecurityGroupEgress": (_by_peer("Egress"), _revoked_by_id("Egress")),
    "UpdateSecurityGroupRuleDescriptionsIngress": (_by_peer("Ingress", Description="us"), _described_by_id("Ingress")),
    "UpdateSecurityGroupRuleDescriptionsEgress": (_by_peer("Egress", Description="us"), _described_by_id("Egress")),
    "ModifySecurityGroupRules": (lambda ec2, w: _modified_rule(ec2, w, peer=w.group),),
}
"""Other ways of asking, where EC2 has some."""


def _tunnel(world: World) -> dict[str, Any]:
    return {"VpnConnectionId": world.vpn, "VpnTunnelOutsideIpAddress": world.outside}


REFUSED: dict[str, Example] = {
    "GetVpnConnectionDeviceTypes": lambda ec2, w: {},
    "GetVpnConnectionDeviceSampleConfiguration": lambda ec2, w: {
        "VpnConnectionId": w.vpn,
        "VpnConnectionDeviceTypeId": "9005b6c1",
    },
    "CreateVpnConcentrator": lambda ec2, w: {"Type": "ipsec.1"},
    "DescribeVpnConcentrators": lambda ec2, w: {},
    "DeleteVpnConcentrator": lambda ec2, w: {"VpnConcentratorId": "vcn-" + UNKNOWN},
}
