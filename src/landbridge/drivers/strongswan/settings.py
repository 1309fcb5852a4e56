"""strongswan.conf of one endpoint: pure text from a data plane, a DPD timeout and a socket path, nothing else.

Everything about peers goes over vici; what is here is daemon-wide, and a change of it restarts the daemon.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from landbridge.desired.links import DataPlane
from landbridge.reconcile.driver import DriverError

FIRST_TIMEOUT: Final = 0.5
"""Seconds before the first retransmission."""

BASE: Final = 1.5

LONGEST_TIMEOUT: Final = 2
"""Seconds between later retransmissions: who comes back is reached within this time."""

LARGEST_MESSAGE: Final = 10_000
"""Bytes of an IKE message, put together from fragments or not: with a chain of certificates it has a third of that."""

THREADS: Final = 16
"""libipsec, netlink, vici and the scheduler hold 8 to 9 threads for good; with 8 no vici command is ever served."""

INERT_MARK: Final = 0x4C42
"""Nobody sets this mark; the rule that sends marked packets to libipsec's route table thus never matches (traps 2)."""

PLUGINS: Final = (
    "random",
    "nonce",
    "aesni",
    "openssl",
    "pem",
    "kdf",
    "kernel-libipsec",
    "kernel-netlink",
    "socket-default",
    "vici",
)
"""All that is loaded, in this order: aesni's AES-GCM is taken before openssl's. Hash, HMAC, AES, groups, keys and
certificates: openssl, whose PEM form pem reads. Nothing that fetches URLs, nor that would ask for any (revocation)."""

_LIBIPSEC: Final = "kernel-libipsec"
"""The plugin without which kernel-netlink hands ESP to the kernel."""

UNIX_PATH_MAX: Final = 107
"""Bytes of a Unix socket's path (sun_path without its final zero)."""


@dataclass(frozen=True, slots=True)
class Retransmission:
    """strongSwan's retransmission ladder: the n-th wait is `timeout * base ** n` seconds, `limit` at most."""

    timeout: float
    base: float
    limit: int
    tries: int

    @property
    def gives_up_after(self) -> float:
        """Seconds from the first transmission until the peer counts as dead."""
        total, wait = 0.0, self.timeout
        for step in range(self.tries + 1):
            if wait >= self.limit:
                return total + (self.tries + 1 - step) * self.limit
            total += wait
            wait *= self.base
        return total


def retransmission(dpd_timeout: int) -> Retransmission:
    """The ladder with which a peer that fell silent is found dead within `dpd_timeout` seconds.

    A connection's DPD asks after a third of it (AWS's customer gateway files: interval 10, retries 3), so the ladder
    has two thirds. The same ladder bounds IKE_SA_INIT, IKE_AUTH and rekeying (traps 6), which quick first
    retransmissions suit.

    Raises:
        ValueError: dpd_timeout is not between 5 and 86400 seconds.
    """
    if not 5 <= dpd_timeout <= 86_400:
        raise ValueError(f"The DPD timeout is {dpd_timeout} s; give one between 5 and 86400 s.")
    budget = dpd_timeout * 2 / 3
    total, tries, wait = FIRST_TIMEOUT, 0, FIRST_TIMEOUT * BASE
    while total + min(wait, LONGEST_TIMEOUT) <= budget:
        total += min(wait, LONGEST_TIMEOUT)
        wait = min(wait * BASE, LONGEST_TIMEOUT)
        tries += 1
    return Retransmission(FIRST_TIMEOUT, BASE, LONGEST_TIMEOUT, tries)


_LIBIPSEC_SECTION: Final = """    kernel-libipsec {
      load = yes
    }
"""


def charon_settings(*, data_plane: DataPlane, dpd_timeout: int, socket: Path) -> str:
    """The text of strongswan.conf. charon is to be started in the socket's directory: it cannot get there by itself.

    Raises:
        DriverError: the socket's path cannot be used.
    """
    plugins = [name for name in PLUGINS if name != _LIBIPSEC or data_plane is DataPlane.LIBIPSEC]
    libipsec = _LIBIPSEC_SECTION if data_plane is DataPlane.LIBIPSEC else ""
    path = str(socket)
    if len(path.encode()) > UNIX_PATH_MAX or not all(c.isascii() and (c.isalnum() or c in "/._-") for c in path):
        raise DriverError(
            f"The socket path {path} cannot be used: it has to be {UNIX_PATH_MAX} bytes at most, of letters, digits,"
            " dots, dashes, underscores and slashes. Choose another run directory."
        )
    ladder = retransmission(dpd_timeout)
    return f"""charon-systemd {{
  load = {" ".join(plugins)}
  threads = {THREADS}
  install_routes = no
  install_virtual_ip = no
  process_route = no
  close_ike_on_child_failure = yes
  send_vendor_id = no
  hash_and_url = no
  max_packet = {LARGEST_MESSAGE}
  retry_initiate_interval = 1
  half_open_timeout = 30
  init_limit_half_open = 64
  retransmit_timeout = {ladder.timeout}
  retransmit_base = {ladder.base}
  retransmit_limit = {ladder.limit}
  retransmit_tries = {ladder.tries}
  journal {{
    default = -1
  }}
  filelog {{
    stderr {{
      default = 1
      enc = 0
      esp = 0
      net = 0
      time_format = %b %d %H:%M:%S
      flush_line = yes
    }}
  }}
  plugins {{
    vici {{
      socket = unix://{socket.name}
    }}
{libipsec}    kernel-netlink {{
      fwmark = {INERT_MARK:#x}
      roam_events = no
    }}
  }}
}}
"""


def settings_digest(text: str) -> str:
    """What tells one text of settings from another."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def data_plane_of(text: str) -> DataPlane:
    """Who does ESP under settings that `charon_settings` wrote."""
    return DataPlane.LIBIPSEC if _LIBIPSEC in text else DataPlane.KERNEL
