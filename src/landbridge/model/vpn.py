"""The VPN: the gateways of both sides, and connections of two tunnels between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from landbridge.model.certificates import EndpointCertificate
from landbridge.model.crypto import UNSET, IkeVersion, PhaseOptions
from landbridge.model.resources import Attachment, Resource, State
from landbridge.model.secret import Secret

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
    """The customer's device as the cloud side knows it: its public address and its ASN.

    With a certificate (`certificate_arn`) tunnels know the device by that. It may be anywhere then: `address` None.
    """

    address: IPv4Address | None
    asn: int
    device_name: str = ""
    certificate_arn: str = ""
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
    lifecycle_control: bool | None = None

    @property
    def keeps_its_endpoint(self) -> bool:
        """Whether maintenance of the endpoint waits until somebody asks for it (EC2: EnableTunnelLifecycleControl)."""
        return bool(self.lifecycle_control)

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
    """One of a connection's two tunnels. The cloud has the first host of the inside /30, the customer the second.

    It has either a pre-shared key or the endpoint's certificate.
    """

    number: int
    outside: IPv4Address
    inside: IPv4Network
    psk: Secret | None
    options: TunnelOptions = field(default_factory=TunnelOptions)
    certificate: EndpointCertificate | None = None
    old_psk: Secret | None = None
    """The key before this one, with which the customer gateway may connect until `old_psk_until`. No answer has it."""
    old_psk_until: datetime | None = None
    maintained: datetime | None = None
    """When its endpoint was last made anew."""
    outdated_since: datetime | None = None
    """Since when it is known that its endpoint runs what has been replaced on this machine: maintenance is pending."""

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


class Stage(StrEnum):
    """How far the change of one tunnel has come."""

    LEAVING = "leaving"
    """As before; both ends are being told to use the other tunnel."""
    LEFT = "left"
    """They are told; what is on its way arrives."""
    REMOVING = "removing"
    """The endpoint is taken away, to be made anew."""
    CHANGING = "changing"
    """The new settings are being put in force."""
    RETURNING = "returning"
    """They are in force; the tunnel is to come up again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What of a connection was otherwise before the change under way: in force for tunnels whose turn has not come."""

    vpn_gateway_id: str
    customer_gateway_id: str
    number: int
    customer_network: IPv4Network
    cloud_network: IPv4Network
    tunnels: tuple[Tunnel, Tunnel]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change under way: one tunnel after the other, so that the other one carries the traffic meanwhile."""

    before: Before
    turn: tuple[int, ...]
    """The numbers of the tunnels that are still to be changed; it is the first one's turn."""
    stage: Stage
    since: datetime
    """When this stage began."""
    anew: bool = False
    """Whether endpoints are made anew, and not only told."""
    was_up: bool = False
    """Whether the tunnel carried traffic when its turn came."""


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
    change: Change | None = None
    """Present exactly while the state is `modifying`; all else is as it will be then."""
    state: State
    deleted: datetime | None = None

    @property
    def drained(self) -> int | None:
        """The number of the tunnel that traffic is to avoid."""
        return self.change.turn[0] if self.change is not None else None


LIVE: Final = (State.PENDING, State.AVAILABLE, State.MODIFYING)
"""The states of a connection whose endpoints are wanted."""
