"""What breaks a tunnel is told: each cause is made with a real peer, and read as `landbridge why` and EC2 tell it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cloud import Connection, VpnGateway
from shell import eventually, ok
from sites import Site
from world import World

from stock_swan import StockSwan

pytestmark = pytest.mark.lab

KEY = "the.key.of.tunnel.one"
IKE, ESP = "aes128gcm16-prfsha256-ecp256", "aes128gcm16-ecp256"
IKEV1 = "aes256-sha256-modp2048"
NO_ROUTES = " install_routes = no\n"
"""With 0.0.0.0/0 the peer's own IKE would go into its tunnel."""
EVERYTHING = {"local_ts": ["0.0.0.0/0"], "remote_ts": ["0.0.0.0/0"]}
"""With what the cloud sends by itself: BGP and BFD between inside addresses."""


@dataclass(frozen=True)
class Lab:
    """VGW == static connection == paris, where stock strongSwan is the customer gateway. Tunnel 1 has a known key."""

    world: World
    gateway: VpnGateway
    paris: Site
    connection: Connection
    folder: Path

    @property
    def outside(self) -> str:
        """Tunnel 1's outside address."""
        return str(self.connection.tunnel(1).status["outside_address"])

    def words(self, near: str, **changed: Any) -> dict[str, Any]:
        """What is right for tunnel 1, in swanctl.conf's words, but for what is changed."""
        child = {"local_ts": ["0.0.0.0/1"], "remote_ts": ["0.0.0.0/1"], "esp_proposals": [ESP]}
        child |= changed.pop("child", {})
        right = {
            "version": "2",
            "local_addrs": [near],
            "remote_addrs": [self.outside],
            "proposals": [IKE],
            "local": {"auth": "psk", "id": near},
            "remote": {"auth": "psk", "id": self.outside},
            "dpd_delay": "5",
            "children": {"c": child},
        }
        return right | changed

    @contextmanager
    def peer(self, site: Site | None = None, key: str = KEY, **changed: Any) -> Iterator[StockSwan]:
        """A customer gateway that tries to connect."""
        at = site or self.paris
        words = self.words(str(at.public), **changed)
        kernel = self.world.status()["data_plane"] == "kernel"
        with StockSwan(at.name, self.folder, kernel=kernel, settings=NO_ROUTES) as swan:
            swan.load("x", words, key=key, ids=[words["local"]["id"], words["remote"]["id"]])
            swan.try_to_initiate("x", "c")
            yield swan

    def told(self, cause: str) -> dict[str, Any] | None:
        """Why tunnel 1 is down, if that is the cause."""
        told: dict[str, Any] = self.world.admin.why(self.connection.id, 1)["tunnels"][0]
        return told if told["cause"] == cause else None

    def says(self, cause: str, *words: str, seconds: float = 20.0) -> dict[str, Any]:
        """`landbridge why` comes to give this cause, with these words; EC2's StatusMessage has the same."""
        told = eventually(lambda: self.told(cause), f"the cause is {cause}", seconds)
        text = f"{told['why']} {told['change'] or ''}"
        for word in words:
            assert word in text, text
        printed = self.world.landbridge("why", self.connection.id, "--tunnel", "1").stdout
        assert told["why"] in printed
        assert not told["change"] or told["change"] in printed
        message = self.connection.telemetry()[self.outside]["StatusMessage"]
        assert message.startswith(told["why"].split(",")[0][:60]), message
        assert KEY not in printed
        return dict(told)


