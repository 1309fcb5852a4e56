"""The service that the demo runs for itself, as a program: started, stopped, killed; and clients for both its APIs."""

from __future__ import annotations

import configparser
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Final

from landbridge.api.client import AdminClient
from landbridge.demo.machine import LANDBRIDGE, CommandFailed, Programs, end, run, until
from landbridge.model.options import DataPlaneChoice

REGION: Final = "eu-central-1"
BFD_INTERVAL: Final = 100
"""Milliseconds; three losses mean down. The service's own default is calmer."""

_READY_WITHIN: Final = 30.0


class Service:
    """`landbridge serve --lab` on a port of its own, with its state in `folder`."""

    def __init__(self, folder: Path, log: Path, data_plane: DataPlaneChoice, programs: Programs) -> None:
        self.state = folder
        self.log = log
        self.url = ""
        self.admin = AdminClient(folder)
        self._data_plane = data_plane
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it, again on the same port; answers the seconds until it said `ready`.

        Raises:
            CommandFailed: it ended; the message is what it said last.
        """
        listen = self.url.removeprefix("http://") or "127.0.0.1:0"
        out = self.log.with_suffix(".out")
        began = time.monotonic()
        self._process = process = self._programs.start(
            *LANDBRIDGE, "serve", "--lab", "--state", str(self.state), "--listen", listen,
            "--data-plane", self._data_plane.value, "--bfd-interval", str(BFD_INTERVAL), out=out,
        )  # fmt: skip

        def ready() -> bool:
            if process.poll() is not None:
                raise CommandFailed(f"The service did not start: {self._last_words(out)}")
            return out.read_text().startswith("ready ") and out.read_text().endswith("\n")

        until(ready, _READY_WITHIN, "the service is ready")
        self.url = out.read_text().split()[1]
        return time.monotonic() - began

    def _last_words(self, out: Path) -> str:
        lines = out.with_name(f"{out.name}.err").read_text().strip().splitlines()
        return lines[-1].removeprefix("landbridge: ") if lines else "it said nothing."

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it without a warning, as kill -9 does."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Ask it to end. What it built stays."""
        if self._process is not None:
            end(self._process, within=30)

    def purge(self) -> None:
        """Remove everything that it built, with its state."""
        if (self.state / "instance").exists():
            run(*LANDBRIDGE, "purge", "--yes", "--state", str(self.state), within=120)

    @property
    def instance(self) -> str:
        """What its namespaces' names begin with, after `lb-`; empty before it ever ran."""
        file = self.state / "instance"
        return file.read_text().strip() if file.exists() else ""

    def ec2(self) -> Any:
        """A client of its EC2 API: boto3's own, with nothing but the endpoint and the credentials set."""
        import boto3
        from botocore.config import Config

        file = configparser.ConfigParser()
        file.read(self.state / "credentials")
        return boto3.client(
            "ec2",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=file["default"]["aws_access_key_id"],
            aws_secret_access_key=file["default"]["aws_secret_access_key"],
            config=Config(retries={"max_attempts": 1}, proxies={}, connect_timeout=5, read_timeout=30),
        )
