"""Promise 11: landbridge's own customer gateway: up, status, down, again, and what becomes of it when its site goes."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass

import pytest
import remains
from cloud import Connection, Instance, VpnGateway
from daemons import security_associations
from packets import Probe
from shell import alive, eventually, for_a_while, namespaces, ok, run
from sites import Site
from world import World

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Cloud:
    """A VPC with an instance and a gateway, which all sites but one connect to."""

    instance: Instance
    gateway: VpnGateway


def cloud(world: World, cidr: str) -> Cloud:
    vpc = world.cloud.vpc(cidr).opened()
    gateway = vpc.vpn_gateway()
    vpc.main_table.propagate(gateway)
    return Cloud(vpc.subnet(cidr.replace("/16", "/24")).instance(), gateway)


@pytest.fixture(scope="module")
def here(world: World) -> Cloud:
    return cloud(world, "10.0.0.0/16")


def test_up_status_and_down(world: World, here: Cloud) -> None:
    site, instance = world.site("paris", "203.0.113.77", "192.168.60.0/24"), here.instance
    connection = here.gateway.connect(site)
    before = snapshot(site)

    said = site.customer_gateway_up(connection)

    assert said.count(": UP") >= 1, said
    site.host.comes_to_reach(instance)
    connection.comes_up()
    connection.is_watched(site)
    status = site.customer_gateway(connection)
    assert alive(status["agent"])
    assert status["advertised"] == ["192.168.60.0/24"]
    text = ok(*site.command("status", connection.id))
    assert text.count("UP") == 2
    for tunnel in connection.tunnels:
        assert str(tunnel.status["outside_address"]) in text

    site.customer_gateway_down(connection)

    assert snapshot(site) == before
    assert not alive(status["agent"])
    own = world.instances() - {world.instance}
    assert not remains.of(own, (), world.customers / "customer-gateway" / connection.id)
    assert site.host.cannot_reach(instance)
    gone = run(*site.command("status", connection.id))
    assert (gone.returncode, gone.stderr.count("\n")) == (1, 1), gone.stderr
    assert connection.id in gone.stderr


def snapshot(site: Site) -> dict[str, object]:
    """What a gateway machine looks like: links, addresses, routes, rules, filters."""
    links = json.loads(ok("ip", "-n", site.name, "-j", "address"))
    return {
        "links": {link["ifname"]: sorted(a["local"] for a in link["addr_info"]) for link in links},
        "routes": sorted(ok("ip", "-n", site.name, "route", "show", "table", "all").splitlines()),
        "rules": ok("ip", "-n", site.name, "rule"),
        "filters": ok("ip", "netns", "exec", site.name, "nft", "list", "tables"),
    }


def test_up_twice_changes_nothing_and_loses_nothing(world: World, here: Cloud) -> None:
    site, instance = world.site("lyon", "203.0.113.78", "192.168.61.0/24"), here.instance
    connection = here.gateway.connect(site)
    site.customer_gateway_up(connection)
    site.host.comes_to_reach(instance)
    connection.is_watched(site)
    agent = site.customer_gateway(connection)["agent"]
    with Probe(site.host, instance) as probe:
        probe.passes()
        site.customer_gateway_up(connection)
        probe.passes()
        assert probe.lost() == []
    assert site.customer_gateway(connection)["agent"] == agent


def test_two_connections_on_one_machine_do_not_disturb_each_other(world: World, here: Cloud) -> None:
    site, there = world.site("nice", "203.0.113.79", "192.168.62.0/24"), cloud(world, "10.3.0.0/16")
    first, second = here.gateway.connect(site), there.gateway.connect(site)
    site.customer_gateway_up(first)
    site.host.comes_to_reach(here.instance)
    first.is_watched(site)

    with Probe(site.host, here.instance) as probe:
        probe.passes()
        site.customer_gateway_up(second)
        site.host.comes_to_reach(there.instance)
        # BIRD compares the kernel's routes with its own every ten seconds.
        for_a_while(lambda: {"10.0.0.0/16", "10.3.0.0/16"} <= set(site.routes()), "both routes are there", 11)
        site.customer_gateway_down(second)
        probe.passes()
        assert probe.lost() == []
    assert site.host.cannot_reach(there.instance)


def test_a_killed_agent_leaves_the_tunnels_and_up_takes_them_over(world: World, here: Cloud) -> None:
    site, instance = world.site("brest", "203.0.113.80", "192.168.63.0/24"), here.instance
    connection = here.gateway.connect(site)
    site.customer_gateway_up(connection)
    site.host.comes_to_reach(instance)
    connection.is_watched(site)
    agent = site.customer_gateway(connection)["agent"]
    with Probe(site.host, instance) as probe:
        probe.passes()
        ok("kill", "-9", str(agent))
        eventually(lambda: not alive(agent), "the agent is dead")
        assert site.customer_gateway(connection)["agent"] is None
        site.customer_gateway_up(connection)
        probe.passes()
        assert probe.lost() == []
    assert site.customer_gateway(connection)["agent"] not in (agent, None)


def test_the_tunnels_follow_the_uplinks_mtu(world: World, here: Cloud) -> None:
    site, instance = world.site("dijon", "203.0.113.84", "192.168.67.0/24"), here.instance
    connection = here.gateway.connect(site)
    site.customer_gateway_up(connection)
    site.host.comes_to_reach(instance)
    own = (world.customers / "customer-gateway" / connection.id / "instance").read_text()
    before = security_associations(own)
    usual = mtus(site, connection)
    way = ("203.0.113.128/25", "dev", "wan")
    ok("ip", "-n", site.name, "route", "add", *way, "mtu", "1300")
    eventually(lambda: mtus(site, connection) == {1238}, "less fits through")
    ok("ip", "-n", site.name, "route", "delete", *way)
    eventually(lambda: mtus(site, connection) == usual, "as much as before fits through")
    assert site.host.reaches(instance)
    assert security_associations(own) == before, "no tunnel was made anew for it"


def mtus(site: Site, connection: Connection) -> set[int]:
    """Of the tunnel devices on the site's gateway machine."""
    links = [tunnel["link"] for tunnel in site.customer_gateway(connection)["tunnels"]]
    return {json.loads(ok("ip", "-n", site.name, "-j", "link", "show", link))[0]["mtu"] for link in links}


