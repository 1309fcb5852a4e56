"""11: the customer gateway of landbridge, from the downloaded file."""

from __future__ import annotations

import json
import time

from landbridge.demo.machine import LANDBRIDGE, attempt, namespaces, processes, run
from landbridge.demo.probes import ping, reached_after
from landbridge.demo.proofs.base import Show, expect, none_answered


def prove(show: Show) -> None:
    """`down` leaves nothing, `up` brings both tunnels, `status` tells."""
    stage = show.stage
    oslo, app = stage.sites["oslo"], stage.machines["app"].address
    before = namespaces()
    stage.customer_gateway_down(oslo)
    gone = before - namespaces()
    rules = run("nft", "list", "ruleset", namespace=oslo.gateway).strip()
    links = run("ip", "-br", "link", namespace=oslo.gateway).splitlines()
    names = sorted(line.split()[0].partition("@")[0] for line in links)
    left = processes([str(stage.customers / "customer-gateway" / oslo.connection)])
    expect(not rules and names == ["lan", "lo", "wan"] and not left, f"`down` left {rules} {names} {left}.")
    expect(len(gone) == 2, f"`down` took {len(gone)} namespaces away, and there should be two endpoints.")
    none = none_answered(ping(oslo.host.namespace, app, patience=0.3), "The VPC after `down`")
    show.fact(f"down: endpoints, daemons, links and rules gone, the machine is as it was; the VPC answers {none}")

    show.step("customer-gateway up")
    began = time.monotonic()
    stage.customer_gateway(oslo)
    oslo.up_after = time.monotonic() - began
    reached_after(oslo.host.namespace, app, 5)
    first = time.monotonic() - began
    words = (*LANDBRIDGE, "customer-gateway", "status", oslo.connection, "--json", "--state", str(stage.customers))
    said = attempt(*words, namespace=oslo.gateway)
    tunnels = json.loads(said.stdout)["tunnels"]
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
