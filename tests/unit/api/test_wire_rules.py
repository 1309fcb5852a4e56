"""The EC2 Query protocol, rule by rule, at the whole door: what its real clients send and depend on."""

from __future__ import annotations

import random
import re
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree

import pytest
import recorded
from examples import UNKNOWN, World, built, cloud_at
from places import takes
from structlog.testing import capture_logs
from test_every_action import BUILT
from test_every_describe import items
from whole_door import FORM, HOST, XML, Answer, Door, read, signed, written
from wire_values import ALL, EC2, full

from landbridge.api.aws import sigv4
from landbridge.api.aws.ec2.actions import ACTIONS
from landbridge.api.aws.parse import parse
from landbridge.api.aws.serialize import serialize
from landbridge.customer.device_file import read as read_device_file
from landbridge.model.secret import Secret

NAMESPACE = "{http://ec2.amazonaws.com/doc/2016-11-15/}"


@pytest.fixture
def door() -> Door:
    return Door(cloud_at(built()[0]))


@pytest.fixture
def world() -> World:
    return built()[1]


def body(action: str, **parameters: str) -> bytes:
    return urlencode({"Action": action, "Version": EC2.api_version, **parameters}).encode()


# --- requests ---------------------------------------------------------------------------------------------------------


def test_rule_01_post_or_get_a_form_with_or_without_charset(door: Door) -> None:
    asked = body("DescribeVpcs")
    expected = door.post(asked).body
    assert b"<vpcSet><item>" in expected
    for kind in ("application/x-www-form-urlencoded", FORM, "Application/X-WWW-Form-URLencoded;Charset=UTF-8"):
        assert door.post(asked, Content_Type=kind).body == expected
    assert door.get({"Action": "DescribeVpcs", "Version": EC2.api_version}).body == expected
    # Half of it in the query, half in the body.
    headers = signed(b"Action=DescribeVpcs", {"Content-Type": FORM})
    assert door.send(headers=headers, query=b"Version=2016-11-15", chunks=[b"Action=DescribeVpcs"]).status == 403
    assert door.post(b"Action=DescribeVpcs").body == expected, "a version is not needed"


def test_rule_02_names_are_the_query_name_the_capitalised_location_name_or_the_members(door: Door) -> None:
    for sent, member in (
        ("NetworkInterface.1.PrivateIpAddresses.1.PrivateIpAddress", "PrivateIpAddresses"),  # queryName
        ("NetworkInterface.1.SecurityGroupId.1", "Groups"),  # locationName SecurityGroupId
        ("NetworkInterface.1.PrivateIpAddress", "PrivateIpAddress"),  # locationName privateIpAddress
        ("NetworkInterface.1.InterfaceType", "InterfaceType"),  # none
    ):
        params = parse("RunInstances", {sent: "interface", "MinCount": "1", "MaxCount": "1"})
        assert list(params["NetworkInterfaces"][0]) == [member]
    for action in ALL:  # and so for every one
        shape = EC2.operation_model(action).input_shape
        assert set(parse(action, written(action, full(shape)))) == set(shape.members)


def test_rule_03_lists_are_flattened_and_ordered_by_their_index(door: Door, world: World) -> None:
    sent = {"VpcId.7": "vpc-c", "VpcId.2": "vpc-a", "VpcId.10": "vpc-d", "VpcId.3": "vpc-b"}
    assert parse("DescribeVpcs", sent) == {"VpcIds": ["vpc-a", "vpc-b", "vpc-c", "vpc-d"]}
    assert b"<vpcSet><item>" in door.form("DescribeVpcs", {"VpcId.7": world.vpc, "VpcId.9999": world.spare_vpc}).body
    tunnels = parse(
        "CreateVpnConnection",
        {
            "CustomerGatewayId": "cgw-1",
            "Type": "ipsec.1",
            "Options.TunnelOptions.1.IKEVersion.2.Value": "ikev2",
            "Options.TunnelOptions.1.IKEVersion.1.Value": "ikev1",
            "Options.TunnelOptions.1.Phase1DHGroupNumber.1.Value": "14",
        },
    )["Options"]["TunnelOptions"]
    assert tunnels == [
        {"IKEVersions": [{"Value": "ikev1"}, {"Value": "ikev2"}], "Phase1DHGroupNumbers": [{"Value": 14}]}
    ]
    for wrong in ("VpcId.member.1", "VpcId.0", "VpcId.99999999999999999999", "VpcIds.1", "vpcId.1"):
        assert door.form("DescribeVpcs", {wrong: world.vpc}).code == "UnknownParameter"


