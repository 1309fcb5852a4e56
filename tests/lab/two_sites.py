"""One VPC with two sites: paris by BGP, lyon by static routes."""

from __future__ import annotations

from dataclasses import dataclass

from cloud import Connection, Instance, Vpc, VpnGateway
from sites import Site
from world import World


@dataclass(frozen=True)
class TwoSites:
    """instance -- VPC 10.0.0.0/16 -- VGW == BGP == paris (192.168.60.0/24), and == static == lyon (192.168.61.0/24)"""

    vpc: Vpc
    instance: Instance
    gateway: VpnGateway
    paris: Site
    lyon: Site
    dynamic: Connection
    static: Connection


def two_sites(world: World) -> TwoSites:
    """Built, and both customer gateways told to connect."""
    vpc = world.cloud.vpc("10.0.0.0/16").opened()
    instance = vpc.subnet("10.0.1.0/24").instance()
    gateway = vpc.vpn_gateway()
    vpc.main_table.propagate(gateway)
    paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    lyon = world.site("lyon", "203.0.113.78", "192.168.61.0/24")
    dynamic = gateway.connect(paris, asn=65_010)
    static = gateway.connect(lyon, static=["192.168.61.0/24"])
    paris.customer_gateway_up(dynamic)
    lyon.customer_gateway_up(static, "--route", "10.0.0.0/16")
    return TwoSites(vpc, instance, gateway, paris, lyon, dynamic, static)
