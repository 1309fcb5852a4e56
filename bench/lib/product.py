"""landbridge as a user has it: the service in a lab, spoken to through boto3, the admin API and the command line."""

from __future__ import annotations

import configparser
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import boto3
from botocore.config import Config

from landbridge.api.client import AdminClient
from lib import LANDBRIDGE, netns
from lib.handwired import Customer, Ends
from lib.run import say, until

VPC_CIDR = "10.0.0.0/16"
SITE_ASN = 65000
CLOUD_ASN = 64512


@dataclass(frozen=True, slots=True)
class Site:
    """A lab site and its customer gateway resource."""

    number: int
    name: str
    public: str
    lan: str
    host: str
    host_address: str
    customer_gateway: str


@dataclass(frozen=True, slots=True)
class Cloud:
    """A VPC with an instance and a gateway."""

    vpc: str
    subnet: str
    instance: str
    address: str
    route_table: str
    gateways: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Vpn:
    """A VPN connection as CreateVpnConnection answered. `created`: when it did (CLOCK_MONOTONIC)."""

    id: str
    site: Site
    xml: str
    ends: list[Ends]
    created: float


class Product:
    """One service with a state folder of its own. Close it whatever happens."""

    def __init__(
        self, folder: Path, tag: str, bfd_interval: int = 100, data_plane: str = "auto", *, relaxed: bool = False
    ) -> None:
        """`relaxed`: with more of everything than AWS's default quotas allow."""
        self.tag = tag
        self._data_plane = data_plane
        self.folder = folder
        self.bfd_interval = bfd_interval
        self.state = folder / f"state-{tag}"
        self._log = (folder / f"serve-{tag}.log").open("wb")
        self._agents: dict[str, str] = {}
        self.sites = 0
        """How many there are: the next one's number."""
        self.service = subprocess.Popen(
            [
                *(LANDBRIDGE, "serve", "--lab", "--listen", "127.0.0.1:0", "--state", self.state),
                *("--bfd-interval", str(bfd_interval), "--data-plane", data_plane),
                *("--limits", "relaxed" if relaxed else "aws"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        assert self.service.stdout is not None
        line = self.service.stdout.readline().decode()
        if not line.startswith("ready "):
            raise RuntimeError(f"the service did not start: {Path(self._log.name).read_text()[-2000:]}")
        keys = configparser.ConfigParser()
        keys.read(self.state / "credentials")
        self.ec2 = boto3.client(
            "ec2",
            endpoint_url=line.split()[1],
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=32),
            **keys["default"],
        )
        self.admin = AdminClient(self.state)

    def namespace(self, name: str) -> str:
        """Where something is."""
        return self.admin.where(name)

    def settled(self) -> None:
        """Wait until everything is as it is wanted."""
        until(lambda: self.admin.wait(timeout=5)["converged"], "everything to be as it is wanted", 60)

    def cloud(self, *, gateways: int = 1) -> Cloud:
        """A VPC with one instance, and virtual private gateways; the first is attached and propagates its routes."""
        ec2 = self.ec2
        vpc = ec2.create_vpc(CidrBlock=VPC_CIDR)["Vpc"]["VpcId"]
        # A site is let in by a rule, as on AWS.
        [group] = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[everything])
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        instance = ec2.run_instances(ImageId="ami-bench", MinCount=1, MaxCount=1, SubnetId=subnet)["Instances"][0]
        table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"][0]
        made = Cloud(vpc, subnet, instance["InstanceId"], instance["PrivateIpAddress"], table["RouteTableId"])
        for _ in range(gateways):
            made.gateways.append(ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"])
        ec2.attach_vpn_gateway(VpcId=vpc, VpnGatewayId=made.gateways[0])
        until(lambda: self._attached(made.gateways[0]), "the gateway's attachment")
        ec2.enable_vgw_route_propagation(RouteTableId=made.route_table, GatewayId=made.gateways[0])
        self.settled()
        return made

    def _attached(self, gateway: str) -> bool:
        answer = self.ec2.describe_vpn_gateways(VpnGatewayIds=[gateway])["VpnGateways"][0]
        return [a["State"] for a in answer["VpcAttachments"]] == ["attached"]

    def site(self, number: int = 0) -> Site:
        """A lab site."""
        self.sites = max(self.sites, number + 1)
        name, public, lan = f"lbb{self.tag}-{number}", f"203.0.113.{2 + number}", f"192.168.{number}.0/24"
        self.admin.add_site(name, public, lan)
        until(lambda: self.admin.site(name)["state"] == "available", f"the site {name}")
        cgw = self.ec2.create_customer_gateway(Type="ipsec.1", PublicIp=public, BgpAsn=SITE_ASN)["CustomerGateway"]
        host = self.admin.site(name)
        return Site(number, name, public, lan, host["host_namespace"], host["host_address"], cgw["CustomerGatewayId"])

    def connect(self, site: Site, gateway: str, *, static: bool = False, start: bool = False) -> Vpn:
        """CreateVpnConnection."""
        options: dict[str, Any] = {"StaticRoutesOnly": static}
        if start:
            options["TunnelOptions"] = [{"StartupAction": "start"}, {"StartupAction": "start"}]
        answer = self.ec2.create_vpn_connection(
            Type="ipsec.1", CustomerGatewayId=site.customer_gateway, VpnGatewayId=gateway, Options=options
        )["VpnConnection"]
        at = time.monotonic()
        xml = answer["CustomerGatewayConfiguration"]
        return Vpn(answer["VpnConnectionId"], site, xml, _ends(xml), at)

    def route(self, vpn: Vpn) -> None:
        """The static route to the site; the connection has to be available."""
        self.ec2.create_vpn_connection_route(VpnConnectionId=vpn.id, DestinationCidrBlock=vpn.site.lan)

    def available(self, vpn: Vpn) -> None:
        """Wait as a customer would who polls the state of the connection."""
        until(lambda: self.describe(vpn)["State"] == "available", f"{vpn.id} to become available")

    def describe(self, vpn: Vpn) -> dict[str, Any]:
        """DescribeVpnConnections."""
        found: dict[str, Any] = self.ec2.describe_vpn_connections(VpnConnectionIds=[vpn.id])["VpnConnections"][0]
        return found

    def both_up(self, vpn: Vpn) -> bool:
        """Whether the API shows both tunnels UP."""
        return [t["Status"] for t in self.describe(vpn)["VgwTelemetry"]] == ["UP", "UP"]

    def document(self, vpn: Vpn) -> dict[str, Any]:
        """The connection in `landbridge status --json`."""
        return next(c for c in self.admin.status()["vpn_connections"] if c["id"] == vpn.id)

    def start_agent(self, vpn: Vpn) -> subprocess.Popen[bytes]:
        """`landbridge customer-gateway up` in the site; returns at once."""
        file = self.folder / f"{vpn.id}.xml"
        file.write_text(vpn.xml)
        self._agents[vpn.id] = vpn.site.name
        return subprocess.Popen(
            [
                *("ip", "netns", "exec", vpn.site.name, LANDBRIDGE, "customer-gateway", "up", file),
                *("--state", self.customer_state, "--bfd-interval", str(self.bfd_interval), "--route", VPC_CIDR),
                *("--data-plane", self._data_plane),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            start_new_session=True,
        )

    @property
    def customer_state(self) -> Path:
        """Where the customer gateways' agents live."""
        return self.folder / f"customer-{self.tag}"

    def stop_agent(self, vpn_id: str) -> None:
        """`landbridge customer-gateway down` in the site."""
        site = self._agents.pop(vpn_id)
        if (self.customer_state / "customer-gateway" / vpn_id).exists():
            subprocess.run(
                [
                    *("ip", "netns", "exec", site, LANDBRIDGE, "customer-gateway", "down", vpn_id),
                    *("--state", self.customer_state),
                ],
                stdout=self._log,
                stderr=self._log,
                check=True,
            )

    def disconnect(self, vpn: Vpn) -> None:
        """DeleteVpnConnection, and wait until it is gone."""
        if vpn.id in self._agents:
            self.stop_agent(vpn.id)
        self.ec2.delete_vpn_connection(VpnConnectionId=vpn.id)
        until(lambda: self.describe(vpn)["State"] == "deleted", f"{vpn.id} to go", 60)

    def customer(self, site: Site, number: int = 0) -> Customer:
        """A customer gateway by hand in a lab site; `number`: of which of its connections."""
        return Customer(self.folder, self.tag, site.name, site.public, "wan", number=number)

    def close(self) -> None:
        """Stop the agents and the service, and purge everything."""
        for vpn_id in list(self._agents):
            try:
                self.stop_agent(vpn_id)
            except (subprocess.CalledProcessError, OSError) as error:
                say(f"customer gateway {vpn_id}: {error}")
        if self.service.poll() is None:
            self.service.send_signal(signal.SIGTERM)
            try:
                self.service.wait(20)
            except subprocess.TimeoutExpired:
                say("the service does not stop; killing it")
                self.service.kill()
                self.service.wait()
        if (self.state / "instance").exists():
            subprocess.run(
                [LANDBRIDGE, "purge", "--state", self.state, "--yes"], stdout=self._log, stderr=self._log, check=True
            )
        self._log.close()


def _ends(xml: str) -> list[Ends]:
    def text(tunnel: ElementTree.Element, path: str) -> str:
        found = tunnel.findtext(path)
        assert found, f"the device file has no {path}"
        return found

    return [
        Ends(
            cloud_outside=text(tunnel, "vpn_gateway/tunnel_outside_address/ip_address"),
            customer_outside=text(tunnel, "customer_gateway/tunnel_outside_address/ip_address"),
            cloud_inside=text(tunnel, "vpn_gateway/tunnel_inside_address/ip_address"),
            customer_inside=text(tunnel, "customer_gateway/tunnel_inside_address/ip_address"),
            psk=text(tunnel, "ike/pre_shared_key"),
        )
        for tunnel in ElementTree.fromstring(xml).iter("ipsec_tunnel")
    ]


def exec_in(namespace: str, *command: str) -> str:
    """A command's output, run in a namespace."""
    return netns.run("ip", "netns", "exec", namespace, *command)
