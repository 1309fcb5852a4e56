"""A VPC's implicit router: a bridge per subnet with the `.1` address, a kernel table per route table, rules by subnet.

Packets from a subnet look into the table that the subnet follows; packets from a gateway only into the table EDGE,
which knows nothing but the subnets: neither gateway is a way through to the other. The router's own packets use the
main table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from landbridge.control.limits import PROPAGATED_ROUTES, Limits
from landbridge.desired import names
from landbridge.desired.endpoint import ANYWHERE
from landbridge.desired.internet_gateway import GATEWAY_SIDE as INTERNET_GATEWAY_SIDE
from landbridge.desired.links import MAIN_TABLE, Address, Bridge, KernelRoute, KernelRule, Namespace, RouteKind, VethEnd
from landbridge.desired.names import TO_INTERNET_GATEWAY, TO_VPN_GATEWAY, Names
from landbridge.desired.objects import HostObject
from landbridge.desired.rulesets import Ruleset
from landbridge.desired.speakers import InternalSession, Speaker
from landbridge.desired.tables import Family, Port
from landbridge.desired.vpn_gateway import GATEWAY_SIDE as VPN_GATEWAY_SIDE
from landbridge.desired.vpn_gateway import LAST, VPC_SIDE, router_id
from landbridge.model.instances import NetworkInterface
from landbridge.model.network import Route, RouteTable, Subnet, Vpc
from landbridge.model.vpn import VpnGateway

EDGE = 10
"""The kernel table of packets that come from a gateway."""
ROUTER_MAC = "02:00:00:00:00:01"
"""The router's hardware address in every subnet."""
RULE_PRIORITY = 1000
INTERFACE_TABLES = 100
"""In an instance: behind this number, and its device index, is an interface's kernel table."""
STATIC = 10
"""The metric of route tables' static routes: before what BIRD adds (32), for the same prefix."""
COVER = 4000
"""The metric of the VPC's own CIDRs as unreachable: behind a subnet that is as large."""


def router(own: Names, vpc: Vpc, gateways: Sequence[str]) -> tuple[HostObject, ...]:
    """The router's namespace and what packets from `gateways` (the router's links to them) may reach."""
    here = own.of(vpc.id)
    return (
        Namespace(namespace=here, owner=own.owner, forwarding=True),
        _closing(here, EDGE),
        *(KernelRule(namespace=here, priority=RULE_PRIORITY, iif=link, table=EDGE) for link in gateways),
    )


def _closing(namespace: str, table: int) -> KernelRoute:
    return KernelRoute(namespace=namespace, table=table, destination=ANYWHERE, kind=RouteKind.UNREACHABLE, metric=LAST)


def subnet(own: Names, wanted: Subnet, table: int) -> tuple[HostObject, ...]:
    """A subnet's bridge, its gateway address, and the table that its packets look into.

    Also what neighbours send each other passes the router, and its rules: what comes from a port is sent there
    (`ports`). Neighbours know each other's hardware addresses all the same, for ARP passes the bridge.
    """
    here, bridge = own.of(wanted.vpc_id), names.subnet_bridge(wanted.id)
    return (
        Bridge(namespace=here, name=bridge, mac=ROUTER_MAC),
        Address(namespace=here, link=bridge, address=IPv4Interface((wanted.cidr[1], wanted.cidr.prefixlen))),
        KernelRule(namespace=here, priority=RULE_PRIORITY, iif=bridge, table=table),
        KernelRoute(namespace=here, table=EDGE, destination=wanted.cidr, link=bridge),
    )


def route_table(
    own: Names,
    vpc: Vpc,
    table: RouteTable,
    subnets: Iterable[Subnet],
    targets: Mapping[str, NetworkInterface],
    live: frozenset[str],
) -> tuple[HostObject, ...]:
    """A route table as a kernel table: the local routes, the static routes, and an end that is unreachable.

    `live` are the targets that routes may lead to now; a route to another one is a black hole.
    """
    here = own.of(vpc.id)
    local = (
        *(
            KernelRoute(namespace=here, table=table.number, destination=net.cidr, link=names.subnet_bridge(net.id))
            for net in subnets
        ),
        *(
            KernelRoute(namespace=here, table=table.number, destination=cidr, kind=RouteKind.UNREACHABLE, metric=COVER)
            for cidr in vpc.cidrs
        ),
    )
    static = (_static_route(here, table.number, route, targets, live) for route in table.routes)
    return (*local, *static, _closing(here, table.number))


