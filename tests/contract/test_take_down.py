"""Taking down an instance finds its daemons also where somebody took the names of their namespaces away."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from networks import DATA_PLANE, ip

from landbridge.desired.ike import Charon
from landbridge.desired.links import Namespace
from landbridge.desired.speakers import Speaker
from landbridge.drivers.processes import alive
from landbridge.store.folder import Folder
from landbridge.wiring.host import Host, host
from landbridge.wiring.purge import take_down

pytestmark = pytest.mark.lab


class Machine:
    """An instance with a charon in one namespace and a BIRD in another."""

    def __init__(self, state: Path) -> None:
        self.host: Host = host(Folder(state))
        self.endpoint, self.router = self.host.names.of("endpoint"), self.host.names.of("router")

    def build(self) -> None:
        network = self.host.others[0]
        for namespace in (self.endpoint, self.router):
            network.put(Namespace(namespace=namespace, owner=self.host.names.owner), None)
        self.host.swan.charons.put(Charon(namespace=self.endpoint, data_plane=DATA_PLANE), None)
        self.host.bird.put(Speaker(namespace=self.router, router_id=IPv4Address("100.64.0.1"), asn=64512), None)

    def remove(self) -> None:
        bird = self.host.bird.place(self.router).find()
        charons = [running.daemon for each in self.host.swan.endpoints.running().values() for running in each]
        for daemon in (*charons, *([bird.daemon] if bird else [])):
            os.kill(daemon.pid, signal.SIGKILL)
        for namespace in (self.endpoint, self.router):
            subprocess.run(["ip", "netns", "delete", namespace], check=False, capture_output=True)
        self.host.swan.close()
        shutil.rmtree(self.host.folder.run, ignore_errors=True)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path / "state")
    try:
        made.build()
        yield made
    finally:
        made.remove()


def test_daemons_in_namespaces_without_a_name_are_ended(machine: Machine) -> None:
    bird = machine.host.bird.place(machine.router).find()
    charon = machine.host.swan.endpoints.charon(machine.endpoint)
    assert bird is not None
    assert charon is not None
    for namespace in (machine.endpoint, machine.router):
        ip(f"netns delete {namespace}")
    take_down(machine.host, lambda _: None)
    assert not alive(bird.daemon)
    assert not alive(charon.daemon)
