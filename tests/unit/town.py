"""A cloud with one of everything, and what its host should have: what tests of `desired/` stand on."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from support import Cloud

from landbridge.control.base import LAB_POOLS
from landbridge.control.customer_gateways import CreateCustomerGateway
from landbridge.control.instances import RunInstances
from landbridge.control.internet_gateways import AttachInternetGateway, CreateInternetGateway
from landbridge.control.lab import AddHost, AddSite
from landbridge.control.subnets import CreateSubnet
from landbridge.control.tunnels import TunnelWish
from landbridge.control.vpcs import CreateVpc
from landbridge.control.vpn_connections import CreateVpnConnection
from landbridge.control.vpn_gateways import AttachVpnGateway, CreateVpnGateway
from landbridge.control.vpn_routes import CreateVpnConnectionRoute
from landbridge.desired.health import Health
from landbridge.desired.host import Planner, Settings, Wanted
from landbridge.desired.ike import IkeConnection
from landbridge.desired.links import DataPlane, KernelRoute
from landbridge.desired.names import Names
from landbridge.desired.speakers import Bfd, Speaker
from landbridge.model.crypto import Cipher, Encryption
from landbridge.model.network import RouteTable, Vpc
from landbridge.model.vpn import VpnConnection

SETTINGS = Settings(Names("abc123"), LAB_POOLS, DataPlane.LIBIPSEC, Bfd())
OWN = SETTINGS.names
LAN = IPv4Network("192.168.60.0/24")
INTERNET = IPv4Network("0.0.0.0/0")
NOTHING = TunnelWish()
GCM = Cipher(Encryption.AES_GCM_16_128, None)


class Town:
    """A cloud with a VPC, two subnets, an instance in each, both gateways, a site and a connection to it."""

    def __init__(self, *, static: bool = False, wish: TunnelWish = NOTHING, **options: IPv4Network) -> None:
        self.cloud = cloud = Cloud()
        self.vpc: Vpc = cloud.run(CreateVpc(IPv4Network("10.0.0.0/16")))
        self.subnets = [cloud.run(CreateSubnet(self.vpc.id, IPv4Network(f"10.0.{n}.0/24"))) for n in (1, 2)]
        self.instances = [
            instance
            for subnet, public in zip(self.subnets, (True, False), strict=True)
            for instance in cloud.run(RunInstances(subnet.id, "ami-1", public_address=public))
        ]
        self.igw = cloud.run(CreateInternetGateway())
        cloud.run(AttachInternetGateway(self.igw.id, self.vpc.id))
        self.vgw = cloud.run(CreateVpnGateway())
        cloud.run(AttachVpnGateway(self.vgw.id, self.vpc.id))
        self.table = next(t for t in cloud.snapshot.all(RouteTable) if t.vpc_id == self.vpc.id)
        cloud.run(AddSite("paris", IPv4Address("203.0.113.77"), LAN))
        cloud.run(AddHost("web", IPv4Address("198.51.100.10")))
        self.cgw = cloud.run(CreateCustomerGateway(IPv4Address("203.0.113.77"), 65010))
        self.vpn: VpnConnection = cloud.run(
            CreateVpnConnection(self.vgw.id, self.cgw.id, static_only=static, wishes=(wish, NOTHING), **options)
        )
        if static:
            cloud.run(CreateVpnConnectionRoute(self.vpn.id, LAN))
        self.planner = Planner(SETTINGS)

    def wanted(self, health: Health | None = None) -> Wanted:
        return self.planner.wanted(self.cloud.snapshot, health or Health())

    def gateway_speaker(self, health: Health | None = None) -> Speaker:
        found = self.wanted(health).state["speaker", OWN.of(self.vgw.id)]
        assert isinstance(found, Speaker)
        return found

    def routes(self, table: int) -> dict[IPv4Network, KernelRoute]:
        """The VPC router's routes of a table."""
        return {
            item.destination: item
            for item in self.wanted().state.values()
            if isinstance(item, KernelRoute) and item.namespace == OWN.of(self.vpc.id) and item.table == table
        }


def ike(town: Town, number: int = 1) -> IkeConnection:
    found = town.wanted().state["ike", OWN.endpoint(town.vpn.id, number), f"{town.vpn.id}-{number}"]
    assert isinstance(found, IkeConnection)
    return found
