"""Security groups and network ACLs with real packets: what passes, and above all what does not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from cloud import Instance, SecurityGroup, Subnet, Vpc
from packets import Capture, Host, Probe, get, web_server
from shell import eventually, inside, run, within
from world import World

pytestmark = pytest.mark.lab

ANYWHERE = "0.0.0.0/0"
SITES = "192.168.0.0/16"


@dataclass(frozen=True)
class Lab:
    """front 10.0.1.0/24 -- router -- back 10.0.2.0/24; paris (192.168.60.10) by VPN, web by the Internet."""

    world: World
    vpc: Vpc
    front: Subnet
    back: Subnet
    paris: Host
    web: Host


@pytest.fixture(scope="module")
def lab(world: World) -> Lab:
    vpc = world.cloud.vpc("10.0.0.0/16")
    gateway = vpc.vpn_gateway()
    site = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    web = world.internet_host("web", "198.51.100.200")
    connection = gateway.connect(site, static=["192.168.60.0/24"])
    vpc.main_table.propagate(gateway)
    vpc.main_table.route(ANYWHERE, vpc.internet_gateway())
    front, back = vpc.subnet("10.0.1.0/24", public=True), vpc.subnet("10.0.2.0/24")
    site.customer_gateway_up(connection, "--route", "10.0.0.0/16")
    return Lab(world, vpc, front, back, site.host, web)


_NAMES = iter(f"group {number}" for number in range(1, 1000))


def group(lab: Lab) -> SecurityGroup:
    """One of a test's own."""
    return lab.vpc.security_group(next(_NAMES))


@contextmanager
def instances(lab: Lab, *wanted: tuple[Subnet, tuple[SecurityGroup, ...]]) -> Iterator[tuple[Instance, ...]]:
    """Instances in these subnets and groups, for a while."""
    made = tuple(
        subnet.instance(f"instance {number}", SecurityGroupIds=[each.id for each in groups])
        for number, (subnet, groups) in enumerate(wanted, 1)
    )
    try:
        yield made
    finally:
        ids = [each.id for each in made]
        lab.world.ec2.terminate_instances(InstanceIds=ids)
        eventually(lambda: _ended(lab, ids), "they are terminated", 30)


def _ended(lab: Lab, ids: list[str]) -> bool:
    found = lab.world.ec2.describe_instances(InstanceIds=ids)["Reservations"]
    return all(each["State"]["Name"] == "terminated" for r in found for each in r["Instances"])


@contextmanager
def listening(host: Host, port: int) -> Iterator[None]:
    """A TCP port that takes connections."""
    made = inside(host.namespace, lambda: socket.create_server((str(host.address), port)))
    with made:
        yield


def connects(host: Host, other: Host, port: int) -> bool:
    """Whether a TCP connection is made. A refusal is a failure of the test: what does not pass meets silence."""
    try:
        host.tcp(other.address, port, 1.0).close()
    except TimeoutError:
        return False
    return True


def test_the_default_group_lets_its_members_talk_and_nobody_else(lab: Lab) -> None:
    default, stranger = lab.vpc.default_group, group(lab)
    with instances(
        lab, (lab.front, (default,)), (lab.front, (default,)), (lab.back, (default,)), (lab.front, (stranger,))
    ) as (
        one,
        neighbour,
        far,
        other,
    ):
        for a, b in ((one, neighbour), (neighbour, one), (one, far), (far, one)):
            assert a.reaches(b)
        for outsider in (other, lab.paris):
            for member in (one, far):
                assert outsider.cannot_reach(member)
                assert not outsider.gets_through_to(member, at=member)
        assert one.public is not None
        assert lab.web.cannot_reach(one.public)
        assert one.cannot_reach(other), "nor is the stranger's group open"
        assert one.reaches(lab.web), "everything goes out, and what answers comes in"
        assert one.reaches(lab.paris)


def test_the_router_answers_whatever_the_groups_say(lab: Lab) -> None:
    closed = group(lab)
    closed.shuts_out(ANYWHERE)
    with instances(lab, (lab.front, (closed,))) as (one,):
        assert one.reaches(lab.front.gateway)
        assert one.cannot_reach(lab.web)


