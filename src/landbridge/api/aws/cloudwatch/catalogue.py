"""Which metrics there are: three kinds, for each connection and each of its tunnels, by AWS's names and dimensions.

A tunnel's metrics are found by its address alone, as many alarms ask, and by address and connection together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from landbridge.observe.metrics import Metrics, Source
from landbridge.observe.series import Minute

NAMESPACE: Final = "AWS/VPN"
VPN_ID: Final = "VpnId"
TUNNEL: Final = "TunnelIpAddress"

Dimensions = frozenset[tuple[str, str]]
"""(name, value) of each."""


@dataclass(frozen=True, slots=True)
class Samples:
    """A statistic set: how many values there were, their sum, the least and the greatest."""

    count: int
    total: float
    low: float
    high: float

    def with_more(self, other: Samples) -> Samples:
        """Both together."""
        return Samples(
            self.count + other.count,
            self.total + other.total,
            min(self.low, other.low),
            max(self.high, other.high),
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """A metric's name and unit, and what a minute says of it."""

    name: str
    unit: str
    samples: Callable[[Minute], Samples]


def _one(value: float) -> Samples:
    return Samples(1, value, value, value)


KINDS: Final = (
    Kind("TunnelState", "None", lambda minute: Samples(minute.looks, minute.levels, minute.low, minute.high)),
    Kind("TunnelDataIn", "Bytes", lambda minute: _one(minute.received)),
    Kind("TunnelDataOut", "Bytes", lambda minute: _one(minute.sent)),
)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. Of several sources with the same address, one after the other, none is there at the same time."""

    kind: Kind
    dimensions: tuple[tuple[str, str], ...]
    sources: tuple[Source, ...]

    def shown(self) -> dict[str, Any]:
        """As CloudWatch shows it."""
        dimensions = [{"Name": name, "Value": value} for name, value in self.dimensions]
        return {"Namespace": NAMESPACE, "MetricName": self.kind.name, "Dimensions": dimensions}


Catalogue = Mapping[tuple[str, Dimensions], Metric]
"""By name and dimensions."""


def catalogue(metrics: Metrics, account: str, region: str) -> Catalogue:
    """The metrics of an account in a region, in the order of their connections."""
    sources: dict[tuple[tuple[str, str], ...], list[Source]] = {}
    for source in metrics.series:
        if (source.account, source.region) == (account, region):
            for dimensions in _dimensions(source):
                sources.setdefault(dimensions, []).append(source)
    return {
        (kind.name, frozenset(dimensions)): Metric(kind, dimensions, tuple(found))
        for dimensions, found in sources.items()
        for kind in KINDS
    }


def _dimensions(source: Source) -> Iterable[tuple[tuple[str, str], ...]]:
    connection = (VPN_ID, source.connection)
    if source.outside is None:
        return ((connection,),)
    tunnel = (TUNNEL, str(source.outside))
    return ((tunnel,), (connection, tunnel))


def find(known: Catalogue, namespace: str, name: str, dimensions: Iterable[Mapping[str, Any]]) -> Metric | None:
    """The metric of that name with exactly these dimensions; None if there is none."""
    if namespace != NAMESPACE:
        return None
    return known.get((name, frozenset((each["Name"], each["Value"]) for each in dimensions)))
