"""11: the customer gateway of landbridge, from the downloaded file."""

from __future__ import annotations

import json
import time

from landbridge.demo.machine import LANDBRIDGE, namespaces, processes, run
from landbridge.demo.probes import ping, reached_after
from landbridge.demo.proofs.base import Show, expect, none_answered
from landbridge.demo.stage import Document


def prove(show: Show) -> None:
    """`down` leaves nothing, `up` brings both tunnels, `status` tells."""
    stage = show.stage
    oslo, app = stage.sites["oslo"], stage.machines["app"].address
    endpoints = {tunnel["endpoint"] for tunnel in _tunnels(show)}
    stage.customer_gateway_down(oslo)
    try:
        rules = run("nft", "list", "ruleset", namespace=oslo.gateway).strip()
        links = run("ip", "-br", "link", namespace=oslo.gateway).splitlines()
        names = sorted(line.split()[0].partition("@")[0] for line in links)
        left = [*(endpoints & namespaces()), *processes([str(stage.customers / "customer-gateway" / oslo.connection)])]
        expect(not rules and names == ["lan", "lo", "wan"] and not left, f"`down` left {rules} {names} {left}.")
        none = none_answered(ping(oslo.host.namespace, app, patience=0.3), "The VPC after `down`")
        show.fact(f"down: endpoints, daemons, links and rules gone, the machine is as it was; the VPC answers {none}")
    finally:
        show.step("customer-gateway up")
        began = time.monotonic()
        stage.customer_gateway(oslo)
    oslo.up_after = time.monotonic() - began
    reached_after(oslo.host.namespace, app, 5)
    first = time.monotonic() - began
    tunnels = _tunnels(show)
    expect([t["status"] for t in tunnels] == ["UP", "UP"], f"`status` says {[t['status'] for t in tunnels]}.")
    show.fact(
        f"up FILE.xml, no more given: both tunnels UP after {oslo.up_after:.1f} s, first ping after {first:.1f} s"
    )
    show.fact(
        "status: "
        + "; ".join(
            f"tunnel {t['number']} {t['status']}, BGP {t['bgp']}, {t['accepted_routes']} routes" for t in tunnels
        )
    )


def _tunnels(show: Show) -> list[Document]:
    """The tunnels of oslo, by `customer-gateway status` there."""
    stage, oslo = show.stage, show.stage.sites["oslo"]
    words = (*LANDBRIDGE, "customer-gateway", "status", oslo.connection, "--json", "--state", str(stage.customers))
    found: list[Document] = json.loads(run(*words, namespace=oslo.gateway))["tunnels"]
    return found
