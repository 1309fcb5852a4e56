"""CloudWatch's three protocols against botocore's own half of each: what it writes we read equal, and the reverse."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import cbor2
import pytest
from botocore.model import OperationModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.session import Session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers
from wire_values import full, pruned, values

from landbridge.api.aws.bounds import MAX_DEPTH, MAX_VALUE
from landbridge.api.aws.errors import Ec2Error
from landbridge.api.aws.model import MONITORING, service
from landbridge.api.aws.protocols import Cbor, Json, Query, Spoken, spoken
from landbridge.api.aws.serialize import ReplyError

NIGHTLY = os.environ.get("LANDBRIDGE_NIGHTLY") == "1"
MANY = settings(
    max_examples=5_000 if NIGHTLY else 150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
CLOUDWATCH = Session().get_service_model("cloudwatch")
OURS = ["GetMetricData", "GetMetricStatistics", "ListMetrics"]
PROTOCOLS = ["json", "smithy-rpc-v2-cbor", "query"]


def holds(shape: Any, wanted: Callable[[Any], bool], seen: frozenset[str] = frozenset()) -> bool:
    """Whether a shape is, or has somewhere in it, one that is wanted."""
    if shape is None or shape.name in seen:
        return False
    below = {"structure": lambda: shape.members.values(), "list": lambda: [shape.member], "map": lambda: [shape.value]}
    inner = below.get(shape.type_name, list)()
    return wanted(shape) or any(holds(each, wanted, seen | {shape.name}) for each in inner)


def is_union(shape: Any) -> bool:
    """One of its members, and no more: `full` gives it all of them."""
    return shape.type_name == "structure" and shape.is_tagged_union


def written_by_botocore(protocol: str, action: str, params: dict[str, Any]) -> tuple[Spoken, bytes]:
    """A request as botocore sends it, and how the door takes it to be spoken."""
    serializer = create_serializer(protocol, include_validation=False)
    request = serializer.serialize_to_request(params, CLOUDWATCH.operation_model(action))
    body = request["body"]
    if protocol == "query":
        body = urlencode(body).encode()
    return spoken(service(MONITORING), request["url_path"], Headers(request["headers"])), body


def read_by_us(protocol: str, action: str, params: dict[str, Any]) -> dict[str, Any]:
    wire, body = written_by_botocore(protocol, action, params)
    asked = wire.asked(b"", body)
    assert asked.action == action
    return wire.params(asked)


def read_by_botocore(protocol: str, shape: Any, wire: Spoken, message: Any, status: int = 200) -> dict[str, Any]:
    response = {
        "body": message.body,
        "headers": {"content-type": message.kind, **message.headers},
        "status_code": status,
    }
    parsed: dict[str, Any] = create_parser(protocol).parse(response, shape)
    return parsed


def wire_of(protocol: str, action: str = "ListMetrics") -> Spoken:
    return written_by_botocore(protocol, action, {})[0]


def model(action: str) -> OperationModel:
    return CLOUDWATCH.operation_model(action)


def test_this_botocore_chooses_json() -> None:
    """What boto3 and the AWS CLI send today; the other two are for other clients."""
    assert CLOUDWATCH.resolved_protocol == "json"
    assert set(CLOUDWATCH.metadata["protocols"]) == set(PROTOCOLS) == set(service(MONITORING).protocols)


def test_how_it_is_told_which_is_spoken() -> None:
    expected = {"json": Json, "smithy-rpc-v2-cbor": Cbor, "query": Query}
    assert {name: type(wire_of(name)) for name in PROTOCOLS} == expected
    headers = Headers({"x-amz-target": "GraniteServiceVersion20100801.ListMetrics", "smithy-protocol": "rpc-v2-cbor"})
    assert type(spoken(service("ec2"), "/", headers)) is Query


@pytest.mark.parametrize("protocol", PROTOCOLS)
class TestRoundTrips:
    """Every operation of the model, whether landbridge has it or not."""

    def test_a_full_request_of_every_operation(self, protocol: str) -> None:
        for action in CLOUDWATCH.operation_names:
            # Of maps in requests the Query protocol knows nothing here.
            if protocol == "query" and holds(model(action).input_shape, lambda shape: shape.type_name == "map"):
                assert action not in OURS
                continue
            params = full(model(action).input_shape) if model(action).input_shape else {}
            expected = pruned(params) if protocol == "query" else params
            assert read_by_us(protocol, action, params) == (expected or {}), action

    def test_a_full_answer_of_every_operation(self, protocol: str) -> None:
        for action in CLOUDWATCH.operation_names:
            if holds(model(action).output_shape, is_union):
                assert action not in OURS
                continue
            self._answered(protocol, action, full(model(action).output_shape) if model(action).output_shape else {})

    @MANY
    @given(data=st.data())
    def test_what_botocore_writes_we_read_equal(self, protocol: str, data: st.DataObject) -> None:
        action = data.draw(st.sampled_from(OURS))
        params = data.draw(values(model(action).input_shape, request=True))
        if protocol == "query":
            sent = pruned(params) or {}
            if sent == params:
                assert read_by_us(protocol, action, params) == sent
            return
        assert read_by_us(protocol, action, params) == params

    @MANY
    @given(data=st.data())
    def test_what_we_write_botocore_reads_equal(self, protocol: str, data: st.DataObject) -> None:
        action = data.draw(st.sampled_from(OURS))
        self._answered(protocol, action, data.draw(values(model(action).output_shape, request=False)))

    @staticmethod
    def _answered(protocol: str, action: str, reply: dict[str, Any]) -> None:
        wire = wire_of(protocol, action)
        read = read_by_botocore(protocol, model(action).output_shape, wire, wire.answer(action, reply, "request-1"))
        read.pop("ResponseMetadata")
        assert read == reply, action


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("code", "exception"),
    [
        ("InvalidParameterValue", "InvalidParameterValueException"),
        ("ValidationError", "ValidationException"),
        ("Odd", "Odd"),
    ],
)
def test_a_refusal_has_the_code_that_clients_know(protocol: str, code: str, exception: str) -> None:
    wire = wire_of(protocol)
    message = wire.refusal(Ec2Error(code, "The <value> is wrong & so on."), "request-1")
    error = read_by_botocore(protocol, model("ListMetrics").output_shape, wire, message, 400)["Error"]
    assert (error["Code"], error["Message"], error["Type"]) == (code, "The <value> is wrong & so on.", "Sender")
    if protocol != "query":
        assert error["QueryErrorCode"] == exception


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_crash_is_the_receivers_fault(protocol: str) -> None:
    wire = wire_of(protocol)
    message = wire.refusal(Ec2Error("InternalError", "No.", 500), "request-1")
    error = read_by_botocore(protocol, model("ListMetrics").output_shape, wire, message, 500)["Error"]
    assert (error["Code"], error["Type"]) == ("InternalError", "Receiver")


def test_the_answers_are_of_the_type_that_was_asked() -> None:
    assert wire_of("json").answer("ListMetrics", {}, "r").kind == "application/x-amz-json-1.0"
    answered = wire_of("smithy-rpc-v2-cbor").answer("ListMetrics", {}, "r")
    assert (answered.kind, answered.headers) == ("application/cbor", {"smithy-protocol": "rpc-v2-cbor"})


GOOD = {"MetricDataQueries": [], "StartTime": 1, "EndTime": 2}


class TestBadRequests:
    @pytest.mark.parametrize("protocol", ["json", "smithy-rpc-v2-cbor"])
    @pytest.mark.parametrize(
        ("action", "sent", "code", "said"),
        [
            ("ListMetrics", [], "InvalidParameterValue", "has to be a map"),
            ("ListMetrics", "x", "InvalidParameterValue", "has to be a map"),
            ("ListMetrics", {"Colour": "red"}, "UnknownParameter", "Colour"),
            ("ListMetrics", {"Namespace": 1}, "InvalidParameterValue", "Namespace"),
            ("ListMetrics", {"Namespace": ""}, "InvalidParameterValue", "at least 1"),
            ("ListMetrics", {"Namespace": "x" * 256}, "InvalidParameterValue", "at most 255"),
            ("ListMetrics", {"NextToken": "x" * (MAX_VALUE + 1)}, "InvalidParameterValue", "longer than"),
            ("ListMetrics", {"NextToken": "\0"}, "InvalidParameterValue", "U+0000"),
            ("ListMetrics", {"Dimensions": {}}, "InvalidParameterValue", "is a list"),
            ("ListMetrics", {"Dimensions": [1]}, "InvalidParameterValue", "Dimensions.member.1 has members"),
            ("ListMetrics", {"Dimensions": [{"Value": "x"}]}, "MissingParameter", "Dimensions.member.1.Name"),
            ("ListMetrics", {"Dimensions": [{"Name": "x"}] * 11}, "InvalidParameterValue", "At most 10"),
            ("ListMetrics", {"RecentlyActive": "PT1H"}, "InvalidParameterValue", "PT3H"),
            ("ListMetrics", {"IncludeLinkedAccounts": "true"}, "InvalidParameterValue", "true or false"),
            ("GetMetricData", {}, "MissingParameter", "MetricDataQueries"),
            ("GetMetricData", {**GOOD, "StartTime": "now"}, "InvalidParameterValue", "seconds since 1970"),
            ("GetMetricData", {**GOOD, "StartTime": 10**18}, "InvalidParameterValue", "seconds since 1970"),
            ("GetMetricData", {**GOOD, "StartTime": True}, "InvalidParameterValue", "seconds since 1970"),
            ("GetMetricData", {**GOOD, "MaxDatapoints": 1.5}, "InvalidParameterValue", "whole number"),
            ("GetMetricData", {**GOOD, "MaxDatapoints": True}, "InvalidParameterValue", "whole number"),
            ("GetMetricData", {**GOOD, "MaxDatapoints": 2**31}, "InvalidParameterValue", "32 bits"),
        ],
    )
    def test_values(self, protocol: str, action: str, sent: Any, code: str, said: str) -> None:
        wire = wire_of(protocol, action)
        body = json.dumps(sent).encode() if protocol == "json" else cbor2.dumps(sent)
        with pytest.raises(Ec2Error) as caught:
            wire.params(wire.asked(b"", body))
        assert (caught.value.code, caught.value.status) == (code, 400)
        assert said in caught.value.message
        assert len(caught.value.message) < 400

    @pytest.mark.parametrize(
        ("protocol", "body"),
        [
            ("json", b"{"),
            ("json", b"\xff"),
            ("json", b"[" * 100_000),
            ("json", b'{"Namespace": "a", "Namespace": "b"}'),
            ("json", b'{"StartTime": NaN}'),
            ("json", b'{"StartTime": 1' + b"0" * 10_000 + b"}"),
            ("json", b"{} {}"),
            ("smithy-rpc-v2-cbor", b"\xff"),
            ("smithy-rpc-v2-cbor", b"\x81" * (MAX_DEPTH + 2) + b"\x00"),
            ("smithy-rpc-v2-cbor", b"\x9b" + b"\x7f" * 8),
            ("smithy-rpc-v2-cbor", b"\x5b" + b"\x7f" * 8),
            ("smithy-rpc-v2-cbor", b"\xa2\x61a\x01\x61a\x02"),
            ("smithy-rpc-v2-cbor", b"\xa1\x01\x02"),
            ("smithy-rpc-v2-cbor", b"\xa0\xa0"),
            ("smithy-rpc-v2-cbor", cbor2.dumps({"a": cbor2.CBORTag(35, "(a+)+")})),
            ("smithy-rpc-v2-cbor", cbor2.dumps({"a": cbor2.CBORTag(5, [2**60, 3])})),
            ("smithy-rpc-v2-cbor", cbor2.dumps({"a": cbor2.CBORTag(1, 10**30)})),
            ("smithy-rpc-v2-cbor", cbor2.dumps({"a": cbor2.CBORTag(1, "now")})),
            ("smithy-rpc-v2-cbor", cbor2.dumps({"a": 10**30})),
        ],
    )
    def test_bodies(self, protocol: str, body: bytes) -> None:
        with pytest.raises(Ec2Error) as caught:
            wire_of(protocol).asked(b"", body)
        assert caught.value.code == "SerializationException"
        assert len(caught.value.message) < 200

    @pytest.mark.parametrize("protocol", ["json", "smithy-rpc-v2-cbor"])
    @given(body=st.binary(max_size=200))
    def test_any_bytes_are_read_or_refused(self, protocol: str, body: bytes) -> None:
        wire = wire_of(protocol)
        try:
            wire.params(wire.asked(b"", body))
        except Ec2Error as error:
            outcome = error.status
        else:
            outcome = 200
        assert outcome in (200, 400)

    @pytest.mark.parametrize("protocol", ["json", "smithy-rpc-v2-cbor"])
    def test_no_body_is_an_empty_one(self, protocol: str) -> None:
        wire = wire_of(protocol)
        assert wire.params(wire.asked(b"", b"")) == {}
        with pytest.raises(Ec2Error, match="belong into its body"):
            wire.asked(b"Namespace=AWS/VPN", b"")

    @pytest.mark.parametrize("target", ["", "ListMetrics", "Other_20100801.ListMetrics"])
    def test_anothers_target(self, target: str) -> None:
        with pytest.raises(Ec2Error, match="InvalidAction"):
            Json(service(MONITORING), target).asked(b"", b"{}")

    @pytest.mark.parametrize(
        "path",
        ["/", "/service/Other/operation/ListMetrics", "/service/GraniteServiceVersion20100801/operation/", "/service"],
    )
    def test_another_path(self, path: str) -> None:
        assert not Cbor(service(MONITORING), path).at(path)


@pytest.mark.parametrize("protocol", ["json", "smithy-rpc-v2-cbor"])
@pytest.mark.parametrize(
    "reply",
    [
        {"Colour": "red"},
        {"Metrics": {}},
        {"Metrics": ["x"]},
        {"Metrics": [{"Namespace": 1}]},
        {"NextToken": True},
    ],
)
def test_a_reply_that_does_not_fit_is_a_mistake(protocol: str, reply: dict[str, Any]) -> None:
    with pytest.raises(ReplyError):
        wire_of(protocol).answer("ListMetrics", reply, "r")


def test_numbers_are_of_the_models_type() -> None:
    reply = {"MetricDataResults": [{"Values": [1, 0.5]}]}
    tree = cbor2.loads(wire_of("smithy-rpc-v2-cbor", "GetMetricData").answer("GetMetricData", reply, "r").body)
    assert [type(value) for value in tree["MetricDataResults"][0]["Values"]] == [float, float]


def test_moments_have_a_zone_and_lose_nothing() -> None:
    moment = datetime(2026, 11, 23, 5, 0, 0, 250_000, tzinfo=UTC)
    reply = {"MetricDataResults": [{"Timestamps": [moment]}]}
    for protocol in ("json", "smithy-rpc-v2-cbor"):
        wire = wire_of(protocol, "GetMetricData")
        read = read_by_botocore(
            protocol, model("GetMetricData").output_shape, wire, wire.answer("GetMetricData", reply, "r")
        )
        assert read["MetricDataResults"] == reply["MetricDataResults"]
