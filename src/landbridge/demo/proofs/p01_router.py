"""1: VPCs, subnets and the implicit router."""

from __future__ import annotations

from landbridge.demo.machine import run
from landbridge.demo.probes import ask, ping
from landbridge.demo.proofs.base import Show, all_answered, expect, none_answered


def prove(show: Show) -> None:
    """Gateways at .1, each subnet by its own table, two VPCs with the same addresses."""
    stage = show.stage
    app, back, dark, twin = (stage.machines[name] for name in ("app", "back", "dark", "twin"))
    gateway = all_answered(ping(app.namespace, "10.0.1.1"), "The gateway 10.0.1.1 of its subnet")
    across = all_answered(ping(app.namespace, back.address), "An instance in another subnet")
    expect(across.ttl == 63, f"Between two subnets there should be one router, and the TTL is {across.ttl}.")
    show.fact(f"gateway 10.0.1.1 answers {gateway}; {app.address} to {back.address} {across}, one router between")

    show.step("a route of one table only")
    ec2, tables = stage.ec2, (stage.ids["back table"], stage.ids["main table"])
    elsewhere = "172.31.9.9"
    run("ip", "address", "replace", f"{elsewhere}/32", "dev", "lo", namespace=dark.namespace)
    ec2.create_route(RouteTableId=tables[0], DestinationCidrBlock=f"{elsewhere}/32", InstanceId=dark.id)
    stage.settle()
    checked = none_answered(ping(back.namespace, elsewhere, patience=0.3), f"{elsewhere}, not the instance's own,")
    ec2.modify_instance_attribute(InstanceId=dark.id, SourceDestCheck={"Value": False})
    stage.settle()
    own = all_answered(ping(back.namespace, elsewhere), f"{elsewhere} from the subnet whose table has a route")
    other = none_answered(ping(app.namespace, elsewhere, patience=0.3), f"{elsewhere} from the other subnet")
    ec2.delete_route(RouteTableId=tables[0], DestinationCidrBlock=f"{elsewhere}/32")
    ec2.modify_instance_attribute(InstanceId=dark.id, SourceDestCheck={"Value": True})
    stage.settle()
    none_answered(ping(back.namespace, elsewhere, patience=0.3), f"{elsewhere} after DeleteRoute")
    show.fact(f"a route in one subnet's table: from there {own}, from the other subnet {other}")
    show.fact(f"through an instance whose source/destination check is on {checked}")

    show.step("two VPCs with the same addresses")
    expect(app.address == twin.address, f"The twins have {app.address} and {twin.address}.")
    seen = [answer.name if (answer := ask(m.namespace, app.address)) else "nobody" for m in (back, twin)]
    expect(seen == ["app", "twin"], f"{app.address} was answered by {seen[0]} in one VPC, by {seen[1]} in the other.")
    run("ip", "address", "replace", "10.0.1.99/24", "dev", "eth0", namespace=twin.namespace)
    crossing = none_answered(ping(app.namespace, "10.0.1.99", patience=0.3), "An address of the twin VPC only")
    show.fact(f"two VPCs 10.0.0.0/16: {app.address} is another machine in each; from one into the other {crossing}")
