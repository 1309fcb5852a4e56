"""A virtual private gateway: the namespace where all plaintext of its connections is routed, and its one BIRD."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from landbridge.control.limits import ADVERTISED_ROUTES, ANNOUNCED_ROUTES, Limits
from landbridge.desired import names, suites
from landbridge.desired.endpoint import ANYWHERE, clamp, clear_df, dpd_delay, endpoint, tunnel_device, xfrm_id
from landbridge.desired.health import Health
from landbridge.desired.ike import Certified, IkeConnection
from landbridge.desired.links import MAIN_TABLE, Address, DataPlane, KernelRoute, Namespace, RouteKind, VethEnd
from landbridge.desired.names import BRIDGE, TO_VPC, TO_VPN_GATEWAY, Names
from landbridge.desired.objects import HostObject
from landbridge.desired.rulesets import Chain, FilterRule, Hook, Ruleset, Verdict
from landbridge.desired.speakers import Bfd, BgpSession, InternalSession, Speaker, SpeakerStatic
from landbridge.model.certificates import Authority, DeviceCertificate
from landbridge.model.crypto import CryptoPolicy, IkeVersion
from landbridge.model.in_force import Part, calls_back, is_changing
from landbridge.model.network import Vpc
from landbridge.model.resources import Attachment, State
from landbridge.model.vpn import (
    LIVE,
    CustomerGateway,
    DpdAction,
    StartupAction,
    Tunnel,
    TunnelId,
    VpnConnection,
    VpnGateway,
)

VPC_SIDE = IPv4Interface("169.254.0.1/30")
"""The VPC router's address towards the gateway: in a /30 that AWS reserves, so that no tunnel can have it."""
GATEWAY_SIDE = IPv4Interface("169.254.0.2/30")

MED = 100
MED_TAKES_OVER = 50
"""Announced on a tunnel whose sibling is dead: the site moves over before it notices by itself."""

FIRST_TUNNEL_WINS = 200
"""The preference of static routes, less the tunnel's number: both ends take tunnel 1 while it is up."""

LAST_RESORT = 150
"""The same of a tunnel that is to be avoided: below the other one, above BGP (100)."""

LOCAL_PREFERENCE = 100
AVOIDED = 50
"""The local preference of what is learned through a tunnel that is to be avoided."""

LAST = 9999
"""The metric of the `unreachable default` that ends a table."""


def attached(gateway: VpnGateway) -> bool:
    """Whether the gateway's link to its VPC is wanted."""
    return gateway.vpc_id is not None and gateway.attachment in (Attachment.ATTACHING, Attachment.ATTACHED)


def alive(connection: VpnConnection) -> bool:
    """Whether the connection's endpoints are wanted."""
    return connection.state in LIVE


def router_id(resource_id: str) -> IPv4Address:
    """A stable BGP identifier, in 100.64.0.0/10 where no inside address is."""
    digest = hashlib.sha256(resource_id.encode()).digest()
    return IPv4Address(0x64400000 | int.from_bytes(digest[:4], "big") & 0x003FFFFF)


