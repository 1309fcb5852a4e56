"""CloudWatch's three actions as boto3 gets them, in each of the protocols that boto3 could choose."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import Any

import inprocess
import pytest
from botocore.exceptions import ClientError
from support import ACCOUNT, REGION, Cloud

from landbridge.api.aws.cloudwatch import list_metrics, metric_data
from landbridge.api.aws.cloudwatch.actions import ACTIONS
from landbridge.api.aws.cloudwatch.desk import WatchDesk
from landbridge.api.aws.http import Call, Reply, ec2_app
from landbridge.control.customer_gateways import CreateCustomerGateway
from landbridge.control.vpn_connections import CreateVpnConnection
from landbridge.control.vpn_gateways import CreateVpnGateway
from landbridge.model.secret import Secret
from landbridge.model.vpn import VpnConnection
from landbridge.observe.kernel import LinkCount
from landbridge.observe.metrics import Metrics, looked
from landbridge.observe.state import Status, TunnelState

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
OTHER_KEY, OTHER_ACCOUNT = "AKIAOTHER7OTHER7OTHE", "999999999999"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PROTOCOLS = ["json", "smithy-rpc-v2-cbor", "query"]


class Watched:
    """A connection that is looked at every half minute, and the door where CloudWatch's clients ask for it."""

    def __init__(self) -> None:
        self.cloud = Cloud()
        gateway = self.cloud.run(CreateVpnGateway())
        customer = self.cloud.run(CreateCustomerGateway(IPv4Address("203.0.113.77"), 65010))
        self.connection: VpnConnection = self.cloud.run(CreateVpnConnection(gateway.id, customer.id, static_only=True))
        self.metrics = Metrics()
        self.now = NOON
        self.bytes = 0
        self.app = ec2_app(
            self._handle,
            lambda key: Secret(SECRET) if key in (KEY, OTHER_KEY) else None,
            lambda: datetime.now(UTC),
            lambda: "request-1",
            actions=ACTIONS,
        )

    async def _handle(self, call: Call) -> Reply:
        account = ACCOUNT if call.access_key_id == KEY else OTHER_ACCOUNT
        return ACTIONS[call.action](WatchDesk(self.metrics, account, call.region, self.now), call.params)

    @property
    def outside(self) -> tuple[str, str]:
        one, two = self.connection.tunnels
        return str(one.outside), str(two.outside)

    def look(self, one: bool, two: bool, *, received: int = 0) -> None:
        """A look at both tunnels, half a minute after the last; tunnel 1 has received so many bytes in between."""
        self.bytes += received
        count = LinkCount(life=7, received=self.bytes, sent=2 * self.bytes)
        states = {
            (self.connection.id, number): TunnelState(
                status=Status.UP if up else Status.DOWN, changed=NOON, counted=count if number == 1 else None
            )
            for number, up in ((1, one), (2, two))
        }
        self.metrics = looked(self.metrics, [self.connection], states, self.now)
        self.now += timedelta(seconds=30)

    def client(self, *, region: str = REGION, key: str = KEY) -> Any:
        return inprocess.client(self.app, "cloudwatch", region, key, SECRET)

    def dimensions(self, tunnel: int | None = None, *, alone: bool = False) -> list[dict[str, str]]:
        connection = [] if alone else [{"Name": "VpnId", "Value": self.connection.id}]
        if tunnel is None:
            return connection
        return [*connection, {"Name": "TunnelIpAddress", "Value": self.outside[tunnel - 1]}]


