"""The driver of TunnelDevice: libipsec's TUN or the kernel's XFRM interface, under its name in the router's namespace.

The TUN dies with its charon, and a charon whose TUN has died spins and grows (traps 1). So the two are kept together:
putting the device restarts a charon that has lost its TUN, and dropping the device ends its charon first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from landbridge.desired.links import DataPlane, TunnelDevice
from landbridge.desired.objects import HostObject
from landbridge.drivers.netlink.inside import NamespaceMissing
from landbridge.drivers.netlink.rtnl import KernelRefusedError, Rtnl
from landbridge.drivers.strongswan import links, xfrm
from landbridge.drivers.strongswan.endpoints import Endpoints
from landbridge.reconcile.driver import DriverError

_BROKEN_MTU = 0


class TunnelDeviceDriver:
    """Brings TUNs and XFRM interfaces to where they are wanted. `owner` is in their alias, which tells them."""

    kinds: frozenset[type[HostObject]] = frozenset({TunnelDevice})

    def __init__(self, endpoints: Endpoints, owner: str) -> None:
        self._endpoints = endpoints
        self._owner = owner

    def read(self, namespaces: Collection[str]) -> Iterable[HostObject]:
        """The moved devices in these namespaces.

        One that is down, lacks its placeholder or leads into a namespace that is gone reads with an MTU of 0.
        """
        seen: list[TunnelDevice] = []
        for namespace in namespaces:
            for link in links.devices(namespace):
                endpoint = links.endpoint_of(link.alias, self._owner)
                if endpoint is None or link.name == links.MADE_AS or namespace == endpoint:
                    continue  # not moved yet
                kernel = link.kind == links.XFRM
                stands = xfrm.is_bound(namespace, link, endpoint) if kernel else links.has_placeholder(endpoint)
                whole = link.up and stands
                self._endpoints.routers[endpoint] = namespace
                seen.append(
                    TunnelDevice(
                        namespace=namespace,
                        name=link.name,
                        endpoint=endpoint,
                        data_plane=DataPlane.KERNEL if kernel else DataPlane.LIBIPSEC,
                        mtu=link.mtu if whole else _BROKEN_MTU,
                        if_id=link.if_id,
                    )
                )
        return seen

    def fingerprint(self, wanted: HostObject) -> str:
        """Not needed: a device tells all of its properties."""
        return repr(wanted)

    def put(self, wanted: HostObject, actual: HostObject | None) -> None:
        """Bring the endpoint's device to its place, restarting libipsec's charon if it has none to give."""
        assert isinstance(wanted, TunnelDevice)
        mark = links.alias(self._owner, wanted.endpoint)
        with self._endpoints.lock(wanted.endpoint):
            self._endpoints.routers[wanted.endpoint] = wanted.namespace
            try:
                if wanted.data_plane is DataPlane.KERNEL:
                    xfrm.put(wanted, self._owner)
                    return
                with Rtnl(wanted.namespace) as router:
                    there = links.ours(router, wanted.namespace, wanted.name, self._owner)
                if there is not None and there.kind == links.XFRM:
                    xfrm.drop(wanted.namespace, wanted.name, self._owner)
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
        """Delete the XFRM interface; end the charon that a TUN belongs to, which takes the TUN with it."""
        if not isinstance(actual, TunnelDevice):
            raise DriverError(f"{actual.key} is no tunnel device.")
        with self._endpoints.lock(actual.endpoint):
            self._endpoints.routers.pop(actual.endpoint, None)
            try:
                self._drop(actual)
            except KernelRefusedError as error:
                raise DriverError(f"The tunnel device {actual.name} could not be deleted: {error.strerror}.") from error

    def _drop(self, actual: TunnelDevice) -> None:
        if actual.data_plane is DataPlane.KERNEL:
            xfrm.drop(actual.namespace, actual.name, self._owner)
        else:
            self._endpoints.stop(actual.endpoint)
