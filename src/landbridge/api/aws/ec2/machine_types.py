"""Images, instance types, volumes and credits at the EC2 door.

An instance is a network namespace: an image's id and a type's name are kept as they are given, and mean nothing here.
Clients ask for what they name, and get what is true of it; nothing has volumes or CPU credits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, select, yes
from landbridge.api.aws.ec2.paging import page
from landbridge.api.aws.ec2.params import ids_of, only
from landbridge.control.attachments import MAX_ATTACHED
from landbridge.control.instances import MAX_TEXT, NOUN
from landbridge.control.network_interfaces import MAX_ADDRESSES
from landbridge.model.errors import MalformedId, NotFound
from landbridge.model.resources import Instance, Tags

ARCHITECTURE: Final = "x86_64"
_CREATED: Final = "2026-01-01T00:00:00.000Z"


def _nothing(_: object) -> Tags:
    return ()


def _image(image_id: str, account: str) -> Shape:
    return {
        "ImageId": image_id,
        "ImageType": "machine",
        "Name": image_id,
        "ImageLocation": image_id,
        "Description": "Accepted by landbridge as any image is: instances are network namespaces.",
        "State": "available",
        "OwnerId": account,
        "CreationDate": _CREATED,
        "Public": True,
        "Architecture": ARCHITECTURE,
        "Hypervisor": "xen",
        "VirtualizationType": "hvm",
        "RootDeviceType": "instance-store",
        "PlatformDetails": "Linux/UNIX",
        "UsageOperation": "RunInstances",
        "EnaSupport": True,
        "BlockDeviceMappings": [],
        "ProductCodes": [],
        "Tags": [],
    }


def describe_images(desk: Desk, params: Params) -> Shape:
    """DescribeImages: those that are named, and otherwise those of the instances that are there."""
    only(
        params,
        "ImageIds",
        "Filters",
        "MaxResults",
        "NextToken",
        inert={"IncludeDeprecated": (True, False), "IncludeDisabled": (True, False)},
    )
    ids = tuple(dict.fromkeys(params.get("ImageIds") or ()))
    for each in ids:
        if not each.startswith("ami-") or len(each) > MAX_TEXT:
            raise MalformedId("image", each[:100])
    named = ids or tuple(dict.fromkeys(i.image_id for i in desk.scope.all(Instance)))
    fields: Mapping[str, Field[str]] = {
        "architecture": lambda i: (ARCHITECTURE,),
        "image-id": lambda i: (i,),
        "image-type": lambda i: ("machine",),
        "is-public": lambda i: yes(True),
        "name": lambda i: (i,),
        "owner-id": lambda i: (desk.account,),
        "root-device-type": lambda i: ("instance-store",),
        "state": lambda i: ("available",),
        "virtualization-type": lambda i: ("hvm",),
    }
    shown, token = page(select(named, params.get("Filters"), fields, _nothing), params, str)
    desk.reads()
    return {"Images": [_image(each, desk.account) for each in shown], "NextToken": token}


def _type(name: str) -> Shape:
    return {
        "InstanceType": name,
        "CurrentGeneration": True,
        "FreeTierEligible": False,
        "SupportedUsageClasses": ["on-demand"],
        "SupportedRootDeviceTypes": ["instance-store"],
        "SupportedVirtualizationTypes": ["hvm"],
        "BareMetal": False,
        "ProcessorInfo": {"SupportedArchitectures": [ARCHITECTURE]},
        "InstanceStorageSupported": False,
        "NetworkInfo": {
            "MaximumNetworkInterfaces": MAX_ATTACHED,
            "Ipv4AddressesPerInterface": MAX_ADDRESSES,
            "Ipv6AddressesPerInterface": 0,
            "Ipv6Supported": False,
            "EfaSupported": False,
        },
        "HibernationSupported": False,
        "BurstablePerformanceSupported": False,
        "DedicatedHostsSupported": False,
        "AutoRecoverySupported": False,
    }


def describe_instance_types(desk: Desk, params: Params) -> Shape:
    """DescribeInstanceTypes: those that are named, and otherwise those of the instances that are there."""
    only(params, "InstanceTypes", "Filters", "MaxResults", "NextToken")
    named: Iterable[str] = params.get("InstanceTypes") or (i.instance_type for i in desk.scope.all(Instance))
    fields: Mapping[str, Field[str]] = {
        "bare-metal": lambda t: yes(False),
        "burstable-performance-supported": lambda t: yes(False),
        "current-generation": lambda t: yes(True),
        "instance-type": lambda t: (t,),
        "processor-info.supported-architecture": lambda t: (ARCHITECTURE,),
        "supported-virtualization-type": lambda t: ("hvm",),
    }
    shown, token = page(select(dict.fromkeys(named), params.get("Filters"), fields), params, str)
    desk.reads()
    return {"InstanceTypes": [_type(each) for each in shown], "NextToken": token}


def describe_volumes(desk: Desk, params: Params) -> Shape:
    """DescribeVolumes: there are none."""
    only(
        params,
        "VolumeIds",
        "Filters",
        "MaxResults",
        "NextToken",
        inert={"IncludeManagedResources": (True, False)},
    )
    for each in ids_of(params, "VolumeIds", "volume"):
        raise NotFound("volume", each)
    desk.reads()
    return {"Volumes": []}


def describe_instance_credit_specifications(desk: Desk, params: Params) -> Shape:
    """DescribeInstanceCreditSpecifications: no instance has any."""
    only(params, "InstanceIds", "Filters", "MaxResults", "NextToken")
    for each in ids_of(params, "InstanceIds", NOUN):
        desk.scope.get(Instance, each, NOUN)
    desk.reads()
    return {"InstanceCreditSpecifications": []}


ACTIONS: Final[Mapping[str, Action]] = {
    "DescribeImages": describe_images,
    "DescribeInstanceTypes": describe_instance_types,
    "DescribeVolumes": describe_volumes,
    "DescribeInstanceCreditSpecifications": describe_instance_credit_specifications,
}
