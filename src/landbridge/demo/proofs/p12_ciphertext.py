"""12: nothing but ciphertext crosses the Internet."""

from __future__ import annotations

import secrets
from collections import Counter

from landbridge.demo import pcap
from landbridge.demo.pcap import Kind
from landbridge.demo.probes import Capture, ask
from landbridge.demo.proofs.base import Show, expect

_TIMES = 10


def prove(show: Show) -> None:
    """A word goes over HTTP from each site: not found on the Internet. The control without a tunnel finds it."""
    stage = show.stage
    app, web = stage.machines["app"], stage.machines["web"]
    canary = f"canary-{secrets.token_hex(12)}"
    capture = Capture(stage.programs, stage.internet, "br0", stage.folder / "canary.pcap")
    arrived = 0
    for site in stage.sites.values():
        for _ in range(_TIMES):
            answer = ask(site.host.namespace, app.address, word=canary)
            arrived += answer is not None and answer.name == "app"
    content = capture.end()
    expect(arrived == _TIMES * len(stage.sites), f"Only {arrived} requests with the canary were answered.")
    found, kinds = content.count(canary.encode()), pcap.kinds(content)
    expect(found == 0, f"The canary was seen {found} times on the Internet.")
    expect(kinds[Kind.OTHER] == 0, f"Beside IKE and ESP there were {kinds[Kind.OTHER]} packets on the Internet.")
    expect(kinds[Kind.ESP] >= 2 * arrived, f"Only {kinds[Kind.ESP]} ESP packets were captured: nothing was shown.")
    show.fact(
        f"{arrived} HTTP requests with a canary, from three sites; on the Internet: {_said(kinds)}; canary 0 times"
    )

    show.step("the control without a tunnel")
    capture = Capture(stage.programs, stage.internet, "br0", stage.folder / "control.pcap")
    assert web.public is not None
    answer = ask(stage.sites["paris"].gateway, web.public, word=canary)
    content = capture.end()
    expect(answer is not None, f"The control failed: {web.public} does not answer over the Internet.")
    found = content.count(canary.encode())
    expect(found > 0, "The same capture does not find the canary without a tunnel either: nothing was shown.")
    show.fact(f"the same capture, one request to a public address without a tunnel: canary {found} times")


def _said(kinds: Counter[Kind]) -> str:
    return ", ".join(f"{kinds[kind]} {kind}" for kind in Kind if kinds[kind] or kind is Kind.OTHER)
