"""A site's connection that carries traffic, as tests of changes speak of it."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import Any

from cloud import Connection, Instance, Tunnel, VpnGateway, kernel_table
from daemons import ike_associations
from faults import charon_in
from shell import eventually
from sites import Site
from two_sites import two_sites
from world import World

THROUGH = 60.0
"""Seconds: both tunnels in turn, each a few seconds."""
WATCHED = 75.0
"""Seconds until a peer that fell silent is given up, called again, and BFD is on."""


@dataclass(frozen=True)
class Line:
    """instance -- VPC -- VGW == two tunnels == a site's gateway -- the site's host"""

    world: World
    instance: Instance
    gateway: VpnGateway
    site: Site
    connection: Connection

    def used(self) -> Tunnel:
        """The tunnel that the cloud sends the site's traffic through."""
        devices = kernel_table(self.gateway.namespace, "main")[str(self.site.lan)]
        return next(t for t in self.connection.tunnels if {t.status["device"]} == devices)

    def back_by(self) -> int:
        """The number of the tunnel that the site sends by; 0 for none."""
        device = str(self.site.routes().get("10.0.0.0/16", {}).get("dev", ""))
        return int(device[-1]) if device[-2:-1] == "t" else 0

    def modify(self, tunnel: Tunnel, **options: Any) -> dict[str, Any]:
        """ModifyVpnTunnelOptions; the connection as it is answered."""
        answer = self.world.ec2.modify_vpn_tunnel_options(
            VpnConnectionId=self.connection.id,
            VpnTunnelOutsideIpAddress=tunnel.status["outside_address"],
            TunnelOptions=options,
        )
        return dict(answer["VpnConnection"])

    def is_through(self, seconds: float = THROUGH) -> None:
        """Wait until the change is."""
        eventually(lambda: self.connection.describe()["State"] == "available", "the change is through", seconds)

    def new_file(self) -> None:
        """Give the customer gateway the device file as it is now."""
        self.site.file_of(self.connection).write_text(self.connection.device_file)
        options = () if self.site.name.startswith("paris") else ("--route", "10.0.0.0/16")
        self.site.customer_gateway_up(self.connection, *options)

    def settled(self) -> Line:
        """Both tunnels are up and watched, and both ends use the same one."""
        self.ready()
        return self

    def ready(self, seconds: float = WATCHED) -> Tunnel:
        """Wait until faults would be noticed; the tunnel that is used, the same in both directions."""
        self.connection.is_watched(self.site, seconds)
        return eventually(
            lambda: used if (used := self.used()).number == self.back_by() else None, "one tunnel is used"
        )

    def outside(self, tunnel: Tunnel) -> dict[str, str]:
        """A tunnel as EC2's actions name it."""
        return {
            "VpnConnectionId": self.connection.id,
            "VpnTunnelOutsideIpAddress": tunnel.status["outside_address"],
        }


def two_lines(world: World) -> dict[str, Line]:
    """By BGP and by static routes."""
    lab = two_sites(world)
    return {
        "bgp": Line(world, lab.instance, lab.gateway, lab.paris, lab.dynamic),
        "static": Line(world, lab.instance, lab.gateway, lab.lyon, lab.static),
    }


def reconnects(line: Line, tunnel: Tunnel, seconds: float = 30) -> None:
    """The customer's end of a tunnel loses all it has agreed on, and connects again with the key that it has."""
    endpoint = line.site.customer_gateway(line.connection)["tunnels"][tunnel.number - 1]["endpoint"]
    before = ike_associations(line.world.instance, line.connection.id)[tunnel.status["endpoint_namespace"]]
    os.kill(charon_in(endpoint), signal.SIGKILL)

    def anew() -> bool:
        now = ike_associations(line.world.instance, line.connection.id)[tunnel.status["endpoint_namespace"]]
        return bool(now - before) and tunnel.status["ike"] == "established"

    eventually(anew, f"tunnel {tunnel.number} is connected anew", seconds)
