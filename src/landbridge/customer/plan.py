"""What the customer gateway wants on its machine: two endpoints behind the machine's address, one speaker, in HERE.

The endpoints live in namespaces of their own behind source NAT, because libipsec holds one tunnel per charon and the
machine's own strongSwan, if any, stays undisturbed. What the cloud's endpoints send to UDP 500 and 4500 is handed to
the endpoint that it belongs to, so that the cloud may initiate as well. Tunnel devices and routes are the machine's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from landbridge.customer import offers
from landbridge.desired.device_file import DeviceFile, DeviceTunnel
from landbridge.desired.endpoint import clamp, clear_df, dpd_delay, endpoint, tunnel_device, xfrm_id
from landbridge.desired.health import Health
from landbridge.desired.ike import Certified, IkeConnection
from landbridge.desired.links import Address, DataPlane
from landbridge.desired.mtu import UPLINK_MTU, Esp, esp_of, tunnel_mtu, widest
from landbridge.desired.names import Names
from landbridge.desired.objects import HERE, HostObject, HostState, host_state
from landbridge.desired.rulesets import Chain, FilterRule, Hook, Ruleset, Verdict
from landbridge.desired.speakers import SPEAKER_METRIC, Bfd, BgpSession, Speaker, SpeakerStatic
from landbridge.desired.suites import selectors
from landbridge.desired.vpn_gateway import router_id, static_routes
from landbridge.model.crypto import CryptoPolicy
from landbridge.model.ids import short

INNER = IPv4Network("100.64.0.0/10")
"""Where the links to the endpoints are: RFC 6598, neither public nor a customer's."""
NO_ASN = 65000
"""A static connection has no BGP; its speaker is given a number because BIRD wants one."""
CLOSED_PRIORITY = 0
"""Before source NAT (100)."""
REKEY_MARGIN, REKEY_FUZZ = 570, 50
"""Seconds before a lifetime's end by which this side makes new keys, and by how many per cent of that earlier at most.
The file says nothing of it. The cloud's side does so in the last 540 to 270 seconds by default, when this side has: the
two do not ask each other at once."""
THE_CONNECTION = 1
"""Both tunnels belong to one connection: what one brings is not sent back through the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerSettings:
    """What the file does not say. `lans` are announced to the cloud. `routes`: the networks behind a static
    connection, which the file does not name. `uplink_mtu`: of the way to the cloud's endpoints. `clear_df`:
    fragment also what must not be, by its own word. `force_udp`: ESP in UDP even where there is no NAT.
    `crypto_policy`: what may be offered. `certified`: what is proved with where the file has no pre-shared keys.
    `learned`: what a dynamic connection brings; `uplinks`: the links to the Internet, which these networks must not
    leave by."""

    names: Names
    data_plane: DataPlane
    bfd: Bfd | None
    lans: tuple[IPv4Network, ...] = ()
    routes: tuple[IPv4Network, ...] = ()
    uplink_mtu: int = UPLINK_MTU
    clear_df: bool = False
    force_udp: bool = False
    crypto_policy: CryptoPolicy = CryptoPolicy.AWS
    certified: Certified | None = None
    learned: frozenset[IPv4Network] = frozenset()
    uplinks: frozenset[str] = frozenset()


def links_of(vpn_id: str, number: int) -> tuple[str, str]:
    """The machine's links of a tunnel: the tunnel device, and the one to its endpoint."""
    return f"lb{short(vpn_id, 8)}t{number}", f"lb{short(vpn_id, 8)}e{number}"


def inner_network(vpn_id: str, number: int) -> IPv4Network:
    """The /30 between the machine and an endpoint, the same at every start."""
    digest = int.from_bytes(hashlib.sha256(vpn_id.encode()).digest()[:4], "big")
    slots = 2 ** (30 - INNER.prefixlen - 1)
    base = int(INNER.network_address) + (digest % slots) * 8
    return IPv4Network((base + 4 * (number - 1), 30))