@pytest.fixture(scope="module")
def lab(world: World, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    gateway = world.cloud.vpc("10.0.0.0/16").opened().vpn_gateway()
    paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    connection = gateway.connect(paris, static=["192.168.60.0/24"], tunnels=[{"PreSharedKey": KEY}, {}])
    return Lab(world, gateway, paris, connection, tmp_path_factory.mktemp("swan"))


@contextmanager
def filtered(site: Site, *rules: str) -> Iterator[None]:
    """Packets that come to the site's gateway, or leave it, are dropped: rules of nft, with the hook's name before."""
    here = ("ip", "netns", "exec", site.name, "nft")
    ok(*here, "add table ip broken")
    for hook in ("input", "output"):
        ok(*here, f"add chain ip broken {hook} {{ type filter hook {hook} priority 0 ; }}")
    try:
        for rule in rules:
            ok(*here, f"add rule ip broken {rule}")
        yield
    finally:
        ok(*here, "delete table ip broken")


def test_before_anybody_came_it_says_whom_it_waits_for(lab: Lab) -> None:
    told = lab.world.admin.why(lab.connection.id)["tunnels"]
    assert [each["why"] for each in told] == ["Waiting for the customer gateway 203.0.113.77 to connect."] * 2


def test_a_wrong_key(lab: Lab) -> None:
    with lab.peer(key="another.key.than.that"):
        lab.says("authentication-failed", "pre-shared keys of the two sides differ", lab.outside)


def test_a_wrong_key_with_ikev1(lab: Lab) -> None:
    with lab.peer(key="another.key.than.that", version="1", proposals=[IKEV1]):
        lab.says("authentication-failed", "pre-shared keys of the two sides differ", lab.outside)


def test_no_proposal_in_common_with_ikev1(lab: Lab) -> None:
    with lab.peer(version="1", proposals=["aes192-sha256-modp2048"]):
        told = lab.says("no-proposal-chosen", "phase 1")
    assert told["proposals"]["received"].startswith("IKE:AES_CBC_192")
    with lab.peer(version="1", proposals=[IKEV1], child={"esp_proposals": ["aes256ctr-sha1"]}):
        told = lab.says("no-esp-proposal", "phase 2")
    assert told["proposals"]["received"].startswith("ESP:AES_CTR_256")


def test_another_address(lab: Lab) -> None:
    lyon = lab.world.site("lyon", "203.0.113.78", "192.168.61.0/24")
    with lab.peer():
        eventually(lambda: lab.connection.tunnel(1).status["status"] == "UP", "it is up from its own address")
    with lab.peer(lyon):
        lab.says("unknown-peer", "203.0.113.78 asks for this tunnel", "customer gateway's address is 203.0.113.77")


def test_no_proposal_in_common_for_phase_1(lab: Lab) -> None:
    with lab.peer(proposals=["aes192-sha256-modp2048"]):
        told = lab.says("no-proposal-chosen", "phase 1", "Phase1EncryptionAlgorithms")
    assert told["proposals"]["received"] == "IKE:AES_CBC_192/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048"
    assert "AES_GCM_16_128" in told["proposals"]["configured"]


def test_no_proposal_in_common_for_phase_2(lab: Lab) -> None:
    with lab.peer(child={"esp_proposals": ["aes256ctr-sha1"]}):
        told = lab.says("no-esp-proposal", "phase 2", "Phase2EncryptionAlgorithms")
    assert told["proposals"]["received"].startswith("ESP:AES_CTR_256/HMAC_SHA1_96")
    assert "AES_GCM_16_128" in told["proposals"]["configured"]


def test_another_identity(lab: Lab) -> None:
    with lab.peer(local={"auth": "psk", "id": "10.0.0.9"}):
        lab.says("wrong-identity", "calls itself 10.0.0.9", "local identity to 203.0.113.77")


def test_other_traffic_selectors(lab: Lab) -> None:
    """The connection is for 192.168.60.0/24; the peer says that 192.168.99.0/24 is on its side."""
    tokyo = lab.world.site("tokyo", "203.0.113.79", "192.168.60.0/24")
    narrow = lab.gateway.connect(
        tokyo,
        static=["192.168.60.0/24"],
        tunnels=[{"PreSharedKey": KEY}, {}],
        options={"LocalIpv4NetworkCidr": "192.168.60.0/24"},
    )
    other = replace(lab, connection=narrow, paris=tokyo)
    with other.peer(child={"local_ts": ["192.168.99.0/24"]}):
        other.says("traffic-selectors", "0.0.0.0/1 === 192.168.99.0/24", "192.168.60.0/24 (LocalIpv4NetworkCidr)")
    narrow.delete()


def test_udp_4500_is_blocked(lab: Lab) -> None:
    with filtered(lab.paris, "output udp dport 4500 drop"), lab.peer(encap="yes"):
        lab.says("ike-auth-missing", "UDP port 500 is open and UDP port 4500 is blocked")


def test_udp_500_is_blocked_on_the_way_back(lab: Lab) -> None:
    """What came from there before and was not ended makes the endpoint ask for cookies first, for half a minute."""
    with filtered(lab.paris, "input udp sport 500 drop"), lab.peer():
        lab.says("answers-lost", "does not get the answers", "UDP port 500", seconds=60)


def test_a_nat_that_does_not_pass_udp_4500(lab: Lab) -> None:
    here = ("ip", "netns", "exec", lab.paris.name, "nft")
    ok(*here, "add table ip moved")
    try:
        ok(*here, "add chain ip moved out { type nat hook postrouting priority 100 ; }")
        ok(*here, "add rule ip moved out udp sport 500 snat to 203.0.113.77:20500")
        with filtered(lab.paris, "output udp dport 4500 drop"), lab.peer(encap="yes"):
            lab.says("nat-without-nat-t", "behind a NAT", "UDP port 20500", "Turn on NAT-T")
    finally:
        ok(*here, "delete table ip moved")


def test_esp_is_blocked(lab: Lab) -> None:
    """ESP in UDP is told from IKE by four bytes that are not zero. The cloud tries to speak BGP with the peer."""
    lima = lab.world.site("lima", "203.0.113.80", "192.168.62.0/24")
    dynamic = lab.gateway.connect(lima, asn=65_080, tunnels=[{"PreSharedKey": KEY}, {}])
    other = replace(lab, connection=dynamic, paris=lima)
    kernel = lab.world.status()["data_plane"] == "kernel"
    drop = "output meta l4proto esp drop" if kernel else "output udp dport 4500 @th,64,32 != 0 drop"
    named = "ESP (IP protocol 50)" if kernel else "ESP in UDP (port 4500)"
    with filtered(lima, drop), other.peer(child=EVERYTHING):
        other.says("esp-blocked", "no ESP arrives", named)
    dynamic.delete()


def test_a_peer_that_never_answers(lab: Lab) -> None:
    """The cloud calls; at the site nothing runs, which answers as a firewall that drops UDP port 500 does."""
    oslo = lab.world.site("oslo", "203.0.113.81", "192.168.63.0/24")
    called = lab.gateway.connect(
        oslo, static=["192.168.63.0/24"], tunnels=[{"StartupAction": "start", "IKEVersions": [{"Value": "ikev2"}]}, {}]
    )
    with filtered(oslo, "input udp dport 500 drop"):
        replace(lab, connection=called, paris=oslo).says(
            "peer-silent", "customer gateway 203.0.113.81 does not answer", "UDP ports 500 and 4500", seconds=45
        )
    called.delete()


def test_a_peer_that_dies(lab: Lab) -> None:
    with lab.peer() as swan:
        eventually(lambda: lab.connection.tunnel(1).status["status"] == "UP", "it is up")
        with filtered(lab.paris, "input drop", "output drop"):
            lab.says("dpd-timeout", "stopped answering", "203.0.113.77", seconds=45)
        del swan


def test_a_peer_that_closes(lab: Lab) -> None:
    with lab.peer() as swan:
        eventually(lambda: lab.connection.tunnel(1).status["status"] == "UP", "it is up")
        os.kill(swan.process.pid, signal.SIGTERM)
        lab.says("peer-closed", "closed the tunnel")
