"""Elastic addresses: the Internet finds whoever has them now, and nobody who had them before."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address

import pytest
from cloud import Instance, Subnet, Vpc
from packets import Host
from shell import SLOW, eventually, inside, within
from world import World

pytestmark = pytest.mark.lab

PORT = 7009


@dataclass(frozen=True)
class Lab:
    """web (198.51.100.200) -- Internet -- IGW -- VPC 10.0.0.0/16: one, two in 10.0.1.0/24, hidden in 10.0.2.0/24"""

    world: World
    vpc: Vpc
    front: Subnet
    back: Subnet
    one: Instance
    two: Instance
    hidden: Instance
    web: Host


@pytest.fixture(scope="module")
def lab(world: World) -> Lab:
    vpc = world.cloud.vpc("10.0.0.0/16").opened()
    vpc.main_table.route("0.0.0.0/0", vpc.internet_gateway())
    web = world.internet_host("web", "198.51.100.200")
    front, back = vpc.subnet("10.0.1.0/24"), vpc.subnet("10.0.2.0/24")
    instances = (front.instance("one"), front.instance("two"), back.instance("hidden"))
    return Lab(world, vpc, front, back, *instances, web)


@contextmanager
def elastic(lab: Lab) -> Iterator[tuple[str, IPv4Address]]:
    """An allocation and its address, given back in the end."""
    made = lab.world.ec2.allocate_address()
    try:
        yield made["AllocationId"], IPv4Address(made["PublicIp"])
    finally:
        with suppress(Exception):
            lab.world.ec2.disassociate_address(PublicIp=made["PublicIp"])
        lab.world.ec2.release_address(AllocationId=made["AllocationId"])


def udp(host: Host, port: int = 0) -> socket.socket:
    def bound() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("0.0.0.0", port))
        made.settimeout(0.2 * SLOW)
        return made

    return inside(host.namespace, bound)


class Flow:
    """One UDP flow from the Internet to a public address, the same ports all the time."""

    def __init__(self, web: Host, public: IPv4Address) -> None:
        self._public = public
        self._socket = udp(web, PORT)
        self._sent = 0

    def __enter__(self) -> Flow:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def comes_to(self, listener: socket.socket) -> bool:
        """Whether the next packet of the flow arrives there, and its answer comes back from the public address."""
        self._sent += 1
        text = f"packet {self._sent}".encode()
        self._socket.sendto(text, (str(self._public), PORT))
        with suppress(TimeoutError):
            while True:
                data, sender = listener.recvfrom(100)
                if data == text:
                    listener.sendto(b"answer to " + text, sender)
                    return self._socket.recvfrom(100) == (b"answer to " + text, (str(self._public), PORT))
        return False


def test_an_instance_is_the_elastic_address_on_the_internet_as_long_as_it_has_it(lab: Lab) -> None:
    assert lab.one.cannot_reach(lab.web)
    with elastic(lab) as (allocation, public):
        assert lab.web.cannot_reach(public), "it is associated with nothing"
        lab.world.ec2.associate_address(AllocationId=allocation, InstanceId=lab.one.id)
        lab.web.comes_to_reach(public)
        assert lab.one.reaches(lab.web)
        assert lab.two.cannot_reach(lab.web)
        lab.world.ec2.disassociate_address(PublicIp=str(public))
        lab.web.loses(public)
        assert lab.one.cannot_reach(lab.web)


def test_traffic_moves_with_the_address(lab: Lab) -> None:
    ec2 = lab.world.ec2
    with (
        elastic(lab) as (allocation, public),
        udp(lab.one, PORT) as one,
        udp(lab.two, PORT) as two,
        Flow(lab.web, public) as flow,
    ):
        ec2.associate_address(AllocationId=allocation, InstanceId=lab.one.id)
        eventually(lambda: flow.comes_to(one), "the flow comes to the first instance")
        for there, before, instance in ((two, one, lab.two), (one, two, lab.one)):
            ec2.associate_address(AllocationId=allocation, InstanceId=instance.id)
            eventually(lambda there=there: flow.comes_to(there), f"the flow follows to {instance.name}")
            assert not flow.comes_to(before)


def test_an_address_that_is_somebody_elses_now_has_nothing_of_its_old_flows(lab: Lab) -> None:
    """Released, it is allotted to another instance at launch: it talks to nobody that the first one talked to."""
    ec2 = lab.world.ec2
    made = ec2.allocate_address()
    public = IPv4Address(made["PublicIp"])
    with udp(lab.one, PORT) as one, udp(lab.web, PORT) as web:
        ec2.associate_address(AllocationId=made["AllocationId"], InstanceId=lab.one.id)
        lab.world.converged()
        # Begun inside: a flow that is answered without anybody asking.
        one.sendto(b"begun", (str(lab.web.address), PORT))
        data, sender = web.recvfrom(100)
        assert (data, sender) == (b"begun", (str(public), PORT))
        ec2.disassociate_address(PublicIp=str(public))
        ec2.release_address(AllocationId=made["AllocationId"])
        interface = {"DeviceIndex": 0, "SubnetId": lab.front.id, "AssociatePublicIpAddress": True}
        heir = lab.front.instance("heir", NetworkInterfaces=[interface])
        assert heir.public == public, "the lowest free address"
        lab.web.comes_to_reach(public)
        with udp(heir, PORT) as inherits:
            web.sendto(b"late", (str(public), PORT))
            assert inherits.recv(100) == b"late"
        with pytest.raises(TimeoutError):
            one.recv(100)
        one.sendto(b"still", (str(lab.web.address), PORT))
        with pytest.raises(TimeoutError):
            web.recv(100)
    ec2.terminate_instances(InstanceIds=[heir.id])


def test_secondary_addresses_have_public_ones_of_their_own(lab: Lab) -> None:
    ec2 = lab.world.ec2
    interface = lab.front.interface("pair", SecondaryPrivateIpAddressCount=1)
    interface.attach(lab.one)
    first, second = interface.addresses
    with elastic(lab) as (one, public_one), elastic(lab) as (two, public_two):
        for allocation, private in ((one, first), (two, second)):
            ec2.associate_address(
                AllocationId=allocation, NetworkInterfaceId=interface.id, PrivateIpAddress=str(private)
            )
        for public in (public_one, public_two):
            lab.web.comes_to_reach(public)
        interface.detach()
        for public in (public_one, public_two):
            lab.web.loses(public)
        interface.attach(lab.two)
        for public in (public_one, public_two):
            lab.web.comes_to_reach(public)
        assert lab.web.gets_through_to(public_two, at=lab.two)
        assert not lab.web.gets_through_to(public_two, at=lab.one)
    interface.detach()


def test_a_nat_instance_takes_others_to_the_internet_and_only_with_the_check_off(lab: Lab) -> None:
    """What people did before there were NAT gateways: masquerading inside of the instance, a route to it."""
    ec2 = lab.world.ec2
    interface = {"DeviceIndex": 0, "SubnetId": lab.front.id, "AssociatePublicIpAddress": True}
    nat = lab.front.instance("nat", NetworkInterfaces=[interface])
    for command in (
        "add table ip private",
        "add chain ip private out { type nat hook postrouting priority 100 ; }",
        "add rule ip private out oifname eth0 masquerade",
    ):
        within(nat.namespace, "nft", *command.split())
    table = lab.vpc.route_table()
    table.route("0.0.0.0/0", nat.id)
    lab.back.follow(table)
    lab.world.converged()
    assert lab.hidden.cannot_reach(lab.web), "its check is on"
    ec2.modify_instance_attribute(InstanceId=nat.id, SourceDestCheck={"Value": False})
    lab.world.converged()
    assert lab.hidden.reaches(lab.web)
    assert lab.hidden.reaches(lab.one), "what is in the VPC does not go through it"
    with udp(lab.web, PORT) as web, udp(lab.hidden, PORT) as hidden:
        hidden.sendto(b"who am I?", (str(lab.web.address), PORT))
        assert web.recvfrom(100)[1][0] == str(nat.public)
    assert nat.public is not None
    ec2.modify_instance_attribute(InstanceId=nat.id, SourceDestCheck={"Value": True})
    lab.world.converged()
    assert lab.hidden.cannot_reach(lab.web)
    ec2.terminate_instances(InstanceIds=[nat.id])


def test_a_public_address_from_launch_gives_way_to_an_elastic_one_and_comes_again(lab: Lab) -> None:
    ec2 = lab.world.ec2
    interface = {"DeviceIndex": 0, "SubnetId": lab.front.id, "AssociatePublicIpAddress": True}
    instance = lab.front.instance("public", NetworkInterfaces=[interface])
    assert instance.public is not None
    lab.web.comes_to_reach(instance.public)
    with elastic(lab) as (allocation, public):
        ec2.associate_address(AllocationId=allocation, InstanceId=instance.id)
        lab.web.comes_to_reach(public)
        lab.web.loses(instance.public)
    answer = ec2.describe_instances(InstanceIds=[instance.id])["Reservations"][0]["Instances"][0]
    lab.web.comes_to_reach(IPv4Address(answer["PublicIpAddress"]))
    lab.web.loses(public)
    ec2.terminate_instances(InstanceIds=[instance.id])