def test_rule_04_booleans_blobs_timestamps_and_numbers() -> None:
    assert parse("DescribeVpcs", {"DryRun": "true", "MaxResults": "7"}) == {"DryRun": True, "MaxResults": 7}
    assert parse("DescribeVpcs", {"DryRun": "False"}) == {"DryRun": False}
    key = parse("ImportKeyPair", {"KeyName": "k", "PublicKeyMaterial": "AP8K"})["PublicKeyMaterial"]
    assert key == b"\x00\xff\n"
    for text in ("2026-11-23T05:00:00Z", "2026-11-23T05:00:00.000Z", "2026-11-23T06:00:00+01:00"):
        sent = {"InstanceId.1": "i-1", "ReasonCode.1": "other", "Status": "ok", "StartTime": text}
        assert parse("ReportInstanceStatus", sent)["StartTime"] == datetime(2026, 11, 23, 5, tzinfo=UTC)


def test_rule_05_an_empty_list_is_none(door: Door) -> None:
    expected = door.form("DescribeVpcs", {}).body
    assert door("DescribeVpcs", Filters=[], VpcIds=[]).body == expected, "botocore sends nothing for it"
    assert door.form("DescribeVpcs", {"Filter": "", "VpcId": ""}).body == expected, "old SDKs for Go sent this"
    assert door.form("DescribeVpcs", {"Filter": "x"}).code == "InvalidParameterValue"


def test_rule_06_an_empty_scalar_is_absent(door: Door) -> None:
    made = door.form("CreateVpnGateway", {"Type": "ipsec.1", "AvailabilityZone": ""})
    assert made.status == 200
    assert door.form("CreateVpnGateway", {"Type": ""}).code == "MissingParameter"


def test_rule_07_the_order_of_parameters_is_any(door: Door, world: World) -> None:
    arguments: dict[str, Any] = {
        "VpcIds": [world.vpc, world.spare_vpc],
        "Filters": [{"Name": "vpc-id", "Values": ["x", world.vpc]}, {"Name": "state", "Values": ["available"]}],
    }
    parameters = list({"Action": "DescribeVpcs", **written("DescribeVpcs", arguments)}.items())
    expected = door("DescribeVpcs", **arguments).body
    for seed in range(20):
        random.Random(seed).shuffle(parameters)
        assert door.post(urlencode(parameters).encode()).body == expected


def test_rule_08_what_is_not_known_is_refused(door: Door) -> None:
    unknown = door.form("DescribeVpcs", {"Colour": "red"})
    assert (unknown.status, unknown.error) == (400, ("UnknownParameter", "The parameter Colour is not recognized"))
    for nothing in (b"", b"Version=2016-11-15", b"Action=", b"action=DescribeVpcs"):
        assert door.post(nothing).code == "MissingAction"
    for action in ("MakeCoffee", "describevpcs", "DescribeVpcs ", "\x00", "x" * 60_000):
        answer = door.post(body(action))
        assert (answer.status, answer.code) == (400, "InvalidAction")
        assert len(answer.body) < 500


# --- answers ----------------------------------------------------------------------------------------------------------


def test_rule_09_the_root_is_the_response_with_a_request_id(door: Door) -> None:
    root = ElementTree.fromstring(door.form("DescribeVpcs", {}).body)
    assert root.tag == f"{NAMESPACE}DescribeVpcsResponse"
    assert [child.tag for child in root] == [f"{NAMESPACE}requestId", f"{NAMESPACE}vpcSet"]
    assert root[0].text == "request-1"


def test_rule_10_tags_are_the_location_names(door: Door) -> None:
    document = door.form("DescribeVpnConnections", {}).body.decode()
    for tag in ("vpnConnectionId", "routes", "vgwTelemetry", "tagSet", "tunnelOptionSet", "outsideIpAddress"):
        assert f"<{tag}>" in document
    customer = door.form("DescribeCustomerGateways", {}).body.decode()
    assert "<bgpAsn>65010</bgpAsn>" in customer
    assert "<attachments><item>" in door.form("DescribeVpnGateways", {}).body.decode()
    assert "<attachmentSet><item>" in door.form("DescribeInternetGateways", {}).body.decode()


