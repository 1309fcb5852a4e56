"""`/metrics`: what Prometheus' own parser reads in it, and who gets it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from admin_world import World, in_process
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from starlette.responses import PlainTextResponse
from support import ACCOUNT, REGION, START

from landbridge.api.admin.app import admin_app
from landbridge.api.exposition import beside
from landbridge.model.vpn import VpnConnection
from landbridge.observe.kernel import LinkCount
from landbridge.observe.metrics import Metrics, looked

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def world() -> World:
    """Two connections, one tunnel of each UP and counted twice."""
    made = World()
    made.furnish()
    metrics, seen = Metrics(), dict(made.observation.tunnels)
    connections = list(made.cloud.snapshot.all(VpnConnection))
    for second, passed in ((0, 1_000), (10, 5_500)):
        told = {
            tunnel: replace(state, counted=LinkCount(life=3, received=passed, sent=2 * passed))
            for tunnel, state in seen.items()
        }
        metrics = looked(metrics, connections, told, START + timedelta(seconds=second))
    made.metrics = metrics
    return made


def samples(world: World) -> Samples:
    return read(in_process(admin_app(world.parts())).get("/metrics").text)


def read(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in read_text(text)
        for sample in family.samples
    }


def of(world: World, number: int, tunnel: int | None = None) -> tuple[tuple[str, str], ...]:
    connection = list(world.cloud.snapshot.all(VpnConnection))[number]
    labels = {"account": ACCOUNT, "region": REGION, "vpn_id": connection.id}
    if tunnel is not None:
        labels |= {"tunnel": str(tunnel), "tunnel_ip_address": str(connection.tunnels[tunnel - 1].outside)}
    return tuple(sorted(labels.items()))


def test_tunnels_and_connections(world: World) -> None:
    found = samples(world)
    for number in (0, 1):
        assert found["landbridge_vpn_connection_state", of(world, number)] == 0.5
        one, two = of(world, number, 1), of(world, number, 2)
        for name, expected in (
            ("landbridge_tunnel_up", (1, 0)),
            ("landbridge_tunnel_ike_up", (1, 0)),
            ("landbridge_tunnel_bfd_up", (1, 0)),
            ("landbridge_tunnel_accepted_routes", (1, 0)),
            ("landbridge_tunnel_received_bytes_total", (4_500, 4_500)),
            ("landbridge_tunnel_sent_bytes_total", (9_000, 9_000)),
        ):
            assert (found[name, one], found[name, two]) == expected, name
        changed = found["landbridge_tunnel_last_change_timestamp_seconds", one]
        assert changed == (START - timedelta(minutes=5)).timestamp()


def test_the_service_itself(world: World) -> None:
    found = samples(world)
    assert found["landbridge_info", (("data_plane", "libipsec"), ("version", "0.1.0"))] == 1
    assert found["landbridge_faults", ()] == 1
    assert found["landbridge_converged", ()] == 1
    assert found["landbridge_revision", ()] == world.cloud.snapshot.revision
    assert found["landbridge_reconcile_passes_total", ()] == 7
    assert found["landbridge_reconcile_crashes_total", ()] == 0
    assert found["landbridge_reconcile_steps_total", (("outcome", "done"),)] == 40
    assert found["landbridge_reconcile_steps_total", (("outcome", "failed"),)] == 2
    assert found["process_resident_memory_bytes", ()] > 1_000_000


def test_what_nobody_has_looked_at_is_not_told(world: World) -> None:
    world.observation = replace(world.observation, tunnels={})
    assert not any(name.startswith("landbridge_tunnel") for name, _ in samples(world))


def test_no_key_is_in_it(world: World) -> None:
    text = in_process(admin_app(world.parts())).get("/metrics").text
    for connection in world.cloud.snapshot.all(VpnConnection):
        assert not any(tunnel.psk.reveal() in text for tunnel in connection.tunnels)


def test_openmetrics_for_those_who_prefer_it(world: World) -> None:
    client = in_process(admin_app(world.parts()))
    plain = client.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    open_ = client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert open_.headers["content-type"].startswith("application/openmetrics-text")
    families = {family.name for family in read_openmetrics(open_.text)}
    assert {"landbridge_tunnel_up", "landbridge_tunnel_received_bytes"} <= families


def test_the_documentation_has_them_all(world: World) -> None:
    text = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
    told = {name for name, _ in samples(world) if name.startswith("landbridge_")}
    assert set(re.findall(r"`(landbridge_\w+)`", text)) == told


def asked(world: World, client: Any, method: str = "GET", path: str = "/metrics") -> httpx.Response:
    """What the app beside the EC2 API answers to a client there."""
    app = beside(PlainTextResponse("the API"), world.exposed)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=client)
        async with httpx.AsyncClient(transport=transport, base_url="http://landbridge") as http:
            return await http.request(method, path)

    return asyncio.run(ask())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_gets_it(world: World, host: str) -> None:
    answer = asked(world, (host, 50_000))
    assert answer.status_code == 200
    assert read(answer.text)["landbridge_faults", ()] == 1


@pytest.mark.parametrize("client", [("192.0.2.1", 1), ("::ffff:192.0.2.1", 1), ("fe80::1", 1), ("somebody", 1), None])
def test_nobody_else_does(world: World, client: Any) -> None:
    answer = asked(world, client)
    assert answer.status_code == 403
    assert "landbridge_" not in answer.text
    assert "on this machine only" in answer.text


def test_it_is_only_read(world: World) -> None:
    assert asked(world, ("127.0.0.1", 1), "POST").status_code == 405
    assert asked(world, ("127.0.0.1", 1), "HEAD").status_code == 200
    assert in_process(admin_app(world.parts())).post("/metrics").status_code == 405


@pytest.mark.parametrize("path", ["/", "/metrics/", "/metricsx"])
def test_everything_else_is_the_apis(world: World, path: str) -> None:
    assert asked(world, ("127.0.0.1", 1), path=path).text == "the API"
