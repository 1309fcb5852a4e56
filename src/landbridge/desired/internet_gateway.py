"""The internet gateway: 1:1 NAT between instances' private and public addresses, no way through for anybody else."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from landbridge.desired import names
from landbridge.desired.endpoint import ANYWHERE
from landbridge.desired.names import BRIDGE, OUTSIDE, TO_INTERNET_GATEWAY, TO_VPC, Names
from landbridge.desired.objects import (
    MAIN_TABLE,
    Address,
    Chain,
    FilterRule,
    Hook,
    HostObject,
    KernelRoute,
    Namespace,
    Ruleset,
    Verdict,
    VethEnd,
)
from landbridge.model.resources import InternetGateway, Vpc

VPC_SIDE = IPv4Interface("169.254.1.1/30")
GATEWAY_SIDE = IPv4Interface("169.254.1.2/30")

Mapped = tuple[IPv4Address, IPv4Address]
"""An interface's private and its public address."""


def internet_gateway(
    own: Names, gateway: InternetGateway, vpc: Vpc, public: IPv4Network, mapped: Sequence[Mapped]
) -> tuple[HostObject, ...]:
    """The gateway between a VPC's router and the Internet. It has the instances' public addresses itself."""
    here, router = own.of(gateway.id), own.of(vpc.id)
    port = names.gateway_port(gateway.id)
    return (
        Namespace(namespace=here, owner=own.owner, forwarding=True),
        VethEnd(namespace=here, name=TO_VPC, peer_namespace=router, peer_name=TO_INTERNET_GATEWAY),
        VethEnd(namespace=router, name=TO_INTERNET_GATEWAY, peer_namespace=here, peer_name=TO_VPC),
        VethEnd(namespace=here, name=OUTSIDE, peer_namespace=own.internet, peer_name=port),
        VethEnd(namespace=own.internet, name=port, peer_namespace=here, peer_name=OUTSIDE, master=BRIDGE),
        Address(namespace=here, link=TO_VPC, address=GATEWAY_SIDE),
        Address(namespace=router, link=TO_INTERNET_GATEWAY, address=VPC_SIDE),
        *(Address(namespace=here, link=OUTSIDE, address=IPv4Interface((address, 32))) for _, address in mapped),
        KernelRoute(namespace=here, table=MAIN_TABLE, destination=vpc.cidr, gateway=VPC_SIDE.ip, link=TO_VPC),
        KernelRoute(
            namespace=here,
            table=MAIN_TABLE,
            destination=ANYWHERE,
            gateway=public[1],
            link=OUTSIDE,
            onlink=True,
        ),
        Ruleset(namespace=here, chains=_chains(mapped)),
    )


def _chains(mapped: Sequence[Mapped]) -> tuple[Chain, ...]:
    private_only = tuple(IPv4Network(private) for private, _ in mapped)
    may_leave = (
        (FilterRule(iif=TO_VPC, oif=OUTSIDE, source=private_only, verdict=Verdict.ACCEPT),) if private_only else ()
    )
    return (
        Chain(
            hook=Hook.PREROUTING,
            kind="nat",
            priority=-100,
            rules=tuple(
                FilterRule(iif=OUTSIDE, destination=(IPv4Network(public),), dnat=private) for private, public in mapped
            ),
        ),
        Chain(
            hook=Hook.POSTROUTING,
            kind="nat",
            priority=100,
            rules=tuple(
                FilterRule(oif=OUTSIDE, source=(IPv4Network(private),), snat=public) for private, public in mapped
            ),
        ),
        Chain(
            hook=Hook.FORWARD,
            accept=False,
            rules=(
                FilterRule(established=True, verdict=Verdict.ACCEPT),
                *may_leave,
                FilterRule(iif=OUTSIDE, oif=TO_VPC, dnatted=True, verdict=Verdict.ACCEPT),
            ),
        ),
        Chain(
            hook=Hook.INPUT,
            accept=False,
            rules=(FilterRule(protocol="icmp", verdict=Verdict.ACCEPT),),
        ),
    )
