"""Changes of a connection that carries traffic: a probe loses nothing, and what was asked for is in force."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from cloud import Tunnel
from daemons import associations
from faults import charon_in
from lines import WATCHED, Line, reconnects, two_lines
from packets import Probe
from shell import eventually, for_a_while, ok
from world import World, opened

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lines(world: World) -> dict[str, Line]:
    return two_lines(world)


@pytest.fixture(params=["bgp", "static"])
def line(request: pytest.FixtureRequest, lines: dict[str, Line]) -> Line:
    return lines[request.param].settled()


@pytest.mark.parametrize(
    "options",
    [
        {"PreSharedKey": "another_key.of_the_test"},
        {"Phase1LifetimeSeconds": 3600, "Phase2LifetimeSeconds": 1800},
        {"DPDTimeoutSeconds": 45, "DPDTimeoutAction": "restart"},
    ],
    ids=lambda options: "+".join(options),
)
def test_nothing_is_lost_while_the_used_tunnel_is_changed(line: Line, options: dict[str, Any]) -> None:
    used = line.used()
    with Probe(line.site.host, line.instance) as probe:
        probe.passes()
        answer = line.modify(used, **options)
        assert answer["State"] == "modifying"
        eventually(lambda: line.used() != used and line.back_by() != used.number, "traffic has left the tunnel")
        line.world.cloud.refuses("InvalidVpnConnection.InvalidState", lambda: line.modify(used, DPDTimeoutSeconds=50))
        line.is_through()
        eventually(lambda: line.used() == used and line.back_by() == used.number, "it has returned", 30)
        probe.passes()
        assert probe.lost() == []
    if "PreSharedKey" in options:
        line.new_file()


def test_a_change_goes_on_where_a_killed_service_left_it(lines: dict[str, Line]) -> None:
    line = lines["static"].settled()
    used = line.used()
    before = used.status["charon_pid"]
    with Probe(line.site.host, line.instance) as probe:
        probe.passes()
        line.modify(used, DPDTimeoutSeconds=55)
        eventually(lambda: line.used() != used and line.back_by() != used.number, "traffic has left the tunnel")
        line.world.kill()
        line.world.start()
        line.is_through()
        line.settled()
        probe.passes()
        assert probe.lost() == []
    assert used.status["charon_pid"] != before, "what was asked for needs another charon"


def lifetime(tunnel: Tunnel) -> int:
    """Seconds until the CHILD SA of a tunnel ends at the latest, by charon."""
    world = tunnel.connection.gateway.cloud.world
    [(_, [child])] = associations(world.instance, tunnel.status["endpoint_namespace"])
    return int(child["life-time"]) + int(child["install-time"])


def test_a_tunnel_that_is_up_has_the_new_lifetimes_at_once(lines: dict[str, Line]) -> None:
    line = lines["bgp"].settled()
    tunnel = line.connection.tunnel(2)
    assert lifetime(tunnel) != 1_500
    line.modify(tunnel, Phase2LifetimeSeconds=1_500, RekeyMarginTimeSeconds=60)
    line.is_through()
    assert lifetime(tunnel) == 1_500


@pytest.mark.parametrize(
    "options",
    [
        {"Phase1EncryptionAlgorithms": [{"Value": "AES256"}], "Phase2EncryptionAlgorithms": [{"Value": "AES256"}]},
        {"TunnelInsideCidr": "169.254.99.0/30"},
    ],
    ids=["algorithms", "inside"],
)
def test_nothing_is_lost_until_the_device_is_changed_as_well(line: Line, options: dict[str, Any]) -> None:
    static = line.connection.describe()["Options"]["StaticRoutesOnly"]
    if "TunnelInsideCidr" in options and static:
        options = {"TunnelInsideCidr": "169.254.99.4/30"}
    used = line.used()
    with Probe(line.site.host, line.instance) as probe:
        probe.passes()
        line.modify(used, **options)
        if "TunnelInsideCidr" in options and static:
            line.is_through()  # what is routed through it passes all the same
        else:
            used.becomes("DOWN")
        line.new_file()
        line.is_through()
        line.settled()
        eventually(lambda: line.used() == used, "it has returned")
        probe.passes()
        assert probe.lost() == []
    if "TunnelInsideCidr" in options:
        assert used.status["inside_cidr"] == options["TunnelInsideCidr"]
        assert used.status["cloud_inside_address"] in ok("ip", "-n", line.gateway.namespace, "-br", "address")
    else:
        assert used.status["suite"].startswith("AES_CBC-256/")
        assert used.status["esp"]["suite"].startswith("AES_CBC-256/")


# --- both tunnels -----------------------------------------------------------------------------------------------------


def selectors(tunnel: Tunnel) -> tuple[list[str], list[str]]:
    """What may pass a tunnel, our side and theirs, by charon; nothing while it is down."""
    world = tunnel.connection.gateway.cloud.world
    for _, children in associations(world.instance, tunnel.status["endpoint_namespace"]):
        for child in children:
            ours, theirs = ([each.decode() for each in child[side]] for side in ("local-ts", "remote-ts"))
            return ours, theirs
    return [], []


def test_both_tunnels_are_changed_in_turn_and_nothing_is_lost(line: Line) -> None:
    first, second = line.connection.tunnels
    old = selectors(second)
    with Probe(line.site.host, line.instance) as probe:
        for ours, theirs in (("10.0.0.0/8", "192.168.0.0/16"), ("0.0.0.0/0", "0.0.0.0/0")):
            probe.passes()
            answer = line.world.ec2.modify_vpn_connection_options(
                VpnConnectionId=line.connection.id, LocalIpv4NetworkCidr=theirs, RemoteIpv4NetworkCidr=ours
            )["VpnConnection"]
            assert answer["State"] == "modifying"
            eventually(lambda old=old: selectors(first) != old, "tunnel 1 is changed")
            line.new_file()
            eventually(lambda ours=ours: ours in selectors(first)[0], "tunnel 1 is up again", 30)
            assert selectors(second) == old, "tunnel 2 has waited"
            line.is_through()
            line.settled()
            for tunnel in line.connection.tunnels:
                assert ours in selectors(tunnel)[0]
                assert theirs in selectors(tunnel)[1]
            old = selectors(second)
        probe.passes()
        assert probe.lost() == []


# --- pre-shared keys --------------------------------------------------------------------------------------------------


def test_a_new_key_at_the_cloud_first_and_either_connects(lines: dict[str, Line]) -> None:
    line = lines["static"]
    line.connection.is_watched(line.site, WATCHED)
    tunnel = line.connection.tunnel(1)
    line.modify(tunnel, PreSharedKey="cloud.first.new_key")
    line.is_through()
    assert tunnel.status["former_key_until"]
    reconnects(line, tunnel)  # with the old one
    reconnects(line, tunnel)
    line.new_file()
    reconnects(line, tunnel)
    line.modify(tunnel, PreSharedKey="cloud.first.new_key")  # the one in force: the grace time is over
    assert line.connection.describe()["State"] == "available"
    assert tunnel.status["former_key_until"] is None
    line.world.converged()
    reconnects(line, tunnel)


def test_a_new_key_at_the_device_first_loses_nothing(lines: dict[str, Line]) -> None:
    line = lines["static"]
    line.connection.is_watched(line.site, WATCHED)
    tunnel = line.connection.tunnel(1)
    old = line.connection.describe()["Options"]["TunnelOptions"][0]["PreSharedKey"]
    with Probe(line.site.host, line.instance) as probe:
        probe.passes()
        file = line.site.file_of(line.connection)
        file.write_text(line.connection.device_file.replace(old, "device.first.new_key"))
        line.site.customer_gateway_up(line.connection, "--route", "10.0.0.0/16")
        line.modify(tunnel, PreSharedKey="device.first.new_key")
        line.is_through()
        probe.passes()
        assert probe.lost() == []
    reconnects(line, tunnel)


def test_after_the_grace_time_the_old_key_does_not_connect() -> None:
    with opened("--psk-grace", "60") as world:
        line = two_lines(world)["static"]
        line.connection.is_watched(line.site, WATCHED)
        tunnel = line.connection.tunnel(1)
        line.modify(tunnel, PreSharedKey="the_only.key")
        line.is_through()
        reconnects(line, tunnel)
        eventually(lambda: tunnel.status["former_key_until"] is None, "the grace time is over", 75)
        world.converged()
        endpoint = line.site.customer_gateway(line.connection)["tunnels"][0]["endpoint"]
        os.kill(charon_in(endpoint), signal.SIGKILL)
        tunnel.becomes("DOWN", 45)
        for_a_while(lambda: tunnel.status["ike"] != "established", "the old key does not connect", 8)
        assert "pre-shared key" in tunnel.status["why"].lower()
        line.new_file()
        tunnel.becomes("UP")
