"""6: the VPN connection: two tunnels that share nothing."""

from __future__ import annotations

from defusedxml import ElementTree as ET

from landbridge.demo.probes import ping
from landbridge.demo.proofs.base import Show, all_answered, expect, refused


def prove(show: Show) -> None:
    """Two addresses, inside networks, keys and daemons; both carry packets; what is not in force is refused."""
    stage = show.stage
    paris = stage.sites["paris"]
    first, second = tunnels = stage.connection("paris")["tunnels"]
    different = ("outside_address", "inside_cidr", "endpoint_namespace", "charon_pid")
    same = [name for name in different if first[name] == second[name]]
    root = ET.fromstring(paris.file.read_text())
    keys = {element.text for element in root.iter("pre_shared_key")}
    expect(not same, f"The tunnels share {', '.join(same)}.")
    expect(len(keys) == 2, "The device file does not hold two different pre-shared keys.")
    for tunnel in tunnels:
        expect(tunnel["status"] == "UP", f"Tunnel {tunnel['number']} is {tunnel['status']}: {tunnel['why']}")
        expect("AES_GCM" in tunnel["suite"], f"Tunnel {tunnel['number']} is encrypted with {tunnel['suite']}.")
        here = all_answered(ping(paris.gateway, tunnel["cloud_inside_address"]), f"Tunnel {tunnel['number']}")
        show.fact(
            f"tunnel {tunnel['number']}: {tunnel['outside_address']}, {tunnel['inside_cidr']}, "
            f"{tunnel['suite'].split('/')[0]}, charon {tunnel['charon_pid']}, pinged through {here}"
        )
    show.fact("outside addresses, inside networks, pre-shared keys and daemons all different")
    spare = stage.ec2.create_customer_gateway(Type="ipsec.1", BgpAsn=65099, PublicIp="203.0.113.99")["CustomerGateway"]
    code = refused(
        "UnsupportedOperation", stage.ec2.create_vpn_connection,
        Type="ipsec.1", CustomerGatewayId=spare["CustomerGatewayId"], VpnGatewayId=stage.ids["vgw"],
        Options={"TunnelOptions": [{"Phase1DHGroupNumbers": [{"Value": 35}]}]},
    )  # fmt: skip
    stage.ec2.delete_customer_gateway(CustomerGatewayId=spare["CustomerGatewayId"])
    show.fact(f"a tunnel option that is not in force (ML-KEM): {code}")
