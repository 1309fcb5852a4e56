"""What one host should have, as values: namespaces, links, addresses, routes, filters, daemons, IKE connections.

`HostState` is the whole answer to "what should be there"; drivers read the same values back as "what is there". Two
values with the same `key` are the same object, perhaps with other properties. `needs` names the objects that have to
exist first; what is deleted goes in the opposite order. Every object lives in exactly one network namespace.

Nothing here holds text that a user typed: names are generated, everything else is an address, a number or an enum.
(The exceptions are a lab site's and a lab host's name, which are network namespace names and are checked at the door.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Final

from landbridge.desired.tables import Among, Family, Follow, Holder, NamedMap, NamedSet, OneToOne, Port
from landbridge.model.resources import TunnelId
from landbridge.model.secret import Secret

Key = tuple[str, ...]
"""The kind, the namespace, and what tells an object from its siblings there."""

HERE: Final = ""
"""The name of the namespace that the process itself runs in (the customer gateway's; never made, never deleted)."""

PROTOCOL: Final = 76
"""The kernel's routing protocol number of what the reconciler writes (`ip route` shows `proto 76`): nobody else's."""

BIRD_PROTOCOL: Final = 12
"""The protocol number of routes written by BIRD (RTPROT_BIRD): learned, thus observed and never desired."""

MAIN_TABLE: Final = 254

SPEAKER_METRIC: Final = 187
"""Metric of a speaker's kernel routes: above the reconciler's own (0 and 10), which so win for the same prefix. Not
BIRD's default of 32, which another BIRD in the same namespace (a customer's own machine) may have."""


def namespace_key(namespace: str) -> Key:
    """The key of a namespace; everything in it needs it. HERE needs nothing and has no object."""
    return ("namespace", namespace)


def link_key(namespace: str, link: str) -> Key:
    """The key of a link, whatever its kind."""
    return ("link", namespace, link)


def ruleset_key(namespace: str, name: str, family: Family) -> Key:
    """The key of a table of nftables."""
    return ("ruleset", namespace, name, *([] if family is Family.IP else [family.value]))


@dataclass(frozen=True, slots=True, kw_only=True)
class HostObject:
    """Base of everything a driver makes."""

    namespace: str

    @property
    def key(self) -> Key:
        """What identifies the object on its host."""
        raise NotImplementedError

    @property
    def needs(self) -> tuple[Key, ...]:
        """Keys of the objects that must exist first."""
        return (namespace_key(self.namespace),) if self.namespace != HERE else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace(HostObject):
    """A network namespace. Its loopback is up, IPv6 is off, rp_filter is off, bridged frames skip the IP hooks.

    Recognised after a restart by the alias of its loopback link, which names the owner (`landbridge OWNER`). An
    existing namespace of that name without that alias is somebody else's and is never touched.
    """

    owner: str
    forwarding: bool = False

    @property
    def key(self) -> Key:
        return namespace_key(self.namespace)

    @property
    def needs(self) -> tuple[Key, ...]:
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge(HostObject):
    """A bridge, up, without spanning tree."""

    name: str
    mac: str = ""
    """Its hardware address; empty: one that follows from owner, namespace and name."""

    @property
    def key(self) -> Key:
        return link_key(self.namespace, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class VethEnd(HostObject):
    """One end of a veth pair, up. Both ends are objects; making the first makes the pair, deleting one deletes both.

    Recognised by its link alias, which names the owner and the peer (`landbridge OWNER PEER_NAMESPACE PEER_NAME`).
    """

    name: str
    peer_namespace: str
    peer_name: str
    master: str | None = None
    mtu: int = 1500
    mac: str = ""
    """Its hardware address, such as `02:00:5e:00:53:01`; empty: one that follows from owner, namespace and name."""

    @property
    def key(self) -> Key:
        return link_key(self.namespace, self.name)

    @property
    def needs(self) -> tuple[Key, ...]:
        spaces = [namespace_key(n) for n in (self.namespace, self.peer_namespace) if n != HERE]
        return (*spaces, *([link_key(self.namespace, self.master)] if self.master else []))


class DataPlane(StrEnum):
    """Who does ESP."""

    KERNEL = "kernel"
    LIBIPSEC = "libipsec"


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelDevice(HostObject):
    """The plaintext side of a tunnel: made beside charon in `endpoint`, moved into this (the router's) namespace, up.

    libipsec: the TUN of the endpoint's charon. It dies with its charon and is brought back under the same name.
    Kernel: an XFRM interface, joined to the endpoint's SAs by `if_id`; it does not mind whether charon runs.
    """

    name: str
    endpoint: str
    data_plane: DataPlane
    mtu: int
    if_id: int = 0
    """Of the XFRM interface; 0 with libipsec, which has none."""

    @property
    def key(self) -> Key:
        return link_key(self.namespace, self.name)

    @property
    def needs(self) -> tuple[Key, ...]:
        here = (namespace_key(self.namespace),) if self.namespace != HERE else ()
        if self.data_plane is DataPlane.LIBIPSEC:
            return (*here, ("charon", self.endpoint))
        return (*here, namespace_key(self.endpoint)) if self.endpoint != HERE else here


@dataclass(frozen=True, slots=True, kw_only=True)
class Address(HostObject):
    """An address on a link; with `peer` it is point-to-point."""

    link: str
    address: IPv4Interface
    peer: IPv4Address | None = None

    @property
    def key(self) -> Key:
        return ("address", self.namespace, self.link, str(self.address))

    @property
    def needs(self) -> tuple[Key, ...]:
        return (link_key(self.namespace, self.link),)


class RouteKind(StrEnum):
    """What happens to a packet that a route matches."""

    UNICAST = "unicast"
    UNREACHABLE = "unreachable"
    BLACKHOLE = "blackhole"


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRoute(HostObject):
    """A route of ours (protocol PROTOCOL) in a kernel table. The metric is part of its identity."""

    table: int
    destination: IPv4Network
    kind: RouteKind = RouteKind.UNICAST
    gateway: IPv4Address | None = None
    link: str | None = None
    metric: int = 0
    onlink: bool = False

    @property
    def key(self) -> Key:
        return ("route", self.namespace, str(self.table), str(self.destination), str(self.metric))

    @property
    def needs(self) -> tuple[Key, ...]:
        if self.link is None:
            return (namespace_key(self.namespace),) if self.namespace != HERE else ()
        return (link_key(self.namespace, self.link),)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRule(HostObject):
    """`ip rule`: packets that came in by `iif` and are from `source` (None: whatever it is) look into the table."""

    priority: int
    iif: str | None
    table: int
    source: IPv4Network | None = None

    @property
    def key(self) -> Key:
        return ("rule", self.namespace, str(self.priority), self.iif or "", str(self.source or ""))


class Verdict(StrEnum):
    """The end of a filter rule."""

    ACCEPT = "accept"
    DROP = "drop"
    MASQUERADE = "masquerade"
    KEEP_MARK = "keep-mark"
    CLAMP_MSS = "clamp-mss"
    CLEAR_DF = "clear-df"


class Hook(StrEnum):
    """Where a chain hangs."""

    PREROUTING = "prerouting"
    INPUT = "input"
    FORWARD = "forward"
    OUTPUT = "output"
    POSTROUTING = "postrouting"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterRule:
    """Conditions (all must hold; empty ones do not count) and what then happens.

    `snat` / `dnat` rewrite to an address instead of a verdict, `follow` sends on to another chain. CLAMP_MSS sets a
    SYN's MSS to `mss`, KEEP_MARK marks the flow as the packet is; after both the next rule decides. CLEAR_DF lets
    routers fragment packets that forbade it. `leads_to`: links, one of which the routing table names for the packet:
    what can be known of its way out at PREROUTING, before routers refuse what is too large.
    """

    verdict: Verdict | None = None
    iif: str | None = None
    oif: str | None = None
    not_iif: str | None = None
    leads_to: tuple[str, ...] = ()
    source: tuple[IPv4Network, ...] = ()
    destination: tuple[IPv4Network, ...] = ()
    protocol: str | int | None = None
    """`udp`, `tcp`, `icmp` or `esp`, or IP's number of one."""
    ports: tuple[int, ...] = ()
    """Destination ports."""
    source_ports: tuple[int, ...] = ()
    port_range: tuple[int, int] | None = None
    """Destination ports from the first to the last."""
    icmp_type: int | None = None
    icmp_code: int | None = None
    """With a type only."""
    icmp_mtu_below: int | None = None
    """Of "fragmentation needed" (type 3, code 4): it names an MTU of fewer bytes."""
    among: Among | None = None
    established: bool = False
    """Conntrack's established or related."""
    original: bool = False
    """In the direction of its flow's first packet."""
    fresh: bool = False
    """The first packet of its flow, which is not on record yet."""
    dnatted: bool = False
    """Of a connection whose destination was rewritten."""
    in_clear: bool = False
    """No IPsec policy of the namespace is about to encrypt it. What one encrypts passes the hooks twice on its way out,
    first as if it left as it is."""
    marked: bool | None = None
    """Whether it has a mark."""
    flow_marked: bool | None = None
    """Whether its flow has one."""
    follow: Follow | None = None
    snat: IPv4Address | None = None
    dnat: IPv4Address | None = None
    mss: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A base chain: its hook, priority and rules in order; what no rule decides gets the policy."""

    hook: Hook
    kind: str = "filter"
    """`filter` or `nat`."""
    priority: int = 0
    accept: bool = True
    rules: tuple[FilterRule, ...] = ()
    for_syn: bool = False
    """Only packets that open a TCP connection look at the rules: all others pass at the price of one comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedChain:
    """A chain that packets are sent to by rules (`Follow`); what none of its rules decides is dropped."""

    name: str
    rules: tuple[FilterRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset(HostObject):
    """One nftables table of ours, replaced as a whole and atomically.

    `sets`, `maps` and `named` are what rules refer to. When an address gets another holder, or none, the flows that it
    had are forgotten. With `one_to_one` (family ip) the chains of that NAT come behind `chains`. The family bridge has
    `ports` only: no other port of any bridge in the namespace gets or sends a frame.
    """

    name: str = "landbridge"
    family: Family = Family.IP
    chains: tuple[Chain, ...] = ()
    named: tuple[NamedChain, ...] = ()
    sets: tuple[NamedSet, ...] = ()
    maps: tuple[NamedMap, ...] = ()
    holders: tuple[Holder, ...] = ()
    one_to_one: OneToOne | None = None
    ports: tuple[Port, ...] = ()

    @property
    def key(self) -> Key:
        return ruleset_key(self.namespace, self.name, self.family)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charon(HostObject):
    """strongSwan's IKE daemon of one tunnel endpoint. Daemon-wide settings live here; a change of them restarts it.

    `dpd_timeout`: seconds within which a silent IKEv2 peer is found dead; retransmission is derived from it (traps 6).
    Recognised by its environment (its directory below the instance's run directory) and its network namespace.
    """

    data_plane: DataPlane
    dpd_timeout: int = 30

    @property
    def key(self) -> Key:
        return ("charon", self.namespace)


@dataclass(frozen=True, slots=True, kw_only=True)
class IkeConnection(HostObject):
    """What an endpoint's charon accepts and offers: one peer, one CHILD SA, one pre-shared key. IKEv2, MOBIKE off.

    Loaded over vici. Recognised by the id of its shared secret, a keyed digest over all of its properties.
    `remote` None accepts any address. `initiate`: initiate at once and again whenever it is down (our customer gateway,
    StartupAction=start). `dpd_delay` 0 turns DPD off. `force_udp`: ESP in UDP even where there is no NAT. `if_id`: of
    the XFRM interface that the kernel's SAs belong to; 0 with libipsec, which knows neither extended sequence numbers
    nor another `replay_window` than its own.
    """

    name: str
    local: IPv4Address
    remote: IPv4Address | None
    local_id: IPv4Address
    remote_id: IPv4Address
    psk: Secret
    dpd_delay: int = 10
    dpd_action: str = "clear"
    """What follows a dead peer: `clear`, `restart` or `none`."""
    initiate: bool = False
    yields: bool = False
    """With `initiate`: the other side may initiate as well. This one then never does while anything is up, and gives up
    its own attempt when the other's succeeds: of two ends that both restart what was closed, neither comes to rest."""
    ike_proposals: tuple[str, ...] = ("aes128gcm16-prfsha256-ecp256", "aes256gcm16-prfsha384-ecp384")
    esp_proposals: tuple[str, ...] = ("aes128gcm16-ecp256", "aes256gcm16-ecp384", "aes128gcm16", "aes256gcm16")
    ike_lifetime: int = 28800
    child_lifetime: int = 3600
    rekey_margin: int = 270
    if_id: int = 0
    replay_window: int = 1024
    """Packets (AWS: ReplayWindowSize, 64 to 2048, 1024 by default)."""
    force_udp: bool = False

    @property
    def key(self) -> Key:
        return ("ike", self.namespace, self.name)

    @property
    def needs(self) -> tuple[Key, ...]:
        return (("charon", self.namespace),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bfd:
    """BFD's timers: both intervals in milliseconds, and how many losses mean down."""

    interval: int = 300
    multiplier: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BgpSession:
    """An eBGP session over one tunnel. `name` is generated (letters, digits, underscore).

    `connection` tags what is learned (a large community), so that it is not sent back to the same connection's other
    tunnel (traps 18). `med` is what we announce with. `reject` are prefixes that are refused with all parts of them, on
    top of those nobody may send.
    """

    name: str
    link: str
    local: IPv4Address
    peer: IPv4Address
    peer_asn: int
    connection: int
    med: int = 100
    reject: tuple[IPv4Network, ...] = ()
    reject_containing: tuple[IPv4Address, ...] = ()
    """Prefixes that contain one of these are refused, the default route among them: what carries the tunnels."""
    receive_limit: int | None = None
    """At most so many prefixes are taken; one more ends the session."""
    send_limit: int | None = None
    """At most so many prefixes are advertised, the first that come."""
    hold_time: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerStatic:
    """A static route in BIRD: `via` an address, on `link`. With `bfd` it is there only while that peer's BFD is up.

    Of several routes for one prefix the greatest preference wins. `advertise`: whether BGP peers hear of it.
    """

    destination: IPv4Network
    via: IPv4Address
    link: str
    bfd: bool = False
    preference: int = 200
    connection: int = 0
    advertise: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalSession:
    """The iBGP session between a virtual private gateway's speaker and its VPC router's, over their veth."""

    link: str
    local: IPv4Address
    peer: IPv4Address
    sends: bool
    """True on the gateway's side: it tells what it learned. The VPC router only listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker(HostObject):
    """One BIRD: sessions, static routes, and the kernel tables that it fills. A change is an atomic `configure`.

    `tables`: kernel tables that get what was learned (the gateway: its main table; the VPC router: one per propagating
    route table). `bfd_peers`: inside addresses watched by BFD without a route that asks for it (static connections:
    a route may ask for BFD only once the peer was seen to answer, traps 13).
    Recognised by its command line (its configuration's path below the instance's run directory) and its namespace; the
    configuration in force by a digest in it.
    """

    router_id: IPv4Address
    asn: int
    sessions: tuple[BgpSession, ...] = ()
    statics: tuple[SpeakerStatic, ...] = ()
    internal: InternalSession | None = None
    tables: tuple[int, ...] = (MAIN_TABLE,)
    table_limit: int | None = None
    """At most so many routes in each of `tables` but the main one, the first that come."""
    metric: int = SPEAKER_METRIC
    """Of the kernel routes that it writes: what tells them from those of another speaker in the same namespace."""
    announced: tuple[IPv4Network, ...] = ()
    """Prefixes that are announced and never installed: the networks that this machine itself is in."""
    bfd: Bfd | None = None
    bfd_peers: tuple[tuple[str, IPv4Address, IPv4Address], ...] = ()
    """(link, local, peer)."""

    @property
    def key(self) -> Key:
        return ("speaker", self.namespace)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen(HostObject):
    """What a driver reads back of an object that cannot tell all about itself (a daemon's configuration, a secret).

    `fingerprint` equals the driver's `fingerprint(wanted)` exactly when the object is as wanted.
    """

    kind: type[HostObject]
    what: Key
    requires: tuple[Key, ...] = ()
    fingerprint: str

    @property
    def key(self) -> Key:
        return self.what

    @property
    def needs(self) -> tuple[Key, ...]:
        return self.requires


HostState = Mapping[Key, HostObject]


def host_state(*groups: tuple[HostObject, ...]) -> dict[Key, HostObject]:
    """Objects by key. Two different objects of one key are a programming error."""
    state: dict[Key, HostObject] = {}
    for group in groups:
        for item in group:
            if state.setdefault(item.key, item) != item:
                raise ValueError(f"two different objects share the key {item.key}")
    return state


@dataclass(frozen=True, slots=True)
class Health:
    """What the desired state may depend on besides the resources: facts that only observation knows.

    `dead`: tunnels whose endpoints are known not to carry traffic (process gone, IKE down):
    their sibling's MED is lowered, their static routes are left out. `bfd_seen`: tunnels whose peer answers BFD.
    `up`: tunnels whose CHILD SA is established. `bare`: tunnels known to carry ESP without UDP around it: 8 more bytes
    fit into a packet.
    """

    dead: frozenset[TunnelId] = field(default_factory=frozenset)
    bfd_seen: frozenset[TunnelId] = field(default_factory=frozenset)
    up: frozenset[TunnelId] = field(default_factory=frozenset)
    bare: frozenset[TunnelId] = field(default_factory=frozenset)
