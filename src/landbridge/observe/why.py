"""Why a tunnel is down, in sentences: what the one who reads them, on this side or on that, can do about it. Pure.

Each cause has a sentence, which says what is and on which side, and a line that says what to change (`sentences`), with
places for what is known of the tunnel (`Ends`) and of the attempt (`Finding`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from landbridge.model.vpn import ANYWHERE
from landbridge.observe.bgp import BgpCause, BgpPeering
from landbridge.observe.ike import Cause
from landbridge.observe.sentences import BGP, CERTIFIED, CLOUD, CUSTOMER
from landbridge.observe.trail import Finding

NEAR_THE_LIMIT: Final = 0.8
"""What part of the prefixes that are admitted is worth a warning."""

BEING_BUILT: Final = "The tunnel endpoint is being built."

REVOKED: Final = (
    "The customer gateway's certificate is revoked. Issue another one, make a customer gateway with it, and "
    "give the connection that one (ModifyVpnConnection)."
)


class Side(Enum):
    """Who looks. The value: what charon's words mean there, and what the far end is called."""

    CLOUD = (CLOUD, "the customer gateway")
    CUSTOMER = (CUSTOMER, "the cloud's endpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Whose tunnel is spoken of: this end and the far one. None: not known."""

    side: Side
    far: IPv4Address | None
    near: IPv4Address | None = None
    far_inside: IPv4Address
    near_inside: IPv4Address | None = None
    far_network: IPv4Network = ANYWHERE
    near_network: IPv4Network = ANYWHERE
    udp: bool = True
    """ESP is in UDP."""
    certified: bool = False
    """The two know each other by certificates instead of a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a tunnel is as it is. `cause` is the name of a `Cause` or `BgpCause`, empty where it is none of them.

    `received` and `configured`: the proposals of the far side and of this one, where they are the cause.
    """

    sentence: str
    change: str = ""
    cause: str = ""
    received: str = ""
    configured: str = ""

    @property
    def text(self) -> str:
        """All of it in a line."""
        return f"{self.sentence} {self.change}".strip()


NOTHING_TO_SAY: Final = Explanation(sentence="")
_CALLING: Final = ("Connect", "Active")
"""States of BGP in which nobody has answered."""
_OF_PROPOSALS: Final = (Cause.NO_PROPOSAL_CHOSEN, Cause.NO_ESP_PROPOSAL)


def failed(ends: Ends, found: Finding) -> Explanation:
    """After an attempt that failed, or an end."""
    words = ends.side.value[0][found.cause]
    if ends.certified and found.cause is Cause.AUTHENTICATION_FAILED:
        words = CERTIFIED
    places = _places(ends) | {
        "said": found.said or "something else",
        "expected": found.expected or "%any",
        "tries": f" after {found.said} retransmits" if found.said else "",
    }
    about_proposals = found.cause in _OF_PROPOSALS
    return Explanation(
        cause=found.cause.value,
        sentence=words.sentence.format_map(places),
        change=words.change.format_map(places),
        received=found.said if about_proposals else "",
        configured=found.expected if about_proposals else "",
    )


def no_bgp(ends: Ends, peering: BgpPeering | None, *, long: bool) -> Explanation:
    """While IKE is up alone. `peering`: None while there is no session. `long`: it has been so for a while."""
    state, detail = (peering.state, peering.last_error) if peering is not None else ("not configured yet", "")
    said = f"{state} ({detail})" if detail else state
    cause = peering.cause if peering is not None else None
    if cause in (None, BgpCause.BFD_DOWN) and long and state in _CALLING:
        cause = BgpCause.UNREACHABLE
    places = _places(ends) | {"detail": detail, "limit": str(peering.receive_limit if peering else "")}
    if peering is None or cause is None:
        sentence = f"IKE is up, BGP is not: {said}."
        return Explanation(
            sentence=sentence, change=f"{places['Peer']} has to speak BGP from {ends.far_inside}.", cause=""
        )
    told = f": {peering.told_asn}" if peering.told_asn is not None else ""
    places |= {"peer_asn": str(peering.peer_asn), "own_asn": str(peering.local_asn), "told_asn": told}
    words = BGP[cause]
    return Explanation(
        cause=cause.value,
        sentence=f"IKE is up, BGP is not: {said}. {words.sentence.format_map(places)}",
        change=words.change.format_map(places),
    )


def up(peering: BgpPeering | None, accepted: int) -> Explanation:
    """While BGP is up: AWS's words, and a warning when the peer comes near to the limit."""
    limit = peering.receive_limit if peering is not None else None
    received = accepted + (peering.filtered if peering is not None else 0)
    near = limit is not None and received >= limit * NEAR_THE_LIMIT
    warning = f"{received} of at most {limit} prefixes are announced; with one more than that BGP is closed."
    return Explanation(sentence=f"{accepted} BGP ROUTES", change=warning if near else "")


def nothing_yet(ends: Ends) -> Explanation:
    """Before anything was heard of the far end."""
    where = f" {ends.far}" if ends.far is not None else ""
    if ends.side is Side.CLOUD:
        return Explanation(
            sentence=f"Waiting for the customer gateway{where} to connect.",
            change=f"Nothing has come from it: bring the tunnel up there, and let UDP ports 500 and 4500 pass to "
            f"{_places(ends)['near']}.",
        )
    return Explanation(sentence=f"Connecting to the cloud's endpoint{where}, which has not answered yet.")


def _places(ends: Ends) -> dict[str, str]:
    peer = ends.side.value[1]
    return {
        "peer": peer,
        "Peer": peer[0].upper() + peer[1:],
        "far": str(ends.far or "its address"),
        "near": str(ends.near or "the tunnel's outside address"),
        "far_inside": str(ends.far_inside),
        "near_inside": str(ends.near_inside or "the other inside address"),
        "far_network": str(ends.far_network),
        "near_network": str(ends.near_network),
        "esp": "ESP in UDP (port 4500)" if ends.udp else "ESP (IP protocol 50)",
    }
