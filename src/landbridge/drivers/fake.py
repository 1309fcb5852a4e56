"""A host in memory that behaves as the kernel and the daemons do: what depends on a thing dies with it.

Several `FakeDriver`s of one `FakeHost` see the same, so that nothing can hide in a driver's memory. Calls fail where
the kernel would refuse them, and where a test asks for it (`Failures`). The host renders itself as sorted text.
"""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from landbridge.desired.ike import Charon, IkeConnection
from landbridge.desired.links import (
    Address,
    Bridge,
    DataPlane,
    KernelRoute,
    KernelRule,
    Namespace,
    RouteKind,
    TunnelDevice,
    VethEnd,
    link_key,
)
from landbridge.desired.objects import HERE, HostObject, Key, Seen, namespace_key
from landbridge.desired.rulesets import Ruleset
from landbridge.desired.speakers import Speaker
from landbridge.model.secret import Secret
from landbridge.reconcile.driver import DriverError
from landbridge.reconcile.steps import Create

_T = TypeVar("_T", bound=HostObject)

KINDS: Final[frozenset[type[HostObject]]] = frozenset(
    {
        Namespace,
        Bridge,
        VethEnd,
        TunnelDevice,
        Address,
        KernelRoute,
        KernelRule,
        Ruleset,
        Charon,
        IkeConnection,
        Speaker,
    }
)
DAEMONS: Final = (Charon, IkeConnection, Speaker)
"""What is read back as a fingerprint only."""


@dataclass(slots=True)
class Failures:
    """Which calls (put, drop) are to fail."""

    nth: set[int] = field(default_factory=set)
    """By number, from 1, over the host's whole life."""
    once: bool = False
    """Every call fails the first time it is made for a key."""
    late: bool = False
    """Failing calls fail after they had their effect instead of before."""
    always: set[Key] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)
    """Namespaces that cannot be read."""


class FakeHost:
    """The state of the host, shared by its drivers."""

    def __init__(self) -> None:
        self.objects: dict[Key, HostObject] = {}
        self.foreign: set[Key] = set()
        """Keys of objects that are somebody else's: there, but never read as ours."""
        self.failures = Failures()
        self.calls: list[str] = []
        """`put KEY` and `drop KEY` in the order they were made."""
        self.reads: list[tuple[str, ...]] = []
        self.accidents: list[str] = []
        """What must never happen, whatever else does: the order of two steps was wrong."""
        self.lock = threading.RLock()
        self._tried: set[str] = set()

    def render(self) -> str:
        """The host as sorted lines; secrets hidden."""
        with self.lock:
            return "\n".join(
                str(Create(item)).removeprefix("create ") + (" (foreign)" if key in self.foreign else "")
                for key, item in sorted(self.objects.items())
            )

    def call(self, verb: str, key: Key, effect: Callable[[], None]) -> None:
        """Make a call, unless it is its turn to fail."""
        with self.lock:
            name = f"{verb} {'/'.join(key)}"
            self.calls.append(name)
            fails = (
                len(self.calls) in self.failures.nth
                or key in self.failures.always
                or (self.failures.once and name not in self._tried)
            )
            self._tried.add(name)
            if not fails or self.failures.late:
                effect()
            if fails:
                raise DriverError(f"The call was told to fail: {name}.")

    def exists(self, namespace: str) -> bool:
        """Whether the namespace is there."""
        return namespace == HERE or namespace_key(namespace) in self.objects

    # What happens of itself.

    def kill_charon(self, namespace: str) -> None:
        """The endpoint's IKE daemon dies: with its connections and, under libipsec, its TUN."""
        self.objects.pop(("charon", namespace), None)
        for item in self._all(IkeConnection):
            if item.namespace == namespace:
                self._remove(item.key)
        for device in self._all(TunnelDevice):
            if device.endpoint == namespace and device.data_plane is DataPlane.LIBIPSEC:
                self.remove_link(device.key)

    def remove_link(self, key: Key) -> None:
        """A link goes: with its addresses and the routes over it, its ports set free, a veth with its other end."""
        item = self.objects.get(key)
        if item is None:
            return
        self._remove(key)
        _, namespace, name = key
        for other in list(self.objects.values()):
            if other.namespace == namespace and isinstance(other, Address | KernelRoute) and other.link == name:
                self._remove(other.key)
            if isinstance(other, VethEnd) and other.namespace == namespace and other.master == name:
                self.objects[other.key] = dataclasses.replace(other, master=None)
        if isinstance(item, VethEnd):
            self.remove_link(link_key(item.peer_namespace, item.peer_name))

    def remove_address(self, item: Address) -> None:
        """An address goes; with the last one of its link all routes over the link."""
        self._remove(item.key)
        if not any(a.namespace == item.namespace and a.link == item.link for a in self._all(Address)):
            for route in self._all(KernelRoute):
                if route.namespace == item.namespace and route.link == item.link:
                    self._remove(route.key)

    def remove_namespace(self, namespace: str) -> None:
        """A namespace goes with all in it. Its daemons must be gone, and those whose TUN it holds must have stopped."""
        inside = [item for item in self.objects.values() if item.namespace == namespace]
        for item in inside:
            if isinstance(item, Charon | Speaker):
                self.accidents.append(f"{namespace} was deleted under {item.key[0]}")
            if isinstance(item, TunnelDevice) and ("charon", item.endpoint) in self.objects:
                self.accidents.append(f"{namespace} was deleted with the TUN of {item.endpoint}'s charon in it")
        for device in self._all(TunnelDevice):
            if namespace in (device.namespace, device.endpoint):
                self.remove_link(device.key)
        for item in inside:
            if item.key[0] == "link":
                self.remove_link(item.key)
        for item in inside:
            self._remove(item.key)

    def _remove(self, key: Key) -> None:
        self.objects.pop(key, None)
        self.foreign.discard(key)

    def _all(self, kind: type[_T]) -> list[_T]:
        return [item for item in self.objects.values() if isinstance(item, kind)]