def metric(vpn_id: str) -> int:
    """The metric of a connection's learned routes. A machine may have several connections, a speaker for each: BIRD

    removes routes of its own metric that it does not know.
    """
    digest = int.from_bytes(hashlib.sha256(f"{vpn_id} metric".encode()).digest()[:3], "big")
    return SPEAKER_METRIC + 1 + digest


def wanted(file: DeviceFile, settings: CustomerSettings, health: Health) -> HostState:
    """Everything that the customer gateway of this connection should have on this machine."""
    mtus = _mtus(file, settings, health)
    groups = [
        _tunnel(file, number, tunnel, settings, mtu)
        for number, (tunnel, mtu) in enumerate(zip(file.tunnels, mtus, strict=True), 1)
    ]
    return host_state(*groups, (_ruleset(file, settings, mtus), _speaker(file, settings, health)))


def _mtus(file: DeviceFile, settings: CustomerSettings, health: Health) -> list[int]:
    """Of each tunnel. Our own source NAT makes both sides put ESP into UDP."""
    known = dict(health.ciphers)

    def esp(number: int, tunnel: DeviceTunnel) -> Esp:
        cipher = known.get((file.vpn_connection_id, number))
        return widest(offers.esp(tunnel, settings.crypto_policy)) if cipher is None else esp_of(cipher)

    return [
        tunnel_mtu(settings.data_plane, nat=True, uplink=settings.uplink_mtu, esp=esp(number, tunnel))
        for number, tunnel in enumerate(file.tunnels, 1)
    ]


