"""What landbridge keeps: the cloud side's resources as frozen values.

`id`, `account`, `region` and `tags` are common to all. API state (`pending`, `available`, ...) is kept here; whether a
tunnel is UP is an observation and never is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network

from landbridge.model.crypto import UNSET, IkeVersion, PhaseOptions
from landbridge.model.secret import Secret

Tags = tuple[tuple[str, str], ...]

ANYWHERE = IPv4Network("0.0.0.0/0")

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
class VpnGateway(Resource):
    """The virtual private gateway: the cloud side's end of VPN connections, and the hub between sites.

    `asn` is the Amazon-side ASN. `vpc_id` stays while `attachment` is detaching. `left` is the VPC that it was detached
    from last: EC2 goes on showing that attachment, as `detached`, and clients wait for it.
    """

    asn: int
    state: State
    vpc_id: str | None = None
    attachment: Attachment = Attachment.DETACHED
    left: str | None = None
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
    ike_versions: tuple[IkeVersion, ...] | None = None
    phase1: PhaseOptions = UNSET
    phase2: PhaseOptions = UNSET
    rekey_margin_seconds: int | None = None
    rekey_fuzz_percentage: int | None = None

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

    @property
    def phase1_lifetime(self) -> int:
        """Seconds that an IKE SA lives."""
        return 28_800 if self.phase1.lifetime_seconds is None else self.phase1.lifetime_seconds

    @property
    def phase2_lifetime(self) -> int:
        """Seconds that a CHILD SA lives."""
        return 3_600 if self.phase2.lifetime_seconds is None else self.phase2.lifetime_seconds

    @property
    def rekey_margin(self) -> int:
        """Seconds before a lifetime's end by which new keys are made at the latest."""
        return 270 if self.rekey_margin_seconds is None else self.rekey_margin_seconds

    @property
    def rekey_fuzz(self) -> int:
        """Per cent of the margin by which it is increased, at random and at most."""
        return 100 if self.rekey_fuzz_percentage is None else self.rekey_fuzz_percentage


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
    customer_network: IPv4Network = ANYWHERE
    """Traffic selector of the customer's side (EC2: LocalIpv4NetworkCidr)."""
    cloud_network: IPv4Network = ANYWHERE
    """Traffic selector of the cloud's side (EC2: RemoteIpv4NetworkCidr)."""
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
    """Something that talks: a network namespace. What it talks by are its network interfaces (`model/attached.py`).

    `vpc_id` and `subnet_id` are its primary interface's, kept when it is terminated and has no interface any more.
    """

    vpc_id: str
    subnet_id: str
    image_id: str
    instance_type: str
    reservation_id: str
    key_name: str = ""
    launch_index: int = 0
    client_token: str = ""
    request: str = ""
    """What tells the request from others with the same token (`control/tokens.py`)."""
    disable_api_termination: bool = False
    """Whether TerminateInstances is refused."""
    state: InstanceState
    terminated: datetime | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a rule is about. `protocol` is IP's number of it, None for every one.

    TCP and UDP: the destination ports from `first` to `last`, both included. ICMP: `first` is the type and `last` the
    code, None for every one. Of any other protocol everything: both are None.
    """

    protocol: int | None = None
    first: int | None = None
    last: int | None = None


TCP, UDP, ICMP = 6, 17, 1
"""IP's numbers of the protocols that rules look into."""

