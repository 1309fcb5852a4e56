"""Network interfaces: made in a subnet with their addresses, with an instance or by themselves."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Final

from landbridge.control.base import Context, Scope
from landbridge.model.errors import Invalid, LimitExceeded
from landbridge.model.ids import new_id
from landbridge.model.resources import (
    Attachment,
    InterfaceAttachment,
    NetworkInterface,
    PrivateAddress,
    PublicAddress,
    SecurityGroup,
    Subnet,
)

NOUN: Final = "network-interface"
MAX_GROUPS: Final = 5
"""Per interface (AWS, VPC quotas)."""


def new_interface(
    context: Context,
    subnet: Subnet,
    addresses: tuple[IPv4Address, ...],
    *,
    groups: tuple[str, ...],
    public: IPv4Address | None = None,
) -> NetworkInterface:
    """An interface in a subnet, attached to nothing. The first address is the primary one, and `public` is its own."""
    first, *others = addresses
    return NetworkInterface(
        id=new_id("eni", context.entropy),
        account=context.account,
        region=context.region,
        created=context.now,
        vpc_id=subnet.vpc_id,
        subnet_id=subnet.id,
        addresses=(
            PrivateAddress(address=first, public=PublicAddress(address=public) if public else None),
            *(PrivateAddress(address=each) for each in others),
        ),
        group_ids=groups,
        assigns_public=public is not None,
    )


def plug(
    context: Context, interface: NetworkInterface, instance_id: str, device_index: int, *, delete_on_termination: bool
) -> NetworkInterface:
    """The interface, attached to an instance from now on."""
    return replace(
        interface,
        attachment=InterfaceAttachment(
            id=new_id("eni-attach", context.entropy),
            instance_id=instance_id,
            device_index=device_index,
            delete_on_termination=delete_on_termination,
            since=context.now,
            state=Attachment.ATTACHING if context.builds else Attachment.ATTACHED,
        ),
    )


def unplugged(interface: NetworkInterface) -> NetworkInterface:
    """The interface once it is no longer attached: a public address that was assigned at launch is gone."""
    return replace(
        interface,
        attachment=None,
        assigns_public=False,
        addresses=tuple(
            each if each.public is None or each.public.elastic else replace(each, public=None)
            for each in interface.addresses
        ),
    )


def left_behind(interface: NetworkInterface) -> NetworkInterface | None:
    """What becomes of the interface of a terminated instance: by itself again, or nothing."""
    attachment = interface.attachment
    return None if attachment is not None and attachment.delete_on_termination else unplugged(interface)


def checked_groups(scope: Scope, subnet: Subnet, groups: tuple[str, ...]) -> tuple[str, ...]:
    """The security groups of an interface in that subnet: those named, or the VPC's default one.

    Raises:
        NotFound: there is no such group.
        Invalid: it is another VPC's.
        LimitExceeded: there are too many of them.
    """
    if not groups:
        default = (g for g in scope.all(SecurityGroup) if g.vpc_id == subnet.vpc_id and g.group_name == "default")
        return tuple(group.id for group in default)
    for group_id in groups:
        group = scope.get(SecurityGroup, group_id, "security-group")
        if group.vpc_id != subnet.vpc_id:
            raise Invalid("SecurityGroupId", f"{group_id} and {subnet.id} belong to different networks.")
    found = tuple(dict.fromkeys(groups))
    if len(found) > MAX_GROUPS:
        raise LimitExceeded(
            "security-groups-per-interface",
            f"An interface can be in {MAX_GROUPS} security groups; {len(found)} are named.",
        )
    return found
