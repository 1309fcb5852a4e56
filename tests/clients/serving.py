"""A real service without a data plane, as a process, for the clients that people have."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import boto3
from botocore.config import Config

LANDBRIDGE = str(Path(sys.executable).with_name("landbridge"))
REGION = "eu-central-1"


class Service:
    """`landbridge serve --data-plane none` with these options, on its own state folder; `url` once it is ready."""

    def __init__(self, state: Path, *options: str, listen: str = "127.0.0.1:0") -> None:
        self.state = state
        self._command = (LANDBRIDGE, "serve", "--data-plane", "none", "--state", str(state), "--listen", listen)
        self._options = options
        self.said: list[str] = []

    def __enter__(self) -> Service:
        self.process = subprocess.Popen(
            (*self._command, *self._options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        ready = self.process.stdout.readline()
        if not ready.startswith("ready "):
            self.process.wait(20)
            raise AssertionError(f"the service ended: {self.process.stderr.read()}")
        self.url = ready.split()[1]
        self._readers = [
            threading.Thread(target=self._read, args=(pipe,)) for pipe in (self.process.stdout, self.process.stderr)
        ]
        for reader in self._readers:
            reader.start()
        return self

    def _read(self, pipe: IO[str]) -> None:
        for line in pipe:
            self.said.append(line)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        try:
            assert self.process.wait(30) == 0
        finally:
            self.process.kill()
            self.process.wait()
            for reader in self._readers:
                reader.join(10)

    def landbridge(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A command with this service's state."""
        return landbridge(*words, "--state", str(self.state), **environment)

    def client(self, name: str = "ec2", **given: Any) -> Any:
        """boto3's client with the first key."""
        keys = configparser.ConfigParser()
        keys.read(self.state / "credentials")
        config = Config(retries={"total_max_attempts": 1}, proxies={}, connect_timeout=5, read_timeout=20)
        ours = {"endpoint_url": self.url, "region_name": REGION, "config": config, **keys["default"]}
        return boto3.client(name, **(ours | given))


def landbridge(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Any command of landbridge."""
    return subprocess.run(
        (LANDBRIDGE, *words),
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        check=False,
        env={**os.environ, "TERM": "dumb", **environment},
    )
