"""4: the virtual private gateway."""

from __future__ import annotations

import time

from landbridge.demo.machine import until
from landbridge.demo.probes import ping, reached_after
from landbridge.demo.proofs.base import Show, expect, none_answered, refused
from landbridge.demo.stage import AMAZON_ASN


def prove(show: Show) -> None:
    """One gateway per VPC, one VPC per gateway; no packets while it is detached."""
    stage = show.stage
    ec2, ids = stage.ec2, stage.ids
    host, site = stage.sites["paris"].host, stage.sites["paris"]
    made = ec2.describe_vpn_gateways(VpnGatewayIds=[ids["vgw"]])["VpnGateways"][0]
    expect(made["AmazonSideAsn"] == AMAZON_ASN, f"The Amazon-side ASN is {made['AmazonSideAsn']}.")
    spare = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    stage.settle()
    second = refused("InvalidVpcState", ec2.attach_vpn_gateway, VpnGatewayId=spare, VpcId=ids["vpc"])
    elsewhere = refused(
        "VpnGatewayAttachmentLimitExceeded", ec2.attach_vpn_gateway, VpnGatewayId=ids["vgw"], VpcId=ids["twin"]
    )
    ec2.delete_vpn_gateway(VpnGatewayId=spare)
    show.fact(f"a second gateway on the VPC: {second}; on a second VPC: {elsewhere}")

    show.step("detached")
    app = stage.machines["app"].address
    ec2.detach_vpn_gateway(VpnGatewayId=ids["vgw"], VpcId=ids["vpc"])
    until(lambda: _attachment(show) in ("detached", ""), 10, "the gateway is detached")
    none = none_answered(ping(host.namespace, app, patience=0.3), "The VPC from the site while the gateway is detached")
    up = all(tunnel["ike"] == "established" for tunnel in stage.connection("paris")["tunnels"])
    show.step("attached again")
    began = time.monotonic()
    ec2.attach_vpn_gateway(VpnGatewayId=ids["vgw"], VpcId=ids["vpc"])
    ec2.enable_vgw_route_propagation(RouteTableId=ids["main table"], GatewayId=ids["vgw"])  # ended by detaching
    reached_after(site.host.namespace, app, 20)
    took = time.monotonic() - began
    show.fact(f"detached: from the site {none}{', its tunnels still up' if up else ''}")
    show.fact(f"attached and propagating again: first answer after {1000 * took:.0f} ms")
    show.fact(f"Amazon-side ASN {AMAZON_ASN}; one gateway for three sites, six tunnels")
    stage.settle()


def _attachment(show: Show) -> str:
    found = show.stage.ec2.describe_vpn_gateways(VpnGatewayIds=[show.stage.ids["vgw"]])["VpnGateways"][0]
    attachments = found.get("VpcAttachments", [])
    return str(attachments[0]["State"]) if attachments else ""
