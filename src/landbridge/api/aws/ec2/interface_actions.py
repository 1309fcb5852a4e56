"""What can be done with network interfaces, at the EC2 door: make, plug, address, change, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from typing import Any, Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.interfaces import attachment_of, groups_of, shape
from landbridge.api.aws.ec2.params import address, checked_id, flag, id_of, only, required, tags_of
from landbridge.control import attachments, network_interfaces, private_addresses
from landbridge.control.network_interfaces import NOUN, NewAddresses
from landbridge.model.errors import Combination, Invalid, Missing
from landbridge.model.instances import NetworkInterface

_NO_PREFIXES: Final = {"Ipv4PrefixCount": 0, "Ipv6PrefixCount": 0, "Ipv6AddressCount": 0}


def addresses_of(params: Params) -> NewAddresses:
    """The private addresses asked for, in the two ways that EC2 has of saying them.

    Raises:
        Combination: several primary ones.
    """
    primary = params.get("PrivateIpAddress")
    others: list[IPv4Address] = []
    for each in params.get("PrivateIpAddresses") or ():
        found = required(each, "PrivateIpAddress")
        if not each.get("Primary"):
            others.append(address(found, "PrivateIpAddresses"))
        elif primary not in (None, found):
            raise Combination("Only one primary private IP address can be specified.")
        else:
            primary = found
    return NewAddresses(
        primary=address(primary, "PrivateIpAddress") if primary else None,
        others=tuple(others),
        count=count_of(params, "SecondaryPrivateIpAddressCount") or 0,
    )


def count_of(params: Params, name: str) -> int | None:
    """A number of things, which is not negative; None if it is not given."""
    count: int | None = params.get(name)
    if count is not None and count < 0:
        raise Invalid(name, f"Value ({count}) for parameter {name} is invalid. It cannot be negative.")
    return count


def groups_in(params: Params, name: str) -> tuple[str, ...]:
    """The security groups named."""
    return tuple(checked_id(group, "security-group") for group in params.get(name) or ())


def create_network_interface(desk: Desk, params: Params) -> Shape:
    """CreateNetworkInterface."""
    only(
        params,
        "SubnetId",
        "Description",
        "PrivateIpAddress",
        "PrivateIpAddresses",
        "SecondaryPrivateIpAddressCount",
        "Groups",
        "TagSpecifications",
        "ClientToken",
        inert={"InterfaceType": "interface", **_NO_PREFIXES},
    )
    token = params.get("ClientToken") or ""
    interface = desk.run(
        network_interfaces.CreateNetworkInterface(
            subnet_id=id_of(params, "SubnetId", "subnet"),
            addresses=addresses_of(params),
            description=params.get("Description") or "",
            groups=groups_in(params, "Groups"),
            tags=tags_of(params, NOUN),
            client_token=token,
        )
    )
    return {"NetworkInterface": shape(desk, interface), "ClientToken": token or None}


def delete_network_interface(desk: Desk, params: Params) -> Shape:
    """DeleteNetworkInterface."""
    only(params, "NetworkInterfaceId")
    desk.run(network_interfaces.DeleteNetworkInterface(id_of(params, "NetworkInterfaceId", NOUN)))
    return {}


def attach_network_interface(desk: Desk, params: Params) -> Shape:
    """AttachNetworkInterface."""
    only(params, "NetworkInterfaceId", "InstanceId", "DeviceIndex", inert={"NetworkCardIndex": 0})
    if params.get("DeviceIndex") is None:
        raise Missing("DeviceIndex")
    command = attachments.AttachNetworkInterface(
        id_of(params, "NetworkInterfaceId", NOUN), id_of(params, "InstanceId", "instance"), params["DeviceIndex"]
    )
    return {"AttachmentId": desk.run(command).attachment.id, "NetworkCardIndex": 0}


def detach_network_interface(desk: Desk, params: Params) -> Shape:
    """DetachNetworkInterface. Force makes no difference: what is detached is always taken away entirely."""
    only(params, "AttachmentId", inert={"Force": (True, False)})
    desk.run(attachments.DetachNetworkInterface(id_of(params, "AttachmentId", "attachment")))
    return {}


def modify_network_interface_attribute(desk: Desk, params: Params) -> Shape:
    """ModifyNetworkInterfaceAttribute: one attribute at a time."""
    attributes = ("Description", "SourceDestCheck", "Groups", "Attachment")
    only(params, "NetworkInterfaceId", *attributes)
    given = [name for name in attributes if params.get(name) is not None]
    if len(given) != 1:
        raise Combination(f"Give exactly one attribute to change: {', '.join(attributes)}.")
    attachment = params.get("Attachment") or {}
    only(attachment, "AttachmentId", "DeleteOnTermination")
    if "Attachment" in given and attachment.get("DeleteOnTermination") is None:
        raise Missing("Attachment.DeleteOnTermination")
    desk.run(
        network_interfaces.ModifyNetworkInterface(
            id_of(params, "NetworkInterfaceId", NOUN),
            description=required(params, "Description").get("Value", "") if "Description" in given else None,
            source_dest_check=flag(params, "SourceDestCheck"),
            groups=groups_in(params, "Groups") if "Groups" in given else None,
            attachment_id=id_of(attachment, "AttachmentId", "attachment") if attachment else "",
            delete_on_termination=attachment.get("DeleteOnTermination"),
        )
    )
    return {}


def reset_network_interface_attribute(desk: Desk, params: Params) -> Shape:
    """ResetNetworkInterfaceAttribute: the source/destination check is on again."""
    only(params, "NetworkInterfaceId", "SourceDestCheck")
    interface_id = id_of(params, "NetworkInterfaceId", NOUN)
    required(params, "SourceDestCheck")
    desk.run(network_interfaces.ModifyNetworkInterface(interface_id, source_dest_check=True))
    return {}


def describe_network_interface_attribute(desk: Desk, params: Params) -> Shape:
    """DescribeNetworkInterfaceAttribute."""
    only(params, "NetworkInterfaceId", "Attribute")
    interface = desk.scope.get(NetworkInterface, id_of(params, "NetworkInterfaceId", NOUN), NOUN)
    wanted: str = required(params, "Attribute")
    values: Mapping[str, Shape] = {
        "description": {"Description": {"Value": interface.description}},
        "groupSet": {"Groups": groups_of(desk, interface)},
        "sourceDestCheck": {"SourceDestCheck": {"Value": interface.source_dest_check}},
        "attachment": {"Attachment": attachment_of(interface)},
        "associatePublicIpAddress": {"AssociatePublicIpAddress": interface.assigns_public},
    }
    if wanted not in values:
        raise Invalid("Attribute", f"Value ({wanted[:100]}) for parameter attribute is invalid: {', '.join(values)}.")
    desk.reads()
    return {"NetworkInterfaceId": interface.id, **values[wanted]}


def _addresses(given: Sequence[Any]) -> tuple[IPv4Address, ...]:
    return tuple(dict.fromkeys(address(text, "PrivateIpAddress") for text in given))


def assign_private_ip_addresses(desk: Desk, params: Params) -> Shape:
    """AssignPrivateIpAddresses."""
    only(
        params,
        "NetworkInterfaceId",
        "PrivateIpAddresses",
        "SecondaryPrivateIpAddressCount",
        "AllowReassignment",
        inert={"Ipv4PrefixCount": 0},
    )
    interface_id = id_of(params, "NetworkInterfaceId", NOUN)
    got = desk.run(
        private_addresses.AssignPrivateAddresses(
            interface_id,
            addresses=_addresses(params.get("PrivateIpAddresses") or ()),
            count=count_of(params, "SecondaryPrivateIpAddressCount"),
            reassign=params.get("AllowReassignment") or False,
        )
    )
    return {
        "NetworkInterfaceId": interface_id,
        "AssignedPrivateIpAddresses": [{"PrivateIpAddress": str(each)} for each in got],
        "AssignedIpv4Prefixes": [],
    }


def unassign_private_ip_addresses(desk: Desk, params: Params) -> Shape:
    """UnassignPrivateIpAddresses."""
    only(params, "NetworkInterfaceId", "PrivateIpAddresses")
    interface_id = id_of(params, "NetworkInterfaceId", NOUN)
    unwanted = _addresses(required(params, "PrivateIpAddresses"))
    desk.run(private_addresses.UnassignPrivateAddresses(interface_id, unwanted))
    return {}


ACTIONS: Final[Mapping[str, Action]] = {
    "CreateNetworkInterface": create_network_interface,
    "DeleteNetworkInterface": delete_network_interface,
    "AttachNetworkInterface": attach_network_interface,
    "DetachNetworkInterface": detach_network_interface,
    "ModifyNetworkInterfaceAttribute": modify_network_interface_attribute,
    "ResetNetworkInterfaceAttribute": reset_network_interface_attribute,
    "DescribeNetworkInterfaceAttribute": describe_network_interface_attribute,
    "AssignPrivateIpAddresses": assign_private_ip_addresses,
    "UnassignPrivateIpAddresses": unassign_private_ip_addresses,
}
