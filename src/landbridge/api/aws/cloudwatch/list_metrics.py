"""ListMetrics: which metrics have had data within the last day."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from landbridge.api.aws.cloudwatch.catalogue import NAMESPACE, Metric
from landbridge.api.aws.cloudwatch.desk import NEXT, Params, Shape, WatchDesk
from landbridge.api.aws.cloudwatch.points import MINUTE, points

_PAGE: Final = 500
_RECENT: Final = timedelta(hours=3)
"""PT3H, the only value that there is."""


def list_metrics(desk: WatchDesk, params: Params) -> Shape:
    """ListMetrics. There is no account but the caller's to be linked with."""
    place = desk.place("ListMetrics", params)
    found = sorted((metric for metric in desk.known.values() if _is_asked_for(desk, metric, params)), key=_place)
    if params.get("OwningAccount", desk.account) != desk.account:
        found = []
    left = [metric for metric in found if place is None or _place(metric) > place]
    shown = left[:_PAGE]
    reply: Shape = {"Metrics": [metric.shown() for metric in shown]}
    if params.get("IncludeLinkedAccounts"):
        reply["OwningAccounts"] = [desk.account] * len(shown)
    if len(left) > _PAGE:
        reply[NEXT] = desk.token("ListMetrics", params, _place(shown[-1]))
    return reply


def _is_asked_for(desk: WatchDesk, metric: Metric, params: Params) -> bool:
    if (
        params.get("Namespace", NAMESPACE) != NAMESPACE
        or params.get("MetricName", metric.kind.name) != metric.kind.name
    ):
        return False
    if params.get("RecentlyActive") and not points(desk.metrics, metric, desk.now - _RECENT, desk.now, MINUTE):
        return False
    values = dict(metric.dimensions)
    return all(
        wanted["Name"] in values and wanted.get("Value", values[wanted["Name"]]) == values[wanted["Name"]]
        for wanted in params.get("Dimensions", ())
    )


def _place(metric: Metric) -> str:
    """A sort key that is unique, and by which tunnels stand beside their connections."""
    values = dict(metric.dimensions)
    return " ".join([values.get("VpnId", ""), values.get("TunnelIpAddress", ""), metric.kind.name])
