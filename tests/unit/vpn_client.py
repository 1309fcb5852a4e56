"""A VPN's parts, made and looked at as a client of EC2 does it."""

from __future__ import annotations

from typing import Any

from ec2_client import Ec2


def hub(ec2: Ec2, **more: Any) -> str:
    return str(ec2("CreateVpnGateway", Type="ipsec.1", **more)["VpnGateway"]["VpnGatewayId"])


def site(ec2: Ec2, number: int = 1, **more: Any) -> str:
    arguments = {"IpAddress": f"203.0.113.{number + 1}", "BgpAsn": 65000 + number, **more}
    return str(ec2("CreateCustomerGateway", Type="ipsec.1", **arguments)["CustomerGateway"]["CustomerGatewayId"])


def connect(ec2: Ec2, gateway: str, customer: str, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = ec2(
        "CreateVpnConnection", Type="ipsec.1", VpnGatewayId=gateway, CustomerGatewayId=customer, **more
    )["VpnConnection"]
    return made


def shown(ec2: Ec2, identity: str) -> dict[str, Any]:
    (found,) = ec2("DescribeVpnConnections", VpnConnectionIds=[identity])["VpnConnections"]
    assert isinstance(found, dict)
    return found
