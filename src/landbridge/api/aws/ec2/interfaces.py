"""Network interfaces at the EC2 door."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeVar

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, absent, moment, select, yes
from landbridge.api.aws.ec2.paging import in_order_of_creation, page
from landbridge.api.aws.ec2.params import ids_of, only, tag_list
from landbridge.control.dhcp_options import default_domain
from landbridge.control.network_interfaces import NOUN
from landbridge.control.zones import zone_id
from landbridge.model.firewall import SecurityGroup
from landbridge.model.instances import InterfaceAttachment, NetworkInterface, PrivateAddress, PublicAddress
from landbridge.model.network import Subnet
from landbridge.model.resources import Attachment

T = TypeVar("T")

_STATUS: Final[Mapping[Attachment, str]] = {
    Attachment.ATTACHING: "attaching",
    Attachment.ATTACHED: "in-use",
    Attachment.DETACHING: "detaching",
}


def status(interface: NetworkInterface) -> str:
    """A NetworkInterfaceStatus."""
    return _STATUS[interface.attachment.state] if interface.attachment else "available"


def _association(interface: NetworkInterface, private: PrivateAddress) -> Shape | None:
    """The public address, if there is one. What was assigned at launch belongs to Amazon."""
    if private.public is None:
        return None
    return {
        "PublicIp": str(private.public.address),
        "PublicDnsName": "",
        "IpOwnerId": interface.account if private.public.elastic else "amazon",
    }


def _association_with_ids(interface: NetworkInterface, private: PrivateAddress) -> Shape | None:
    """The same as an interface shows it by itself; only elastic addresses have these ids."""
    shown, public = _association(interface, private), private.public
    if shown is None or public is None or not public.elastic:
        return shown
    return shown | {"AllocationId": public.allocation_id, "AssociationId": public.association_id}


def private_name(interface: NetworkInterface, private: PrivateAddress) -> str:
    """What AWS calls an address inside its VPC. Nothing resolves it here."""
    return f"ip-{str(private.address).replace('.', '-')}.{default_domain(interface.region)}"


def _addresses(
    interface: NetworkInterface, association: Callable[[NetworkInterface, PrivateAddress], Shape | None]
) -> Shape:
    primary = interface.addresses[0]
    return {
        "PrivateIpAddress": str(primary.address),
        "PrivateDnsName": private_name(interface, primary),
        "PrivateIpAddresses": [
            {
                "Primary": each is primary,
                "PrivateIpAddress": str(each.address),
                "PrivateDnsName": private_name(interface, each),
                "Association": association(interface, each),
            }
            for each in interface.addresses
        ],
        "Association": association(interface, primary),
    }


def _attachment(attachment: InterfaceAttachment) -> Shape:
    return {
        "AttachmentId": attachment.id,
        "AttachTime": attachment.since,
        "DeleteOnTermination": attachment.delete_on_termination,
        "DeviceIndex": attachment.device_index,
        "NetworkCardIndex": 0,
        "Status": attachment.state.value,
    }


def attachment_of(interface: NetworkInterface) -> Shape | None:
    """The attachment as the interface itself shows it: with the instance, and for a moment after it has ended."""
    attachment = interface.attachment or interface.detached
    if attachment is None:
        return None
    return _attachment(attachment) | {"InstanceId": attachment.instance_id, "InstanceOwnerId": interface.account}


def groups_of(desk: Desk, interface: NetworkInterface) -> list[dict[str, str]]:
    """An interface's security groups, as interfaces and instances name them."""
    found = (desk.scope.find(SecurityGroup, group) for group in interface.group_ids)
    return [{"GroupId": group.id, "GroupName": group.group_name} for group in found if group]


def common(desk: Desk, interface: NetworkInterface) -> Shape:
    """What an interface shows by itself and as a part of its instance alike."""
    return {
        "NetworkInterfaceId": interface.id,
        "SubnetId": interface.subnet_id,
        "VpcId": interface.vpc_id,
        "Description": interface.description,
        "OwnerId": interface.account,
        "Status": status(interface),
        "InterfaceType": "interface",
        "MacAddress": interface.mac,
        "SourceDestCheck": interface.source_dest_check,
        **_addresses(interface, _association),
        "Ipv6Addresses": [],
        "Attachment": _attachment(interface.attachment) if interface.attachment else None,
        "Groups": groups_of(desk, interface),
    }


def shape(desk: Desk, interface: NetworkInterface) -> Shape:
    """A NetworkInterface."""
    return (
        common(desk, interface)
        | _addresses(interface, _association_with_ids)
        | {
            "Attachment": attachment_of(interface),
            "AvailabilityZone": zone_of(desk, interface.subnet_id),
            "RequesterManaged": False,
            "TagSet": tag_list(interface.tags),
        }
    )


