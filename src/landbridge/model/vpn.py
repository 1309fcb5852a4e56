"""The VPN: the gateways of both sides, and connections of two tunnels between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network

from landbridge.model.crypto import UNSET, IkeVersion, PhaseOptions
from landbridge.model.resources import Attachment, Resource, State
from landbridge.model.secret import Secret

ANYWHERE = IPv4Network("0.0.0.0/0")

TunnelId = tuple[str, int]
"""A connection's id and the tunnel's number, 1 or 2."""

ANYWHERE = IPv4Network("0.0.0.0/0")
"""The traffic selector that lets everything pass."""


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


class LogFormat(StrEnum):
    """How a line of a tunnel's log is written."""

    JSON = "json"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelLog:
    """What the caller set of one log of a tunnel; None is "not set" and is answered as such."""

    enabled: bool | None = None
    group_arn: str | None = None
    output_format: LogFormat | None = None

    @property
    def group(self) -> str:
        """The log group's name, out of its ARN; empty while nothing is to be written."""
        if not self.enabled or self.group_arn is None:
            return ""
        return self.group_arn.split(":log-group:", 1)[-1].removesuffix(":*")

    @property
    def as_json(self) -> bool:
        """Whether lines are JSON."""
        return self.output_format is not LogFormat.TEXT


NO_LOG = TunnelLog()


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
    log: TunnelLog | None = None
    """The activity log."""
    bgp_log: TunnelLog | None = None

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
