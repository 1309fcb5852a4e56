"""What a VPC's filters cost: forwarding with and without them, in turns; and a change of a rule among 1,000 instances.

Run as root: `.venv/bin/python bench/filters.py`. The router and three instances are made by landbridge's drivers from
its desired objects; the other interfaces of the large VPC are in its tables only. No service runs.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import Any

from lib import netns
from lib.run import Bench, main, median, say, spread, until

from landbridge.desired.firewall import firewall
from landbridge.desired.links import Namespace
from landbridge.desired.names import Names
from landbridge.desired.objects import HostObject
from landbridge.desired.rulesets import Ruleset
from landbridge.desired.vpc import instance, interface, ports, router, subnet
from landbridge.drivers.netlink.driver import NetlinkDriver
from landbridge.drivers.nftables.driver import NftablesDriver
from landbridge.model.firewall import EVERYTHING, TCP, AclAssociation, AclEntry, NetworkAcl, SecurityGroupRule, Traffic
from landbridge.model.instances import InterfaceAttachment, NetworkInterface, PrivateAddress
from landbridge.model.network import Subnet, Vpc
from landbridge.model.resources import Attachment, State

RATIO = 0.9
MANY, GROUPS, RULES, ENTRIES = 1000, 20, 60, 19
ANYWHERE = IPv4Network("0.0.0.0/0")
COMMON: dict[str, Any] = {"account": "000000000000", "region": "r", "created": datetime.now(UTC)}
VPC = Vpc(id="vpc-bench", cidr=IPv4Network("10.0.0.0/16"), state=State.AVAILABLE, **COMMON)
SUBNETS = tuple(
    Subnet(
        id=f"subnet-{n:017x}",
        vpc_id=VPC.id,
        cidr=IPv4Network(f"10.0.{n}.0/24"),
        zone="a",
        state=State.AVAILABLE,
        **COMMON,
    )
    for n in range(1, 6)
)


def card(number: int, place: int, host: int, group: str) -> NetworkInterface:
    """An interface in a subnet, attached to the instance of its number."""
    net = SUBNETS[place]
    return NetworkInterface(
        id=f"eni-{number:017x}",
        vpc_id=VPC.id,
        subnet_id=net.id,
        addresses=(PrivateAddress(address=net.cidr[4 + host]),),
        group_ids=(group,),
        attachment=InterfaceAttachment(
            id="eni-attach-1",
            instance_id=f"i-{number:017x}",
            device_index=0,
            delete_on_termination=True,
            since=COMMON["created"],
            state=Attachment.ATTACHED,
        ),
        **COMMON,
    )


def rule(group: str, egress: bool, number: int, **peer: Any) -> SecurityGroupRule:
    """A rule for everything, or (`number`) for a port that nobody here uses."""
    traffic = Traffic(TCP, 10_000 + number, 10_000 + number) if number else EVERYTHING
    return SecurityGroupRule(
        id=f"sgr-{group}{number}{egress}", group_id=group, egress=egress, traffic=traffic, **peer, **COMMON
    )


def default_rules(group: str) -> list[SecurityGroupRule]:
    """Those of a VPC's own group."""
    return [rule(group, False, 0, peer_group_id=group), rule(group, True, 0, cidr=ANYWHERE)]


def many_rules() -> list[SecurityGroupRule]:
    """Every group full in both directions; what lets the stream through comes last."""
    found: list[SecurityGroupRule] = []
    for group in range(GROUPS):
        name = f"sg-{group:017x}"
        for egress in (False, True):
            others = (IPv4Network(f"172.16.{n}.0/24") for n in range(1, RULES))
            found += (rule(name, egress, n, cidr=cidr) for n, cidr in enumerate(others, 1))
            found.append(rule(name, egress, 0, cidr=VPC.cidr))
    return found


def full_acl() -> NetworkAcl:
    """All subnets follow it; the entry that lets the stream through comes last."""
    entries = [
        AclEntry(
            number=number,
            egress=egress,
            allow=number == ENTRIES,
            traffic=EVERYTHING,
            cidr=ANYWHERE if number == ENTRIES else IPv4Network(f"172.16.{number}.0/24"),
        )
        for egress in (False, True)
        for number in range(1, ENTRIES + 1)
    ]
    followers = tuple(AclAssociation(id=f"aclassoc-{net.id}", subnet_id=net.id) for net in SUBNETS)
    return NetworkAcl(id="acl-1", vpc_id=VPC.id, entries=tuple(entries), associations=followers, **COMMON)