def test_rule_11_a_list_is_a_set_of_items(door: Door, world: World) -> None:
    document = door("DescribeRouteTables", RouteTableIds=[world.table]).body
    assert (
        f"<propagatingVgwSet><item><gatewayId>{world.vgw}</gatewayId></item></propagatingVgwSet>".encode() in document
    )


def test_rule_12_an_empty_list_is_an_empty_element_and_none_is_left_out(door: Door, world: World) -> None:
    document = door("DescribeRouteTables", RouteTableIds=[world.spare_table]).body
    for empty in (b"<propagatingVgwSet/>", b"<tagSet/>", b"<associationSet/>"):
        assert empty in document
    assert b"<subnetId/>" not in door("DescribeRouteTables").body, "the main association has no subnet"
    for action in (action for action in BUILT if takes(action, "Filters")):
        answer = door.form(action, {})
        assert answer.status == 200, action
        for shape, item in structures(EC2.operation_model(action).output_shape, read(action, answer)):
            assert "Tags" not in shape.members or "Tags" in item, (action, shape.name)


def structures(shape: Any, value: Any) -> list[tuple[Any, dict[str, Any]]]:
    """Every structure in an answer, with its shape."""
    match shape.type_name:
        case "structure":
            below = [(shape.members[name], each) for name, each in value.items() if name in shape.members]
            return [(shape, value), *(found for one in below for found in structures(*one))]
        case "list":
            return [found for each in value for found in structures(shape.member, each)]
    return []


def test_rule_13_without_an_output_it_is_return_true(door: Door, world: World) -> None:
    for action, arguments in (
        ("DeleteVpc", {"VpcId": world.spare_vpc}),
        ("CreateTags", {"Resources": [world.vpc], "Tags": [{"Key": "a", "Value": "b"}]}),
        ("DeleteVpnConnection", {"VpnConnectionId": world.vpn}),
        ("DeleteRoute", {"RouteTableId": world.table, "DestinationCidrBlock": "0.0.0.0/0"}),
    ):
        root = ElementTree.fromstring(door(action, **arguments).body)
        assert [(child.tag.removeprefix(NAMESPACE), child.text) for child in root] == [
            ("requestId", "request-1"),
            ("return", "true"),
        ]
    for action in ALL:
        if EC2.operation_model(action).output_shape is None:
            assert b"<return>true</return>" in serialize(action, {}, "r")


def test_rule_14_timestamps_end_in_000z(door: Door) -> None:
    document = door.form("DescribeInstances", {}).body.decode()
    assert re.findall(r"<launchTime>(.*?)</launchTime>", document) == ["2026-11-23T05:00:00.000Z"]


def test_rule_15_the_configuration_is_escaped_text_without_padding(door: Door, world: World) -> None:
    document = door.form("DescribeVpnConnections", {}).body
    assert b"<customerGatewayConfiguration>&lt;?xml version=" in document
    [connection] = read("DescribeVpnConnections", door.form("DescribeVpnConnections", {}))["VpnConnections"]
    text = connection["CustomerGatewayConfiguration"]
    root = ElementTree.fromstring(text)
    assert root.get("id") == world.vpn
    assert all(not (e.text or "").strip() or e.text == (e.text or "").strip() for e in root.iter())
    first, second = root.iter("ipsec_tunnel")
    outside = [t.findtext("vpn_gateway/tunnel_outside_address/ip_address") for t in (first, second)]
    assert outside == [o["OutsideIpAddress"] for o in connection["Options"]["TunnelOptions"]]
    assert read_device_file(text)


def test_rule_16_the_content_type(door: Door) -> None:
    for answer in (door.form("DescribeVpcs", {}), door.form("DescribeVpcs", {"Colour": "red"}), door.send("PUT")):
        assert answer.headers["content-type"] == XML == "text/xml;charset=UTF-8"


# --- errors -----------------------------------------------------------------------------------------------------------


