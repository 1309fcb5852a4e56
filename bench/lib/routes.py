"""Hears routes of a namespace's kernel tables come and go, with the moment of each: straight from netlink."""

from __future__ import annotations

import socket
import struct
import threading
import time
from ipaddress import IPv4Network

from lib import netns

_RTMGRP_IPV4_ROUTE = 0x40
_ADDED, _GONE = 24, 25
_DESTINATION, _TABLE = 1, 15


class RouteWatch:
    """A thread that listens in one namespace to one prefix in one table."""

    def __init__(self, namespace: str, table: int, prefix: str) -> None:
        self._table = table
        self._prefix = IPv4Network(prefix)
        self._seen = threading.Condition()
        self._moments: dict[bool, list[float]] = {True: [], False: []}
        with netns.inside(namespace):
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.bind((0, _RTMGRP_IPV4_ROUTE))
        self._socket.settimeout(0.2)
        self._ended = False
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._ended:
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                continue
            at = time.monotonic()
            while len(data) >= 16:
                length, kind = struct.unpack_from("=IH", data)
                if kind in (_ADDED, _GONE) and self._ours(data[16:length]):
                    with self._seen:
                        self._moments[kind == _ADDED].append(at)
                        self._seen.notify_all()
                data = data[(length + 3) & ~3 :]

    def _ours(self, message: bytes) -> bool:
        family, bits, table = message[0], message[1], message[4]
        destination = b"\0\0\0\0"
        rest = message[12:]
        while len(rest) >= 4:
            length, kind = struct.unpack_from("=HH", rest)
            if length < 4:
                break
            if kind == _DESTINATION:
                destination = rest[4:length]
            elif kind == _TABLE:
                table = struct.unpack_from("=I", rest, 4)[0]
            rest = rest[(length + 3) & ~3 :]
        return family == socket.AF_INET and table == self._table and IPv4Network((destination, bits)) == self._prefix

    def moment(self, *, there: bool, after: float, seconds: float = 10.0) -> float:
        """When the prefix came (or went), for the first time after a moment.

        Raises:
            TimeoutError: it did not.
        """
        with self._seen:
            found = self._seen.wait_for(lambda: [t for t in self._moments[there] if t >= after], seconds)
        if not found:
            raise TimeoutError(f"{self._prefix} did not {'come' if there else 'go'} within {seconds:g} s")
        return min(found)

    def close(self) -> None:
        """Stop listening."""
        self._ended = True
        self._thread.join()
        self._socket.close()
