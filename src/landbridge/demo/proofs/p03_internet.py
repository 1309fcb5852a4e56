"""3: the internet gateway, and that it is no way through."""

from __future__ import annotations

from landbridge.demo.machine import run
from landbridge.demo.probes import Capture, ask, ping
from landbridge.demo.proofs.base import Show, expect, none_answered, refused


def prove(show: Show) -> None:
    """1:1 NAT for who has a public address, nothing for who has none; neither gateway leads to the other."""
    stage = show.stage
    web, dark, host = stage.machines["web"], stage.machines["dark"], stage.machines["internet"]
    assert web.public is not None
    out = ask(web.namespace, host.address)
    expect(out is not None, f"The Internet host {host.address} does not answer {web.address}.")
    assert out is not None
    expect(out.seen == web.public, f"The Internet sees {web.address} as {out.seen} instead of {web.public}.")
    back = ask(host.namespace, web.public)
    expect(back is not None and back.name == "web", f"{web.public} does not lead from the Internet to the instance.")
    none = none_answered(ping(dark.namespace, host.address, patience=0.3), "An instance without a public address")
    show.fact(f"{web.address} is {web.public} on the Internet, both ways; without a public address {none}")

    show.step("an elastic address")
    show.fact(_elastic(show))

    show.step("from a site to the Internet through the VPC")
    paris = stage.sites["paris"]
    device = _device_at(show)
    run("ip", "route", "replace", f"{host.address}/32", "dev", device, namespace=paris.gateway)
    try:
        vgw = stage.connection("paris")["tunnels"][0]["device_namespace"]
        arrived = Capture(stage.programs, vgw, "any", stage.folder / "through1.pcap", f"icmp and dst {host.address}")
        through = none_answered(ping(paris.host.namespace, host.address, patience=0.3), "Site to Internet by the VPC")
        tried = arrived.count()
    finally:
        run("ip", "route", "del", f"{host.address}/32", namespace=paris.gateway)
    expect(tried >= through.sent, f"Only {tried} of {through.sent} packets came to the VPN gateway: nothing was shown.")
    show.fact(f"site to Internet by way of the VPC: {through.sent} came to the VPN gateway, 0 got through")

    show.step("from the Internet to a site through the VPC")
    igw = next(g for g in stage.status()["internet_gateways"] if g["id"] == stage.ids["igw"])
    tries = ((paris.host.address, paris.host.namespace), (dark.address, dark.namespace))
    for address, _ in tries:
        run("ip", "route", "replace", f"{address}/32", "via", web.public, namespace=host.namespace)
    seen: list[int] = []
    for number, (address, behind) in enumerate(tries):
        door = Capture(stage.programs, igw["namespace"], "out0", stage.folder / f"igw{number}.pcap", f"dst {address}")
        inside = Capture(stage.programs, behind, "any", stage.folder / f"in{number}.pcap", f"src {host.address}")
        none_answered(ping(host.namespace, address, patience=0.3), f"Internet to {address} by the VPC")
        came, got = door.count(), inside.count()
        expect(came >= 3 and got == 0, f"{came} packets to {address} came to the internet gateway, {got} got through.")
        seen.append(came)
    for address, _ in tries:
        run("ip", "route", "del", f"{address}/32", namespace=host.namespace)
    show.fact(f"Internet to site, and to a private address: {seen[0]} and {seen[1]} came to the gateway, 0 got through")
    second = stage.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    attach = {"InternetGatewayId": second, "VpcId": stage.ids["vpc"]}
    code = refused("InvalidParameterValue", stage.ec2.attach_internet_gateway, **attach)
    stage.ec2.delete_internet_gateway(InternetGatewayId=second)
    show.fact(f"a second internet gateway on the VPC: {code}")


def _elastic(show: Show) -> str:
    """An elastic address of one instance, then of a secondary address of another one, then of nobody."""
    ec2, host = show.stage.ec2, show.stage.machines["internet"]
    web, dark = (show.stage.machines[name] for name in ("web", "dark"))
    card = ec2.describe_instances(InstanceIds=[web.id])["Reservations"][0]["Instances"][0]["NetworkInterfaces"][0]
    interface = card["NetworkInterfaceId"]
    got = ec2.assign_private_ip_addresses(NetworkInterfaceId=interface, SecondaryPrivateIpAddressCount=1)
    second = got["AssignedPrivateIpAddresses"][0]["PrivateIpAddress"]
    held = ec2.allocate_address()
    public, names = held["PublicIp"], []
    for target in ({"InstanceId": dark.id}, {"NetworkInterfaceId": interface, "PrivateIpAddress": second}):
        ec2.associate_address(AllocationId=held["AllocationId"], **target)
        show.stage.settle()
        answer = ask(host.namespace, public)
        names.append(answer.name if answer else "nobody")
    expect(names == ["dark", "web"], f"The elastic address {public} led to {names[0]}, then to {names[1]}.")
    ec2.disassociate_address(PublicIp=public)
    ec2.release_address(AllocationId=held["AllocationId"])
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=interface, PrivateIpAddresses=[second])
    show.stage.settle()
    none = none_answered(ping(host.namespace, public, patience=0.3), "An elastic address that was given back")
    return f"an elastic address: {public} was {dark.address}, then {second} at another instance; given back {none}"


def _device_at(show: Show) -> str:
    """The customer gateway's device of the tunnel that it uses towards the VPC."""
    stage = show.stage
    said = run("ip", "route", "get", stage.machines["app"].address, namespace=stage.sites["paris"].gateway).split()
    return said[said.index("dev") + 1]
