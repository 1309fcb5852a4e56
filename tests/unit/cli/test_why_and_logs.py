"""`landbridge why` and `landbridge logs`: what is asked of the service, and how it is printed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from admin_world import World

from landbridge.cli.program import run
from landbridge.control.customer_gateways import CreateCustomerGateway
from landbridge.control.tunnels import TunnelWish
from landbridge.control.vpn_connections import CreateVpnConnection
from landbridge.model.vpn import TunnelLog, TunnelOptions, VpnConnection
from landbridge.observe.trail import Happening
from landbridge.observe.why import Explanation


def test_why(state: str, world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    world.furnish()
    identity = next(world.cloud.snapshot.all(VpnConnection)).id
    at = datetime(2026, 11, 25, 2, tzinfo=UTC)
    theirs = Explanation(sentence="No proposal.", change="Offer more.", cause="x", received="IKE:A", configured="IKE:B")
    seen = dict(world.observation.tunnels)
    seen[identity, 2] = replace(
        seen[identity, 2],
        explained=theirs,
        last=(Happening(at=at, what="somebody came"), Happening(at=at, what="\x1b")),
    )
    world.observation = replace(world.observation, tunnels=seen)
    assert run(["why", identity, "--state", state]) == 0
    first, second = capsys.readouterr().out.split("\n\n")
    assert "tunnel 1 (" in first
    assert "All is well: the customer gateway announces 1 route by BGP." in first
    lines = [line.strip() for line in second.splitlines()[1:]]
    assert lines == [
        "why      No proposal.",
        "change   Offer more.",
        "theirs   IKE:A",
        "ours     IKE:B",
        "2026-11-25T02:00:00.000Z  somebody came",
        "2026-11-25T02:00:00.000Z  ?",
    ]
    assert run(["why", identity, "--tunnel", "2", "--json", "--state", state]) == 0
    [tunnel] = json.loads(capsys.readouterr().out)["tunnels"]
    assert (tunnel["number"], tunnel["cause"]) == (2, "x")
    assert tunnel["proposals"] == {"received": "IKE:A", "configured": "IKE:B"}
    many = tuple(Happening(at=at, what=f"thing {number}") for number in range(20))
    often = Happening(at=at + timedelta(seconds=9), what="no luck", times=8, since=at)
    seen[identity, 2] = replace(seen[identity, 2], last=(*many, often))
    world.observation = replace(world.observation, tunnels=seen)
    assert run(["why", identity, "--tunnel", "2", "--state", state]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()[5:]]
    assert lines[:2] == ["9 earlier: --all", "2026-11-25T02:00:00.000Z  thing 9"]
    assert lines[-1] == "2026-11-25T02:00:09.000Z  no luck  (8 times since 2026-11-25T02:00:00.000Z)"
    assert run(["why", identity, "--tunnel", "2", "--all", "--state", state]) == 0
    assert capsys.readouterr().out.count("thing") == 20
    changing = {"id": identity, "state": "modifying", "faults": [], "tunnels": []}
    with monkeypatch.context() as patch:
        patch.setattr("landbridge.api.client.AdminClient.why", lambda *_: changing)
        assert run(["why", identity, "--state", state]) == 0
    assert capsys.readouterr().out.startswith(f"{identity} is being changed, one tunnel after the other.")
    assert run(["why", "vpn-1", "--state", state]) == 1
    assert capsys.readouterr().err == "landbridge: The vpn-connection 'vpn-1' does not exist.\n"


def test_logs(
    state: str, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.furnish()
    connection = next(world.cloud.snapshot.all(VpnConnection))
    assert run(["logs", connection.id, "--state", state]) == 1
    assert "has no activity log: set LogEnabled and LogGroupArn" in capsys.readouterr().err
    log = TunnelLog(enabled=True, group_arn="arn:aws:logs:us-east-1:000000000000:log-group:/vpn")
    wish = TunnelWish(others=TunnelOptions(log=log))
    customer = world.cloud.run(CreateCustomerGateway(address=IPv4Address("203.0.113.99"), asn=65_099))
    made = world.cloud.run(
        CreateVpnConnection(
            vpn_gateway_id=connection.vpn_gateway_id,
            customer_gateway_id=customer.id,
            static_only=True,
            wishes=(wish, TunnelWish()),
        )
    )
    stream = f"{made.id}-{made.tunnels[0].outside}-IKE.log"
    (tmp_path / stream).write_text("two\n\x1b[31mthree\n")
    (tmp_path / f"{stream}.1").write_text("one\n")
    assert run(["logs", made.id, "--state", state]) == 0
    assert capsys.readouterr().out == "one\ntwo\n?[31mthree\n"
    for lines, told in (("0", ""), ("2", "two\n?[31mthree\n"), ("9", "one\ntwo\n?[31mthree\n")):
        assert run(["logs", made.id, "-n", lines, "--state", state]) == 0
        assert capsys.readouterr().out == told
    told_meanwhile = ["four\n", "five\nsix\n"]

    def wait(seconds: float) -> None:
        if not told_meanwhile:
            raise KeyboardInterrupt
        with (tmp_path / stream).open("a") as file:
            file.write(told_meanwhile.pop(0))

    monkeypatch.setattr("landbridge.cli.logs.time.sleep", wait)
    assert run(["logs", made.id, "-n", "1", "--follow", "--state", state]) == 0
    assert capsys.readouterr().out == "?[31mthree\nfour\nfive\nsix\n"
