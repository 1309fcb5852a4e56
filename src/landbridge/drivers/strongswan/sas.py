"""The kernel's own IPsec SAs and policies in an endpoint's namespace: read, flushed, and heard when they go.

charon installs them and believes that they stay. Somebody may delete them (`ip xfrm state flush`), and a charon that
was killed leaves its own behind. Layouts and numbers: linux/xfrm.h.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from landbridge.desired.objects import HERE
from landbridge.drivers.netlink.decode import HEADER, NLMSG_DONE, NLMSG_ERROR, attributes, messages
from landbridge.drivers.netlink.inside import NamespaceMissing, inside, path_of
from landbridge.drivers.netlink.rtnl import ACK, REQUEST
from landbridge.reconcile.driver import DriverError

_NETLINK_XFRM: Final = 6
_DUMP: Final = 0x300
_SELECTOR: Final = 56
_SPI_AT: Final = _SELECTOR + 16
_DIRECTION_AT: Final = _SELECTOR + 64 + 32 + 8
_POLICY_INFO: Final = 168
_STATE_INFO: Final = 224
_WINDOW_AT: Final = 215
_FLAGS_AT: Final = 216
_ESN: Final = 128
_IF_ID: Final = 31
_ALGORITHMS: Final = frozenset({1, 2, 18, 20})  # XFRMA_ALG_AUTH, ALG_CRYPT, ALG_AEAD, ALG_AUTH_TRUNC
_REPLAY_ESN: Final = 23
_REPLAY_ESN_WINDOW_AT: Final = 20
_GROUPS: Final = 0x4 | 0x8  # XFRMGRP_SA, XFRMGRP_POLICY
_ANSWER_WITHIN: Final = 10.0
_DIRECTIONS: Final = 3
"""in, out and forward: what a tunnel-mode CHILD SA has."""


class _Message(IntEnum):
    DELSA = 0x11
    GETSA = 0x12
    DELPOLICY = 0x14
    GETPOLICY = 0x15
    FLUSHSA = 0x1C
    FLUSHPOLICY = 0x1D


_LOSSES: Final = frozenset({_Message.DELSA, _Message.DELPOLICY, _Message.FLUSHSA, _Message.FLUSHPOLICY})


@dataclass(frozen=True, slots=True)
class AntiReplay:
    """How an SA tells replayed packets: its window in packets, and whether its sequence numbers have 64 bits."""

    window: int
    esn: bool


def anti_replay(state: bytes) -> AntiReplay:
    """Out of an SA as the kernel tells of it (struct xfrm_usersa_info and attributes)."""
    wide = attributes(state, _STATE_INFO).get(_REPLAY_ESN)
    window = state[_WINDOW_AT] if wide is None else struct.unpack_from("=I", wide, _REPLAY_ESN_WINDOW_AT)[0]
    return AntiReplay(window, bool(state[_FLAGS_AT] & _ESN))


@dataclass(frozen=True, slots=True)
class Installed:
    """What the kernel has: SPIs as charon writes them (eight hexadecimal digits), and complete policies' if_ids."""

    spis: frozenset[str]
    if_ids: frozenset[int]
    replay: Mapping[str, AntiReplay] = field(default_factory=dict)
    """By SPI. The window is that of inbound SAs; what an outbound one says of it means nothing."""


def _open(namespace: str) -> socket.socket:
    """A socket of the namespace.

    Raises:
        NamespaceMissing: there is none of that name.
        DriverError: this kernel has no IPsec.
    """
    try:
        with inside(namespace):
            return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_XFRM)
    except OSError as error:
        raise DriverError(
            f"The kernel's IPsec cannot be reached ({error.strerror}). Load it: modprobe -a xfrm_user esp4 "
            "xfrm_interface. `landbridge doctor` says what is missing."
        ) from error


def _ask(connection: socket.socket, kind: _Message, flags: int, body: bytes = b"") -> list[bytes]:
    connection.settimeout(_ANSWER_WITHIN)
    connection.send(HEADER.pack(HEADER.size + len(body), kind, REQUEST | flags, 1, 0) + body)
    found: list[bytes] = []
    while True:
        for answer, _, _, content in messages(connection.recv(1 << 18)):
            if answer in (NLMSG_DONE, NLMSG_ERROR):
                code = -int.from_bytes(content[:4], sys.byteorder, signed=True)
                if code:
                    raise OSError(code, os.strerror(code))
                return found
            found.append(content)


def installed(namespace: str) -> Installed:
    """The SAs and policies in the namespace now; none when it does not exist.

    Where an SA is missing, a packet that needs it makes the kernel keep a place for it (`acq`), with the same SPI and
    without algorithms, while it asks charon for one. That is no SA.

    Raises:
        DriverError: the kernel could not be asked.
    """
    try:
        with _open(namespace) as connection:
            entries = _ask(connection, _Message.GETSA, _DUMP)
            policies = _ask(connection, _Message.GETPOLICY, _DUMP)
    except NamespaceMissing:
        return Installed(frozenset(), frozenset())
    except OSError as error:
        raise DriverError(f"The kernel's SAs in {namespace} could not be read: {error.strerror or error}.") from error
    states = [body for body in entries if attributes(body, _STATE_INFO).keys() & _ALGORITHMS]
    directions: dict[int, set[int]] = {}
    for body in policies:
        raw = attributes(body, _POLICY_INFO).get(_IF_ID)
        if raw is not None:
            directions.setdefault(int.from_bytes(raw, sys.byteorder), set()).add(body[_DIRECTION_AT])
    replay = {f"{struct.unpack_from('>I', body, _SPI_AT)[0]:08x}": anti_replay(body) for body in states}
    return Installed(
        spis=frozenset(replay),
        replay=replay,
        if_ids=frozenset(if_id for if_id, found in directions.items() if len(found) >= _DIRECTIONS),
    )


def flush(namespace: str) -> None:
    """Remove all SAs and policies of an endpoint's namespace: whatever is there, its charon does not know.

    Raises:
        DriverError: this is the namespace that we run in ourselves, which may have SAs of somebody else's.
    """
    if namespace == HERE:
        raise DriverError("The SAs of the namespace that landbridge itself runs in are never flushed.")
    try:
        if os.path.samefile(path_of(namespace), path_of(HERE)):
            raise DriverError(f"{namespace} is the namespace that landbridge itself runs in; its SAs are not flushed.")
        with _open(namespace) as connection:
            _ask(connection, _Message.FLUSHPOLICY, ACK)
            _ask(connection, _Message.FLUSHSA, ACK, bytes(1))
    except (NamespaceMissing, FileNotFoundError):
        return
    except OSError as error:
        raise DriverError(f"Stale SAs in {namespace} could not be removed: {error.strerror or error}.") from error


class LossEvents:
    """Tells that SAs or policies of a namespace went, for a selector. charon's own doing is heard as well."""

    def __init__(self, namespace: str) -> None:
        """Listen.

        Raises:
            DriverError: there is no such namespace, or the kernel has no IPsec.
            OSError: it does not let us listen.
        """
        self._socket = _open(namespace)
        try:
            self._socket.setblocking(False)
            self._socket.bind((0, _GROUPS))
        except BaseException:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._socket.fileno()

    def receive(self) -> bool:
        """Whether something may have gone, of what waits to be heard."""
        lost = False
        while True:
            try:
                data = self._socket.recv(1 << 16)
            except BlockingIOError:
                return lost
            except OSError:
                return True  # the buffer ran over: who knows what was in it
            lost = lost or any(kind in _LOSSES for kind, _, _, _ in messages(data))

    def close(self) -> None:
        """Listen no longer."""
        self._socket.close()
