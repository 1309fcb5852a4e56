"""Single tunnels as a client of EC2 meets them: what was negotiated, and changes of them and of their connection."""

from __future__ import annotations

from typing import Any

import pytest
from ec2_client import Ec2
from examples import REFUSED
from support import START, Cloud

from landbridge.api.aws.ec2.vpn_tunnels import ACTIONS
from landbridge.api.aws.errors import Ec2Error
from landbridge.control.lifecycle import MarkBuilt
from landbridge.control.maintenance import WAITS_FOR, Maintain
from landbridge.observe.state import EspState, Observation, TunnelState

UNKNOWN = "vpn-0123456789abcdef0"
KEY = "A_key.of_the_user"
OF_A_TUNNEL = (
    *("ModifyVpnTunnelOptions", "ModifyVpnTunnelCertificate", "ReplaceVpnTunnel"),
    *("GetVpnTunnelReplacementStatus", "GetActiveVpnTunnelStatus"),
)


@pytest.fixture
def ec2() -> Ec2:
    return Ec2(Cloud())


def made(ec2: Ec2) -> dict[str, Any]:
    gateway = ec2("CreateVpnGateway", Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    customer = ec2("CreateCustomerGateway", Type="ipsec.1", IpAddress="203.0.113.7", BgpAsn=65001)["CustomerGateway"]
    answer = ec2(
        "CreateVpnConnection",
        Type="ipsec.1",
        VpnGatewayId=gateway,
        CustomerGatewayId=customer["CustomerGatewayId"],
    )
    connection: dict[str, Any] = answer["VpnConnection"]
    return connection


def tunnel(connection: dict[str, Any], number: int = 1) -> dict[str, str]:
    options = connection["Options"]["TunnelOptions"][number - 1]
    return {
        "VpnConnectionId": connection["VpnConnectionId"],
        "VpnTunnelOutsideIpAddress": options["OutsideIpAddress"],
    }


def more(action: str) -> dict[str, Any]:
    return {
        "ModifyVpnTunnelOptions": {"TunnelOptions": {"PreSharedKey": KEY}},
        "ModifyVpnConnection": {"VpnGatewayId": "vgw-0123456789abcdef0"},
        "ModifyVpnConnectionOptions": {"LocalIpv4NetworkCidr": "192.168.0.0/16"},
        "GetVpnConnectionDeviceSampleConfiguration": {"VpnConnectionDeviceTypeId": "9005b6c1"},
    }.get(action, {})


# --- what was negotiated ----------------------------------------------------------------------------------------------


def test_what_a_tunnel_has_negotiated(ec2: Ec2) -> None:
    connection = made(ec2)
    vpn = connection["VpnConnectionId"]
    first = TunnelState(
        changed=START,
        suite="AES_GCM_16-256/PRF_HMAC_SHA2_384/ECP_384",
        ike_version="ikev2",
        esp=EspState(suite="AES_CBC-128/HMAC_SHA2_256_128/MODP_2048", udp=False, esn=True, replay_window=1024),
    )
    ec2.observation = Observation(tunnels={(vpn, 1): first})
    assert ec2("GetActiveVpnTunnelStatus", **tunnel(connection))["ActiveVpnTunnelStatus"] == {
        "ProvisioningStatus": "available",
        "IkeVersion": "ikev2",
        "Phase1EncryptionAlgorithm": "AES256-GCM-16",
        "Phase1IntegrityAlgorithm": "SHA2-384",
        "Phase1DHGroup": 20,
        "Phase2EncryptionAlgorithm": "AES128",
        "Phase2IntegrityAlgorithm": "SHA2-256",
        "Phase2DHGroup": 14,
        "Phase1AdditionalKeyExchanges": [],
        "Phase2AdditionalKeyExchanges": [],
    }
    down = ec2("GetActiveVpnTunnelStatus", **tunnel(connection, 2))["ActiveVpnTunnelStatus"]
    assert down == {"ProvisioningStatus": "available"}


def test_how_far_the_endpoints_have_come() -> None:
    ec2 = Ec2(Cloud(builds=True))
    connection = made(ec2)
    vpn = connection["VpnConnectionId"]

    def status() -> tuple[str, str]:
        answer = ec2("GetActiveVpnTunnelStatus", **tunnel(connection))["ActiveVpnTunnelStatus"]
        return answer["ProvisioningStatus"], answer.get("ProvisioningStatusReason", "")

    assert status() == ("pending", "The tunnel endpoints are being built.")
    assert ec2.code("ReplaceVpnTunnel", **tunnel(connection)) == "InvalidVpnConnection.InvalidState"
    ec2.observation = Observation(faults={vpn: ("strongSwan is not installed.",)})
    assert status() == ("failed", "strongSwan is not installed.")
    ec2.observation = Observation()
    ec2.cloud.run(MarkBuilt(frozenset({vpn})))
    assert status() == ("available", "")


# --- changes ----------------------------------------------------------------------------------------------------------


def test_only_what_is_given_of_a_tunnels_options_changes(ec2: Ec2) -> None:
    before = made(ec2)
    first = {"DPDTimeoutSeconds": 60, "Phase1EncryptionAlgorithms": [{"Value": "AES256"}], "PreSharedKey": KEY}
    ec2("ModifyVpnTunnelOptions", **tunnel(before, 2), TunnelOptions=first)
    second = {"Phase1LifetimeSeconds": 1_800, "Phase2LifetimeSeconds": 900, "EnableTunnelLifecycleControl": True}
    after = ec2("ModifyVpnTunnelOptions", **tunnel(before, 2), TunnelOptions=second)["VpnConnection"]
    assert after["State"] == "available", "without a data plane there is nothing to wait for"
    assert after["Options"]["TunnelOptions"][0] == before["Options"]["TunnelOptions"][0]
    assert after["Options"]["TunnelOptions"][1] == {
        **before["Options"]["TunnelOptions"][1],
        "PreSharedKey": KEY,
        "DpdTimeoutSeconds": 60,
        "Phase1EncryptionAlgorithms": [{"Value": "AES256"}],
        "Phase1LifetimeSeconds": 1_800,
        "Phase2LifetimeSeconds": 900,
        "EnableTunnelLifecycleControl": True,
    }


def test_a_connection_that_is_being_changed_is_modifying_and_takes_no_other_change() -> None:
    ec2 = Ec2(Cloud(builds=True))
    connection = made(ec2)
    vpn = connection["VpnConnectionId"]
    ec2.cloud.run(MarkBuilt(frozenset({vpn})))
    answer = ec2("ModifyVpnTunnelOptions", **tunnel(connection), TunnelOptions={"PreSharedKey": KEY})["VpnConnection"]
    assert answer["State"] == "modifying"
    assert KEY in answer["CustomerGatewayConfiguration"]
    status = [ec2("GetActiveVpnTunnelStatus", **tunnel(connection, n))["ActiveVpnTunnelStatus"] for n in (1, 2)]
    assert [each["ProvisioningStatus"] for each in status] == ["pending", "available"]
    assert status[0]["ProvisioningStatusReason"] == "The tunnel is being changed."
    old = connection["Options"]["TunnelOptions"][0]["PreSharedKey"]
    assert old not in str(ec2("DescribeVpnConnections"))
    for action in (*OF_A_TUNNEL[:3], "ModifyVpnConnection", "ModifyVpnConnectionOptions"):
        arguments = {"VpnConnectionId": vpn} if action.startswith("ModifyVpnConnection") else tunnel(connection, 2)
        assert ec2.code(action, **arguments, **more(action)) == "InvalidVpnConnection.InvalidState"
    assert ec2("GetVpnTunnelReplacementStatus", **tunnel(connection))["VpnGatewayId"] == connection["VpnGatewayId"]
    ec2("DeleteVpnConnection", VpnConnectionId=vpn)
    [shown] = ec2("DescribeVpnConnections")["VpnConnections"]
    assert shown["State"] == "deleting"


def test_when_an_endpoint_was_made_anew(ec2: Ec2) -> None:
    connection = made(ec2)
    assert ec2("GetVpnTunnelReplacementStatus", **tunnel(connection))["MaintenanceDetails"] == {
        "PendingMaintenance": "None"
    }
    assert ec2("ReplaceVpnTunnel", **tunnel(connection)) == {"Return": True}
    details = ec2("GetVpnTunnelReplacementStatus", **tunnel(connection))["MaintenanceDetails"]
    assert details == {"PendingMaintenance": "None", "LastMaintenanceApplied": START}


def test_maintenance_that_waits_for_its_owner() -> None:
    ec2 = Ec2(Cloud(builds=True))
    connection = made(ec2)
    vpn = connection["VpnConnectionId"]
    ec2.cloud.run(MarkBuilt(frozenset({vpn})))
    ec2(
        "ModifyVpnTunnelOptions",
        **tunnel(connection),
        TunnelOptions={"EnableTunnelLifecycleControl": True},
        SkipTunnelReplacement=True,
    )
    [shown] = ec2("DescribeVpnConnections")["VpnConnections"]
    assert shown["State"] == "available", "nothing of the endpoint has changed"
    ec2.cloud.run(Maintain(frozenset({(vpn, 1)}), up=frozenset({(vpn, 1), (vpn, 2)})))
    details = ec2("GetVpnTunnelReplacementStatus", **tunnel(connection))["MaintenanceDetails"]
    assert details == {"PendingMaintenance": "Available", "MaintenanceAutoAppliedAfter": START + WAITS_FOR}
    off = {"TunnelOptions": {"EnableTunnelLifecycleControl": False}, "SkipTunnelReplacement": True}
    assert ec2.code("ModifyVpnTunnelOptions", **tunnel(connection), **off) == "InvalidParameterCombination"
    ec2("ReplaceVpnTunnel", **tunnel(connection), ApplyPendingMaintenance=True)
    [shown] = ec2("DescribeVpnConnections")["VpnConnections"]
    assert shown["State"] == "modifying"


# --- what is checked, and then refused --------------------------------------------------------------------------------


@pytest.mark.parametrize("action", OF_A_TUNNEL)
def test_connection_and_tunnel_have_to_exist(ec2: Ec2, action: str) -> None:
    connection = made(ec2)
    this, options = tunnel(connection), more(action)
    outside = "VpnTunnelOutsideIpAddress"
    assert ec2.code(action, **{**this, "VpnConnectionId": UNKNOWN}, **options) == "InvalidVpnConnectionID.NotFound"
    assert ec2.code(action, **{**this, outside: "203.0.113.99"}, **options) == "InvalidParameterValue"
    assert ec2.code(action, **{**this, outside: "somewhere"}, **options) == "InvalidParameterValue"
    ec2("DeleteVpnConnection", VpnConnectionId=connection["VpnConnectionId"])
    assert ec2.code(action, **this, **options) == "InvalidVpnConnectionID.NotFound"


@pytest.mark.parametrize("action", sorted(ACTIONS.keys() & REFUSED.keys()))
def test_what_is_not_there_yet_says_what_to_do(ec2: Ec2, action: str) -> None:
    connection = made(ec2)
    arguments: dict[str, Any] = {
        "CreateVpnConcentrator": {"Type": "ipsec.1"},
        "DeleteVpnConcentrator": {"VpnConcentratorId": "x"},
        "DescribeVpnConcentrators": {},
        "GetVpnConnectionDeviceTypes": {"MaxResults": 200},
        "GetVpnConnectionDeviceSampleConfiguration": {
            "VpnConnectionId": connection["VpnConnectionId"],
            "VpnConnectionDeviceTypeId": "9005b6c1",
            "InternetKeyExchangeVersion": "ikev2",
        },
    }.get(action) or {**(tunnel(connection) if action in OF_A_TUNNEL else {}), **more(action)}
    before = ec2.cloud.snapshot
    with pytest.raises(Ec2Error) as caught:
        ec2(action, **arguments)
    assert ec2.cloud.snapshot is before
    assert caught.value.code == "UnsupportedOperation"
    assert "landbridge does not support" in caught.value.message
    assert KEY not in caught.value.message


def test_modify_vpn_connection_is_checked(ec2: Ec2) -> None:
    this = {"VpnConnectionId": made(ec2)["VpnConnectionId"]}
    for code, arguments in (
        ("MissingParameter", {}),
        ("InvalidParameterCombination", {"VpnGatewayId": "vgw-0123456789abcdef0", "TransitGatewayId": "tgw-1"}),
        ("InvalidVpnGatewayID.NotFound", {"VpnGatewayId": "vgw-0123456789abcdef0"}),
        ("InvalidCustomerGatewayID.NotFound", {"CustomerGatewayId": "cgw-0123456789abcdef0"}),
        ("InvalidCustomerGatewayId.Malformed", {"CustomerGatewayId": "cgw"}),
        ("UnsupportedOperation", {"TransitGatewayId": "tgw-0123456789abcdef0"}),
    ):
        assert ec2.code("ModifyVpnConnection", **this, **arguments) == code, arguments


def test_modify_vpn_connection_options_takes_what_is_so_anyway(ec2: Ec2) -> None:
    connection = made(ec2)
    this = {"VpnConnectionId": connection["VpnConnectionId"]}
    anyway = {"LocalIpv4NetworkCidr": "0.0.0.0/0", "RemoteIpv4NetworkCidr": "0.0.0.0/0", "TunnelBandwidth": "standard"}
    assert ec2("ModifyVpnConnectionOptions", **this, **anyway)["VpnConnection"] == connection
    for code, arguments in (
        ("MissingParameter", {}),
        ("InvalidParameterValue", {"RemoteIpv4NetworkCidr": "everything"}),
        ("InvalidParameterValue", {"RemoteIpv6NetworkCidr": "everything"}),
        ("UnsupportedOperation", {"RemoteIpv6NetworkCidr": "::/0"}),
        ("UnsupportedOperation", {"TunnelBandwidth": "large"}),
    ):
        assert ec2.code("ModifyVpnConnectionOptions", **this, **arguments) == code, arguments


def test_modify_vpn_tunnel_options_is_checked(ec2: Ec2) -> None:
    this = tunnel(made(ec2))
    key = {"PreSharedKey": KEY}
    for code, arguments in (
        ("InvalidParameterValue", {"TunnelOptions": {"PreSharedKey": "short"}}),
        ("InvalidParameterValue", {"TunnelOptions": {"DPDTimeoutSeconds": 29}}),
        ("InvalidParameterValue", {"TunnelOptions": key, "PreSharedKeyStorage": "Vault"}),
        ("InvalidParameterCombination", {"TunnelOptions": key, "SkipTunnelReplacement": True}),
        ("UnsupportedOperation", {"TunnelOptions": key, "PreSharedKeyStorage": "SecretsManager"}),
        ("UnsupportedOperation", {"TunnelOptions": {"Phase1DHGroupNumbers": [{"Value": 35}]}}),
        ("UnsupportedOperation", {"TunnelOptions": {**key, "TunnelInsideIpv6Cidr": "fd00::/126"}}),
        ("InvalidParameterValue", {"TunnelOptions": {"Phase2LifetimeSeconds": 3600, "Phase1LifetimeSeconds": 3600}}),
        ("InvalidParameterValue", {"TunnelOptions": {"TunnelInsideCidr": "169.254.5.0/30"}}),
    ):
        assert ec2.code("ModifyVpnTunnelOptions", **this, **arguments) == code, arguments
    missing = "MissingParameter"
    assert ec2.code("ModifyVpnTunnelOptions", **this, TunnelOptions={}) == missing


def test_sample_configurations_are_checked(ec2: Ec2) -> None:
    action = "GetVpnConnectionDeviceSampleConfiguration"
    this = {"VpnConnectionId": made(ec2)["VpnConnectionId"], "VpnConnectionDeviceTypeId": "9005b6c1"}
    assert ec2.code(action, **{**this, "VpnConnectionId": UNKNOWN}) == "InvalidVpnConnectionID.NotFound"
    assert ec2.code(action, **this, InternetKeyExchangeVersion="ikev3") == "InvalidParameterValue"
    assert ec2.code(action, **this, SampleType="best") == "InvalidParameterValue"
