"""One tunnel endpoint, the cloud's or the customer's: a namespace with an outside address, one charon, one peer."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from landbridge.desired.ike import Charon, IkeConnection
from landbridge.desired.links import (
    LOOPBACK,
    MAIN_TABLE,
    Address,
    DataPlane,
    KernelRoute,
    Namespace,
    TunnelDevice,
    VethEnd,
)
from landbridge.desired.mtu import LEAST_PATH_MTU, mss
from landbridge.desired.names import OUTSIDE
from landbridge.desired.objects import HostObject
from landbridge.desired.rulesets import Chain, FilterRule, Hook, Ruleset, Verdict

ANYWHERE = IPv4Network("0.0.0.0/0")
DPD_PROBES = 3
"""AWS: a peer is dead after three unanswered probes (facts, section 1.8)."""


def endpoint(
    *,
    owner: str,
    address: IPv4Interface,
    gateway: IPv4Address,
    port_namespace: str,
    port: str,
    port_bridge: str | None,
    uplink_mtu: int,
    data_plane: DataPlane,
    dpd_timeout: int,
    ike: IkeConnection,
    admits: bool = True,
) -> tuple[HostObject, ...]:
    """The endpoint's namespace `ike.namespace`, joined to the outside by `port` of `port_namespace`.

    `admits`: whether the peer may connect at all.

    Only IKE, ESP and ICMP come in, and of ICMP nothing that would cripple the tunnel; nothing is forwarded.
    """
    name = ike.namespace
    return (
        Namespace(namespace=name, owner=owner),
        VethEnd(namespace=name, name=OUTSIDE, peer_namespace=port_namespace, peer_name=port, mtu=uplink_mtu),
        VethEnd(
            namespace=port_namespace,
            name=port,
            peer_namespace=name,
            peer_name=OUTSIDE,
            master=port_bridge,
            mtu=uplink_mtu,
        ),
        Address(namespace=name, link=OUTSIDE, address=address),
        *(_anchors(ike) if data_plane is DataPlane.LIBIPSEC else ()),
        KernelRoute(namespace=name, table=MAIN_TABLE, destination=ANYWHERE, gateway=gateway, link=OUTSIDE),
        Ruleset(
            namespace=name,
            chains=(
                Chain(
                    hook=Hook.INPUT,
                    accept=False,
                    rules=(
                        FilterRule(iif="lo", verdict=Verdict.ACCEPT),
                        FilterRule(protocol="udp", ports=(500, 4500), verdict=Verdict.ACCEPT),
                        FilterRule(protocol="esp", verdict=Verdict.ACCEPT),
                        FilterRule(
                            protocol="icmp",
                            icmp_type=3,
                            icmp_code=4,
                            icmp_mtu_below=min(LEAST_PATH_MTU, uplink_mtu),
                            verdict=Verdict.DROP,
                        ),
                        FilterRule(protocol="icmp", verdict=Verdict.ACCEPT),
                    ),
                ),
                Chain(hook=Hook.FORWARD, accept=False),
            ),
        ),
        Charon(namespace=name, data_plane=data_plane, dpd_timeout=dpd_timeout),
        *((ike,) if admits else ()),
    )


def _anchors(ike: IkeConnection) -> Iterator[Address]:
    """An address on the loopback for each traffic selector of our side: libipsec takes none without one of its own.

    Nothing is ever sent from it, nor does anything come to it: plaintext is in the router's namespace.
    """
    for network in ike.local_ts:
        if network != ANYWHERE:
            yield Address(
                namespace=ike.namespace,
                link=LOOPBACK,
                address=IPv4Interface((network[1 if network.num_addresses > 1 else 0], 32)),
            )


def tunnel_device(
    *,
    router: str,
    link: str,
    endpoint_namespace: str,
    data_plane: DataPlane,
    if_id: int,
    mtu: int,
    address: IPv4Interface,
) -> tuple[HostObject, ...]:
    """The plaintext side of an endpoint's tunnel, in the router's namespace, with its inside address."""
    return (
        TunnelDevice(
            namespace=router, name=link, endpoint=endpoint_namespace, data_plane=data_plane, mtu=mtu, if_id=if_id
        ),
        Address(namespace=router, link=link, address=address),
    )


def xfrm_id(data_plane: DataPlane, connection: int, tunnel: int) -> int:
    """The if_id of a tunnel's XFRM interface and SAs, the same at every start; 0 with libipsec.

    One endpoint's namespace would be enough to tell them apart. Different numbers show mistakes.
    """
    return connection * 4 + tunnel if data_plane is DataPlane.KERNEL else 0


def clamp(links: tuple[tuple[str, int], ...]) -> Chain:
    """TCP's segment size clamped to what fits through the tunnels, both ways. `links`: names and MTUs."""
    return Chain(
        hook=Hook.FORWARD,
        priority=-150,
        for_syn=True,
        rules=tuple(
            rule
            for link, mtu in links
            for rule in (
                FilterRule(oif=link, verdict=Verdict.CLAMP_MSS, mss=mss(mtu)),
                FilterRule(iif=link, verdict=Verdict.CLAMP_MSS, mss=mss(mtu)),
            )
        ),
    )


def clear_df(links: tuple[str, ...]) -> tuple[Chain, ...]:
    """Packets towards these tunnels may be fragmented, whatever they say; no chain where there is none such."""
    if not links:
        return ()
    rule = FilterRule(leads_to=links, verdict=Verdict.CLEAR_DF)
    return (Chain(hook=Hook.PREROUTING, priority=-150, rules=(rule,)),)


def dpd_delay(dpd_timeout: int, action: str) -> int:
    """Seconds of silence before a peer is probed; 0 turns DPD off. The probes take the rest of the timeout."""
    return 0 if action == "none" else max(1, dpd_timeout // DPD_PROBES)
