"""Two tunnel endpoints with their routers on a bridge, made with `ip` alone, and real charons in them.

a-router ==tun0== a-endpoint 203.0.113.1 --- bridge --- 203.0.113.2 b-endpoint ==tun0== b-router
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path
from uuid import uuid4

import vici
from networks import DATA_PLANE, IF_ID, SLOW, TUNNEL_MTU, ip, run, until

from landbridge.desired.ike import Charon, IkeConnection
from landbridge.desired.links import DataPlane, TunnelDevice
from landbridge.desired.mtu import tunnel_mtu
from landbridge.desired.objects import HostObject
from landbridge.drivers import cgroups, processes
from landbridge.drivers.strongswan import StrongSwan, strongswan
from landbridge.model.secret import Secret
from landbridge.observe.ike import Cause, IkeEvent, IkeEventKind, IkeSaStatus
from landbridge.reconcile.driver import Driver

KEY = b"a key for digests, only of this test"
PSK = "correct.horse.battery.staple"


@dataclass(frozen=True)
class Side:
    """One endpoint and its router."""

    endpoint: str
    router: str
    outside: IPv4Address
    inside: IPv4Address

    def charon(self, dpd_timeout: int = 30) -> Charon:
        return Charon(namespace=self.endpoint, data_plane=DATA_PLANE, dpd_timeout=dpd_timeout)

    def device(self) -> TunnelDevice:
        return TunnelDevice(
            namespace=self.router,
            name="tun0",
            endpoint=self.endpoint,
            data_plane=DATA_PLANE,
            mtu=TUNNEL_MTU,
            if_id=IF_ID,
        )

    def connection(self, peer: Side, psk: str = PSK, *, initiate: bool = False) -> IkeConnection:
        return IkeConnection(
            namespace=self.endpoint,
            name="t1",
            local=self.outside,
            remote=peer.outside,
            local_id=self.outside,
            remote_id=peer.outside,
            psk=Secret(psk),
            initiate=initiate,
            if_id=IF_ID,
        )


class Vpn:
    """The network, one set of drivers for it, and what they reported."""

    def __init__(self) -> None:
        self.prefix = f"ss{uuid4().hex[:8]}"
        self.directory = Path(tempfile.mkdtemp(prefix="lb-", dir="/run"))
        self.run_dir, self.log_dir = self.directory / "run", self.directory / "log"
        self.events: list[IkeEvent] = []
        self.woken: list[str] = []
        self._lock = threading.Lock()
        self.internet = f"{self.prefix}-net"
        self.a = self._side("a", 1)
        self.b = self._side("b", 2)
        self._opened: list[StrongSwan] = []
        self.drivers = self.open()

    def _side(self, name: str, number: int) -> Side:
        return Side(
            endpoint=f"{self.prefix}-{name}",
            router=f"{self.prefix}-{name}r",
            outside=IPv4Address(f"203.0.113.{number}"),
            inside=IPv4Address(f"169.254.10.{number}"),
        )

    @property
    def identities(self) -> list[str]:
        """Both sides': whose the pre-shared key is."""
        return [str(self.a.outside), str(self.b.outside)]

    def open(self) -> StrongSwan:
        """Another set of drivers, with no memory."""
        drivers = strongswan(
            run_dir=self.run_dir,
            log_dir=self.log_dir,
            owner=self.prefix,
            key=KEY,
            wake=self.woken.append,
            on_event=self._heard,
        )
        self._opened.append(drivers)
        return drivers

    def _heard(self, event: IkeEvent) -> None:
        with self._lock:
            self.events.append(event)

    def heard(self, kind: IkeEventKind, side: Side, cause: Cause | None = None) -> list[IkeEvent]:
        with self._lock:
            return [
                event
                for event in self.events
                if event.kind is kind and event.namespace == side.endpoint and (cause is None or event.cause is cause)
            ]

    def up(self) -> None:
        ip(f"netns add {self.internet}")
        ip(f"-n {self.internet} link add br0 type bridge")
        ip(f"-n {self.internet} link set br0 up")
        for side in (self.a, self.b):
            ip(f"netns add {side.router}")
            ip(f"-n {side.router} link set lo up")
            self.outside(side)

    def outside(self, side: Side) -> None:
        """The endpoint's namespace, on the bridge."""
        port = f"p{side.endpoint[-1]}"
        ip(f"netns add {side.endpoint}")
        ip(f"-n {side.endpoint} link set lo up")
        ip(f"-n {side.endpoint} link add eth0 type veth peer name {port} netns {self.internet}")
        ip(f"-n {side.endpoint} address add {side.outside}/24 dev eth0")
        ip(f"-n {side.endpoint} link set eth0 up")
        ip(f"-n {self.internet} link set {port} master br0 up")

    def driver_of(self, item: HostObject, drivers: StrongSwan | None = None) -> Driver:
        of = drivers or self.drivers
        return next(d for d in (of.charons, of.connections, of.devices) if type(item) in d.kinds)

    def put(self, *items: HostObject) -> None:
        for item in items:
            self.driver_of(item).put(item, None)

    def address(self, *sides: Side) -> None:
        """What the netlink driver would do: the inside addresses, again if they went with their device."""
        for side in sides:
            peer = self.b if side is self.a else self.a
            if str(side.inside) not in ip(f"-n {side.router} address show dev tun0"):
                ip(f"-n {side.router} address add {side.inside} peer {peer.inside}/32 dev tun0")

    def endpoint(self, side: Side, connection: IkeConnection, data_plane: DataPlane = DATA_PLANE) -> None:
        """Charon, device and connection, with another data plane than this run's if that is wanted."""
        if_id = IF_ID if data_plane is DataPlane.KERNEL else 0
        mtu = tunnel_mtu(data_plane, nat=False)
        self.put(
            replace(side.charon(), data_plane=data_plane),
            replace(side.device(), data_plane=data_plane, if_id=if_id, mtu=mtu),
            replace(connection, if_id=if_id),
        )
        self.address(side)

    def both(self) -> None:
        """Side b waits, side a initiates."""
        self.endpoint(self.b, self.b.connection(self.a))
        self.endpoint(self.a, self.a.connection(self.b, initiate=True))

    def seen(self, drivers: StrongSwan | None = None) -> dict[tuple[str, ...], HostObject]:
        of = drivers or self.drivers
        namespaces = [name for side in (self.a, self.b) for name in (side.endpoint, side.router)]
        found: Iterable[Driver] = (of.charons, of.connections, of.devices)
        return {item.key: item for driver in found for item in driver.read(namespaces)}

    def pid(self, side: Side) -> int:
        """The endpoint's charon, by /proc alone."""
        inode = processes.namespace_inode(side.endpoint)
        return next(
            found.daemon.pid for found in processes.find("charon-systemd", self.run_dir) if found.network == inode
        )

    def pids(self) -> list[int]:
        return [found.daemon.pid for found in processes.find("charon-systemd", self.run_dir)]

    def sas(self, side: Side) -> tuple[IkeSaStatus, ...]:
        return self.drivers.watcher.sas(side.endpoint)

    @contextmanager
    def control(self, side: Side) -> Iterator[vici.Session]:
        """The endpoint's charon, asked as anybody would."""
        with socket.socket(socket.AF_UNIX) as opened:
            opened.settimeout(15 * SLOW)
            opened.connect(str(self.drivers.endpoints.socket(side.endpoint)))
            yield vici.Session(opened)

    def is_up(self, side: Side) -> bool:
        return any(sa.up for sa in self.sas(side))

    def await_up(self, seconds: float = 10.0) -> None:
        for side in (self.a, self.b):
            until(lambda side=side: self.is_up(side), f"{side.endpoint} is up", seconds)

    def pings(self) -> bool:
        """One packet from router to router and back, through the tunnel."""
        command = f"ip netns exec {self.a.router} ping -c 1 -W {SLOW:g} {self.b.inside}"
        return subprocess.run(command.split(), capture_output=True, timeout=20 * SLOW, check=False).returncode == 0

    def await_ping(self, seconds: float = 10.0) -> None:
        until(self.pings, "a ping passes the tunnel", seconds)

    def cut(self) -> None:
        """Drop everything between the endpoints, silently."""
        run(f"ip netns exec {self.a.endpoint} nft add table ip cut")
        for hook in ("input", "output"):
            chain = f"{{ type filter hook {hook} priority 0 ; policy drop ; }}"
            command = ["ip", "netns", "exec", self.a.endpoint, "nft", "add", "chain", "ip", "cut", hook, chain]
            subprocess.run(command, check=True, capture_output=True, timeout=20)

    def mend(self) -> None:
        run(f"ip netns exec {self.a.endpoint} nft delete table ip cut")

    def down(self) -> None:
        for drivers in self._opened:
            drivers.close()
        for found in processes.find("charon-systemd", self.run_dir):
            os.kill(found.daemon.pid, signal.SIGCONT)
            processes.stop(found.daemon, patience=0.5 * SLOW)
        for side in (self.a, self.b):
            cgroups.remove_limited_group(f"{self.run_dir.name}-{side.endpoint}")
        for entry in sorted(os.listdir("/run/netns")):
            if entry.startswith(self.prefix):
                subprocess.run(["ip", "netns", "delete", entry], capture_output=True, timeout=20 * SLOW, check=False)
        shutil.rmtree(self.directory)


def with_psk(connection: IkeConnection, psk: str) -> IkeConnection:
    return replace(connection, psk=Secret(psk))
