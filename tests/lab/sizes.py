"""How large a packet gets through, as a sender finds out: what it is told, what passes in pieces, what TCP carries."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
import struct
import threading

from packets import Host
from shell import SLOW, inside, ok, run

PORT = 7010


def told(sender: Host, receiver: Host) -> int | None:
    """The MTU that the sender hears of when a packet of 1,500 bytes must not be fragmented."""
    command = f"ip netns exec {sender.namespace} ping -n -c 1 -W 1 -M do -s 1472 {receiver.address}"
    said = run(*command.split())
    found = re.search(r"mtu ?= ?(\d+)", said.stdout + said.stderr)
    return int(found[1]) if found else None


def passes_whole(sender: Host, receiver: Host, size: int) -> bool:
    """Whether a packet of that size passes that must not be fragmented."""
    command = f"ip netns exec {sender.namespace} ping -n -c 1 -W 10 -M do -s {size - 28} {receiver.address}"
    return run(*command.split()).returncode == 0


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
    ok("ip", "-n", sender.namespace, "route", "flush", "cache")  # of MTUs that it was told of
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
