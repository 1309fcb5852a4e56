"""Tell the neighbours that an address has come to a link: a gratuitous ARP request (RFC 5227, section 3).

Somebody who knew the address under another link's hardware address would go on sending there for many seconds.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from ipaddress import IPv4Address
from typing import Final

from landbridge.drivers.netlink.inside import inside

_ETHERTYPE_ARP: Final = 0x0806
_ARPHRD_ETHER: Final = 1
_BROADCAST: Final = b"\xff" * 6
_NOBODY: Final = b"\x00" * 6
_REQUEST: Final = 1


def announce(namespace: str, link: str, address: IPv4Address) -> None:
    """Send it, if the link is an Ethernet that is up; on others nobody asks by ARP."""
    with inside(namespace):
        sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC)
    # A link that is down, or went away a moment ago, has no neighbours to tell.
    with sender, suppress(OSError):
        sender.bind((link, _ETHERTYPE_ARP))
        _, _, _, kind, hardware = sender.getsockname()
        if kind == _ARPHRD_ETHER:
            sender.send(gratuitous(hardware, address))


def gratuitous(hardware: bytes, address: IPv4Address) -> bytes:
    """The frame: who has this address? It has, itself."""
    ethernet = _BROADCAST + hardware + struct.pack("!H", _ETHERTYPE_ARP)
    fixed = struct.pack("!HHBBH", 1, 0x0800, 6, 4, _REQUEST)
    return ethernet + fixed + hardware + address.packed + _NOBODY + address.packed
