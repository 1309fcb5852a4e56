"""`/metrics`: what is seen at this moment, in Prometheus' format. Names and numbers only, no secrets.

Nobody has to sign for it, so it is told where only this machine can ask: at the admin socket, and at the EC2 API's port
to a client on loopback. The counters begin with the service's start; Prometheus knows how to take that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from landbridge.model.resources import State
from landbridge.model.snapshot import Snapshot
from landbridge.model.vpn import VpnConnection
from landbridge.observe.metrics import Metrics
from landbridge.observe.state import Observation, Status
from landbridge.reconcile.loop import Counts
from landbridge.views.status import Facts

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

PATH: Final = "/metrics"

_TUNNEL: Final = ("account", "region", "vpn_id", "tunnel", "tunnel_ip_address")
_CONNECTION: Final = ("account", "region", "vpn_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed:
    """What is told from. `counts`: the reconciler's; None where nothing is built."""

    snapshot: Snapshot
    observation: Observation
    metrics: Metrics
    facts: Facts
    counts: Counts | None


Expose = Callable[[], Exposed]
"""May block: it is called in a thread."""


async def exposition(request: Request, expose: Expose) -> Response:
    """The answer to a request for them, in the form that it prefers: Prometheus' text, or OpenMetrics."""
    if request.method not in ("GET", "HEAD"):
        return PlainTextResponse("Use GET.\n", 405, {"allow": "GET, HEAD"})

    def written() -> tuple[bytes, str]:
        # Only those who ask wait for the library.
        from prometheus_client import ProcessCollector
        from prometheus_client.exposition import choose_encoder

        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return encode(_Collected(expose(), ProcessCollector(registry=None).collect())), kind

    body, kind = await to_thread.run_sync(written)
    return Response(body, headers={"content-type": kind})


def beside(app: ASGIApp, expose: Expose) -> ASGIApp:
    """The app, and at PATH the metrics, for clients on loopback."""

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await app(scope, receive, send)
            return
        request = Request(scope, receive)
        answer: Response = PlainTextResponse(
            "Metrics are told on this machine only: ask there, by a loopback address or at the admin socket.\n",
            403,
        )
        if request.client is not None and _is_loopback(request.client.host):
            answer = await exposition(request, expose)
        await answer(scope, receive, send)

    return front


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback


class _Collected:
    """What the library's encoders take: something with metrics to collect."""

    def __init__(self, exposed: Exposed, process: Iterable[Metric]) -> None:
        self._exposed = exposed
        self._process = process

    def collect(self) -> Iterator[Metric]:
        yield from _of_tunnels(self._exposed)
        yield from _of_the_service(self._exposed)
        yield from self._process


def _of_tunnels(exposed: Exposed) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    state = GaugeMetricFamily(
        "landbridge_vpn_connection_state",
        "How many of a connection's tunnels are UP, of all: 0.5 is one of two (CloudWatch's TunnelState by VpnId).",
        labels=_CONNECTION,
    )
    up = GaugeMetricFamily(
        "landbridge_tunnel_up",
        "Whether a tunnel is UP: BGP is established, or with static routing its CHILD SA (TunnelState).",
        labels=_TUNNEL,
    )
    ike = GaugeMetricFamily("landbridge_tunnel_ike_up", "Whether IKE is established.", labels=_TUNNEL)
    bfd = GaugeMetricFamily("landbridge_tunnel_bfd_up", "Whether the customer gateway answers BFD.", labels=_TUNNEL)
    routes = GaugeMetricFamily("landbridge_tunnel_accepted_routes", "Routes accepted by BGP.", labels=_TUNNEL)
    changed = GaugeMetricFamily(
        "landbridge_tunnel_last_change_timestamp_seconds", "When a tunnel went UP or DOWN.", labels=_TUNNEL
    )
    received = CounterMetricFamily(
        "landbridge_tunnel_received_bytes",
        "Bytes from the customer gateway, after decryption (TunnelDataIn).",
        labels=_TUNNEL,
    )
    sent = CounterMetricFamily(
        "landbridge_tunnel_sent_bytes",
        "Bytes to the customer gateway, before encryption (TunnelDataOut).",
        labels=_TUNNEL,
    )
    for connection in exposed.snapshot.all(VpnConnection):
        seen = [exposed.observation.tunnels.get((connection.id, tunnel.number)) for tunnel in connection.tunnels]
        known = [each for each in seen if each is not None]
        if connection.state is State.DELETED or len(known) < len(seen):
            continue  # gone, or not looked at yet
        whole = [connection.account, connection.region, connection.id]
        state.add_metric(whole, sum(each.status is Status.UP for each in known) / len(known))
        for tunnel, each in zip(connection.tunnels, known, strict=True):
            labels = [*whole, str(tunnel.number), str(tunnel.outside)]
            up.add_metric(labels, each.status is Status.UP)
            ike.add_metric(labels, each.ike == "established")
            bfd.add_metric(labels, each.bfd)
            routes.add_metric(labels, each.accepted_routes)
            changed.add_metric(labels, each.changed.timestamp())
            total = exposed.metrics.totals.get((connection.id, tunnel.number))
            if total is not None:
                received.add_metric(labels, total.received)
                sent.add_metric(labels, total.sent)
    yield from (state, up, ike, bfd, routes, changed, received, sent)


def _of_the_service(exposed: Exposed) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

    facts = exposed.facts
    yield InfoMetricFamily("landbridge", "This service.", {"version": facts.version, "data_plane": facts.data_plane})
    yield GaugeMetricFamily(
        "landbridge_revision", "How often the desired state was changed.", exposed.snapshot.revision
    )
    yield GaugeMetricFamily(
        "landbridge_converged", "Whether everything is as the present revision wants it.", facts.converged
    )
    yield GaugeMetricFamily(
        "landbridge_faults",
        "What the reconciler cannot do at present (`landbridge status` says what).",
        sum(map(len, exposed.observation.faults.values())),
    )
    if exposed.counts is None:
        return
    counts = exposed.counts
    yield CounterMetricFamily("landbridge_reconcile_passes", "Passes of the reconciler.", counts.passes)
    yield CounterMetricFamily("landbridge_reconcile_crashes", "Passes that failed by a bug.", counts.crashes)
    steps = CounterMetricFamily(
        "landbridge_reconcile_steps", "Changes made to the host, and those that failed.", labels=("outcome",)
    )
    steps.add_metric(["done"], counts.steps_done)
    steps.add_metric(["failed"], counts.steps_failed)
    yield steps
