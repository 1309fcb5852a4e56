"""The internet gateway: 1:1 NAT between instances' private and public addresses, no way through for anybody else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Interface, IPv4Network

from landbridge.desired import names
from landbridge.desired.endpoint import ANYWHERE
from landbridge.desired.links import MAIN_TABLE, Address, KernelRoute, Namespace, VethEnd
from landbridge.desired.names import BRIDGE, OUTSIDE, TO_INTERNET_GATEWAY, TO_VPC, Names
from landbridge.desired.objects import HostObject
from landbridge.desired.rulesets import Ruleset
from landbridge.desired.tables import Mapped, OneToOne
from landbridge.model.instances import NetworkInterface
from landbridge.model.network import InternetGateway, Vpc

VPC_SIDE = IPv4Interface("169.254.1.1/30")
GATEWAY_SIDE = IPv4Interface("169.254.1.2/30")


def internet_gateway(
    own: Names, gateway: InternetGateway, vpc: Vpc, public: IPv4Network, mapped: Sequence[Mapped]
) -> tuple[HostObject, ...]:
    """The gateway between a VPC's router and the Internet. It has the instances' public addresses itself."""
    addresses = [each.public for each in mapped]
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
        *(Address(namespace=here, link=OUTSIDE, address=IPv4Interface((address, 32))) for address in addresses),
        *(
            KernelRoute(namespace=here, table=MAIN_TABLE, destination=cidr, gateway=VPC_SIDE.ip, link=TO_VPC)
            for cidr in vpc.cidrs
        ),
        KernelRoute(
            namespace=here,
            table=MAIN_TABLE,
            destination=ANYWHERE,
            gateway=public[1],
            link=OUTSIDE,
            onlink=True,
        ),
        Ruleset(namespace=here, one_to_one=OneToOne(inside=TO_VPC, outside=OUTSIDE, mapped=tuple(mapped))),
    )


def mapped(interfaces: Iterable[NetworkInterface]) -> Iterator[Mapped]:
    """Who is whom outside. A zone stands for one mapping, once: for an elastic address for one association."""
    for interface in interfaces:
        for private in interface.addresses:
            if (public := private.public) is not None:
                once = f"{private.address} {public.address} {interface.id} {public.association_id}"
                digest = hashlib.sha256(once.encode()).digest()
                zone = 1 + int.from_bytes(digest[:8], "big") % 65535
                yield Mapped(private=private.address, public=public.address, zone=zone)
