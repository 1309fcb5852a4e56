"""From what daemons and kernel say to what is known of tunnels and routes. Pure: the same words, the same meaning."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from landbridge.model.certificates import DeviceCertificate
from landbridge.model.crypto import Cipher
from landbridge.model.network import RouteTable
from landbridge.model.snapshot import Snapshot
from landbridge.model.vpn import ANYWHERE, CustomerGateway, Tunnel, TunnelId, VpnConnection, VpnGateway
from landbridge.observe.bgp import BfdPeer, BgpPeering, SpeakerProtocol, SpeakerRoute
from landbridge.observe.ike import Cause, ChildSaStatus, IkeSaStatus
from landbridge.observe.kernel import NO_LINK, LinkCount
from landbridge.observe.negotiated import negotiated
from landbridge.observe.state import EspState, LearnedRoute, Observation, Status, TunnelState
from landbridge.observe.trail import MOST, NO_TRAIL, Finding, Happening, Trail
from landbridge.observe.why import (
    BEING_BUILT,
    NOTHING_TO_SAY,
    REVOKED,
    Ends,
    Explanation,
    Side,
    failed,
    no_bgp,
    nothing_yet,
    up,
)

BFD_SILENCE: Final = timedelta(seconds=60)
"""How long a peer that answered BFD may be silent while IKE is up before its routes follow IKE again: longer than DPD
takes to notice that packets are lost, so that BFD keeps the last word on a path that only looks alive."""


_NOBODY_AFTER: Final = timedelta(seconds=10)
"""How long BGP may call its peer before that counts as not answering."""
_UNANSWERED: Final = 3
_SILENT_FOR: Final = 5
"""Packets that went out, and seconds, without any that came in, that mean something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What an endpoint's charon says. `pid` None: it is not running. `cause`: of its last failure, if any."""

    pid: int | None = None
    sas: tuple[IkeSaStatus, ...] = ()
    cause: Cause | None = None
    heard: bool = True
    """False: it was not asked yet."""

    @property
    def up(self) -> IkeSaStatus | None:
        """The IKE SA that carries traffic; of several, while one takes over from another, the youngest."""
        carrying = (sa for sa in self.sas if sa.up) if self.pid is not None else ()
        return min(carrying, key=lambda sa: sa.established or 0, default=None)


