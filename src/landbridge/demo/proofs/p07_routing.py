"""7: static and dynamic routing, also while the service is dead."""

from __future__ import annotations

import time

from landbridge.demo.machine import run, until
from landbridge.demo.probes import Probe, lost_after, ping, reached_after
from landbridge.demo.proofs.base import Show, all_answered, expect, none_answered
from landbridge.demo.stage import Site, Stage


def prove(show: Show) -> None:
    """Static routes come and go by the API; BGP routes by themselves; what nobody may announce is not believed."""
    _static(show)
    _dynamic(show)
    _denied(show)
    _dead_service(show)


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
        f"static: DeleteVpnConnectionRoute to silence {1000 * gone:.0f} ms, "
        f"CreateVpnConnectionRoute to the first answer {1000 * back:.0f} ms"
    )


def _dynamic(show: Show) -> None:
    stage, paris = show.stage, show.stage.sites["paris"]
    show.step("a network announced and withdrawn")
    extra = "192.168.61"
    run("ip", "address", "replace", f"{extra}.1/24", "dev", "lo", namespace=paris.gateway)
    table = _table(stage)
    router = next(v for v in stage.status()["vpcs"] if v["id"] == stage.ids["vpc"])["namespace"]
    came = _changed(
        stage, paris, router, table, f"{extra}.0/24", there=True, advertise=[f"{paris.lan}.0/24", f"{extra}.0/24"]
    )
    through = all_answered(ping(stage.machines["app"].namespace, f"{extra}.1"), "The network that was announced")
    went = _changed(stage, paris, router, table, f"{extra}.0/24", there=False, advertise=[f"{paris.lan}.0/24"])
    run("ip", "address", "del", f"{extra}.1/24", "dev", "lo", namespace=paris.gateway)
    show.fact(
        f"BGP: {extra}.0/24 announced: DescribeRouteTables had it {came:.0f} ms after the kernel, ping {through}; "
        f"withdrawn: gone {went:.0f} ms after the kernel"
    )


def _table(stage: Stage) -> int:
    vpc = next(v for v in stage.status()["vpcs"] if v["id"] == stage.ids["vpc"])
    return int(next(t for t in vpc["route_tables"] if t["id"] == stage.ids["main table"])["kernel_table"])


def _in_kernel(router: str, table: int, prefix: str) -> bool:
    return bool(run("ip", "route", "show", "table", str(table), prefix, namespace=router).strip())


def described(stage: Stage, table: str, prefix: str) -> str | None:
    """The origin of a route in DescribeRouteTables; None if there is no such route."""
    found = stage.ec2.describe_route_tables(RouteTableIds=[stage.ids[table]])["RouteTables"][0]["Routes"]
    return next((str(r["Origin"]) for r in found if r.get("DestinationCidrBlock") == prefix), None)


def _changed(
    stage: Stage, site: Site, router: str, table: int, prefix: str, *, there: bool, advertise: list[str]
) -> float:
    """Have the site announce something else; milliseconds from the kernel's change to that of DescribeRouteTables."""
    stage.customer_gateway(site, *advertise)
    until(lambda: _in_kernel(router, table, prefix) is there, 15, f"{prefix} {'is' if there else 'is not'} in the VPC")
    began = time.monotonic()
    until(lambda: (described(stage, "main table", prefix) is not None) is there, 10, "DescribeRouteTables follows")
    return 1000 * (time.monotonic() - began)


def _denied(show: Show) -> None:
    stage, oslo = show.stage, show.stage.sites["oslo"]
    show.step("announcements that nobody may make")
    app, back = stage.machines["app"], stage.machines["back"]
    stolen = (f"{back.address}/32", "169.254.169.0/24")
    allowed = "192.168.71.0/24"
    stage.customer_gateway(oslo, f"{oslo.lan}.0/24", *stolen, allowed)
    until(lambda: described(stage, "main table", allowed) is not None, 15, f"{allowed} is announced beside them")
    learned = {r["destination"] for g in stage.status()["vpn_gateways"] for r in g["learned_routes"]}
    expect(not learned & set(stolen), f"The VPN gateway believed {', '.join(sorted(learned & set(stolen)))}.")
    own = all_answered(ping(app.namespace, back.address), f"{back.address} while a site announces it")
    stage.customer_gateway(oslo, f"{oslo.lan}.0/24")
    until(lambda: described(stage, "main table", allowed) is None, 15, f"{allowed} is withdrawn")
    show.fact(f"announced by a site and not believed: {', '.join(stolen)}; the instance still answers ({own})")


def _dead_service(show: Show) -> None:
    stage, paris = show.stage, show.stage.sites["paris"]
    show.step("the service killed")
    app = stage.machines["app"]
    probe = Probe(stage.programs, app.namespace, paris.host.address, stage.folder / "probe-dead-service")
    before = [stage.tunnel("paris", number)["charon_pid"] for number in (1, 2)]
    began = time.monotonic()
    stage.service.kill()
    extra = "192.168.62"
    run("ip", "address", "replace", f"{extra}.1/24", "dev", "lo", namespace=paris.gateway)
    none_answered(ping(app.namespace, f"{extra}.1", count=1, patience=0.2), "A network before it is announced")
    stage.customer_gateway(paris, f"{paris.lan}.0/24", f"{extra}.0/24")
    reached_after(app.namespace, f"{extra}.1", 15)
    stage.customer_gateway(paris, f"{paris.lan}.0/24")
    lost_after(app.namespace, f"{extra}.1", 15)
    run("ip", "address", "del", f"{extra}.1/24", "dev", "lo", namespace=paris.gateway)
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
        f"service killed (-9): a route announced and withdrawn meanwhile reached the VPC; service again, ready after "
        f"{ready:.1f} s, the same daemons, {seen.lost} of {seen.sent} packets lost"
    )
