"""A full disk, a state that is damaged, a program that is missing: a sentence each, and nothing lost or half-built."""

from __future__ import annotations

import configparser
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from shell import eventually, ok, run
from world import LANDBRIDGE

pytestmark = pytest.mark.lab

START_WITHIN = 40.0


class Api:
    """A service without a data plane: its state is what matters here."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.said = state.parent / "said"
        self._process: subprocess.Popen[bytes] | None = None
        self.ec2: Any = None

    def start(self) -> None:
        with self.said.open("wb") as said:
            self._process = subprocess.Popen(
                (LANDBRIDGE, "serve", "--data-plane", "none", "--listen", "127.0.0.1:0", "--state", str(self.state)),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        url = eventually(self._ready, "the service is ready", START_WITHIN)
        keys = configparser.ConfigParser()
        keys.read(self.state / "credentials")
        self.ec2 = boto3.client(
            "ec2",
            endpoint_url=url,
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 1}),
            **dict(keys["default"]),
        )

    def _ready(self) -> str:
        assert self._process is not None
        assert self._process.poll() is None, self.said.read_text()
        lines = self.said.read_text().splitlines()
        return next((line.split()[1] for line in lines if line.startswith("ready ")), "")

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def vpcs(self) -> list[str]:
        return sorted(vpc["CidrBlock"] for vpc in self.ec2.describe_vpcs()["Vpcs"])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    ok("mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "landbridge-test", str(disk))
    try:
        yield disk
    finally:
        ok("umount", str(disk))


@pytest.fixture
def api(small_disk: Path) -> Iterator[Api]:
    made = Api(small_disk / "state")
    try:
        made.start()
        yield made
    finally:
        made.end()


def fill(disk: Path) -> Path:
    """Take all the space that is left."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    assert os.statvfs(disk).f_bavail == 0
    return filler


def test_a_full_disk_refuses_changes_and_loses_nothing(api: Api, small_disk: Path) -> None:
    api.ec2.create_vpc(CidrBlock="10.0.0.0/16")
    filler = fill(small_disk)

    with pytest.raises(ClientError) as refused:
        api.ec2.create_vpc(CidrBlock="10.1.0.0/16")
    assert refused.value.response["Error"]["Code"] == "ServiceUnavailable"
    assert "nothing was changed" in refused.value.response["Error"]["Message"]
    assert "Free disk space" in refused.value.response["Error"]["Message"]
    assert api.vpcs() == ["10.0.0.0/16"]

    # Killed and started again on the full disk: what was committed is there, nothing else is.
    api.end()
    api.start()
    assert api.vpcs() == ["10.0.0.0/16"]

    filler.unlink()
    api.ec2.create_vpc(CidrBlock="10.1.0.0/16")
    api.end()
    api.start()
    assert api.vpcs() == ["10.0.0.0/16", "10.1.0.0/16"]


def test_a_damaged_state_is_a_sentence_and_stays_as_it_is(api: Api) -> None:
    api.ec2.create_vpc(CidrBlock="10.0.0.0/16")
    api.end(signal.SIGTERM)  # killed, it would leave a journal that mends the damage
    database = api.state / "landbridge.db"
    with database.open("r+b") as file:
        file.write(b"this is no database" * 50)
    before = database.read_bytes()

    done = run(LANDBRIDGE, "serve", "--data-plane", "none", "--listen", "127.0.0.1:0", "--state", str(api.state))

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert str(database) in done.stderr
    assert "Restore the folder from a backup" in done.stderr
    assert database.read_bytes() == before


def test_a_missing_program_is_named_with_its_package_and_nothing_is_built(tmp_path: Path) -> None:
    state = tmp_path / "state"
    serve = f"{LANDBRIDGE} serve --lab --listen 127.0.0.1:0 --state {state}"

    done = run("unshare", "--mount", "sh", "-c", f"mount --bind /dev/null /usr/sbin/bird && exec {serve}")

    assert done.returncode == 1
    assert done.stderr == "landbridge: Programs are missing. Install them: apt-get install bird2.\n"
    assert not state.exists()
