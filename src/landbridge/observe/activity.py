"""A tunnel's activity log: charon's lines and events in AWS's words, with AWS's fields. Pure.

Texts and fields: Site-to-Site VPN user guide, "Contents of Site-to-Site VPN logs". What AWS has no text for is said in
charon's own. AWS documents each field by two names, that of the guide and that of the JSON; a line has both.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Any, Final

from landbridge.observe.ike import IkeEvent, IkeEventKind
from landbridge.observe.trail import LONGEST, dull, plain


class Phase(StrEnum):
    """A phase's state, in AWS's words."""

    ESTABLISHED = "Established"
    REKEYING = "Rekeying"
    NEGOTIATING = "Negotiating"
    DOWN = "Down"


_NO_MATCH: Final = "No Proposal Match Found by AWS"
_NOTIFYING: Final = 'No Proposal Match Found. Notifying with "No proposal chosen"'
_TS: Final = "AWS: Traffic Selector: TS_UNACCEPTABLE: received from responder"
_TEXTS: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern), text)
    for text, pattern in (
        (r"AWS tunnel DPD timed out after \1 retransmits", r"giving up after ([0-9]+) retransmits"),
        ("Peer is not responsive - Declaring peer dead", "DPD check timed out"),
        ("AWS tunnel received DELETE for IKE_SA from CGW", "received DELETE for IKE_SA"),
        (
            r"AWS tunnel received DELETE for Phase 2 SA with SPI: 0x\1",
            "received DELETE for .*CHILD_SA .*SPI ([0-9a-f]+)",
        ),
        (r"AWS tunnel detected a pre-shared key mismatch with cgw: \1", "tried .* - '(.*)', but MAC mismatched"),
        (
            "AWS tunnel payload decryption was unsuccessful due to invalid Pre-shared Key",
            "ID_PROT request with message ID 0 processing failed",
        ),
        (
            "AWS tunnel is sending AUTHENTICATION_FAILED as the response",
            r"generating IKE_AUTH response [0-9]+ \[ N\(AUTH_FAILED\)",
        ),
        (_NOTIFYING, r"generating .*N\(NO_PROP\)|no matching proposal found, sending"),
        (_NO_MATCH, "received proposals unacceptable|no acceptable proposal found|no proposal found"),
        (_TS, "received TS_UNACCEPTABLE|traffic selectors .* unacceptable"),
        (
            "AWS tunnel Phase 2 was unable to establish while keeping Phase 1",
            "closing IKE_SA due CHILD_SA setup failure|failed to establish CHILD_SA, keeping IKE_SA",
        ),
        (
            r"AWS tunnel Timeout: deleting un-established Phase 1 IKE_SA with cgw: \1",
            "deleting half open IKE_SA with ([0-9.]+) after timeout",
        ),
        (
            "AWS tunnel detected a (CHILD_REKEY) collision as CHILD_DELETE",
            "detected CHILD_REKEY collision with CHILD_DELETE",
        ),
        ("AWS tunnel (CHILD_SA) redundant SA is being deleted due to detected collision", ".*redundant CHILD_SA"),
        (r"AWS tunnel processed \1 (id=\2) for CREATE_CHILD_SA", "parsed CREATE_CHILD_SA (request|response) ([0-9]+)"),
        (r"AWS tunnel is sending \1 (id=\2) for CREATE_CHILD_SA", "generating CREATE_CHILD_SA (re[a-z]+) ([0-9]+)"),
    )
)
_EVENTS: Final = {
    IkeEventKind.IKE_UP: "AWS tunnel Phase 1 is established",
    IkeEventKind.IKE_DOWN: "AWS tunnel Phase 1 is down",
    IkeEventKind.CHILD_UP: "AWS tunnel Phase 2 is established",
    IkeEventKind.CHILD_DOWN: "AWS tunnel Phase 2 is down",
    IkeEventKind.GONE: "AWS tunnel endpoint ended; it is being started again",
}
"""AWS gives no texts for these."""


@dataclass(frozen=True, slots=True)
class Phases:
    """How far a tunnel's two phases are, and whether a NAT was found in front of the customer gateway."""

    first: Phase = Phase.DOWN
    second: Phase = Phase.DOWN
    nat: bool = False

    def heard(self, event: IkeEvent) -> Phases:
        """After an event."""
        match event.kind:
            case IkeEventKind.IKE_UP | IkeEventKind.IKE_REKEYED:
                return replace(self, first=Phase.ESTABLISHED)
            case IkeEventKind.IKE_DOWN | IkeEventKind.GONE:
                return Phases()
            case IkeEventKind.CHILD_UP | IkeEventKind.CHILD_REKEYED:
                return replace(self, first=Phase.ESTABLISHED, second=Phase.ESTABLISHED)
            case IkeEventKind.CHILD_DOWN:
                return replace(self, second=Phase.DOWN)
            case IkeEventKind.SAID:
                return self._said(event.text)
        return self

    def _said(self, line: str) -> Phases:
        if line.startswith("remote host is behind NAT"):
            return replace(self, nat=True)
        if line.endswith(" is initiating an IKE_SA") or line.startswith("initiating IKE_SA"):
            return self if self.first is Phase.ESTABLISHED else Phases(first=Phase.NEGOTIATING)
        if " CREATE_CHILD_SA request" in line:
            if "N(REKEY_SA)" in line:
                return replace(self, second=Phase.REKEYING)
            return replace(self, first=Phase.REKEYING)
        if self.second is Phase.DOWN and (" IKE_AUTH request" in line or " QUICK_MODE request" in line):
            return replace(self, second=Phase.NEGOTIATING)
        return self


