"""Why a tunnel is down, in sentences: what the one who reads them, on this side or on that, can do about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from ipaddress import IPv4Address
from typing import Final

from landbridge.observe.ike import Cause

BEING_BUILT: Final = "The tunnel endpoint is being built."

REVOKED: Final = (
    "The customer gateway's certificate is revoked. Issue another one, make a customer gateway with it, and "
    "give the connection that one (ModifyVpnConnection)."
)

_GONE: Final = "The tunnel's IKE daemon ended; it is being started again."
_CLOUD: Final[Mapping[Cause, str]] = {
    Cause.AUTHENTICATION_FAILED: "Authentication failed: the pre-shared keys (or the IKE identities) of the two sides "
    "differ. Compare the customer gateway's key with the device file.",
    Cause.NO_PROPOSAL_CHOSEN: "No proposal in common: the customer gateway offers other algorithms, or another version "
    "of IKE, than the device file names.",
    Cause.UNKNOWN_PEER: "Somebody asked who is not this customer gateway: check its public address and IKE identity.",
    Cause.TRAFFIC_SELECTORS: "The two sides do not agree on traffic selectors: the customer gateway has to propose "
    "the connection's LocalIpv4NetworkCidr for its side and RemoteIpv4NetworkCidr for the cloud's, 0.0.0.0/0 unless "
    "they were set.",
    Cause.PEER_SILENT: "The customer gateway does not answer: its UDP ports 500 and 4500 have to be reachable.",
    Cause.PEER_CLOSED: "The customer gateway closed the tunnel.",
    Cause.PROCESS_GONE: _GONE,
}
_CUSTOMER: Final[Mapping[Cause, str]] = {
    Cause.AUTHENTICATION_FAILED: "Authentication failed: the pre-shared keys (or the IKE identities) of the two sides "
    "differ. Download the device file again and bring it up.",
    Cause.NO_PROPOSAL_CHOSEN: "No proposal in common: the cloud's endpoint takes other algorithms, or another version "
    "of IKE, than the device file names, or does not know this machine. Download the file again, and see that the "
    "Internet knows this machine by the public address in it.",
    Cause.UNKNOWN_PEER: "Somebody asked who is not the cloud's endpoint in the device file. Download the file again.",
    Cause.TRAFFIC_SELECTORS: "The two sides do not agree on traffic selectors: the connection has to take what the "
    "device file says, 0.0.0.0/0 for both where it says nothing. Download the file again.",
    Cause.PEER_SILENT: "The cloud's endpoint does not answer: this machine has to reach its UDP ports 500 and 4500.",
    Cause.PEER_CLOSED: "The cloud's endpoint closed the tunnel.",
    Cause.PROCESS_GONE: _GONE,
}


class Side(Enum):
    """Who looks. The value: what charon's words mean there, and what the far end is called."""

    CLOUD = (_CLOUD, "The customer gateway")
    CUSTOMER = (_CUSTOMER, "The cloud's endpoint")


def failed(side: Side, cause: Cause) -> str:
    """After an attempt that failed, or an end."""
    return side.value[0][cause]


def no_bgp(side: Side, state: str, detail: str, far_inside: IPv4Address) -> str:
    """While IKE is up alone. `state`: BGP's, in its own words. `detail`: of its last error, empty if there was none."""
    said = f"{state} ({detail})" if detail else state
    return f"IKE is up, BGP is not: {said}. {side.value[1]} has to speak BGP from {far_inside}."


def nothing_yet(side: Side, far_outside: IPv4Address | None) -> str:
    """Before anything was heard of the far end. `far_outside` None: its address is not known."""
    where = f" {far_outside}" if far_outside is not None else ""
    if side is Side.CLOUD:
        return f"Waiting for the customer gateway{where} to connect."
    return f"Connecting to the cloud's endpoint{where}, which has not answered yet."
