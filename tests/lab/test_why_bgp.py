"""What breaks BGP is told: each cause is made with a real BIRD, and read as `landbridge why` tells it."""

from __future__ import annotations

import os
import signal
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cloud import Connection, VpnGateway
from daemons import process_ids
from shell import eventually
from sites import Site
from world import World

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Lab:
    """VGW == BGP over two tunnels == paris, where a landbridge customer gateway does what a device file says."""

    world: World
    gateway: VpnGateway
    paris: Site
    connection: Connection

    def device_file(self, change: Callable[[ET.Element], None]) -> Path:
        """The device file with something changed in each tunnel's part."""
        root = ET.fromstring(self.connection.device_file)
        for tunnel in root.iter("ipsec_tunnel"):
            change(tunnel)
        path = self.world.folder / "changed.xml"
        path.touch(0o600)
        path.write_text(ET.tostring(root, encoding="unicode"))
        return path

    def says(self, cause: str, *words: str, seconds: float = 30.0) -> None:
        """`landbridge why` comes to give this cause, with these words; EC2's StatusMessage has them, too."""

        def told() -> dict[str, Any] | None:
            found: dict[str, Any] = self.world.admin.why(self.connection.id, 1)["tunnels"][0]
            return found if found["cause"] == cause else None

        seen = eventually(told, f"the cause is {cause}: {self.world.admin.why(self.connection.id, 1)}", seconds)
        text = f"{seen['why']} {seen['change']}"
        for word in words:
            assert word in text, text
        assert words[0] in self.world.landbridge("why", self.connection.id, "--tunnel", "1").stdout


@pytest.fixture(scope="module")
def lab(world: World) -> Lab:
    gateway = world.cloud.vpc("10.0.0.0/16").opened().vpn_gateway(64_620)
    paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    return Lab(world, gateway, paris, gateway.connect(paris, asn=65_010))


def test_another_asn(lab: Lab) -> None:
    def other(tunnel: ET.Element) -> None:
        for asn in tunnel.findall("customer_gateway/bgp/asn"):
            asn.text = "65099"

    lab.paris.customer_gateway_fails(lab.connection, file=lab.device_file(other))
    lab.says(
        "bgp-wrong-peer-asn",
        "The customer gateway has another ASN than 65010, which this side expects of it: 65099",
        "Set the ASN of",
    )
    lab.paris.customer_gateway_down(lab.connection)


def test_another_asn_of_the_cloud(lab: Lab) -> None:
    def other(tunnel: ET.Element) -> None:
        for asn in tunnel.findall("vpn_gateway/bgp/asn"):
            asn.text = "65098"

    lab.paris.customer_gateway_fails(lab.connection, file=lab.device_file(other))
    lab.says("bgp-wrong-own-asn", "expects another ASN of this side than 64620", "remote-as) to 64620")
    lab.paris.customer_gateway_down(lab.connection)


def test_another_inside_address(lab: Lab) -> None:
    def other(tunnel: ET.Element) -> None:
        for who, host in (("customer_gateway", 2), ("vpn_gateway", 1)):
            for address in tunnel.findall(f"{who}/tunnel_inside_address/ip_address"):
                network, _, last = str(address.text).rpartition(".")
                address.text = f"{network}.{(4 if int(last) > 127 else 200) + host}"

    inside = lab.connection.tunnel(1).status["customer_inside_address"]
    lab.paris.customer_gateway_fails(lab.connection, file=lab.device_file(other))
    lab.says("bgp-unreachable", "does not answer BGP at", inside)
    lab.paris.customer_gateway_down(lab.connection)


def test_nearly_as_many_prefixes_as_a_session_takes(lab: Lab) -> None:
    some = [word for number in range(85) for word in ("--advertise", f"192.168.{number}.0/24")]
    lab.paris.customer_gateway_up(lab.connection, *some)

    def warned() -> bool:
        return "85 of at most 100 prefixes" in (lab.world.admin.why(lab.connection.id, 1)["tunnels"][0]["change"] or "")

    eventually(warned, "it warns", 20)
    assert lab.connection.telemetry()[lab.connection.tunnel(1).status["outside_address"]]["StatusMessage"] == (
        "85 BGP ROUTES"
    )
    lab.paris.customer_gateway_down(lab.connection)


def test_more_prefixes_than_a_session_takes(lab: Lab) -> None:
    many = [word for number in range(101) for word in ("--advertise", f"192.168.{number}.0/24")]
    lab.paris.customer_gateway_tries(lab.connection, *many)
    lab.says("bgp-prefix-limit", "more than 100 prefixes")
    lab.paris.customer_gateway_down(lab.connection)


def test_a_peer_whose_bgp_falls_silent(lab: Lab) -> None:
    """Without BFD, which would be faster than the hold timer."""
    lab.paris.customer_gateway_up(lab.connection, "--bfd-interval", "0")
    lab.connection.comes_up()
    assert lab.world.admin.why(lab.connection.id, 1)["tunnels"][0]["why"] == "All is well: 1 BGP ROUTES."
    stopped = [agent_of(lab), *bird_of(lab)]  # the agent would start a BIRD anew that hangs
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        lab.says("bgp-hold-timer", "hold timer expired", "silent for the whole hold time", seconds=60)
        happened = [each["what"] for each in lab.world.admin.why(lab.connection.id, 1)["tunnels"][0]["events"]]
        assert any(what.startswith("BGP with ") and " from Established to " in what for what in happened), happened
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    lab.paris.customer_gateway_down(lab.connection)


def agent_of(lab: Lab) -> int:
    """The process id of the customer gateway's agent."""
    return int((lab.world.customers / "customer-gateway" / lab.connection.id / "lock").read_text())


def bird_of(lab: Lab) -> list[int]:
    """Process ids of the customer gateway's BIRD."""
    instance = (lab.world.customers / "customer-gateway" / lab.connection.id / "instance").read_text().strip()
    return [pid for pid in process_ids(instance) if Path(f"/proc/{pid}/comm").read_text().strip() == "bird"]