def _static_route(
    here: str, table: int, route: Route, targets: Mapping[str, NetworkInterface], live: frozenset[str]
) -> KernelRoute:
    way: tuple[IPv4Address, str] | None = None
    if route.target not in live:
        pass
    elif route.target.startswith("vgw-"):
        way = VPN_GATEWAY_SIDE.ip, TO_VPN_GATEWAY
    elif route.target.startswith("igw-"):
        way = INTERNET_GATEWAY_SIDE.ip, TO_INTERNET_GATEWAY
    else:
        middlebox = targets[route.target]
        way = middlebox.private, names.subnet_bridge(middlebox.subnet_id)
    return KernelRoute(
        namespace=here,
        table=table,
        destination=route.destination,
        kind=RouteKind.UNICAST if way else RouteKind.BLACKHOLE,
        gateway=way[0] if way else None,
        link=way[1] if way else None,
        metric=STATIC,
    )


def instance(own: Names, instance_id: str, forwards: bool) -> tuple[HostObject, ...]:
    """An instance: a namespace. What it talks by are its interfaces.

    It forwards packets of others when one of its interfaces may carry them: a router, a NAT instance.
    """
    return (Namespace(namespace=own.of(instance_id), owner=own.owner, forwarding=forwards),)


def interface(own: Names, wanted: NetworkInterface, net: Subnet, alone: bool, doubled: bool) -> tuple[HostObject, ...]:
    """An attached interface: a port of the subnet's bridge, and in the instance a link with its addresses.

    By the primary interface the instance also reaches the router, its way out. With more than one (not `alone`) each
    has a table of its own, for what is sent from its addresses: what left by another interface would be dropped there.
    `doubled`: an interface with a lower device index is in the same subnet and leads to its neighbours already.
    """
    attachment = wanted.attachment
    assert attachment is not None, "only attached interfaces are built"
    here, there = own.of(attachment.instance_id), own.of(wanted.vpc_id)
    link, port = names.interface_link(attachment.device_index), names.interface_port(wanted.id)
    primary, *others = (each.address for each in wanted.addresses)
    objects: list[HostObject] = [
        VethEnd(namespace=here, name=link, peer_namespace=there, peer_name=port, mac=wanted.mac),
        VethEnd(
            namespace=there,
            name=port,
            peer_namespace=here,
            peer_name=link,
            master=names.subnet_bridge(net.id),
        ),
        Address(namespace=here, link=link, address=IPv4Interface((primary, 32 if doubled else net.cidr.prefixlen))),
        # Alone in their prefix, so that none of them is ever taken for the address that packets are sent from.
        *(Address(namespace=here, link=link, address=IPv4Interface((each, 32))) for each in others),
    ]
    tables = [MAIN_TABLE] if attachment.device_index == 0 else []
    if not alone:
        table = INTERFACE_TABLES + attachment.device_index
        tables.append(table)
        objects.append(KernelRoute(namespace=here, table=table, destination=net.cidr, link=link))
        objects += (
            KernelRule(
                namespace=here,
                priority=RULE_PRIORITY + attachment.device_index,
                iif=None,
                table=table,
                source=IPv4Network(each.address),
            )
            for each in wanted.addresses
        )
    objects += (
        KernelRoute(namespace=here, table=table, destination=ANYWHERE, gateway=net.cidr[1], link=link, onlink=doubled)
        for table in tables
    )
    return tuple(objects)


def ports(own: Names, vpc: Vpc, interfaces: Iterable[NetworkInterface]) -> tuple[HostObject, ...]:
    """Who is behind which port of the router's bridges, and may send and get what: out of the instances' reach."""
    return (
        Ruleset(
            namespace=own.of(vpc.id),
            family=Family.BRIDGE,
            ports=tuple(
                Port(
                    link=names.interface_port(each.id),
                    mac=each.mac,
                    addresses=tuple(private.address for private in each.addresses),
                    checked=each.source_dest_check,
                    router=ROUTER_MAC,
                )
                for each in interfaces
            ),
        ),
    )


def speaker(own: Names, vpc: Vpc, gateway: VpnGateway, tables: Iterable[int], limits: Limits) -> Speaker:
    """The router's small BIRD: hears the gateway's, and fills the propagating tables without any Python in between."""
    return Speaker(
        namespace=own.of(vpc.id),
        router_id=router_id(vpc.id),
        asn=gateway.asn,
        internal=InternalSession(link=TO_VPN_GATEWAY, local=VPC_SIDE.ip, peer=VPN_GATEWAY_SIDE.ip, sends=False),
        tables=(MAIN_TABLE, *sorted(tables)),
        table_limit=limits.most(PROPAGATED_ROUTES),
    )