EVERYTHING = Traffic()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicAddress:
    """What a private address is on the Internet, one to one.

    Elastic: it belongs to an ElasticAddress and outlives the association. Else it was assigned at launch, and goes when
    its interface leaves its instance.
    """

    address: IPv4Address
    allocation_id: str = ""
    """The ElasticAddress; empty for one that was assigned at launch."""
    association_id: str = ""
    """EC2's name of the association with an elastic address."""

    @property
    def elastic(self) -> bool:
        """Whether somebody holds it independently of this interface."""
        return self.allocation_id != ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateAddress:
    """An address in a subnet that an interface has."""

    address: IPv4Address
    public: PublicAddress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceAttachment:
    """Where an interface is plugged in. Device index 0 is the instance's primary interface, which stays."""

    id: str
    instance_id: str
    device_index: int
    delete_on_termination: bool
    since: datetime
    state: Attachment
    ended: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInterface(Resource):
    """A port of a subnet with its addresses: made with an instance or by itself, attached to one instance at most.

    `addresses` is never empty; the first is the primary one, which stays for the interface's life.
    `group_ids` are the security groups that it is in, in the order given. `assigns_public`: it was made to have a
    public address, and gets one again when its elastic address is taken away.
    """

    vpc_id: str
    subnet_id: str
    addresses: tuple[PrivateAddress, ...]
    group_ids: tuple[str, ...] = ()
    description: str = ""
    source_dest_check: bool = True
    """Whether it sends and gets only what is from or for one of its addresses."""
    assigns_public: bool = False
    attachment: InterfaceAttachment | None = None
    detached: InterfaceAttachment | None = None
    """The attachment that ended last, for a moment: clients wait to see it detached."""
    client_token: str = ""
    request: str = ""
    """What tells the request from others with the same token (`control/tokens.py`)."""

    @property
    def private(self) -> IPv4Address:
        """The primary private address."""
        return self.addresses[0].address

    @property
    def public(self) -> IPv4Address | None:
        """The primary address's public one."""
        public = self.addresses[0].public
        return public.address if public else None

    @property
    def instance_id(self) -> str | None:
        """Where it is attached, also while that begins or ends."""
        return self.attachment.instance_id if self.attachment else None

    @property
    def mac(self) -> str:
        """Its hardware address wherever it is attached: unicast, locally administered, a digest of the id."""
        digest = bytearray(hashlib.sha256(self.id.encode()).digest()[:6])
        digest[0] = digest[0] & 0xFC | 0x02
        return ":".join(f"{byte:02x}" for byte in digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticAddress(Resource):
    """A public address that an account holds until it releases it.

    What it is associated with is said in one place: the interface's PrivateAddress that has it (`model/attached.py`).
    """

    address: IPv4Address


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroup(Resource):
    """Who may talk to the interfaces that are in it, and whom they may talk to; its rules are SecurityGroupRules.

    An interface in several groups may do what any of them allows. Answers to what was allowed need no rule.
    """

    vpc_id: str
    group_name: str
    description: str

    @property
    def default(self) -> bool:
        """Whether it is the one that came with the VPC: nobody else can have its name."""
        return self.group_name == DEFAULT_GROUP


DEFAULT_GROUP = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroupRule(Resource):
    """One thing that a security group allows: `traffic` from (egress: to) addresses or the members of a group.

    Exactly one of `cidr` and `peer_group_id` is set.
    """

    group_id: str
    egress: bool
    traffic: Traffic
    cidr: IPv4Network | None = None
    peer_group_id: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AclEntry:
    """What a network ACL says of packets into (egress: out of) its subnets; the lowest number that fits decides."""

    number: int
    egress: bool
    allow: bool
    traffic: Traffic
    cidr: IPv4Network


@dataclass(frozen=True, slots=True, kw_only=True)
class AclAssociation:
    """A subnet that a network ACL is in force for. Every subnet has exactly one."""

    id: str
    subnet_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkAcl(Resource):
    """What may cross the border of a subnet, packet by packet. `entries` by direction and number; else nothing may."""

    vpc_id: str
    default: bool = False
    """The one that came with the VPC, which new subnets get."""
    entries: tuple[AclEntry, ...] = ()
    associations: tuple[AclAssociation, ...] = ()
    client_token: str = ""
    request: str = ""
    """What tells the request from others with the same token (`control/tokens.py`)."""


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


class Role(StrEnum):
    """What a key may do in its account: all of it, all but access keys, or look at it without seeing secrets."""

    ADMIN = "admin"
    OPERATOR = "operator"
    READ_ONLY = "read-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey(Resource):
    """A key that signs requests of its account. The id is the access key id."""

    secret: Secret
    role: Role = Role.ADMIN
