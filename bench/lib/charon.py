"""One charon for one tunnel, wired by hand: its own namespace, its tunnel device moved away, told what to do over vici.

With libipsec the device is its TUN; with the kernel's ESP it is an XFRM interface, whose SAs stay beside charon.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
from pathlib import Path
from typing import Any

import vici

from landbridge.desired.links import DataPlane
from lib import machine, netns
from lib.run import until

_CONF = """charon-systemd {{
  load = random nonce aesni openssl aes sha1 sha2 hmac kdf gcm curve25519 pem pkcs1 x509 pubkey constraints \
{libipsec} kernel-netlink socket-default vici
  filelog {{
    stderr {{
      default = 1
    }}
  }}
  journal {{
    default = -1
  }}
{extra}
  plugins {{
    vici {{
      socket = unix://{socket}
    }}
    kernel-libipsec {{
      load = {load_libipsec}
    }}
  }}
}}
"""
_IF_ID = 42
_KERNEL_MTU = 1438
"""AES-GCM, in UDP: the customer's endpoints are behind NAT."""
DPD_30 = "  retransmit_timeout = 2\n  retransmit_base = 1\n  retransmit_tries = 9\n"
"""Gives up after 20 s, that is 30 s after the last sign of life when asking starts after 10."""


class HandCharon:
    """A charon in `namespace`, its tunnel device in `router` as `device`."""

    def __init__(self, folder: Path, namespace: str, router: str, device: str, data_plane: DataPlane) -> None:
        self.namespace = namespace
        self._kernel = data_plane is DataPlane.KERNEL
        self.router = router
        self.device = device
        self._folder = folder / namespace
        self._socket = self._folder / "vici"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; `ready` waits for it."""
        self._folder.mkdir(exist_ok=True)
        self._socket.unlink(missing_ok=True)
        conf = self._folder / "strongswan.conf"
        conf.write_text(
            _CONF.format(
                socket=self._socket,
                extra=DPD_30,
                libipsec="" if self._kernel else "kernel-libipsec",
                load_libipsec="no" if self._kernel else "yes",
            )
        )
        stale = ("xfrm", "state", "flush") if self._kernel else ("link", "delete", "ipsec0")
        subprocess.run(["ip", "-n", self.namespace, *stale], capture_output=True, check=False)
        with (self._folder / "log").open("ab") as log:
            # charon's pid file path is compiled in: a private /run lets many charons live on one machine
            self.process = subprocess.Popen(
                [
                    *("ip", "netns", "exec", self.namespace, "unshare", "-m", "bash", "-c"),
                    "mount -t tmpfs tmpfs /run; exec /usr/sbin/charon-systemd",
                ],
                env={"STRONGSWAN_CONF": str(conf), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ready(self) -> None:
        """Wait until it serves commands, and bring its tunnel device to the router (traps 2)."""
        until(self._serves, f"charon in {self.namespace}", every=0.01)
        if self._kernel:
            self._interface()
            return
        until(lambda: "ipsec0" in netns.run("ip", "-n", self.namespace, "link"), "ipsec0", every=0.01)
        until(lambda: "220" in netns.run("ip", "-n", self.namespace, "rule"), "the rule for table 220", every=0.01)
        netns.ip(self.namespace, f"link set ipsec0 netns {self.router} name {self.device}")
        netns.ip(self.namespace, "link add ipsec0 type bridge", "link set ipsec0 up", "rule del table 220")
        netns.ip(self.router, f"link set {self.device} txqueuelen 10000", f"link set {self.device} up")

    def _interface(self) -> None:
        """The XFRM interface, which outlives its charon."""
        there = subprocess.run(["ip", "-n", self.router, "link", "show", self.device], capture_output=True, check=False)
        if there.returncode == 0:
            return
        netns.ip(
            self.namespace,
            f"link add x0 type xfrm dev eth0 if_id {_IF_ID}",
            f"link set x0 netns {self.router} name {self.device}",
        )
        netns.ip(self.router, f"link set {self.device} mtu {_KERNEL_MTU} up")

    def _serves(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"charon in {self.namespace} ended: {(self._folder / 'log').read_text()[-500:]}")
        try:
            self._session().version()
        except OSError:
            return False
        return True

    def _session(self) -> vici.Session:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(20 * machine.patience())
        link.connect(str(self._socket))
        return vici.Session(link)

    def inside(self, local: str, far: str) -> None:
        """The device's addresses, both of one /30."""
        netns.ip(self.router, f"addr replace {local} peer {far}/30 dev {self.device}")

    def load(self, *, local: str, local_id: str, remote: str, remote_id: str, psk: str) -> None:
        """One connection with one child, and its key."""
        session = self._session()
        session.load_shared({"id": "k", "type": "IKE", "data": psk, "owners": [local_id, remote_id]})
        connection: dict[str, Any] = {
            "version": "2",
            "mobike": "no",
            "local_addrs": [local],
            "remote_addrs": [remote],
            "proposals": ["aes128gcm16-prfsha256-ecp256"],
            "dpd_delay": "10s",
            "unique": "replace",
            **({"if_id_in": str(_IF_ID), "if_id_out": str(_IF_ID)} if self._kernel else {}),
            "local": {"auth": "psk", "id": local_id},
            "remote": {"auth": "psk", "id": remote_id},
            "children": {
                "t": {
                    "local_ts": ["0.0.0.0/0"],
                    "remote_ts": ["0.0.0.0/0"],
                    "esp_proposals": ["aes128gcm16-ecp256-esn-noesn" if self._kernel else "aes128gcm16-ecp256"],
                    **({"replay_window": "1024"} if self._kernel else {}),
                    "dpd_action": "clear",
                }
            },
        }
        session.load_conn({"t": connection})

    def initiate(self) -> None:
        """Bring the tunnel up; returns when it is."""
        for _ in self._session().initiate(
            {"child": "t", "ike": "t", "timeout": str(10_000 * machine.patience()), "loglevel": "-1"}
        ):
            pass

    def end(self) -> None:
        """Close the tunnel; returns when the peer has agreed."""
        for _ in self._session().terminate({"ike": "t", "timeout": str(10_000 * machine.patience()), "loglevel": "-1"}):
            pass

    def renew(self, times: int) -> None:
        """New keys for the CHILD SA, that many times, one after the other."""
        session = self._session()
        newest = self._newest(session)
        for _ in range(times):
            session.rekey({"child-id": str(newest)})
            before = newest
            until(lambda before=before: self._newest(session) > before, "new keys", every=0.0005)
            newest = self._newest(session)

    def _newest(self, session: vici.Session) -> int:
        found = [
            int(child["uniqueid"])
            for sas in session.list_sas()
            for child in sas["t"]["child-sas"].values()
            if child["state"] == b"INSTALLED"
        ]
        return max(found, default=0)

    def kill(self) -> None:
        """SIGKILL, as a fault."""
        assert self.process is not None
        self.process.kill()

    def stop(self) -> None:
        """End it, before its router's namespace goes (traps 1)."""
        if self.process is not None:
            netns.stop(self.process)

    @property
    def pid(self) -> int:
        """Its process."""
        assert self.process is not None
        return self.process.pid

    def __enter__(self) -> HandCharon:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):
            self.stop()