class Networks:
    """The router of VPC, instances 0 and 1 in the first subnet, 2 in the second; and the tables to choose from."""

    def __init__(self, bench: Bench) -> None:
        self.own = Names(f"lbf{bench.tag}")
        self.netlink = NetlinkDriver(self.own.owner)
        self.nftables = NftablesDriver(self.own.owner)
        group = "sg-00000000000000000"
        self.cards = [card(n, place, host, group) for n, place, host in ((0, 0, 0), (1, 0, 1), (2, 1, 0))]
        self.small = firewall(self.own, VPC, SUBNETS, self.cards, default_rules(group), ())[0]
        others = [card(n, n % 5, 2 + n // 5, f"sg-{n % GROUPS:017x}") for n in range(3, MANY)]
        self.everybody = [*self.cards, *others]
        self.rules = many_rules()
        self.large = self.firewall(self.rules)
        self.spaces = [self.own.of(VPC.id), *(self.own.of(f"i-{n:017x}") for n in range(3))]
        bench.cleanup.callback(netns.delete, self.spaces)
        # Addresses of another VPC's size stand in the way of nobody: only three of these have a port.
        for item in self._objects():
            self.netlink.put(item, None)

    def firewall(self, rules: Sequence[SecurityGroupRule]) -> Ruleset:
        """The large VPC's, with these rules."""
        return firewall(self.own, VPC, SUBNETS, self.everybody, rules, [full_acl()])[0]

    def _objects(self) -> Iterable[HostObject]:
        yield from (each for each in router(self.own, VPC, ()) if isinstance(each, Namespace))
        for net in SUBNETS[:2]:
            yield from (each for each in subnet(self.own, net, 254))
        for number, each in enumerate(self.cards):
            yield from instance(self.own, f"i-{number:017x}", False)
            yield from interface(self.own, each, next(n for n in SUBNETS if n.id == each.subnet_id), True, False)

    def guard(self, *tables: Ruleset) -> None:
        """These tables, and no others."""
        for there in list(self.nftables.read([self.spaces[0]])):
            if there.key not in {table.key for table in tables}:
                self.nftables.drop(there)
        for table in tables:
            self.nftables.put(table, None)

    @property
    def ports(self) -> Ruleset:
        """What is checked at the ports."""
        return ports(self.own, VPC, self.cards)[0]

    def address(self, number: int) -> str:
        """An instance's address."""
        return str(self.cards[number].private)


def gbits(networks: Networks, near: int, far: int, seconds: int) -> float:
    """What one TCP stream carries."""
    space, there = networks.spaces[1 + near], networks.spaces[1 + far]
    server = subprocess.Popen(
        ["ip", "netns", "exec", there, "iperf3", "-s", "-1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: ":5201" in netns.run("ip", "netns", "exec", there, "ss", "-ltn"), "iperf3's server")
        command = ("ip", "netns", "exec", space, "iperf3", "-c", networks.address(far), "-t", str(seconds), "-J")
        answer = json.loads(netns.run(*command))
        if "error" in answer:
            raise RuntimeError(f"iperf3: {answer['error']}")
        return float(answer["end"]["sum_received"]["bits_per_second"]) / 1e9
    finally:
        netns.stop(server)


def connections(networks: Networks, near: int, far: int, seconds: int) -> float:
    """TCP connections per second, one after the other: each is a new flow, which rules decide about."""
    with netns.inside(networks.spaces[1 + far]):
        server = socket.create_server((networks.address(far), 0), backlog=1024)
    made = 0
    with server:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with netns.inside(networks.spaces[1 + near]):
                client = socket.socket()
            # No TIME_WAIT: ports would run out.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.connect(server.getsockname())
            server.accept()[0].close()
            client.close()
            made += 1
    return made / seconds


def turns(
    bench: Bench, networks: Networks, ways: dict[str, tuple[Ruleset, ...]], measure: Callable[[], float]
) -> dict[str, list[float]]:
    """The measurement with each of the tables, in turns: what else runs on the machine hits all alike."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(bench.options.rounds if not bench.quick else 2):
        for name in ways if number % 2 else reversed(ways):
            networks.guard(*ways[name])
            found[name].append(measure())
    return found


def work(bench: Bench) -> None:
    """Build, measure in turns."""
    networks = Networks(bench)
    seconds = 1
    ways = {
        "no filters": (),
        "checked ports": (networks.ports,),
        "and the default group": (networks.ports, networks.small),
        "and 1,000 interfaces, full groups and ACL": (networks.ports, networks.large),
    }
    for what, far, unit, measure in (
        ("one TCP stream between subnets", 2, "Gbit/s", gbits),
        ("one TCP stream in a subnet", 1, "Gbit/s", gbits),
        ("new TCP connections between subnets", 2, "/s", connections),
    ):
        found = turns(bench, networks, ways, lambda far=far, measure=measure: measure(networks, 0, far, seconds))
        for name, values in found.items():
            say(f"{what}, {name}: {spread(values, unit)}")
        plain = median(found["no filters"])
        assert plain is not None
        judged = far == 2 and unit == "Gbit/s"
        for name, values in found.items():
            middle = median(values)
            assert middle is not None
            target = f"ratio >= {RATIO:g}" if judged else ""
            met = middle >= RATIO * plain if judged and name != "no filters" else None
            bench.report.add(f"{what}, {name}", middle, plain, unit, target=target if met is not None else "", met=met)
    change(bench, networks)


def change(bench: Bench, networks: Networks) -> None:
    """How long it takes to change one rule of one group, and to look whether all is as it should be."""
    both = (networks.large, networks.firewall(networks.rules[1:]))
    networks.guard(networks.ports, networks.large)
    times: dict[str, list[float]] = {"compile": [], "put": [], "read": [], "read again": []}

    def timed(name: str, work: Callable[[], object]) -> None:
        began = time.process_time()
        work()
        times[name].append(1000 * (time.process_time() - began))

    for number in range(4 if bench.quick else 20):
        timed("compile", lambda: networks.firewall(networks.rules))
        timed("put", lambda number=number: networks.nftables.put(replace(both[number % 2]), both[(number + 1) % 2]))
        timed("read", lambda: list(networks.nftables.read([networks.spaces[0]])))
        timed("read again", lambda: list(networks.nftables.read([networks.spaces[0]])))
    for name, values in times.items():
        middle = median(values)
        assert middle is not None
        bench.report.add(f"a changed rule among 1,000 instances: {name}, processor time", middle, None, "ms")


def options(parser: argparse.ArgumentParser) -> None:
    """How often."""
    parser.add_argument("--rounds", type=int, default=10, help="turns of each (10)")


if __name__ == "__main__":
    main(__doc__, work, options)
