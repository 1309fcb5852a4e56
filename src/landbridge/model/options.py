"""What somebody may choose when starting something: the command line fills these in, the wiring carries them out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final

from landbridge.model.crypto import CryptoPolicy
from landbridge.model.secret import Secret

DEFAULT_STATE: Final = Path("/var/lib/landbridge")
DEFAULT_REGION: Final = "us-east-1"
"""What AWS's own tools take for the region of everything that has none."""
DEFAULT_PSK_GRACE: Final = 3_600
"""Seconds: time to set up a device by hand."""
LONGEST_PSK_GRACE: Final = 30 * 86_400
DEFAULT_BFD_INTERVAL: Final = 300
"""Milliseconds; three losses mean down (traps 19)."""
SHORTEST_BFD_INTERVAL: Final = 50
LONGEST_BFD_INTERVAL: Final = 10_000
LARGEST_UPLINK_MTU: Final = 1500
SMALLEST_UPLINK_MTU: Final = 576
"""Bytes: what every IPv4 host takes (RFC 791), and AWS's own limit."""
DEFAULT_WAIT: Final = 20
"""Seconds that a customer gateway's tunnels are waited for."""
LONGEST_WAIT: Final = 3_600


class DataPlaneChoice(StrEnum):
    """Who shall do ESP. AUTO probes what the kernel can do; NONE is the API alone, without root."""

    AUTO = "auto"
    KERNEL = "kernel"
    LIBIPSEC = "libipsec"
    NONE = "none"


class LimitsChoice(StrEnum):
    """How many there may be of everything: AWS's default quotas, or no counts (`control/limits.py` says which)."""

    AWS = "aws"
    RELAXED = "relaxed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """How to run the service.

    `host` and `port`: where the EC2 API listens; port 0 takes a free one. `bfd_interval`: milliseconds, 0 turns BFD
    off. `uplink_mtu`: bytes that a packet between the tunnel endpoints and the Internet may have. `crypto_policy`:
    which algorithms tunnels may use. `psk_grace`: seconds for which the key before the last one still lets a customer
    gateway in. `tls`: with a certificate of the service's own, for `tls_names` (DNS names and
    addresses) besides those it knows itself; or `tls_cert` and `tls_key`, PEM files.
    """

    host: str = "127.0.0.1"
    port: int = 8780
    state: Path = DEFAULT_STATE
    data_plane: DataPlaneChoice = DataPlaneChoice.AUTO
    lab: bool = False
    limits: LimitsChoice = LimitsChoice.AWS
    crypto_policy: CryptoPolicy = CryptoPolicy.AWS
    bfd_interval: int = DEFAULT_BFD_INTERVAL
    tls: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_names: tuple[str, ...] = ()
    uplink_mtu: int = LARGEST_UPLINK_MTU
    psk_grace: int = DEFAULT_PSK_GRACE


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerGatewayOptions:
    """How to be the customer gateway of one VPN connection.

    `device_file`: the XML that the cloud side gives out, pre-shared keys included; `source` names it in messages.
    `routes`: prefixes behind the cloud side, for static connections. `advertise`: the site's prefixes, told by BGP.
    `bfd_interval`: milliseconds, 0 turns BFD off. `state`: the folder below which each connection gets its own.
    `clear_df`: packets too large for a tunnel are fragmented also where they forbid it. `force_udp`: ESP in UDP always.
    `crypto_policy`: algorithms that may be offered, whatever the file names. `wait`: seconds to wait for both tunnels,
    at most. `certificate`, `key` (PEM): what the machine proves itself with if the file has no pre-shared keys.
    """

    device_file: Secret
    source: str
    routes: tuple[IPv4Network, ...] = ()
    advertise: tuple[IPv4Network, ...] = ()
    bfd_interval: int = DEFAULT_BFD_INTERVAL
    state: Path = DEFAULT_STATE
    data_plane: DataPlaneChoice = DataPlaneChoice.AUTO
    clear_df: bool = False
    force_udp: bool = False
    crypto_policy: CryptoPolicy = CryptoPolicy.AWS
    certificate: str | None = None
    key: Secret | None = None
    wait: int = DEFAULT_WAIT


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """How to run the demo. `keep`: leave everything running at the end, and say how to remove it."""

    keep: bool = False
    data_plane: DataPlaneChoice = DataPlaneChoice.AUTO
