"""What charon says about its SAs, as values; and what its log lines mean.

The drivers fill these in from vici; everything that shows a tunnel's state reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Final

from landbridge.model.crypto import IkeVersion


class IkeState(StrEnum):
    """State of an IKE SA, in strongSwan's words (ike_sa_state_t)."""

    CREATED = "CREATED"
    CONNECTING = "CONNECTING"
    ESTABLISHED = "ESTABLISHED"
    PASSIVE = "PASSIVE"
    REKEYING = "REKEYING"
    REKEYED = "REKEYED"
    DELETING = "DELETING"
    DESTROYING = "DESTROYING"


class ChildState(StrEnum):
    """State of a CHILD SA, in strongSwan's words (child_sa_state_t)."""

    CREATED = "CREATED"
    ROUTED = "ROUTED"
    INSTALLING = "INSTALLING"
    INSTALLED = "INSTALLED"
    UPDATING = "UPDATING"
    REKEYING = "REKEYING"
    REKEYED = "REKEYED"
    RETRYING = "RETRYING"
    DELETING = "DELETING"
    DELETED = "DELETED"
    DESTROYING = "DESTROYING"


_ALIVE: Final = frozenset({IkeState.ESTABLISHED, IkeState.REKEYING})
_CARRYING: Final = frozenset({ChildState.INSTALLED, ChildState.UPDATING, ChildState.REKEYING})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSaStatus:
    """One CHILD SA: a pair of ESP SAs. Times in seconds; bytes and packets since it was installed."""

    name: str
    unique_id: int
    state: ChildState
    spi_in: str
    spi_out: str
    suite: str
    """Negotiated algorithms, as in `AES_GCM_16-128`; empty until there are any."""
    udp: bool
    """ESP in UDP (RFC 3948)."""
    bytes_in: int
    packets_in: int
    bytes_out: int
    packets_out: int
    installed: int
    """Seconds since the keys were installed."""
    rekey_in: int | None
    """Seconds until it will be rekeyed; None when it will not."""
    expires_in: int | None
    if_id: int = 0
    """Of the XFRM interface that it belongs to; 0 with libipsec."""
    esn: bool = False
    """Extended sequence numbers (RFC 4304)."""
    replay_window: int | None = None
    """Packets that a late one may be behind the newest; None where its inbound SA was not found."""
    local_ts: tuple[str, ...] = ()
    remote_ts: tuple[str, ...] = ()
    """Traffic selectors as charon writes them, such as `10.0.0.0/16`."""

    @property
    def carries(self) -> bool:
        """Whether traffic passes through this one."""
        return self.state in _CARRYING


@dataclass(frozen=True, slots=True, kw_only=True)
class IkeSaStatus:
    """One IKE SA with its CHILD SAs. `connection` is the name of the IkeConnection that it belongs to."""

    connection: str
    unique_id: int
    state: IkeState
    initiator: bool
    local: IPv4Address
    local_port: int
    local_id: str
    remote: IPv4Address
    remote_port: int
    remote_id: str
    nat_local: bool
    """A NAT was found in front of us. libipsec says so always: it asks for ESP in UDP that way."""
    nat_remote: bool
    nat_fake: bool
    """A NAT was claimed by us, so that ESP is in UDP."""
    suite: str
    """Negotiated algorithms, as in `AES_GCM_16-128/PRF_HMAC_SHA2_256/ECP_256`; empty until there are any."""
    spi_initiator: str
    spi_responder: str
    established: int | None
    """Seconds since it was established; None before."""
    rekey_in: int | None
    version: IkeVersion = IkeVersion.IKEV2
    children: tuple[ChildSaStatus, ...] = ()

    @property
    def up(self) -> bool:
        """Established, with a CHILD SA that carries traffic."""
        return self.state in _ALIVE and any(child.carries for child in self.children)


class Cause(StrEnum):
    """Why a tunnel is down, as far as charon's own words tell."""

    AUTHENTICATION_FAILED = "authentication-failed"
    """The pre-shared keys differ."""
    NO_PROPOSAL_CHOSEN = "no-proposal-chosen"
    """Phase 1: the two sides have no common algorithms; or the other side knows nothing of this peer."""
    NO_ESP_PROPOSAL = "no-esp-proposal"
    """Phase 2: the two sides have no common algorithms."""
    UNKNOWN_PEER = "unknown-peer"
    """Somebody asked whose address no connection expects."""
    WRONG_IDENTITY = "wrong-identity"
    """The peer calls itself, or us, by another IKE identity than the expected one."""
    TRAFFIC_SELECTORS = "traffic-selectors"
    """The two sides do not agree about what may pass the tunnel."""
    CERTIFICATE_TIME = "certificate-time"
    """A certificate is not valid at this time, or a clock is wrong."""
    CERTIFICATE = "certificate"
    """The peer's certificate is not one that is trusted."""
    ANSWERS_LOST = "answers-lost"
    """The peer asks, and asks again: what is answered on UDP 500 does not get there."""
    IKE_AUTH_MISSING = "ike-auth-missing"
    """The first exchange, on UDP 500, went well; the second, on UDP 4500, does not get through."""
    NAT_WITHOUT_NAT_T = "nat-without-nat-t"
    """The same, and there is a NAT in front of the peer."""
    ESP_BLOCKED = "esp-blocked"
    """IKE is up, packets are sent, and none comes in."""
    PEER_SILENT = "peer-silent"
    """The peer does not answer."""
    DPD_TIMEOUT = "dpd-timeout"
    """The peer was there, and does not answer any more."""
    PEER_CLOSED = "peer-closed"
    """The peer closed the tunnel."""
    PROCESS_GONE = "process-gone"
    """The IKE daemon of this endpoint is not running."""


