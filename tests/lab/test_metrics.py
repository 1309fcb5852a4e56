"""CloudWatch's metrics and Prometheus': they follow what becomes of tunnels, and count what passes them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cloud import Connection, Instance, VpnGateway
from faults import bgp_torn, charon_killed
from prometheus_client.parser import text_string_to_metric_families
from shell import eventually, ok, within
from sites import Site
from world import World

pytestmark = pytest.mark.lab

MINUTE = 75.0
"""Seconds within which a whole minute begins."""
PINGS, SIZE = 1_000, 1_000
PACKET = SIZE + 8 + 20
"""Bytes of one ping on the decrypted side: with the headers of ICMP and IP, and none of ESP's."""


@dataclass(frozen=True)
class Lab:
    """instance -- VPC 10.0.0.0/16 == VGW == BGP == paris -- host (192.168.60.10); VGW == static == lyon"""

    world: World
    instance: Instance
    gateway: VpnGateway
    paris: Site
    dynamic: Connection
    static: Connection

    def values(self, connection: Connection, name: str, statistic: str, tunnel: int | None = None) -> list[float]:
        """GetMetricData: what there is of the last hour, minute by minute, the newest first."""
        dimensions = [{"Name": "VpnId", "Value": connection.id}]
        if tunnel is not None:
            address = connection.tunnel(tunnel).status["outside_address"]
            dimensions.append({"Name": "TunnelIpAddress", "Value": address})
        metric = {"Namespace": "AWS/VPN", "MetricName": name, "Dimensions": dimensions}
        now = datetime.now(UTC)
        answer = self.world.client("cloudwatch").get_metric_data(
            MetricDataQueries=[{"Id": "a", "MetricStat": {"Metric": metric, "Period": 60, "Stat": statistic}}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
        )
        found: list[float] = answer["MetricDataResults"][0]["Values"]
        return found

    def prometheus(self) -> dict[str, dict[tuple[str, str], float]]:
        """/metrics at the API's port: by name, by connection and tunnel."""
        text = urllib.request.urlopen(f"{self.world.url}/metrics", timeout=10).read().decode()
        found: dict[str, dict[tuple[str, str], float]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                whose = sample.labels.get("vpn_id", ""), sample.labels.get("tunnel", "")
                found.setdefault(sample.name, {})[whose] = sample.value
        return found


@pytest.fixture(scope="module")
def lab(world: World) -> Lab:
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
    for connection in (dynamic, static):
        connection.comes_up()
    paris.host.comes_to_reach(instance)
    return Lab(world, instance, gateway, paris, dynamic, static)


def test_a_tunnel_whose_bgp_is_down_is_down_and_the_connection_is_a_half(lab: Lab) -> None:
    def newest(statistic: str, tunnel: int | None) -> float:
        return (lab.values(lab.dynamic, "TunnelState", statistic, tunnel) or [-1.0])[0]

    eventually(lambda: newest("Minimum", None) == 1, "all is up, a minute long", MINUTE)
    with bgp_torn(lab.dynamic.tunnel(2).status):
        eventually(lambda: newest("Minimum", 2) == 0, "the tunnel is seen to be down")
        assert lab.dynamic.tunnel(2).status["ike"] == "established"
        assert newest("Minimum", None) == 0.5
        eventually(lambda: newest("Maximum", 2) == 0, "it is down, a minute long", MINUTE)
        assert newest("Maximum", None) == newest("Average", None) == 0.5
        assert newest("Minimum", 1) == 1
        told = lab.prometheus()
        assert told["landbridge_vpn_connection_state"][lab.dynamic.id, ""] == 0.5
        assert told["landbridge_tunnel_up"][lab.dynamic.id, "2"] == 0
        assert told["landbridge_tunnel_ike_up"][lab.dynamic.id, "2"] == 1
        assert told["landbridge_vpn_connection_state"][lab.static.id, ""] == 1
    lab.dynamic.tunnel(2).becomes("UP", 60)
    eventually(lambda: newest("Maximum", None) == 1, "it is whole again")
    assert all(value == 1 for value in lab.values(lab.static, "TunnelState", "Maximum", 2))


def test_a_tunnel_that_is_down_for_a_moment_is_seen(lab: Lab) -> None:
    """Its daemon dies and is started again: maybe between two looks, and yet the minute's least is 0."""

    def newest(tunnel: int | None) -> list[float]:
        return lab.values(lab.static, "TunnelState", "Minimum", tunnel)[:2]

    eventually(lambda: newest(None)[:1] == [1], "all is up, a minute long", MINUTE)
    with charon_killed(lab.static.tunnel(1).status):
        eventually(lambda: 0 in newest(1), "it was noticed")
    lab.static.comes_up(60)
    assert 0.5 in newest(None)
    assert 0 not in newest(2)


def test_what_passes_is_counted_once_and_decrypted(lab: Lab) -> None:
    lab.dynamic.comes_up(60)
    names = {
        "TunnelDataIn": "landbridge_tunnel_received_bytes_total",
        "TunnelDataOut": "landbridge_tunnel_sent_bytes_total",
    }

    def passed(tunnel: int | None) -> dict[str, float]:
        return {name: sum(lab.values(lab.dynamic, name, "Sum", tunnel)) for name in names}

    def exposed() -> dict[str, float]:
        told = lab.prometheus()
        return {
            name: sum(v for (vpn, _), v in told[called].items() if vpn == lab.dynamic.id)
            for name, called in names.items()
        }

    before, exposed_before = passed(None), exposed()
    said = within(
        lab.paris.host.namespace,
        *("ping", "-q", "-c", str(PINGS), "-i", "0.002", "-s", str(SIZE), str(lab.instance.address)),
    )
    received = re.search(r"(\d+) received", said)
    assert received is not None
    least = int(received[1]) * PACKET
    assert least > 0.9 * PINGS * PACKET

    def grown() -> dict[str, float] | None:
        now = passed(None)
        more = {name: now[name] - before[name] for name in names}
        return more if min(more.values()) >= least else None

    more = eventually(grown, "both counters have grown by what was sent", 20)
    # ESP would add more than 50 bytes to each; BGP and BFD are a few kilobytes.
    assert max(more.values()) < PINGS * (PACKET + 40)
    one, two, whole = passed(1), passed(2), passed(None)
    assert all(one[name] + two[name] == pytest.approx(whole[name], rel=0.01) for name in names)
    now = exposed()
    assert all(now[name] - exposed_before[name] >= least for name in names)


def test_the_aws_cli_reads_it(lab: Lab) -> None:
    def aws(*words: str) -> Any:
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_SHARED_CREDENTIALS_FILE": str(lab.world.state / "credentials"),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_ENDPOINT_URL": lab.world.url,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        done = subprocess.run(
            (sys.executable, "-m", "awscli", "cloudwatch", *words, "--output", "json"),
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    listed = aws("list-metrics", "--namespace", "AWS/VPN", "--metric-name", "TunnelState")["Metrics"]
    assert len(listed) == 2 * 5
    now = datetime.now(UTC)
    begin, end = ((now + timedelta(minutes=minutes)).isoformat() for minutes in (-60, 1))
    dimensions = [{"Name": "VpnId", "Value": lab.static.id}]
    metric = {"Namespace": "AWS/VPN", "MetricName": "TunnelState", "Dimensions": dimensions}
    queries = [{"Id": "state", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}]
    words = ("--start-time", begin, "--end-time", end)
    [result] = aws("get-metric-data", "--metric-data-queries", json.dumps(queries), *words)["MetricDataResults"]
    assert result["StatusCode"] == "Complete"
    assert 1 in result["Values"]
    statistics = aws(
        *("get-metric-statistics", "--namespace", "AWS/VPN", "--metric-name", "TunnelState", *words),
        *("--period", "60", "--statistics", "Maximum", "--dimensions", f"Name=VpnId,Value={lab.static.id}"),
    )
    assert sorted(point["Maximum"] for point in statistics["Datapoints"]) == sorted(result["Values"])


def test_the_admin_socket_tells_the_same(lab: Lab) -> None:
    text = ok("curl", "-s", "--unix-socket", str(lab.world.state / "admin.sock"), "http://landbridge/metrics")
    assert f'vpn_id="{lab.dynamic.id}"' in text
    assert "landbridge_reconcile_passes_total" in text


def test_a_service_that_starts_anew_counts_from_there_and_nothing_twice(lab: Lab) -> None:
    lab.dynamic.comes_up(60)
    device = lab.dynamic.tunnel(1).status
    [told] = json.loads(ok("ip", "-n", device["device_namespace"], "-s", "-j", "link", "show", device["device"]))
    assert told["stats64"]["rx"]["bytes"] > 0
    changes = {address: each["LastStatusChange"] for address, each in lab.dynamic.telemetry().items()}
    lab.world.kill()
    lab.world.start()
    for address, each in lab.dynamic.telemetry().items():
        assert each["Status"] == "UP"
        assert abs(each["LastStatusChange"] - changes[address]) < timedelta(seconds=10), "it did not change since"
    values = eventually(lambda: lab.values(lab.dynamic, "TunnelDataIn", "Sum"), "there are minutes again")
    assert len(values) <= 2
    assert 0 not in lab.values(lab.dynamic, "TunnelState", "Minimum"), "what is not heard yet is not down"
    assert sum(values) < told["stats64"]["rx"]["bytes"] / 2
