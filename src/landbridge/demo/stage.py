"""The stage: two VPCs, an Internet, and three sites, all asked for through the public APIs.

paris   BGP, ASN 65010   192.168.60.0/24   203.0.113.77
oslo    BGP, ASN 65020   192.168.70.0/24   203.0.113.88
lima    static routes    192.168.80.0/24   203.0.113.99
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from landbridge.demo.machine import LANDBRIDGE, Programs, attempt, run, until
from landbridge.demo.probes import start_responder
from landbridge.demo.service import BFD_INTERVAL, Service

Document = dict[str, Any]

VPC_CIDR: Final = "10.0.0.0/16"
AMAZON_ASN: Final = 64512
OTHER_SITES: Final = "192.168.0.0/16"
"""What a site with static routes sends to the hub beside the VPC's addresses."""
OUTSIDE: Final = "198.51.100.10"
"""The Internet host."""

UP_WITHIN: Final = 20.0


@dataclass(slots=True)
class Machine:
    """Somewhere that commands run in: an instance of the VPC, or a host."""

    name: str
    id: str
    namespace: str
    address: str
    public: str | None = None


@dataclass(slots=True, kw_only=True)
class Site:
    """A customer's site with its VPN connection."""

    name: str
    public: str
    lan: str
    asn: int
    static: bool
    gateway: str = ""
    """The namespace of the customer's gateway machine."""
    host: Machine = field(default_factory=lambda: Machine("", "", "", ""))
    customer_gateway: str = ""
    connection: str = ""
    file: Path = Path()
    up_after: float = 0.0
    """Seconds from `customer-gateway up` until both tunnels were up."""


