"""8: route tables for the on-premises network: a manual route, propagation, or nothing."""

from __future__ import annotations

import time

from landbridge.demo.machine import run, until
from landbridge.demo.probes import ping
from landbridge.demo.proofs.base import Show, all_answered, expect, none_answered
from landbridge.demo.proofs.p07_routing import described


def prove(show: Show) -> None:
    """Without either no packet; a manual route works; propagation for BGP and static connections, and its end."""
    stage = show.stage
    ec2, back = stage.ec2, stage.machines["back"].namespace
    paris, lima = stage.sites["paris"], stage.sites["lima"]
    table, vgw = stage.ids["back table"], stage.ids["vgw"]
    prefix = f"{paris.lan}.0/24"
    none = none_answered(ping(back, paris.host.address, patience=0.3), "A subnet without route and propagation")
    ec2.create_route(RouteTableId=table, DestinationCidrBlock=prefix, GatewayId=vgw)
    stage.settle()
    manual = all_answered(ping(back, paris.host.address), "A manual route to the VPN gateway")
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock=prefix)
    stage.settle()
    again = none_answered(ping(back, paris.host.address, patience=0.3), "After DeleteRoute")
    show.fact(f"neither: {none}; a manual route: {manual}; deleted: {again}")

    show.step("propagation")
    began = time.monotonic()
    ec2.enable_vgw_route_propagation(RouteTableId=table, GatewayId=vgw)
    prefixes = [f"{site.lan}.0/24" for site in stage.sites.values()]
    origin = "EnableVgwRoutePropagation"
    until(lambda: all(described(stage, "back table", p) == origin for p in prefixes), 10, "all routes are propagated")
    took = 1000 * (time.monotonic() - began)
    vpc = next(v for v in stage.status()["vpcs"] if v["id"] == stage.ids["vpc"])
    number = str(next(t for t in vpc["route_tables"] if t["id"] == table)["kernel_table"])
    kernel = run("ip", "route", "show", "table", number, namespace=vpc["namespace"])
    missing = [p for p in prefixes if p not in kernel]
    expect(not missing, f"DescribeRouteTables shows {', '.join(missing)}, and the kernel's table {number} does not.")
    dynamic = all_answered(ping(back, paris.host.address), "The BGP site, by propagation")
    static = all_answered(ping(back, lima.host.address), "The static site, by propagation")
    show.fact(f"propagation: {len(prefixes)} routes in kernel and DescribeRouteTables after {took:.0f} ms")
    show.fact(f"through them to the BGP site {dynamic}, to the static site {static}")

    began = time.monotonic()
    ec2.disable_vgw_route_propagation(RouteTableId=table, GatewayId=vgw)
    until(lambda: not any(described(stage, "back table", p) for p in prefixes), 10, "no route is propagated any more")
    took = 1000 * (time.monotonic() - began)
    off = none_answered(ping(back, paris.host.address, patience=0.3), "After DisableVgwRoutePropagation")
    show.fact(f"DisableVgwRoutePropagation: gone after {took:.0f} ms, {off}")
