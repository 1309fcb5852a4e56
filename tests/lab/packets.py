"""Packets sent and seen: hosts that reach each other or not, a probe with sequence numbers, a capture."""

from __future__ import annotations

import http.client
import http.server
import mmap
import secrets
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from math import ceil
from types import TracebackType

from shell import SLOW, eventually, inside, run

PROBE_PORT = 7007
PROBE_EVERY = 0.01
_ETH_P_ALL = 3
_SO_RCVBUFFORCE = 33  # socket(7): also beyond the machine's limit
# linux/if_packet.h
_SOL_PACKET, _PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION, _TPACKET_V2 = 263, 5, 6, 10, 1
_TP_STATUS_USER = 1
_BLOCK, _BLOCKS, _SLOT = 1 << 20, 32, 1 << 14
_SLOTS = _BLOCK * _BLOCKS // _SLOT
_SLOT_HEAD = struct.Struct("IIIH")
"""Status, the packet's length, how much of it is here, and where (struct tpacket2_hdr)."""
_SEQUENCE = struct.Struct("!Q")


@dataclass(frozen=True)
class Host:
    """Something with one address in one namespace: an instance, a host on a site's LAN, a host on the Internet."""

    name: str
    namespace: str
    address: IPv4Address

    def reaches(self, other: Host | IPv4Address) -> bool:
        """A ping comes back before the time is over.

        Link and neighbour of a new instance can take seconds on a busy kernel: it looks at carriers once a second, and
        asks again for an address once a second.
        """
        return self._ping(other, ceil(5 * SLOW))

    def cannot_reach(self, other: Host | IPv4Address) -> bool:
        """None of five pings comes back within a second."""
        return not self._ping(other, 1)

    def _ping(self, other: Host | IPv4Address, seconds: int) -> bool:
        there = other.address if isinstance(other, Host) else other
        command = ("ping", "-n", "-c", "1", "-i", "0.2", "-w", str(seconds), str(there))
        done = run("ip", "netns", "exec", self.namespace, *command)
        assert "network namespace" not in done.stderr, "a missing namespace proves nothing"
        return done.returncode == 0

    def comes_to_reach(self, other: Host | IPv4Address, seconds: float = 15.0) -> None:
        """A ping passes before the time is over."""
        what = other.name if isinstance(other, Host) else str(other)
        eventually(lambda: self._ping(other, 1), f"{self.name} reaches {what}", seconds)

    def loses(self, other: Host | IPv4Address, seconds: float = 15.0) -> None:
        """Pings stop passing before the time is over."""
        what = other.name if isinstance(other, Host) else str(other)
        eventually(lambda: self.cannot_reach(other), f"{self.name} no longer reaches {what}", seconds)

    def gets_through_to(self, address: Host | IPv4Address, at: Host, seconds: float = 1.0) -> bool:
        """Whether a packet to that address is seen in the namespace `at`, answered or not."""
        token = secrets.token_bytes(16)
        there = str(address.address if isinstance(address, Host) else address)
        with Capture(at.namespace) as capture, inside(self.namespace, _udp) as sender:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                with suppress(OSError):  # unreachable, says a router by ICMP: that is one way of not getting through
                    sender.sendto(token, (there, 9))
                if capture.contains(token):
                    return True
                time.sleep(0.05)
            return capture.contains(token)

    def tcp(self, address: IPv4Address, port: int, seconds: float = 5.0) -> socket.socket:
        """A connection from here."""

        def connect() -> socket.socket:
            return socket.create_connection((str(address), port), seconds)

        return inside(self.namespace, connect)


def _udp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


class Capture:
    """Everything that passes any link of a namespace, from `with` on.

    By a ring that the kernel copies each packet into as it passes. What waits in a socket's queue is the packet itself:
    the kernel's ESP decrypts in place, and what had been ciphertext on the wire would be read as plaintext.
    """

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._frames: list[bytes] = []
        self._lock = threading.Lock()
        self._ended = False
        self._next = 0

    def __enter__(self) -> Capture:
        def listen() -> socket.socket:
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
            made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 32_000_000)
            made.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V2)
            ring = struct.pack("IIII", _BLOCK, _BLOCKS, _SLOT, _SLOTS)
            made.setsockopt(_SOL_PACKET, _PACKET_RX_RING, ring)
            return made

        self._socket = inside(self._namespace, listen)
        self._ring = mmap.mmap(self._socket.fileno(), _BLOCK * _BLOCKS)
        self._thread = threading.Thread(target=self._read, name=f"capture {self._namespace}")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._thread.join()
        self._take()
        _, dropped = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        self._ring.close()
        self._socket.close()
        assert kind is not None or dropped == 0, f"the capture missed {dropped} packets and proves nothing"

    def _read(self) -> None:
        while not self._ended:
            if select.select([self._socket], [], [], 0.1)[0]:
                with self._lock:
                    self._take()

    def _take(self) -> None:
        while not self._ring.closed:
            at = self._next * _SLOT
            status, _, length, start = _SLOT_HEAD.unpack_from(self._ring, at)
            if not status & _TP_STATUS_USER:
                return
            self._frames.append(self._ring[at + start : at + start + length])
            struct.pack_into("I", self._ring, at, 0)  # the slot is the kernel's again
            self._next = (self._next + 1) % _SLOTS

    def frames(self) -> list[bytes]:
        """What was seen so far, Ethernet frames: all that has passed, whether the reader came to it or not."""
        with self._lock:
            self._take()
            return list(self._frames)

    def contains(self, token: bytes) -> bool:
        """Whether the bytes were seen."""
        return any(token in frame for frame in self.frames())

    def from_address(self, address: str) -> bool:
        """Whether an IPv4 packet from there was seen."""
        source = IPv4Address(address).packed
        return any(frame[12:14] == b"\x08\x00" and frame[26:30] == source for frame in self.frames())

    def kinds(self) -> set[str]:
        """The kinds of the IPv4 packets that were seen."""
        return {kind for frame in self.frames() if (kind := _kind(frame))}


