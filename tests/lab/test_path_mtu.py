"""What is too large for a tunnel: the sender is told how much fits; TCP and fragments pass all the same, both ways."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import threading
from dataclasses import dataclass

import pytest
from cloud import Connection, Instance
from packets import Host
from shell import eventually, inside, run
from sites import Site
from world import World

pytestmark = pytest.mark.lab

PORT = 7010
BLOCK = os.urandom(1 << 20)
BLOCKS = 100


@dataclass(frozen=True)
class Lab:
    """instance -- VPC 10.0.0.0/16 -- VGW == static connection == paris -- host"""

    world: World
    instance: Instance
    paris: Site
    connection: Connection

    def ends(self, name: str) -> tuple[Host, Host]:
        """Sender and receiver of the direction."""
        pair = (self.instance, self.paris.host)
        return pair if name == "to the site" else (pair[1], pair[0])


@pytest.fixture(scope="module")
def lab(world: World) -> Lab:
    vpc = world.cloud.vpc("10.0.0.0/16").opened()
    instance = vpc.subnet("10.0.1.0/24").instance()
    gateway = vpc.vpn_gateway(64_620)
    paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    connection = gateway.connect(paris, asn=65_010)
    vpc.main_table.propagate(gateway)
    paris.customer_gateway_up(connection)
    connection.comes_up()
    made = Lab(world, instance, paris, connection)
    instance.comes_to_reach(paris.host)
    return made


directions = pytest.mark.parametrize("direction", ["to the site", "to the VPC"])


@directions
def test_who_must_not_be_fragmented_is_told_how_much_fits(lab: Lab, direction: str) -> None:
    sender, receiver = lab.ends(direction)

    def told() -> int | None:
        said = run(
            "ip", "netns", "exec", sender.namespace, *f"ping -n -c 1 -W 1 -M do -s 1472 {receiver.address}".split()
        )
        found = re.search(r"mtu ?= ?(\d+)", said.stdout + said.stderr)
        return int(found[1]) if found else None

    fits = eventually(told, "the sender hears of the tunnel's MTU")
    kernel = lab.world.status()["data_plane"] == "kernel"
    # The lab's customer gateway is behind its own source NAT: ESP is in UDP either way.
    assert fits == (1438 if kernel else 1400)
    ping = ("ip", "netns", "exec", sender.namespace, "ping", "-n", "-c", "1", "-W", "10", "-M", "do")
    assert run(*ping, "-s", str(fits - 28), str(receiver.address)).returncode == 0
    assert run(*ping, "-s", str(fits - 27), str(receiver.address)).returncode != 0


@directions
def test_a_ping_of_64_kilobytes_passes_in_fragments(lab: Lab, direction: str) -> None:
    sender, receiver = lab.ends(direction)
    command = ("ping", "-n", "-c", "1", "-W", "2", "-s", "65507", str(receiver.address))
    eventually(
        lambda: run("ip", "netns", "exec", sender.namespace, *command).returncode == 0, "a large ping passes", 15
    )


@directions
def test_a_hundred_megabytes_of_tcp_arrive_whole(lab: Lab, direction: str) -> None:
    sender, receiver = lab.ends(direction)
    arrived: list[str] = []

    def listen() -> socket.socket:
        made = socket.create_server((str(receiver.address), PORT))
        made.settimeout(60)
        return made

    def hear(server: socket.socket) -> None:
        connection, _ = server.accept()
        digest = hashlib.sha256()
        with connection:
            while data := connection.recv(1 << 18):
                digest.update(data)
        arrived.append(digest.hexdigest())

    with inside(receiver.namespace, listen) as server:
        thread = threading.Thread(target=hear, args=(server,))
        thread.start()
        with sender.tcp(receiver.address, PORT, seconds=60) as stream:
            for _ in range(BLOCKS):
                stream.sendall(BLOCK)
        thread.join()
    expected = hashlib.sha256()
    for _ in range(BLOCKS):
        expected.update(BLOCK)
    assert arrived == [expected.hexdigest()]