def test_a_site_is_let_in_by_address_and_port(lab: Lab) -> None:
    web = group(lab)
    web.lets_in(SITES, "tcp", 8080)
    with (
        instances(lab, (lab.front, (web,)), (lab.front, (lab.vpc.default_group,))) as (server, neighbour),
        listening(server, 8080),
        listening(server, 8081),
    ):
        assert connects(lab.paris, server, 8080)
        assert not connects(lab.paris, server, 8081)
        assert not connects(neighbour, server, 8080)
        said = run("ip", "netns", "exec", lab.paris.namespace, "ping", "-n", "-c", "1", "-W", "1", str(server.address))
        assert "100% packet loss" in said.stdout
        assert "nreachable" not in said.stdout, "not even a word of refusal"
        web.lets_in(SITES, "icmp", 8, 0)
        assert lab.paris.reaches(server)


def test_answers_pass_though_no_rule_lets_them(lab: Lab) -> None:
    only_in, only_out = group(lab), group(lab)
    only_in.shuts_out(ANYWHERE)
    only_in.lets_in(ANYWHERE)
    with instances(lab, (lab.front, (only_in,)), (lab.front, (only_out,))) as (taker, beginner):
        assert lab.paris.reaches(taker)
        assert beginner.reaches(taker)
        assert taker.cannot_reach(lab.paris)
        assert taker.cannot_reach(beginner)
        assert not taker.gets_through_to(beginner, at=beginner)
        assert beginner.reaches(lab.paris)
        assert lab.paris.cannot_reach(beginner)


def test_two_groups_on_an_interface_add_up(lab: Lab) -> None:
    ping, web = group(lab), group(lab)
    ping.lets_in(SITES, "icmp")
    web.lets_in(SITES, "tcp", 80, 89)
    with instances(lab, (lab.front, (ping, web))) as (both,), listening(both, 80), listening(both, 90):
        assert lab.paris.reaches(both)
        assert connects(lab.paris, both, 80)
        assert not connects(lab.paris, both, 90)
        interface = both.primary(lab.world.cloud)
        interface.is_in(web)
        assert lab.paris.cannot_reach(both)
        assert connects(lab.paris, both, 80)
        interface.is_in(ping)
        assert lab.paris.reaches(both)
        assert not connects(lab.paris, both, 80)


def test_a_rule_that_names_a_group_follows_its_members(lab: Lab) -> None:
    clients, servers = group(lab), group(lab)
    servers.lets_in(clients, "icmp")
    with instances(lab, (lab.back, (servers,)), (lab.front, (clients,))) as (server, first):
        assert first.reaches(server)
        with instances(lab, (lab.back, (clients,))) as (second,):
            assert second.reaches(server), "who comes"
            address = second.address
        with instances(lab, (lab.back, (lab.vpc.default_group,))) as (successor,):
            assert successor.address == address
            assert successor.cannot_reach(server), "who has the address of somebody who went"
            interface = successor.primary(lab.world.cloud)
            interface.is_in(lab.vpc.default_group, clients)
            assert successor.reaches(server), "who is put into the group"
            interface.is_in(lab.vpc.default_group)
            assert successor.cannot_reach(server), "who is taken out"
        assert first.reaches(server)


def test_a_revoked_rule_lets_nothing_new_in_and_what_is_under_way_go_on(lab: Lab) -> None:
    """As AWS does it with flows that it tracks. Other changes are not noticed at all: not one packet is lost."""
    web, other = group(lab), group(lab)
    web.lets_in(SITES)
    with instances(lab, (lab.front, (web,))) as (server,), Probe(lab.paris, server) as probe:
        start = probe.passes()
        other.lets_in(ANYWHERE, "tcp", 1)
        web.lets_in(ANYWHERE, "tcp", 2)
        lab.vpc.default_acl.entry(99, "allow", cidr="10.99.0.0/16")
        lab.vpc.default_acl.without(99)
        with instances(lab, (lab.front, (other,))):
            pass
        web.shuts_in(SITES)
        assert lab.paris.cannot_reach(server)
        probe.passes()
        assert probe.lost(start) == []


def test_nobody_inherits_the_flows_of_an_address(lab: Lab) -> None:
    opened, closed = group(lab), group(lab)
    opened.lets_in(SITES)
    with instances(lab, (lab.back, (opened,))) as (first,):
        address = first.address
        with Probe(lab.paris, first) as probe:
            probe.passes()
            lab.world.ec2.terminate_instances(InstanceIds=[first.id])
            eventually(lambda: _ended(lab, [first.id]), "it is terminated", 30)
            with instances(lab, (lab.back, (closed,))) as (second,):
                assert second.address == address
                with Capture(second.namespace) as capture:
                    sent = probe.sent
                    eventually(lambda: probe.sent > sent + 50, "the other end goes on")
                    assert not capture.from_address(str(lab.paris.address))


