"""Filters of DescribeInstances that have nothing to do with interfaces: how an instance came and went, and the many
that ask after something that no instance has here (disks, images, hosts, placement, markets, IPv6, metadata)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from landbridge.api.aws.ec2.door import Desk
from landbridge.api.aws.ec2.filters import Field, absent, moment, yes
from landbridge.api.aws.ec2.machine_types import OF_ANY_IMAGE
from landbridge.control.zones import zone_id
from landbridge.model.instances import Instance, InstanceState
from landbridge.model.network import Subnet

USER_ENDED_IT: Final[Mapping[str, str]] = {
    "Code": "Client.UserInitiatedShutdown",
    "Message": "Client.UserInitiatedShutdown: User initiated shutdown",
}
"""Why an instance ended: there is one reason."""

MONITORING: Final = "disabled"
METADATA: Final[Mapping[str, str]] = {"HttpEndpoint": "disabled", "HttpTokens": "required"}
"""There is no metadata service."""


def has_ended(instance: Instance) -> bool:
    """Whether its end has begun."""
    return instance.state in (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED)


def transition_reason(instance: Instance) -> str:
    """Why it is in its state, in EC2's words."""
    return "User initiated" if has_ended(instance) else ""


def life(desk: Desk) -> Mapping[str, Field[Instance]]:
    """The filters, by name."""

    def zone_ids(instance: Instance) -> tuple[str, ...]:
        subnet = desk.scope.find(Subnet, instance.subnet_id)
        return (zone_id(subnet.zone),) if subnet else ()

    return {
        **_ABSENT,
        "availability-zone-id": zone_ids,
        "architecture": lambda i: (str(OF_ANY_IMAGE["Architecture"]),),
        "ebs-optimized": lambda i: yes(False),
        "ena-support": lambda i: yes(True),
        "enclave-options.enabled": lambda i: yes(False),
        "hypervisor": lambda i: (str(OF_ANY_IMAGE["Hypervisor"]),),
        "metadata-options.http-endpoint": lambda i: (METADATA["HttpEndpoint"],),
        "metadata-options.http-tokens": lambda i: (METADATA["HttpTokens"],),
        "metadata-options.state": lambda i: ("applied",),
        "platform-details": lambda i: (str(OF_ANY_IMAGE["PlatformDetails"]),),
        "root-device-type": lambda i: (str(OF_ANY_IMAGE["RootDeviceType"]),),
        "usage-operation": lambda i: (str(OF_ANY_IMAGE["UsageOperation"]),),
        "virtualization-type": lambda i: (str(OF_ANY_IMAGE["VirtualizationType"]),),
        "launch-time": lambda i: moment(i.created),
        "monitoring-state": lambda i: (MONITORING,),
        "reason": lambda i: (transition_reason(i),),
        "state-reason-code": lambda i: (USER_ENDED_IT["Code"],) if has_ended(i) else (),
        "state-reason-message": lambda i: (USER_ENDED_IT["Message"],) if has_ended(i) else (),
    }


_ABSENT: Final[Mapping[str, Field[Instance]]] = absent(
    "affinity",
    "block-device-mapping.attach-time",
    "block-device-mapping.delete-on-termination",
    "block-device-mapping.device-name",
    "block-device-mapping.status",
    "block-device-mapping.volume-id",
    "boot-mode",
    "capacity-reservation-id",
    "capacity-reservation-specification.capacity-reservation-preference",
    "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id",
    "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn",
    "current-instance-boot-mode",
    "dns-name",
    "hibernation-options.configured",
    "host-id",
    "iam-instance-profile.arn",
    "iam-instance-profile.id",
    "instance-lifecycle",
    "ipv6-address",
    "kernel-id",
    "maintenance-options.auto-recovery",
    "metadata-options.http-protocol-ipv4",
    "metadata-options.http-protocol-ipv6",
    "metadata-options.http-put-response-hop-limit",
    "metadata-options.instance-metadata-tags",
    "network-interface.addresses.association.carrier-ip",
    "network-interface.addresses.association.customer-owned-ip",
    "network-interface.addresses.association.public-dns-name",
    "network-interface.association.carrier-ip",
    "network-interface.association.customer-owned-ip",
    "network-interface.association.public-dns-name",
    "network-interface.deny-all-igw-traffic",
    "network-interface.ipv4-prefixes.ipv4-prefix",
    "network-interface.ipv6-address",
    "network-interface.ipv6-addresses.ipv6-address",
    "network-interface.ipv6-addresses.is-primary-ipv6",
    "network-interface.ipv6-native",
    "network-interface.ipv6-prefixes.ipv6-prefix",
    "network-interface.operator.managed",
    "network-interface.operator.principal",
    "network-interface.outpost-arn",
    "network-interface.public-dns-name",
    "network-interface.requester-id",
    "network-performance-options.bandwidth-weighting",
    "operator.managed",
    "operator.principal",
    "outpost-arn",
    "placement-group-name",
    "placement-partition-number",
    "platform",
    "private-dns-name-options.enable-resource-name-dns-a-record",
    "private-dns-name-options.enable-resource-name-dns-aaaa-record",
    "private-dns-name-options.hostname-type",
    "product-code",
    "product-code.type",
    "ramdisk-id",
    "requester-id",
    "root-device-name",
    "spot-instance-request-id",
    "tpm-support",
    "usage-operation-update-time",
)
