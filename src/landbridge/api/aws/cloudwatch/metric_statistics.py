"""GetMetricStatistics: one metric's data points with the statistics that were asked for."""

from __future__ import annotations

from typing import Final

from landbridge.api.aws.cloudwatch.catalogue import find
from landbridge.api.aws.cloudwatch.desk import Params, Shape, WatchDesk
from landbridge.api.aws.cloudwatch.points import MINUTE, STATISTICS, periods, points
from landbridge.model.errors import Combination, Invalid, Unsupported

_MOST: Final = 1_440


def get_metric_statistics(desk: WatchDesk, params: Params) -> Shape:
    """GetMetricStatistics. A metric that there is not has no data points, and is no error."""
    statistics = _statistics(params)
    begin, end, period = params["StartTime"], params["EndTime"], params["Period"]
    if begin >= end:
        raise Invalid("StartTime", "The parameter StartTime must be less than the parameter EndTime.")
    if period % MINUTE:
        raise Invalid("Period", "The parameter Period must be a multiple of 60: minutes are the finest there is.")
    asked = periods(begin, end, period)
    if asked > _MOST:
        raise Combination(
            f"You have requested up to {asked:,} datapoints, which exceeds the limit of 1,440. You may reduce the "
            "datapoints requested by increasing Period, or decreasing the time range."
        )
    metric = find(desk.known, params["Namespace"], params["MetricName"], params.get("Dimensions", ()))
    found = points(desk.metrics, metric, begin, end, period) if metric is not None else {}
    if metric is None or params.get("Unit", metric.kind.unit) != metric.kind.unit:
        return {"Label": params["MetricName"], "Datapoints": []}
    return {
        "Label": params["MetricName"],
        "Datapoints": [
            {
                "Timestamp": moment,
                **{name: STATISTICS[name](samples) for name in statistics},
                "Unit": metric.kind.unit,
            }
            for moment, samples in found.items()
        ],
    }


def _statistics(params: Params) -> tuple[str, ...]:
    if params.get("ExtendedStatistics"):
        raise Unsupported(
            "landbridge keeps a count, a sum, a minimum and a maximum per minute, of which no percentiles can be "
            "computed. Ask for Statistics instead of ExtendedStatistics."
        )
    if not params.get("Statistics"):
        raise Combination("At least one of the parameters Statistics and ExtendedStatistics must be specified.")
    return tuple(params["Statistics"])
