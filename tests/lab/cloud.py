"""The cloud side as a test speaks of it. Everything is asked for through boto3, and looked at from outside."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from packets import Host
from shell import eventually, ok

if TYPE_CHECKING:
    from sites import Site
    from world import World

IMAGE = "ami-12345678"


class Cloud:
    """What somebody does with the EC2 API of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._customers = 0

    def vpc(self, cidr: str) -> Vpc:
        """A VPC with its main route table."""
        return Vpc(self, str(self.world.ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]), IPv4Network(cidr))

    def existing_vpc(self, identity: str) -> Vpc:
        """A VPC that is there."""
        found = self.world.ec2.describe_vpcs(VpcIds=[identity])["Vpcs"][0]
        return Vpc(self, identity, IPv4Network(found["CidrBlock"]))

    def vpn_gateway(self, asn: int | None = None) -> VpnGateway:
        """A virtual private gateway, attached to nothing."""
        wish = {} if asn is None else {"AmazonSideAsn": asn}
        return VpnGateway(self, self.world.ec2.create_vpn_gateway(Type="ipsec.1", **wish)["VpnGateway"]["VpnGatewayId"])

    def customer_gateway(self, site: Site, asn: int = 65_000) -> str:
        """The id of the customer gateway of a site."""
        answer = self.world.ec2.create_customer_gateway(Type="ipsec.1", PublicIp=str(site.public), BgpAsn=asn)
        return str(answer["CustomerGateway"]["CustomerGatewayId"])

    def refuses(self, code: str, call: Callable[[], Any]) -> str:
        """The call is refused with this code; the message."""
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["Error"]["Code"] == code, caught.value
        return str(caught.value.response["Error"]["Message"])


