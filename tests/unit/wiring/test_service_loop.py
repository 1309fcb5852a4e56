"""What the API says of a resource is what the data plane has: not earlier, and not only of a part."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import cast

import pytest
from support import Cloud

from landbridge.control.base import LAB_POOLS
from landbridge.control.changes import ModifyTunnel, ReplaceTunnel
from landbridge.control.customer_gateways import CreateCustomerGateway
from landbridge.control.rollout import SETTLE
from landbridge.control.tunnels import TunnelWish
from landbridge.control.vpn_connections import CreateVpnConnection
from landbridge.control.vpn_gateways import CreateVpnGateway
from landbridge.control.vpn_routes import CreateVpnConnectionRoute, DeleteVpnConnectionRoute
from landbridge.desired.health import Health
from landbridge.desired.host import Settings
from landbridge.desired.links import DataPlane
from landbridge.desired.names import Names
from landbridge.desired.objects import namespace_key
from landbridge.drivers.fake import FakeDriver, FakeHost
from landbridge.model.resources import State
from landbridge.model.vpn import TunnelOptions, VpnConnection
from landbridge.reconcile.driver import Driver
from landbridge.wiring.host import Host
from landbridge.wiring.loop import ServiceLoop

OWN = Names("abc123")
LAN = IPv4Network("192.168.60.0/24")


@dataclass
class Machine:
    """A host in memory, as the loop sees it."""

    memory: FakeHost
    drivers: tuple[Driver, ...]
    names: Names = OWN

    def roots(self) -> list[str]:
        return sorted({key[1] for key in self.memory.objects})


class Service:
    """A cloud whose loop works on a host in memory, with a static connection whose tunnels are up."""

    def __init__(self) -> None:
        self.cloud = Cloud(builds=True)
        self.memory = FakeHost()
        machine = Machine(self.memory, (FakeDriver(self.memory),))
        settings = Settings(OWN, LAB_POOLS, DataPlane.LIBIPSEC, None)
        self.health = Health()
        self.loop = ServiceLoop(self.cloud.control, cast(Host, machine), settings, lambda: self.health)
        self.gateway = self.cloud.run(CreateVpnGateway())
        customer = self.cloud.run(CreateCustomerGateway(IPv4Address("203.0.113.77"), 65010))
        self.made: VpnConnection = self.cloud.run(CreateVpnConnection(self.gateway.id, customer.id, static_only=True))
        self.until(lambda: self.connection.state is State.AVAILABLE)
        self.health = Health(up=frozenset({(self.made.id, 1), (self.made.id, 2)}))

    @property
    def connection(self) -> VpnConnection:
        found = self.cloud.snapshot.get(VpnConnection, self.made.id)
        assert found is not None
        return found

    def route(self) -> State:
        (route,) = self.connection.routes
        return route.state

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline
            self.loop.reconciler.turn()


def test_a_static_route_is_there_and_gone_when_the_speaker_says_so() -> None:
    service = Service()
    speaker = ("speaker", OWN.of(service.gateway.id))

    service.memory.failures.always.add(speaker)
    service.cloud.run(CreateVpnConnectionRoute(service.made.id, LAN))
    for _ in range(3):
        service.loop.reconciler.turn()
    assert service.route() is State.PENDING
    service.memory.failures.always.clear()
    service.until(lambda: service.route() is State.AVAILABLE)

    service.memory.failures.always.add(speaker)
    service.cloud.run(DeleteVpnConnectionRoute(service.made.id, LAN))
    for _ in range(3):
        service.loop.reconciler.turn()
    assert service.route() is State.DELETING
    service.memory.failures.always.clear()
    service.until(lambda: service.route() is State.DELETED)


def is_at(service: Service) -> str:
    """The stage of the change, or the connection's state where there is none."""
    change = service.connection.change
    return str(change.stage if change is not None else service.connection.state)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    service = Service()
    monkeypatch.setattr("landbridge.wiring.loop.now", lambda: service.cloud.now)
    return service


def test_a_change_goes_on_when_the_loop_has_read_back_what_its_stage_wants(service: Service) -> None:
    speaker = ("speaker", OWN.of(service.gateway.id))
    charon = ("charon", OWN.endpoint(service.made.id, 1))
    before = service.memory.objects[charon]
    service.cloud.run(CreateVpnConnectionRoute(service.made.id, LAN))
    service.until(lambda: service.route() is State.AVAILABLE)

    service.memory.failures.always.add(speaker)
    wish = TunnelWish(others=TunnelOptions(dpd_timeout_seconds=60))
    service.cloud.run(ModifyTunnel(service.made.id, 1, wish))
    for _ in range(3):
        service.loop.reconciler.turn()
    assert is_at(service) == "leaving", "the other end has not been told yet"
    service.memory.failures.always.clear()
    service.until(lambda: is_at(service) == "left")
    assert service.memory.objects[charon] == before
    service.memory.failures.always.add(charon)
    service.cloud.later(SETTLE)
    service.loop.advance()
    for _ in range(3):
        service.loop.reconciler.turn()
    assert is_at(service) == "changing"
    service.memory.failures.always.clear()
    service.until(lambda: is_at(service) == "returning")
    assert service.memory.objects[charon] != before
    service.loop.reconciler.turn()
    service.cloud.later(SETTLE)
    service.loop.advance()
    assert is_at(service) == "available"


def test_a_replaced_endpoint_is_gone_before_it_is_made_anew(service: Service) -> None:
    space = OWN.endpoint(service.made.id, 2)
    service.cloud.run(ReplaceTunnel(service.made.id, 2))
    service.until(lambda: is_at(service) == "left")
    assert any(key[1] == space for key in service.memory.objects)
    service.memory.failures.always.add(namespace_key(space))
    service.cloud.later(SETTLE)
    service.loop.advance()
    for _ in range(3):
        service.loop.reconciler.turn()
    assert is_at(service) == "removing"
    service.memory.failures.always.clear()
    service.until(lambda: is_at(service) == "returning")
    assert ("charon", space) in service.memory.objects
