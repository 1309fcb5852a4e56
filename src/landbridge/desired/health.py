"""What the desired state depends on besides the resources: how tunnels are, as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass, field

from landbridge.model.crypto import Cipher
from landbridge.model.vpn import TunnelId


@dataclass(frozen=True, slots=True)
class Health:
    """What the desired state may depend on besides the resources: facts that only observation knows.

    `dead`: tunnels whose endpoints are known not to carry traffic (process gone, IKE down):
    their sibling's MED is lowered, their static routes are left out. `bfd_seen`: tunnels whose peer answers BFD.
    `up`: tunnels whose CHILD SA is established. `bare`: tunnels known to carry ESP without UDP around it: 8 more bytes
    fit into a packet. `ciphers`: what protects their packets, as far as known. `former_keys`: tunnels whose customer
    gateway was refused with the new key during the grace time, and is to be let in with the one before.
    """

    dead: frozenset[TunnelId] = field(default_factory=frozenset)
    bfd_seen: frozenset[TunnelId] = field(default_factory=frozenset)
    up: frozenset[TunnelId] = field(default_factory=frozenset)
    bare: frozenset[TunnelId] = field(default_factory=frozenset)
    ciphers: frozenset[tuple[TunnelId, Cipher]] = field(default_factory=frozenset)
    former_keys: frozenset[TunnelId] = field(default_factory=frozenset)
