"""Filters that EC2 documents and landbridge refuses, by action, and why. What is added goes from here."""

from __future__ import annotations

NOT_YET: dict[str, tuple[str, frozenset[str]]] = {
    "DescribeInstances": (
        "the interfaces of an instance can be asked for at DescribeNetworkInterfaces",
        frozenset(
            {
                "network-interface.addresses.association.allocation-id",
                "network-interface.addresses.association.association-id",
                "network-interface.addresses.association.ip-owner-id",
                "network-interface.addresses.primary",
                "network-interface.association.allocation-id",
                "network-interface.association.association-id",
                "network-interface.association.ip-owner-id",
                "network-interface.association.public-ip",
                "network-interface.attachment.attach-time",
                "network-interface.attachment.attachment-id",
                "network-interface.attachment.delete-on-termination",
                "network-interface.attachment.device-index",
                "network-interface.attachment.instance-id",
                "network-interface.attachment.instance-owner-id",
                "network-interface.attachment.network-card-index",
                "network-interface.attachment.status",
                "network-interface.availability-zone",
                "network-interface.description",
                "network-interface.group-id",
                "network-interface.group-name",
                "network-interface.mac-address",
                "network-interface.owner-id",
                "network-interface.private-ip-address",
                "network-interface.requester-managed",
                "network-interface.status",
                "network-interface.source-dest-check",
                "network-interface.tag-key",
                "network-interface.tag-value",
                "source-dest-check",
            }
        ),
    ),
    "DescribeNetworkAcls": (
        "every ACL has the same entries: a filter by them would choose all or nothing",
        frozenset(
            {
                "entry.cidr",
                "entry.icmp.code",
                "entry.icmp.type",
                "entry.ipv6-cidr",
                "entry.port-range.from",
                "entry.port-range.to",
                "entry.protocol",
                "entry.rule-action",
                "entry.egress",
                "entry.rule-number",
            }
        ),
    ),
    "DescribeNetworkInterfaces": (
        "an interface is its instance's, and has neither an elastic address nor a MAC address to show",
        frozenset(
            {
                "association.allocation-id",
                "association.association-id",
                "addresses.association.owner-id",
                "addresses.association.public-ip",
                "association.public-dns-name",
                "attachment.attach-time",
                "availability-zone-id",
                "ipv6-addresses.ipv6-address",
                "mac-address",
                "operator.managed",
                "operator.principal",
                "private-dns-name",
                "requester-id",
                "source-dest-check",
            }
        ),
    ),
    "DescribeSecurityGroups": (
        "every group has the same rules: a filter by them would choose all or nothing",
        frozenset(
            {
                "egress.ip-permission.from-port",
                "egress.ip-permission.group-id",
                "egress.ip-permission.group-name",
                "egress.ip-permission.ipv6-cidr",
                "egress.ip-permission.prefix-list-id",
                "egress.ip-permission.to-port",
                "egress.ip-permission.user-id",
                "ip-permission.from-port",
                "ip-permission.group-id",
                "ip-permission.group-name",
                "ip-permission.ipv6-cidr",
                "ip-permission.prefix-list-id",
                "ip-permission.to-port",
                "ip-permission.user-id",
            }
        ),
    ),
}