def _kind(frame: bytes) -> str:
    if frame[12:14] != b"\x08\x00":
        return ""
    packet = frame[14:]
    rest, protocol = packet[(packet[0] & 15) * 4 :], packet[9]
    if protocol == socket.IPPROTO_IGMP:
        return ""  # what hosts tell the switch that they are plugged into; no router passes it on
    if protocol == socket.IPPROTO_ESP:
        return "ESP"
    if protocol != socket.IPPROTO_UDP:
        return f"protocol {protocol}"
    ports = set(struct.unpack("!HH", rest[:4]))
    if 4500 in ports:
        body = rest[8:]
        return "NAT keepalive" if body == b"\xff" else "IKE" if body[:4] == bytes(4) else "ESP in UDP"
    return "IKE" if 500 in ports else f"UDP {min(ports)}"


class Probe:
    """A hundred UDP packets a second to an echo at the other host, each with a number."""

    def __init__(self, source: Host, target: Host) -> None:
        self._source, self._target = source, target
        self.sent = 0
        self._back: dict[int, float] = {}
        self._there: dict[int, float] = {}
        self._ended = False

    def __enter__(self) -> Probe:
        def echo() -> socket.socket:
            made = _udp()
            made.bind((str(self._target.address), PROBE_PORT))
            made.settimeout(0.1)
            return made

        def ask() -> socket.socket:
            made = _udp()
            made.settimeout(0.1)
            made.bind(("0.0.0.0", 0))
            return made

        self._echo = inside(self._target.namespace, echo)
        self._ask = inside(self._source.namespace, ask)
        self._threads = [threading.Thread(target=work) for work in (self._answer, self._hear, self._send)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        for thread in self._threads:
            thread.join()
        self._echo.close()
        self._ask.close()

    def _send(self) -> None:
        start = time.monotonic()
        while not self._ended:
            with suppress(OSError):  # lost, and counted as that: no answer will come
                self._ask.sendto(_SEQUENCE.pack(self.sent), (str(self._target.address), PROBE_PORT))
            self.sent += 1
            time.sleep(max(0.0, start + self.sent * PROBE_EVERY - time.monotonic()))

    def _answer(self) -> None:
        while not self._ended:
            try:
                data, asker = self._echo.recvfrom(64)
                self._there[_SEQUENCE.unpack(data)[0]] = time.monotonic()
                self._echo.sendto(data, asker)
            except OSError:
                continue

    def _hear(self) -> None:
        while not self._ended:
            try:
                data = self._ask.recv(64)
            except OSError:
                continue
            self._back[_SEQUENCE.unpack(data)[0]] = time.monotonic()

    def passes(self, seconds: float = 10.0) -> int:
        """Wait until twenty packets in a row come back; the number of the next one to be sent."""
        start = self.sent

        def row() -> bool:
            last = self.sent - 20
            while last >= start and not all(n in self._back for n in range(last, last + 20)):
                last -= 1
            return last >= start

        eventually(row, f"the probe from {self._source.name} to {self._target.name} passes", seconds)
        return self.sent

    def stops(self, seconds: float = 10.0) -> None:
        """Wait until twenty packets in a row are lost."""
        start = self.sent

        def row() -> bool:
            end = self.sent - 20  # these had 0.2 s to come back
            return end - 20 >= start and not any(n in self._back for n in range(end - 20, end))

        eventually(row, f"the probe from {self._source.name} to {self._target.name} stops", seconds)

    def lost(self, since: int = 0) -> list[int]:
        """Of the packets sent from that number until now, those that do not come back."""
        until = self.sent
        deadline = time.monotonic() + 2.0
        while (missing := [n for n in range(since, until) if n not in self._back]) and time.monotonic() < deadline:
            time.sleep(0.01)
        return missing

    def outage(self, since: int = 0) -> float:
        """Seconds of the longest row of lost packets."""
        longest = row = 0
        missing = set(self.lost(since))
        for number in range(since, self.sent):
            row = row + 1 if number in missing else 0
            longest = max(longest, row)
        return longest * PROBE_EVERY


@contextmanager
def web_server(host: Host, body: bytes, port: int = 80) -> Iterator[None]:
    """An HTTP server on the host that answers every GET with these bytes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    def listen() -> http.server.HTTPServer:
        return http.server.ThreadingHTTPServer((str(host.address), port), Handler)

    server = inside(host.namespace, listen)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def get(client: Host, address: IPv4Address, path: str = "/", port: int = 80) -> bytes:
    """What an HTTP server answers, asked from the host."""
    connection = http.client.HTTPConnection(str(address), port)
    connection.sock = client.tcp(address, port)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()
