"""How large a packet gets through, as a sender finds out: what it is told, what passes in pieces, what TCP carries."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
import struct
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address

from packets import Host
from shell import SLOW, inside, ok, run

PORT = 7010
_SYN = 2
_END_OF_OPTIONS, _NOTHING, _MSS = range(3)  # RFC 9293


def told(sender: Host, receiver: Host) -> tuple[int, IPv4Address] | None:
    """The MTU that the sender hears of when a packet of 1,500 bytes must not be fragmented, and who says so."""
    forget_mtus(sender)
    command = f"ip netns exec {sender.namespace} ping -n -c 1 -W 1 -M do -s 1472 {receiver.address}"
    said = run(*command.split())
    found = re.search(r"From (\S+) .*mtu ?= ?(\d+)", said.stdout + said.stderr)
    return (int(found[2]), IPv4Address(found[1])) if found else None


def passes_whole(sender: Host, receiver: Host, size: int) -> bool:
    """Whether a packet of that size passes that must not be fragmented. It does leave the sender."""
    forget_mtus(sender)
    command = f"ip netns exec {sender.namespace} ping -n -c 1 -W 10 -M do -s {size - 28} {receiver.address}"
    done = run(*command.split())
    assert "local error" not in done.stdout + done.stderr, "this one did not leave"
    return done.returncode == 0


def forget_mtus(host: Host) -> None:
    """What the host was told of earlier packets: it would refuse by itself to send another one as large."""
    ok("ip", "-n", host.namespace, "route", "flush", "cache")


def passes_in_pieces(sender: Host, receiver: Host) -> bool:
    """Whether the largest datagram that there is passes and is answered; it may be fragmented."""
    command = f"ip netns exec {sender.namespace} ping -n -c 1 -W 2 -s 65507 {receiver.address}"
    return run(*command.split()).returncode == 0


def large_ping(sender: Host, receiver: Host, size: int = 3000) -> str:
    """An ICMP echo request in fragments that fit the LAN, each of which forbids to be fragmented. What came back."""

    def raw() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
        made.settimeout(2 * SLOW)
        return made

    identity, number = secrets.randbelow(1 << 16), secrets.randbelow(65_535) + 1
    message = struct.pack("!BBHHH", 8, 0, 0, identity, 1) + os.urandom(size - 28)
    message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
    forget_mtus(sender)
    with inside(sender.namespace, raw) as link:
        for start in range(0, len(message), 1480):
            part = message[start : start + 1480]
            flags = 0x4000 | (0x2000 if start + 1480 < len(message) else 0)
            fields = (0x45, 0, 20 + len(part), number, flags | start // 8, 64, socket.IPPROTO_ICMP, 0)
            header = struct.pack("!BBHHHBBH", *fields) + sender.address.packed + receiver.address.packed
            try:
                link.sendto(header + part, (str(receiver.address), 0))
            except OSError:
                break  # it was told meanwhile, and an answer to the first part waits
        while True:
            try:
                found = link.recv(65_536)[20:]
            except TimeoutError:
                return "nothing"
            if found[0] == 0 and found[4:6] == struct.pack("!H", identity):
                return "answered" if found[8:] == message[8:] else "answered with something else"
            if found[:2] == bytes((3, 4)) and found[12:14] == struct.pack("!H", number):
                return f"fragmentation needed, {struct.unpack_from('!H', found, 6)[0]} bytes"


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of an even number of bytes."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def segment_sizes(frames: list[bytes], sender: Host) -> set[int]:
    """The MSS that the sender's SYNs name, first ones and answers, as they were seen."""
    return {
        size
        for frame in frames
        if frame[12:14] == b"\x08\x00" and frame[23] == socket.IPPROTO_TCP and frame[26:30] == sender.address.packed
        for size in _segment_size(frame[14 + (frame[14] & 15) * 4 :])
    }


def _segment_size(segment: bytes) -> Iterator[int]:
    options = segment[20 : (segment[12] >> 4) * 4] if segment[13] & _SYN else b""
    while options and options[0] != _END_OF_OPTIONS:
        if options[0] == _MSS:
            yield struct.unpack_from("!H", options, 2)[0]
        options = options[1 if options[0] == _NOTHING else options[1] :]


def carried(sender: Host, receiver: Host, megabytes: int) -> tuple[str, str]:
    """Digests of what was sent over one TCP connection, and of what arrived."""
    block = os.urandom(1 << 20)
    sent, arrived = hashlib.sha256(), hashlib.sha256()

    def listen() -> socket.socket:
        made = socket.create_server((str(receiver.address), PORT))
        made.settimeout(60 * SLOW)
        return made

    def hear(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            while data := connection.recv(1 << 18):
                arrived.update(data)

    with inside(receiver.namespace, listen) as server:
        thread = threading.Thread(target=hear, args=(server,))
        thread.start()
        with sender.tcp(receiver.address, PORT, seconds=60 * SLOW) as stream:
            for _ in range(megabytes):
                stream.sendall(block)
                sent.update(block)
        thread.join()
    return sent.hexdigest(), arrived.hexdigest()
