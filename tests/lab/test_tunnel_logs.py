"""LogOptions: what happens to a tunnel is in its log, in AWS's fields and words; `landbridge logs` prints it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cloud import Connection
from shell import eventually
from sites import Site
from world import World

pytestmark = pytest.mark.lab

GROUP = "/aws/vendedlogs/vpn"
ARN = f"arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}"
KEY = "the.key.that.nobody.reads"


@dataclass(frozen=True)
class Lab:
    """VGW == BGP over two tunnels == paris; tunnel 1 logs JSON, tunnel 2 text and no BGP."""

    world: World
    paris: Site
    connection: Connection

    def printed(self, *options: str) -> list[str]:
        """What `landbridge logs` prints."""
        return self.world.landbridge("logs", self.connection.id, *options).stdout.splitlines()

    def activity(self) -> list[dict[str, Any]]:
        """Tunnel 1's activity log."""
        return [json.loads(line) for line in self.printed("--tunnel", "1")]

    def bgp(self) -> list[dict[str, Any]]:
        """Tunnel 1's BGP log."""
        return [json.loads(line) for line in self.printed("--bgp")]


@pytest.fixture(scope="module")
def lab(world: World) -> Lab:
    gateway = world.cloud.vpc("10.0.0.0/16").opened().vpn_gateway()
    paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    logged = {"LogEnabled": True, "LogGroupArn": ARN, "LogOutputFormat": "json"}
    bgp = {"BgpLogEnabled": True, "BgpLogGroupArn": ARN, "BgpLogOutputFormat": "json"}
    tunnels = [
        {"PreSharedKey": KEY, "LogOptions": {"CloudWatchLogOptions": {**logged, **bgp}}},
        {"LogOptions": {"CloudWatchLogOptions": {**logged, "LogOutputFormat": "text"}}},
    ]
    connection = gateway.connect(paris, asn=65_010, tunnels=tunnels)
    shown = connection.describe()["Options"]["TunnelOptions"]
    assert [each["LogOptions"] for each in shown] == [each["LogOptions"] for each in tunnels]
    paris.customer_gateway_up(connection)
    connection.comes_up()
    return Lab(world, paris, connection)


def test_the_activity_log_has_awss_fields_and_words(lab: Lab) -> None:
    last = eventually(
        lambda: [e for e in lab.activity() if e["VpnLogDetail"] == "AWS tunnel Phase 2 is established"], "it is logged"
    )[-1]
    assert last["VpnConnectionId"] == lab.connection.id
    assert last["TunnelOutsideIPAddress"] == lab.connection.tunnel(1).status["outside_address"]
    assert (last["TunnelIKEPhase1State"], last["TunnelIKEPhase2State"]) == ("Established", "Established")
    assert (last["TunnelDPDEnabled"], last["details"]) == (True, last["VpnLogDetail"])


def test_text_is_text(lab: Lab) -> None:
    lines = lab.printed("--tunnel", "2")
    assert any(
        line.endswith("phase1=Established phase2=Established AWS tunnel Phase 2 is established") for line in lines
    )


def test_the_bgp_log_tells_of_the_session_and_of_routes(lab: Lab) -> None:
    def told() -> bool:
        lines = lab.bgp()
        up = [e for e in lines if e["type"] == "BGPStatus" and e["status"] == "UP"]
        advertised = [e["message"]["prefix"] for e in lines if e["status"] == "ADVERTISED"]
        return any("to Established with neighbor" in e["message"]["details"] for e in up) and advertised == [
            "192.168.60.0/24"
        ]

    eventually(told, "both are logged")


def test_a_wrong_key_is_logged_in_awss_words_and_no_key_is(lab: Lab) -> None:
    lab.paris.customer_gateway_down(lab.connection)
    file = lab.world.folder / "wrong.xml"
    file.touch(0o600)
    file.write_text(lab.connection.device_file.replace(KEY, "another.key.than.that"))
    lab.paris.customer_gateway_tries(lab.connection, file=file)

    words = "AWS tunnel detected a pre-shared key mismatch with cgw: 203.0.113.77"
    eventually(lambda: words in [e["VpnLogDetail"] for e in lab.activity()], "the mismatch is logged")
    details = [e["details"] for e in lab.activity()]
    assert "AWS tunnel received DELETE for IKE_SA from CGW" in details
    assert "AWS tunnel is sending AUTHENTICATION_FAILED as the response" in details
    eventually(lambda: lab.bgp()[-1]["status"] in ("DOWN", "WITHDRAWN"), "the end of BGP is logged")

    folder = Path(lab.world.state / "logs")
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 3
    for path in [*files, lab.world.log, *lab.world.state.glob("log/*.log")]:
        assert path.stat().st_mode & 0o077 == 0 or path == lab.world.log
        for key in (KEY, "another.key.than.that"):
            assert key.encode() not in path.read_bytes()
    assert KEY not in lab.world.landbridge("why", lab.connection.id).stdout


def test_who_logs_nothing_is_told_how(lab: Lab) -> None:
    done = lab.world.landbridge("logs", lab.connection.id, "--tunnel", "2", "--bgp")
    assert done.returncode == 1
    assert "BgpLogEnabled" in done.stderr
