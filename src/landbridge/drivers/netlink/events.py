"""Route and link events of many namespaces, pushed by the kernel to one thread.

Per namespace one socket, opened inside it. A lost event (the socket's buffer ran over) or a namespace made anew under
its old name asks the listener to read the namespace again. A socket would keep a deleted namespace alive, so names are
looked after every few seconds, and `forget` lets go at once.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Collection
from typing import Final

import structlog

from landbridge.desired.objects import HERE
from landbridge.drivers.netlink import decode
from landbridge.drivers.netlink.decode import Message
from landbridge.drivers.netlink.inside import NamespaceMissing, inside, path_of
from landbridge.drivers.netlink.routes import routes as routes_of
from landbridge.drivers.netlink.rtnl import Rtnl
from landbridge.observe.kernel import KernelEvent, LinkEvent, RouteEvent

_log: Final = structlog.get_logger(__name__)
_GROUPS: Final = 0x1 | 0x40  # RTMGRP_LINK, RTMGRP_IPV4_ROUTE
_SO_RCVBUFFORCE: Final = 33
_BUFFER: Final = 4 << 20
"""Bytes. The kernel takes them only as events queue up: some 20,000 routes."""
_LOOK_AFTER_NAMES: Final = 2.0
_BATCH: Final = 64


class _Watch:
    """One namespace's socket, and the names of its links by index."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        with inside(namespace):
            self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        try:
            self.socket.setblocking(False)
            self.socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
            self.socket.bind((0, _GROUPS))
            self.identity = _identity(namespace)
            self.links: dict[int, str] = {}
            self.learn_links()
        except BaseException:
            self.socket.close()
            raise

    def learn_links(self) -> None:
        with Rtnl(self.namespace) as rtnl:
            self.links = {link.index: link.name for link in rtnl.links()}

    def events(self, data: bytes, protocols: Collection[int] | None) -> list[KernelEvent]:
        found: list[KernelEvent] = []
        for kind, _, _, body in decode.messages(data):
            if kind in (Message.NEWROUTE, Message.DELROUTE):
                event = self._route(body, kind == Message.NEWROUTE, protocols)
                if event is not None:
                    found.append(event)
            elif kind in (Message.NEWLINK, Message.DELLINK) and body[0] == socket.AF_UNSPEC:  # not a bridge's port
                found.append(self._link(body, kind == Message.DELLINK))
        return found

    def _route(self, body: bytes, added: bool, protocols: Collection[int] | None) -> RouteEvent | None:
        if protocols is not None and body[5] not in protocols:
            return None
        route = decode.route(body)
        if route is None:
            return None
        return RouteEvent(
            namespace=self.namespace,
            table=route.table,
            destination=route.destination,
            protocol=route.protocol,
            metric=route.metric,
            gateway=route.gateway,
            link=self.links.get(route.link),
            added=added,
        )

    def _link(self, body: bytes, gone: bool) -> LinkEvent:
        link = decode.link(body)
        if gone:
            self.links.pop(link.index, None)
        else:
            self.links[link.index] = link.name
        return LinkEvent(
            namespace=self.namespace, name=link.name, up=link.up and not gone, carrier=link.carrier, gone=gone
        )


