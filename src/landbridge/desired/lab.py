"""The Internet on one machine: a bridge with a router address per pool, sites and hosts on it."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv4Network

from landbridge.desired import names
from landbridge.desired.endpoint import ANYWHERE
from landbridge.desired.links import MAIN_TABLE, Address, Bridge, KernelRoute, Namespace, VethEnd
from landbridge.desired.names import BRIDGE, Names
from landbridge.desired.objects import HostObject
from landbridge.model.lab import LabHost, LabSite


def interface(network: IPv4Network, index: int) -> IPv4Interface:
    """The network's host of that index, with the network's prefix length."""
    return IPv4Interface((network[index], network.prefixlen))


def internet(own: Names, networks: tuple[IPv4Network, ...]) -> tuple[HostObject, ...]:
    """The Internet's namespace: everybody is a port of one bridge, `.1` of each network routes between them."""
    here = own.internet
    return (
        Namespace(namespace=here, owner=own.owner, forwarding=True),
        Bridge(namespace=here, name=BRIDGE),
        *(Address(namespace=here, link=BRIDGE, address=interface(network, 1)) for network in networks),
    )


def _public(own: Names, namespace: str, link: str, address: IPv4Interface) -> tuple[HostObject, ...]:
    port = names.internet_port(address.ip)
    return (
        VethEnd(namespace=namespace, name=link, peer_namespace=own.internet, peer_name=port),
        VethEnd(namespace=own.internet, name=port, peer_namespace=namespace, peer_name=link, master=BRIDGE),
        Address(namespace=namespace, link=link, address=address),
        KernelRoute(namespace=namespace, table=MAIN_TABLE, destination=ANYWHERE, gateway=address.network[1], link=link),
    )


def site(own: Names, wanted: LabSite, network: IPv4Network) -> tuple[HostObject, ...]:
    """A gateway machine (public address, LAN's `.1`, forwarding, no VPN software) and a host at the LAN's `.10`."""
    gateway, host = wanted.id, names.site_host(wanted.id)
    return (
        Namespace(namespace=gateway, owner=own.owner, forwarding=True),
        Namespace(namespace=host, owner=own.owner),
        *_public(own, gateway, names.SITE_WAN, IPv4Interface((wanted.public_address, network.prefixlen))),
        VethEnd(namespace=gateway, name=names.SITE_LAN, peer_namespace=host, peer_name=names.HOST_LINK),
        VethEnd(namespace=host, name=names.HOST_LINK, peer_namespace=gateway, peer_name=names.SITE_LAN),
        Address(namespace=gateway, link=names.SITE_LAN, address=interface(wanted.lan, 1)),
        Address(namespace=host, link=names.HOST_LINK, address=interface(wanted.lan, 10)),
        KernelRoute(
            namespace=host,
            table=MAIN_TABLE,
            destination=ANYWHERE,
            gateway=wanted.lan[1],
            link=names.HOST_LINK,
        ),
    )


def host(own: Names, wanted: LabHost, network: IPv4Network) -> tuple[HostObject, ...]:
    """A host on the Internet."""
    return (
        Namespace(namespace=wanted.id, owner=own.owner),
        *_public(own, wanted.id, names.HOST_LINK, IPv4Interface((wanted.address, network.prefixlen))),
    )