@dataclass(frozen=True)
class Vpc:
    """A VPC: its router's namespace, its subnets' way out."""

    cloud: Cloud
    id: str
    cidr: IPv4Network

    @property
    def namespace(self) -> str:
        """Where its router is."""
        found = next(v for v in self.cloud.world.status()["vpcs"] if v["id"] == self.id)
        return str(found["namespace"])

    @property
    def default_group(self) -> SecurityGroup:
        """The security group that its instances are in unless another is named."""
        of_vpc = [{"Name": "vpc-id", "Values": [self.id]}, {"Name": "group-name", "Values": ["default"]}]
        answer = self.cloud.world.ec2.describe_security_groups(Filters=of_vpc)
        return SecurityGroup(self, str(answer["SecurityGroups"][0]["GroupId"]))

    def security_group(self, name: str) -> SecurityGroup:
        """Another security group, which lets everything out and nothing in."""
        made = self.cloud.world.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.id)
        return SecurityGroup(self, str(made["GroupId"]))

    def network_acl(self) -> NetworkAcl:
        """A network ACL, which lets nothing through."""
        made = self.cloud.world.ec2.create_network_acl(VpcId=self.id)
        return NetworkAcl(self, str(made["NetworkAcl"]["NetworkAclId"]))

    @property
    def default_acl(self) -> NetworkAcl:
        """The network ACL that subnets follow at first."""
        of_vpc = [{"Name": "vpc-id", "Values": [self.id]}, {"Name": "default", "Values": ["true"]}]
        answer = self.cloud.world.ec2.describe_network_acls(Filters=of_vpc)
        return NetworkAcl(self, str(answer["NetworkAcls"][0]["NetworkAclId"]))

    def opened(self) -> Vpc:
        """Everything is let in: what does not get through is stopped by something else."""
        self.default_group.lets_in("0.0.0.0/0")
        return self

    def subnet(self, cidr: str, *, public: bool = False) -> Subnet:
        """A subnet that follows the main table. `public`: its instances get public addresses."""
        ec2 = self.cloud.world.ec2
        made = str(ec2.create_subnet(VpcId=self.id, CidrBlock=cidr)["Subnet"]["SubnetId"])
        if public:
            ec2.modify_subnet_attribute(SubnetId=made, MapPublicIpOnLaunch={"Value": True})
        return Subnet(self, made, IPv4Network(cidr))

    @property
    def main_table(self) -> RouteTable:
        """The main route table."""
        answer = self.cloud.world.ec2.describe_route_tables(
            Filters=[{"Name": "vpc-id", "Values": [self.id]}, {"Name": "association.main", "Values": ["true"]}]
        )
        return RouteTable(self, str(answer["RouteTables"][0]["RouteTableId"]))

    def route_table(self) -> RouteTable:
        """Another route table."""
        answer = self.cloud.world.ec2.create_route_table(VpcId=self.id)
        return RouteTable(self, str(answer["RouteTable"]["RouteTableId"]))

    def internet_gateway(self) -> str:
        """An internet gateway, attached; its id."""
        ec2 = self.cloud.world.ec2
        made = str(ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"])
        ec2.attach_internet_gateway(InternetGatewayId=made, VpcId=self.id)
        return made

    def vpn_gateway(self, asn: int | None = None) -> VpnGateway:
        """A virtual private gateway, attached."""
        made = self.cloud.vpn_gateway(asn)
        made.attach(self)
        return made


@dataclass(frozen=True)
class SecurityGroup:
    """A security group, whose rules are in force when its methods are through."""

    vpc: Vpc
    id: str

    def lets_in(self, who: Peer, protocol: str = "-1", first: int = -1, last: int | None = None) -> None:
        """Addresses or the members of a group; of TCP and UDP to these ports, of ICMP this type and code."""
        self._do("authorize_security_group_ingress", who, protocol, first, last)

    def lets_out(self, who: Peer, protocol: str = "-1", first: int = -1, last: int | None = None) -> None:
        """The same for what members begin."""
        self._do("authorize_security_group_egress", who, protocol, first, last)

    def shuts_in(self, who: Peer, protocol: str = "-1", first: int = -1, last: int | None = None) -> None:
        """Take such a rule away."""
        self._do("revoke_security_group_ingress", who, protocol, first, last)

    def shuts_out(self, who: Peer, protocol: str = "-1", first: int = -1, last: int | None = None) -> None:
        """Take such a rule away."""
        self._do("revoke_security_group_egress", who, protocol, first, last)

    def _do(self, call: str, who: Peer, protocol: str, first: int, last: int | None) -> None:
        rule: dict[str, Any] = {"IpProtocol": protocol, "FromPort": first, "ToPort": first if last is None else last}
        if isinstance(who, SecurityGroup):
            rule["UserIdGroupPairs"] = [{"GroupId": who.id}]
        else:
            rule["IpRanges"] = [{"CidrIp": who}]
        world = self.vpc.cloud.world
        getattr(world.ec2, call)(GroupId=self.id, IpPermissions=[rule])
        world.converged()


@dataclass(frozen=True)
class NetworkAcl:
    """A network ACL, whose entries are in force when its methods are through."""

    vpc: Vpc
    id: str

    def entry(
        self,
        number: int,
        action: str,
        *,
        egress: bool = False,
        cidr: str = "0.0.0.0/0",
        protocol: str = "-1",
        **more: Any,
    ) -> None:
        """Add an entry."""
        self.vpc.cloud.world.ec2.create_network_acl_entry(
            NetworkAclId=self.id,
            RuleNumber=number,
            RuleAction=action,
            Egress=egress,
            CidrBlock=cidr,
            Protocol=protocol,
            **more,
        )
        self.vpc.cloud.world.converged()

    def without(self, number: int, *, egress: bool = False) -> None:
        """Take an entry away."""
        self.vpc.cloud.world.ec2.delete_network_acl_entry(NetworkAclId=self.id, RuleNumber=number, Egress=egress)
        self.vpc.cloud.world.converged()

    def guards(self, subnet: Subnet) -> None:
        """Let a subnet follow it."""
        ec2 = self.vpc.cloud.world.ec2
        acls = ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet.id]}])
        associations = acls["NetworkAcls"][0]["Associations"]
        mine = next(a["NetworkAclAssociationId"] for a in associations if a["SubnetId"] == subnet.id)
        ec2.replace_network_acl_association(AssociationId=mine, NetworkAclId=self.id)
        self.vpc.cloud.world.converged()


Peer = str | SecurityGroup
"""Addresses, or the members of a group."""


