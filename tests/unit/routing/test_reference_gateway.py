"""The reference itself, for gateways: examples of AWS's documents (Site-to-Site VPN user guide, "Route priority")."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from reference.aws_routing import DROPPED, LOCAL, Advertisement, Gateway, announced, known, through_the_gateway, tunnels

VPC, SITE, HALF = IPv4Network("10.0.0.0/16"), IPv4Network("192.168.0.0/16"), IPv4Network("192.168.0.0/17")
PARIS, PARIS_2, LYON = ("paris", 1), ("paris", 2), ("lyon", 1)
EMPTY = Gateway(64512, (VPC,), frozenset({PARIS, PARIS_2, LYON}))


def hearing(*heard: Advertisement) -> Gateway:
    return replace(EMPTY, heard=heard)


def said(prefix: IPv4Network, tunnel: tuple[str, int], *path: int, med: int = 0) -> Advertisement:
    return Advertisement(prefix, tunnel, path or (65000,), med)


def test_the_longest_prefix_whatever_else() -> None:
    gateway = replace(hearing(said(HALF, LYON, 65001, 65002, 65003)), static=frozenset({(SITE, "paris")}))
    assert through_the_gateway(gateway, IPv4Address("192.168.1.1")) == {LYON}
    assert through_the_gateway(gateway, IPv4Address("192.168.200.1")) == {PARIS, PARIS_2}


def test_static_before_bgp() -> None:
    gateway = replace(hearing(said(SITE, LYON)), static=frozenset({(SITE, "paris")}))
    assert tunnels(gateway, SITE) == {PARIS, PARIS_2}
    assert tunnels(replace(gateway, up=frozenset({LYON})), SITE) == {LYON}


def test_the_shortest_path_then_the_lowest_med_of_one_neighbour() -> None:
    assert tunnels(hearing(said(SITE, PARIS, 65000, 65000), said(SITE, LYON, 65001, med=900)), SITE) == {LYON}
    both = hearing(
        said(SITE, PARIS, 65000, med=200), said(SITE, PARIS_2, 65000, med=100), said(SITE, LYON, 65001, med=300)
    )
    assert tunnels(both, SITE) == {PARIS_2, LYON}, "of different neighbours MEDs are not compared"


@pytest.mark.parametrize(
    "refused",
    [
        said(IPv4Network("10.0.1.0/24"), LYON),
        said(VPC, LYON),
        said(IPv4Network("169.254.7.0/24"), LYON),
        said(IPv4Network("127.0.0.0/8"), LYON),
        said(IPv4Network("239.0.0.0/8"), LYON),
        said(SITE, LYON, 65001, 64512),
        said(SITE, ("a tunnel that is down", 1)),
    ],
)
def test_what_is_not_believed(refused: Advertisement) -> None:
    assert known(hearing(refused)) == frozenset()


def test_a_default_route_is_and_the_vpc_stays_the_vpc() -> None:
    gateway = hearing(said(IPv4Network("0.0.0.0/0"), LYON))
    assert through_the_gateway(gateway, IPv4Address("198.51.100.1")) == {LYON}
    assert through_the_gateway(gateway, IPv4Address("10.0.1.1")) == LOCAL
    assert through_the_gateway(EMPTY, IPv4Address("198.51.100.1")) == DROPPED


def test_every_site_hears_the_vpc_and_the_others_and_not_itself() -> None:
    gateway = replace(hearing(said(HALF, LYON, 65001)), static=frozenset({(SITE, "paris")}))
    assert announced(gateway, "lyon") == {VPC, SITE}
    assert announced(gateway, "paris") == {VPC, HALF}
