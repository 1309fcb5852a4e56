"""A real landbridge of a test's own: the service as a process, its two APIs, a lab, and an end that leaves nothing.

with World() as world:
    vpc = world.cloud.vpc("10.0.0.0/16")
    paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
"""

from __future__ import annotations

import configparser
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
import remains
from cloud import Cloud
from forks import Forked
from packets import Host
from shell import BFD_INTERVAL, DATA_PLANE, SLOW, eventually, ok, run, start
from sites import Site

from landbridge.api.client import AdminClient, AdminError

LANDBRIDGE = str(Path(sys.executable).with_name("landbridge"))
START_WITHIN = 40.0


class World:
    """One service with a lab on this machine. Its sites' names get a suffix, so that worlds can live side by side."""

    def __init__(self, *options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lb-", dir="/tmp"))
        self.state = self.folder / "s"
        self.customers = self.folder / "c"
        self.log = self.folder / "service.log"
        self.suffix = secrets.token_hex(2)
        self.cloud = Cloud(self)
        self.sites: list[Site] = []
        self.hosts: list[str] = []
        usual = {"--data-plane": DATA_PLANE, **({"--bfd-interval": str(BFD_INTERVAL)} if SLOW != 1 else {})}
        self._options = (*(word for name in usual.keys() - {*options} for word in (name, usual[name])), *options)
        self._service: subprocess.Popen[bytes] | Forked | None = None
        self._gateways: set[str] = set()

    def __enter__(self) -> World:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # the service

    def start(self) -> None:
        """Start the service and wait until it is ready."""
        with self.log.open("ab") as log:
            before = log.tell()
            options = ("--lab", "--listen", "127.0.0.1:0", "--state", str(self.state), *self._options)
            self._service = start(LANDBRIDGE, "serve", *options, log=log)
        self.url = eventually(lambda: self._ready(before), "the service is ready", START_WITHIN)
        self.ec2 = self.client("ec2")
        self.admin = AdminClient(self.state)

    def client(self, name: str) -> Any:
        """boto3's client of that service with the first key."""
        keys = configparser.ConfigParser()
        keys.read(self.state / "credentials")
        return boto3.client(name, endpoint_url=self.url, region_name="us-east-1", **keys["default"])

    def _ready(self, since: int) -> str:
        assert self._service is not None
        said = self.log.read_bytes()[since:].decode()
        assert self._service.poll() is None, f"the service ended: {said}"
        return next((line.split()[1] for line in said.splitlines() if line.startswith("ready ")), "")

    @property
    def pid(self) -> int:
        """The service's process id."""
        assert self._service is not None
        return self._service.pid

    def kill(self, number: signal.Signals = signal.SIGKILL) -> int:
        """End the service by a signal, wait for its end, and give its exit code. What it built stays."""
        assert self._service is not None
        self._service.send_signal(number)
        code = self._service.wait(60 * SLOW)
        self._service = None
        self.admin.close()
        return code

    def status(self) -> dict[str, Any]:
        """What `landbridge status --json` prints."""
        return self.admin.status()

    def landbridge(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command with this world's state."""
        return run(LANDBRIDGE, *arguments, "--state", str(self.state), timeout=120)

    def converged(self, seconds: float = 30.0) -> None:
        """Wait until everything is built as wanted."""
        answer = self.admin.wait(timeout=seconds * SLOW)
        assert answer["converged"], answer

    @property
    def instance(self) -> str:
        """The instance id, which all names derive from."""
        return (self.state / "instance").read_text().strip()

    # the lab

    def site(self, name: str, public: str, lan: str) -> Site:
        """A customer's site: a gateway machine and a host on its LAN."""
        called = f"{name}-{self.suffix}"
        self.admin.add_site(called, public, lan)
        document = self.admin.built(lambda: self.admin.site(called))
        site = Site(
            self,
            called,
            IPv4Address(public),
            IPv4Network(lan),
            Host(called, document["namespace"], IPv4Address(document["lan_address"])),
            Host(f"{called}'s host", document["host_namespace"], IPv4Address(document["host_address"])),
        )
        self.sites.append(site)
        return site

    def internet_host(self, name: str, address: str) -> Host:
        """A host on the Internet."""
        called = f"{name}-{self.suffix}"
        self.admin.add_host(called, address)
        self.hosts.append(called)
        return Host(called, self.admin.built(lambda: self.admin.host(called))["namespace"], IPv4Address(address))

    @property
    def internet(self) -> str:
        """The namespace of the simulated Internet."""
        return str(self.status()["internet_namespace"])

    # the end

    def names(self) -> set[str]:
        """Namespaces that are called as somebody wished."""
        return {name for site in self.sites for name in (site.name, f"{site.name}-host")} | set(self.hosts)

    def instances(self) -> set[str]:
        """Every instance id of this world: the service's, and those of its customer gateways so far."""
        known = [self.state / "instance", *self.customers.glob("customer-gateway/*/instance")]
        for path in known:
            with suppress(FileNotFoundError):
                self._gateways.add(path.read_text().strip())
        return set(self._gateways)

    def remains(self) -> set[str]:
        """What is left of it on the machine."""
        return remains.of(self.instances(), self.names(), self.state)

    def close(self) -> None:
        """Take everything down, and see that nothing is left."""
        troubles: list[str] = []
        self.instances()
        for folder in sorted(self.customers.glob("customer-gateway/*")):
            site = next((s for s in self.sites if folder in s.folders), None)
            if site is None:
                continue
            done = run(*site.command("down", folder.name), timeout=90)
            if done.returncode != 0:
                troubles.append(f"customer-gateway down {folder.name}: {done.stderr}")
        if self._service is not None:
            self._service.send_signal(signal.SIGTERM)
            try:
                self._service.wait(40 * SLOW)
            except subprocess.TimeoutExpired:
                troubles.append("the service did not end by SIGTERM")
                self._service.kill()
                self._service.wait()
            self._service = None
        if (self.state / "instance").exists():
            done = run(LANDBRIDGE, "purge", "--yes", "--state", str(self.state), timeout=120)
            if done.returncode != 0:
                troubles.append(f"purge: {done.stderr}")
        with suppress(AssertionError):
            eventually(lambda: not self.remains(), "nothing is left", 5)
        left = self.remains()
        if left:
            _by_force(self, left)
        if not troubles and not left:
            shutil.rmtree(self.folder)
        assert not troubles, troubles
        assert not left, f"left behind: {sorted(left)}"

    def logs(self) -> str:
        """The ends of all logs, for a failed test's report."""
        paths = [self.log, *self.state.glob("log/*.log"), *self.customers.glob("customer-gateway/*/log/*.log")]
        return "\n".join(f"--- {path}\n{_end(path)}" for path in paths)

    def __str__(self) -> str:
        with suppress(AdminError, AttributeError, RuntimeError):
            tunnels = [
                f"{c['id']} tunnel {t['number']}: {t['status']} ike={t['ike']} bgp={t['bgp']} bfd={t['bfd']} {t['why']}"
                for c in self.status()["vpn_connections"]
                for t in c["tunnels"]
            ]
            return "\n".join([str(self.folder), *tunnels, *(str(f) for f in self.status()["faults"])])
        return str(self.folder)


def _end(path: Path, lines: int = 12) -> str:
    with suppress(FileNotFoundError):
        said = path.read_text(errors="replace").splitlines()
        return "\n".join([line[:300] for line in said if '"step_done"' not in line][-lines:])
    return ""


def _by_force(world: World, left: set[str]) -> None:
    """Keep what a broken teardown left from disturbing the next test: by process id, then namespaces, then files."""
    for thing in left:
        if thing.startswith("process "):
            with suppress(ProcessLookupError):
                os.kill(int(thing.split()[1].rstrip(":")), signal.SIGKILL)
    for thing in sorted(left):
        if thing.startswith("namespace "):
            run("ip", "netns", "delete", thing.split()[1])
        elif thing.startswith("folder /run/landbridge/"):
            shutil.rmtree(thing.split()[1], ignore_errors=True)


OPEN: list[World] = []
"""The worlds that there are now."""


@contextmanager
def opened(*options: str) -> Iterator[World]:
    """A service started with these options, and its lab; what it was like is told when a test fails meanwhile."""
    with World(*options) as made:
        OPEN.append(made)
        try:
            yield made
        finally:
            OPEN.remove(made)


def status_text(world: World) -> str:
    """What `landbridge status` prints."""
    return ok(LANDBRIDGE, "status", "--state", str(world.state))