@dataclass(frozen=True)
class Subnet:
    """A subnet of a VPC."""

    vpc: Vpc
    id: str
    cidr: IPv4Network

    @property
    def gateway(self) -> IPv4Address:
        """The implicit router's address."""
        return self.cidr[1]

    def instance(self, name: str = "instance", **options: Any) -> Instance:
        """An instance that runs."""
        world = self.vpc.cloud.world
        asked = {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "SubnetId": self.id, **options}
        if "NetworkInterfaces" in asked:
            del asked["SubnetId"]
        made = str(world.ec2.run_instances(**asked)["Instances"][0]["InstanceId"])

        def running() -> dict[str, Any] | None:
            found: dict[str, Any] = world.ec2.describe_instances(InstanceIds=[made])["Reservations"][0]["Instances"][0]
            return found if found["State"]["Name"] == "running" else None

        document = eventually(running, f"{made} runs", 20)
        public = document.get("PublicIpAddress")
        return Instance(
            name=name,
            namespace=world.admin.where(made),
            address=IPv4Address(document["PrivateIpAddress"]),
            id=made,
            public=IPv4Address(public) if public else None,
        )

    def middlebox(self, name: str = "middlebox", **options: Any) -> Instance:
        """An instance that may get and send what is not its own."""
        made = self.instance(name, **options)
        world = self.vpc.cloud.world
        world.ec2.modify_instance_attribute(InstanceId=made.id, SourceDestCheck={"Value": False})
        world.converged()
        return made

    def interface(self, name: str = "interface", **options: Any) -> Interface:
        """A network interface, attached to nothing."""
        answer = self.vpc.cloud.world.ec2.create_network_interface(SubnetId=self.id, **options)["NetworkInterface"]
        return Interface(self.vpc.cloud, name, str(answer["NetworkInterfaceId"]))

    def follow(self, table: RouteTable) -> None:
        """Associate the subnet with a table of its own."""
        self.vpc.cloud.world.ec2.associate_route_table(RouteTableId=table.id, SubnetId=self.id)


@dataclass(frozen=True)
class Instance(Host):
    """An instance: a host with an id, and perhaps a public address."""

    id: str
    public: IPv4Address | None

    def primary(self, cloud: Cloud) -> Interface:
        """Its primary interface."""
        answer = cloud.world.ec2.describe_instances(InstanceIds=[self.id])["Reservations"][0]["Instances"][0]
        return Interface(cloud, self.name, str(answer["NetworkInterfaces"][0]["NetworkInterfaceId"]))


@dataclass(frozen=True)
class Interface:
    """A network interface: what DescribeNetworkInterfaces says of it."""

    cloud: Cloud
    name: str
    id: str

    def describe(self) -> dict[str, Any]:
        """DescribeNetworkInterfaces."""
        answer = self.cloud.world.ec2.describe_network_interfaces(NetworkInterfaceIds=[self.id])
        return dict(answer["NetworkInterfaces"][0])

    @property
    def addresses(self) -> list[IPv4Address]:
        """Its private addresses, the primary one first."""
        return [IPv4Address(each["PrivateIpAddress"]) for each in self.describe()["PrivateIpAddresses"]]

    @property
    def address(self) -> IPv4Address:
        """The primary private address."""
        return self.addresses[0]

    def attach(self, instance: Instance, device_index: int = 1) -> None:
        """Attach it, and wait until it is."""
        self.cloud.world.ec2.attach_network_interface(
            NetworkInterfaceId=self.id, InstanceId=instance.id, DeviceIndex=device_index
        )
        eventually(lambda: self.describe()["Attachment"]["Status"] == "attached", f"{self.name} is attached", 20)

    def detach(self) -> None:
        """Detach it, and wait until it is."""
        attachment = self.describe()["Attachment"]["AttachmentId"]
        self.cloud.world.ec2.detach_network_interface(AttachmentId=attachment)
        eventually(lambda: self.describe()["Status"] == "available", f"{self.name} is detached", 20)

    def is_in(self, *groups: SecurityGroup) -> None:
        """Let it be in these security groups, and no others."""
        self.cloud.world.ec2.modify_network_interface_attribute(
            NetworkInterfaceId=self.id, Groups=[group.id for group in groups]
        )
        self.cloud.world.converged()

    def at(self, instance: Instance) -> Host:
        """The instance by the address that this interface gives it."""
        return Host(f"{instance.name} by {self.name}", instance.namespace, self.address)


