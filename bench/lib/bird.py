"""One BIRD, wired by hand: its configuration as one would write it, and its control socket."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from lib import netns
from lib.run import until

EXTRA = "192.168.199.0/24"
"""A prefix that a site can announce and withdraw: protocol `extra`."""


@dataclass(frozen=True, slots=True)
class Session:
    """A BGP session over a tunnel device."""

    name: str
    device: str
    local: str
    peer: str
    peer_asn: int
    preference: int


def config(
    *, router_id: str, asn: int, sessions: Sequence[Session], announced: Sequence[str], bfd_interval: int
) -> str:
    """What somebody who knows BIRD would write for this network; `announced`: networks that this router is in."""
    routes = "".join(f" route {prefix} blackhole;" for prefix in announced)
    bfd = f"min rx interval {bfd_interval} ms; min tx interval {bfd_interval} ms; multiplier 3;"
    text = f"""router id {IPv4Address(router_id)};
protocol device {{ scan time 1; }}
protocol static site {{ ipv4;{routes} }}
protocol static extra {{ disabled yes; ipv4; route {EXTRA} blackhole; }}
protocol kernel {{ ipv4 {{ import none; export where source = RTS_BGP; }}; }}
template bgp peers {{ local as {asn}; hold time 30; keepalive time 10; connect retry time 2; connect delay time 0;
  error wait time 1, 5; direct;{" bfd on;" if bfd_interval else ""}
  ipv4 {{ import all; export where source ~ [RTS_STATIC, RTS_BGP]; next hop self; }}; }}
"""
    if bfd_interval:
        devices = "".join(f' interface "{session.device}" {{ {bfd} }};' for session in sessions)
        text += f"protocol bfd {{{devices} }}\n"
    for session in sessions:
        text += (
            f"protocol bgp {session.name} from peers {{ neighbor {session.peer} as {session.peer_asn}; "
            f'source address {session.local}; interface "{session.device}"; '
            f"ipv4 {{ preference {session.preference}; }}; }}\n"
        )
    return text


class HandBird:
    """A BIRD in a namespace."""

    def __init__(self, folder: Path, namespace: str) -> None:
        self.namespace = namespace
        self._conf = folder / f"bird-{namespace}.conf"
        self._socket = folder / f"bird-{namespace}.ctl"
        self._log = folder / f"bird-{namespace}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, text: str) -> None:
        """Start it with this configuration."""
        self._conf.write_text(text)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, "bird", "-f", "-c", str(self._conf), "-s", str(self._socket)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ask(self, command: str) -> str:
        """One command, one answer."""
        return ask(self._socket, command)

    def established(self, count: int, seconds: float = 30) -> None:
        """Wait until so many BGP sessions are up."""
        until(lambda: self._up() >= count, f"{count} BGP sessions in {self.namespace}", seconds)

    def _up(self) -> int:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"bird in {self.namespace} ended: {self._log.read_text()[-500:]}")
        return self.ask("show protocols").count("Established") if self._socket.exists() else 0

    @property
    def pid(self) -> int:
        """Its process."""
        assert self.process is not None
        return self.process.pid

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            netns.stop(self.process)


def ask(path: Path, command: str) -> str:
    """One command over a BIRD's control socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(10)
        link.connect(str(path))
        _answer(link)
        link.sendall(f"{command}\n".encode())
        return _answer(link)


def _answer(link: socket.socket) -> str:
    text = b""
    while True:
        last = text.rstrip(b"\n").rpartition(b"\n")[2]
        if text.endswith(b"\n") and last[:4].isdigit() and last[4:5] == b" ":
            return text.decode()
        received = link.recv(65536)
        if not received:
            raise RuntimeError("BIRD hung up")
        text += received