class KernelEvents:
    """Watches namespaces. Callbacks come from its thread, in the kernel's order, and have to be quick.

    What they raise is logged; `on_resync` is then called again a little later.

    `on_resync` names a namespace whose routes have to be read again: events were lost, it appeared, or one of its
    links went down or away (the kernel drops that link's IPv4 routes without a word). It is not called for a namespace
    that is there when it is given to `watch`: watch first, then read.
    """

    def __init__(
        self,
        on_event: Callable[[KernelEvent], None],
        on_resync: Callable[[str], None],
        protocols: Collection[int] | None = None,
    ) -> None:
        """`protocols`: only routes of these protocol numbers (all if None; BIRD writes with BIRD_PROTOCOL)."""
        self._on_event = on_event
        self._on_resync = on_resync
        self._protocols = frozenset(protocols) if protocols is not None else None
        self._selector = selectors.DefaultSelector()
        self._watches: dict[str, _Watch] = {}
        self._unread: set[str] = set()
        """Namespaces whose resync failed. Belongs to the thread."""
        self._wanted: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._closing = False
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="kernel-events", daemon=True)
        self._thread.start()

    def watch(self, namespaces: Collection[str]) -> None:
        """Watch exactly these from now on. One that does not exist is watched (and resynced) once it appears."""
        with self._lock:
            self._wanted = frozenset(namespaces)
            self._adjust()

    def forget(self, namespace: str) -> None:
        """Let go of a namespace that is about to be deleted."""
        with self._lock:
            self._wanted -= {namespace}
            self._adjust()

    def close(self) -> None:
        """Stop the thread and let go of all namespaces."""
        self._closing = True
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        with self._lock:
            self._wanted = frozenset()
            self._adjust()
        self._selector.close()
        os.close(self._wake)

    def _adjust(self) -> list[str]:
        """Bring the sockets in line with what is wanted; answers with the namespaces that are newly watched."""
        for namespace, watch in list(self._watches.items()):
            if namespace not in self._wanted or _identity(namespace) != watch.identity:
                self._selector.unregister(watch.socket)
                watch.socket.close()
                del self._watches[namespace]
        new = []
        for namespace in sorted(self._wanted - self._watches.keys()):
            # Whatever the reason, it is tried again every few seconds.
            try:
                watch = _Watch(namespace)
            except NamespaceMissing:
                continue
            except OSError as error:
                _log.warning("namespace_not_heard", namespace=namespace, error=str(error))
                continue
            self._watches[namespace] = watch
            self._selector.register(watch.socket, selectors.EVENT_READ, watch)
            new.append(namespace)
        return new

    def _run(self) -> None:
        look_again = time.monotonic() + _LOOK_AFTER_NAMES
        while not self._closing:
            for key, _ in self._selector.select(max(0.0, look_again - time.monotonic())):
                if isinstance(key.data, _Watch):
                    self._receive(key.data)
            if time.monotonic() >= look_again:
                with self._lock:
                    appeared = self._adjust()
                    unread = self._unread & self._wanted
                self._unread = set()
                for namespace in sorted(unread.union(appeared)):
                    self._resync(namespace)
                look_again = time.monotonic() + _LOOK_AFTER_NAMES

    def _receive(self, watch: _Watch) -> None:
        found: list[KernelEvent] = []
        lost = False
        with self._lock:
            if self._watches.get(watch.namespace) is not watch:
                return
            for _ in range(_BATCH):
                try:
                    found += watch.events(watch.socket.recv(1 << 16), self._protocols)
                except BlockingIOError:
                    break
                except OSError as error:
                    lost = True
                    _log.warning("kernel_events_lost", namespace=watch.namespace, error=str(error))
                    with contextlib.suppress(NamespaceMissing, OSError):  # links tell of themselves, too
                        watch.learn_links()
        for event in found:
            try:
                self._on_event(event)
            except Exception:  # noqa: BLE001 - one listener may not make all namespaces go unheard
                _log.exception("telling_failed", namespace=watch.namespace)
        if lost or any(isinstance(event, LinkEvent) and not event.up for event in found):
            self._resync(watch.namespace)

    def _resync(self, namespace: str) -> None:
        try:
            self._on_resync(namespace)
        except Exception as error:  # noqa: BLE001 - the kernel refuses while its list keeps changing
            _log.warning("reading_again_failed", namespace=namespace, error=str(error))
            self._unread.add(namespace)


def routes(namespace: str, protocol: int) -> list[RouteEvent]:
    """The routes of a protocol number that are there now, as if just added; none if there is no such namespace."""
    try:
        with Rtnl(namespace) as rtnl:
            links = {link.index: link.name for link in rtnl.links()}
            return [
                RouteEvent(
                    namespace=namespace,
                    table=route.table,
                    destination=route.destination,
                    protocol=route.protocol,
                    metric=route.metric,
                    gateway=route.gateway,
                    link=links.get(route.link),
                    added=True,
                )
                for route in routes_of(rtnl, protocol)
            ]
    except NamespaceMissing:
        return []


def _identity(namespace: str) -> tuple[int, int] | None:
    """What tells a namespace from a later one of the same name."""
    if namespace == HERE:
        return (0, 0)
    try:
        found = os.stat(path_of(namespace))
    except FileNotFoundError:
        return None
    return (found.st_dev, found.st_ino)
