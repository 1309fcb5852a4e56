"""Tell the neighbours that an address has come to a link: a gratuitous ARP request (RFC 5227, section 3).

Somebody who knew the address under another link's hardware address would go on sending there for many seconds.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from functools import cache
from ipaddress import IPv4Address
from queue import SimpleQueue
from typing import Final

from landbridge.drivers.netlink.inside import inside
from landbridge.drivers.netlink.rtnl import Rtnl

_ETHERTYPE_ARP: Final = 0x0806
_ARPHRD_ETHER: Final = 1
_BROADCAST: Final = b"\xff" * 6
_NOBODY: Final = b"\x00" * 6
_REQUEST: Final = 1
_AGAIN_AFTER: Final = 0.1
"""Seconds. A socket keeps a deleted namespace alive no longer than that."""


def announce(namespace: str, link: str, address: IPv4Address) -> None:
    """Send it, if the link is an Ethernet that has a carrier; on others nobody asks by ARP, or nobody is there.

    And again a moment later: a fresh carrier, and a bridge's port behind it, are the work of the kernel's own threads.
    """
    with Rtnl(namespace) as rtnl:
        found = rtnl.link(link)
    if found is None or not found.carrier:
        return
    with inside(namespace):
        sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC)
    # A link that went away a moment ago has no neighbours to tell.
    with suppress(OSError):
        sender.bind((link, _ETHERTYPE_ARP))
        _, _, _, kind, hardware = sender.getsockname()
        if kind == _ARPHRD_ETHER:
            frame = gratuitous(hardware, address)
            sender.send(frame)
            _start()
            _repeats.put((time.monotonic() + _AGAIN_AFTER, sender, frame))
            return
    sender.close()


def _repeat() -> None:
    while True:
        due, sender, frame = _repeats.get()
        time.sleep(max(0.0, due - time.monotonic()))
        with sender, suppress(OSError):
            sender.send(frame)


@cache
def _start() -> None:
    # With the first announcement, not with the import: a process that forks must not have threads yet.
    threading.Thread(target=_repeat, name="announcements", daemon=True).start()


_repeats: SimpleQueue[tuple[float, socket.socket, bytes]] = SimpleQueue()


def gratuitous(hardware: bytes, address: IPv4Address) -> bytes:
    """The frame: who has this address? It has, itself."""
    ethernet = _BROADCAST + hardware + struct.pack("!H", _ETHERTYPE_ARP)
    fixed = struct.pack("!HHBBH", 1, 0x0800, 6, 4, _REQUEST)
    return ethernet + fixed + hardware + address.packed + _NOBODY + address.packed