def cloud_endpoint(
    own: Names,
    connection: VpnConnection,
    tunnel: Tunnel,
    customer: CustomerGateway,
    outside: IPv4Network,
    data_plane: DataPlane,
    mtu: int,
    uplink_mtu: int,
    policy: CryptoPolicy,
    trust: tuple[Authority, DeviceCertificate] | None = None,
) -> tuple[HostObject, ...]:
    """One of a connection's two endpoints, and its plaintext side in the gateway's namespace.

    `mtu` is the tunnel's, `uplink_mtu` that of the endpoint's own link, which carries it. `trust`: who vouches for
    certificates, and which one the customer's device has, where it has one.
    """
    space = own.endpoint(connection.id, tunnel.number)
    options = tunnel.options
    action = options.dpd_action
    versions = suites.ike_versions(options, policy) if trust is None else (IkeVersion.IKEV2,)
    if_id = xfrm_id(data_plane, connection.number, tunnel.number)
    ike = IkeConnection(
        namespace=space,
        name=f"{connection.id}-{tunnel.number}",
        local=tunnel.outside,
        remote=customer.address,
        local_id=tunnel.outside,
        remote_id=None if trust else customer.address,
        psk=tunnel.psk,
        certified=_certified(tunnel, trust),
        versions=versions,
        ike=suites.phase_1(options, policy),
        esp=suites.phase_2(options, policy),
        ike_lifetime=options.phase1_lifetime,
        child_lifetime=options.phase2_lifetime,
        rekey_margin=options.rekey_margin,
        rekey_fuzz=options.rekey_fuzz,
        local_ts=suites.selectors(connection.cloud_network, tunnel.cloud_inside),
        remote_ts=suites.selectors(connection.customer_network, tunnel.customer_inside),
        dpd_delay=dpd_delay(options.dpd_timeout, action),
        dpd_timeout=options.dpd_timeout,
        dpd_action=action if action is not DpdAction.NONE else "none",
        initiate=options.startup is StartupAction.START
        or (calls_back(connection, tunnel.number) and IkeVersion.IKEV2 in versions and customer.address is not None),
        yields=True,
        renews=is_changing(connection, tunnel.number),
        if_id=if_id,
        replay_window=options.replay_window,
        # libipsec does nothing else; its connections need not be touched for it.
        force_udp=connection.force_udp and data_plane is DataPlane.KERNEL,
    )
    return (
        *endpoint(
            owner=own.owner,
            address=IPv4Interface((tunnel.outside, outside.prefixlen)),
            gateway=outside[1],
            port_namespace=own.internet,
            port=names.internet_port(tunnel.outside),
            port_bridge=BRIDGE,
            uplink_mtu=uplink_mtu,
            data_plane=data_plane,
            dpd_timeout=options.dpd_timeout,
            ike=ike,
            admits=trust is None or trust[1].revoked is None,
        ),
        *tunnel_device(
            router=own.of(connection.vpn_gateway_id),
            link=names.tunnel_link(connection.number, tunnel.number),
            endpoint_namespace=space,
            data_plane=data_plane,
            if_id=if_id,
            mtu=mtu,
            address=IPv4Interface((tunnel.cloud_inside, tunnel.inside.prefixlen)),
        ),
    )


def _certified(tunnel: Tunnel, trust: tuple[Authority, DeviceCertificate] | None) -> Certified | None:
    if trust is None:
        return None
    own, (authority, device) = tunnel.certificate, trust
    assert own is not None, "tunnels to a customer gateway with a certificate have certificates"
    return Certified(
        certificate=own.certificate, key=own.key, authority=authority.certificate, pinned=device.certificate
    )


def gateway_router(
    own: Names, gateway: VpnGateway, vpc: Vpc | None, links: tuple[tuple[str, int], ...], cleared: tuple[str, ...]
) -> tuple[HostObject, ...]:
    """The gateway's namespace: a link to the VPC if attached, filters, and a default that leads nowhere.

    `links`: the tunnel devices and their MTUs. `cleared`: those of them towards which DF is cleared.
    """
    here = own.of(gateway.id)
    base: tuple[HostObject, ...] = (
        Namespace(namespace=here, owner=own.owner, forwarding=True),
        KernelRoute(
            namespace=here,
            table=MAIN_TABLE,
            destination=ANYWHERE,
            kind=RouteKind.UNREACHABLE,
            metric=LAST,
        ),
        Ruleset(namespace=here, chains=(_input(), clamp(links), *clear_df(cleared))),
    )
    if vpc is None:
        return base
    router = own.of(vpc.id)
    return (
        *base,
        VethEnd(namespace=here, name=TO_VPC, peer_namespace=router, peer_name=TO_VPN_GATEWAY),
        VethEnd(namespace=router, name=TO_VPN_GATEWAY, peer_namespace=here, peer_name=TO_VPC),
        Address(namespace=here, link=TO_VPC, address=GATEWAY_SIDE),
        Address(namespace=router, link=TO_VPN_GATEWAY, address=VPC_SIDE),
    )


