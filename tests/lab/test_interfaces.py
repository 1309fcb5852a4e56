"""Network interfaces: several in an instance, several addresses, plugged elsewhere; and what may not pass a port."""

from __future__ import annotations

import secrets
import socket
import time
from dataclasses import dataclass
from ipaddress import IPv4Address

import pytest
from cloud import Instance, Interface, Subnet, Vpc
from packets import Capture, Host
from shell import eventually, for_a_while, inside, ok, within
from world import World

from landbridge.drivers.netlink.announce import gratuitous

pytestmark = pytest.mark.lab

ELSEWHERE = IPv4Address("172.20.0.9")


@dataclass(frozen=True)
class Lab:
    """front 10.0.1.0/24 (box, neighbour) -- router -- back 10.0.2.0/24 (far), third 10.0.3.0/24 (third)"""

    world: World
    vpc: Vpc
    front: Subnet
    back: Subnet
    box: Instance
    neighbour: Instance
    far: Instance
    third: Instance


@pytest.fixture(scope="module")
def lab(world: World) -> Lab:
    vpc = world.cloud.vpc("10.0.0.0/16").opened()
    front, back = vpc.subnet("10.0.1.0/24"), vpc.subnet("10.0.2.0/24")
    return Lab(
        world,
        vpc,
        front,
        back,
        front.instance("box"),
        front.instance("neighbour"),
        back.instance("far"),
        vpc.subnet("10.0.3.0/24").instance("third"),
    )


def everybody(lab: Lab) -> tuple[Host, ...]:
    return lab.neighbour, lab.far, lab.third


def test_a_second_interface_is_reached_from_everywhere(lab: Lab) -> None:
    second = lab.back.interface("second")
    second.attach(lab.box)
    by_second = second.at(lab.box)

    for host in everybody(lab):
        host.comes_to_reach(by_second)
        assert host.reaches(lab.box), "also from the subnet that the second interface is in"
    links = ok("ip", "-n", lab.box.namespace, "-br", "address")
    assert f"{second.address}/24" in next(line for line in links.splitlines() if line.startswith("eth1"))
    assert second.describe()["MacAddress"] in ok("ip", "-n", lab.box.namespace, "link", "show", "eth1")

    second.detach()
    for host in everybody(lab):
        assert host.cannot_reach(by_second)
        assert host.reaches(lab.box)
    assert "eth1" not in ok("ip", "-n", lab.box.namespace, "-br", "link")


def test_two_interfaces_in_one_subnet_do_not_answer_for_each_other(lab: Lab) -> None:
    twin = lab.front.interface("twin")
    twin.attach(lab.box)
    for host in everybody(lab):
        host.comes_to_reach(twin.at(lab.box))
        assert host.reaches(lab.box)
    macs = {
        address: ok("ip", "-n", lab.neighbour.namespace, "neigh", "show", str(address)).split()[4]
        for address in (lab.box.address, twin.address)
    }
    assert macs[twin.address] == twin.describe()["MacAddress"]
    assert len(set(macs.values())) == 2
    twin.detach()
    lab.neighbour.loses(twin.at(lab.box))


def test_secondary_addresses_answer_while_they_are_assigned_and_no_longer(lab: Lab) -> None:
    ec2 = lab.world.ec2
    interface = _primary(lab, lab.box)
    ec2.assign_private_ip_addresses(NetworkInterfaceId=interface.id, SecondaryPrivateIpAddressCount=2)
    first, second = interface.addresses[1:]
    for host in everybody(lab):
        host.comes_to_reach(first)
        host.comes_to_reach(second)
    with Capture(lab.far.namespace) as capture:
        assert lab.box.reaches(lab.far)
        assert capture.from_address(str(lab.box.address)), "what it sends of its own accord is from the primary address"
        assert not capture.from_address(str(first))

    ec2.unassign_private_ip_addresses(NetworkInterfaceId=interface.id, PrivateIpAddresses=[str(first)])
    lab.far.loses(first)
    assert lab.far.reaches(second)

    # It moves to a neighbour, and those who knew it follow.
    there = _primary(lab, lab.neighbour)
    ec2.assign_private_ip_addresses(
        NetworkInterfaceId=there.id, PrivateIpAddresses=[str(second)], AllowReassignment=True
    )
    lab.world.converged()
    for host in (lab.far, lab.box):
        eventually(
            lambda host=host: host.gets_through_to(second, at=lab.neighbour, seconds=0.3), f"{host.name} finds it there"
        )
    assert not lab.far.gets_through_to(second, at=lab.box)
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=there.id, PrivateIpAddresses=[str(second)])


