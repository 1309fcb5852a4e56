"""One netfilter socket in one namespace, for what libnftables would list everything for, or cannot do at all."""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

from landbridge.drivers.netlink.decode import HEADER, NLMSG_DONE, NLMSG_ERROR, attributes, messages
from landbridge.drivers.netlink.inside import inside

REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
_NETFILTER: Final = 12  # NETLINK_NETFILTER
_HEAD: Final = struct.Struct("=BBH")  # nfgenmsg: family, version, resource
_GET_TABLE: Final = 0xA01  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE
_GET_GENERATION: Final = 0xA10
_FAMILIES: Final = {2: "ip", 7: "bridge"}  # NFPROTO_*
_NETNS_COOKIE: Final = 71  # SO_NETNS_COOKIE, Linux 5.14
_ANSWER_WITHIN: Final = 10.0


class Netfilter:
    """A netfilter socket. Use it as a context manager; one thread at a time."""

    def __init__(self, namespace: str) -> None:
        """Open it inside the namespace, where it stays.

        Raises:
            NamespaceMissing: there is none of that name.
        """
        with inside(namespace):
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER)
        self._socket.settimeout(_ANSWER_WITHIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def ask(self, kind: int, flags: int, body: bytes = b"", family: int = socket.AF_UNSPEC) -> Iterator[bytes]:
        """Send a request; the answers without their netlink header, nfgenmsg included.

        Raises:
            OSError: the kernel refused.
        """
        body = _HEAD.pack(family, 0, 0) + body
        self._socket.send(HEADER.pack(HEADER.size + len(body), kind, REQUEST | flags, 1, 0) + body)
        while True:
            for answer, _, _, rest in messages(self._socket.recv(1 << 18)):
                if answer in (NLMSG_DONE, NLMSG_ERROR):
                    code = -int.from_bytes(rest[:4], sys.byteorder, signed=True)
                    if code:
                        raise OSError(code, os.strerror(code))
                    return
                yield rest

    def tables(self) -> list[tuple[str, str]]:
        """(family, name) of the tables of nftables in the families that landbridge uses."""
        found = []
        for answer in self.ask(_GET_TABLE, DUMP):
            name = attributes(answer, _HEAD.size)[1].rstrip(b"\0").decode("utf-8", "replace")
            if answer[0] in _FAMILIES:
                found.append((_FAMILIES[answer[0]], name))
        return sorted(found)

    def generation(self) -> tuple[int, int]:
        """What changes with every transaction of nftables here, whoever makes it; no other namespace has the same."""
        cookie = int.from_bytes(self._socket.getsockopt(socket.SOL_SOCKET, _NETNS_COOKIE, 8), sys.byteorder)
        (answer,) = self.ask(_GET_GENERATION, ACK)
        return cookie, int.from_bytes(attributes(answer, _HEAD.size)[1], "big")


def attribute(kind: int, data: bytes) -> bytes:
    """A netlink attribute."""
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)