def _input() -> Chain:
    """Of the tenants' packets the gateway itself hears BGP, BFD and ICMP, nothing else.

    Without connection tracking: a scan through the gateway could fill its table, and BGP would suffer.
    """
    return Chain(
        hook=Hook.INPUT,
        accept=False,
        rules=(
            FilterRule(iif="lo", verdict=Verdict.ACCEPT),
            FilterRule(protocol="icmp", verdict=Verdict.ACCEPT),
            FilterRule(protocol="tcp", ports=(179,), verdict=Verdict.ACCEPT),
            FilterRule(protocol="tcp", source_ports=(179,), verdict=Verdict.ACCEPT),
            FilterRule(protocol="udp", ports=(3784, 3785), verdict=Verdict.ACCEPT),
        ),
    )


def gateway_speaker(
    own: Names,
    gateway: VpnGateway,
    vpc: Vpc | None,
    connections: Sequence[tuple[Part, CustomerGateway]],
    health: Health,
    bfd: Bfd | None,
    limits: Limits,
) -> Speaker:
    """The gateway's BIRD: a session per tunnel of dynamic connections, static routes per tunnel of the others."""
    rejected = vpc.cidrs if vpc else ()
    sessions: list[BgpSession] = []
    statics: list[SpeakerStatic] = []
    watched: list[tuple[str, IPv4Address, IPv4Address]] = []
    if vpc is not None:
        statics += (SpeakerStatic(destination=cidr, via=VPC_SIDE.ip, link=TO_VPC) for cidr in vpc.cidrs)
    for part, customer in connections:
        connection = part.connection
        avoided = (connection.id, connection.drained)
        for tunnel in part.tunnels:
            link = names.tunnel_link(connection.number, tunnel.number)
            this, sibling = (connection.id, tunnel.number), (connection.id, 3 - tunnel.number)
            if connection.static_only:
                # Where the customer gateway's routes follow BFD, they leave a tunnel that has none.
                if this != avoided:
                    watched.append((link, tunnel.cloud_inside, tunnel.customer_inside))
                # The VPC may have been attached after a route into it was made; its own networks come first.
                wanted = (
                    route.destination
                    for route in connection.routes
                    if route.state in (State.PENDING, State.AVAILABLE)
                    and not (vpc is not None and vpc.holds(route.destination))
                )
                statics += static_routes(
                    wanted, tunnel.customer_inside, link, this, connection.number, health, avoided=this == avoided
                )
                continue
            leaves = sibling in health.dead or sibling == avoided
            sessions.append(
                BgpSession(
                    name=f"c{connection.number}_t{tunnel.number}",
                    link=link,
                    local=tunnel.cloud_inside,
                    peer=tunnel.customer_inside,
                    peer_asn=customer.asn,
                    connection=connection.number,
                    med=MED_TAKES_OVER if leaves and this not in health.dead else MED,
                    local_preference=AVOIDED if this == avoided else LOCAL_PREFERENCE,
                    reject=rejected,
                    receive_limit=limits.most(ANNOUNCED_ROUTES),
                    send_limit=limits.most(ADVERTISED_ROUTES),
                )
            )
    internal = None
    if vpc is not None:
        internal = InternalSession(link=TO_VPC, local=GATEWAY_SIDE.ip, peer=VPC_SIDE.ip, sends=True)
    return Speaker(
        namespace=own.of(gateway.id),
        router_id=router_id(gateway.id),
        asn=gateway.asn,
        sessions=tuple(sessions),
        statics=tuple(statics),
        internal=internal,
        bfd=bfd,
        bfd_peers=tuple(watched) if bfd else (),
    )


def static_routes(
    prefixes: Iterable[IPv4Network],
    via: IPv4Address,
    link: str,
    this: TunnelId,
    connection: int,
    health: Health,
    *,
    avoided: bool = False,
) -> list[SpeakerStatic]:
    """A static connection's routes through one tunnel: by BFD if the peer answers it, else while the CHILD SA is up.

    One that is to be `avoided` is the last resort, while its CHILD SA is up.
    """
    answers_bfd = this in health.bfd_seen and not avoided
    if not answers_bfd and this not in health.up:
        return []
    return [
        SpeakerStatic(
            destination=prefix,
            via=via,
            link=link,
            bfd=answers_bfd,
            preference=(FIRST_TUNNEL_WINS if not avoided else LAST_RESORT) - this[1],
            connection=connection,
        )
        for prefix in prefixes
    ]
