"""The reference: VPC, sites and VPN connections wired by hand as a careful engineer would, without any service.

    host -- site ==tun1== [c1]~~~internet~~~[g1] ==tun1== vgw -- vpc
               \\==tun2== [c2]~~~internet~~~[g2] ==tun2==/

g* and c* hold only keys and ciphertext; vgw and site hold only plaintext. A libipsec charon takes one 0.0.0.0/0 tunnel,
so the customer's side, too, runs one charon per tunnel, behind NAT of the site's one public address; with the kernel's
ESP it is wired in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from landbridge.desired.links import DataPlane
from landbridge.drivers.probe import choose
from lib import netns
from lib.bird import HandBird, Session, config
from lib.charon import HandCharon

VPC_CIDR = "10.0.0.0/16"
INSTANCE = "10.0.0.10"
CLOUD_ASN = 64512
SITE_ASN = 65000
NUMBERS = (1, 2)


@dataclass(frozen=True, slots=True)
class Ends:
    """A tunnel's addresses and key."""

    cloud_outside: str
    customer_outside: str
    cloud_inside: str
    customer_inside: str
    psk: str


def here() -> DataPlane:
    """Who does ESP on this machine if landbridge is left to choose."""
    return choose("auto").data_plane


class Customer:
    """A customer gateway by hand in the namespace of a site, up to the point where it waits for addresses and keys."""

    def __init__(
        self,
        folder: Path,
        tag: str,
        site: str,
        public: str,
        uplink: str,
        data_plane: DataPlane | None = None,
        number: int = 0,
    ) -> None:
        """`number`: of the site's connections, of which it may have several."""
        self.site = site
        plane = data_plane or here()
        self._public = public
        self._uplink = uplink
        self._folder = folder
        self._numbers = [2 * number + n for n in NUMBERS]
        self._spaces = [f"lbh{tag}-{site}c{n}" for n in self._numbers]
        self.charons = [
            HandCharon(folder, space, site, f"tun{n}", plane)
            for n, space in zip(self._numbers, self._spaces, strict=True)
        ]
        self.bird = HandBird(folder, site)

    def prepare(self) -> None:
        """Namespaces, NAT, and charons that have started."""
        nat = "".join(f' oifname "{self._uplink}" ip saddr 100.64.{n}.0/30 masquerade\n' for n in self._numbers)
        netns.run("ip", "netns", "exec", self.site, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0")
        for number, space, charon in zip(self._numbers, self._spaces, self.charons, strict=True):
            netns.add(space)
            netns.ip(space, f"link add eth0 type veth peer name ct{number} netns {self.site}", "link set eth0 up")
            netns.ip(self.site, f"link set ct{number} up", f"addr add 100.64.{number}.1/30 dev ct{number}")
            netns.ip(space, f"addr add 100.64.{number}.2/30 dev eth0", f"route add default via 100.64.{number}.1")
            charon.start()
        netns.run(
            *("ip", "netns", "exec", self.site, "nft", "-f", "-"),
            text="table ip lbbench {\n chain post {\n  type nat hook postrouting priority 100;\n" + nat + " }\n}\n",
        )

    def ready(self) -> None:
        """Wait until the charons serve."""
        for charon in self.charons:
            charon.ready()

    def configure(self, ends: Sequence[Ends]) -> None:
        """Addresses and keys, as the device file gives them."""
        for number, charon, each in zip(self._numbers, self.charons, ends, strict=True):
            charon.inside(each.customer_inside, each.cloud_inside)
            charon.load(
                local=f"100.64.{number}.2",
                local_id=each.customer_outside,
                remote=each.cloud_outside,
                remote_id=each.cloud_outside,
                psk=each.psk,
            )

    def admit(self, ends: Sequence[Ends]) -> None:
        """Let the cloud's charons reach ours: for a cloud that calls."""
        rules = "".join(
            f" ip saddr {each.cloud_outside} udp dport {{ 500, 4500 }} dnat to 100.64.{number}.2\n"
            for number, each in zip(self._numbers, ends, strict=True)
        )
        netns.run(
            *("ip", "netns", "exec", self.site, "nft", "-f", "-"),
            text="table ip lbbench {\n chain pre {\n  type nat hook prerouting priority -100;\n" + rules + " }\n}\n",
        )

    def speak(self, ends: Sequence[Ends], *, asn: int, peer_asn: int, lan: str, bfd_interval: int) -> None:
        """BGP over both tunnels."""
        sessions = [
            Session(f"t{n}", f"tun{n}", e.customer_inside, e.cloud_inside, peer_asn, 120 - 10 * n)
            for n, e in zip(self._numbers, ends, strict=True)
        ]
        self.bird.start(
            config(router_id=self._public, asn=asn, sessions=sessions, announced=[lan], bfd_interval=bfd_interval)
        )

    def route(self, prefix: str) -> None:
        """A static route instead of BGP."""
        netns.ip(self.site, f"route replace {prefix} dev tun{self._numbers[0]}")

    def close(self) -> None:
        """End and remove everything but the site."""
        self.bird.stop()
        for charon in self.charons:
            charon.stop()
        netns.delete(self._spaces)
        if Path("/run/netns", self.site).exists():
            netns.run(
                "ip", "netns", "exec", self.site, "nft", "-f", "-", text="table ip lbbench\ndelete table ip lbbench\n"
            )


def initiate(charons: Sequence[HandCharon]) -> None:
    """Bring all these tunnels up, side by side."""
    with ThreadPoolExecutor(max(1, len(charons))) as pool:
        list(pool.map(HandCharon.initiate, charons))


class Connection:
    """One site with its customer gateway, and the two endpoints on the cloud's side that belong to it."""

    def __init__(self, world: HandWired, number: int, site: int) -> None:
        """`site`: of which it is; several connections may be of one."""
        self.world = world
        self.number, self._site = number, site
        tag, folder = world.tag, world.folder
        self.site, self.host = f"lbh{tag}-s{site}", f"lbh{tag}-h{site}"
        self.lan, self.host_address = f"192.168.{site}.0/24", f"192.168.{site}.10"
        self.public = str(IPv4Address("203.0.113.2") + site)
        self.customer = Customer(folder, tag, self.site, self.public, "eth0", world.data_plane, number - site)
        self.spaces = [f"lbh{tag}-g{number}-{n}" for n in NUMBERS]
        self.devices = [f"tun{number}-{n}" for n in NUMBERS]
        self.charons = [
            HandCharon(folder, space, world.vgw, device, world.data_plane)
            for space, device in zip(self.spaces, self.devices, strict=True)
        ]
        self.ends = [
            Ends(
                cloud_outside=str(IPv4Address("203.0.113.128") + 2 * number + n - 1),
                customer_outside=self.public,
                cloud_inside=f"169.254.{10 + number}.{4 * n - 3}",
                customer_inside=f"169.254.{10 + number}.{4 * n - 2}",
                psk=f"by-hand-only-{number}-{n}",
            )
            for n in NUMBERS
        ]

    def port(self, n: int) -> str:
        """The Internet bridge's port of endpoint n."""
        return f"pg{self.number}-{n}"

    def build_site(self) -> None:
        """The site with its host, if it is not there yet, and a customer gateway about to wait."""
        if self.number == self._site:
            for space in (self.site, self.host):
                netns.add(space)
            self.world.plug(self.site, self.public, f"ps{self.number}")
            self.world.lan(self.host, self.site, f"{self.host_address}/24", f"192.168.{self.number}.1", "lan0")
        self.customer.prepare()

    def build_endpoints(self) -> None:
        """Both endpoints up to the start of their charons."""
        for n, space, charon, each in zip(NUMBERS, self.spaces, self.charons, self.ends, strict=True):
            netns.add(space)
            self.world.plug(space, each.cloud_outside, self.port(n))
            charon.start()

    def load_endpoints(self) -> None:
        """Their TUNs, addresses and keys."""
        for charon, each in zip(self.charons, self.ends, strict=True):
            charon.ready()
            charon.inside(each.cloud_inside, each.customer_inside)
            charon.load(
                local=each.cloud_outside,
                local_id=each.cloud_outside,
                remote="%any",
                remote_id=each.customer_outside,
                psk=each.psk,
            )

    def sessions(self) -> list[Session]:
        """The cloud's BGP sessions with this site."""
        return [
            Session(f"c{self.number}t{n}", device, each.cloud_inside, each.customer_inside, SITE_ASN, 120 - 10 * n)
            for n, device, each in zip(NUMBERS, self.devices, self.ends, strict=True)
        ]

    def speak(self) -> None:
        """The site's BGP."""
        self.customer.speak(
            self.ends, asn=SITE_ASN, peer_asn=CLOUD_ASN, lan=self.lan, bfd_interval=self.world.bfd_interval
        )


class HandWired:
    """The whole environment. Close it whatever happens."""

    def __init__(
        self,
        folder: Path,
        tag: str,
        connections: int = 1,
        bfd_interval: int = 100,
        data_plane: DataPlane | None = None,
        *,
        one_site: bool = False,
    ) -> None:
        """`data_plane`: None is what landbridge would take here. `one_site`: all connections are of the same one."""
        self.data_plane = data_plane or here()
        self.folder = folder / f"hand-{tag}"
        self.folder.mkdir()
        self.tag = tag
        self.bfd_interval = bfd_interval
        self.inet, self.vgw, self.vpc = (f"lbh{tag}-{name}" for name in ("inet", "vgw", "vpc"))
        self.bird = HandBird(self.folder, self.vgw)
        self.connections = [Connection(self, number, 0 if one_site else number) for number in range(connections)]

    def build_base(self) -> None:
        """The Internet, the VPC, its gateway, and sites whose customer gateways wait."""
        for space in (self.inet, self.vgw, self.vpc):
            netns.add(space)
        netns.ip(self.inet, "link add br0 type bridge", "link set br0 up")
        self.lan(self.vpc, self.vgw, f"{INSTANCE}/24", "10.0.0.1", "lan0")
        for connection in self.connections:
            connection.build_site()

    def ready_base(self) -> None:
        """Wait for the customer gateways' charons."""
        for connection in self.connections:
            connection.customer.ready()

    def connect(self, *, bgp: bool) -> None:
        """From waiting customer gateways to tunnels with routes."""
        for connection in self.connections:
            connection.build_endpoints()
        self.finish(bgp=bgp)

    def finish(self, *, bgp: bool) -> None:
        """The rest, once all charons were started."""
        for connection in self.connections:
            connection.load_endpoints()
            connection.customer.configure(connection.ends)
        initiate([charon for connection in self.connections for charon in connection.customer.charons])
        if bgp:
            self.speak()
            for connection in self.connections:
                connection.speak()
            return
        for connection in self.connections:
            connection.customer.route(VPC_CIDR)
            netns.ip(self.vgw, f"route replace {connection.lan} dev {connection.devices[0]}")

    def speak(self) -> None:
        """The cloud's BGP."""
        sessions = [session for connection in self.connections for session in connection.sessions()]
        self.bird.start(
            config(
                router_id="10.0.0.1",
                asn=CLOUD_ASN,
                sessions=sessions,
                announced=[VPC_CIDR],
                bfd_interval=self.bfd_interval,
            )
        )

    def build(self) -> None:
        """From nothing to both tunnels up and BGP established."""
        self.build_base()
        for connection in self.connections:
            connection.build_endpoints()
        self.ready_base()
        self.finish(bgp=True)

    def plug(self, space: str, address: str, port: str) -> None:
        """A namespace on the Internet."""
        netns.ip(space, f"link add eth0 type veth peer name {port} netns {self.inet}", "link set eth0 up")
        netns.ip(self.inet, f"link set {port} master br0 up")
        netns.ip(space, f"addr add {address}/24 dev eth0")

    def lan(self, host: str, router: str, address: str, gateway: str, port: str) -> None:
        """A host behind a router."""
        netns.ip(host, f"link add eth0 type veth peer name {port} netns {router}", "link set eth0 up")
        netns.ip(router, f"link set {port} up", f"addr add {gateway}/24 dev {port}")
        netns.ip(host, f"addr add {address} dev eth0", f"route add default via {gateway}")

    def close(self) -> None:
        """End every daemon, then remove every namespace (in this order: traps 1)."""
        self.bird.stop()
        for connection in self.connections:
            for charon in connection.charons:
                charon.stop()
            connection.customer.close()
        spaces = [self.inet, self.vgw, self.vpc]
        for connection in self.connections:
            spaces += [*connection.spaces, connection.site, connection.host]
        netns.delete(list(dict.fromkeys(spaces)))