@dataclass(frozen=True)
class RouteTable:
    """A route table, as the API tells of it and as the kernel has it."""

    vpc: Vpc
    id: str

    def route(self, destination: str, target: str) -> None:
        """A static route."""
        by = {"vgw": "GatewayId", "igw": "GatewayId", "i": "InstanceId", "eni": "NetworkInterfaceId"}[
            target.split("-")[0]
        ]
        self._ec2.create_route(RouteTableId=self.id, DestinationCidrBlock=destination, **{by: target})
        self.vpc.cloud.world.converged()

    def delete_route(self, destination: str) -> None:
        """Take a static route away."""
        self._ec2.delete_route(RouteTableId=self.id, DestinationCidrBlock=destination)
        self.vpc.cloud.world.converged()

    def propagate(self, gateway: VpnGateway) -> None:
        """Let the gateway add what it learns."""
        self._ec2.enable_vgw_route_propagation(RouteTableId=self.id, GatewayId=gateway.id)

    def stop_propagating(self, gateway: VpnGateway) -> None:
        """No longer."""
        self._ec2.disable_vgw_route_propagation(RouteTableId=self.id, GatewayId=gateway.id)

    def shown(self) -> dict[str, tuple[str, str, str]]:
        """DescribeRouteTables: (target, state, origin) by destination."""
        table = self._ec2.describe_route_tables(RouteTableIds=[self.id])["RouteTables"][0]
        return {
            route["DestinationCidrBlock"]: (
                route.get("GatewayId") or route.get("InstanceId") or route.get("NetworkInterfaceId") or "",
                route["State"],
                route["Origin"],
            )
            for route in table["Routes"]
        }

    def kernel(self) -> dict[str, set[str]]:
        """The kernel's table: the links that a destination is sent to, or what else becomes of it."""
        vpc = next(v for v in self.vpc.cloud.world.status()["vpcs"] if v["id"] == self.vpc.id)
        number = next(t["kernel_table"] for t in vpc["route_tables"] if t["id"] == self.id)
        return kernel_table(vpc["namespace"], number)

    @property
    def _ec2(self) -> Any:
        return self.vpc.cloud.world.ec2


def kernel_table(namespace: str, number: int | str) -> dict[str, set[str]]:
    """A kernel table by destination; of several routes for one destination the one that counts (least metric)."""
    found: dict[str, tuple[int, set[str]]] = {}
    for route in json.loads(ok("ip", "-n", namespace, "-j", "route", "show", "table", str(number))):
        destination = {"default": "0.0.0.0/0"}.get(route["dst"], route["dst"])
        destination = destination if "/" in destination else f"{destination}/32"
        metric = route.get("metric", 0)
        kind = route.get("type", "unicast")
        way = {route["dev"] if kind == "unicast" and "dev" in route else kind}
        if destination not in found or metric < found[destination][0]:
            found[destination] = (metric, way)
    return {destination: way for destination, (_, way) in found.items()}


@dataclass(frozen=True)
class VpnGateway:
    """A virtual private gateway."""

    cloud: Cloud
    id: str

    def attach(self, vpc: Vpc) -> None:
        """Attach it, and wait until it is."""
        self.cloud.world.ec2.attach_vpn_gateway(VpnGatewayId=self.id, VpcId=vpc.id)
        eventually(lambda: self.attachment() == "attached", f"{self.id} is attached", 20)

    def detach(self, vpc: Vpc) -> None:
        """Detach it, and wait until it is."""
        self.cloud.world.ec2.detach_vpn_gateway(VpnGatewayId=self.id, VpcId=vpc.id)
        eventually(lambda: self.attachment() in (None, "detached"), f"{self.id} is detached", 20)

    def delete(self) -> None:
        """Delete it."""
        self.cloud.world.ec2.delete_vpn_gateway(VpnGatewayId=self.id)

    def attachment(self) -> str | None:
        """The state of its attachment."""
        described = self.cloud.world.ec2.describe_vpn_gateways(VpnGatewayIds=[self.id])["VpnGateways"][0]
        attachments = described.get("VpcAttachments") or []
        return str(attachments[0]["State"]) if attachments else None

    @property
    def status(self) -> dict[str, Any]:
        """Its part of the status document."""
        return next(g for g in self.cloud.world.status()["vpn_gateways"] if g["id"] == self.id)

    @property
    def namespace(self) -> str:
        """Where its routing is."""
        return str(self.status["namespace"])

    def connect(
        self,
        site: Site,
        *,
        static: list[str] | None = None,
        asn: int = 65_000,
        tunnels: list[dict[str, Any]] | None = None,
        options: dict[str, Any] | None = None,
    ) -> Connection:
        """A VPN connection with a site: BGP, or static with these prefixes behind the site."""
        ec2 = self.cloud.world.ec2
        chosen: dict[str, Any] = {"StaticRoutesOnly": static is not None, **(options or {})}
        if tunnels:
            chosen["TunnelOptions"] = tunnels
        answer = ec2.create_vpn_connection(
            Type="ipsec.1",
            VpnGatewayId=self.id,
            CustomerGatewayId=self.cloud.customer_gateway(site, asn),
            Options=chosen,
        )
        made = Connection(self, str(answer["VpnConnection"]["VpnConnectionId"]))
        eventually(lambda: made.describe()["State"] == "available", f"{made.id} is available", 20)
        for prefix in static or ():
            ec2.create_vpn_connection_route(VpnConnectionId=made.id, DestinationCidrBlock=prefix)
        return made


