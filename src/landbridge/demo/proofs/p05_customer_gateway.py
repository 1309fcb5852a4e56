"""5: the customer gateway, as EC2 knows it."""

from __future__ import annotations

from landbridge.demo.proofs.base import Show, expect, refused


def prove(show: Show) -> None:
    """The same request gives the same gateway; it has to exist; it cannot go while in use; only its address gets in."""
    stage = show.stage
    ec2, paris = stage.ec2, stage.sites["paris"]
    again = ec2.create_customer_gateway(Type="ipsec.1", BgpAsn=paris.asn, PublicIp=paris.public)["CustomerGateway"]
    expect(again["CustomerGatewayId"] == paris.customer_gateway, "An identical request made a second customer gateway.")
    unknown = refused(
        "InvalidCustomerGatewayID.NotFound", ec2.create_vpn_connection,
        Type="ipsec.1", CustomerGatewayId="cgw-0123456789abcdef0", VpnGatewayId=stage.ids["vgw"],
    )  # fmt: skip
    used = refused("IncorrectState", ec2.delete_customer_gateway, CustomerGatewayId=paris.customer_gateway)
    show.fact(f"identical request: the same id; unknown id: {unknown}; deleted while in use: {used}")
    peers = {tunnel["peer"].partition(":")[0] for tunnel in stage.connection("paris")["tunnels"]}
    expect(peers == {paris.public}, f"The tunnels' peers are {peers} instead of {paris.public}.")
    show.fact(f"both tunnels of paris come from {paris.public}, its public address")
