"""7: static and dynamic routing, also while the service is dead."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from landbridge.demo.machine import run, until
from landbridge.demo.probes import Probe, lost_after, ping, reached_after
from landbridge.demo.proofs.base import Show, all_answered, expect, none_answered
from landbridge.demo.stage import Site, Stage

FIRST, SECOND = "192.168.61.0/24", "192.168.62.0/24"
"""Two more networks of the site paris."""


def prove(show: Show) -> None:
    """Static routes come and go by the API; BGP routes by themselves; what nobody may announce is not believed."""
    _static(show)
    stage, paris = show.stage, show.stage.sites["paris"]
    for number in range(1, 3):
        run("ip", "address", "replace", f"192.168.6{number}.1/24", "dev", "lo", namespace=paris.gateway)
    _dynamic(show)
    _dead_service(show)
    for number in range(1, 3):
        run("ip", "address", "del", f"192.168.6{number}.1/24", "dev", "lo", namespace=stage.sites["paris"].gateway)


def _static(show: Show) -> None:
    stage = show.stage
    lima, app = stage.sites["lima"], stage.machines["app"].namespace
    show.step("a static route deleted and made again")
    all_answered(ping(app, lima.host.address), "The static site")
    route = {"VpnConnectionId": lima.connection, "DestinationCidrBlock": f"{lima.lan}.0/24"}
    began = time.monotonic()
    stage.ec2.delete_vpn_connection_route(**route)
    lost_after(app, lima.host.address, 10)
    gone = time.monotonic() - began
    stage.settle()
    began = time.monotonic()
    stage.ec2.create_vpn_connection_route(**route)
    reached_after(app, lima.host.address, 10)
    back = time.monotonic() - began
    show.fact(
        f"static: DeleteVpnConnectionRoute, silent after {1000 * gone:.0f} ms; "
        f"CreateVpnConnectionRoute, answered after {1000 * back:.0f} ms"
    )


def _dynamic(show: Show) -> None:
    """The site announces another network, and two that it may not."""
    stage, paris = show.stage, show.stage.sites["paris"]
    app, back = stage.machines["app"], stage.machines["back"]
    show.step("networks announced, one of its own and two that nobody may announce")
    stolen = (f"{back.address}/32", "169.254.169.0/24")
    took = _announce(stage, paris, f"{paris.lan}.0/24", FIRST, *stolen, changed=FIRST, there=True)
    through = all_answered(ping(app.namespace, "192.168.61.1"), "The network that was announced")
    learned = {r["destination"] for g in stage.status()["vpn_gateways"] for r in g["learned_routes"]}
    expect(not learned & set(stolen), f"The VPN gateway believed {', '.join(sorted(learned & set(stolen)))}.")
    own = all_answered(ping(app.namespace, back.address), f"{back.address} while a site announces it")
    show.fact(f"BGP: {FIRST} announced: in DescribeRouteTables {took:.0f} ms after the kernel, pinged {through}")
    show.fact(f"announced with it, not believed: {', '.join(stolen)}; the instance itself answers {own}")


def _dead_service(show: Show) -> None:
    """With the service killed one network is withdrawn and another one announced."""
    stage, paris = show.stage, show.stage.sites["paris"]
    app = stage.machines["app"]
    probe = Probe(stage.programs, app.namespace, paris.host.address, stage.folder / "probe-dead-service")
    before = [stage.tunnel("paris", number)["charon_pid"] for number in (1, 2)]
    show.step("the service killed")
    began = time.monotonic()
    stage.service.kill()
    none_answered(ping(app.namespace, "192.168.62.1", count=1, patience=0.2), f"{SECOND} before it is announced")
    stage.customer_gateway(paris, f"{paris.lan}.0/24", SECOND)
    reached_after(app.namespace, "192.168.62.1", 15)
    lost_after(app.namespace, "192.168.61.1", 15)
    show.step("the service started again")
    ready = stage.service.start()
    stage.settle()
    until(lambda: stage.both_up("paris"), 10, "the service sees the tunnels again")
    after = [stage.tunnel("paris", number)["charon_pid"] for number in (1, 2)]
    seen = probe.figures(began, time.monotonic())
    probe.end()
    expect(before == after, f"charon's process ids were {before} and are {after}.")
    expect(seen.lost == 0, f"While the service was killed and started again: {seen}.")
    show.fact(
        f"service killed (-9): started again in {ready:.1f} s, same daemons, {seen.lost} of {seen.sent} packets lost"
    )
    show.fact(f"while it was dead the site withdrew {FIRST} and announced {SECOND}: so it was in the VPC")
    show.step("withdrawn")
    took = _announce(stage, paris, f"{paris.lan}.0/24", changed=SECOND, there=False)
    show.fact(f"{SECOND} withdrawn: DescribeRouteTables followed {took:.0f} ms after the kernel")


def described(stage: Stage, table: str, prefix: str) -> str | None:
    """The origin of a route in DescribeRouteTables; None if there is no such route."""
    found = stage.ec2.describe_route_tables(RouteTableIds=[stage.ids[table]])["RouteTables"][0]["Routes"]
    return next((str(r["Origin"]) for r in found if r.get("DestinationCidrBlock") == prefix), None)


def _announce(stage: Stage, site: Site, *prefixes: str, changed: str, there: bool) -> float:
    """Have the site announce these; milliseconds from the kernel's change to that of DescribeRouteTables."""
    vpc = next(v for v in stage.status()["vpcs"] if v["id"] == stage.ids["vpc"])
    table = next(t for t in vpc["route_tables"] if t["id"] == stage.ids["main table"])["kernel_table"]
    show_it = ("ip", "route", "show", "table", str(table), changed)
    with ThreadPoolExecutor() as pool:
        up = pool.submit(stage.customer_gateway, site, *prefixes)
        until(lambda: bool(run(*show_it, namespace=vpc["namespace"])) is there, 15, f"the kernel's table has {changed}")
        began = time.monotonic()
        until(lambda: (described(stage, "main table", changed) is not None) is there, 10, "DescribeRouteTables follows")
        took = time.monotonic() - began
        up.result()
    return 1000 * took