@pytest.fixture
def watched() -> Watched:
    """Five minutes: all is up for two, then tunnel 2 is down for two and a half, then both are up."""
    made = Watched()
    for _ in range(4):
        made.look(True, True, received=100)
    for _ in range(5):
        made.look(True, False)
    made.look(True, True, received=1_000)
    return made


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The one that clients choose in this test; which is JSON, left to themselves."""
    order = (request.param, *(name for name in PROTOCOLS if name != request.param))
    monkeypatch.setattr("botocore.model.PRIORITY_ORDERED_SUPPORTED_PROTOCOLS", order)
    return str(request.param)


Statistics = Callable[..., dict[str, list[float]]]


@pytest.fixture
def statistics(watched: Watched, protocol: str) -> Statistics:
    """Asks GetMetricStatistics for the five minutes; answers by statistic, in order, with the timestamps."""
    client = watched.client()

    def ask(name: str, tunnel: int | None = None, *, alone: bool = False, **more: Any) -> dict[str, list[float]]:
        asked = {
            "Namespace": "AWS/VPN",
            "MetricName": name,
            "Dimensions": watched.dimensions(tunnel, alone=alone),
            "StartTime": NOON,
            "EndTime": NOON + timedelta(minutes=5),
            "Period": 60,
            "Statistics": ["Average", "Sum", "Minimum", "Maximum", "SampleCount"],
        }
        answer = client.get_metric_statistics(**asked | more)
        assert answer["Label"] == name
        found: dict[str, list[float]] = {}
        for point in sorted(answer["Datapoints"], key=lambda each: each["Timestamp"]):
            assert point.pop("Unit") == ("None" if name == "TunnelState" else "Bytes")
            for statistic, value in point.items():
                found.setdefault(statistic, []).append(value)
        return found

    return ask


def refusal(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return error["Code"], error["Message"]


def minutes(*numbers: int) -> list[datetime]:
    return [NOON + timedelta(minutes=number) for number in numbers]


class TestStatistics:
    def test_a_tunnel_is_up_or_down(self, statistics: Statistics) -> None:
        one, two = statistics("TunnelState", 1), statistics("TunnelState", 2)
        assert one["Timestamp"] == two["Timestamp"] == minutes(0, 1, 2, 3, 4)
        assert one["Minimum"] == one["Maximum"] == one["Average"] == [1, 1, 1, 1, 1]
        assert two["Minimum"] == [1, 1, 0, 0, 0]
        assert two["Maximum"] == [1, 1, 0, 0, 1]
        assert two["Average"] == [1, 1, 0, 0, 0.5]
        assert two["SampleCount"] == [2, 2, 2, 2, 2]
        assert two["Sum"] == [2, 2, 0, 0, 1]

    def test_a_connection_is_what_its_tunnels_are(self, statistics: Statistics) -> None:
        whole = statistics("TunnelState")
        assert whole["Average"] == [1, 1, 0.5, 0.5, 0.75]
        assert (whole["Minimum"], whole["Maximum"]) == ([1, 1, 0.5, 0.5, 0.5], [1, 1, 0.5, 0.5, 1])

    def test_a_tunnel_is_found_by_its_address_alone(self, statistics: Statistics) -> None:
        assert statistics("TunnelState", 2, alone=True) == statistics("TunnelState", 2)

    def test_bytes_are_those_since_the_minute_before(self, statistics: Statistics) -> None:
        received, sent = statistics("TunnelDataIn", 1), statistics("TunnelDataOut", 1)
        assert received["Sum"] == [100, 200, 0, 0, 1_000]
        assert sent["Sum"] == [200, 400, 0, 0, 2_000]
        assert received["SampleCount"] == [1, 1, 1, 1, 1]
        assert received["Average"] == received["Maximum"] == received["Minimum"] == received["Sum"]
        assert statistics("TunnelDataIn", 2)["Sum"] == [0, 0, 0, 0, 0]
        assert statistics("TunnelDataIn")["Sum"] == received["Sum"]

    def test_longer_periods(self, statistics: Statistics) -> None:
        data = statistics("TunnelDataIn", 1, Period=120)
        assert data["Timestamp"] == minutes(0, 2, 4)
        assert (data["Sum"], data["Average"]) == ([300, 0, 1_000], [150, 0, 1_000])
        assert (data["Minimum"], data["Maximum"]) == ([100, 0, 1_000], [200, 0, 1_000])
        assert data["SampleCount"] == [2, 2, 1]
        assert statistics("TunnelState", Period=300)["Average"] == [pytest.approx(0.75)]

    def test_the_beginning_is_rounded_to_its_minute_and_the_end_is_not_within(self, statistics: Statistics) -> None:
        late = statistics("TunnelDataIn", 1, StartTime=NOON + timedelta(seconds=90), Period=120)
        assert late["Timestamp"] == minutes(1, 3)
        assert late["Sum"] == [200, 1_000]
        short = statistics("TunnelDataIn", 1, EndTime=NOON + timedelta(minutes=1))
        assert short["Timestamp"] == minutes(0)
        assert statistics("TunnelDataIn", 1, EndTime=NOON + timedelta(seconds=61))["Timestamp"] == minutes(0, 1)

    def test_only_what_is_asked_for(self, statistics: Statistics) -> None:
        assert set(statistics("TunnelState", Statistics=["Maximum"])) == {"Timestamp", "Maximum"}

    @pytest.mark.parametrize(
        "other",
        [
            {"Namespace": "AWS/EC2"},
            {"Dimensions": []},
            {"Dimensions": [{"Name": "VpnId", "Value": "vpn-0"}]},
            {"Dimensions": [{"Name": "Colour", "Value": "red"}]},
            {"StartTime": NOON - timedelta(hours=3), "EndTime": NOON},
            {"Unit": "Bits"},
        ],
    )
    def test_what_there_is_not_has_no_data(self, statistics: Statistics, other: dict[str, Any]) -> None:
        assert statistics("TunnelState", **other) == {}

    def test_a_metric_that_there_is_not(self, statistics: Statistics) -> None:
        assert statistics("TunnelColour") == {}

    def test_the_unit_may_be_named(self, statistics: Statistics) -> None:
        assert statistics("TunnelDataIn", Unit="Bytes") == statistics("TunnelDataIn")

    @pytest.mark.parametrize(
        ("wrong", "code", "said"),
        [
            ({"Statistics": []}, "InvalidParameterCombination", "At least one of the parameters Statistics and"),
            ({"Statistics": ["Median"]}, "InvalidParameterValue", "Valid values: SampleCount, Average"),
            ({"ExtendedStatistics": ["p99"], "Statistics": []}, "UnsupportedOperation", "no percentiles"),
            ({"Period": 61}, "InvalidParameterValue", "multiple of 60"),
            ({"Period": 10}, "InvalidParameterValue", "multiple of 60"),
            ({"EndTime": NOON}, "InvalidParameterValue", "StartTime must be less than the parameter EndTime"),
            ({"EndTime": NOON + timedelta(minutes=1_441)}, "InvalidParameterCombination", "up to 1,441 datapoints"),
            ({"EndTime": NOON + timedelta(days=40_000)}, "InvalidParameterCombination", "up to 57,600,000 datapoints"),
            ({"Unit": "Bananas"}, "InvalidParameterValue", "Unit"),
        ],
    )
    def test_refusals(self, watched: Watched, protocol: str, wrong: dict[str, Any], code: str, said: str) -> None:
        good = {
            "Namespace": "AWS/VPN",
            "MetricName": "TunnelState",
            "StartTime": NOON,
            "EndTime": NOON + timedelta(minutes=5),
            "Period": 60,
            "Statistics": ["Sum"],
        }
        asked = {name: value for name, value in (good | wrong).items() if value != []}
        told = refusal(watched.client().get_metric_statistics, **asked)
        assert told[0] == code
        assert said in told[1]


class TestListMetrics:
    def test_every_kind_of_each_tunnel_and_of_the_connection(self, watched: Watched, protocol: str) -> None:
        metrics = watched.client().list_metrics(Namespace="AWS/VPN")["Metrics"]
        assert len(metrics) == 3 * (1 + 2 + 2)
        shown = [(m["MetricName"], tuple((d["Name"], d["Value"]) for d in m["Dimensions"])) for m in metrics]
        vpn, one = ("VpnId", watched.connection.id), ("TunnelIpAddress", watched.outside[0])
        for name in ("TunnelState", "TunnelDataIn", "TunnelDataOut"):
            for dimensions in ((vpn,), (one,), (vpn, one)):
                assert (name, dimensions) in shown
        assert len(set(shown)) == len(shown)

    @pytest.mark.parametrize(
        ("asked", "count"),
        [
            ({}, 15),
            ({"Namespace": "AWS/EC2"}, 0),
            ({"MetricName": "TunnelState"}, 5),
            ({"MetricName": "TunnelColour"}, 0),
            ({"Dimensions": [{"Name": "VpnId"}]}, 9),
            ({"Dimensions": [{"Name": "VpnId"}, {"Name": "TunnelIpAddress"}]}, 6),
            ({"Dimensions": [{"Name": "VpnId", "Value": "vpn-0"}]}, 0),
            ({"Dimensions": [{"Name": "Colour"}]}, 0),
            ({"RecentlyActive": "PT3H"}, 15),
            ({"IncludeLinkedAccounts": False}, 15),
            ({"OwningAccount": ACCOUNT}, 15),
            ({"OwningAccount": OTHER_ACCOUNT}, 0),
        ],
    )
    def test_filters(self, watched: Watched, protocol: str, asked: dict[str, Any], count: int) -> None:
        assert len(watched.client().list_metrics(**asked)["Metrics"]) == count

    def test_linked_accounts_are_none_but_the_own(self, watched: Watched, protocol: str) -> None:
        answer = watched.client().list_metrics(IncludeLinkedAccounts=True, MetricName="TunnelState")
        assert answer["OwningAccounts"] == [ACCOUNT] * 5

    def test_what_was_long_ago_is_not_recent(self, watched: Watched, protocol: str) -> None:
        watched.now += timedelta(hours=4)
        assert watched.client().list_metrics(RecentlyActive="PT3H")["Metrics"] == []
        assert len(watched.client().list_metrics()["Metrics"]) == 15

    def test_pages(self, watched: Watched, protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
        client = watched.client()
        whole = client.list_metrics()["Metrics"]
        monkeypatch.setattr(list_metrics, "_PAGE", 4)
        pages = list(client.get_paginator("list_metrics").paginate())
        assert [len(page["Metrics"]) for page in pages] == [4, 4, 4, 3]
        assert [metric for page in pages for metric in page["Metrics"]] == whole
        token = pages[0]["NextToken"]
        assert refusal(client.list_metrics, NextToken=token, MetricName="TunnelState")[0] == "InvalidNextToken"
        assert refusal(client.list_metrics, NextToken="nonsense")[0] == "InvalidNextToken"


def query(identity: str, name: str = "TunnelState", *, dimensions: Any = (), **more: Any) -> dict[str, Any]:
    stat = {
        "Metric": {"Namespace": "AWS/VPN", "MetricName": name, "Dimensions": dimensions},
        "Period": 60,
        "Stat": "Average",
    }
    return {"Id": identity, "MetricStat": stat | more.pop("stat", {}), **more}


TIME = {"StartTime": NOON, "EndTime": NOON + timedelta(minutes=5)}


class TestMetricData:
    def test_several_at_once(self, watched: Watched, protocol: str) -> None:
        answer = watched.client().get_metric_data(
            MetricDataQueries=[
                query("whole", dimensions=watched.dimensions()),
                query("two", dimensions=watched.dimensions(2), Label="the second"),
                query("data", "TunnelDataIn", dimensions=watched.dimensions(1), stat={"Stat": "Sum", "Period": 300}),
                query("nothing", dimensions=[{"Name": "VpnId", "Value": "vpn-0"}]),
                query("unseen", dimensions=watched.dimensions(), ReturnData=False),
            ],
            ScanBy="TimestampAscending",
            LabelOptions={"Timezone": "+0100"},
            **TIME,
        )
        whole, two, data, nothing = answer["MetricDataResults"]
        assert (whole["Id"], whole["Label"], whole["StatusCode"]) == ("whole", "TunnelState", "Complete")
        assert (whole["Timestamps"], whole["Values"]) == (minutes(0, 1, 2, 3, 4), [1, 1, 0.5, 0.5, 0.75])
        assert (two["Label"], two["Values"]) == ("the second", [1, 1, 0, 0, 0.5])
        assert (data["Timestamps"], data["Values"]) == (minutes(0), [1_300])
        assert (nothing["Id"], nothing["Values"], nothing["StatusCode"]) == ("nothing", [], "Complete")
        assert "NextToken" not in answer

    def test_the_newest_comes_first_if_nothing_else_is_said(self, watched: Watched, protocol: str) -> None:
        ask = watched.client().get_metric_data
        for more in ({}, {"ScanBy": "TimestampDescending"}):
            [found] = ask(MetricDataQueries=[query("a", dimensions=watched.dimensions())], **TIME, **more)[
                "MetricDataResults"
            ]
            assert (found["Timestamps"], found["Values"]) == (minutes(4, 3, 2, 1, 0), [0.75, 0.5, 0.5, 1, 1])

    @pytest.mark.parametrize("size", range(1, 13))
    @pytest.mark.parametrize("order", ["TimestampAscending", "TimestampDescending"])
    def test_pages_together_are_the_whole(self, watched: Watched, protocol: str, size: int, order: str) -> None:
        client = watched.client()
        asked = {
            "MetricDataQueries": [
                query("a", dimensions=watched.dimensions(1)),
                query("none"),
                query("b", dimensions=watched.dimensions(2)),
            ],
            "ScanBy": order,
            **TIME,
        }
        whole = {each["Id"]: each for each in client.get_metric_data(**asked)["MetricDataResults"]}
        together: dict[str, list[tuple[datetime, float]]] = {}
        pages = list(client.get_paginator("get_metric_data").paginate(**asked, PaginationConfig={"PageSize": size}))
        for page in pages:
            assert 0 < sum(len(each["Values"]) for each in page["MetricDataResults"]) <= size
            for each in page["MetricDataResults"]:
                points = together.setdefault(each["Id"], [])
                points += zip(each["Timestamps"], each["Values"], strict=True)
                ended = len(points) == len(whole[each["Id"]]["Values"])
                assert each["StatusCode"] == ("Complete" if ended else "PartialData")
        assert together == {
            identity: list(zip(each["Timestamps"], each["Values"], strict=True)) for identity, each in whole.items()
        }

    def test_a_token_is_of_its_query(self, watched: Watched, protocol: str) -> None:
        client = watched.client()
        asked = {"MetricDataQueries": [query("a", dimensions=watched.dimensions())], "MaxDatapoints": 2, **TIME}
        token = client.get_metric_data(**asked)["NextToken"]
        assert client.get_metric_data(**asked | {"MaxDatapoints": 3}, NextToken=token)["MetricDataResults"]
        other = asked | {"EndTime": NOON + timedelta(minutes=4)}
        assert refusal(client.get_metric_data, **other, NextToken=token)[0] == "InvalidNextToken"
        assert refusal(client.get_metric_data, **asked, NextToken="x" * 100)[0] == "InvalidNextToken"

    def test_a_place_that_nobody_gave_out(self, watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
        desk = WatchDesk(watched.metrics, ACCOUNT, REGION, watched.now)
        params = {"MetricDataQueries": [query("a", dimensions=watched.dimensions())], **TIME}
        for place in ("", "x", "1", "-1:", "1:2:3", "9" * 4 + ":", "0:" + "9" * 13):
            token = desk.token("GetMetricData", params, place)
            with pytest.raises(Exception, match="InvalidNextToken"):
                metric_data.get_metric_data(desk, {**params, "NextToken": token})
        token = desk.token("GetMetricData", params, "9:")
        assert metric_data.get_metric_data(desk, {**params, "NextToken": token})["MetricDataResults"] == []

    @pytest.mark.parametrize(
        ("wrong", "code", "said"),
        [
            ([query("A")], "ValidationError", "^[a-z][a-zA-Z0-9_]*$"),
            ([query("a"), query("a")], "ValidationError", "not unique"),
            ([query(f"a{n}") for n in range(501)], "ValidationError", "not 501"),
            ([query("a", stat={"Stat": "Median"})], "ValidationError", "member.1.MetricStat.Stat is not a valid"),
            ([query("a", stat={"Stat": "p99"})], "UnsupportedOperation", "p99 cannot be computed"),
            ([query("a", stat={"Stat": "TM(2%:98%)"})], "UnsupportedOperation", "cannot be computed"),
            ([query("a"), query("b", stat={"Period": 30})], "ValidationError", "member.2.MetricStat.Period"),
            ([query("a", Expression="m1 + m2")], "ValidationError", "either MetricStat or Expression"),
            ([{"Id": "a", "Expression": "m1 + m2"}], "UnsupportedOperation", "no metric math"),
            ([{"Id": "a"}], "ValidationError", "either MetricStat or Expression"),
            ([query("a", Period=60)], "ValidationError", "member.1.Period is for expressions"),
            ([query("a", AccountId=OTHER_ACCOUNT)], "UnsupportedOperation", "AccountId"),
            ([query("a", Label="${AVG}")], "UnsupportedOperation", "dynamic labels"),
            ([query("a", stat={"Unit": "Bananas"})], "InvalidParameterValue", "Unit"),
        ],
    )
    def test_queries_that_are_refused(
        self, watched: Watched, protocol: str, wrong: list[dict[str, Any]], code: str, said: str
    ) -> None:
        told = refusal(watched.client().get_metric_data, MetricDataQueries=wrong, **TIME)
        assert told[0] == code
        assert said in told[1]

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"EndTime": NOON}, "The parameter StartTime must not equal parameter EndTime."),
            ({"StartTime": NOON + timedelta(hours=1)}, "StartTime must be less than the parameter EndTime."),
            ({"MaxDatapoints": 100_801}, "between 1 and 100800"),
            ({"MaxDatapoints": 0}, "between 1 and 100800"),
            ({"LabelOptions": {"Timezone": "Berlin"}}, "LabelOptions.Timezone"),
        ],
    )
    def test_requests_that_are_refused(self, watched: Watched, protocol: str, wrong: dict[str, Any], said: str) -> None:
        told = refusal(
            watched.client().get_metric_data,
            **{"MetricDataQueries": [query("a", dimensions=watched.dimensions())], **TIME, **wrong},
        )
        assert told[0] == "ValidationError"
        assert said in told[1]


class TestWhoAsks:
    def test_other_accounts_and_regions_see_nothing_of_it(self, watched: Watched, protocol: str) -> None:
        for client in (watched.client(key=OTHER_KEY), watched.client(region="us-east-1")):
            assert client.list_metrics()["Metrics"] == []
            asked = {"MetricDataQueries": [query("a", dimensions=watched.dimensions())], **TIME}
            assert client.get_metric_data(**asked)["MetricDataResults"][0]["Values"] == []

    def test_a_key_that_there_is_not(self, watched: Watched, protocol: str) -> None:
        with pytest.raises(ClientError) as caught:
            watched.client(key="AKIANOBODY7NOBODY7NO").list_metrics()
        assert caught.value.response["Error"]["Code"] == "InvalidClientTokenId"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403

    @pytest.mark.parametrize("action", ["describe_alarms", "list_dashboards", "describe_anomaly_detectors"])
    def test_what_is_not_built(self, watched: Watched, protocol: str, action: str) -> None:
        code, message = refusal(getattr(watched.client(), action))
        assert code == "UnsupportedOperation"
        assert "landbridge does not have the action" in message

    def test_modelled_exceptions_are_raised_as_such(self, watched: Watched, protocol: str) -> None:
        client = watched.client()
        with pytest.raises(client.exceptions.InvalidParameterValueException):
            client.get_metric_statistics(
                Namespace="AWS/VPN", MetricName="TunnelState", Period=61, Statistics=["Sum"], **TIME
            )
