"""A customer's site of the lab, and the landbridge customer gateway in it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packets import Host
from shell import DATA_PLANE, SLOW, ok, run

if TYPE_CHECKING:
    from cloud import Connection
    from world import World

LANDBRIDGE = str(Path(sys.executable).with_name("landbridge"))


@dataclass
class Site:
    """`gateway` is the machine with the public address, `host` somebody on the LAN behind it."""

    world: World
    name: str
    public: IPv4Address
    lan: IPv4Network
    gateway: Host
    host: Host
    folders: set[Path] = field(default_factory=set)

    def command(self, *arguments: str) -> list[str]:
        """`landbridge customer-gateway ...` as typed on this site's gateway machine."""
        own = ["ip", "netns", "exec", self.name] if self.name in _names() else []
        return [*own, LANDBRIDGE, "customer-gateway", *arguments, "--state", str(self.world.customers)]

    def file_of(self, connection: Connection) -> Path:
        """The connection's device file, downloaded once: the service may be down the next time."""
        path = self.world.folder / f"{connection.id}.xml"
        if not path.exists():
            path.touch(0o600)
            path.write_text(connection.device_file)
        return path

    def customer_gateway_up(self, connection: Connection, *options: str, file: Path | None = None) -> str:
        """Bring the customer gateway up; it has to say that at least one tunnel is up. What it said."""
        return ok(*self._up(connection, file, options), timeout=90)

    def customer_gateway_fails(self, connection: Connection, *options: str, file: Path | None = None) -> str:
        """Bring the customer gateway up and expect that no tunnel comes up. What it said."""
        done = run(*self._up(connection, file, options), timeout=90)
        assert done.returncode == 1, done.stdout + done.stderr
        return done.stdout + done.stderr

    def customer_gateway_tries(self, connection: Connection, *options: str, file: Path | None = None) -> str:
        """Bring the customer gateway up, whatever becomes of it. What it said."""
        done = run(*self._up(connection, file, options), timeout=90)
        return done.stdout + done.stderr

    def _up(self, connection: Connection, file: Path | None, options: tuple[str, ...]) -> list[str]:
        self.folders.add(self.world.customers / "customer-gateway" / connection.id)
        chosen = () if "--data-plane" in options else ("--data-plane", DATA_PLANE)
        patience = () if SLOW == 1 else ("--wait", f"{20 * SLOW:.0f}")
        return self.command("up", str(file or self.file_of(connection)), *chosen, *patience, *options)

    def customer_gateway_down(self, connection: Connection) -> None:
        """Take it down."""
        self.world.instances()
        ok(*self.command("down", connection.id), timeout=90)

    def customer_gateway(self, connection: Connection) -> dict[str, Any]:
        """What it says of itself."""
        document: dict[str, Any] = json.loads(ok(*self.command("status", connection.id, "--json")))
        return document

    def routes(self) -> dict[str, dict[str, Any]]:
        """The gateway machine's routes, by destination."""
        found = json.loads(ok("ip", "-n", self.name, "-j", "route", "show"))
        return {route["dst"]: route for route in found}


def _names() -> set[str]:
    from shell import namespaces

    return namespaces()
