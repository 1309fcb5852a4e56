"""Images, instance types and credits at the EC2 door.

An instance is a network namespace: an image's id and a type's name are kept as they are given, and mean nothing here.
Clients ask for what they name, and get what is true of it; nothing has CPU credits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, absent, select, yes
from landbridge.api.aws.ec2.paging import page
from landbridge.api.aws.ec2.params import ids_of, only
from landbridge.control.attachments import MAX_ATTACHED
from landbridge.control.instances import MAX_TEXT, NOUN, is_type
from landbridge.control.network_interfaces import MAX_ADDRESSES
from landbridge.model.errors import MalformedId, UnknownType
from landbridge.model.instances import Instance
from landbridge.model.resources import Tags

ARCHITECTURE: Final = "x86_64"
OF_ANY_IMAGE: Final[Shape] = {
    "Architecture": ARCHITECTURE,
    "Hypervisor": "xen",
    "VirtualizationType": "hvm",
    "RootDeviceType": "instance-store",
    "PlatformDetails": "Linux/UNIX",
    "UsageOperation": "RunInstances",
    "EnaSupport": True,
}
"""What is shown of every image, and so of every instance."""
_DESCRIPTION: Final = "Accepted by landbridge as any image is: instances are network namespaces."
_CREATED: Final = "2026-01-01T00:00:00.000Z"


_SPECIAL: Final = re.compile(r"\\(.)|[*?]", re.DOTALL)
_NO_IMAGE_HAS: Final[Mapping[str, Field[object]]] = absent(
    "block-device-mapping.delete-on-termination",
    "block-device-mapping.device-name",
    "block-device-mapping.encrypted",
    "block-device-mapping.snapshot-id",
    "block-device-mapping.volume-size",
    "block-device-mapping.volume-type",
    "boot-mode",
    "free-tier-eligible",
    "image-allowed",
    "image-watermark.source-image-creation-time",
    "image-watermark.source-image-id",
    "image-watermark.source-image-region",
    "image-watermark.watermark-creation-time",
    "image-watermark.watermark-key",
    "instance-type-specification.supported-instance-type",
    "instance-type-specification.unsupported-instance-type",
    "kernel-id",
    "manifest-location",
    "owner-alias",
    "platform",
    "product-code",
    "product-code.type",
    "public-ssm-parameter-name",
    "ramdisk-id",
    "root-device-name",
    "scan-result.critical-fix-available-since",
    "scan-result.finding-scan-date",
    "scan-result.high-fix-available-since",
    "scan-result.highest-finding-severity-label",
    "scan-result.informational-fix-available-since",
    "scan-result.low-fix-available-since",
    "scan-result.medium-fix-available-since",
    "source-image-id",
    "source-image-region",
    "source-instance-id",
    "sriov-net-support",
    "state-reason-code",
    "state-reason-message",
)
_NO_TYPE_CAN: Final = (
    "auto-recovery-supported",
    "dedicated-hosts-supported",
    "free-tier-eligible",
    "hibernation-supported",
    "instance-storage-supported",
    "network-info.efa-supported",
    "network-info.ipv6-supported",
)
_NO_TYPE_HAS: Final[Mapping[str, Field[str]]] = absent(
    "ebs-info.attachment-limit-type",
    "ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps",
    "ebs-info.ebs-optimized-info.baseline-iops",
    "ebs-info.ebs-optimized-info.baseline-throughput-in-mbps",
    "ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps",
    "ebs-info.ebs-optimized-info.maximum-iops",
    "ebs-info.ebs-optimized-info.maximum-throughput-in-mbps",
    "ebs-info.ebs-optimized-support",
    "ebs-info.encryption-support",
    "ebs-info.maximum-ebs-attachments",
    "ebs-info.nvme-support",
    "hypervisor",
    "instance-storage-info.disk.count",
    "instance-storage-info.disk.size-in-gb",
    "instance-storage-info.disk.type",
    "instance-storage-info.encryption-support",
    "instance-storage-info.nvme-support",
    "instance-storage-info.total-size-in-gb",
    "memory-info.size-in-mib",
    "network-info.bandwidth-weightings",
    "network-info.efa-info.maximum-efa-interfaces",
    "network-info.ena-support",
    "network-info.encryption-in-transit-supported",
    "network-info.flexible-ena-queues-support",
    "network-info.maximum-network-cards",
    "network-info.network-performance",
    "nitro-enclaves-support",
    "nitro-tpm-info.supported-versions",
    "nitro-tpm-support",
    "processor-info.supported-features",
    "processor-info.sustained-clock-speed-in-ghz",
    "reboot-migration-support",
    "supported-boot-mode",
    "vcpu-info.default-cores",
    "vcpu-info.default-threads-per-core",
    "vcpu-info.default-vcpus",
    "vcpu-info.valid-cores",
    "vcpu-info.valid-threads-per-core",
)


def _nothing(_: object) -> Tags:
    return ()


@dataclass(frozen=True, slots=True)
class _Image:
    id: str
    name: str


def _stand_ins(filters: Iterable[Mapping[str, Any]]) -> Iterator[_Image]:
    """For each name that is asked for an image that is called so, always with the same id.

    Who looks for a name (Terraform's `data "aws_ami"`) wants something to launch, and any image is as good as another.
    Of a pattern the shortest name that it matches, if it has letters at all.
    """
    for each in filters:
        for pattern in each.get("Values") or () if each.get("Name") == "name" else ():
            name = _SPECIAL.sub(lambda found: found[1] or ("0" if found[0] == "?" else ""), pattern)
            if len(name) <= MAX_TEXT and any(character.isalpha() for character in name):
                yield _Image(f"ami-{sha256(name.encode()).hexdigest()[:17]}", name)


def _image(image: _Image, account: str) -> Shape:
    return {
        "ImageId": image.id,
        "ImageType": "machine",
        "Name": image.name,
        "ImageLocation": image.name,
        "Description": _DESCRIPTION,
        "State": "available",
        "OwnerId": account,
        "CreationDate": _CREATED,
        "Public": True,
        **OF_ANY_IMAGE,
        "BlockDeviceMappings": [],
        "ProductCodes": [],
        "Tags": [],
    }


def describe_images(desk: Desk, params: Params) -> Shape:
    """DescribeImages: those that are named, by id or by name, and otherwise those of the instances that are there.

    Every image is everybody's, whichever owners are asked for.
    """
    only(
        params,
        "ImageIds",
        "Owners",
        "ExecutableUsers",
        "Filters",
        "MaxResults",
        "NextToken",
        inert={"IncludeDeprecated": (True, False), "IncludeDisabled": (True, False)},
    )
    ids = tuple(dict.fromkeys(params.get("ImageIds") or ()))
    for each in ids:
        if not each.startswith("ami-") or len(each) > MAX_TEXT:
            raise MalformedId("image", each[:100])
    known = ids or dict.fromkeys(i.image_id for i in desk.scope.all(Instance))
    named = {each: _Image(each, each) for each in known}
    if not ids:
        named |= {each.id: each for each in _stand_ins(params.get("Filters") or ())}
    fields: Mapping[str, Field[_Image]] = {
        **_NO_IMAGE_HAS,
        "architecture": lambda i: (ARCHITECTURE,),
        "creation-date": lambda i: (_CREATED,),
        "description": lambda i: (_DESCRIPTION,),
        "ena-support": lambda i: yes(True),
        "hypervisor": lambda i: ("xen",),
        "image-id": lambda i: (i.id,),
        "image-type": lambda i: ("machine",),
        "is-public": lambda i: yes(True),
        "name": lambda i: (i.name,),
        "owner-id": lambda i: (desk.account,),
        "root-device-type": lambda i: ("instance-store",),
        "state": lambda i: ("available",),
        "virtualization-type": lambda i: ("hvm",),
    }
    shown, token = page(select(named.values(), params.get("Filters"), fields, _nothing), params, lambda i: i.id)
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
    """DescribeInstanceTypes: those that are named; else those of the instances and those that a filter names."""
    only(params, "InstanceTypes", "Filters", "MaxResults", "NextToken")
    for each in params.get("InstanceTypes") or ():
        if not is_type(each):
            raise UnknownType(f"The following supplied instance types do not exist: [{each[:100]}]")
    filters = params.get("Filters") or ()
    by_filter = (v for f in filters if f.get("Name") == "instance-type" for v in f.get("Values") or () if is_type(v))
    there = (i.instance_type for i in desk.scope.all(Instance))
    named: Iterable[str] = params.get("InstanceTypes") or (*there, *by_filter)
    fields: Mapping[str, Field[str]] = {
        **_NO_TYPE_HAS,
        **dict.fromkeys(_NO_TYPE_CAN, lambda t: yes(False)),
        "bare-metal": lambda t: yes(False),
        "burstable-performance-supported": lambda t: yes(False),
        "current-generation": lambda t: yes(True),
        "instance-type": lambda t: (t,),
        "network-info.ipv4-addresses-per-interface": lambda t: (str(MAX_ADDRESSES),),
        "network-info.ipv6-addresses-per-interface": lambda t: ("0",),
        "network-info.maximum-network-interfaces": lambda t: (str(MAX_ATTACHED),),
        "processor-info.supported-architecture": lambda t: (ARCHITECTURE,),
        "supported-root-device-type": lambda t: ("instance-store",),
        "supported-usage-class": lambda t: ("on-demand",),
        "supported-virtualization-type": lambda t: ("hvm",),
    }
    shown, token = page(select(dict.fromkeys(named), filters, fields), params, str)
    desk.reads()
    return {"InstanceTypes": [_type(each) for each in shown], "NextToken": token}


def describe_instance_credit_specifications(desk: Desk, params: Params) -> Shape:
    """DescribeInstanceCreditSpecifications: no instance has any."""
    only(params, "InstanceIds", "Filters", "MaxResults", "NextToken")
    for each in ids_of(params, "InstanceIds", NOUN):
        desk.scope.get(Instance, each, NOUN)
    select((), params.get("Filters"), absent("instance-id"))
    desk.reads()
    return {"InstanceCreditSpecifications": []}


ACTIONS: Final[Mapping[str, Action]] = {
    "DescribeImages": describe_images,
    "DescribeInstanceTypes": describe_instance_types,
    "DescribeInstanceCreditSpecifications": describe_instance_credit_specifications,
}
