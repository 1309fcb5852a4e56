"""The kernel's ESP under the whole service: what somebody takes from the kernel is there again within one reconcile."""

from __future__ import annotations

from itertools import pairwise

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

    before = {space: states(space) for space in spaces}
    assert all(before.values())
    for space in spaces:
        ok("ip", "-n", space, "xfrm", "state", "flush")
    for space in spaces:
        eventually(lambda space=space: len(states(space) - before[space]) >= 2, f"new SAs in {space}", 5)
    instance.comes_to_reach(paris.host)

    router = f"lb-{world.instance}-{gateway.id}"
    links = [line.split(":")[1].split("@")[0].strip() for line in _xfrm(router)]
    assert len(links) == 2
    for link in links:
        ok("ip", "-n", router, "link", "delete", link)
    eventually(lambda: len(_xfrm(router)) == 2, "the interfaces are there again", 5)
    connection.comes_up()
    instance.comes_to_reach(paris.host)
    assert ok("ip", "-n", router, "xfrm", "state") == ""


def _xfrm(namespace: str) -> list[str]:
    return ok("ip", "-o", "-n", namespace, "link", "show", "type", "xfrm").splitlines()
