"""What landbridge keeps: the cloud side's resources as frozen values.

`id`, `account`, `region` and `tags` are common to all. API state (`pending`, `available`, ...) is kept here; whether a
tunnel is UP is an observation and never is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network

from landbridge.model.secret import Secret

Tags = tuple[tuple[str, str], ...]

TunnelId = tuple[str, int]
"""A connection's id and the tunnel's number, 1 or 2."""


class State(StrEnum):
    """The API state of a resource; instances say running, shutting-down, terminated for the last three."""

    PENDING = "pending"
    AVAILABLE = "available"
    DELETING = "deleting"
    DELETED = "deleted"


class Attachment(StrEnum):
    """How far a gateway's attachment to a VPC has come."""

    ATTACHING = "attaching"
    ATTACHED = "attached"
    DETACHING = "detaching"
    DETACHED = "detached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What every resource has."""

    id: str
    account: str
    region: str
    tags: Tags = ()
    created: datetime

    @property
    def name(self) -> str:
        """The tag `Name`, or nothing."""
        return dict(self.tags).get("Name", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vpc(Resource):
    """A cloud network; its implicit router is one network namespace."""

    cidr: IPv4Network
    state: State
    dns_support: bool = True
    dns_hostnames: bool = False
    tenancy: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet(Resource):
    """A part of a VPC's CIDR; the router has the first address, `.1`."""

    vpc_id: str
    cidr: IPv4Network
    zone: str
    state: State
    map_public_address: bool = False


class RouteOrigin(StrEnum):
    """How a route came into a route table, in EC2's words."""

    CREATE_TABLE = "CreateRouteTable"
    CREATE_ROUTE = "CreateRoute"
    PROPAGATION = "EnableVgwRoutePropagation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A static route of a route table. `target` is the id of a gateway (`igw-`, `vgw-`) or an instance (`i-`)."""

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
class VpnGateway(Resource):
    """The virtual private gateway: the cloud side's end of VPN connections, and the hub between sites.

    `asn` is the Amazon-side ASN. `vpc_id` stays while `attachment` is detaching.
    """

    asn: int
    state: State
    vpc_id: str | None = None
    attachment: Attachment = Attachment.DETACHED
    deleted: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerGateway(Resource):
    """The customer's device as the cloud side knows it: its public address and its ASN."""

    address: IPv4Address
    asn: int
    device_name: str = ""
    state: State
    deleted: datetime | None = None


class DpdAction(StrEnum):
    """What to do with a tunnel whose peer is dead."""

    CLEAR = "clear"
    NONE = "none"
    RESTART = "restart"


class StartupAction(StrEnum):
    """Who initiates: the customer (add) or both (start)."""

    ADD = "add"
    START = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelOptions:
    """What the caller set of a tunnel's options; None is "not set" and is answered as such.

    The values in force are the properties below them. Defaults: AWS, see `VpnTunnelOptionsSpecification`.
    """

    pre_shared_key_set: bool = False
    inside_cidr_set: bool = False
    dpd_timeout_seconds: int | None = None
    dpd_timeout_action: DpdAction | None = None
    startup_action: StartupAction | None = None
    replay_window_size: int | None = None

    @property
    def dpd_timeout(self) -> int:
        """Seconds after which a silent peer is dead."""
        return 30 if self.dpd_timeout_seconds is None else self.dpd_timeout_seconds

    @property
    def dpd_action(self) -> DpdAction:
        """What is done then."""
        return self.dpd_timeout_action or DpdAction.CLEAR

    @property
    def startup(self) -> StartupAction:
        """Who initiates."""
        return self.startup_action or StartupAction.ADD

    @property
    def replay_window(self) -> int:
        """How many packets a late one may be behind the newest, where the data plane lets that be chosen."""
        return 1024 if self.replay_window_size is None else self.replay_window_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunnel:
    """One of a connection's two tunnels. The cloud has the first host of the inside /30, the customer the second."""

    number: int
    outside: IPv4Address
    inside: IPv4Network
    psk: Secret
    options: TunnelOptions = field(default_factory=TunnelOptions)

    @property
    def cloud_inside(self) -> IPv4Address:
        """The virtual private gateway's inside address."""
        return self.inside[1]

    @property
    def customer_inside(self) -> IPv4Address:
        """The customer gateway's inside address."""
        return self.inside[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticRoute:
    """A prefix of the customer's network that a static connection leads to."""

    destination: IPv4Network
    state: State
    deleted: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VpnConnection(Resource):
    """The link between a virtual private gateway and a customer gateway: always two tunnels.

    `number` is unique per virtual private gateway while the connection exists; it tags the routes of this connection.
    """

    vpn_gateway_id: str
    customer_gateway_id: str
    number: int
    static_only: bool
    tunnels: tuple[Tunnel, Tunnel]
    routes: tuple[StaticRoute, ...] = ()
    clear_df: bool = False
    """What is too large for a tunnel is fragmented, even if it says that it must not be. Not in EC2's API."""
    force_udp: bool = False
    """ESP is in UDP even where there is no NAT. Not in EC2's API."""
    state: State
    deleted: datetime | None = None


class InstanceState(StrEnum):
    """An instance's state in EC2's words."""

    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance(Resource):
    """Something that talks: a network namespace attached to a subnet."""

    vpc_id: str
    subnet_id: str
    interface_id: str
    private_address: IPv4Address
    public_address: IPv4Address | None
    image_id: str
    instance_type: str
    reservation_id: str
    key_name: str = ""
    launch_index: int = 0
    client_token: str = ""
    state: InstanceState
    terminated: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroup(Resource):
    """The default security group of a VPC, as a record; filtering comes with the EC2 API issue."""

    vpc_id: str
    group_name: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkAcl(Resource):
    """The default network ACL of a VPC, as a record; filtering comes with the EC2 API issue."""

    vpc_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabSite(Resource):
    """A customer's site on the lab's Internet: a gateway machine and a host on its LAN. The id is the site's name."""

    public_address: IPv4Address
    lan: IPv4Network
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class LabHost(Resource):
    """A host on the lab's Internet. The id is its name."""

    address: IPv4Address
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey(Resource):
    """A key that signs requests. The id is the access key id."""

    secret: Secret
