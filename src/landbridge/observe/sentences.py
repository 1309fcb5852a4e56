"""The sentences for why a tunnel is down: text with places, of which each cause has one for either side. No logic.

docs/troubleshooting.md has the same table; a test holds it to this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from landbridge.observe.bgp import BgpCause
from landbridge.observe.ike import Cause


@dataclass(frozen=True, slots=True)
class Words:
    """What is, and on which side; and the one thing to change. Places are named by `why`."""

    sentence: str
    change: str = ""


_GONE: Final = Words("The tunnel's IKE daemon ended; it is being started again.")
CLOUD: Final[Mapping[Cause, Words]] = {
    Cause.AUTHENTICATION_FAILED: Words(
        "Authentication failed: the pre-shared keys of the two sides differ.",
        "Set the customer gateway's key for {near} to the one in the device file.",
    ),
    Cause.NO_PROPOSAL_CHOSEN: Words(
        "No proposal in common for phase 1 (IKE): the customer gateway offers other algorithms, or another version of "
        "IKE, than the tunnel takes.",
        "Let the customer gateway offer for phase 1 what the device file names, or add what it offers to the tunnel's "
        "Phase1EncryptionAlgorithms, Phase1IntegrityAlgorithms and Phase1DHGroupNumbers.",
    ),
    Cause.NO_ESP_PROPOSAL: Words(
        "No proposal in common for phase 2 (ESP): the customer gateway offers other algorithms than the tunnel takes.",
        "Let the customer gateway offer for phase 2 what the device file names, or add what it offers to the tunnel's "
        "Phase2EncryptionAlgorithms, Phase2IntegrityAlgorithms and Phase2DHGroupNumbers.",
    ),
    Cause.UNKNOWN_PEER: Words(
        "{said} asks for this tunnel, and the customer gateway's address is {far}.",
        "If that is the device, let it send from {far}, or make a customer gateway with {said} and a VPN connection "
        "for it; if it is a stranger, it harms nothing.",
    ),
    Cause.WRONG_IDENTITY: Words(
        "IKE identities differ: the customer gateway calls itself {said} and this side {expected}.",
        "Set the customer gateway's local identity to {far} and its remote identity to {near}.",
    ),
    Cause.TRAFFIC_SELECTORS: Words(
        "The two sides do not agree on traffic selectors: the customer gateway proposes {said} (cloud's side === its "
        "own), the connection has {near_network} === {far_network}.",
        "Let the customer gateway propose {far_network} (LocalIpv4NetworkCidr) for its side and {near_network} "
        "(RemoteIpv4NetworkCidr) for the cloud's.",
    ),
    Cause.CERTIFICATE_TIME: Words(
        "The customer gateway's certificate is not valid at this time: {said}.",
        "Renew the certificate, or set the clock that is wrong: compare `date -u` on both sides.",
    ),
    Cause.CERTIFICATE: Words(
        "The customer gateway's certificate is not trusted: no authority that this tunnel knows has signed it.",
        "Give the customer gateway the certificate and the chain that its CertificateArn names.",
    ),
    Cause.ANSWERS_LOST: Words(
        "The customer gateway asks on UDP port 500 and does not get the answers: UDP 500 from {near} to {far} is "
        "blocked.",
        "Let the firewall in front of the customer gateway admit UDP port 500 from {near}.",
    ),
    Cause.IKE_AUTH_MISSING: Words(
        "UDP port 500 is open and UDP port 4500 is blocked between {far} and {near}: IKE_SA_INIT was answered, and "
        "IKE_AUTH does not get through.",
        "Let the firewalls between the two admit UDP port 4500, and fragments of large packets, both ways.",
    ),
    Cause.NAT_WITHOUT_NAT_T: Words(
        "The customer gateway is behind a NAT (it is seen at UDP port {said} instead of 500), and NAT-T does not work: "
        "IKE_AUTH, on UDP port 4500, never arrives.",
        "Turn on NAT-T (UDP encapsulation) on the customer gateway, and let its NAT pass UDP port 4500.",
    ),
    Cause.ESP_BLOCKED: Words(
        "IKE is up, and no ESP arrives from the customer gateway, while packets are sent to it: {esp} is blocked on "
        "the way, or the device sends nothing into the tunnel.",
        "Let the firewalls between {far} and {near} admit {esp} both ways, and see that the device routes into the "
        "tunnel.",
    ),
    Cause.PEER_SILENT: Words(
        "The customer gateway {far} does not answer: nothing has come from it.",
        "See that the device is there and that firewalls let UDP ports 500 and 4500 pass between it and {near}.",
    ),
    Cause.DPD_TIMEOUT: Words(
        "The customer gateway was up and stopped answering: dead peer detection gave up{tries}.",
        "See that the device {far} runs and is reachable; it has to connect again unless DPDTimeoutAction is restart.",
    ),
    Cause.PEER_CLOSED: Words(
        "The customer gateway closed the tunnel.",
        "Look into the device's log, and bring the tunnel up from there.",
    ),
    Cause.PROCESS_GONE: _GONE,
}
CERTIFIED: Final = Words(
    "Authentication failed: one side does not take the other's certificate.",
    "See that the customer gateway has the certificate that its CertificateArn names, and the authority's (`landbridge "
    "ca`), and that both clocks are right.",
)
"""In place of what is said of keys, where there are none."""
_AGAIN: Final = "Download the device file again and bring it up."
CUSTOMER: Final[Mapping[Cause, Words]] = {
    Cause.AUTHENTICATION_FAILED: Words(
        "Authentication failed: the pre-shared keys (or the IKE identities) of the two sides differ.",
        _AGAIN,
    ),
    Cause.NO_PROPOSAL_CHOSEN: Words(
        "No proposal in common for phase 1 (IKE): the cloud's endpoint takes other algorithms, or another version of "
        "IKE, than the device file names, or does not know this machine.",
        "Download the file again, and see that the Internet knows this machine by the public address in it.",
    ),
    Cause.NO_ESP_PROPOSAL: Words(
        "No proposal in common for phase 2 (ESP): the cloud's endpoint takes other algorithms than the device file "
        "names.",
        _AGAIN,
    ),
    Cause.UNKNOWN_PEER: Words("Somebody asked who is not the cloud's endpoint in the device file.", _AGAIN),
    Cause.WRONG_IDENTITY: Words("The cloud's endpoint has another IKE identity than the device file says.", _AGAIN),
    Cause.TRAFFIC_SELECTORS: Words(
        "The two sides do not agree on traffic selectors: the connection has to take what the device file says, "
        "0.0.0.0/0 for both where it says nothing.",
        _AGAIN,
    ),
    Cause.CERTIFICATE_TIME: Words(
        "The certificate of the cloud's endpoint is not valid at this time: {said}.",
        "Set this machine's clock if it is wrong: compare `date -u` on both sides.",
    ),
    Cause.CERTIFICATE: Words("The certificate of the cloud's endpoint is not one that the device file trusts.", _AGAIN),
    Cause.ANSWERS_LOST: Words(
        "The cloud's endpoint asks on UDP port 500 and does not get the answers.",
        "Let this machine's firewall send UDP port 500 to {far}.",
    ),
    Cause.IKE_AUTH_MISSING: Words(
        "UDP port 500 is open and UDP port 4500 is blocked on the way to {far}: IKE_SA_INIT was answered, and IKE_AUTH "
        "is not.",
        "Let the firewalls on the way admit UDP port 4500 both ways.",
    ),
    Cause.NAT_WITHOUT_NAT_T: Words(
        "The cloud's endpoint is seen through a NAT, and its IKE_AUTH, on UDP port 4500, never arrives.",
        "Let UDP port 4500 pass to this machine.",
    ),
    Cause.ESP_BLOCKED: Words(
        "IKE is up, and no ESP arrives from the cloud's endpoint, while packets are sent to it.",
        "Let the firewalls on the way to {far} admit {esp} both ways.",
    ),
    Cause.PEER_SILENT: Words(
        "The cloud's endpoint {far} does not answer.",
        "Let this machine reach its UDP ports 500 and 4500.",
    ),
    Cause.DPD_TIMEOUT: Words(
        "The cloud's endpoint was up and stopped answering: dead peer detection gave up{tries}.",
        "It is called until it answers; see that this machine still reaches {far}.",
    ),
    Cause.PEER_CLOSED: Words("The cloud's endpoint closed the tunnel."),
    Cause.PROCESS_GONE: _GONE,
}
BGP: Final[Mapping[BgpCause, Words]] = {
    BgpCause.WRONG_PEER_ASN: Words(
        "{Peer} has another ASN than {peer_asn}, which this side expects of it{told_asn}.",
        "Set the ASN of {peer} to {peer_asn}, or make a customer gateway (and a VPN connection) with the ASN that the "
        "device has.",
    ),
    BgpCause.WRONG_OWN_ASN: Words(
        "{Peer} expects another ASN of this side than {own_asn}.",
        "Set the neighbour's ASN (remote-as) to {own_asn} on {peer}.",
    ),
    BgpCause.REFUSED: Words(
        "{Peer} refuses BGP at {far_inside}: nobody listens on TCP port 179 there.",
        "Let {peer} have the inside address {far_inside} and speak BGP from it with {near_inside}.",
    ),
    BgpCause.UNREACHABLE: Words(
        "{Peer} does not answer BGP at {far_inside}: the tunnel is up, and nobody has that inside address.",
        "Let {peer} have the inside address {far_inside} and speak BGP from it with {near_inside}.",
    ),
    BgpCause.HOLD_TIMER: Words(
        "The BGP hold timer expired: {peer} was silent for the whole hold time.",
        "See that BGP runs on {peer} and that keepalives pass the tunnel: firewall, MTU, CPU.",
    ),
    BgpCause.PREFIX_LIMIT: Words(
        "{Peer} announced more than {limit} prefixes, the most that a session takes: BGP is closed by this side, and "
        "tried again.",
        "Announce {limit} prefixes at most: summarize them, or announce a default route.",
    ),
    BgpCause.BFD_DOWN: Words(
        "BFD took BGP down: {peer} stopped answering BFD inside the tunnel.",
        "See that packets pass the tunnel both ways, and that {peer} runs BFD or has it off.",
    ),
    BgpCause.PEER_CLOSED: Words(
        "{Peer} closed BGP: {detail}.",
        "Look into the device's log, and bring BGP up there.",
    ),
}