def test_an_instances_root_changes_nothing(lab: Lab) -> None:
    with instances(lab, (lab.front, (lab.vpc.default_group,)), (lab.front, (group(lab),))) as (one, other):
        for host in (one, other):
            within(host.namespace, "nft", "flush", "ruleset")
            within(host.namespace, "ip", "address", "add", "10.0.1.200/24", "dev", "eth0")
            within(host.namespace, "ip", "route", "add", str(one.address), "dev", "lo") if host is other else None
        assert lab.paris.cannot_reach(one)
        assert not other.gets_through_to(one, at=one)
        mac = within(one.namespace, "cat", "/sys/class/net/eth0/address").strip()
        within(other.namespace, "ip", "route", "delete", str(one.address), "dev", "lo")
        within(other.namespace, "ip", "neighbour", "replace", str(one.address), "lladdr", mac, "dev", "eth0")
        assert not other.gets_through_to(one, at=one), "nor straight to its hardware address"


def test_groups_are_in_force_while_the_service_is_dead_and_after_it(lab: Lab) -> None:
    ping = group(lab)
    ping.lets_in(SITES, "icmp")
    with instances(lab, (lab.front, (ping,))) as (server,), listening(server, 80):
        lab.world.kill()
        assert lab.paris.reaches(server)
        assert not connects(lab.paris, server, 80)
        lab.world.start()
        lab.world.converged()
        assert lab.world.admin.plan() == []
        assert not connects(lab.paris, server, 80)


# --- Network ACLs ----------------------------------------------------------------------------------------------------


def ports(first: int, last: int) -> dict[str, dict[str, int]]:
    return {"PortRange": {"From": first, "To": last}}


def test_an_acl_lets_nothing_through_of_itself_and_does_not_see_neighbours(lab: Lab) -> None:
    everything = group(lab)
    everything.lets_in(ANYWHERE)
    guarded = lab.vpc.subnet("10.0.3.0/24")
    lab.vpc.network_acl().guards(guarded)
    with instances(lab, (guarded, (everything,)), (guarded, (everything,)), (lab.front, (everything,))) as (
        one,
        two,
        far,
    ):
        assert one.reaches(two)
        assert one.reaches(guarded.gateway)
        for outsider in (far, lab.paris):
            assert not outsider.gets_through_to(one, at=one)
            assert not one.gets_through_to(outsider, at=outsider)


def test_an_acl_is_stateless_and_its_lowest_number_decides(lab: Lab) -> None:
    everything = group(lab)
    everything.lets_in(ANYWHERE)
    guarded, acl = lab.vpc.subnet("10.0.4.0/24"), lab.vpc.network_acl()
    acl.guards(guarded)
    with instances(lab, (guarded, (everything,))) as (server,), web_server(server, b"hello", 80):

        def answers() -> bool:
            return connects(lab.paris, server, 80) and get(lab.paris, server.address) == b"hello"

        acl.entry(100, "allow", protocol="tcp", **ports(80, 80))
        assert not answers(), "the answer does not get out"
        acl.entry(100, "allow", egress=True, protocol="tcp", cidr=SITES, **ports(1024, 65535))
        assert answers()
        acl.entry(90, "deny", protocol="tcp", cidr="192.168.60.0/24", **ports(0, 65535))
        assert not answers(), "90 comes before 100"
        acl.entry(80, "allow", cidr=f"{lab.paris.address}/32")
        assert answers(), "80 comes before 90"
        acl.without(80)
        assert not answers()
        acl.without(90)
        assert answers()
        acl.without(100, egress=True)
        assert not answers()


def test_an_acl_counts_what_comes_from_the_internet_as_well(lab: Lab) -> None:
    everything = group(lab)
    everything.lets_in(ANYWHERE)
    guarded, acl = lab.vpc.subnet("10.0.5.0/24", public=True), lab.vpc.network_acl()
    with instances(lab, (guarded, (everything,))) as (server,):
        assert server.public is not None
        assert lab.web.reaches(server.public)
        acl.guards(guarded)
        assert lab.web.cannot_reach(server.public)
        for egress in (False, True):
            acl.entry(
                1,
                "allow",
                egress=egress,
                cidr=f"{lab.web.address}/32",
                protocol="1",
                IcmpTypeCode={"Type": -1, "Code": -1},
            )
        assert lab.web.reaches(server.public)
        assert server.reaches(lab.web)
        assert lab.paris.cannot_reach(server)
        lab.vpc.default_acl.guards(guarded)
        assert lab.paris.reaches(server)