def test_an_agent_that_cannot_do_what_it_is_told_says_so_and_goes_on(world: World, here: Cloud) -> None:
    site, instance = world.site("reims", "203.0.113.83", "192.168.66.0/24"), here.instance
    connection = here.gateway.connect(site)
    site.customer_gateway_up(connection)
    site.host.comes_to_reach(instance)
    agent = site.customer_gateway(connection)["agent"]
    folder = world.customers / "customer-gateway" / connection.id
    whole = (folder / "device.xml").read_text()
    (folder / "device.xml").write_text(whole[:1000])

    os.kill(agent, signal.SIGHUP)

    eventually(lambda: "not well-formed" in str(site.customer_gateway(connection)["faults"]), "it says what is wrong")
    assert site.customer_gateway(connection)["agent"] == agent
    assert site.host.reaches(instance)
    site.customer_gateway_up(connection)
    status = site.customer_gateway(connection)
    assert (status["agent"], status["faults"]) == (agent, [])


def test_a_site_removed_while_its_customer_gateway_is_up_takes_everything_with_it(world: World, here: Cloud) -> None:
    site, instance = world.site("metz", "203.0.113.81", "192.168.64.0/24"), here.instance
    connection = here.gateway.connect(site)
    site.customer_gateway_up(connection)
    site.host.comes_to_reach(instance)
    world.instances()
    own = (world.customers / "customer-gateway" / connection.id / "instance").read_text()

    done = world.landbridge("lab", "site", "remove", site.name)

    assert done.returncode == 0, done.stderr
    eventually(lambda: not {site.name, f"{site.name}-host"} & namespaces(), "the site is gone")
    folder = world.customers / "customer-gateway" / connection.id
    eventually(lambda: not remains.of({own}, (), folder), "its customer gateway is gone", 30)
    for tunnel in connection.tunnels:
        tunnel.becomes("DOWN", 75)


def test_what_the_machine_cannot_use_is_refused_with_a_sentence(world: World, here: Cloud) -> None:
    site = world.site("nancy", "203.0.113.82", "192.168.65.0/24")
    static = here.gateway.connect(site, static=["192.168.65.0/24"])
    bad = world.folder / "bad.xml"
    for content in ("", "not xml", "<vpn_connection/>", '<!DOCTYPE x [<!ENTITY e "f">]><vpn_connection id="&e;"/>'):
        bad.write_text(content)
        done = run(*site.command("up", str(bad)))
        assert done.returncode != 0
        assert done.stderr.startswith("landbridge: "), done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
    without_routes = run(*site.command("up", str(site.file_of(static))))
    assert without_routes.returncode != 0
    assert "--route" in without_routes.stderr
    assert not list(world.customers.glob(f"customer-gateway/{static.id}*")), "nothing half-built"
