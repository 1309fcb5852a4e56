"""A machine with strongSwan of its own: landbridge's customer gateway comes and goes beside it, unnoticed."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from packets import Probe
from shell import eventually, ok
from sites import Site
from world import World

from stock_swan import StockSwan

pytestmark = pytest.mark.lab

BEHIND_THE_OFFICE = "10.0.77.0/24"
"""Within what landbridge's tunnels lead to, which is closed to the Internet: by packets in the clear."""
KEY = "of.their.own"


def connection(local: str, remote: str, local_ts: str, remote_ts: str) -> dict[str, Any]:
    """Theirs, in swanctl.conf's words."""
    return {
        "version": "2",
        "local_addrs": [local],
        "remote_addrs": [remote],
        "proposals": ["aes128gcm16-prfsha256-ecp256"],
        "local": {"auth": "psk", "id": local},
        "remote": {"auth": "psk", "id": remote},
        "children": {"lans": {"local_ts": [local_ts], "remote_ts": [remote_ts], "esp_proposals": ["aes128gcm16"]}},
    }


def of_their_own(site: Site, swan: StockSwan) -> dict[str, object]:
    """Their SAs, policies, routes, rules, and the daemon."""
    there = ("ip", "-n", site.name)
    return {
        "SAs": {(child["spi-in"], child["spi-out"]) for child in swan.children()},
        "kernel's SAs": sorted(spi for word, spi in pairwise(ok(*there, "xfrm", "state").split()) if word == "spi"),
        "policies": sorted(ok(*there, "xfrm", "policy").splitlines()),
        "routes": ok(*there, "route", "show", "table", "220"),
        "rules": ok(*there, "rule"),
        "process": swan.process.poll(),
    }


def closed(site: Site) -> str:
    """The rules that drop something on the machine."""
    rules = ok("ip", "netns", "exec", site.name, "nft", "list", "ruleset").splitlines()
    return "\n".join(rule for rule in rules if rule.endswith(" drop"))


def test_the_machines_own_strongswan_does_not_notice(world: World, tmp_path: Path) -> None:
    """paris's LAN has a tunnel to an office by paris's own strongSwan, and then landbridge's beside it."""
    kernel = world.status()["data_plane"] == "kernel"
    vpc = world.cloud.vpc("10.0.0.0/16").opened()
    instance, gateway = vpc.subnet("10.0.1.0/24").instance(), vpc.vpn_gateway()
    vpc.main_table.propagate(gateway)
    paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    office = world.internet_host("office", "198.51.100.20")
    behind = replace(office, address=IPv4Address("10.0.77.1"))
    ok("ip", "-n", office.namespace, "address", "add", f"{behind.address}/32", "dev", "lo")
    here, there = str(paris.public), str(office.address)
    for name in ("paris", "office"):
        (tmp_path / name).mkdir()
    with (
        StockSwan(paris.name, tmp_path / "paris", kernel=kernel) as own,
        StockSwan(office.namespace, tmp_path / "office", kernel=kernel) as far,
    ):
        own.load("office", connection(here, there, str(paris.lan), BEHIND_THE_OFFICE), key=KEY, ids=[here, there])
        far.load("paris", connection(there, here, BEHIND_THE_OFFICE, str(paris.lan)), key=KEY, ids=[here, there])
        own.initiate("office", "lans")
        paris.host.comes_to_reach(behind)
        before = of_their_own(paris, own)
        to_paris = gateway.connect(paris)
        with Probe(paris.host, behind) as theirs:
            theirs.passes()
            paris.customer_gateway_up(to_paris)
            to_paris.comes_up()
            paris.host.comes_to_reach(instance)
            assert of_their_own(paris, own) == before
            eventually(lambda: "10.0.0.0/16" in closed(paris), "the way to the VPC is closed to the Internet")
            theirs.passes()
            paris.customer_gateway_down(to_paris)
            assert paris.host.cannot_reach(instance)
            assert of_their_own(paris, own) == before
            theirs.passes()
            assert theirs.lost() == []