def zone_of(desk: Desk, subnet_id: str) -> str | None:
    """The zone of a subnet; a terminated instance may outlive its subnet."""
    subnet = desk.scope.find(Subnet, subnet_id)
    return subnet.zone if subnet else None


def _of(
    values: Callable[[T], Iterable[str]], parts: Callable[[NetworkInterface], Iterable[T]]
) -> Field[NetworkInterface]:
    return lambda interface: (value for part in parts(interface) for value in values(part))


def _attachments(interface: NetworkInterface) -> Iterator[InterfaceAttachment]:
    if (attachment := interface.attachment or interface.detached) is not None:
        yield attachment


def _publics(interface: NetworkInterface) -> Iterator[PublicAddress]:
    return (private.public for private in interface.addresses if private.public is not None)


def filters(desk: Desk) -> Mapping[str, Field[NetworkInterface]]:
    """DescribeNetworkInterfaces' filters."""

    def owner(interface: NetworkInterface, public: PublicAddress) -> str:
        return interface.account if public.elastic else "amazon"

    def owners(interface: NetworkInterface) -> Iterable[str]:
        return (owner(interface, public) for public in _publics(interface))

    publics: Field[NetworkInterface] = _of(lambda p: (str(p.address),), _publics)
    return {
        **absent("ipv6-addresses.ipv6-address", "operator.managed", "operator.principal"),
        "addresses.association.owner-id": owners,
        "addresses.association.public-ip": publics,
        "addresses.primary": lambda i: (v for each in i.addresses for v in yes(each is i.addresses[0])),
        "addresses.private-ip-address": lambda i: (str(each.address) for each in i.addresses),
        "association.allocation-id": _of(lambda p: (p.allocation_id,), _publics),
        "association.association-id": _of(lambda p: (p.association_id,), _publics),
        "association.ip-owner-id": owners,
        "association.public-dns-name": lambda i: (),
        "association.public-ip": publics,
        "attachment.attach-time": _of(lambda a: moment(a.since), _attachments),
        "attachment.attachment-id": _of(lambda a: (a.id,), _attachments),
        "attachment.delete-on-termination": _of(lambda a: yes(a.delete_on_termination), _attachments),
        "attachment.device-index": _of(lambda a: (str(a.device_index),), _attachments),
        "attachment.instance-id": _of(lambda a: (a.instance_id,), _attachments),
        "attachment.instance-owner-id": lambda i: (i.account for _ in _attachments(i)),
        "attachment.status": _of(lambda a: (a.state.value,), _attachments),
        "availability-zone": lambda i: (zone_of(desk, i.subnet_id) or "",),
        "availability-zone-id": lambda i: (zone_id(zone) for zone in (zone_of(desk, i.subnet_id),) if zone),
        "description": lambda i: (i.description,),
        "group-id": lambda i: i.group_ids,
        "group-name": lambda i: (group["GroupName"] for group in groups_of(desk, i)),
        "interface-type": lambda i: ("interface",),
        "mac-address": lambda i: (i.mac,),
        "network-interface-id": lambda i: (i.id,),
        "owner-id": lambda i: (i.account,),
        "private-dns-name": lambda i: (private_name(i, i.addresses[0]),),
        "private-ip-address": lambda i: (str(i.private),),
        "requester-id": lambda i: (),
        "requester-managed": lambda i: yes(False),
        "source-dest-check": lambda i: yes(i.source_dest_check),
        "status": lambda i: (status(i),),
        "subnet-id": lambda i: (i.subnet_id,),
        "vpc-id": lambda i: (i.vpc_id,),
    }


def describe_network_interfaces(desk: Desk, params: Params) -> Shape:
    """DescribeNetworkInterfaces."""
    only(
        params,
        "NetworkInterfaceIds",
        "Filters",
        "MaxResults",
        "NextToken",
        inert={"IncludeManagedResources": (True, False)},
    )
    scope, ids = desk.scope, ids_of(params, "NetworkInterfaceIds", NOUN)
    named = [scope.get(NetworkInterface, each, NOUN) for each in ids] if ids else scope.all(NetworkInterface)
    found = select(named, params.get("Filters"), filters(desk), lambda i: i.tags)
    shown, token = page(found, params, in_order_of_creation)
    desk.reads()
    return {"NetworkInterfaces": [shape(desk, interface) for interface in shown], "NextToken": token}


ACTIONS: Final[Mapping[str, Action]] = {
    "DescribeNetworkInterfaces": describe_network_interfaces,
}
