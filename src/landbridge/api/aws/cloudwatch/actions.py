"""Every action of CloudWatch's that landbridge answers, as one visible list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from landbridge.api.aws.cloudwatch.desk import Action
from landbridge.api.aws.cloudwatch.list_metrics import list_metrics
from landbridge.api.aws.cloudwatch.metric_data import get_metric_data
from landbridge.api.aws.cloudwatch.metric_statistics import get_metric_statistics

ACTIONS: Final[Mapping[str, Action]] = {
    "GetMetricData": get_metric_data,
    "GetMetricStatistics": get_metric_statistics,
    "ListMetrics": list_metrics,
}
