"""The kernel's part of a host: namespaces, links, addresses, routes and rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Final

from landbridge.desired.objects import HERE, HostObject, Key, namespace_key

LOOPBACK: Final = "lo"
"""The link that every namespace has."""

PROTOCOL: Final = 76
"""The kernel's routing protocol number of what the reconciler writes (`ip route` shows `proto 76`): nobody else's."""

MAIN_TABLE: Final = 254


def link_key(namespace: str, link: str) -> Key:
    """The key of a link, whatever its kind."""
    return ("link", namespace, link)


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace(HostObject):
    """A network namespace. Its loopback is up, IPv6 is off, rp_filter is off, bridged frames skip the IP hooks.

    Recognised after a restart by the alias of its loopback link, which names the owner (`landbridge OWNER`). An
    existing namespace of that name without that alias is somebody else's and is never touched.
    """

    owner: str
    forwarding: bool = False

    @property
    def key(self) -> Key:
        return namespace_key(self.namespace)

    @property
    def needs(self) -> tuple[Key, ...]:
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge(HostObject):
    """A bridge, up, without spanning tree."""

    name: str
    mac: str = ""
    """Its hardware address; empty: one that follows from owner, namespace and name."""

    @property
    def key(self) -> Key:
        return link_key(self.namespace, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class VethEnd(HostObject):
    """One end of a veth pair, up. Both ends are objects; making the first makes the pair, deleting one deletes both.

    Recognised by its link alias, which names the owner and the peer (`landbridge OWNER PEER_NAMESPACE PEER_NAME`).
    """

    name: str
    peer_namespace: str
    peer_name: str
    master: str | None = None
    mtu: int = 1500
    mac: str = ""
    """Its hardware address, such as `02:00:5e:00:53:01`; empty: one that follows from owner, namespace and name."""

    @property
    def key(self) -> Key:
        return link_key(self.namespace, self.name)

    @property
    def needs(self) -> tuple[Key, ...]:
        spaces = [namespace_key(n) for n in (self.namespace, self.peer_namespace) if n != HERE]
        return (*spaces, *([link_key(self.namespace, self.master)] if self.master else []))


class DataPlane(StrEnum):
    """Who does ESP."""

    KERNEL = "kernel"
    LIBIPSEC = "libipsec"


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelDevice(HostObject):
    """The plaintext side of a tunnel: made beside charon in `endpoint`, moved into this (the router's) namespace, up.

    libipsec: the TUN of the endpoint's charon. It dies with its charon and is brought back under the same name.
    Kernel: an XFRM interface, joined to the endpoint's SAs by `if_id`; it does not mind whether charon runs.
    """

    name: str
    endpoint: str
    data_plane: DataPlane
    mtu: int
    if_id: int = 0
    """Of the XFRM interface; 0 with libipsec, which has none."""

    @property
    def key(self) -> Key:
        return link_key(self.namespace, self.name)

    @property
    def needs(self) -> tuple[Key, ...]:
        here = (namespace_key(self.namespace),) if self.namespace != HERE else ()
        if self.data_plane is DataPlane.LIBIPSEC:
            return (*here, ("charon", self.endpoint))
        return (*here, namespace_key(self.endpoint)) if self.endpoint != HERE else here


@dataclass(frozen=True, slots=True, kw_only=True)
class Address(HostObject):
    """An address on a link; with `peer` it is point-to-point."""

    link: str
    address: IPv4Interface
    peer: IPv4Address | None = None

    @property
    def key(self) -> Key:
        return ("address", self.namespace, self.link, str(self.address))

    @property
    def needs(self) -> tuple[Key, ...]:
        if self.link == LOOPBACK:
            return (namespace_key(self.namespace),)
        return (link_key(self.namespace, self.link),)


class RouteKind(StrEnum):
    """What happens to a packet that a route matches."""

    UNICAST = "unicast"
    UNREACHABLE = "unreachable"
    BLACKHOLE = "blackhole"


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRoute(HostObject):
    """A route of ours (protocol PROTOCOL) in a kernel table. The metric is part of its identity."""

    table: int
    destination: IPv4Network
    kind: RouteKind = RouteKind.UNICAST
    gateway: IPv4Address | None = None
    link: str | None = None
    metric: int = 0
    onlink: bool = False

    @property
    def key(self) -> Key:
        return ("route", self.namespace, str(self.table), str(self.destination), str(self.metric))

    @property
    def needs(self) -> tuple[Key, ...]:
        if self.link is None:
            return (namespace_key(self.namespace),) if self.namespace != HERE else ()
        return (link_key(self.namespace, self.link),)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRule(HostObject):
    """`ip rule`: packets that came in by `iif` and are from `source` (None: whatever it is) look into the table."""

    priority: int
    iif: str | None
    table: int
    source: IPv4Network | None = None

    @property
    def key(self) -> Key:
        return ("rule", self.namespace, str(self.priority), self.iif or "", str(self.source or ""))
