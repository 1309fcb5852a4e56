"""The state folder: its lock, its key, its instance id, and where everything lies."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet

from landbridge.model.errors import OperatorError

RUN: Final = Path("/run/landbridge")
"""Sockets and daemon files of all instances, each below its instance id: a Unix socket's path is at most 107 bytes."""


_LOOK_AGAIN: Final = 0.05


class FolderError(OperatorError):
    """The state folder cannot be used. The message says what to do."""


class Folder:
    """One state folder, private to its owner. Opening makes what is missing."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            self.instance = self._kept("instance", lambda: secrets.token_hex(3))
            self.key = self._kept("key", lambda: Fernet.generate_key().decode()).encode()
        except OSError as error:
            raise FolderError(
                f"The state folder {self.path} cannot be used ({error.strerror}). "
                "Name another one with --state, or make it writable."
            ) from None
        if len(self.instance) != 6 or not all(c in "0123456789abcdef" for c in self.instance):
            raise FolderError(f"{self.path / 'instance'} is damaged: it should hold six hexadecimal digits.")

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.path / "landbridge.db"

    @property
    def credentials(self) -> Path:
        """The first access key, in AWS's ini form."""
        return self.path / "credentials"

    @property
    def certificates(self) -> Path:
        """The service's own authority and server certificate."""
        return self.path / "tls"

    @property
    def endpoint(self) -> Path:
        """Where the EC2 API listened last."""
        return self.path / "endpoint.json"

    @property
    def socket(self) -> Path:
        """The admin API."""
        return self.path / "admin.sock"

    @property
    def logs(self) -> Path:
        """The daemons' logs."""
        return self.path / "log"

    @property
    def log_groups(self) -> Path:
        """The tunnels' logs: a folder per log group, a file per log stream."""
        return self.path / "logs"

    @property
    def run(self) -> Path:
        """Sockets, process files and configurations of this instance's daemons."""
        return RUN / self.instance

    def lock(self, *, patience: float = 0.0) -> None:
        """Be the only process on this folder until the process ends. `patience`: seconds for another one to end.

        Raises:
            FolderError: another one is.
        """
        handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _locked(handle, patience):
            holder = os.read(handle, 20).decode(errors="replace").strip()
            os.close(handle)
            raise FolderError(
                f"Another landbridge (process {holder or 'unknown'}) uses the state folder {self.path}. "
                "Stop it first, or name another folder with --state."
            )
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())

    def write_private(self, path: Path, content: str) -> None:
        """Write a file that only its owner may read, whole or not at all."""
        write_private(path, content)

    def _kept(self, name: str, make: Callable[[], str]) -> str:
        path = self.path / name
        if not path.exists():
            write_private(path, make())
        return path.read_text().strip()


def write_private(path: Path, content: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _locked(handle: int, patience: float) -> bool:
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(_LOOK_AGAIN)
        else:
            return True
