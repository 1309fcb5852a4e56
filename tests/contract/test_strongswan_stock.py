"""A peer that is not landbridge's: stock strongSwan set up by hand, which asks for traffic selectors of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from networks import KERNEL, SLOW, ip, until
from vici.exception import CommandException
from vpn import PSK, Vpn

from landbridge.observe.ike import Cause, ChildState, IkeEventKind
from stock_swan import StockSwan

pytestmark = pytest.mark.lab

OURS = "10.9.0.1"
THEIRS = ("10.1.0.0/24", "10.2.0.0/24")
ANYWHERE = "0.0.0.0/1"
"""As good as everything, and the stock peer's libipsec does not route its own packets into the tunnel with it."""


@dataclass(frozen=True)
class Lab:
    """10.9.0.1 in a's router == a == stock strongSwan in b with 10.1.0.1 and 10.2.0.1, a policy-based device"""

    vpn: Vpn
    stock: StockSwan

    def asks_for(self, **selectors: tuple[tuple[str, ...], str]) -> None:
        """CHILD SAs by name: the networks on its side, the one on ours."""
        here, there = self.vpn.b.outside, self.vpn.a.outside
        children = {
            name: {"local_ts": list(local), "remote_ts": [remote], "esp_proposals": ["aes128gcm16-ecp256"]}
            for name, (local, remote) in selectors.items()
        }
        connection = {
            "version": "2",
            "local_addrs": [str(here)],
            "remote_addrs": [str(there)],
            "proposals": ["aes128gcm16-prfsha256-ecp256"],
            "local": {"auth": "psk", "id": str(here)},
            "remote": {"auth": "psk", "id": str(there)},
            "children": children,
        }
        self.stock.load("policy-based", connection, key=PSK, ids=[str(here), str(there)])

    def pings(self, address: str) -> bool:
        """From our side's router, there and back."""
        command = f"ip netns exec {self.vpn.a.router} ping -c 1 -W {SLOW:g} -I {OURS} {address}"
        return subprocess.run(command.split(), capture_output=True, timeout=20 * SLOW, check=False).returncode == 0

    def pairs(self) -> list[ChildState]:
        """The CHILD SAs of our side."""
        return [child.state for sa in self.vpn.sas(self.vpn.a) for child in sa.children]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    vpn = Vpn()
    try:
        vpn.up()
        vpn.endpoint(vpn.a, vpn.a.connection(vpn.b))
        ip(f"-n {vpn.a.router} address add {OURS}/32 dev lo")
        for network in THEIRS:
            ip(f"-n {vpn.a.router} route add {network} dev tun0 src {OURS}")
            ip(f"-n {vpn.b.endpoint} address add {network.replace('.0/24', '.1/32')} dev lo")
        with StockSwan(vpn.b.endpoint, tmp_path, kernel=KERNEL) as stock:
            until(lambda: vpn.heard(IkeEventKind.SYNCED, vpn.a), "the watcher listens")
            yield Lab(vpn, stock)
    finally:
        vpn.down()


def test_several_selectors_of_a_peer_become_one_sa_pair(lab: Lab) -> None:
    lab.asks_for(both=(THEIRS, ANYWHERE))
    lab.stock.initiate("policy-based", "both")
    for address in ("10.1.0.1", "10.2.0.1"):
        until(lambda address=address: lab.pings(address), f"{address} answers")
    assert lab.pairs() == [ChildState.INSTALLED]
    [child] = lab.stock.children()
    assert [selector.decode() for selector in child["local-ts"]] == list(THEIRS)
    if KERNEL:
        assert ip(f"-n {lab.vpn.a.endpoint} xfrm state").count("proto esp") == 2


def test_of_several_sa_pairs_the_last_one_stays(lab: Lab) -> None:
    lab.asks_for(first=(THEIRS[:1], ANYWHERE), second=(THEIRS[1:], ANYWHERE))
    lab.stock.initiate("policy-based", "first")
    until(lambda: lab.pings("10.1.0.1"), "the first network answers")
    assert not lab.pings("10.2.0.1"), "nobody asked for the second one yet"
    lab.stock.initiate("policy-based", "second")
    until(lambda: lab.pairs() == [ChildState.INSTALLED], "one SA pair is left")
    until(lambda: lab.pings("10.2.0.1"), "the second network answers")
    assert not lab.pings("10.1.0.1")
    assert [child["name"] for child in lab.stock.children()] == [b"second"]


def test_a_peer_that_names_less_on_our_side_passes_or_is_told_to_ask_for_more(lab: Lab) -> None:
    """libipsec wants an address of its own within what the peer names. The kernel does not mind."""
    lab.asks_for(narrow=(THEIRS[:1], "10.9.0.0/24"))
    if KERNEL:
        lab.stock.initiate("policy-based", "narrow")
        until(lambda: lab.pings("10.1.0.1"), "it passes")
        return
    with pytest.raises(CommandException):
        lab.stock.initiate("policy-based", "narrow")
    until(
        lambda: lab.vpn.heard(IkeEventKind.TROUBLE, lab.vpn.a, Cause.TRAFFIC_SELECTORS), "the selectors are the cause"
    )
