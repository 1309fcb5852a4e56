"""Changes of a connection that carries traffic: a probe through it loses nothing, and what was asked for is in force."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import Any

import pytest
from cloud import Connection, Instance, Tunnel, VpnGateway, kernel_table
from daemons import ike_associations
from faults import charon_in
from packets import Probe
from shell import eventually, for_a_while
from sites import Site
from two_sites import two_sites
from world import World, opened

pytestmark = pytest.mark.lab

THROUGH = 60.0
"""Seconds: both tunnels in turn, each a few seconds."""


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


@pytest.fixture(scope="module")
def lines(world: World) -> dict[str, Line]:
    lab = two_sites(world)
    return {
        "bgp": Line(world, lab.instance, lab.gateway, lab.paris, lab.dynamic),
        "static": Line(world, lab.instance, lab.gateway, lab.lyon, lab.static),
    }


@pytest.fixture(params=["bgp", "static"])
def line(request: pytest.FixtureRequest, lines: dict[str, Line]) -> Line:
    line = lines[request.param]
    line.connection.is_watched(line.site, 75)
    eventually(lambda: line.used().number == line.back_by(), "both ends use one tunnel")
    return line


def negotiated(line: Line, tunnel: Tunnel) -> dict[str, Any]:
    """GetActiveVpnTunnelStatus."""
    answer = line.world.ec2.get_active_vpn_tunnel_status(
        VpnConnectionId=line.connection.id, VpnTunnelOutsideIpAddress=tunnel.status["outside_address"]
    )
    return dict(answer["ActiveVpnTunnelStatus"])


@pytest.mark.parametrize(
    "options",
    [
        {"PreSharedKey": "another_key.of-the_test".replace("-", "_")},
        {"Phase1LifetimeSeconds": 3600, "Phase2LifetimeSeconds": 1800},
        {"DPDTimeoutSeconds": 45, "DPDTimeoutAction": "restart"},
    ],
    ids=lambda options: "+".join(options),
)
def test_nothing_is_lost_while_the_used_tunnel_is_changed(line: Line, options: dict[str, Any]) -> None:
    used = line.used()
    with Probe(line.site.host, line.instance) as probe:
        probe.passes()
        answer = line.modify(used, **options)
        assert answer["State"] == "modifying"
        eventually(lambda: line.used() != used and line.back_by() != used.number, "traffic has left the tunnel")
        line.world.cloud.refuses("InvalidVpnConnection.InvalidState", lambda: line.modify(used, DPDTimeoutSeconds=50))
        line.is_through()
        eventually(lambda: line.used() == used and line.back_by() == used.number, "it has returned", 30)
        probe.passes()
        assert probe.lost() == []
    if "PreSharedKey" in options:
        line.new_file()


# --- pre-shared keys --------------------------------------------------------------------------------------------------


def reconnects(line: Line, tunnel: Tunnel, seconds: float = 30) -> None:
    """The customer's end of a tunnel loses all it has agreed on, and connects again with the key that it has."""
    endpoint = line.site.customer_gateway(line.connection)["tunnels"][tunnel.number - 1]["endpoint"]
    before = ike_associations(line.world.instance, line.connection.id)[tunnel.status["endpoint_namespace"]]
    os.kill(charon_in(endpoint), signal.SIGKILL)

    def anew() -> bool:
        now = ike_associations(line.world.instance, line.connection.id)[tunnel.status["endpoint_namespace"]]
        return bool(now - before) and tunnel.status["ike"] == "established"

    eventually(anew, f"tunnel {tunnel.number} is connected anew", seconds)


def test_a_new_key_at_the_cloud_first_and_either_connects(lines: dict[str, Line]) -> None:
    line = lines["static"]
    line.connection.is_watched(line.site, 75)
    tunnel = line.connection.tunnel(1)
    line.modify(tunnel, PreSharedKey="cloud.first.new_key")
    line.is_through()
    assert tunnel.status["former_key_until"]
    reconnects(line, tunnel)  # with the old one
    reconnects(line, tunnel)
    line.new_file()
    reconnects(line, tunnel)
    line.modify(tunnel, PreSharedKey="cloud.first.new_key")  # the one in force: the grace time is over
    assert line.connection.describe()["State"] == "available"
    assert tunnel.status["former_key_until"] is None
    line.world.converged()
    reconnects(line, tunnel)


def test_a_new_key_at_the_device_first_loses_nothing(lines: dict[str, Line]) -> None:
    line = lines["static"]
    line.connection.is_watched(line.site, 75)
    tunnel = line.connection.tunnel(1)
    old = line.connection.describe()["Options"]["TunnelOptions"][0]["PreSharedKey"]
    with Probe(line.site.host, line.instance) as probe:
        probe.passes()
        file = line.site.file_of(line.connection)
        file.write_text(line.connection.device_file.replace(old, "device.first.new_key"))
        line.site.customer_gateway_up(line.connection, "--route", "10.0.0.0/16")
        line.modify(tunnel, PreSharedKey="device.first.new_key")
        line.is_through()
        probe.passes()
        assert probe.lost() == []
    reconnects(line, tunnel)


def test_after_the_grace_time_the_old_key_does_not_connect() -> None:
    with opened("--psk-grace", "20") as world:
        lab = two_sites(world)
        line = Line(world, lab.instance, lab.gateway, lab.lyon, lab.static)
        line.connection.is_watched(line.site, 75)
        tunnel = line.connection.tunnel(1)
        line.modify(tunnel, PreSharedKey="the_only.key")
        line.is_through()
        reconnects(line, tunnel)
        eventually(lambda: tunnel.status["former_key_until"] is None, "the grace time is over", 30)
        world.converged()
        endpoint = line.site.customer_gateway(line.connection)["tunnels"][0]["endpoint"]
        os.kill(charon_in(endpoint), signal.SIGKILL)
        tunnel.becomes("DOWN", 45)
        for_a_while(lambda: tunnel.status["ike"] != "established", "the old key does not connect", 8)
        assert "pre-shared key" in tunnel.status["why"].lower()
        line.new_file()
        tunnel.becomes("UP")