class FakeDriver:
    """The three verbs over a `FakeHost`. Holds no state of its own."""

    def __init__(self, host: FakeHost, kinds: Collection[type[HostObject]] = KINDS) -> None:
        self.kinds = frozenset(kinds)
        self._host = host

    def read(self, namespaces: Collection[str]) -> Iterable[HostObject]:
        """See `Driver.read`."""
        with self._host.lock:
            self._host.reads.append(tuple(namespaces))
            for namespace in namespaces:
                if namespace in self._host.failures.unreadable:
                    raise DriverError(f"{namespace} was told to be unreadable.")
            wanted = frozenset(namespaces)
            return [
                self._seen(item) if isinstance(item, DAEMONS) else item
                for key, item in self._host.objects.items()
                if item.namespace in wanted and type(item) in self.kinds and key not in self._host.foreign
            ]

    def fingerprint(self, wanted: HostObject) -> str:
        """See `Driver.fingerprint`."""
        return fingerprint(wanted)

    def put(self, wanted: HostObject, actual: HostObject | None) -> None:
        """See `Driver.put`."""
        self._host.call("put", wanted.key, lambda: self._put(wanted))

    def drop(self, actual: HostObject) -> None:
        """See `Driver.drop`."""
        self._host.call("drop", actual.key, lambda: self._drop(actual.key))

    def _seen(self, item: HostObject) -> Seen:
        return Seen(
            namespace=item.namespace,
            kind=type(item),
            what=item.key,
            requires=item.needs,
            fingerprint=fingerprint(item),
        )

    def _put(self, wanted: HostObject) -> None:
        host = self._host
        if wanted.key in host.foreign:
            raise DriverError(f"{'/'.join(wanted.key)} exists and is somebody else's.")
        for need in wanted.needs:
            if need not in host.objects:
                raise DriverError(f"{'/'.join(wanted.key)} needs {'/'.join(need)}, which does not exist.")
        there = host.objects.get(wanted.key)
        if there == wanted:
            return
        if there is not None and type(there) is not type(wanted):
            raise DriverError(f"{'/'.join(wanted.key)} exists as another kind.")
        match wanted:
            case VethEnd():
                self._put_veth(wanted, there)
            case TunnelDevice():
                self._put_device(wanted, there)
            case KernelRoute():
                self._check_route(wanted)
            case Charon():
                # Other settings mean another process.
                host.kill_charon(wanted.namespace)
            case _:
                pass
        host.objects[wanted.key] = wanted

    def _put_veth(self, wanted: VethEnd, there: HostObject | None) -> None:
        host = self._host
        peer_key = link_key(wanted.peer_namespace, wanted.peer_name)
        if wanted.master is not None and not isinstance(
            host.objects.get(link_key(wanted.namespace, wanted.master)), Bridge
        ):
            raise DriverError(f"{wanted.master} is no bridge.")
        peer = host.objects.get(peer_key)
        if peer_key in host.foreign or (peer is not None and not isinstance(peer, VethEnd)):
            raise DriverError(f"{'/'.join(peer_key)} exists and is no end of this pair.")
        if isinstance(there, VethEnd) and (there.peer_namespace, there.peer_name) == peer_key[1:] and peer is not None:
            return
        for key in (wanted.key, peer_key):
            host.remove_link(key)
        host.objects[peer_key] = VethEnd(
            namespace=wanted.peer_namespace,
            name=wanted.peer_name,
            peer_namespace=wanted.namespace,
            peer_name=wanted.name,
        )

    def _put_device(self, wanted: TunnelDevice, there: HostObject | None) -> None:
        host = self._host
        charon = host.objects.get(("charon", wanted.endpoint))
        if not isinstance(charon, Charon) or charon.data_plane is not wanted.data_plane:
            raise DriverError(f"The charon of {wanted.endpoint} makes no device for {wanted.data_plane}.")
        if isinstance(there, TunnelDevice) and dataclasses.replace(there, mtu=wanted.mtu) != wanted:
            host.remove_link(wanted.key)

    def _check_route(self, wanted: KernelRoute) -> None:
        if wanted.kind is not RouteKind.UNICAST:
            return
        if wanted.gateway is None and wanted.link is None:
            raise DriverError("A route has to lead somewhere.")
        if wanted.gateway is None or (wanted.onlink and wanted.link is not None):
            return
        for item in self._host.objects.values():
            if (
                isinstance(item, Address)
                and item.namespace == wanted.namespace
                and wanted.link in (None, item.link)
                and (item.peer == wanted.gateway if item.peer else wanted.gateway in item.address.network)
            ):
                return
        raise DriverError(f"{wanted.gateway} is not reachable (network is unreachable).")

    def _drop(self, key: Key) -> None:
        host = self._host
        there = host.objects.get(key)
        if there is None or key in host.foreign:
            return
        match there:
            case Namespace():
                host.remove_namespace(there.namespace)
            case Bridge() | VethEnd() | TunnelDevice():
                host.remove_link(key)
            case Address():
                host.remove_address(there)
            case Charon():
                host.kill_charon(there.namespace)
            case _:
                del host.objects[key]


def fingerprint(wanted: HostObject) -> str:
    """A digest over all properties, the secret ones, too."""
    text = repr([_plain(getattr(wanted, spec.name)) for spec in dataclasses.fields(wanted)])
    return hashlib.sha256(f"{type(wanted).__name__} {text}".encode()).hexdigest()[:16]


def _plain(value: object) -> object:
    return value.reveal() if isinstance(value, Secret) else value