def _tunnel(
    file: DeviceFile, number: int, tunnel: DeviceTunnel, settings: CustomerSettings, mtu: int
) -> tuple[HostObject, ...]:
    own = settings.names
    space = own.endpoint(file.vpn_connection_id, number)
    device, port = links_of(file.vpn_connection_id, number)
    net = inner_network(file.vpn_connection_id, number)
    if_id = xfrm_id(settings.data_plane, THE_CONNECTION, number)
    ike = IkeConnection(
        namespace=space,
        name=f"{file.vpn_connection_id}-{number}",
        local=net[2],
        remote=tunnel.gateway_outside,
        local_id=tunnel.customer_outside if tunnel.psk is not None else None,
        remote_id=tunnel.gateway_outside,
        psk=tunnel.psk,
        certified=settings.certified if tunnel.psk is None else None,
        versions=(tunnel.ike_version,),
        ike=offers.ike(tunnel, settings.crypto_policy),
        esp=offers.esp(tunnel, settings.crypto_policy),
        ike_lifetime=tunnel.ike.lifetime,
        child_lifetime=tunnel.esp.lifetime,
        rekey_margin=min(REKEY_MARGIN, tunnel.esp.lifetime // 2),
        rekey_fuzz=REKEY_FUZZ,
        local_ts=selectors(tunnel.customer_network, tunnel.customer_inside.ip),
        remote_ts=selectors(tunnel.gateway_network, tunnel.gateway_inside.ip),
        dpd_delay=dpd_delay(tunnel.dpd_timeout, "restart"),
        dpd_timeout=tunnel.dpd_timeout,
        dpd_action="restart",
        initiate=True,
        if_id=if_id,
        # libipsec does nothing else.
        force_udp=settings.force_udp and settings.data_plane is DataPlane.KERNEL,
    )
    return (
        *endpoint(
            owner=own.owner,
            address=IPv4Interface((net[2], 30)),
            gateway=net[1],
            port_namespace=HERE,
            port=port,
            port_bridge=None,
            uplink_mtu=settings.uplink_mtu,
            data_plane=settings.data_plane,
            dpd_timeout=tunnel.dpd_timeout,
            ike=ike,
        ),
        Address(namespace=HERE, link=port, address=IPv4Interface((net[1], 30))),
        *tunnel_device(
            router=HERE,
            link=device,
            endpoint_namespace=space,
            data_plane=settings.data_plane,
            if_id=if_id,
            mtu=mtu,
            address=tunnel.customer_inside,
        ),
    )


def _ruleset(file: DeviceFile, settings: CustomerSettings, mtus: Sequence[int]) -> Ruleset:
    own = settings.names
    numbered = list(enumerate(file.tunnels, 1))
    links = tuple(links_of(file.vpn_connection_id, number)[0] for number, _ in numbered)
    return Ruleset(
        namespace=HERE,
        name=f"landbridge_{own.instance}",
        chains=(
            Chain(
                hook=Hook.PREROUTING,
                kind="nat",
                priority=-100,
                rules=tuple(
                    FilterRule(
                        not_iif=links_of(file.vpn_connection_id, number)[1],
                        source=(IPv4Network(tunnel.gateway_outside),),
                        # Not what goes to an address that the machine has had: it would answer from there for ever.
                        to_here=True,
                        protocol="udp",
                        ports=(500, 4500),
                        dnat=inner_network(file.vpn_connection_id, number)[2],
                    )
                    for number, tunnel in numbered
                ),
            ),
            Chain(
                hook=Hook.POSTROUTING,
                kind="nat",
                priority=100,
                rules=tuple(
                    FilterRule(source=(inner_network(file.vpn_connection_id, number),), verdict=Verdict.MASQUERADE)
                    for number, _ in numbered
                ),
            ),
            clamp(tuple(zip(links, mtus, strict=True))),
            *clear_df(links if settings.clear_df else ()),
            *_closed(file, settings),
        ),
    )


def _closed(file: DeviceFile, settings: CustomerSettings) -> tuple[Chain, ...]:
    """What belongs into the tunnels never takes the machine's way to the Internet, whether a tunnel is up or not.

    Other ways to the same networks (a leased line, IPsec of the machine's own) stay open. So does a network that the
    cloud's endpoints are in.
    """
    outside = [tunnel.gateway_outside for tunnel in file.tunnels]
    networks = settings.routes if file.static else settings.learned
    inside = tuple(sorted(net for net in networks if not any(address in net for address in outside)))
    if not inside or not settings.uplinks:
        return ()
    rules = tuple(
        FilterRule(oif=link, destination=inside, in_clear=True, verdict=Verdict.DROP)
        for link in sorted(settings.uplinks)
    )
    return (Chain(hook=Hook.POSTROUTING, priority=CLOSED_PRIORITY, rules=rules),)


def _speaker(file: DeviceFile, settings: CustomerSettings, health: Health) -> Speaker:
    statics: list[SpeakerStatic] = []
    sessions: list[BgpSession] = []
    watched: list[tuple[str, IPv4Address, IPv4Address]] = []
    for number, tunnel in enumerate(file.tunnels, 1):
        link = links_of(file.vpn_connection_id, number)[0]
        if tunnel.bgp is None:
            watched.append((link, tunnel.customer_inside.ip, tunnel.gateway_inside.ip))
            this = (file.vpn_connection_id, number)
            statics += static_routes(settings.routes, tunnel.gateway_inside.ip, link, this, THE_CONNECTION, health)
            continue
        sessions.append(
            BgpSession(
                name=f"t{number}",
                link=link,
                local=tunnel.customer_inside.ip,
                peer=tunnel.gateway_inside.ip,
                peer_asn=tunnel.bgp.gateway_asn,
                connection=THE_CONNECTION,
                hold_time=tunnel.bgp.hold_time,
                reject=settings.lans,
                reject_containing=tuple(other.gateway_outside for other in file.tunnels),
            )
        )
    return Speaker(
        namespace=HERE,
        router_id=router_id(f"{file.vpn_connection_id}-customer"),
        asn=file.tunnels[0].bgp.customer_asn if file.tunnels[0].bgp else NO_ASN,
        announced=settings.lans,
        metric=metric(file.vpn_connection_id),
        sessions=tuple(sessions),
        statics=tuple(statics),
        bfd=settings.bfd,
        bfd_peers=tuple(watched) if settings.bfd else (),
    )
