"""Forgetting flows: what conntrack knows of an address, taken away entry by entry (ctnetlink).

A rule decides about a flow's first packet, and conntrack remembers. An address that somebody else has now must not
inherit that. The kernel finds the entries (CTA_FILTER, Linux 5.8), so that others cost nothing.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address
from typing import Final

from landbridge.drivers.netlink.decode import HEADER, NLMSG_DONE, NLMSG_ERROR, attributes, messages
from landbridge.drivers.netlink.inside import inside
from landbridge.reconcile.driver import DriverError

_NETFILTER: Final = 12  # NETLINK_NETFILTER
_GET: Final = 0x101  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET
_DELETE: Final = 0x102
_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_NESTED: Final = 0x8000
_HEAD: Final = struct.pack("=BBH", socket.AF_INET, 0, 0)  # nfgenmsg
_TUPLE_ORIG, _ID, _ZONE, _FILTER = 1, 12, 18, 25  # CTA_*
_SOURCE, _DESTINATION = 1, 2
"""CTA_IP_V4_SRC and _DST, and at the same time the bits of CTA_FILTER_ORIG_FLAGS that ask for them."""
_ANSWER_WITHIN: Final = 10.0


def forget(namespace: str, addresses: Iterable[IPv4Address]) -> None:
    """Forget every flow that began at or went to one of these addresses.

    Raises:
        NamespaceMissing: there is none of that name.
        DriverError: the kernel refused.
    """
    with inside(namespace):
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER)
    with opened as kernel:
        kernel.settimeout(_ANSWER_WITHIN)
        try:
            for address in addresses:
                for end in (_SOURCE, _DESTINATION):
                    for entry in list(_ask(kernel, _GET, _DUMP, _of(address, end))):
                        _delete(kernel, entry)
        except OSError as error:
            raise DriverError(f"Flows could not be forgotten in '{namespace}': {error.strerror or error}") from error


def _of(address: IPv4Address, end: int) -> bytes:
    ends = (_attribute(each, address.packed if each == end else bytes(4)) for each in (_SOURCE, _DESTINATION))
    flags = (_attribute(1, struct.pack("=I", end)), _attribute(2, bytes(4)))  # of the original and the reply tuple
    return _nest(_TUPLE_ORIG, _nest(1, *ends)) + _nest(_FILTER, *flags)


def _delete(kernel: socket.socket, entry: bytes) -> None:
    found = attributes(entry, len(_HEAD))
    # Its id: a new flow of the same ports is another one.
    named = (_nest(_TUPLE_ORIG, found[_TUPLE_ORIG]), *(_attribute(k, found[k]) for k in (_ID, _ZONE) if k in found))
    try:
        list(_ask(kernel, _DELETE, _ACK, b"".join(named)))
    except OSError as error:
        if error.errno != errno.ENOENT:  # it ended by itself
            raise


def _ask(kernel: socket.socket, kind: int, flags: int, body: bytes) -> Iterator[bytes]:
    body = _HEAD + body
    kernel.send(HEADER.pack(HEADER.size + len(body), kind, _REQUEST | flags, 1, 0) + body)
    while True:
        for answer, _, _, rest in messages(kernel.recv(1 << 18)):
            if answer in (NLMSG_DONE, NLMSG_ERROR):
                code = -int.from_bytes(rest[:4], sys.byteorder, signed=True)
                if code:
                    raise OSError(code, os.strerror(code))
                return
            yield rest


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def _nest(kind: int, *inner: bytes) -> bytes:
    return _attribute(kind | _NESTED, b"".join(inner))
