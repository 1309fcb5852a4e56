"""How many there may be of everything, as one table: AWS's default quotas, and what `--limits relaxed` lifts of them.

Sources: AWS, "Site-to-Site VPN quotas" and "Amazon VPC quotas"; rows that AWS has no figure for say so. docs/limits.md
is this table for people, and a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from landbridge.model.errors import LimitExceeded


class Per(StrEnum):
    """What a quota is counted by, in the words of messages."""

    REGION = "region"
    VPC = "VPC"
    VPN_GATEWAY = "virtual private gateway"
    ROUTE_TABLE = "route table"
    VPN_CONNECTION = "VPN connection"
    RESOURCE = "resource"
    SESSION_IN = "BGP session, from the customer gateway"
    SESSION_OUT = "BGP session, to the customer gateway"


LIFTED: Final = frozenset({Per.REGION, Per.VPC, Per.VPN_GATEWAY, Per.ROUTE_TABLE, Per.SESSION_OUT})
"""What `--limits relaxed` does away with: counts, but neither AWS's protection of a gateway from its peers nor tags."""


@dataclass(frozen=True, slots=True)
class Quota:
    """At most so many `things` (a plural) per something. `noun` names the error: `vpn-connection` gives EC2's
    VpnConnectionLimitExceeded. What is enforced by a daemon and refuses no request has none."""

    most: int
    things: str
    per: Per
    noun: str = ""


VPCS: Final = Quota(5, "VPCs", Per.REGION, "vpc")
INTERNET_GATEWAYS: Final = Quota(5, "internet gateways", Per.REGION, "internet-gateway")
INSTANCES: Final = Quota(1000, "instances", Per.REGION, "instance")
"""landbridge's own: AWS counts virtual processors."""
INTERFACES: Final = Quota(5000, "network interfaces", Per.REGION, "network-interface")
ELASTIC_ADDRESSES: Final = Quota(5, "elastic addresses", Per.REGION, "address")
CUSTOMER_GATEWAYS: Final = Quota(50, "customer gateways", Per.REGION, "customer-gateway")
VPN_GATEWAYS: Final = Quota(5, "virtual private gateways", Per.REGION, "vpn-gateway")
VPN_CONNECTIONS: Final = Quota(50, "VPN connections", Per.REGION, "vpn-connection")
VPN_CONNECTIONS_OF_GATEWAY: Final = Quota(10, "VPN connections", Per.VPN_GATEWAY, "vpn-connection")
SUBNETS: Final = Quota(200, "subnets", Per.VPC, "subnet")
ROUTE_TABLES: Final = Quota(200, "route tables", Per.VPC, "route-table")
NETWORK_ACLS: Final = Quota(200, "network ACLs", Per.VPC, "network-acl")
SECURITY_GROUPS: Final = Quota(2500, "security groups", Per.REGION, "security-group")
ROUTES: Final = Quota(50, "routes that are not propagated", Per.ROUTE_TABLE, "route")
PROPAGATED_ROUTES: Final = Quota(100, "propagated routes", Per.ROUTE_TABLE)
"""BIRD keeps it. AWS does not say what becomes of the 101st: here it stays out of the table, the first 100 stay in."""
STATIC_ROUTES: Final = Quota(100, "static routes", Per.VPN_CONNECTION, "route")
ANNOUNCED_ROUTES: Final = Quota(100, "routes", Per.SESSION_IN)
"""BIRD keeps it: one more ends the session (Cease, maximum number of prefixes reached)."""
ADVERTISED_ROUTES: Final = Quota(1000, "routes", Per.SESSION_OUT)
"""BIRD keeps it: the session stays, one more is not advertised. AWS does not say what becomes of it."""
TAGS: Final = Quota(50, "tags", Per.RESOURCE, "tag")

QUOTAS: Final = (
    VPCS,
    INTERNET_GATEWAYS,
    INSTANCES,
    INTERFACES,
    ELASTIC_ADDRESSES,
    CUSTOMER_GATEWAYS,
    VPN_GATEWAYS,
    VPN_CONNECTIONS,
    VPN_CONNECTIONS_OF_GATEWAY,
    SUBNETS,
    ROUTE_TABLES,
    NETWORK_ACLS,
    SECURITY_GROUPS,
    ROUTES,
    PROPAGATED_ROUTES,
    STATIC_ROUTES,
    ANNOUNCED_ROUTES,
    ADVERTISED_ROUTES,
    TAGS,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The quotas as one service has them in force."""

    relaxed: bool = False

    def most(self, quota: Quota) -> int | None:
        """How many there may be; None: as many as there is room for."""
        return None if self.relaxed and quota.per in LIFTED else quota.most

    def check(self, quota: Quota, have: int, *, more: int = 1, where: str = "") -> None:
        """Whether there may be more. `have`: those that count now. `where`: whose they are, if not the region's.

        Raises:
            LimitExceeded: there would be too many.
        """
        most = self.most(quota)
        if most is None or have + more <= most:
            return
        raise LimitExceeded(
            quota.noun,
            f"The maximum number of {quota.things} has been reached: {where or 'the region'} has {have}, and a "
            f"{quota.per} can have {most}. Delete some"
            + (", or start the service with --limits relaxed." if quota.per in LIFTED else "."),
        )


AWS: Final = Limits()
RELAXED: Final = Limits(relaxed=True)
