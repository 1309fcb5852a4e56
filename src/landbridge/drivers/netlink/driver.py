"""The driver of namespaces, bridges, veth ends, addresses, routes and rules: one pass over a namespace reads them all.

In a namespace that is somebody else's there is nothing of ours. In HERE, and in a namespace where two instances meet,
links are told by their alias, what hangs on links by the protocol number and the link, rules and linkless routes by the
protocol number alone: whoever works in HERE takes a number of its own.

What exists but is not as it should be in a way that no property tells (a link that is down, a setting that somebody
changed) reads as `Seen` with the fault as its fingerprint, which is never `fingerprint(wanted)`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from landbridge.desired.links import PROTOCOL, Address, Bridge, KernelRoute, KernelRule, Namespace, VethEnd
from landbridge.desired.objects import HERE, HostObject, Seen
from landbridge.drivers.netlink import links, marks, routes
from landbridge.drivers.netlink import namespaces as spaces
from landbridge.drivers.netlink.inside import NamespaceMissing
from landbridge.drivers.netlink.rtnl import Rtnl
from landbridge.reconcile.driver import DriverError

AS_WANTED = "as wanted"


class NetlinkDriver:
    """The `Driver` of the kernel's network objects of one owner. Keeps no state: any thread, any number of them."""

    kinds: frozenset[type[HostObject]] = frozenset({Namespace, Bridge, VethEnd, Address, KernelRoute, KernelRule})

    def __init__(self, owner: str, protocol: int = PROTOCOL) -> None:
        """`owner` marks namespaces and links, `protocol` (4 to 255) addresses, routes and rules."""
        self.owner = marks.checked_owner(owner)
        self.protocol = protocol

    def read(self, namespaces: Collection[str]) -> Iterator[HostObject]:
        """What is ours in these namespaces.

        Raises:
            DriverError: the kernel could not be asked.
        """
        for namespace in namespaces:
            try:
                yield from self._read(namespace)
            except NamespaceMissing:
                continue
            except OSError as error:
                place = f"network namespace '{namespace}'" if namespace != HERE else "own network namespace"
                raise DriverError(f"The {place} could not be read: {error.strerror or error}") from error

    def fingerprint(self, wanted: HostObject) -> str:
        """What nothing half right ever reads as."""
        return AS_WANTED

    def put(self, wanted: HostObject, actual: HostObject | None) -> None:
        """Make the object or change it.

        Raises:
            DriverError: the kernel refused, or something that is somebody else's is in the way.
        """
        try:
            match wanted:
                case Namespace():
                    if wanted.owner != self.owner:
                        raise ValueError(f"a namespace of {wanted.owner} asked of the driver of {self.owner}")
                    spaces.put(wanted)
                case Bridge():
                    links.put_bridge(wanted, self.owner)
                case VethEnd():
                    links.put_veth(wanted, self.owner)
                case Address():
                    routes.put_address(wanted, actual if isinstance(actual, Address) else None, self.protocol)
                case KernelRoute():
                    routes.put_route(wanted, actual if isinstance(actual, KernelRoute) else None, self.protocol)
                case KernelRule():
                    routes.put_rule(wanted, actual if isinstance(actual, KernelRule) else None, self.protocol)
                case _:
                    raise TypeError(f"{type(wanted).__name__} is not a kind of this driver")
        except OSError as error:
            raise DriverError(f"{_title(wanted)} could not be made: {error.strerror or error}") from error

    def drop(self, actual: HostObject) -> None:
        """Take the object away; without its namespace it is gone already.

        Raises:
            DriverError: the kernel refused.
        """
        try:
            kind = actual.kind if isinstance(actual, Seen) else type(actual)
            if kind is Namespace:
                spaces.drop(actual.namespace, self.owner)
            elif kind is Bridge:
                links.drop(actual.namespace, actual.key[2], "bridge", self.owner)
            elif kind is VethEnd:
                links.drop(actual.namespace, actual.key[2], "veth", self.owner)
            elif isinstance(actual, Address):
                routes.drop_address(actual)
            elif isinstance(actual, KernelRoute):
                routes.drop_route(actual, self.protocol)
            elif isinstance(actual, KernelRule):
                routes.drop_rule(actual, self.protocol)
            else:
                raise TypeError(f"{kind.__name__} is not a kind of this driver")
        except NamespaceMissing:
            return
        except OSError as error:
            raise DriverError(f"{_title(actual)} could not be taken away: {error.strerror or error}") from error

    def _read(self, namespace: str) -> Iterator[HostObject]:
        with Rtnl(namespace) as rtnl:
            found = rtnl.links()
            if namespace != HERE:
                loopback = next(link for link in found if link.name == "lo")
                if marks.owner_of(loopback.alias) != self.owner:
                    return
                yield spaces.read(namespace, self.owner, loopback)
            yield from links.read(namespace, self.owner, found)
            ours = {link.index: link.name for link in found if marks.owner_of(link.alias) in (self.owner, None)}
            yield from routes.read_addresses(namespace, self.protocol, rtnl, ours)
            yield from routes.read_routes(namespace, self.protocol, rtnl, ours)
            yield from routes.read_rules(namespace, self.protocol, rtnl)


def _title(item: HostObject) -> str:
    kind, namespace, *rest = item.key
    place = f"the network namespace '{namespace}'" if namespace != HERE else "this network namespace"
    return f"The {kind} {' '.join(filter(None, rest))} in {place}" if rest else f"The {kind} '{namespace}'"
