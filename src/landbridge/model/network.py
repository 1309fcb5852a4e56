"""The cloud network: VPCs, subnets, route tables, the way to the Internet, and what instances are told of names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network

from landbridge.model.resources import Attachment, Resource, State


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondaryCidr:
    """A CIDR that a VPC got after it was made. `id` is its association's."""

    id: str
    cidr: IPv4Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Vpc(Resource):
    """A cloud network; its implicit router is one network namespace.

    `cidr` is the first one, which stays as long as the VPC. `dhcp_options_id` empty: it has no set of DHCP options.
    """

    cidr: IPv4Network
    secondary: tuple[SecondaryCidr, ...] = ()
    state: State
    dns_support: bool = True
    dns_hostnames: bool = False
    tenancy: str = "default"
    is_default: bool = False
    dhcp_options_id: str = ""

    @property
    def cidrs(self) -> tuple[IPv4Network, ...]:
        """All its CIDRs, the first one first."""
        return (self.cidr, *(each.cidr for each in self.secondary))

    def holds(self, prefix: IPv4Network) -> bool:
        """Whether the prefix is one of the VPC's CIDRs or a part of one."""
        return any(prefix.subnet_of(cidr) for cidr in self.cidrs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet(Resource):
    """A part of a VPC's CIDR; the router has the first address, `.1`."""

    vpc_id: str
    cidr: IPv4Network
    zone: str
    state: State
    map_public_address: bool = False
    is_default: bool = False
    """The one of its zone in the default VPC."""


class RouteOrigin(StrEnum):
    """How a route came into a route table, in EC2's words."""

    CREATE_TABLE = "CreateRouteTable"
    CREATE_ROUTE = "CreateRoute"
    PROPAGATION = "EnableVgwRoutePropagation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A static route of a route table. `target` is the id of a gateway (`igw-`, `vgw-`) or an interface (`eni-`).

    (State written before interfaces existed may hold the id of an instance that had been forgotten: a black hole.)
    """

    destination: IPv4Network
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """A subnet that follows a route table; `subnet_id` is None for the main association."""

    id: str
    subnet_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTable(Resource):
    """Static routes (the local route is implied), the subnets that follow them, and the gateways that propagate.

    `number` is the kernel's number of this table in the VPC router, unique within the VPC, never reused by another
    table while this one exists.
    """

    vpc_id: str
    number: int
    routes: tuple[Route, ...] = ()
    associations: tuple[Association, ...] = ()
    propagating: tuple[str, ...] = ()
    client_token: str = ""
    """What the caller named the request with: the same token again is the same request."""
    request: str = ""
    """What tells that request from others with the same token (`control/tokens.py`)."""

    @property
    def main(self) -> bool:
        """Whether subnets without an association of their own follow this table."""
        return any(a.subnet_id is None for a in self.associations)


@dataclass(frozen=True, slots=True, kw_only=True)
class InternetGateway(Resource):
    """The way to the Internet for instances with a public address."""

    vpc_id: str | None = None
    attachment: Attachment = Attachment.DETACHED


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpOptions(Resource):
    """What instances of a VPC are told about name resolution. Never changed; a VPC can get another set.

    `domain_names`: for names without a dot. `name_servers` empty with `amazon_dns`: the servers of the cloud itself,
    which here are those of the machine.
    """

    domain_names: tuple[str, ...] = ()
    name_servers: tuple[IPv4Address, ...] = ()
    amazon_dns: bool = False
    is_default: bool = False
    """The set that new VPCs of its region get."""