class Stage:
    """Everything that the proofs work with. `tag` keeps the names apart from everybody else's."""

    def __init__(self, tag: str, folder: Path, service: Service, programs: Programs) -> None:
        self.tag = tag
        self.folder = folder
        self.service = service
        self.programs = programs
        self.ec2: Any = None
        self.ids: dict[str, str] = {}
        """What was made, by the demo's own words: `vpc`, `twin`, `app subnet`, `main table`, ..."""
        self.machines: dict[str, Machine] = {}
        self.sites = {
            site.name: site
            for site in (
                Site(name="paris", public="203.0.113.77", lan="192.168.60", asn=65010, static=False),
                Site(name="oslo", public="203.0.113.88", lan="192.168.70", asn=65020, static=False),
                Site(name="lima", public="203.0.113.99", lan="192.168.80", asn=65030, static=True),
            )
        }

    @property
    def customers(self) -> Path:
        """The customer gateways' state."""
        return self.folder / "customers"

    @property
    def internet(self) -> str:
        """The namespace of the simulated Internet."""
        return f"lb-{self.service.instance}-internet"

    def status(self) -> Document:
        """The status document of now."""
        return self.service.admin.status()

    def status_of(self, instance: str) -> Document:
        """What status says of an instance."""
        return next(each for each in self.status()["instances"] if each["id"] == instance)

    def settle(self) -> None:
        """Wait until everything is as asked for.

        Raises:
            TooLate: it is not, after half a minute.
        """
        until(lambda: self.service.admin.wait(timeout=30)["converged"], 0.1, "everything is built as asked for")

    def connection(self, site: str) -> Document:
        """What status says of a site's VPN connection."""
        wanted = self.sites[site].connection
        return next(c for c in self.status()["vpn_connections"] if c["id"] == wanted)

    def tunnel(self, site: str, number: int) -> Document:
        """What status says of one tunnel."""
        found: Document = self.connection(site)["tunnels"][number - 1]
        return found

    def both_up(self, site: str) -> bool:
        """Whether both tunnels of a site are UP."""
        return all(tunnel["status"] == "UP" for tunnel in self.connection(site)["tunnels"])

    def build(self, step: Callable[[str], None]) -> None:
        """Build it all, but the customer gateways."""
        step("starting the service")
        self.service.start()
        self.ec2 = self.service.ec2()
        step("asking for VPCs, gateways, sites and instances")
        self._sites()
        self._networks()
        self._instances()
        self._vpn()
        step("waiting until they are built")
        self.settle()
        for site in self.sites.values():
            if site.static:
                route = {"VpnConnectionId": site.connection, "DestinationCidrBlock": f"{site.lan}.0/24"}
                self.ec2.create_vpn_connection_route(**route)
        self._find_instances()
        step("starting what answers in them")
        with ThreadPoolExecutor() as pool:
            hosts = [*self.machines.values(), *(site.host for site in self.sites.values())]
            for done in [pool.submit(self._respond, machine) for machine in hosts]:
                done.result()

    def _respond(self, machine: Machine) -> None:
        start_responder(self.programs, machine.namespace, machine.name, self.folder)

    def _sites(self) -> None:
        admin = self.service.admin
        for site in self.sites.values():
            made = admin.add_site(f"demo-{site.name}-{self.tag}", site.public, f"{site.lan}.0/24")
            site.gateway = made["namespace"]
            site.host = Machine(site.name, "", made["host_namespace"], made["host_address"])
        made = admin.add_host(f"demo-net-{self.tag}", OUTSIDE)
        self.machines["internet"] = Machine("internet", "", made["namespace"], made["address"])

    def _networks(self) -> None:
        ec2, ids = self.ec2, self.ids
        for name in ("vpc", "twin"):
            ids[name] = ec2.create_vpc(CidrBlock=VPC_CIDR, TagSpecifications=_tag("vpc", name))["Vpc"]["VpcId"]
            self._let_all_in(ids[name])
        for name, vpc, cidr in (
            ("app", "vpc", "10.0.1.0/24"),
            ("back", "vpc", "10.0.2.0/24"),
            ("edge", "vpc", "10.0.3.0/24"),
            ("twin", "twin", "10.0.1.0/24"),
        ):
            made = ec2.create_subnet(VpcId=ids[vpc], CidrBlock=cidr, TagSpecifications=_tag("subnet", name))
            ids[f"{name} subnet"] = made["Subnet"]["SubnetId"]
        tables = ec2.describe_route_tables(
            Filters=[{"Name": "vpc-id", "Values": [ids["vpc"]]}, {"Name": "association.main", "Values": ["true"]}]
        )
        ids["main table"] = tables["RouteTables"][0]["RouteTableId"]
        for name in ("back", "edge"):
            made = ec2.create_route_table(VpcId=ids["vpc"], TagSpecifications=_tag("route-table", name))
            ids[f"{name} table"] = made["RouteTable"]["RouteTableId"]
            ec2.associate_route_table(RouteTableId=ids[f"{name} table"], SubnetId=ids[f"{name} subnet"])
        ids["igw"] = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=ids["igw"], VpcId=ids["vpc"])
        ec2.create_route(RouteTableId=ids["edge table"], DestinationCidrBlock="0.0.0.0/0", GatewayId=ids["igw"])

    def _let_all_in(self, vpc: str) -> None:
        """What does not get through in the proofs is stopped by what they are about, and not by a security group."""
        groups = self.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
        anybody = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        self.ec2.authorize_security_group_ingress(GroupId=groups[0]["GroupId"], IpPermissions=[anybody])

    def _instances(self) -> None:
        for name, subnet, public in (
            ("app", "app", False),
            ("back", "back", False),
            ("web", "edge", True),
            ("dark", "edge", False),
            ("twin", "twin", False),
        ):
            card = {
                "DeviceIndex": 0,
                "SubnetId": self.ids[f"{subnet} subnet"],
                "AssociatePublicIpAddress": public,
            }
            made = self.ec2.run_instances(
                ImageId="ami-demo", MinCount=1, MaxCount=1, NetworkInterfaces=[card],
                TagSpecifications=_tag("instance", name),
            )["Instances"][0]  # fmt: skip
            self.machines[name] = Machine(name, made["InstanceId"], "", made["PrivateIpAddress"])

    def _find_instances(self) -> None:
        found = {each["id"]: each for each in self.status()["instances"]}
        for machine in self.machines.values():
            if machine.id:
                machine.namespace = found[machine.id]["namespace"]
                machine.public = found[machine.id]["public_address"]

    def _vpn(self) -> None:
        ec2, ids = self.ec2, self.ids
        ids["vgw"] = ec2.create_vpn_gateway(Type="ipsec.1", AmazonSideAsn=AMAZON_ASN)["VpnGateway"]["VpnGatewayId"]
        ec2.attach_vpn_gateway(VpcId=ids["vpc"], VpnGatewayId=ids["vgw"])
        ec2.enable_vgw_route_propagation(RouteTableId=ids["main table"], GatewayId=ids["vgw"])
        for site in self.sites.values():
            made = ec2.create_customer_gateway(Type="ipsec.1", BgpAsn=site.asn, PublicIp=site.public)
            site.customer_gateway = made["CustomerGateway"]["CustomerGatewayId"]
            connection = ec2.create_vpn_connection(
                Type="ipsec.1",
                CustomerGatewayId=site.customer_gateway,
                VpnGatewayId=ids["vgw"],
                Options={"StaticRoutesOnly": site.static},
                TagSpecifications=_tag("vpn-connection", site.name),
            )["VpnConnection"]
            site.connection = connection["VpnConnectionId"]
            site.file = self.folder / f"{site.name}.xml"
            with open(site.file, "w", opener=_private) as file:
                file.write(connection["CustomerGatewayConfiguration"])

    def customer_gateway(self, site: Site, *advertise: str) -> str:
        """`landbridge customer-gateway up` in the site, as its administrator would; again to change it."""
        words = [*LANDBRIDGE, "customer-gateway", "up", str(site.file), "--state", str(self.customers)]
        words += ["--bfd-interval", str(BFD_INTERVAL)]
        words += ["--route", VPC_CIDR, "--route", OTHER_SITES] if site.static else []
        words += [word for prefix in advertise for word in ("--advertise", prefix)]
        return run(*words, namespace=site.gateway, within=60)

    def customer_gateway_down(self, site: Site) -> None:
        """`landbridge customer-gateway down` in the site, if one is there."""
        if (self.customers / "customer-gateway" / site.connection).exists():
            words = (*LANDBRIDGE, "customer-gateway", "down", site.connection, "--state", str(self.customers))
            run(*words, namespace=site.gateway, within=60)

    def carrying(self, site: Site) -> int:
        """The number of the tunnel that carries what goes from the VPC to a site now, by the gateway's kernel."""
        tunnels = self.connection(site.name)["tunnels"]
        said = attempt("ip", "route", "get", site.host.address, namespace=tunnels[0]["device_namespace"]).stdout.split()
        device = said[said.index("dev") + 1] if "dev" in said else ""
        return next((tunnel["number"] for tunnel in tunnels if tunnel["device"] == device), 0)


def _tag(kind: str, name: str) -> list[Document]:
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