def test_an_interface_takes_its_address_from_one_instance_to_the_next(lab: Lab) -> None:
    moving = lab.back.interface("moving", PrivateIpAddress="10.0.2.77")
    one, two = lab.box, lab.neighbour
    assert lab.far.cannot_reach(moving.address), "it is attached to nothing"
    moving.attach(one)
    lab.far.comes_to_reach(moving.address)
    mac = moving.describe()["MacAddress"]
    assert mac in ok("ip", "-n", lab.far.namespace, "neigh", "show", str(moving.address))
    moving.detach()
    moving.attach(two, device_index=2)
    lab.far.comes_to_reach(moving.address)
    assert lab.far.gets_through_to(moving.address, at=two)
    assert not lab.far.gets_through_to(moving.address, at=one)
    assert mac in ok("ip", "-n", two.namespace, "link", "show", "eth2"), "the hardware address comes along"
    moving.detach()


def test_an_instance_is_launched_with_interfaces_new_and_old(lab: Lab) -> None:
    old = lab.back.interface("old")
    launched = lab.front.instance(
        "launched",
        NetworkInterfaces=[
            {"DeviceIndex": 0, "SubnetId": lab.front.id, "SecondaryPrivateIpAddressCount": 1},
            {"DeviceIndex": 1, "NetworkInterfaceId": old.id},
        ],
    )
    # Running means that all of it is there.
    for address in (*_primary(lab, launched).addresses, old.address):
        assert lab.third.reaches(address)
    lab.world.ec2.terminate_instances(InstanceIds=[launched.id])
    eventually(lambda: old.describe()["Status"] == "available", "the old interface is free again", 20)
    assert lab.third.cannot_reach(old.address)
    lab.world.ec2.delete_network_interface(NetworkInterfaceId=old.id)


def test_nothing_leaves_an_instance_in_another_ones_name(lab: Lab) -> None:
    """Its root can do in it what it likes: flush its filters, add addresses, change its hardware address."""
    within(lab.box.namespace, "nft", "flush", "ruleset")
    within(lab.box.namespace, "ip", "address", "add", f"{ELSEWHERE}/32", "dev", "lo")
    try:
        for target in (lab.neighbour, lab.far, lab.third):
            assert lab.box.gets_through_to(target, at=target)
            assert not _sends_as(lab.box, ELSEWHERE, target), f"to {target.name} in a name of nobody"
        lab.world.ec2.modify_instance_attribute(InstanceId=lab.box.id, SourceDestCheck={"Value": False})
        lab.world.converged()
        assert _sends_as(lab.box, ELSEWHERE, lab.neighbour)
        assert _sends_as(lab.box, ELSEWHERE, lab.far)
    finally:
        lab.world.ec2.modify_instance_attribute(InstanceId=lab.box.id, SourceDestCheck={"Value": True})
        within(lab.box.namespace, "ip", "address", "delete", f"{ELSEWHERE}/32", "dev", "lo")
    lab.world.converged()


@pytest.mark.parametrize("check", [True, False])
def test_nobody_can_pretend_to_be_the_router_or_a_neighbour(lab: Lab, check: bool) -> None:
    ec2 = lab.world.ec2
    ec2.modify_instance_attribute(InstanceId=lab.box.id, SourceDestCheck={"Value": check})
    lab.world.converged()
    claimed = (lab.front.gateway, lab.third.address)
    assert lab.neighbour.reaches(lab.front.gateway)
    mac = within(lab.box.namespace, "cat", "/sys/class/net/eth0/address").strip()
    lies = [gratuitous(bytes.fromhex(mac.replace(":", "")), address) for address in claimed]

    def lie() -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
            sender.bind(("eth0", 0))
            for frame in lies:
                sender.send(frame)

    def believed() -> bool:
        inside(lab.box.namespace, lie)
        return mac in ok("ip", "-n", lab.neighbour.namespace, "neigh", "show", str(lab.front.gateway))

    with Capture(lab.neighbour.namespace) as capture:
        for_a_while(lambda: not believed(), "the neighbour knows its router", 0.5)
        assert not any(frame[:42] in capture.frames() for frame in lies)
    assert lab.neighbour.reaches(lab.far)
    ec2.modify_instance_attribute(InstanceId=lab.box.id, SourceDestCheck={"Value": True})


