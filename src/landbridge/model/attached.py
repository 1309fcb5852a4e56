"""Who is plugged in where: an instance's interfaces, and what an elastic address is associated with.

Both are said once, in the interface; here they are looked up from the other side.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from landbridge.model.instances import ElasticAddress, NetworkInterface, PrivateAddress
from landbridge.model.snapshot import Snapshot


def by_instance(interfaces: Iterable[NetworkInterface]) -> Mapping[str, tuple[NetworkInterface, ...]]:
    """The interfaces of each instance that has any, by device index: the primary one first."""
    found: dict[str, list[NetworkInterface]] = defaultdict(list)
    for interface in interfaces:
        if interface.attachment is not None:
            found[interface.attachment.instance_id].append(interface)
    return {instance: tuple(sorted(each, key=_device_index)) for instance, each in found.items()}


def interfaces_of(snapshot: Snapshot, instance_id: str) -> tuple[NetworkInterface, ...]:
    """One instance's interfaces, by device index; none once it is terminated."""
    mine = (i for i in snapshot.all(NetworkInterface) if i.instance_id == instance_id)
    return tuple(sorted(mine, key=_device_index))


def associated(snapshot: Snapshot, elastic: ElasticAddress) -> tuple[NetworkInterface, PrivateAddress] | None:
    """The interface, and which of its addresses, that has the elastic address now."""
    for interface in snapshot.all(NetworkInterface):
        for private in interface.addresses:
            if private.public is not None and private.public.allocation_id == elastic.id:
                return interface, private
    return None


def _device_index(interface: NetworkInterface) -> int:
    assert interface.attachment is not None
    return interface.attachment.device_index