class IkeEventKind(StrEnum):
    """What happened."""

    SYNCED = "synced"
    """The watcher is (again) in touch with this charon: whatever was known before may be wrong."""
    IKE_UP = "ike-up"
    IKE_DOWN = "ike-down"
    IKE_REKEYED = "ike-rekeyed"
    CHILD_UP = "child-up"
    CHILD_DOWN = "child-down"
    CHILD_REKEYED = "child-rekeyed"
    TROUBLE = "trouble"
    """An attempt failed; `cause` tells why."""
    GONE = "gone"
    """The daemon ended."""
    SAID = "said"
    """The daemon logged a line: `text`. No reason to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IkeEvent:
    """Something changed in an endpoint: a reason to look. What is true now is in the SAs' status, not here."""

    namespace: str
    kind: IkeEventKind
    connection: str = ""
    """Empty where charon does not tell."""
    cause: Cause | None = None
    text: str = ""
    """The line, in charon's words, some of which are a peer's."""


# Fragments of strongSwan's log messages (sources of 5.9 and 6.0; ike and cfg groups, level 1), most telling first.
_FRAGMENTS: Final = (
    ("received AUTHENTICATION_FAILED", Cause.AUTHENTICATION_FAILED),
    ("but MAC mismatched", Cause.AUTHENTICATION_FAILED),
    ("no shared key found", Cause.AUTHENTICATION_FAILED),
    # IKEv1 encrypts with the key: what the other side says cannot be read if it is another one.
    ("ID_PROT request with message ID 0 processing failed", Cause.AUTHENTICATION_FAILED),
    ("ignore malformed INFORMATIONAL request", Cause.AUTHENTICATION_FAILED),
    ("no IKE config found", Cause.UNKNOWN_PEER),
    ("no matching peer config found", Cause.WRONG_IDENTITY),
    ("no peer config found", Cause.WRONG_IDENTITY),
    ("' does not match to '", Cause.WRONG_IDENTITY),
    ("constraint check failed: identity", Cause.WRONG_IDENTITY),
    ("certificate invalid (valid from", Cause.CERTIFICATE_TIME),
    ("no trusted", Cause.CERTIFICATE),
    ("no issuer certificate found", Cause.CERTIFICATE),
    ("received TS_UNACCEPTABLE", Cause.TRAFFIC_SELECTORS),
    ("received INVALID_ID_INFORMATION", Cause.TRAFFIC_SELECTORS),
    ("no matching CHILD_SA config found", Cause.TRAFFIC_SELECTORS),
    ("unacceptable, failed to establish CHILD_SA", Cause.TRAFFIC_SELECTORS),
    ("traffic selectors", Cause.TRAFFIC_SELECTORS),
    # libipsec: the peer names less than 0.0.0.0/0 on our side, and no address of the endpoint's is within.
    ("unable to install IPsec policies", Cause.TRAFFIC_SELECTORS),
    ("received NO_PROPOSAL_CHOSEN notify, no CHILD_SA", Cause.NO_ESP_PROPOSAL),
    ("received NO_PROPOSAL_CHOSEN", Cause.NO_PROPOSAL_CHOSEN),
    ("no acceptable proposal found", Cause.NO_ESP_PROPOSAL),
    ("no proposal found", Cause.NO_PROPOSAL_CHOSEN),
    ("no matching proposal found", Cause.NO_ESP_PROPOSAL),
    ("received proposals unacceptable", Cause.NO_PROPOSAL_CHOSEN),
    ("giving up after", Cause.PEER_SILENT),
    ("peer not responding", Cause.PEER_SILENT),
    ("DPD check timed out", Cause.PEER_SILENT),
    ("received DELETE for IKE_SA", Cause.PEER_CLOSED),
)


def cause_of(message: str) -> Cause | None:
    """What a line of charon's log says about a tunnel that is down; None when it says nothing of that."""
    if message.startswith("traffic selectors") and "unacceptable" not in message:
        return None
    return next((cause for fragment, cause in _FRAGMENTS if fragment in message), None)
