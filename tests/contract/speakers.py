"""A gateway, its VPC router and two customers, joined by veths and spoken for by real BIRDs; gone again afterwards.

lan 192.168.1.1 - c1 == t11, t12 == vgw -- vp -- vpc 10.0.0.1
lan 192.168.2.1 - c2 == t21, t22 ==/
"""

from __future__ import annotations

import itertools
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from uuid import uuid4

from networks import ip, until

from landbridge.desired.links import MAIN_TABLE
from landbridge.desired.objects import Seen
from landbridge.desired.speakers import Bfd, BgpSession, InternalSession, Speaker, SpeakerStatic
from landbridge.drivers.bird.driver import BirdDriver
from landbridge.observe.bgp import SpeakerProtocol, SpeakerRoute

GATEWAY_ASN = 64512
CUSTOMER_ASN = {1: 65001, 2: 4_200_000_002}
PROPAGATED = 1001
VPC = IPv4Network("10.0.0.0/16")


def a(text: str) -> IPv4Address:
    return IPv4Address(text)


def n(text: str) -> IPv4Network:
    return IPv4Network(text)


@dataclass
class Lab:
    run_dir: Path
    log_dir: Path
    bfd: Bfd | None = None
    prefix: str = field(default_factory=lambda: f"bd{uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        self.driver = BirdDriver(self.run_dir, self.log_dir)
        self.vgw, self.vpc, self.c1, self.c2 = (f"{self.prefix}-{name}" for name in ("vgw", "vpc", "c1", "c2"))
        self.names = (self.vgw, self.vpc, self.c1, self.c2)

    def up(self) -> None:
        for name in self.names:
            ip(f"netns add {name}")
            ip(f"-n {name} link set lo up")
            ip(f"netns exec {name} sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0")
        for customer, where in ((1, self.c1), (2, self.c2)):
            for tunnel in (1, 2):
                here, there = self.inside(customer, tunnel)
                self.veth(self.vgw, f"t{customer}{tunnel}", str(here), where, str(there))
            ip(f"-n {where} address add 192.168.{customer}.1/32 dev lo")
        self.veth(self.vgw, "vp", "169.254.0.1", self.vpc, "169.254.0.2")
        ip(f"-n {self.vpc} address add 10.0.0.1/32 dev lo")

    def veth(self, first: str, link: str, local: str, second: str, peer: str) -> None:
        ip(f"-n {first} link add {link} type veth peer name {link} netns {second}")
        for where, own, other in ((first, local, peer), (second, peer, local)):
            ip(f"-n {where} address add {own}/32 peer {other}/32 dev {link}")
            ip(f"-n {where} link set {link} up")

    @staticmethod
    def inside(customer: int, tunnel: int) -> tuple[IPv4Address, IPv4Address]:
        """(the gateway's, the customer's) inside addresses."""
        return a(f"169.254.{customer}{tunnel}.1"), a(f"169.254.{customer}{tunnel}.2")

    def gateway(self, *customers: int, meds: tuple[int, int] = (100, 200)) -> Speaker:
        sessions = []
        for customer in customers:
            for tunnel in (1, 2):
                local, peer = self.inside(customer, tunnel)
                sessions.append(
                    BgpSession(
                        name=f"c{customer}_t{tunnel}",
                        link=f"t{customer}{tunnel}",
                        local=local,
                        peer=peer,
                        peer_asn=CUSTOMER_ASN[customer],
                        connection=customer,
                        med=meds[tunnel - 1],
                        reject=(VPC,),
                        receive_limit=100,
                    )
                )
        return Speaker(
            namespace=self.vgw,
            router_id=a("169.254.0.1"),
            asn=GATEWAY_ASN,
            sessions=tuple(sessions),
            statics=(SpeakerStatic(destination=VPC, via=a("169.254.0.2"), link="vp"),),
            internal=InternalSession(link="vp", local=a("169.254.0.1"), peer=a("169.254.0.2"), sends=True),
            bfd=self.bfd,
        )

    def router(self, *tables: int) -> Speaker:
        return Speaker(
            namespace=self.vpc,
            router_id=a("169.254.0.2"),
            asn=GATEWAY_ASN,
            internal=InternalSession(link="vp", local=a("169.254.0.2"), peer=a("169.254.0.1"), sends=False),
            tables=tables or (MAIN_TABLE, PROPAGATED),
        )

    def customer(self, customer: int, *more: str, meds: tuple[int, int] = (100, 200)) -> Speaker:
        sessions = []
        for tunnel in (1, 2):
            peer, local = self.inside(customer, tunnel)
            sessions.append(
                BgpSession(
                    name=f"t{tunnel}",
                    link=f"t{customer}{tunnel}",
                    local=local,
                    peer=peer,
                    peer_asn=GATEWAY_ASN,
                    connection=1,
                    med=meds[tunnel - 1],
                )
            )
        return Speaker(
            namespace=(self.c1, self.c2)[customer - 1],
            router_id=a(f"192.168.{customer}.1"),
            asn=CUSTOMER_ASN[customer],
            sessions=tuple(sessions),
            announced=(n(f"192.168.{customer}.0/24"), *(n(prefix) for prefix in more)),
            bfd=self.bfd,
        )

    def put(self, *speakers: Speaker) -> None:
        for speaker in speakers:
            self.driver.put(speaker, None)

    def all_up(self) -> None:
        """Both customers, the gateway and the router, established."""
        self.put(self.customer(1), self.customer(2), self.gateway(1, 2), self.router())
        self.established(self.vgw, 5)
        until(lambda: "192.168.2.0/24" in self.routes(self.vpc, PROPAGATED), "routes in the VPC router")
        ways = [(self.vgw, "192.168.1.0/24", "t11"), (self.vgw, "192.168.2.0/24", "t21")]
        ways += [(self.c1, "10.0.0.0/16", "t11"), (self.c2, "10.0.0.0/16", "t21"), (self.c1, "192.168.2.0/24", "t11")]
        until(lambda: all(self.way(where, to) == link for where, to, link in ways), "the first tunnels are preferred")
        until(lambda: self.reaches("192.168.1.1") and self.reaches("192.168.2.1"), "the first ping")

    def protocols(self, namespace: str) -> dict[str, SpeakerProtocol]:
        with self.driver.control(namespace) as control:
            return {found.name: found for found in control.protocols()}

    def established(self, namespace: str, count: int, seconds: float = 10.0) -> dict[str, SpeakerProtocol]:
        def look() -> dict[str, SpeakerProtocol] | None:
            found = self.protocols(namespace)
            return found if sum(item.established for item in found.values()) == count else None

        found: dict[str, SpeakerProtocol] = until(look, f"{count} established sessions in {namespace}", seconds)
        return found

    def learned(self, namespace: str) -> list[SpeakerRoute]:
        with self.driver.control(namespace) as control:
            return [route for route in control.routes() if route.source == "BGP"]

    def prefixes(self, namespace: str) -> set[str]:
        return {str(route.destination) for route in self.learned(namespace)}

    @staticmethod
    def routes(namespace: str, table: int = MAIN_TABLE) -> dict[str, str]:
        """BIRD's routes in a kernel table: destination to link."""
        done = subprocess.run(
            ["ip", "-n", namespace, "route", "show", "table", str(table), "proto", "bird"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        assert done.returncode == 0 or "FIB table does not exist" in done.stderr, done.stderr
        found = (re.match(r"(\S+) via \S+ dev (\S+)", line) for line in done.stdout.splitlines())
        return {match[1]: match[2] for match in found if match}

    def way(self, namespace: str, to: str) -> str:
        return self.routes(namespace).get(to, "")

    def reaches(self, address: str) -> bool:
        command = ["ip", "netns", "exec", self.vpc, *f"ping -n -c 1 -W 1 -I 10.0.0.1 {address}".split()]
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0

    @contextmanager
    def probing(self, seconds: float, address: str = "192.168.1.1") -> Iterator[list[float]]:
        """Pings every 10 ms through the VPC while the block runs; afterwards the list holds the longest gap in ms."""
        count = int(seconds * 100)
        command = f"stdbuf -oL ping -D -n -i 0.01 -c {count} -W 1 -I 10.0.0.1 {address}".split()
        gap: list[float] = []
        with subprocess.Popen(
            ["ip", "netns", "exec", self.vpc, *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as ping:
            assert ping.stdout is not None
            before = "".join(ping.stdout.readline() for _ in range(10))
            yield gap
            output = before + ping.stdout.read()
        at = [float(found) for found in re.findall(r"^\[([\d.]+)\] .*bytes from", output, re.MULTILINE)]
        assert f"icmp_seq={count} " in output, f"nothing came through at the end:\n{output[-400:]}"
        gap.append(max(later - earlier for earlier, later in itertools.pairwise(at)) * 1000)

    def cut(self, namespace: str, link: str) -> None:
        """Drop everything on a link, silently: only BFD and hold timers can tell."""
        rules = f'iif "{link}" drop', f'oif "{link}" drop'
        text = (
            f"table ip cut_{link} {{ chain i {{ type filter hook prerouting priority -300; {rules[0]}; }};"
            f" chain o {{ type filter hook postrouting priority 300; {rules[1]}; }}; }}"
        )
        subprocess.run(["ip", "netns", "exec", namespace, "nft", text], check=True, capture_output=True, timeout=10)

    def heal(self, namespace: str, link: str) -> None:
        ip(f"netns exec {namespace} nft delete table ip cut_{link}")

    def pid(self, namespace: str) -> int:
        found = self.driver.place(namespace).find()
        assert found is not None
        return found.daemon.pid

    def since(self, namespace: str) -> dict[str, float]:
        """When each protocol got into its state, in hundredths: BIRD computes it anew each time, give or take 1 ms."""
        return {name: round(found.since.timestamp(), 2) for name, found in self.protocols(namespace).items()}

    def flapped(self, namespace: str, before: dict[str, float]) -> set[str]:
        """The protocols that have changed since."""
        now = self.since(namespace)
        return {name for name in before if abs(now.get(name, 0.0) - before[name]) > 0.02}

    def seen(self, driver: BirdDriver | None = None) -> dict[str, str]:
        found = {}
        for item in (driver or BirdDriver(self.run_dir, self.log_dir)).read(self.names):
            assert isinstance(item, Seen)
            found[item.namespace] = item.fingerprint
        return found

    def down(self) -> None:
        for name in self.names:
            found = self.driver.place(name).find()
            if found is not None:
                self.driver.place(name).end(found, kindly=False)
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, timeout=20, check=False)


@contextmanager
def lab(folder: Path, bfd: Bfd | None = None) -> Iterator[Lab]:
    made = Lab(folder / "run", folder / "log", bfd)
    made.run_dir.mkdir(mode=0o700)
    try:
        made.up()
        yield made
    finally:
        made.down()
