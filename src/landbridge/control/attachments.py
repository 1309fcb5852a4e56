"""Which instance has an interface: attached at a device index, detached, left behind when the instance ends."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from landbridge.control.base import Command, Context, Outcome, Scope, put
from landbridge.control.network_interfaces import NOUN
from landbridge.model.attached import interfaces_of
from landbridge.model.errors import (
    Combination,
    InterfaceInUse,
    Invalid,
    LimitExceeded,
    NotFound,
    NotPermitted,
    Unsupported,
    WrongState,
)
from landbridge.model.ids import new_id
from landbridge.model.instances import Instance, InstanceState, InterfaceAttachment, NetworkInterface
from landbridge.model.network import Subnet
from landbridge.model.resources import Attachment

MAX_ATTACHED: Final = 15
"""Interfaces of one instance. At AWS it depends on the instance type; this is what the largest have."""


@dataclass(frozen=True, slots=True)
class AttachNetworkInterface(Command):
    """Plug an interface into a running instance. It stays when the instance ends. Reply: the NetworkInterface."""

    interface_id: str
    instance_id: str
    device_index: int


@dataclass(frozen=True, slots=True)
class DetachNetworkInterface(Command):
    """Unplug an interface that is not an instance's primary one. Reply: None."""

    attachment_id: str


def attach(scope: Scope, command: AttachNetworkInterface, context: Context) -> Outcome[NetworkInterface]:
    """Refuses an interface that is in use, a device index that is taken, and another VPC or zone."""
    interface = scope.get(NetworkInterface, command.interface_id, NOUN)
    instance = scope.get(Instance, command.instance_id, "instance")
    if interface.attachment is not None:
        raise in_use(interface)
    if instance.state is not InstanceState.RUNNING:
        raise WrongState(f"Instance '{instance.id}' is not 'running': it is {instance.state}.")
    if interface.vpc_id != instance.vpc_id:
        raise Unsupported(
            f"landbridge attaches interfaces to instances of their own VPC only: {interface.id} is in "
            f"{interface.vpc_id}, {instance.id} in {instance.vpc_id}."
        )
    zones = {scope.get(Subnet, each.subnet_id, "subnet").zone for each in (interface, instance)}
    if len(zones) > 1:
        raise Combination(
            "You may not attach a network interface to an instance if they are not in the same availability zone"
        )
    taken = {each.attachment.device_index for each in interfaces_of(scope.snapshot, instance.id) if each.attachment}
    check_index(command.device_index, taken, instance.id)
    plugged = plug(context, interface, instance.id, command.device_index, delete_on_termination=False)
    return Outcome(plugged, put(plugged))


def detach(scope: Scope, command: DetachNetworkInterface, context: Context) -> Outcome[None]:
    """Detaching what is being detached changes nothing."""
    for interface in scope.all(NetworkInterface):
        attachment = interface.attachment
        if attachment is None or attachment.id != command.attachment_id:
            continue
        if attachment.device_index == 0:
            raise NotPermitted("The network interface at device index 0 and networkCard index 0 cannot be detached.")
        if attachment.state is Attachment.DETACHING:
            return Outcome(None)
        if not context.builds:
            return Outcome(None, put(unplugged(interface, context.now)))
        return Outcome(None, put(replace(interface, attachment=replace(attachment, state=Attachment.DETACHING))))
    raise NotFound("attachment", command.attachment_id)


def in_use(interface: NetworkInterface) -> InterfaceInUse:
    """The error for an interface that cannot be attached: another instance has it."""
    return InterfaceInUse(f"Interface: [{interface.id}] in use.")


def check_index(device_index: int, taken: Collection[int], instance: str) -> None:
    """Whether an instance that has interfaces at these device indexes can have another one at that.

    Raises:
        Invalid: it has one there, or the index is too large.
        LimitExceeded: it has as many as it can have.
    """
    if device_index in taken:
        raise Invalid(
            "DeviceIndex", f"Instance '{instance}' already has an interface attached at device index '{device_index}'."
        )
    if len(taken) >= MAX_ATTACHED:
        raise LimitExceeded("attachment", f"Interface count {len(taken) + 1} exceeds the limit: {MAX_ATTACHED}.")
    if not 0 <= device_index < MAX_ATTACHED:
        raise Invalid("DeviceIndex", f"Invalid value '{device_index}' for DeviceIndex: it is 0 to {MAX_ATTACHED - 1}.")


def plug(
    context: Context, interface: NetworkInterface, instance_id: str, device_index: int, *, delete_on_termination: bool
) -> NetworkInterface:
    """The interface, attached to an instance from now on."""
    return replace(
        interface,
        detached=None,
        attachment=InterfaceAttachment(
            id=new_id("eni-attach", context.entropy),
            instance_id=instance_id,
            device_index=device_index,
            delete_on_termination=delete_on_termination,
            since=context.now,
            state=Attachment.ATTACHING if context.builds else Attachment.ATTACHED,
        ),
    )


def unplugged(interface: NetworkInterface, now: datetime) -> NetworkInterface:
    """The interface once it is no longer attached: a public address that was assigned at launch is gone."""
    ended = interface.attachment and replace(interface.attachment, state=Attachment.DETACHED, ended=now)
    return replace(
        interface,
        attachment=None,
        detached=ended,
        assigns_public=False,
        addresses=tuple(
            each if each.public is None or each.public.elastic else replace(each, public=None)
            for each in interface.addresses
        ),
    )


def left_behind(interface: NetworkInterface, now: datetime) -> NetworkInterface | None:
    """What becomes of the interface of a terminated instance: by itself again, or nothing."""
    attachment = interface.attachment
    return None if attachment is not None and attachment.delete_on_termination else unplugged(interface, now)
