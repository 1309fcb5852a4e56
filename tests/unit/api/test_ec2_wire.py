"""The wire against botocore's own half of it: what it writes we read equal, what we write it reads equal."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from xml.etree import ElementTree

import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.session import Session
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from wire_values import ALL, EC2, OURS, full, pruned, values

from landbridge.api.aws.bounds import MAX_DEPTH, MAX_VALUE
from landbridge.api.aws.errors import Ec2Error, error_xml
from landbridge.api.aws.parse import MAX_NAME, MAX_PARAMETERS, parse
from landbridge.api.aws.serialize import ReplyError, serialize

NIGHTLY = os.environ.get("LANDBRIDGE_NIGHTLY") == "1"
SUPPRESS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
FEW = settings(max_examples=200 if NIGHTLY else 10, suppress_health_check=SUPPRESS)
MANY = settings(max_examples=20_000 if NIGHTLY else 400, suppress_health_check=SUPPRESS)
WITH_OUTPUT = [action for action in ALL if EC2.operation_model(action).output_shape]


def read_by_botocore(action: str, document: bytes) -> dict[str, Any]:
    response = {"body": document, "headers": {}, "status_code": 200}
    parsed: dict[str, Any] = create_parser("ec2").parse(response, EC2.operation_model(action).output_shape)
    return parsed


def written_by_botocore(action: str, params: dict[str, Any]) -> dict[str, str]:
    request = create_serializer("ec2", include_validation=False).serialize_to_request(
        params, EC2.operation_model(action)
    )
    return {name: str(value) for name, value in request["body"].items() if name not in {"Action", "Version"}}


def refusal(action: str, parameters: dict[str, str]) -> tuple[str, str]:
    with pytest.raises(Ec2Error) as caught:
        parse(action, parameters)
    assert caught.value.status == 400
    return caught.value.code, caught.value.message


def _outcome(action: str, parameters: dict[str, str]) -> str:
    try:
        parse(action, parameters)
    except Ec2Error as error:
        return error.code
    return "values"


@pytest.mark.timeout(3600 if NIGHTLY else 180)
class TestRoundTrips:
    """Every operation of the model, whether landbridge has it or not: it may tomorrow."""

    def test_a_full_request_of_every_operation(self) -> None:
        for action in ALL:
            params = full(EC2.operation_model(action).input_shape)
            assert parse(action, written_by_botocore(action, params)) == (pruned(params) or {}), action

    def test_a_full_answer_of_every_operation(self) -> None:
        for action in ALL:
            shape = EC2.operation_model(action).output_shape
            reply = full(shape) if shape else {}
            read = read_by_botocore(action, serialize(action, reply, "request-1"))
            assert read.pop("ResponseMetadata")["RequestId"] == "request-1"
            assert read == reply, action

    @MANY
    @given(data=st.data())
    def test_what_botocore_writes_we_read_equal(self, data: st.DataObject) -> None:
        self._request(data.draw(st.sampled_from(ALL)), data)

    @pytest.mark.parametrize("action", OURS)
    @FEW
    @given(data=st.data())
    def test_what_botocore_writes_of_ours_we_read_equal(self, action: str, data: st.DataObject) -> None:
        self._request(action, data)

    def _request(self, action: str, data: st.DataObject) -> None:
        params = data.draw(values(EC2.operation_model(action).input_shape, request=True))
        whole = pruned(params) or {}
        sent = written_by_botocore(action, params)
        # A required list or structure that is empty leaves nothing on the wire: such a request is not the same one.
        assume(params == whole or _outcome(action, sent) != "MissingParameter")
        assert parse(action, sent) == whole

    @MANY
    @given(data=st.data())
    def test_what_we_write_botocore_reads_equal(self, data: st.DataObject) -> None:
        self._answer(data.draw(st.sampled_from(WITH_OUTPUT)), data)

    @pytest.mark.parametrize("action", [action for action in OURS if action in WITH_OUTPUT])
    @FEW
    @given(data=st.data())
    def test_what_we_write_of_ours_botocore_reads_equal(self, action: str, data: st.DataObject) -> None:
        self._answer(action, data)

    def _answer(self, action: str, data: st.DataObject) -> None:
        reply = data.draw(values(EC2.operation_model(action).output_shape, request=False))
        read = read_by_botocore(action, serialize(action, reply, "request-1"))
        assert read.pop("ResponseMetadata")["RequestId"] == "request-1"
        assert read == reply

    def test_no_parameter_of_the_model_is_too_deep_or_too_long(self) -> None:
        for action in ALL:
            for name in written_by_botocore(action, full(EC2.operation_model(action).input_shape)):
                # Room for the largest index.
                assert name.count(".") < MAX_DEPTH, name
                assert len(name) + 3 * name.count(".") < MAX_NAME, name

    @given(text=st.text())
    def test_no_text_at_all_breaks_the_document(self, text: str) -> None:
        reply = {"VpnConnections": [{"CustomerGatewayConfiguration": text}]}
        read = read_by_botocore("DescribeVpnConnections", serialize("DescribeVpnConnections", reply, "r"))
        shown = read["VpnConnections"][0]["CustomerGatewayConfiguration"]
        assert len(shown) == len(text)
        assert all(there in (given, "\ufffd") for there, given in zip(shown, text, strict=True))

    @given(text=st.text())
    def test_no_text_at_all_breaks_the_error_document(self, text: str) -> None:
        root = ElementTree.fromstring(error_xml("InvalidParameterValue", text, "r"))
        assert len(root.findtext("Errors/Error/Message") or "") == len(text)


class TestRequests:
    def test_vpn_connection_as_terraform_sends_it(self) -> None:
        sent = {
            "Options.TunnelOptions.2.PreSharedKey": "second_key",
            "Options.TunnelOptions.1.IKEVersion.1.Value": "ikev2",
            "Options.TunnelOptions.1.DPDTimeoutSeconds": "40",
            "Options.StaticRoutesOnly": "false",
            "CustomerGatewayId": "cgw-1",
            "Type": "ipsec.1",
            "TagSpecification.1.ResourceType": "vpn-connection",
            "TagSpecification.1.Tag.1.Key": "Name",
            "TagSpecification.1.Tag.1.Value": "",
        }
        assert parse("CreateVpnConnection", sent) == {
            "CustomerGatewayId": "cgw-1",
            "Type": "ipsec.1",
            "Options": {
                "StaticRoutesOnly": False,
                "TunnelOptions": [
                    {"IKEVersions": [{"Value": "ikev2"}], "DPDTimeoutSeconds": 40},
                    {"PreSharedKey": "second_key"},
                ],
            },
            "TagSpecifications": [{"ResourceType": "vpn-connection", "Tags": [{"Key": "Name", "Value": ""}]}],
        }

    def test_an_empty_scalar_is_absent(self) -> None:
        assert parse("CreateVpnGateway", {"Type": "ipsec.1", "AvailabilityZone": ""}) == {"Type": "ipsec.1"}
        code, message = refusal("CreateVpnGateway", {"Type": ""})
        assert (code, message) == ("MissingParameter", "The request must contain the parameter Type")

    def test_an_empty_filter_value_is_a_value_and_an_empty_list_is_none(self) -> None:
        sent = {"Filter.1.Name": "tag:Name", "Filter.1.Value.1": ""}
        assert parse("DescribeVpcs", sent) == {"Filters": [{"Name": "tag:Name", "Values": [""]}]}
        assert parse("DescribeVpcs", {"Filter": ""}) == {}

    def test_list_items_come_by_index_and_gaps_do_not_matter(self) -> None:
        sent = {"VpcId.10": "vpc-c", "VpcId.2": "vpc-b", "VpcId.1": "vpc-a"}
        assert parse("DescribeVpcs", sent) == {"VpcIds": ["vpc-a", "vpc-b", "vpc-c"]}

    def test_no_parameters_at_all(self) -> None:
        assert parse("DescribeVpcs", {}) == {}
        assert parse("GetCallerIdentity", {}, service_name="sts") == {}

    def test_an_unknown_action_is_a_key_error(self) -> None:
        with pytest.raises(KeyError):
            parse("MakeCoffee", {})

    @pytest.mark.parametrize(
        "name",
        [
            "Colour",
            "Filter.1.Colour",
            "Filter.member.1.Name",
            "Filter.0.Name",
            "Filter.01.Name",
            "Filter.-1.Name",
            "Filter.10000.Name",
            "Filter..Name",
            "VpcId.１",
            "VpcId.1.More",
            "vpcId.1",
            "DryRun.1",
            "",
            ".",
            "Filter" + ".1" * MAX_DEPTH,
            "A" * (MAX_NAME + 1),
        ],
    )
    def test_unknown_parameters_are_refused(self, name: str) -> None:
        code, message = refusal("DescribeVpcs", {name: "x"})
        assert code == "UnknownParameter"
        assert message.endswith("is not recognized")
        assert len(message) < 200

    @pytest.mark.parametrize(
        ("action", "parameters"),
        [
            ("DescribeVpcs", {"MaxResults": "many"}),
            ("DescribeVpcs", {"MaxResults": "4"}),
            ("DescribeVpcs", {"MaxResults": "1001"}),
            ("DescribeVpcs", {"MaxResults": "9" * 400}),
            ("DescribeVpcs", {"MaxResults": "1_000"}),
            ("DescribeVpcs", {"MaxResults": "٥٠"}),
            ("DescribeVpcs", {"DryRun": "yes"}),
            ("DescribeVpcs", {"VpcId": "vpc-1"}),
            ("DescribeVpcs", {"VpcId.1": "vpc-\x00"}),
            ("DescribeVpcs", {"VpcId.1": "v" * (MAX_VALUE + 1)}),
            ("DescribeVpcs", {f"VpcId.{n}": "x" for n in range(1, MAX_PARAMETERS + 2)}),
            ("CreateVpc", {"InstanceTenancy": "mine"}),
            ("CreateVpnGateway", {"Type": "ipsec.1", "AmazonSideAsn": str(2**63)}),
            ("CreateVpnConnection", {"CustomerGatewayId": "cgw-1", "Type": "ipsec.1", "Options": "x"}),
            ("DescribeInstanceStatus", {"InstanceId.1": "i-1", "IncludeAllInstances": "1"}),
        ],
    )
    def test_bad_values_are_refused(self, action: str, parameters: dict[str, str]) -> None:
        code, message = refusal(action, parameters)
        assert code == "InvalidParameterValue"
        assert len(message) < 400

    @pytest.mark.parametrize(
        ("action", "parameters", "message"),
        [
            (
                "DescribeVpcs",
                {"MaxResults": "4"},
                "Value ( 4 ) for parameter MaxResults is invalid. Expecting a value greater than or equal to 5.",
            ),
            (
                "DescribeRouteTables",
                {"MaxResults": "101"},
                "Value ( 101 ) for parameter MaxResults is invalid. Expecting a value smaller than or equal to 100.",
            ),
            (
                "CreateVpc",
                {"InstanceTenancy": "mine"},
                "Value (mine) for parameter InstanceTenancy is invalid. Valid values: default, dedicated, host.",
            ),
            (
                "GetSecurityGroupsForVpc",
                {"VpcId": "vpc-1", "MaxResults": "1_0"},
                "Value ( 1_0 ) for parameter MaxResults is invalid. Expecting a whole number of 32 bits.",
            ),
            (
                "CreateVpcEndpoint",
                {f"DnsOptions.PrivateDnsSpecifiedDomain.{n}": "x" for n in range(1, 12)} | {"VpcId": "vpc-1"},
                "The parameter DnsOptions.PrivateDnsSpecifiedDomain has 11 members. At most 10 are taken.",
            ),
            (
                "AssociateRouteTable",
                {"SubnetId": "subnet-1"},
                "The request must contain the parameter RouteTableId",
            ),
        ],
    )
    def test_what_the_model_knows_is_checked_for_every_action(
        self, action: str, parameters: dict[str, str], message: str
    ) -> None:
        assert refusal(action, parameters)[1] == message

    def test_a_sensitive_value_is_not_repeated(self) -> None:
        sent = {"InstanceId": "i-1", "UserData.Value": "my password, which is no base64"}
        code, message = refusal("ModifyInstanceAttribute", sent)
        assert code == "InvalidParameterValue"
        assert "my password" not in message

    @given(
        parameters=st.dictionaries(
            st.lists(
                st.sampled_from(
                    ["Options", "TunnelOptions", "1", "2", "IKEVersion", "Value", "Type", "TagSpecification"]
                )
                | st.text(max_size=5),
                min_size=1,
                max_size=6,
            ).map(".".join),
            st.sampled_from(["", "true", "1", "ipsec.1", "x"]) | st.text(max_size=20),
            max_size=12,
        )
    )
    def test_whatever_is_sent_gives_values_or_a_refusal(self, parameters: dict[str, str]) -> None:
        outcomes = {"values", "UnknownParameter", "InvalidParameterValue", "MissingParameter"}
        assert _outcome("CreateVpnConnection", parameters) in outcomes


class TestAnswers:
    def test_the_envelope(self) -> None:
        assert serialize("DeleteVpc", {}, "request-1").decode() == (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<DeleteVpcResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
            "<requestId>request-1</requestId><return>true</return></DeleteVpcResponse>"
        )

    def test_lists_none_and_empty(self) -> None:
        reply = {"RouteTables": [{"PropagatingVgws": [], "RouteTableId": "rtb-1", "VpcId": None}], "NextToken": None}
        assert (
            b"<routeTableSet><item><propagatingVgwSet/><routeTableId>rtb-1</routeTableId></item></routeTableSet>"
            in (serialize("DescribeRouteTables", reply, "r"))
        )
        assert b"nextToken" not in serialize("DescribeRouteTables", reply, "r")

    def test_timestamps_are_utc_with_a_zeroed_fraction(self) -> None:
        moment = datetime(2026, 11, 23, 6, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=1)))
        reply = {"VpnConnections": [{"VgwTelemetry": [{"LastStatusChange": moment}]}]}
        expected = b"<lastStatusChange>2026-11-23T05:00:00.000Z</lastStatusChange>"
        assert expected in serialize("DescribeVpnConnections", reply, "r")

    def test_sts_speaks_its_own_protocol(self) -> None:
        document = serialize("GetCallerIdentity", {"Account": "123456789012"}, "request-1", service_name="sts")
        sts = Session().get_service_model("sts").operation_model("GetCallerIdentity")
        response = {"body": document, "headers": {}, "status_code": 200}
        read = create_parser("query").parse(response, sts.output_shape)
        assert read["Account"] == "123456789012"
        assert read["ResponseMetadata"]["RequestId"] == "request-1"

    @pytest.mark.parametrize(
        ("action", "reply"),
        [
            ("DescribeVpcs", {"Vpc": []}),
            ("DescribeVpcs", {"Vpcs": [{"Colour": "red"}]}),
            ("DescribeVpcs", {"Vpcs": [{"Colour": None}]}),
            ("DescribeVpcs", {"Vpcs": {}}),
            ("DescribeVpcs", {"Vpcs": "vpc-1"}),
            ("DescribeVpcs", {"Vpcs": ["vpc-1"]}),
            ("DescribeVpcs", {"Vpcs": [{"IsDefault": "true"}]}),
            ("DescribeVpcs", {"Vpcs": [{"VpcId": 1}]}),
            ("DescribeSubnets", {"Subnets": [{"AvailableIpAddressCount": True}]}),
            ("DescribeCustomerGateways", {"CustomerGateways": [{"BgpAsn": 65000}]}),
            (
                "DescribeVpnConnections",
                {"VpnConnections": [{"VgwTelemetry": [{"LastStatusChange": datetime(2026, 1, 1)}]}]},
            ),
            ("DeleteVpc", {"Return": True}),
        ],
    )
    def test_a_reply_that_does_not_fit_is_a_mistake(self, action: str, reply: dict[str, Any]) -> None:
        with pytest.raises(ReplyError):
            serialize(action, reply, "r")

    def test_the_mistake_names_members_and_no_values(self) -> None:
        secret = {"VpnConnection": {"Options": {"TunnelOptions": [{"PreSharedKey": b"s3cret"}]}}}
        with pytest.raises(ReplyError, match=r"TunnelOption\.PreSharedKey: string wanted, bytes given") as caught:
            serialize("CreateVpnConnection", secret, "r")
        assert "s3cret" not in str(caught.value)


def test_utc_is_what_a_naive_time_means() -> None:
    sent = {"InstanceId.1": "i-1", "ReasonCode.1": "other", "Status": "ok", "StartTime": "2026-11-23T05:00:00"}
    assert parse("ReportInstanceStatus", sent)["StartTime"] == datetime(2026, 11, 23, 5, tzinfo=UTC)
