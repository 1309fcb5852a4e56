"""DHCP options are in force: `landbridge exec` shows them, names resolve by them, and nothing is left behind."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from packets import Host
from shell import inside, run
from world import World

pytestmark = pytest.mark.lab

LANDBRIDGE = str(Path(sys.executable).with_name("landbridge"))
INTRANET = "intranet.corp.example"
ITS_ADDRESS = IPv4Address("10.0.7.7")


def enter(world: World, place: str, *argv: str) -> subprocess.CompletedProcess[str]:
    return run(LANDBRIDGE, "exec", place, "--state", str(world.state), "--", *argv)


def test_exec_shows_the_vpcs_domain_and_servers_and_resolves_by_them(world: World) -> None:
    vpc = world.cloud.vpc("10.0.0.0/16")
    subnet = vpc.subnet("10.0.1.0/24")
    instance, server = subnet.instance("instance"), subnet.instance("name server")
    machines = Path("/etc/resolv.conf").read_text()

    def seen(place: str) -> str:
        done = enter(world, place, "cat", "/etc/resolv.conf")
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert seen(instance.id) == machines, "AmazonProvidedDNS has no server here, so names resolve as the machine's do"

    options = world.ec2.create_dhcp_options(
        DhcpConfigurations=[
            {"Key": "domain-name", "Values": ["corp.example"]},
            {"Key": "domain-name-servers", "Values": [str(server.address)]},
        ]
    )["DhcpOptions"]["DhcpOptionsId"]
    world.ec2.associate_dhcp_options(DhcpOptionsId=options, VpcId=vpc.id)
    assert seen(instance.id) == f"search corp.example\nnameserver {server.address}\n"
    with name_server(server):
        assert str(ITS_ADDRESS) in enter(world, instance.id, "getent", "ahostsv4", "intranet").stdout
        assert enter(world, instance.id, "getent", "ahostsv4", "nobody").returncode != 0
        assert str(ITS_ADDRESS) not in run("getent", "ahostsv4", INTRANET).stdout, "the machine knows nothing of it"
    assert seen(vpc.id) == machines, "the router is no instance"
    assert Path("/etc/resolv.conf").read_text() == machines

    world.ec2.associate_dhcp_options(DhcpOptionsId="default", VpcId=vpc.id)
    assert seen(instance.id) == machines
    world.ec2.delete_dhcp_options(DhcpOptionsId=options)
    assert not Path("/etc/netns", instance.namespace).exists()


@contextmanager
def name_server(host: Host) -> Iterator[None]:
    """A DNS server that knows one name (RFC 1035, 4.1): the answer repeats the question."""

    def bound() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((str(host.address), 53))
        made.settimeout(0.1)
        return made

    def answer(query: bytes) -> bytes:
        name, at = [], 12
        while length := query[at]:
            name.append(query[at + 1 : at + 1 + length].decode())
            at += length + 1
        question = query[12 : at + 5]
        if ".".join(name).lower() != INTRANET or question[-4:] != b"\0\1\0\1":
            return query[:2] + b"\x81\x83" + b"\0\1\0\0\0\0\0\0" + question
        record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + ITS_ADDRESS.packed
        return query[:2] + b"\x81\x80" + b"\0\1\0\1\0\0\0\0" + question + record

    ended = threading.Event()
    served = inside(host.namespace, bound)

    def serve() -> None:
        while not ended.is_set():
            try:
                query, asker = served.recvfrom(512)
            except TimeoutError:
                continue
            served.sendto(answer(query), asker)

    thread = threading.Thread(target=serve, name="name server")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        served.close()
