"""The driver of TunnelDevice for libipsec: charon's TUN, under a name of its own in the router's namespace.

The TUN dies with its charon, and a charon whose TUN has died spins and grows (traps 1). So the two are kept together:
putting the device restarts a charon that has lost its TUN, and dropping the device ends its charon first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from landbridge.desired.objects import DataPlane, HostObject, TunnelDevice
from landbridge.drivers.netlink.inside import NamespaceMissing
from landbridge.drivers.netlink.rtnl import KernelRefusedError
from landbridge.drivers.strongswan import links
from landbridge.drivers.strongswan.endpoints import Endpoints
from landbridge.reconcile.driver import DriverError

_BROKEN_MTU = 0


class TunnelDeviceDriver:
    """Moves TUN devices to where they are wanted. `owner` is in their alias, by which they are recognised."""

    kinds: frozenset[type[HostObject]] = frozenset({TunnelDevice})

    def __init__(self, endpoints: Endpoints, owner: str) -> None:
        self._endpoints = endpoints
        self._owner = owner

    def read(self, namespaces: Collection[str]) -> Iterable[HostObject]:
        """The moved TUNs in these namespaces. One that is down, or has lost its placeholder, reads with an MTU of 0."""
        seen: list[TunnelDevice] = []
        for namespace in namespaces:
            for tun in links.tuns(namespace):
                endpoint = links.endpoint_of(tun.alias, self._owner)
                if endpoint is None or tun.name == links.MADE_AS:
                    continue
                whole = tun.up and links.has_placeholder(endpoint)
                self._endpoints.routers[endpoint] = namespace
                seen.append(
                    TunnelDevice(
                        namespace=namespace,
                        name=tun.name,
                        endpoint=endpoint,
                        data_plane=DataPlane.LIBIPSEC,
                        mtu=tun.mtu if whole else _BROKEN_MTU,
                    )
                )
        return seen

    def fingerprint(self, wanted: HostObject) -> str:
        """Not needed: a TUN tells all of its properties."""
        return repr(wanted)

    def put(self, wanted: HostObject, actual: HostObject | None) -> None:
        """Bring the endpoint's TUN to its place, restarting charon if it has none to give."""
        assert isinstance(wanted, TunnelDevice)
        if wanted.data_plane is not DataPlane.LIBIPSEC:
            raise DriverError("The data plane `kernel` comes with the kernel ESP issue; use `libipsec` until then.")
        mark = links.alias(self._owner, wanted.endpoint)
        with self._endpoints.lock(wanted.endpoint):
            self._endpoints.routers[wanted.endpoint] = wanted.namespace
            try:
                there = next((tun for tun in links.tuns(wanted.namespace) if tun.name == wanted.name), None)
                charon = self._endpoints.charon(wanted.endpoint)
                if there is not None and there.alias == mark and charon is not None and charon.device == wanted.name:
                    links.settle(wanted.endpoint, wanted.namespace, wanted.name, wanted.mtu, mark)
                    return
                if charon is None or charon.device != links.MADE_AS:
                    self._endpoints.restart(wanted.endpoint)
                if not links.move(wanted.endpoint, wanted.namespace, wanted.name, wanted.mtu, mark):
                    self._endpoints.restart(wanted.endpoint)
                    if not links.move(wanted.endpoint, wanted.namespace, wanted.name, wanted.mtu, mark):
                        raise DriverError(f"charon in {wanted.endpoint} makes no TUN device.")
            except (KernelRefusedError, NamespaceMissing) as error:
                raise DriverError(
                    f"The tunnel device {wanted.name} could not be moved from {wanted.endpoint} to"
                    f" {wanted.namespace or 'this namespace'}: {error}."
                ) from error

    def drop(self, actual: HostObject) -> None:
        """End the charon that the device belongs to, which takes the device with it."""
        if not isinstance(actual, TunnelDevice):
            raise DriverError(f"{actual.key} is no tunnel device.")
        with self._endpoints.lock(actual.endpoint):
            self._endpoints.routers.pop(actual.endpoint, None)
            self._endpoints.stop(actual.endpoint)
