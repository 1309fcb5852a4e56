"""Customer gateways with certificates, and their connections, as a client of EC2 meets them."""

from __future__ import annotations

from typing import Any

import pytest
from ec2_client import Ec2
from examples import arn
from support import Cloud


@pytest.fixture
def ec2() -> Ec2:
    return Ec2(Cloud())


def certified(ec2: Ec2, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = ec2("CreateCustomerGateway", Type="ipsec.1", BgpAsn=65010, CertificateArn=arn(ec2), **more)[
        "CustomerGateway"
    ]
    return made


def connected(ec2: Ec2, customer: dict[str, Any], **options: Any) -> dict[str, Any]:
    gateway = ec2("CreateVpnGateway", Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    made: dict[str, Any] = ec2(
        "CreateVpnConnection",
        Type="ipsec.1",
        VpnGatewayId=gateway,
        CustomerGatewayId=customer["CustomerGatewayId"],
        Options=options,
    )["VpnConnection"]
    return made


def test_a_customer_gateway_shows_its_certificate_and_no_address(ec2: Ec2) -> None:
    made = certified(ec2)
    assert "IpAddress" not in made
    [shown] = ec2("DescribeCustomerGateways")["CustomerGateways"]
    assert shown == made
    assert shown["CertificateArn"].startswith("arn:aws:acm:eu-central-1:123456789012:certificate/")
    both = certified(ec2, IpAddress="203.0.113.7")
    assert both["IpAddress"] == "203.0.113.7"
    by_address = [{"Name": "ip-address", "Values": ["203.0.113.7"]}]
    assert ec2("DescribeCustomerGateways", Filters=by_address)["CustomerGateways"] == [both]


def test_a_connection_tells_certificates_where_it_would_tell_keys(ec2: Ec2) -> None:
    customer = certified(ec2)
    made = connected(ec2, customer, StaticRoutesOnly=True)
    text = made["CustomerGatewayConfiguration"]
    assert "pre_shared_key" not in text
    assert f"<certificate_arn>{customer['CertificateArn']}</certificate_arn>" in text
    assert "BEGIN CERTIFICATE" in text
    assert "PRIVATE" not in str(made)
    assert not [tunnel for tunnel in made["Options"]["TunnelOptions"] if "PreSharedKey" in tunnel]
    assert len({telemetry["CertificateArn"] for telemetry in made["VgwTelemetry"]}) == 2
    ec2.sees_secrets = False
    [shown] = ec2("DescribeVpnConnections")["VpnConnections"]
    assert shown == made


def test_rotation_answers_the_new_arn_of_one_tunnel(ec2: Ec2) -> None:
    made = connected(ec2, certified(ec2))
    first, second = (telemetry["OutsideIpAddress"] for telemetry in made["VgwTelemetry"])
    this = {"VpnConnectionId": made["VpnConnectionId"], "VpnTunnelOutsideIpAddress": first}
    changed = ec2("ModifyVpnTunnelCertificate", **this)["VpnConnection"]
    before, after = (
        {t["OutsideIpAddress"]: t["CertificateArn"] for t in each["VgwTelemetry"]} for each in (made, changed)
    )
    assert before[first] != after[first]
    assert before[second] == after[second]
    assert changed["CustomerGatewayConfiguration"] == made["CustomerGatewayConfiguration"]


def test_a_connection_with_keys_has_no_certificate_to_rotate(ec2: Ec2) -> None:
    customer = ec2("CreateCustomerGateway", Type="ipsec.1", BgpAsn=65010, IpAddress="203.0.113.7")["CustomerGateway"]
    made = connected(ec2, customer)
    this = {
        "VpnConnectionId": made["VpnConnectionId"],
        "VpnTunnelOutsideIpAddress": made["VgwTelemetry"][0]["OutsideIpAddress"],
    }
    assert ec2.code("ModifyVpnTunnelCertificate", **this) == "InvalidParameterCombination"
    assert "CertificateArn" not in made["VgwTelemetry"][0]


@pytest.mark.parametrize(
    ("code", "tunnel"),
    [
        ("InvalidParameterCombination", {"PreSharedKey": "A_key.of_the_user"}),
        ("UnsupportedOperation", {"IKEVersions": [{"Value": "ikev1"}]}),
        ("InvalidParameterCombination", {"StartupAction": "start"}),
    ],
)
def test_what_does_not_go_with_certificates_is_refused(ec2: Ec2, code: str, tunnel: dict[str, Any]) -> None:
    gateway = ec2("CreateVpnGateway", Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    arguments = {"Type": "ipsec.1", "VpnGatewayId": gateway, "CustomerGatewayId": certified(ec2)["CustomerGatewayId"]}
    assert ec2.code("CreateVpnConnection", **arguments, Options={"TunnelOptions": [tunnel]}) == code
