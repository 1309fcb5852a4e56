"""How large a packet may be to fit through a tunnel: AWS's formula, from algorithms, NAT traversal and the uplink.

The figures of AWS's table (Site-to-Site VPN user guide, "Best practices for your customer gateway device") follow from
RFC 4303's layout: outer IPv4 header, UDP header under NAT traversal (RFC 3948), SPI and sequence number, IV, the packet
itself padded together with two trailing bytes to the cipher's block, ICV.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from landbridge.desired.links import DataPlane
from landbridge.model.crypto import Cipher, Integrity, Transforms

LIBIPSEC_MTU: Final = 1400
"""libipsec's TUN (fixed in strongSwan's source)."""
UPLINK_MTU: Final = 1500
"""Never more than that is taken for granted outside: AWS's own limit."""
LEAST_PATH_MTU: Final = 1280
"""Bytes. Who says on the Internet that less fits is not believed: everybody can, without being on the way, and a tunnel
would be crippled for ten minutes each time. IPv6 takes no link that carries less (RFC 8200)."""
TCP_IP_HEADERS: Final = 40
_IPV4: Final = 20
_UDP: Final = 8
_SPI_AND_SEQUENCE: Final = 8
_TRAILER: Final = 2
"""Pad length and next header."""


@dataclass(frozen=True, slots=True)
class Esp:
    """What an ESP transform adds, in bytes: its initialization vector, its integrity check value, its block."""

    iv: int
    icv: int
    block: int


AES_GCM_16: Final = Esp(iv=8, icv=16, block=4)
AES_CBC_SHA1: Final = Esp(iv=16, icv=12, block=16)
AES_CBC_SHA256: Final = Esp(iv=16, icv=16, block=16)
AES_CBC_SHA384: Final = Esp(iv=16, icv=24, block=16)
AES_CBC_SHA512: Final = Esp(iv=16, icv=32, block=16)
_AES_CBC: Final[Mapping[Integrity, Esp]] = {
    Integrity.SHA1: AES_CBC_SHA1,
    Integrity.SHA2_256: AES_CBC_SHA256,
    Integrity.SHA2_384: AES_CBC_SHA384,
    Integrity.SHA2_512: AES_CBC_SHA512,
}


def esp_mtu(esp: Esp, *, nat: bool, uplink: int = UPLINK_MTU) -> int:
    """The largest packet that fits through in one piece."""
    room = min(uplink, UPLINK_MTU) - _IPV4 - (_UDP if nat else 0) - _SPI_AND_SEQUENCE - esp.iv - esp.icv
    return room // esp.block * esp.block - _TRAILER


def esp_of(cipher: Cipher) -> Esp:
    """What a negotiated cipher adds."""
    return AES_GCM_16 if cipher.encryption.authenticates or cipher.integrity is None else _AES_CBC[cipher.integrity]


def widest(transforms: Transforms) -> Esp:
    """What may be added at most: of all that may be negotiated, what leaves the least room."""
    hashes = transforms.integrity or (None,)
    ciphers = (Cipher(encryption, hashing) for encryption in transforms.encryption for hashing in hashes)
    return min(map(esp_of, ciphers), key=lambda esp: esp_mtu(esp, nat=True))


def tunnel_mtu(data_plane: DataPlane, *, nat: bool, uplink: int = UPLINK_MTU, esp: Esp = AES_GCM_16) -> int:
    """The MTU of a tunnel device. `esp`: what is negotiated, or the widest of what may be."""
    fits = esp_mtu(esp, nat=nat or data_plane is DataPlane.LIBIPSEC, uplink=uplink)
    return min(LIBIPSEC_MTU, fits) if data_plane is DataPlane.LIBIPSEC else fits


def mss(mtu: int) -> int:
    """The TCP segment size that goes with an MTU: IPv4 and TCP headers without options."""
    return mtu - TCP_IP_HEADERS
