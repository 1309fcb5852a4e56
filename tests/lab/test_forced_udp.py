"""ESP in UDP on request: in force where nothing else asks for it, and no other tunnel notices."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
from cloud import Connection, Instance, Tunnel, VpnGateway
from daemons import security_associations
from packets import Capture, Probe
from shell import DATA_PLANE, eventually, ok
from sites import Site
from sizes import passes_whole, told
from world import World, status_text

from landbridge.desired.ike import Charon, IkeConnection
from landbridge.desired.links import DataPlane, TunnelDevice
from landbridge.drivers.strongswan import strongswan
from landbridge.model.secret import Secret

pytestmark = pytest.mark.lab
VPC = IPv4Network("10.0.0.0/16")
WITHOUT_NAT = 1446
"""The MTU that goes with ESP which is not in UDP."""
OF_ITS_OWN = 77
"""The if_id of a customer gateway that is not landbridge's."""


@pytest.fixture(scope="module")
def gateway(world: World) -> VpnGateway:
    vpc = world.cloud.vpc(str(VPC)).opened()
    made = vpc.vpn_gateway(64_620)
    vpc.main_table.propagate(made)
    return made


@pytest.fixture(scope="module")
def instance(world: World, gateway: VpnGateway) -> Instance:
    vpc = world.cloud.existing_vpc(gateway.status["vpc"])
    return vpc.subnet("10.0.1.0/24").instance()


@pytest.fixture(scope="module")
def oslo(world: World, gateway: VpnGateway, instance: Instance) -> tuple[Site, Connection]:
    """A site with landbridge's customer gateway, which is behind a NAT of its own."""
    site = world.site("oslo", "203.0.113.78", "192.168.61.0/24")
    connection = gateway.connect(site, asn=65_011)
    site.customer_gateway_up(connection)
    connection.comes_up()
    site.host.comes_to_reach(instance)
    return site, connection


@pytest.fixture
def without_nat(world: World, gateway: VpnGateway) -> Iterator[tuple[Site, Connection]]:
    """A site whose gateway machine itself has the first tunnel, from its public address, with the kernel's ESP."""
    site = world.site("bergen", "203.0.113.79", "192.168.62.0/24")
    connection = gateway.connect(site, static=[str(site.lan)], asn=65_012)
    [options, _] = connection.describe()["Options"]["TunnelOptions"]
    folder = Path(tempfile.mkdtemp(prefix="lb-", dir="/run"))
    swan = strongswan(
        run_dir=folder / "run",
        log_dir=folder / "log",
        owner=folder.name,
        key=b"a key for digests, of this test",
        wake=lambda _: None,
        on_event=lambda _: None,
    )
    charon = Charon(namespace=site.name, data_plane=DataPlane.KERNEL)
    device = TunnelDevice(
        namespace=site.name,
        name="tun0",
        endpoint=site.name,
        data_plane=DataPlane.KERNEL,
        mtu=WITHOUT_NAT,
        if_id=OF_ITS_OWN,
    )
    outside = IPv4Address(options["OutsideIpAddress"])
    ike = IkeConnection(
        namespace=site.name,
        name="bergen",
        local=site.public,
        remote=outside,
        local_id=site.public,
        remote_id=outside,
        psk=Secret(options["PreSharedKey"]),
        initiate=True,
        if_id=OF_ITS_OWN,
    )
    try:
        swan.charons.put(charon, None)
        swan.devices.put(device, None)
        ok("ip", "-n", site.name, "address", "add", f"{IPv4Network(options['TunnelInsideCidr'])[2]}/30", "dev", "tun0")
        ok("ip", "-n", site.name, "route", "add", str(VPC), "dev", "tun0", "src", str(site.gateway.address))
        swan.connections.put(ike, None)
        yield site, connection
    finally:
        swan.devices.drop(device)
        swan.charons.drop(charon)
        swan.close()
        shutil.rmtree(folder)


def set_to(world: World, connection: Connection, wish: str) -> None:
    said = world.landbridge("vpn-connection", "set", connection.id, wish)
    assert said.returncode == 0, said.stderr


def test_where_esp_is_in_udp_anyway_nothing_is_made_anew(world: World, oslo: tuple[Site, Connection]) -> None:
    """Behind a NAT, and with libipsec."""
    site, connection = oslo
    before = {name: security_associations(name) for name in world.instances()}
    set_to(world, connection, "--force-udp")
    site.customer_gateway_up(connection, "--force-udp")
    assert "UDP is forced" in status_text(world)
    assert site.customer_gateway(connection)["force_udp"]
    assert all(tunnel.status["esp"]["udp"] for tunnel in connection.tunnels)
    set_to(world, connection, "--no-force-udp")
    site.customer_gateway_up(connection)
    assert "UDP is forced" not in status_text(world)
    assert {name: security_associations(name) for name in world.instances()} == before


@pytest.mark.skipif(DATA_PLANE != "kernel", reason="libipsec has ESP in UDP always")
def test_udp_is_forced_where_there_is_no_nat_and_nobody_else_notices(
    world: World, instance: Instance, oslo: tuple[Site, Connection], without_nat: tuple[Site, Connection]
) -> None:
    (far, untouched), (site, connection) = oslo, without_nat
    tunnel = connection.tunnel(1)
    tunnel.becomes("UP")
    site.host.comes_to_reach(instance)

    def carried() -> set[str]:
        """How packets between site and instance cross the Internet."""
        with Capture(site.name) as capture:
            assert site.host.reaches(instance)
        return capture.kinds() & {"ESP", "ESP in UDP"}

    def tells(tunnel: Tunnel, *, udp: bool) -> dict[str, Any] | None:
        status = tunnel.status
        return status if status["esp"] and status["esp"]["udp"] is udp else None

    assert tells(tunnel, udp=False)
    assert carried() == {"ESP"}
    eventually(
        lambda: (said := told(instance, site.host)) is not None and said[0] == WITHOUT_NAT,
        "the service takes it for that",
    )
    with Capture(site.name) as capture:
        assert passes_whole(instance, site.host, WITHOUT_NAT)
        assert not passes_whole(instance, site.host, WITHOUT_NAT + 1)
    sealed = [
        frame[14:] for frame in capture.frames() if frame[12:14] == b"\x08\x00" and frame[23] == socket.IPPROTO_ESP
    ]
    assert max(map(len, sealed)) == 1500, "it fills the uplink"
    assert not any(packet[6] & 0x3F or packet[7] for packet in sealed), "and is not fragmented"
    before = _of(untouched, security_associations(world.instance))
    with Probe(far.host, instance) as probe:
        probe.passes()
        for wish, udp, how in (("--force-udp", True, "ESP in UDP"), ("--no-force-udp", False, "ESP")):
            set_to(world, connection, wish)
            eventually(lambda udp=udp: tells(tunnel, udp=udp), f"status says of UDP: {udp}")
            eventually(lambda how=how: carried() == {how}, f"all of it is {how}")
        assert probe.lost() == []
    assert _of(untouched, security_associations(world.instance)) == before


def _of(connection: Connection, found: dict[str, set[str]]) -> dict[str, set[str]]:
    return {endpoint: spis for endpoint, spis in found.items() if connection.id in endpoint}
