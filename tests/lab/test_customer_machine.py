"""A customer's machine that is not a router yet: `customer-gateway up` says so before it builds anything."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from cloud import Connection
from shell import ok, run, within
from sites import LANDBRIDGE
from world import World

pytestmark = pytest.mark.lab

FORWARDING = "net.ipv4.ip_forward"
STRICT = "net.ipv4.conf.all.rp_filter"


class Machine:
    """A namespace of its own, with no way to anywhere."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.name = f"bare-{world.suffix}"

    def sets(self, name: str, value: int) -> None:
        """Change a setting, as root types it."""
        within(self.name, "sysctl", "-qw", f"{name}={value}")

    def typed(self, *arguments: str) -> tuple[int, str, str]:
        """A command's exit code, output and errors."""
        done = run("ip", "netns", "exec", self.name, LANDBRIDGE, *arguments, timeout=90)
        return done.returncode, done.stdout, done.stderr

    def customer_gateway(self, *arguments: str) -> tuple[int, str, str]:
        """`landbridge customer-gateway ...` with this world's folder."""
        return self.typed("customer-gateway", *arguments, "--state", str(self._world.customers))


@pytest.fixture
def machine(world: World) -> Iterator[Machine]:
    made = Machine(world)
    ok("ip", "netns", "add", made.name)
    try:
        within(made.name, "ip", "link", "set", "lo", "up")
        made.sets("net.ipv4.conf.default.rp_filter", 0)
        made.sets(STRICT, 0)
        yield made
    finally:
        for folder in world.customers.glob("customer-gateway/*"):
            world.instances()
            made.customer_gateway("down", folder.name)
        ok("ip", "netns", "delete", made.name)


@pytest.fixture(scope="module")
def connection(world: World) -> Connection:
    return world.cloud.vpc("10.0.0.0/16").vpn_gateway().connect(world.site("oslo", "203.0.113.77", "192.168.60.0/24"))


def test_a_machine_that_does_not_forward_is_refused(world: World, machine: Machine, connection: Connection) -> None:
    file = str(world.sites[0].file_of(connection))
    machine.sets(FORWARDING, 0)

    code, _, said = machine.customer_gateway("up", file)

    assert (code, said.count("\n")) == (1, 1), said
    assert f"{FORWARDING}=1" in said
    assert not list(world.customers.glob("customer-gateway/*")), "nothing half-built"
    assert ok("ip", "-n", machine.name, "-br", "link").split()[0] == "lo"
    assert ok("ip", "-n", machine.name, "-br", "link").count("\n") == 1
    assert within(machine.name, "sysctl", "-n", FORWARDING).strip() == "0", "forwarding is asked for, not taken"

    code, text, _ = machine.typed("doctor")
    assert code == 0
    assert f"{FORWARDING}=1" in text


def test_forwarding_that_ends_later_and_a_strict_filter_are_told(
    world: World, machine: Machine, connection: Connection
) -> None:
    file, endpoint = str(world.sites[0].file_of(connection)), connection.tunnel(1).status["outside_address"]
    machine.sets(FORWARDING, 1)
    machine.sets(STRICT, 1)

    code, text, said = machine.customer_gateway("up", file, "--wait", "1")

    assert code == 1, text + said  # there is no way to the cloud
    assert f"tunnel 1 to {endpoint}: DOWN" in text
    assert "customer gateway" not in text, "this is the customer gateway"
    assert f"{STRICT}=2" in said

    machine.sets(FORWARDING, 0)
    code, text, _ = machine.customer_gateway("status", connection.id, "--json")
    assert code == 0
    assert any(f"{FORWARDING}=1" in fault for fault in json.loads(text)["faults"])
