"""The IKE side of a host: the daemon of a tunnel endpoint, and what it accepts and offers."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from landbridge.desired.links import DataPlane
from landbridge.desired.objects import HostObject, Key
from landbridge.model.crypto import RECOMMENDED, IkeVersion, Transforms
from landbridge.model.secret import Secret
from landbridge.model.vpn import ANYWHERE


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
class Certified:
    """What an endpoint proves itself with instead of a pre-shared key, and whom it believes. All are PEM.

    `authority`: whose certificates the peer may have. `pinned`: of those, the only one that is taken; None: any that
    bears the peer's identity.
    """

    certificate: str
    key: Secret
    authority: str
    pinned: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IkeConnection(HostObject):
    """What an endpoint's charon accepts and offers: one peer, one CHILD SA, a key or certificates. MOBIKE off.

    Loaded over vici. Recognised by the id of its shared secret, a keyed digest over all of its properties.
    `remote` None accepts any address. `local_id` None: the subject of our certificate; `remote_id` None: whatever the
    peer's certificate bears. `initiate`: initiate at once and again whenever it is down (our customer gateway,
    StartupAction=start). `dpd_delay` 0 turns DPD off; `dpd_timeout` is IKEv1's, for IKEv2 it is charon's. `force_udp`:
    ESP in UDP even where there is no NAT. `if_id`: of the XFRM interface that the kernel's SAs belong to; 0 with
    libipsec, which knows neither extended sequence numbers nor another `replay_window` than its own.
    """

    name: str
    local: IPv4Address
    remote: IPv4Address | None
    local_id: IPv4Address | None
    remote_id: IPv4Address | None
    psk: Secret | None
    certified: Certified | None = None
    """Exactly where there is no pre-shared key."""
    versions: tuple[IkeVersion, ...] = (IkeVersion.IKEV2,)
    dpd_delay: int = 10
    dpd_timeout: int = 30
    """Seconds from a peer's last sign of life until it is dead."""
    dpd_action: str = "clear"
    """What follows a dead peer: `clear`, `restart` or `none`."""
    initiate: bool = False
    yields: bool = False
    """With `initiate`: the other side may initiate as well. This one then never does while anything is up, and gives up
    its own attempt when the other's succeeds: of two ends that both restart what was closed, neither comes to rest."""
    renews: bool = False
    """SAs that were made with other settings than these (another key or certificate of ours is none) are ended when
    these are loaded: traffic has left them. Else they live on where they could be negotiated the same."""
    ike: Transforms = RECOMMENDED
    esp: Transforms = RECOMMENDED
    ike_lifetime: int = 28800
    child_lifetime: int = 3600
    rekey_margin: int = 270
    rekey_fuzz: int = 100
    """New keys are made `rekey_margin` seconds before a lifetime's end, or up to that many per cent of it earlier."""
    local_ts: tuple[IPv4Network, ...] = (ANYWHERE,)
    remote_ts: tuple[IPv4Network, ...] = (ANYWHERE,)
    """Traffic selectors: what may pass the tunnel. IKEv1 has one on each side, the first."""
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