@dataclass(frozen=True)
class Connection:
    """A VPN connection: its description, its device file, and its two tunnels."""

    gateway: VpnGateway
    id: str

    def describe(self) -> dict[str, Any]:
        """DescribeVpnConnections."""
        found: dict[str, Any] = self._ec2.describe_vpn_connections(VpnConnectionIds=[self.id])["VpnConnections"][0]
        return found

    @property
    def device_file(self) -> str:
        """CustomerGatewayConfiguration."""
        return str(self.describe()["CustomerGatewayConfiguration"])

    def telemetry(self) -> dict[str, dict[str, Any]]:
        """VgwTelemetry by outside address."""
        return {t["OutsideIpAddress"]: t for t in self.describe()["VgwTelemetry"]}

    def tunnel(self, number: int) -> Tunnel:
        """Tunnel 1 or 2."""
        return Tunnel(self, number)

    @property
    def tunnels(self) -> tuple[Tunnel, Tunnel]:
        """Both."""
        return self.tunnel(1), self.tunnel(2)

    def comes_up(self, seconds: float = 30.0) -> None:
        """Both tunnels are UP before the time is over."""
        for tunnel in self.tunnels:
            tunnel.becomes("UP", seconds)

    def is_watched(self, site: Site, seconds: float = 30.0) -> None:
        """Both tunnels are UP, and BFD is on both sides, before the time is over: faults are seen from now on."""
        self.comes_up(seconds)
        for tunnel in self.tunnels:
            what = f"the cloud has BFD on tunnel {tunnel.number}"
            eventually(lambda tunnel=tunnel: tunnel.status["bfd"], what, seconds)
        eventually(
            lambda: all(t["bfd"] and t["status"] == "UP" for t in site.customer_gateway(self)["tunnels"]),
            "the site has BFD on both tunnels",
            seconds,
        )

    def delete(self) -> None:
        """Delete it, and wait until it is gone."""
        self._ec2.delete_vpn_connection(VpnConnectionId=self.id)
        eventually(lambda: self.describe()["State"] == "deleted", f"{self.id} is deleted", 30)

    @property
    def _ec2(self) -> Any:
        return self.gateway.cloud.world.ec2


@dataclass(frozen=True)
class Tunnel:
    """A tunnel, by what the status document says of it."""

    connection: Connection
    number: int

    @property
    def status(self) -> dict[str, Any]:
        """Its part of the status document."""
        documents = self.connection.gateway.cloud.world.status()["vpn_connections"]
        mine = next(c for c in documents if c["id"] == self.connection.id)
        return dict(mine["tunnels"][self.number - 1])

    def becomes(self, status: str, seconds: float = 30.0) -> dict[str, Any]:
        """Wait for a status; the status document's part then."""

        def reached() -> dict[str, Any] | None:
            found = self.status
            return found if found["status"] == status else None

        try:
            return eventually(reached, "", seconds)
        except AssertionError:
            raise AssertionError(f"not within {seconds:g} s: tunnel {self.number} is {status}; {self.status}") from None
