"""Forgetting flows: what conntrack knows of addresses, taken away entry by entry (ctnetlink).

A rule decides about a flow's first packet, and conntrack remembers. An address that somebody else has now must not
inherit that. All entries of the namespace are looked at once: the kernel walks them all, however few are asked for.
"""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Final

from landbridge.drivers.netlink.decode import attributes
from landbridge.drivers.nftables.netfilter import ACK, DUMP, Netfilter, attribute
from landbridge.reconcile.driver import DriverError

_GET: Final = 0x101  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET
_DELETE: Final = 0x102
_HEAD: Final = 4  # bytes of nfgenmsg
_NESTED: Final = 0x8000
_TUPLE_ORIG, _ID, _ZONE = 1, 12, 18  # CTA_*
_IP, _SOURCE, _DESTINATION = 1, 1, 2  # CTA_TUPLE_IP, CTA_IP_V4_SRC, CTA_IP_V4_DST


def forget(namespace: str, addresses: Iterable[IPv4Address]) -> None:
    """Forget every flow that began at or went to one of these addresses.

    Raises:
        NamespaceMissing: there is none of that name.
        DriverError: the kernel refused.
    """
    gone = {address.packed for address in addresses}
    somewhere = re.compile(b"|".join(map(re.escape, sorted(gone))))
    try:
        with Netfilter(namespace) as kernel:
            found = []
            for entry in kernel.ask(_GET, DUMP, family=socket.AF_INET):
                # Most have none of them anywhere, and to see that costs a tenth of taking them apart.
                if somewhere.search(entry) and gone & _ends(entry):
                    found.append(entry)
            for entry in found:
                _delete(kernel, entry)
    except OSError as error:
        raise DriverError(f"Flows could not be forgotten in '{namespace}': {error.strerror or error}") from error


def _ends(entry: bytes) -> set[bytes]:
    ips = attributes(attributes(attributes(entry, _HEAD)[_TUPLE_ORIG], 0)[_IP], 0)
    return {ips[_SOURCE], ips[_DESTINATION]}


def _delete(kernel: Netfilter, entry: bytes) -> None:
    found = attributes(entry, _HEAD)
    # With its id: a new flow of the same ports is another one.
    named = [attribute(_TUPLE_ORIG | _NESTED, found[_TUPLE_ORIG])]
    named += (attribute(kind, found[kind]) for kind in (_ID, _ZONE) if kind in found)
    try:
        list(kernel.ask(_DELETE, ACK, b"".join(named), socket.AF_INET))
    except OSError as error:
        if error.errno != errno.ENOENT:  # it ended by itself
            raise