def test_packets_for_others_come_to_a_middlebox_only(lab: Lab) -> None:
    table = lab.vpc.main_table
    table.route("172.20.0.0/16", lab.box.id)
    assert not lab.far.gets_through_to(ELSEWHERE, at=lab.box)
    lab.world.ec2.modify_instance_attribute(InstanceId=lab.box.id, SourceDestCheck={"Value": False})
    lab.world.converged()
    assert lab.far.gets_through_to(ELSEWHERE, at=lab.box)
    lab.world.ec2.modify_instance_attribute(InstanceId=lab.box.id, SourceDestCheck={"Value": True})
    lab.world.converged()
    assert not lab.far.gets_through_to(ELSEWHERE, at=lab.box)
    table.delete_route("172.20.0.0/16")


def test_a_route_follows_its_interface(lab: Lab) -> None:
    """DescribeRouteTables and the kernel say the same: active while an instance has it, a black hole else."""
    ec2, table, to = lab.world.ec2, lab.vpc.route_table(), "172.21.0.0/16"
    target = lab.back.interface("target")

    def is_(state: str, way: str) -> None:
        lab.world.converged()
        assert table.shown()[to][1] == state
        assert table.kernel()[to] == {way}

    bridge = next(s for v in lab.world.status()["vpcs"] for s in v["subnets"] if s["id"] == lab.back.id)["bridge"]
    table.route(to, target.id)
    is_("blackhole", "blackhole")
    for instance in (lab.box, lab.neighbour):
        target.attach(instance)
        is_("active", bridge)
        assert table.shown()[to][0] == instance.id
        target.detach()
        is_("blackhole", "blackhole")
    brief = lab.front.instance("brief")
    target.attach(brief)
    is_("active", bridge)
    ec2.terminate_instances(InstanceIds=[brief.id])
    is_("blackhole", "blackhole")
    eventually(lambda: target.describe()["Status"] == "available", "it is free", 20)
    ec2.delete_network_interface(NetworkInterfaceId=target.id)
    is_("blackhole", "blackhole")
    assert table.shown()[to][0] == target.id


def test_a_service_that_was_killed_finds_everything_as_it_should_be(lab: Lab) -> None:
    second = lab.back.interface("kept", SecondaryPrivateIpAddressCount=1)
    second.attach(lab.box)
    lab.world.ec2.modify_network_interface_attribute(NetworkInterfaceId=second.id, SourceDestCheck={"Value": False})
    lab.world.converged()
    first, other = second.addresses
    lab.third.comes_to_reach(first)  # who knew the address from before has heard by then whose it is now
    lab.world.kill()
    assert lab.third.reaches(first), "it lives on by itself"
    lab.world.start()
    lab.world.converged()
    assert lab.world.admin.plan() == []
    assert lab.third.reaches(other)
    second.detach()


def _primary(lab: Lab, instance: Instance) -> Interface:
    answer = lab.world.ec2.describe_instances(InstanceIds=[instance.id])["Reservations"][0]["Instances"][0]
    return Interface(lab.world.cloud, "primary", str(answer["NetworkInterfaces"][0]["NetworkInterfaceId"]))


def _sends_as(sender: Host, source: IPv4Address, target: Host) -> bool:
    """Whether a packet to a host from an address that the sender took arrives there."""

    def bound() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((str(source), 0))
        return made

    text = secrets.token_bytes(16)
    with Capture(target.namespace) as capture, inside(sender.namespace, bound) as out:
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline and not capture.contains(text):
            out.sendto(text, (str(target.address), 9))
            time.sleep(0.02)
        return capture.contains(text)
