"""From minutes to data points: periods, and the statistics of what is in each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from landbridge.api.aws.cloudwatch.catalogue import Metric, Samples
from landbridge.observe.metrics import Metrics

STATISTICS: Final[Mapping[str, Callable[[Samples], float]]] = {
    "SampleCount": lambda samples: float(samples.count),
    "Average": lambda samples: samples.total / samples.count,
    "Sum": lambda samples: samples.total,
    "Minimum": lambda samples: samples.low,
    "Maximum": lambda samples: samples.high,
}
MINUTE: Final = 60


def periods(begin: datetime, end: datetime, period: int) -> int:
    """How many periods begin in that time."""
    return max(0, math.ceil((end.timestamp() - _minute(begin) * MINUTE) / period))


def points(metrics: Metrics, metric: Metric, begin: datetime, end: datetime, period: int) -> dict[datetime, Samples]:
    """The samples by the beginning of their period, in order; a period in which nobody looked has none.

    `begin` is rounded down to its minute, and periods (seconds) are counted from there, as CloudWatch does; a minute
    belongs to the answer if it begins before `end`.
    """
    first, last = _minute(begin), math.ceil(end.timestamp() / MINUTE)
    found: dict[int, Samples] = {}
    for source in metric.sources:
        for minute, seen in metrics.series[source].minutes(first, last):
            begins = first * MINUTE + (minute - first) * MINUTE // period * period
            samples = metric.kind.samples(seen)
            found[begins] = found[begins].with_more(samples) if begins in found else samples
    return {datetime.fromtimestamp(begins, UTC): found[begins] for begins in sorted(found)}


def _minute(moment: datetime) -> int:
    return math.floor(moment.timestamp() / MINUTE)
