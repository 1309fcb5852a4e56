"""Network interfaces at the EC2 door: every instance that lives has one, and nobody else has any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, select, yes
from landbridge.api.aws.ec2.groups import default_group
from landbridge.api.aws.ec2.paging import page
from landbridge.api.aws.ec2.params import ids_of, only
from landbridge.control.addresses import occupies
from landbridge.model.errors import NotFound
from landbridge.model.resources import Instance, Subnet

NOUN: Final = "network-interface"


def attachment_id(instance: Instance) -> str:
    """The id of the interface's attachment to its instance."""
    return "eni-attach-" + instance.interface_id.removeprefix("eni-")


def association(instance: Instance) -> Shape | None:
    """The public address, if there is one."""
    if instance.public_address is None:
        return None
    return {"PublicIp": str(instance.public_address), "IpOwnerId": "amazon", "PublicDnsName": ""}


def attachment(instance: Instance) -> Shape:
    """The attachment to the instance."""
    return {
        "AttachmentId": attachment_id(instance),
        "AttachTime": instance.created,
        "DeleteOnTermination": True,
        "DeviceIndex": 0,
        "NetworkCardIndex": 0,
        "Status": "attached",
    }


def common(desk: Desk, instance: Instance) -> Shape:
    """What an interface shows by itself and as a part of its instance alike."""
    return {
        "NetworkInterfaceId": instance.interface_id,
        "SubnetId": instance.subnet_id,
        "VpcId": instance.vpc_id,
        "Description": "",
        "OwnerId": instance.account,
        "Status": "in-use",
        "InterfaceType": "interface",
        "PrivateIpAddress": str(instance.private_address),
        "PrivateIpAddresses": [
            {
                "Primary": True,
                "PrivateIpAddress": str(instance.private_address),
                "Association": association(instance),
            }
        ],
        "Ipv6Addresses": [],
        "Association": association(instance),
        "Attachment": attachment(instance),
        "Groups": default_group(desk, instance.vpc_id),
    }


def zone_of(desk: Desk, instance: Instance) -> str | None:
    """The zone of the instance's subnet; a terminated instance may outlive its subnet."""
    subnet = desk.scope.find(Subnet, instance.subnet_id)
    return subnet.zone if subnet else None


def filters(desk: Desk) -> Mapping[str, Field[Instance]]:
    """DescribeNetworkInterfaces' filters."""
    return {
        "addresses.private-ip-address": lambda i: (str(i.private_address),),
        "addresses.primary": lambda i: yes(True),
        "association.ip-owner-id": lambda i: ("amazon",) if i.public_address else (),
        "association.public-ip": lambda i: (str(i.public_address),) if i.public_address else (),
        "attachment.attachment-id": lambda i: (attachment_id(i),),
        "attachment.delete-on-termination": lambda i: yes(True),
        "attachment.device-index": lambda i: ("0",),
        "attachment.instance-id": lambda i: (i.id,),
        "attachment.instance-owner-id": lambda i: (i.account,),
        "attachment.status": lambda i: ("attached",),
        "availability-zone": lambda i: (zone_of(desk, i) or "",),
        "description": lambda i: ("",),
        "group-id": lambda i: (g["GroupId"] for g in default_group(desk, i.vpc_id)),
        "group-name": lambda i: (g["GroupName"] for g in default_group(desk, i.vpc_id)),
        "interface-type": lambda i: ("interface",),
        "network-interface-id": lambda i: (i.interface_id,),
        "owner-id": lambda i: (i.account,),
        "private-ip-address": lambda i: (str(i.private_address),),
        "requester-managed": lambda i: yes(False),
        "status": lambda i: ("in-use",),
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
    ids = ids_of(params, "NetworkInterfaceIds", NOUN)
    found = select(_named(desk, ids), params.get("Filters"), filters(desk), lambda i: ())
    shown, token = page(found, params, lambda i: i.interface_id)
    desk.reads()
    return {
        "NetworkInterfaces": [
            common(desk, instance)
            | {
                "Attachment": attachment(instance) | {"InstanceId": instance.id, "InstanceOwnerId": instance.account},
                "AvailabilityZone": zone_of(desk, instance),
                "RequesterManaged": False,
                "TagSet": [],
            }
            for instance in shown
        ],
        "NextToken": token,
    }


def _named(desk: Desk, ids: tuple[str, ...]) -> Iterator[Instance]:
    living = {i.interface_id: i for i in desk.scope.all(Instance) if occupies(i)}
    for each in ids or living:
        if each not in living:
            raise NotFound(NOUN, each)
        yield living[each]


ACTIONS: Final[Mapping[str, Action]] = {
    "DescribeNetworkInterfaces": describe_network_interfaces,
}
