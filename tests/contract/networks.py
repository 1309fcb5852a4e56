"""Namespaces for a test, under a prefix that nobody else has, and gone afterwards whatever happened."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from landbridge.desired.links import DataPlane, Namespace
from landbridge.desired.mtu import tunnel_mtu
from landbridge.desired.objects import HostObject
from landbridge.drivers.netlink.driver import NetlinkDriver
from landbridge.reconcile.driver import Driver

DATA_PLANE = DataPlane(os.environ.get("LANDBRIDGE_TEST_DATA_PLANE", "libipsec"))
"""Who does ESP in this run: the same tests for both."""
KERNEL = DATA_PLANE is DataPlane.KERNEL
IF_ID = 42 if KERNEL else 0
TUNNEL_MTU = tunnel_mtu(DATA_PLANE, nat=False)
SLOW = float(os.environ.get("LANDBRIDGE_TEST_SLOW", "1"))
"""How many times longer everything may take than usual."""


def ip(command: str) -> str:
    """Run `ip` as an outsider would."""
    return run(f"ip {command}")


def run(command: str) -> str:
    done = subprocess.run(command.split(" "), capture_output=True, text=True, timeout=20 * SLOW, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def until(condition: Callable[[], Any], what: str, seconds: float = 10.0) -> Any:
    """Poll until the condition holds, and give what it gave."""
    deadline = time.monotonic() + seconds * SLOW
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds * SLOW:g} s: {what}"
        time.sleep(0.002)


def holds(condition: Callable[[], Any], what: str, seconds: float) -> None:
    """The condition holds all that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), f"not all the time: {what}"
        time.sleep(0.05)


class Network:
    """Two namespaces `a` and `b` of one owner, made by the driver under test, and names for more."""

    def __init__(self) -> None:
        self.prefix = f"nl{uuid4().hex[:8]}"
        self.owner = f"{self.prefix}-owner"
        self.driver = NetlinkDriver(self.owner)
        self.a, self.b = self.name("a"), self.name("b")

    def name(self, suffix: str) -> str:
        return f"{self.prefix}-{suffix}"

    def up(self) -> None:
        for namespace in (self.a, self.b):
            self.driver.put(Namespace(namespace=namespace, owner=self.owner, forwarding=namespace == self.a), None)

    def put(self, *items: HostObject) -> None:
        for item in items:
            self.driver.put(item, None)

    def seen(self, driver: Driver | None = None) -> dict[tuple[str, ...], HostObject]:
        """What a driver without any memory reads in both namespaces."""
        return {item.key: item for item in (driver or NetlinkDriver(self.owner)).read([self.a, self.b])}

    def down(self) -> None:
        directory = Path("/run/netns")
        for name in sorted(os.listdir(directory)) if directory.exists() else []:
            if name.startswith(self.prefix):
                subprocess.run(["ip", "netns", "delete", name], capture_output=True, timeout=20, check=False)


def network() -> Iterator[Network]:
    made = Network()
    try:
        made.up()
        yield made
    finally:
        made.down()
