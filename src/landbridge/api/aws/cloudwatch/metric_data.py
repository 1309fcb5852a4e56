"""GetMetricData: several metrics at once, one statistic of each, page by page.

What is wrong with a request is a ValidationError here, in CloudWatch's own sentences where they are known. Metric math
is not computed, and refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from landbridge.api.aws.bounds import shown
from landbridge.api.aws.cloudwatch.catalogue import find
from landbridge.api.aws.cloudwatch.desk import NEXT, Params, Shape, WatchDesk, no_token
from landbridge.api.aws.cloudwatch.points import MINUTE, STATISTICS, points
from landbridge.api.aws.errors import Ec2Error
from landbridge.model.errors import Unsupported

_ACTION: Final = "GetMetricData"
_MOST_QUERIES: Final = 500
_MOST_POINTS: Final = 100_800
_ID: Final = re.compile(r"[a-z][a-zA-Z0-9_]*", re.ASCII)
_TIMEZONE: Final = re.compile(r"[+-](0[0-9]|1[0-4])[0-5][0-9]", re.ASCII)
_EXTENDED: Final = re.compile(r"(p|tm|wm|tc|ts)[0-9.]{1,12}|(TM|WM|TC|TS|PR)\([0-9.:%]{1,40}\)|IQM", re.ASCII)
"""Percentiles, trimmed means and their like."""
_PLACE: Final = re.compile(r"([0-9]{1,3}):([0-9]{1,12})?", re.ASCII)
_ASCENDING: Final = "TimestampAscending"

Point = tuple[datetime, float]


@dataclass(frozen=True, slots=True)
class _Query:
    """What one of the queries asks for, found to be good."""

    identity: str
    label: str
    metric: Params
    period: int
    statistic: str
    unit: str | None


def get_metric_data(desk: WatchDesk, params: Params) -> Shape:
    """GetMetricData. A metric that there is not has no values, and is no error."""
    budget = _checked(params)
    queries = _queries(desk, params)
    first, after = _begin(desk.place(_ACTION, params))
    results: list[Shape] = []
    reply: Shape = {"MetricDataResults": results, "Messages": []}
    for number in range(first, len(queries)):
        if budget == 0:
            reply[NEXT] = desk.token(_ACTION, params, f"{number}:")
            break
        left = _points(desk, params, queries[number], after if number == first else None)
        part = left[:budget]
        budget -= len(part)
        results.append(
            {
                "Id": queries[number].identity,
                "Label": queries[number].label,
                "Timestamps": [moment for moment, _ in part],
                "Values": [value for _, value in part],
                "StatusCode": "Complete" if len(part) == len(left) else "PartialData",
            }
        )
        if len(part) < len(left):
            reply[NEXT] = desk.token(_ACTION, params, f"{number}:{part[-1][0].timestamp():.0f}")
            break
    return reply


def _begin(place: str | None) -> tuple[int, int | None]:
    """The query to go on with, and the moment after which, in the order in which its points are shown."""
    if place is None:
        return 0, None
    found = _PLACE.fullmatch(place)
    if found is None:
        raise no_token()
    return int(found[1]), int(found[2]) if found[2] else None


def _points(desk: WatchDesk, params: Params, query: _Query, after: int | None) -> list[Point]:
    metric = find(
        desk.known,
        query.metric.get("Namespace", ""),
        query.metric.get("MetricName", ""),
        query.metric.get("Dimensions", ()),
    )
    if metric is None or query.unit not in (None, metric.kind.unit):
        return []
    compute = STATISTICS[query.statistic]
    found = points(desk.metrics, metric, params["StartTime"], params["EndTime"], query.period)
    values = [(moment, compute(samples)) for moment, samples in found.items()]
    if params.get("ScanBy") == _ASCENDING:
        return [point for point in values if after is None or point[0].timestamp() > after]
    return [point for point in reversed(values) if after is None or point[0].timestamp() < after]


# --- what is asked for ------------------------------------------------------------------------------------------------


def _checked(params: Params) -> int:
    """What holds for the request as a whole. Answers how many points may be on a page."""
    begin, end = params["StartTime"], params["EndTime"]
    if begin == end:
        raise _wrong("The parameter StartTime must not equal parameter EndTime.")
    if begin > end:
        raise _wrong("The parameter StartTime must be less than the parameter EndTime.")
    most = params.get("MaxDatapoints", _MOST_POINTS)
    if not 1 <= most <= _MOST_POINTS:
        raise _wrong(f"The value {most} for parameter MaxDatapoints is not between 1 and {_MOST_POINTS}.")
    timezone = params.get("LabelOptions", {}).get("Timezone", "+0000")
    if _TIMEZONE.fullmatch(timezone) is None:
        raise _wrong(f"The value {shown(timezone)} for parameter LabelOptions.Timezone is none such as +0130.")
    return int(most)


def _queries(desk: WatchDesk, params: Params) -> list[_Query]:
    """The queries whose data are to be returned, in their order."""
    asked = params["MetricDataQueries"]
    if not 1 <= len(asked) <= _MOST_QUERIES:
        raise _wrong(f"The parameter MetricDataQueries has to have 1 to {_MOST_QUERIES} members, not {len(asked)}.")
    identities = [each["Id"] for each in asked]
    if len(set(identities)) < len(identities):
        raise _wrong("The values for parameter id in MetricDataQueries are not unique.")
    read = [_query(desk, each, f"MetricDataQueries.member.{number}") for number, each in enumerate(asked, 1)]
    return [query for query, each in zip(read, asked, strict=True) if each.get("ReturnData", True)]


def _query(desk: WatchDesk, asked: Params, where: str) -> _Query:
    identity = asked["Id"]
    if _ID.fullmatch(identity) is None:
        raise _wrong(
            f"The value {shown(identity)} for parameter {where}.Id is not matching the expected pattern "
            "^[a-z][a-zA-Z0-9_]*$."
        )
    if ("Expression" in asked) == ("MetricStat" in asked):
        raise _wrong(f"The parameter {where} has to have either MetricStat or Expression, and not both.")
    if "Expression" in asked:
        raise Unsupported(
            "landbridge computes no metric math, searches or queries (Expression). Ask for the metrics themselves by "
            "MetricStat."
        )
    if "Period" in asked:
        raise _wrong(f"The parameter {where}.Period is for expressions. Give {where}.MetricStat.Period alone.")
    if asked.get("AccountId", desk.account) != desk.account:
        raise Unsupported("landbridge shows no account another one's metrics. Leave AccountId out.")
    wanted = asked["MetricStat"]
    label = asked.get("Label", wanted["Metric"].get("MetricName", ""))
    if "${" in label:
        raise Unsupported("landbridge does not have dynamic labels (${...}). Give a plain Label, or none.")
    return _Query(
        identity=identity,
        label=label,
        metric=wanted["Metric"],
        period=_period(wanted["Period"], where),
        statistic=_statistic(wanted["Stat"], where),
        unit=wanted.get("Unit"),
    )


def _period(period: int, where: str) -> int:
    if period % MINUTE:
        raise _wrong(
            f"The value {period} for parameter {where}.MetricStat.Period is not a multiple of 60: minutes are the "
            "finest there is."
        )
    return period


def _statistic(name: str, where: str) -> str:
    if name in STATISTICS:
        return name
    if _EXTENDED.fullmatch(name) is not None:
        raise Unsupported(
            f"landbridge keeps a count, a sum, a minimum and a maximum per minute, of which {name} cannot be computed. "
            f"Statistics are {', '.join(STATISTICS)}."
        )
    raise _wrong(f"The value {shown(name)} for parameter {where}.MetricStat.Stat is not a valid statistic.")


def _wrong(message: str) -> Ec2Error:
    return Ec2Error("ValidationError", message)