ACTIVITY: Final = "IKE"
BGP: Final = "BGP"
"""The ends of the log streams' names."""


def stream_name(connection: str, outside: IPv4Address, kind: str) -> str:
    """As AWS names it: by the connection and the tunnel's outside address."""
    return f"{connection}-{outside}-{kind}.log"


def details(event: IkeEvent, phases: Phases) -> str:
    """What is written of an event, after which the phases are so; empty for what is not worth a line."""
    if event.kind is not IkeEventKind.SAID:
        return _EVENTS.get(event.kind, "")
    line = plain(event.text)
    if line.startswith("giving up after") and phases.first not in (Phase.ESTABLISHED, Phase.REKEYING):
        return line[:LONGEST]  # nobody was there yet: that is no dead peer
    for pattern, text in _TEXTS:
        found = pattern.match(line)
        if found is not None:
            return found.expand(text)[:LONGEST]
    return "" if dull(line) else line[:LONGEST]


def activity_line(
    at: datetime, connection: str, outside: IPv4Address, phases: Phases, detail: str, *, dpd: bool, as_json: bool
) -> str:
    """One line of an activity log, without its end. `dpd`: whether a dead peer is acted on."""
    readable = _readable(at)
    if not as_json:
        return (
            f"{readable} {connection} {outside} dpd={_yes(dpd)} nat-t={_yes(phases.nat)} "
            f"phase1={phases.first} phase2={phases.second} {detail}"
        )
    fields: dict[str, Any] = {
        "VpnLogCreationTimestamp": int(at.timestamp()),
        "VpnLogCreationTimestampReadable": readable,
        "VpnConnectionId": connection,
        "TunnelOutsideIPAddress": str(outside),
        "TunnelDPDEnabled": dpd,
        "TunnelCGWNATTDetectionStatus": phases.nat,
        "TunnelIKEPhase1State": phases.first.value,
        "TunnelIKEPhase2State": phases.second.value,
        "VpnLogDetail": detail,
        "event_timestamp": int(at.timestamp()),
        "timestamp": readable,
        "dpd_enabled": dpd,
        "nat_t_detected": phases.nat,
        "ike_phase1_state": phases.first.value,
        "ike_phase2_state": phases.second.value,
        "details": detail,
    }
    return json.dumps(fields)


def _readable(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _yes(word: bool) -> str:
    return "True" if word else "False"


def bgp_line(
    at: datetime,
    connection: str,
    outside: IPv4Address,
    kind: str,
    status: str,
    message: dict[str, Any],
    *,
    as_json: bool,
) -> str:
    """One line of a BGP log, without its end. `kind`: `BGPStatus` or `RouteStatus`."""
    if not as_json:
        said = " ".join(f"{name}={value}" for name, value in message.items() if name != "details")
        words = (_readable(at), f"{connection}_{outside}", kind, status, said, str(message.get("details", "")))
        return " ".join(word for word in words if word)
    return json.dumps(
        {
            "resource_id": f"{connection}_{outside}",
            "event_timestamp": int(at.timestamp() * 1000),
            "timestamp": _readable(at),
            "type": kind,
            "status": status,
            "message": message,
        }
    )
