"""strongSwan as Debian packages it, set up by hand in a namespace: somebody else's, with nothing of landbridge's.

with StockSwan(namespace, folder, kernel=True) as swan:
    swan.load("office", {...swanctl.conf's words...}, key="...", ids=["203.0.113.1", "203.0.113.2"])
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import vici

SLOW = float(os.environ.get("LANDBRIDGE_TEST_SLOW", "1"))
_PLUGINS = ("random", "nonce", "aesni", "openssl", "kdf", "kernel-libipsec", "kernel-netlink", "socket-default", "vici")


class StockSwan:
    """A charon of its own, with its own control socket and its routes as it likes them."""

    def __init__(
        self, namespace: str, folder: Path, *, kernel: bool, plugins: tuple[str, ...] = (), settings: str = ""
    ) -> None:
        """`folder` is its own, and not below /run, which it gets an empty one of: its pid file's path is fixed.

        `plugins`: more of them. `settings`: lines of its section of strongswan.conf.
        """
        self._namespace = namespace
        self._plugins = [*plugins, *(name for name in _PLUGINS if not (kernel and name == "kernel-libipsec"))]
        self._settings = settings
        self._socket = folder / "stock.vici"
        self._conf = folder / "stock.conf"
        self._log = folder / "stock.log"

    def __enter__(self) -> StockSwan:
        self._conf.write_text(
            f"charon-systemd {{\n load = {' '.join(self._plugins)}\n{self._settings} journal {{\n  default = -1\n }}\n"
            " filelog {\n  stderr {\n   default = 1\n   flush_line = yes\n  }\n }\n"
            f" plugins {{\n  vici {{\n   socket = unix://{self._socket}\n  }}\n"
            "  kernel-libipsec {\n   load = yes\n  }\n }\n}\n"
        )
        command = "mount -t tmpfs tmpfs /run && exec charon-systemd"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                ("ip", "netns", "exec", self._namespace, "sh", "-c", command),
                env={**os.environ, "STRONGSWAN_CONF": str(self._conf)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + 15 * SLOW
        while not self._answers():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(10 * SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def load(self, name: str, connection: dict[str, Any], *, key: str, ids: list[str]) -> None:
        """A connection in the words of swanctl.conf(5), and its pre-shared key."""
        with self._connect() as opened:
            session = vici.Session(opened)
            session.load_shared({"id": f"{name}-key", "type": "IKE", "data": key, "owners": ids})
            session.load_conn({name: connection})

    def load_certified(
        self, name: str, connection: dict[str, Any], *, certificate: bytes, key: str, authority: dict[str, str]
    ) -> None:
        """A connection by certificates; the authority in vici's words (`load-authority`)."""
        with self._connect() as opened:
            session = vici.Session(opened)
            session.load_cert({"type": "X509", "flag": "CA", "data": authority["cacert"]})
            session.load_authority({"ca": authority})
            session.load_cert({"type": "X509", "flag": "NONE", "data": certificate})
            session.load_key({"type": "any", "data": key})
            session.load_conn({name: connection})

    @contextmanager
    def control(self) -> Iterator[vici.Session]:
        """Its control socket, for what is said nowhere else."""
        with self._connect() as opened:
            yield vici.Session(opened)

    def try_to_initiate(self, name: str, child: str) -> None:
        """Begin to bring a CHILD SA up; whatever becomes of it."""
        with self._connect() as opened:
            vici.Session(opened).request("initiate", {"ike": name, "child": child, "timeout": "-1"})

    def initiate(self, name: str, child: str) -> None:
        """Bring a CHILD SA up, and wait for it."""
        with self._connect() as opened:
            for _ in vici.Session(opened).initiate({"ike": name, "child": child, "timeout": f"{10_000 * SLOW:.0f}"}):
                pass

    def children(self) -> list[dict[str, Any]]:
        """The CHILD SAs that are installed, in vici's words."""
        with self._connect() as opened:
            return [
                child
                for sas in vici.Session(opened).list_sas()
                for sa in sas.values()
                for child in sa["child-sas"].values()
                if child["state"] == b"INSTALLED"
            ]

    def log(self) -> str:
        """What it said."""
        return self._log.read_text()

    def _connect(self) -> socket.socket:
        opened = socket.socket(socket.AF_UNIX)
        opened.settimeout(15 * SLOW)
        opened.connect(str(self._socket))
        return opened

    def _answers(self) -> bool:
        try:
            with self._connect() as opened:
                vici.Session(opened).version()
        except OSError:
            return False
        return True
