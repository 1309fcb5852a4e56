"""The kernel's ESP under the whole service: what somebody takes from the kernel is there again within one reconcile."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from shell import DATA_PLANE, eventually, ok
from world import World

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(DATA_PLANE != "kernel", reason="this run's data plane is another (LANDBRIDGE_TEST_DATA_PLANE)"),
]


def test_flushed_sas_and_deleted_interfaces_are_made_anew(world: World) -> None:
    vpc = world.cloud.vpc("10.0.0.0/16").opened()
    instance = vpc.subnet("10.0.1.0/24").instance()
    gateway = vpc.vpn_gateway(64_620)
    paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    connection = gateway.connect(paris, asn=65_010)
    vpc.main_table.propagate(gateway)
    paris.customer_gateway_up(connection)
    connection.comes_up()
    instance.comes_to_reach(paris.host)
    spaces = [f"lb-{world.instance}-{connection.id}-{number}" for number in (1, 2)]

    def states(space: str) -> set[str]:
        words = ok("ip", "-n", space, "xfrm", "state").split()
        return {spi for word, spi in pairwise(words) if word == "spi"}

    def taken(log: Path, space: str, how: Callable[[], None]) -> None:
        """Somebody takes SAs of an endpoint. There are new ones, packets pass, and the log says what happened."""
        before = states(space)
        assert before
        said = log.stat().st_size
        how()
        eventually(lambda: len(states(space) - before) >= 2, f"new SAs in {space}", 5)
        instance.comes_to_reach(paris.host)
        new = log.read_bytes()[said:].decode()
        assert space in new, new
        assert any(spi.removeprefix("0x") in new for spi in before), new

    agent = world.customers / "customer-gateway" / connection.id / "log" / "agent.log"
    theirs = [tunnel["endpoint"] for tunnel in paris.customer_gateway(connection)["tunnels"]]
    for log, space in ((world.log, spaces[0]), (world.log, spaces[1]), (agent, theirs[0])):
        taken(log, space, lambda space=space: flush(space))
    taken(world.log, spaces[0], lambda: delete_outbound(spaces[0], connection.tunnel(1).status["outside_address"]))

    router = f"lb-{world.instance}-{gateway.id}"
    links = [line.split(":")[1].split("@")[0].strip() for line in _xfrm(router)]
    assert len(links) == 2
    for link in links:
        ok("ip", "-n", router, "link", "delete", link)
    eventually(lambda: len(_xfrm(router)) == 2, "the interfaces are there again", 5)
    connection.comes_up()
    instance.comes_to_reach(paris.host)
    assert ok("ip", "-n", router, "xfrm", "state") == ""


def flush(namespace: str) -> None:
    """All SAs of a namespace."""
    ok("ip", "-n", namespace, "xfrm", "state", "flush")


def delete_outbound(namespace: str, source: str) -> None:
    """One SA, by hand."""
    shown = ok("ip", "-n", namespace, "xfrm", "state")
    for here, there, spi in re.findall(r"^src (\S+) dst (\S+)\s+proto esp spi (\S+)", shown, re.MULTILINE):
        if here == source:
            ok("ip", "-n", namespace, "xfrm", "state", "delete", "src", here, "dst", there, "proto", "esp", "spi", spi)


def _xfrm(namespace: str) -> list[str]:
    return ok("ip", "-o", "-n", namespace, "link", "show", "type", "xfrm").splitlines()