def test_rule_17_the_error_document(door: Door) -> None:
    assert door("DeleteVpc", VpcId="vpc-" + UNKNOWN).body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<Response><Errors><Error><Code>InvalidVpcID.NotFound</Code>"
        f"<Message>The vpc ID 'vpc-{UNKNOWN}' does not exist</Message></Error></Errors>"
        "<RequestID>request-1</RequestID></Response>"
    )


def test_rule_18_statuses(door: Door, world: World) -> None:
    assert door("DeleteVpc", VpcId="vpc-" + UNKNOWN).status == 400
    assert door("DeleteVpc", VpcId=world.spare_vpc, DryRun=True).status == 412
    nobody = [(n, v.replace(b"AKIAIOSFODNN7", b"AKIANOBODY000")) for n, v in signed(b"", {"Content-Type": FORM})]
    answer = door.send(headers=nobody)
    assert (answer.status, answer.code) == (401, "AuthFailure")


def test_rule_19_every_failure_is_that_document(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def crashes(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setitem(ACTIONS, "DescribeVpcs", crashes)  # type: ignore[misc]
    with capture_logs():
        crash = door.form("DescribeVpcs", {})
    assert (crash.status, crash.code) == (500, "InternalError")
    assert b"a secret" not in crash.body
    assert door.form("DescribeSnapshots", {}).code == "UnsupportedOperation"
    assert door.send("PUT").code == "InvalidRequest"
    assert door.send(path="/ec2").code == "InvalidRequest"
    assert door.send().code == "MissingAuthenticationToken"
    assert door.post(b"{}", Content_Type="application/json").code == "UnsupportedMediaType"


def test_rule_20_a_dry_run_is_evaluated_after_everything_else(door: Door, world: World) -> None:
    before = door.cloud.snapshot
    assert door("DeleteVpc", VpcId=world.vpc, DryRun=True).code == "DependencyViolation"
    assert door("DeleteVpc", VpcId="vpc-1", DryRun=True).code == "InvalidVpcID.Malformed"
    assert door("DeleteVpc", VpcId=world.spare_vpc, DryRun=True).code == "DryRunOperation"
    assert door.cloud.snapshot is before
    assert door("DeleteVpc", VpcId=world.spare_vpc, DryRun=False).status == 200


# --- pages, filters, signatures ---------------------------------------------------------------------------------------


def test_rule_21_a_next_token_only_when_more_remain(door: Door) -> None:
    for _ in range(3):
        assert door("CreateVpc", CidrBlock="10.0.0.0/16").status == 200
    count = len(read("DescribeVpcs", door("DescribeVpcs"))["Vpcs"])
    assert count == 5
    assert b"nextToken" not in door("DescribeVpcs", MaxResults=5).body
    groups = len(read("DescribeSecurityGroups", door("DescribeSecurityGroups"))["SecurityGroups"])
    first = read("DescribeSecurityGroups", door("DescribeSecurityGroups", MaxResults=groups - 1))
    assert len(first["SecurityGroups"]) == groups - 1
    rest = read("DescribeSecurityGroups", door("DescribeSecurityGroups", MaxResults=5, NextToken=first["NextToken"]))
    assert len(rest["SecurityGroups"]) == 1
    assert "NextToken" not in rest


def test_rule_22_no_pages_where_the_model_has_none(door: Door) -> None:
    for action in ("DescribeVpnConnections", "DescribeVpnGateways", "DescribeCustomerGateways"):
        assert door.form(action, {"MaxResults": "5"}).code == "UnknownParameter"
        assert door.form(action, {"NextToken": "x"}).code == "UnknownParameter"
        assert items(action, read(action, door.form(action, {})))


def test_rule_23_filters(door: Door, world: World) -> None:
    def found(*filters: tuple[str, list[str]]) -> set[str]:
        answer = door("DescribeVpcs", Filters=[{"Name": name, "Values": values} for name, values in filters])
        assert answer.status == 200
        return {vpc["VpcId"] for vpc in read("DescribeVpcs", answer)["Vpcs"]}

    assert found(("vpc-id", [world.vpc, world.spare_vpc])) == {world.vpc, world.spare_vpc}
    assert found(("vpc-id", [world.vpc, world.spare_vpc]), ("cidr", ["10.9.*"])) == {world.spare_vpc}
    assert found(("cidr", ["10.?.0.0/16"]), ("tag-key", ["N?me"])) == {world.vpc}
    assert found(("tag:Name", ["a*"])) == {world.vpc}
    assert found(("isDefault", ["false"])) == {world.vpc, world.spare_vpc}
    answer = door("DescribeVpcs", Filters=[{"Name": "x", "Values": ["y"]}])
    assert (answer.status, answer.error) == (400, ("InvalidParameterValue", "The filter 'x' is invalid"))


@pytest.mark.parametrize("request_", [recorded.GO, recorded.JS], ids=["go", "js"])
def test_rule_24_the_signature_is_over_the_declared_headers(request_: recorded.Recorded) -> None:
    given = sigv4.SignedRequest("POST", b"/", b"", tuple(request_.header_list), request_.body)
    secrets = {recorded.KEY_ID: Secret(recorded.SECRET_KEY)}
    assert sigv4.verify(given, secrets.get, request_.at) == sigv4.Identity(recorded.KEY_ID, "eu-central-1", "ec2")


def test_rule_24_the_region_is_that_of_the_credential_scope(door: Door, world: World) -> None:
    asked = body("DescribeVpcs")
    assert b"<vpcSet/>" in door.post(asked, region="us-east-1").body
    assert world.vpc.encode() in door.post(asked).body
    wrong = signed(asked, {"Content-Type": FORM})
    assert door.send(headers=[(n, b"10.0.0.1" if n == b"host" else v) for n, v in wrong], chunks=[asked]).status == 403
    assert HOST.encode() in dict(wrong).values()


# --- what clients sent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", [recorded.GO, recorded.JS], ids=["go", "js"])
def test_a_recorded_request_says_what_its_client_meant(request_: recorded.Recorded) -> None:
    parameters = dict(parse_qsl(request_.body.decode(), keep_blank_values=True, strict_parsing=True))
    assert parameters.pop("Version") == EC2.api_version
    action = parameters.pop("Action")
    assert (action, parse(action, parameters)) == (request_.action, request_.params)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", FORM])
@pytest.mark.parametrize("client", [recorded.GO_BODIES, recorded.JS_BODIES], ids=["go", "js"])
def test_recorded_bodies_are_carried_out(door: Door, world: World, client: list[str], kind: str) -> None:
    for template in client:
        text = re.sub(r"\{(\w+)\}", lambda found: asdict(world)[found[1]], template)
        answer: Answer = door.post(text.encode(), Content_Type=kind)
        assert answer.error == ("", ""), text


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("MaxResults=0&Action=DescribeVpcs", "InvalidParameterValue"),
        ("Action=DescribeVpcs&MaxResults=five", "InvalidParameterValue"),
        ("Action=DescribeVpcs&DryRun=1", "InvalidParameterValue"),
        ("Action=DescribeVpcs&VpcId=vpc-1", "InvalidParameterValue"),
        ("Action=DescribeVpcs&VpcIds=vpc-1", "UnknownParameter"),
        ("Action=DescribeVpcs&Filter.1.Values.1=x", "UnknownParameter"),
        ("Action=DescribeVpcs&Filter.1.Name.1=x", "UnknownParameter"),
        ("Action=CreateVpc&InstanceTenancy=shared&CidrBlock=10.0.0.0/16", "InvalidParameterValue"),
        ("Action=CreateVpc&CidrBlock=10.0.0.0%2F16&CidrBlock=10.1.0.0%2F16", "InvalidParameterValue"),
        ("Action=CreateTags&Tag.1.Key=a", "MissingParameter"),
        ("Action=CreateVpnGateway&Type=ipsec.2", "InvalidParameterValue"),
        ("Action=CreateVpnGateway&Type=ipsec.1&AmazonSideAsn=9223372036854775808", "InvalidParameterValue"),
        ("Action=AttachVpnGateway&VpnGatewayId=vgw-0123456789abcdef0", "MissingParameter"),
        ("Action=DescribeVpcAttribute&VpcId=vpc-1&Attribute=enableEverything", "InvalidParameterValue"),
        ("Action=RunInstances&MinCount=one&MaxCount=1&ImageId=x", "InvalidParameterValue"),
    ],
)
def test_what_botocore_would_not_send(door: Door, sent: str, code: str) -> None:
    before = door.cloud.snapshot
    assert door.post(sent.encode()).code == code
    assert door.cloud.snapshot is before
