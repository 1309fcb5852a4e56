"""Promise 9: one tunnel dies in every way that a tunnel can die; traffic goes on through the other, and returns."""

from __future__ import annotations

import os
import signal

import pytest
from faults import (
    Fault,
    bgp_torn,
    charon_in,
    charon_killed,
    dropped_both_ways,
    dropped_to_the_cloud,
    dropped_to_the_site,
    link_down,
)
from lines import WATCHED, Line, two_lines
from packets import Probe
from shell import SLOW, eventually
from world import World

pytestmark = pytest.mark.lab

WITH_BFD = 3.0 * SLOW
"""Seconds: three times 300 ms until BFD notices, and what two busy cores take for the rest."""


@pytest.fixture(scope="module")
def lines(world: World) -> dict[str, Line]:
    return two_lines(world)


@pytest.fixture(params=["bgp", "static"])
def line(request: pytest.FixtureRequest, lines: dict[str, Line]) -> Line:
    return lines[request.param]


@pytest.mark.parametrize("fault", [charon_killed, dropped_both_ways, dropped_to_the_cloud, dropped_to_the_site])
def test_traffic_goes_on_through_the_other_tunnel_and_returns(line: Line, fault: Fault) -> None:
    cut = line.ready()
    with Probe(line.site.host, line.instance) as probe:
        probe.passes()
        with fault(cut.status):
            eventually(lambda: probe.outage() > 0 or line.used() != cut, "the fault is felt")
            healed = probe.passes()
            assert probe.outage() < WITH_BFD
        line.ready()
        eventually(lambda: line.used() == cut, "it returns")
        probe.passes()
        assert probe.lost(since=healed) == [], "a second outage"


def test_traffic_goes_on_when_bgp_is_torn(lines: dict[str, Line]) -> None:
    line = lines["bgp"]
    cut = line.ready()
    with Probe(line.site.host, line.instance) as probe:
        probe.passes()
        with bgp_torn(cut.status):
            cut.becomes("DOWN")
            eventually(lambda: line.used() != cut, "the other tunnel takes over")
            assert cut.status["why"].startswith("IKE is up, BGP is not")
            healed = probe.passes()
            assert probe.outage() < WITH_BFD
        line.ready()
        probe.passes()
        assert probe.lost(since=healed) == [], "a second outage"


def test_a_link_that_is_down_is_repaired(line: Line) -> None:
    cut = line.ready()
    with Probe(line.site.host, line.instance) as probe:
        probe.passes()
        with link_down(cut.status):
            probe.passes()
        assert probe.outage() < WITH_BFD
    line.ready()


def test_the_customers_end_dies_and_is_repaired(line: Line) -> None:
    cut = line.ready()
    endpoint = line.site.customer_gateway(line.connection)["tunnels"][cut.number - 1]["endpoint"]
    dead = charon_in(endpoint)
    with Probe(line.site.host, line.instance) as probe:
        probe.passes()
        os.kill(dead, signal.SIGKILL)
        eventually(lambda: probe.outage() > 0, "the fault is felt")
        healed = probe.passes()
        assert probe.outage() < WITH_BFD
        line.ready()
        assert probe.lost(since=healed) == [], "a second outage"
    assert charon_in(endpoint) != dead


@pytest.mark.parametrize(
    "fault", [link_down, dropped_both_ways, pytest.param(dropped_to_the_site, marks=pytest.mark.nightly)]
)
def test_failover_does_not_need_the_service(line: Line, fault: Fault) -> None:
    cut = line.ready()
    status = cut.status
    with Probe(line.site.host, line.instance) as probe:
        probe.passes()
        line.world.kill()
        try:
            with fault(status):
                eventually(lambda: probe.outage() > 0, "the fault is felt")
                healed = probe.passes()
                assert probe.outage() < WITH_BFD
        finally:
            line.world.start()
        line.ready()
        probe.passes()
        assert probe.lost(since=healed) == [], "a second outage"


def test_without_bfd_dead_peer_detection_is_in_time(world: World, lines: dict[str, Line]) -> None:
    """DPDTimeoutSeconds is 30: strongSwan's own default would take 165 s."""
    nice = world.site("nice", "203.0.113.79", "192.168.62.0/24")
    gateway = lines["static"].gateway
    connection = gateway.connect(nice, static=["192.168.62.0/24"], tunnels=[{"DPDTimeoutSeconds": 30}] * 2)
    nice.customer_gateway_up(connection, "--route", "10.0.0.0/16", "--bfd-interval", "0")
    line = Line(world, lines["static"].instance, gateway, nice, connection)
    connection.comes_up()
    cut = eventually(lambda: line.used(), "a tunnel is used")
    nice.host.comes_to_reach(line.instance)
    assert not cut.status["bfd"]
    with Probe(nice.host, line.instance) as probe:
        probe.passes()
        with dropped_both_ways(cut.status):
            probe.stops()
            probe.passes(40)
            assert probe.outage() < 30 + 2
            assert cut.becomes("DOWN")["why"]
        connection.comes_up(WATCHED)
        probe.passes()
