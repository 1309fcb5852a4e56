"""VPN connections as a client of EC2 meets them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest
from ec2_client import Ec2
from support import START, Cloud
from vpn_client import connect, hub, shown, site

from landbridge.api.aws.ec2.door import DryRunSucceeded
from landbridge.api.aws.errors import Ec2Error
from landbridge.customer.device_file import read
from landbridge.observe.state import Observation, Status, TunnelState

UNKNOWN = "0123456789abcdef0"
KEY = "A_key.of_the_user"


@pytest.fixture
def ec2() -> Ec2:
    return Ec2(Cloud())


def test_a_connection_in_full(ec2: Ec2) -> None:
    gateway, customer = hub(ec2), site(ec2)
    made = connect(ec2, gateway, customer)
    one, two = made["Options"].pop("TunnelOptions")
    assert made.pop("CustomerGatewayConfiguration").startswith("<?xml")
    telemetry = made.pop("VgwTelemetry")
    assert made == {
        "VpnConnectionId": made["VpnConnectionId"],
        "State": "available",
        "Type": "ipsec.1",
        "Category": "VPN",
        "CustomerGatewayId": customer,
        "VpnGatewayId": gateway,
        "GatewayAssociationState": "associated",
        "Options": {
            "EnableAcceleration": False,
            "StaticRoutesOnly": False,
            "LocalIpv4NetworkCidr": "0.0.0.0/0",
            "RemoteIpv4NetworkCidr": "0.0.0.0/0",
            "OutsideIpAddressType": "PublicIpv4",
            "TunnelInsideIpVersion": "ipv4",
            "TunnelBandwidth": "standard",
        },
        "Routes": [],
        "Tags": [],
    }
    for number, tunnel in enumerate((one, two)):
        # Nothing but what was allotted: what nobody set stays empty.
        assert set(tunnel) == {"OutsideIpAddress", "TunnelInsideCidr", "PreSharedKey"}
        assert telemetry[number] == {
            "OutsideIpAddress": tunnel["OutsideIpAddress"],
            "Status": "DOWN",
            "StatusMessage": "",
            "LastStatusChange": START,
            "AcceptedRouteCount": 0,
        }


def test_the_configuration_agrees_with_the_options(ec2: Ec2) -> None:
    gateway = hub(ec2, AmazonSideAsn=4_200_000_000)
    for static in (False, True):
        made = connect(ec2, gateway, site(ec2, 5 + static), Options={"StaticRoutesOnly": static})
        found = shown(ec2, made["VpnConnectionId"])
        assert found == made
        file = read(found["CustomerGatewayConfiguration"])
        assert (file.vpn_connection_id, file.vpn_gateway_id) == (found["VpnConnectionId"], gateway)
        assert file.static is static
        for tunnel, options in zip(file.tunnels, found["Options"]["TunnelOptions"], strict=True):
            assert str(tunnel.gateway_outside) == options["OutsideIpAddress"]
            assert str(tunnel.customer_inside.network) == options["TunnelInsideCidr"]
            assert tunnel.psk.reveal() == options["PreSharedKey"]
            assert (tunnel.bgp is None) is static
            assert tunnel.bgp is None or tunnel.bgp.gateway_asn == 4_200_000_000


def test_options_that_are_in_force_are_shown_as_set(ec2: Ec2) -> None:
    asked = {
        "TunnelInsideCidr": "169.254.8.0/30",
        "PreSharedKey": KEY,
        "DPDTimeoutSeconds": 45,
        "DPDTimeoutAction": "restart",
        "StartupAction": "start",
        "ReplayWindowSize": 64,
    }
    made = connect(ec2, hub(ec2), site(ec2), Options={"TunnelOptions": [asked, {"DPDTimeoutAction": "none"}]})
    one, two = made["Options"]["TunnelOptions"]
    one.pop("OutsideIpAddress")
    assert one == {
        "TunnelInsideCidr": "169.254.8.0/30",
        "PreSharedKey": KEY,
        "DpdTimeoutSeconds": 45,
        "DpdTimeoutAction": "restart",
        "StartupAction": "start",
        "ReplayWindowSize": 64,
    }
    assert "ReplayWindowSize" not in two
    assert two["DpdTimeoutAction"] == "none"


ALGORITHMS = {
    "Phase1EncryptionAlgorithms": ["AES256", "AES256-GCM-16"],
    "Phase2EncryptionAlgorithms": ["AES128"],
    "Phase1IntegrityAlgorithms": ["SHA2-512"],
    "Phase2IntegrityAlgorithms": ["SHA1", "SHA2-384"],
    "Phase1DHGroupNumbers": [2, 24],
    "Phase2DHGroupNumbers": [5, 14],
    "IKEVersions": ["ikev1", "ikev2"],
}
NUMBERS = {
    "Phase1LifetimeSeconds": 7_200,
    "Phase2LifetimeSeconds": 1_800,
    "RekeyMarginTimeSeconds": 900,
    "RekeyFuzzPercentage": 0,
}


def test_algorithms_versions_and_times_are_shown_where_they_were_set(ec2: Ec2) -> None:
    asked = {name: [{"Value": each} for each in values] for name, values in ALGORITHMS.items()}
    gateway, customer = hub(ec2), site(ec2)
    made = connect(
        ec2, gateway, customer, Options={"TunnelOptions": [{**asked, **NUMBERS}, {"Phase2LifetimeSeconds": 900}]}
    )
    one, two = made["Options"]["TunnelOptions"]
    shown = {**asked, **NUMBERS}
    shown["IkeVersions"] = shown.pop("IKEVersions")
    assert {name: value for name, value in one.items() if name in shown} == shown
    assert set(two) == {"OutsideIpAddress", "TunnelInsideCidr", "PreSharedKey", "Phase2LifetimeSeconds"}
    # The order and repetitions of a list mean nothing.
    again = {name: [*reversed(values), values[0]] for name, values in asked.items()}
    options = {"TunnelOptions": [{**again, **NUMBERS}, {"Phase2LifetimeSeconds": 900}]}
    assert connect(ec2, gateway, customer, Options=options) == made
    arguments = {"Type": "ipsec.1", "VpnGatewayId": gateway, "CustomerGatewayId": customer}
    fewer = {
        "TunnelOptions": [{**asked, **NUMBERS, "Phase1DHGroupNumbers": [{"Value": 2}]}, options["TunnelOptions"][1]]
    }
    assert ec2.code("CreateVpnConnection", Options=fewer, **arguments) == "InvalidOption.Conflict"


def test_traffic_selectors_are_shown_and_belong_to_the_request(ec2: Ec2) -> None:
    gateway, customer = hub(ec2), site(ec2)
    asked = {"LocalIpv4NetworkCidr": "192.168.0.0/16", "RemoteIpv4NetworkCidr": "10.0.3.7/8", "StaticRoutesOnly": True}
    made = connect(ec2, gateway, customer, Options=asked)
    assert made["Options"]["LocalIpv4NetworkCidr"] == "192.168.0.0/16"
    assert made["Options"]["RemoteIpv4NetworkCidr"] == "10.0.0.0/8"
    assert connect(ec2, gateway, customer, Options=asked) == made
    arguments = {"Type": "ipsec.1", "VpnGatewayId": gateway, "CustomerGatewayId": customer}
    assert ec2.code("CreateVpnConnection", Options={"StaticRoutesOnly": True}, **arguments) == "InvalidOption.Conflict"
    this = {"VpnConnectionId": made["VpnConnectionId"]}
    same = {"LocalIpv4NetworkCidr": "192.168.0.0/16"}
    assert ec2("ModifyVpnConnectionOptions", **this, **same)["VpnConnection"] == made
    other = ec2("ModifyVpnConnectionOptions", **this, LocalIpv4NetworkCidr="0.0.0.0/0")["VpnConnection"]
    assert other["Options"] == {**made["Options"], "LocalIpv4NetworkCidr": "0.0.0.0/0"}


def test_bgp_over_ikev1_needs_selectors_that_hold_the_ends_of_the_tunnel(ec2: Ec2) -> None:
    arguments = {"Type": "ipsec.1", "VpnGatewayId": hub(ec2), "CustomerGatewayId": site(ec2)}
    options = {"TunnelOptions": [{"IKEVersions": [{"Value": "ikev1"}]}], "LocalIpv4NetworkCidr": "192.168.0.0/16"}
    refusal(ec2, "UnsupportedOperation", "LocalIpv4NetworkCidr", "CreateVpnConnection", Options=options, **arguments)
    ec2("CreateVpnConnection", Options={**options, "StaticRoutesOnly": True}, **arguments)


def test_what_clients_send_anyway_is_taken(ec2: Ec2) -> None:
    anyway = {
        "EnableAcceleration": False,
        "StaticRoutesOnly": False,
        "TunnelInsideIpVersion": "ipv4",
        "LocalIpv4NetworkCidr": "0.0.0.0/0",
        "RemoteIpv4NetworkCidr": "0.0.0.0/0",
        "OutsideIpAddressType": "PublicIpv4",
        "TunnelOptions": [
            {},
            {"IKEVersions": []},
        ],
    }
    gateway, customer = hub(ec2), site(ec2)
    made = connect(ec2, gateway, customer, Options=anyway, PreSharedKeyStorage="Standard")
    assert connect(ec2, gateway, customer) == made


def test_log_options_are_answered_as_they_were_set(ec2: Ec2) -> None:
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/vendedlogs/vpn:*"
    both = {"LogEnabled": True, "LogGroupArn": arn, "LogOutputFormat": "text", "BgpLogEnabled": False}
    chosen = [{"LogOptions": {"CloudWatchLogOptions": both}}, {}]
    made = connect(ec2, hub(ec2), site(ec2), Options={"TunnelOptions": chosen})
    [first, second] = made["Options"]["TunnelOptions"]
    assert first["LogOptions"] == {"CloudWatchLogOptions": both}
    assert "LogOptions" not in second


def test_a_log_needs_a_group(ec2: Ec2) -> None:
    chosen = {"TunnelOptions": [{"LogOptions": {"CloudWatchLogOptions": {"BgpLogEnabled": True}}}]}
    arguments = {"Type": "ipsec.1", "VpnGatewayId": hub(ec2), "CustomerGatewayId": site(ec2), "Options": chosen}
    refusal(ec2, "InvalidParameterCombination", "BgpLogGroupArn", "CreateVpnConnection", **arguments)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("EnableAcceleration", True),
        ("TunnelInsideIpVersion", "ipv6"),
        ("LocalIpv6NetworkCidr", "::/0"),
        ("RemoteIpv6NetworkCidr", "::/0"),
        ("OutsideIpAddressType", "PrivateIpv4"),
        ("OutsideIpAddressType", "Ipv6"),
        ("TransportTransitGatewayAttachmentId", "tgw-attach-1"),
        ("TunnelBandwidth", "large"),
    ],
)
def test_connection_options_that_are_not_in_force(ec2: Ec2, option: str, value: Any) -> None:
    arguments = {"Type": "ipsec.1", "VpnGatewayId": hub(ec2), "CustomerGatewayId": site(ec2)}
    refusal(ec2, "UnsupportedOperation", option, "CreateVpnConnection", Options={option: value}, **arguments)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("TunnelInsideIpv6Cidr", "fd00::/126"),
        ("Phase1AdditionalKeyExchanges", [{"AdditionalKeyExchangeRound": 1}]),
        ("Phase1DHGroupNumbers", [{"Value": 35}]),
        ("Phase2DHGroupNumbers", [{"Value": 5}, {"Value": 36}]),
        ("Phase2AdditionalKeyExchanges", [{"AdditionalKeyExchangeRound": 1}]),
    ],
)
def test_tunnel_options_that_are_not_in_force(ec2: Ec2, option: str, value: Any) -> None:
    arguments = {"Type": "ipsec.1", "VpnGatewayId": hub(ec2), "CustomerGatewayId": site(ec2)}
    options = {"TunnelOptions": [{}, {"PreSharedKey": KEY, option: value}]}
    refusal(ec2, "UnsupportedOperation", option, "CreateVpnConnection", Options=options, **arguments)


def refusal(ec2: Ec2, code: str, named: str, action: str, **arguments: Any) -> None:
    """Refused with that code, naming the option and no key, and nothing has changed."""
    before = ec2.cloud.snapshot
    with pytest.raises(Ec2Error) as caught:
        ec2(action, **arguments)
    assert ec2.cloud.snapshot is before
    assert caught.value.code == code
    assert named in caught.value.message
    assert KEY not in str(caught.value)
    assert "issue" not in caught.value.message


def round_of(number: int, *methods: int) -> list[dict[str, Any]]:
    """One additional key exchange."""
    return [{"AdditionalKeyExchangeRound": number, "KeyExchangeMethods": [{"Value": method} for method in methods]}]


@pytest.mark.parametrize(
    ("code", "named", "tunnel"),
    [
        ("InvalidParameterValue", "TunnelInsideCidr", {"TunnelInsideCidr": "169.254.10.1/30"}),
        ("InvalidParameterValue", "TunnelInsideCidr", {"TunnelInsideCidr": "169.254.10.0/29"}),
        ("InvalidParameterValue", "TunnelInsideCidr", {"TunnelInsideCidr": "fd00::/126"}),
        ("InvalidParameterValue", "TunnelInsideCidr", {"TunnelInsideCidr": "169.254.169.252/30"}),
        ("InvalidParameterValue", "PreSharedKey", {"PreSharedKey": "0startsWithZero"}),
        ("InvalidParameterValue", "PreSharedKey", {"PreSharedKey": f"{KEY}\nsecret"}),
        ("InvalidParameterValue", "DPDTimeoutSeconds", {"DPDTimeoutSeconds": 29}),
        ("InvalidParameterValue", "DPDTimeoutAction", {"DPDTimeoutAction": "explode"}),
        ("InvalidParameterValue", "StartupAction", {"StartupAction": "stop"}),
        ("InvalidParameterValue", "Phase1LifetimeSeconds", {"Phase1LifetimeSeconds": 899}),
        ("InvalidParameterValue", "Phase1LifetimeSeconds", {"Phase1LifetimeSeconds": 28_801}),
        ("InvalidParameterValue", "Phase2LifetimeSeconds", {"Phase2LifetimeSeconds": 3_601}),
        ("InvalidParameterValue", "Phase2LifetimeSeconds", {"Phase1LifetimeSeconds": 900}),
        ("InvalidParameterValue", "RekeyMarginTimeSeconds", {"RekeyMarginTimeSeconds": 59}),
        ("InvalidParameterValue", "RekeyMarginTimeSeconds", {"RekeyMarginTimeSeconds": 1_801}),
        (
            "InvalidParameterValue",
            "RekeyMarginTimeSeconds",
            {"Phase2LifetimeSeconds": 900, "RekeyMarginTimeSeconds": 451},
        ),
        ("InvalidParameterValue", "RekeyFuzzPercentage", {"RekeyFuzzPercentage": 101}),
        ("InvalidParameterValue", "ReplayWindowSize", {"ReplayWindowSize": 63}),
        ("InvalidParameterValue", "Phase1EncryptionAlgorithms", {"Phase1EncryptionAlgorithms": [{"Value": "3DES"}]}),
        ("InvalidParameterValue", "Phase2IntegrityAlgorithms", {"Phase2IntegrityAlgorithms": [{"Value": "MD5"}]}),
        ("InvalidParameterValue", "Phase1DHGroupNumbers", {"Phase1DHGroupNumbers": [{"Value": 19}, {"Value": 5}]}),
        ("InvalidParameterValue", "Phase2DHGroupNumbers", {"Phase2DHGroupNumbers": [{"Value": 1}]}),
        ("InvalidParameterValue", "IKEVersions", {"IKEVersions": [{"Value": "ikev3"}]}),
        ("InvalidParameterValue", "TunnelInsideIpv6Cidr", {"TunnelInsideIpv6Cidr": "fd00::/64"}),
        ("InvalidParameterValue", "TunnelInsideIpv6Cidr", {"TunnelInsideIpv6Cidr": "2001:db8::/126"}),
        ("InvalidParameterValue", "TunnelInsideIpv6Cidr", {"TunnelInsideIpv6Cidr": "169.254.10.0/30"}),
        (
            "InvalidParameterValue",
            "Phase2AdditionalKeyExchanges",
            {"Phase2AdditionalKeyExchanges": round_of(1) + round_of(1)},
        ),
        (
            "InvalidParameterValue",
            "Phase1AdditionalKeyExchanges",
            {"Phase1AdditionalKeyExchanges": round_of(1, 36) + round_of(2, 36)},
        ),
        (
            "InvalidParameterCombination",
            "Phase1AdditionalKeyExchanges",
            {"IKEVersions": [{"Value": "ikev1"}], "Phase1AdditionalKeyExchanges": round_of(1)},
        ),
        (
            "InvalidParameterValue",
            "LogOutputFormat",
            {"LogOptions": {"CloudWatchLogOptions": {"LogOutputFormat": "xml"}}},
        ),
        (
            "InvalidParameterValue",
            "BgpLogGroupArn",
            {"LogOptions": {"CloudWatchLogOptions": {"BgpLogGroupArn": "my-group"}}},
        ),
        ("InvalidParameterValue", "ReplayWindowSize", {"ReplayWindowSize": 2049}),
        (
            "InvalidParameterValue",
            "RekeyMarginTimeSeconds",
            {"Phase2LifetimeSeconds": 1_000, "RekeyMarginTimeSeconds": 501},
        ),
        (
            "InvalidParameterCombination",
            "StartupAction",
            {"StartupAction": "start", "IKEVersions": [{"Value": "ikev1"}]},
        ),
        (
            "UnsupportedOperation",
            "Phase1EncryptionAlgorithms",
            {"Phase1EncryptionAlgorithms": [{"Value": "AES256-GCM-16"}], "IKEVersions": [{"Value": "ikev1"}]},
        ),
    ],
)
def test_options_that_cannot_be(ec2: Ec2, code: str, named: str, tunnel: dict[str, Any]) -> None:
    arguments = {"Type": "ipsec.1", "VpnGatewayId": hub(ec2), "CustomerGatewayId": site(ec2)}
    refusal(ec2, code, named, "CreateVpnConnection", Options={"TunnelOptions": [tunnel]}, **arguments)
    del arguments["Type"]
    made = connect(ec2, arguments["VpnGatewayId"], arguments["CustomerGatewayId"])
    (outside, _) = [t["OutsideIpAddress"] for t in made["Options"]["TunnelOptions"]]
    this = {"VpnConnectionId": made["VpnConnectionId"], "VpnTunnelOutsideIpAddress": outside}
    refusal(ec2, code, named, "ModifyVpnTunnelOptions", TunnelOptions=tunnel, **this)


@pytest.mark.parametrize(
    ("named", "options"),
    [
        ("LocalIpv4NetworkCidr", {"LocalIpv4NetworkCidr": "everywhere"}),
        ("RemoteIpv6NetworkCidr", {"RemoteIpv6NetworkCidr": "0.0.0.0/0"}),
        ("OutsideIpAddressType", {"OutsideIpAddressType": "Carrier"}),
    ],
)
def test_connection_options_that_cannot_be(ec2: Ec2, named: str, options: dict[str, Any]) -> None:
    arguments = {"Type": "ipsec.1", "VpnGatewayId": hub(ec2), "CustomerGatewayId": site(ec2)}
    refusal(ec2, "InvalidParameterValue", named, "CreateVpnConnection", Options=options, **arguments)


def test_what_connections_refuse(ec2: Ec2) -> None:
    gateway, customer = hub(ec2), site(ec2)
    both = {"Type": "ipsec.1", "VpnGatewayId": gateway, "CustomerGatewayId": customer}
    wanted = {"TunnelOptions": [{"TunnelInsideCidr": "169.254.10.0/30"}]}
    assert ec2.code("CreateVpnConnection", **{**both, "Type": "ipsec.2"}) == "InvalidParameterValue"
    three = {"TunnelOptions": [{"PreSharedKey": KEY}] * 3}
    assert ec2.code("CreateVpnConnection", **both, Options=three) == "InvalidParameterValue"
    assert ec2.code("CreateVpnConnection", **both, PreSharedKeyStorage="Vault") == "InvalidParameterValue"
    for more in ({"TransitGatewayId": "tgw-1"}, {"VpnConcentratorId": "x"}, {"PreSharedKeyStorage": "SecretsManager"}):
        assert ec2.code("CreateVpnConnection", **both, **more) == "UnsupportedOperation"
    no_gateway = {"Type": "ipsec.1", "CustomerGatewayId": customer}
    assert ec2.code("CreateVpnConnection", **no_gateway) == "MissingParameter"
    for code, ids in (
        ("InvalidVpnGatewayID.NotFound", {"VpnGatewayId": f"vgw-{UNKNOWN}"}),
        ("InvalidCustomerGatewayID.NotFound", {"CustomerGatewayId": f"cgw-{UNKNOWN}"}),
        ("InvalidCustomerGatewayId.Malformed", {"CustomerGatewayId": "cgw-?"}),
    ):
        assert ec2.code("CreateVpnConnection", **{**both, **ids}) == code
    connect(ec2, gateway, customer, Options=wanted)
    assert ec2.code("CreateVpnConnection", **both) == "InvalidOption.Conflict"
    other = {**both, "CustomerGatewayId": site(ec2, 2)}
    assert ec2.code("CreateVpnConnection", **other, Options=wanted) == "InvalidCidr.InUse"
    same_asn = site(ec2, 3, BgpAsn=64512)
    assert ec2.code("CreateVpnConnection", **{**both, "CustomerGatewayId": same_asn}) == "InvalidParameterCombination"
    ec2("DeleteCustomerGateway", CustomerGatewayId=same_asn)
    assert ec2.code("CreateVpnConnection", **{**both, "CustomerGatewayId": same_asn}) == "InvalidCustomerGatewayState"
    unused = hub(ec2)
    ec2("DeleteVpnGateway", VpnGatewayId=unused)
    assert ec2.code("CreateVpnConnection", **{**other, "VpnGatewayId": unused}) == "InvalidVpnGatewayState"
    for number in range(10, 19):
        connect(ec2, gateway, site(ec2, number))
    assert ec2.code("CreateVpnConnection", **other) == "VpnConnectionLimitExceeded"
    assert ec2.code("DeleteVpnConnection", VpnConnectionId=f"vpn-{UNKNOWN}") == "InvalidVpnConnectionID.NotFound"
    assert ec2.code("DescribeVpnConnections", VpnConnectionIds=["vpn-?"]) == "InvalidVpnConnectionID.NotFound"


def test_telemetry_is_what_was_observed(ec2: Ec2) -> None:
    made = connect(ec2, hub(ec2), site(ec2))
    since = datetime(2026, 11, 23, 6, 7, 8, tzinfo=UTC)
    up = TunnelState(status=Status.UP, changed=since, why="3 routes by BGP", accepted_routes=3)
    ec2.observation = Observation(tunnels={(made["VpnConnectionId"], 2): up})
    one, two = shown(ec2, made["VpnConnectionId"])["VgwTelemetry"]
    assert one["Status"] == "DOWN"
    assert two == {
        "OutsideIpAddress": made["Options"]["TunnelOptions"][1]["OutsideIpAddress"],
        "Status": "UP",
        "StatusMessage": "3 routes by BGP",
        "LastStatusChange": since,
        "AcceptedRouteCount": 3,
    }


def test_a_deleted_connection_stays_to_be_seen_and_tells_no_secrets() -> None:
    for builds, state in ((True, "deleting"), (False, "deleted")):
        ec2 = Ec2(Cloud(builds=builds))
        made = connect(ec2, hub(ec2), site(ec2))
        ec2("DeleteVpnConnection", VpnConnectionId=made["VpnConnectionId"])
        found = shown(ec2, made["VpnConnectionId"])
        assert found["State"] == state
        assert "CustomerGatewayConfiguration" not in found
        assert all("PreSharedKey" not in tunnel for tunnel in found["Options"]["TunnelOptions"])


def test_a_pending_connection_has_its_configuration() -> None:
    ec2 = Ec2(Cloud(builds=True))
    made = connect(ec2, hub(ec2), site(ec2))
    assert made["State"] == "pending"
    assert len(ElementTree.fromstring(made["CustomerGatewayConfiguration"]).findall("ipsec_tunnel")) == 2


def test_static_routes(ec2: Ec2) -> None:
    gateway = hub(ec2)
    static = connect(ec2, gateway, site(ec2, 1), Options={"StaticRoutesOnly": True})["VpnConnectionId"]
    dynamic = connect(ec2, gateway, site(ec2, 2))["VpnConnectionId"]
    route = {"VpnConnectionId": static, "DestinationCidrBlock": "192.168.60.0/24"}
    assert ec2("CreateVpnConnectionRoute", **route) == {}
    by_route = [
        {"Name": "route.destination-cidr-block", "Values": ["192.168.60.0/24"]},
        {"Name": "vpn-connection-id", "Values": [static]},
    ]
    (found,) = ec2("DescribeVpnConnections", Filters=by_route)["VpnConnections"]
    shown_route = {"DestinationCidrBlock": "192.168.60.0/24", "Source": "Static", "State": "available"}
    assert found["Routes"] == [shown_route]
    assert ec2("DeleteVpnConnectionRoute", **route) == {}
    assert shown(ec2, static)["Routes"] == [{**shown_route, "State": "deleted"}]
    for code, arguments in (
        ("InvalidRoute.Malformed", route),
        ("InvalidVpnConnection.InvalidType", {**route, "VpnConnectionId": dynamic}),
        ("InvalidVpnConnectionID.NotFound", {**route, "VpnConnectionId": f"vpn-{UNKNOWN}"}),
        ("InvalidParameterValue", {**route, "DestinationCidrBlock": "192.168.60.0/33"}),
    ):
        assert ec2.code("DeleteVpnConnectionRoute", **arguments) == code


@pytest.mark.parametrize(
    ("builds", "state", "code"),
    [
        (True, "deleting", "InvalidVpnConnection.InvalidState"),
        (False, "deleted", "InvalidVpnConnectionID.NotFound"),
    ],
)
def test_the_routes_of_a_connection_go_with_it(builds: bool, state: str, code: str) -> None:
    cloud = Cloud()
    ec2 = Ec2(cloud)
    static = connect(ec2, hub(ec2), site(ec2), Options={"StaticRoutesOnly": True})["VpnConnectionId"]
    route = {"VpnConnectionId": static, "DestinationCidrBlock": "192.168.60.0/24"}
    ec2("CreateVpnConnectionRoute", **route)
    ec2 = Ec2(Cloud(builds=builds, found=cloud.snapshot))
    ec2("DeleteVpnConnection", VpnConnectionId=static)
    assert [each["State"] for each in shown(ec2, static)["Routes"]] == [state]
    for action in ("CreateVpnConnectionRoute", "DeleteVpnConnectionRoute"):
        assert ec2.code(action, **route) == code


@pytest.mark.parametrize(
    ("name", "value", "count"),
    [
        ("bgp-asn", "65002", 1),
        ("customer-gateway-configuration", "*<asn>65002</asn>*", 1),
        ("customer-gateway-id", "cgw-*", 2),
        ("option.static-routes-only", "true", 1),
        ("route.destination-cidr-block", "*", 0),
        ("state", "available", 2),
        ("tag:Name", "two", 1),
        ("tag-key", "Name", 1),
        ("transit-gateway-id", "*", 0),
        ("type", "ipsec.1", 2),
        ("vpn-connection-id", "vpn-*", 2),
        ("vpn-gateway-id", "vgw-*", 2),
    ],
)
def test_filters_of_connections(ec2: Ec2, name: str, value: str, count: int) -> None:
    gateway = hub(ec2)
    connect(ec2, gateway, site(ec2, 1), Options={"StaticRoutesOnly": True})
    tags = [{"ResourceType": "vpn-connection", "Tags": [{"Key": "Name", "Value": "two"}]}]
    connect(ec2, gateway, site(ec2, 2), TagSpecifications=tags)
    found = ec2("DescribeVpnConnections", Filters=[{"Name": name, "Values": [value]}])["VpnConnections"]
    assert len(found) == count


def test_dry_runs(ec2: Ec2) -> None:
    gateway, customer = hub(ec2), site(ec2)
    before = ec2.cloud.snapshot
    both = {"Type": "ipsec.1", "VpnGatewayId": gateway, "CustomerGatewayId": customer, "DryRun": True}
    for action, arguments in (
        ("CreateVpnConnection", both),
        ("DescribeVpnConnections", {"DryRun": True}),
        ("DeleteVpnGateway", {"VpnGatewayId": gateway, "DryRun": True}),
        ("DeleteCustomerGateway", {"CustomerGatewayId": customer, "DryRun": True}),
    ):
        with pytest.raises(DryRunSucceeded):
            ec2(action, **arguments)
    assert ec2.cloud.snapshot is before
    with pytest.raises(Ec2Error, match=r"InvalidVpnGatewayID\.NotFound"):
        ec2("CreateVpnConnection", **{**both, "VpnGatewayId": f"vgw-{UNKNOWN}"})
