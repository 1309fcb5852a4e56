"""A cloud in memory behind a real admin API, in this process or on a real Unix socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import httpx
import uvicorn
from starlette.types import ASGIApp
from support import ACCOUNT, REGION, START, Cloud

from landbridge.api.admin.app import AdminParts, admin_app
from landbridge.api.admin.server import admin_server_config, listen
from landbridge.api.client import InProcess
from landbridge.api.exposition import Exposed
from landbridge.control.customer_gateways import CreateCustomerGateway
from landbridge.control.instances import RunInstances
from landbridge.control.internet_gateways import AttachInternetGateway, CreateInternetGateway
from landbridge.control.lifecycle import MarkBuilt, waiting
from landbridge.control.propagation import EnableVgwRoutePropagation
from landbridge.control.subnets import CreateSubnet
from landbridge.control.tunnels import TunnelWish
from landbridge.control.vpcs import CreateVpc
from landbridge.control.vpn_connections import CreateVpnConnection, SetVpnConnection
from landbridge.control.vpn_gateways import AttachVpnGateway, CreateVpnGateway
from landbridge.control.vpn_routes import CreateVpnConnectionRoute
from landbridge.desired.names import Names
from landbridge.model.network import RouteTable
from landbridge.model.vpn import TunnelOptions, VpnConnection
from landbridge.observe.metrics import Metrics
from landbridge.observe.state import EspState, LearnedRoute, Observation, Status, TunnelState
from landbridge.reconcile.loop import Counts
from landbridge.views.status import Facts

OWN = Names("a1b2c3")
SITE = IPv4Network("192.168.60.0/24")


@dataclass
class World:
    """A cloud whose loop is the test itself: `build` marks everything built, `converged` answers waits."""

    cloud: Cloud = field(default_factory=lambda: Cloud(builds=True))
    observation: Observation = field(default_factory=Observation)
    metrics: Metrics = field(default_factory=Metrics)
    data_plane: str = "libipsec"
    steps: tuple[str, ...] = ()
    converged: bool = True
    crypto_policy: str = "aws"
    logs: Path = Path("/nowhere")

    def build(self) -> None:
        """What the loop does once everything is in place."""
        self.cloud.run(MarkBuilt(frozenset(waiting(self.cloud.snapshot).built)))

    def facts(self) -> Facts:
        return Facts(
            names=OWN,
            folder="/var/lib/landbridge",
            version="0.1.0",
            url="http://127.0.0.1:8780",
            data_plane=self.data_plane,
            why="this kernel has no ESP",
            lab=True,
            bfd_interval=300,
            converged=self.converged,
            crypto_policy=self.crypto_policy,
            charons={OWN.endpoint(c.id, 1): 4711 for c in self.cloud.snapshot.all(VpnConnection)},
            speakers={},
        )

    def parts(self) -> AdminParts:
        return AdminParts(
            control=self.cloud.control,
            account=ACCOUNT,
            region=REGION,
            facts=self.facts,
            observation=lambda: self.observation,
            plan=lambda: self.steps,
            wait=lambda revision, timeout: self.converged,
            expose=self.exposed,
            log_path=lambda group, stream: str(self.logs / stream),
        )

    def exposed(self) -> Exposed:
        return Exposed(
            snapshot=self.cloud.snapshot,
            observation=self.observation,
            metrics=self.metrics,
            facts=self.facts(),
            counts=Counts(passes=7, crashes=0, steps_done=40, steps_failed=2),
        )

    def furnish(self) -> None:
        """A VPC with an instance and both gateways, a BGP and a static connection, one tunnel of each seen UP."""
        run = self.cloud.run
        vpc = run(CreateVpc(IPv4Network("10.0.0.0/16"), tags=(("Name", "prod"),)))
        subnet = run(CreateSubnet(vpc.id, IPv4Network("10.0.1.0/24")))
        run(RunInstances(subnet.id, "ami-1", public_address=True, tags=(("Name", "web"),)))
        igw = run(CreateInternetGateway())
        run(AttachInternetGateway(igw.id, vpc.id))
        vgw = run(CreateVpnGateway())
        run(AttachVpnGateway(vgw.id, vpc.id))
        (table,) = self.cloud.snapshot.all(RouteTable)
        run(EnableVgwRoutePropagation(table.id, vgw.id))
        tunnels: dict[tuple[str, int], TunnelState] = {}
        learned: list[LearnedRoute] = []
        wishes = (TunnelWish(others=TunnelOptions(replay_window_size=1024)), TunnelWish())
        for number, static in ((1, False), (2, True)):
            address = IPv4Address(f"203.0.113.{10 + number}")
            customer = run(CreateCustomerGateway(address=address, asn=65000 + number))
            connection = run(
                CreateVpnConnection(
                    vpn_gateway_id=vgw.id, customer_gateway_id=customer.id, static_only=static, wishes=wishes
                )
            )
            self.build()
            if static:
                run(CreateVpnConnectionRoute(connection.id, IPv4Network("192.168.70.0/24")))
                run(SetVpnConnection(connection.id, clear_df=True, force_udp=True))
            tunnels[connection.id, 1] = TunnelState(
                status=Status.UP,
                changed=START - timedelta(minutes=5),
                ike="established",
                bgp="" if static else "Established",
                bfd=True,
                accepted_routes=1,
                bytes_in=1234,
                bytes_out=5_600_000,
                esp=EspState(suite="AES_GCM_16-128", udp=not static, esn=static, replay_window=1024 if static else 128),
            )
            tunnels[connection.id, 2] = TunnelState(
                changed=START - timedelta(hours=2), why="The customer gateway has not called yet.", ike="down"
            )
            if not static:
                learned.append(LearnedRoute(destination=SITE, tunnel=(connection.id, 1)))
        self.build()
        self.observation = Observation(
            tunnels=tunnels,
            learned={vgw.id: tuple(learned)},
            propagated={table.id: frozenset({SITE})},
            faults={vgw.id: ("BIRD could not be started: it is not installed.",)},
        )


def in_process(app: ASGIApp) -> httpx.Client:
    """A client of an app in this process."""
    return httpx.Client(transport=InProcess(httpx.ASGITransport(app)), base_url="http://landbridge")


@contextmanager
def served(world: World, folder: Path) -> Iterator[Path]:
    """The world's admin API on a Unix socket in this folder."""
    world.logs = folder
    listener = listen(folder / "admin.sock")
    server = uvicorn.Server(admin_server_config(admin_app(world.parts())))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield folder
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
        assert not thread.is_alive()