NOT_HEARD: Final = Endpoint(heard=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerWords:
    """What a BIRD says."""

    pid: int | None = None
    protocols: tuple[SpeakerProtocol, ...] = ()
    bfd: tuple[BfdPeer, ...] = ()
    routes: tuple[SpeakerRoute, ...] = ()
    """Only where somebody wants them."""

    def session(self, neighbour: IPv4Address) -> SpeakerProtocol | None:
        """The protocol that speaks BGP with that inside address."""
        return next((p for p in self.protocols if p.bgp is not None and p.bgp.neighbour == neighbour), None)

    def peering(self, neighbour: IPv4Address) -> BgpPeering | None:
        """The BGP session with that inside address."""
        session = self.session(neighbour)
        return session.bgp if session is not None else None

    def answers(self, neighbour: IPv4Address) -> BfdPeer | None:
        """The BFD session with that inside address."""
        return next((peer for peer in self.bfd if peer.address == neighbour), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Everything heard, by namespace. `routes`: (table, prefix) -> link, of routes that a speaker wrote. `counts`: by
    link, of the namespaces that tunnels lead into."""

    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    speakers: Mapping[str, SpeakerWords] = field(default_factory=dict)
    trails: Mapping[str, Trail] = field(default_factory=dict)
    sessions: Mapping[str, Mapping[IPv4Address, tuple[Happening, ...]]] = field(default_factory=dict)
    """By router and neighbour: what became of BGP."""
    routes: Mapping[str, Mapping[tuple[int, IPv4Network], str]] = field(default_factory=dict)
    counts: Mapping[str, Mapping[str, LinkCount]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tunnel is: the endpoint's namespace, the router's, and the tunnel device there."""

    endpoint: str
    router: str
    link: str


@dataclass(frozen=True, slots=True)
class View:
    """One tunnel with what was heard of it."""

    identity: TunnelId
    place: Place
    far_inside: IPv4Address
    dynamic: bool
    far_outside: IPv4Address | None
    endpoint: Endpoint
    speaker: SpeakerWords
    side: Side = Side.CLOUD
    counted: LinkCount | None = None
    trail: Trail = NO_TRAIL
    session: tuple[Happening, ...] = ()
    """What became of BGP."""
    near_outside: IPv4Address | None = None
    near_inside: IPv4Address | None = None
    far_network: IPv4Network = ANYWHERE
    near_network: IPv4Network = ANYWHERE
    """Traffic selectors."""
    certified: bool = False
    """The two know each other by certificates instead of a key."""
    barred: str = ""
    """Why the peer is not let in at all; empty if it is."""

    @property
    def status(self) -> Status:
        """Dynamic tunnels are UP while BGP is established, static ones while the CHILD SA is."""
        if self.dynamic:
            peering = self.speaker.peering(self.far_inside)
            return Status.UP if peering is not None and peering.state == "Established" else Status.DOWN
        return Status.UP if self.endpoint.up else Status.DOWN

    @property
    def bfd_up(self) -> bool:
        """Whether the peer answers BFD now."""
        peer = self.speaker.answers(self.far_inside)
        return peer is not None and peer.state == "Up"


def tunnel_state(view: View, before: TunnelState | None, since: datetime, now: datetime) -> TunnelState:
    """What is shown of a tunnel. `since`: when it was made, for one that was never anything but down."""
    status = view.status
    changed = before.changed if before is not None and before.status is status else now
    if before is None:
        changed = _so_since(view, since, now)
    sa = view.endpoint.up
    peering = view.speaker.peering(view.far_inside) if view.dynamic else None
    children = sa.children if sa is not None else ()
    accepted = peering.imported if peering is not None else 0
    explained = _explained(view, status, peering, accepted, now)
    return TunnelState(
        status=status,
        changed=changed,
        why=explained.text if status is Status.DOWN else explained.sentence,
        explained=explained,
        last=tuple(sorted((*view.trail.last, *view.session), key=lambda each: each.at)[-MOST:]),
        ike="established" if sa else ("connecting" if view.endpoint.sas else "down"),
        bgp=peering.state if peering is not None else "",
        bfd=view.bfd_up,
        accepted_routes=accepted,
        bytes_in=sum(child.bytes_in for child in children),
        bytes_out=sum(child.bytes_out for child in children),
        peer=f"{sa.remote}:{sa.remote_port}" if sa else "",
        suite=sa.suite if sa else "",
        ike_version=str(sa.version) if sa else "",
        esp=_esp(sa) if sa else None,
        counted=view.counted,
    )


def _so_since(view: View, made: datetime, now: datetime) -> datetime:
    """Since when a tunnel is as it is, by what the daemons remember: nobody here saw it become so.

    charon forgets at an IKE rekey: then it is the time of that.
    """
    session = view.speaker.session(view.far_inside) if view.dynamic else None
    if session is not None:
        return min(max(session.since, made), now)
    sa = view.endpoint.up
    if view.status is Status.UP and sa is not None and sa.established is not None:
        return min(max(now - timedelta(seconds=sa.established), made), now)
    return made


def _newest(sa: IkeSaStatus) -> ChildSaStatus:
    """The newest CHILD SA that carries: while one is rekeyed there are two."""
    return min((child for child in sa.children if child.carries), key=lambda child: child.installed)


def _esp(sa: IkeSaStatus) -> EspState:
    child = _newest(sa)
    return EspState(suite=child.suite, udp=child.udp, esn=child.esn, replay_window=child.replay_window)


def _explained(view: View, status: Status, peering: BgpPeering | None, accepted: int, now: datetime) -> Explanation:
    ends = _ends(view)
    if view.endpoint.heard and (stuck := _one_way(view, status)) is not None:
        return failed(ends, stuck)
    if status is Status.UP:
        return up(peering, accepted) if view.dynamic else NOTHING_TO_SAY
    if not view.endpoint.heard:
        return Explanation(sentence=BEING_BUILT)
    if view.endpoint.pid is None:
        return failed(ends, Finding(cause=Cause.PROCESS_GONE))
    if view.barred:
        return Explanation(sentence=view.barred)
    if view.endpoint.up is not None:
        session = view.speaker.session(view.far_inside)
        return no_bgp(ends, peering, long=session is not None and now - session.since > _NOBODY_AFTER)
    found = view.trail.finding(now)
    if found is None and view.endpoint.cause is not None:
        found = Finding(cause=view.endpoint.cause)
    return failed(ends, found) if found is not None else nothing_yet(ends)


def _one_way(view: View, status: Status) -> Finding | None:
    """Whether packets go out and none has come in. Of a static tunnel that says something only while BFD is silent."""
    sa = view.endpoint.up
    if sa is None or (view.dynamic and status is Status.UP) or view.bfd_up:
        return None
    child = _newest(sa)
    silent = child.packets_in == 0 and child.packets_out >= _UNANSWERED and child.installed >= _SILENT_FOR
    return Finding(cause=Cause.ESP_BLOCKED) if silent else None


def _ends(view: View) -> Ends:
    sa = view.endpoint.up
    child = _newest(sa) if sa is not None else None
    return Ends(
        side=view.side,
        far=view.far_outside,
        near=view.near_outside,
        far_inside=view.far_inside,
        near_inside=view.near_inside,
        far_network=view.far_network,
        near_network=view.near_network,
        udp=child.udp if child is not None else True,
        certified=view.certified,
    )


def view_of(connection: VpnConnection, tunnel: Tunnel, snapshot: Snapshot, heard: Heard, place: Place) -> View:
    """One tunnel of the cloud side with what was heard of it."""
    customer = snapshot.get(CustomerGateway, connection.customer_gateway_id)
    return View(
        identity=(connection.id, tunnel.number),
        place=place,
        far_inside=tunnel.customer_inside,
        dynamic=not connection.static_only,
        far_outside=customer.address if customer else None,
        endpoint=heard.endpoints.get(place.endpoint, NOT_HEARD),
        speaker=heard.speakers.get(place.router, SpeakerWords()),
        counted=_counted(heard, place),
        trail=heard.trails.get(place.endpoint, NO_TRAIL),
        session=heard.sessions.get(place.router, {}).get(tunnel.customer_inside, ()),
        near_outside=tunnel.outside,
        near_inside=tunnel.cloud_inside,
        far_network=connection.customer_network,
        near_network=connection.cloud_network,
        certified=tunnel.psk is None,
        barred=_barred(customer, snapshot),
    )


def _barred(customer: CustomerGateway | None, snapshot: Snapshot) -> str:
    device = snapshot.get(DeviceCertificate, customer.certificate_arn) if customer is not None else None
    return REVOKED if device is not None and device.revoked is not None else ""


def _counted(heard: Heard, place: Place) -> LinkCount | None:
    counts = heard.counts.get(place.router)
    return counts.get(place.link, NO_LINK) if counts is not None else None


@dataclass(frozen=True, slots=True)
class Vital:
    """What health is made of, per tunnel."""

    up: frozenset[TunnelId]
    dead: frozenset[TunnelId]
    bfd_seen: frozenset[TunnelId]
    bare: frozenset[TunnelId]
    ciphers: frozenset[tuple[TunnelId, Cipher]]


def vitals(
    views: Collection[View],
    seen_before: Collection[TunnelId],
    bare_before: Collection[TunnelId],
    ciphers_before: Collection[tuple[TunnelId, Cipher]],
    now: datetime,
) -> Vital:
    """Which tunnels carry traffic, which do not, and whose peers answer BFD (or did until a moment ago).

    `bare`: those whose ESP is not in UDP. `ciphers`: what protects their packets. As to both, what is down now is taken
    to come back as it was.
    """
    earlier = dict(ciphers_before)
    ciphers = {v.identity: _cipher(v.endpoint.up) if v.endpoint.up else earlier.get(v.identity) for v in views}
    seen = frozenset(v.identity for v in views if v.bfd_up or (v.identity in seen_before and not _given_up(v, now)))
    return Vital(
        up=frozenset(v.identity for v in views if v.endpoint.up),
        dead=frozenset(
            v.identity for v in views if v.endpoint.heard and (v.status is Status.DOWN or v.endpoint.up is None)
        ),
        bfd_seen=seen,
        bare=frozenset(
            v.identity
            for v in views
            if (_bare(v.endpoint.up) if v.endpoint.up is not None else v.identity in bare_before)
        ),
        ciphers=frozenset((identity, cipher) for identity, cipher in ciphers.items() if cipher is not None),
    )


def _cipher(sa: IkeSaStatus) -> Cipher | None:
    return negotiated(_newest(sa).suite).cipher


def _bare(sa: IkeSaStatus) -> bool:
    return not any(child.udp for child in sa.children)


def _given_up(view: View, now: datetime) -> bool:
    peer = view.speaker.answers(view.far_inside)
    return view.endpoint.up is not None and (peer is None or now - peer.since > BFD_SILENCE)


def learned(
    snapshot: Snapshot, heard: Heard, gateways: Mapping[str, str], links: Mapping[tuple[str, str], TunnelId], table: int
) -> dict[str, tuple[LearnedRoute, ...]]:
    """By virtual private gateway: what its speaker wrote into its kernel, less the way to the VPC.

    `gateways`: id -> namespace; `links`: (namespace, tunnel device) -> tunnel.
    """
    return {
        gateway.id: tuple(
            LearnedRoute(destination=prefix, tunnel=links[here, link])
            for (number, prefix), link in sorted(heard.routes.get(here, {}).items())
            if number == table and (here, link) in links
        )
        for gateway in snapshot.all(VpnGateway)
        if (here := gateways.get(gateway.id)) is not None
    }


def propagated(snapshot: Snapshot, heard: Heard, routers: Mapping[str, str]) -> dict[str, frozenset[IPv4Network]]:
    """By route table: the prefixes that a speaker wrote into it. `routers`: VPC id -> namespace."""
    return {
        table.id: frozenset(
            prefix for (number, prefix) in heard.routes.get(routers[table.vpc_id], {}) if number == table.number
        )
        for table in snapshot.all(RouteTable)
        if table.vpc_id in routers
    }


def observation(
    snapshot: Snapshot,
    views: Collection[View],
    heard: Heard,
    before: Observation,
    *,
    gateways: Mapping[str, str],
    routers: Mapping[str, str],
    links: Mapping[tuple[str, str], TunnelId],
    main_table: int,
    faults: Mapping[str, tuple[str, ...]],
    now: datetime,
) -> Observation:
    """Everything that is shown, from everything that was heard."""
    made = {c.id: c.created for c in snapshot.all(VpnConnection)}
    return Observation(
        tunnels={v.identity: tunnel_state(v, before.tunnels.get(v.identity), made[v.identity[0]], now) for v in views},
        learned=learned(snapshot, heard, gateways, links, main_table),
        propagated=propagated(snapshot, heard, routers),
        faults=faults,
    )
