"""A loop with no memory, as after a restart, over a tunnel that others disturbed while nobody looked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from networks import IF_ID, KERNEL, SLOW, ip, until
from suite import ThisMachine, charon, joined, state_of, tunnel_device

from landbridge.desired.links import Namespace, TunnelDevice, VethEnd
from landbridge.desired.objects import HostObject, HostState, host_state
from landbridge.drivers.strongswan import links
from landbridge.reconcile.loop import Reconciler

pytestmark = pytest.mark.lab

WAIT = 60 * SLOW


@pytest.fixture
def ground() -> Iterator[ThisMachine]:
    made = ThisMachine()
    try:
        yield made
    finally:
        made.down()


def tunnel(ground: ThisMachine, router: str) -> tuple[TunnelDevice, HostState]:
    """A charon in `a`, its device in the router, and all that they stand on."""
    device = replace(tunnel_device(ground).first, namespace=ground.name(router))
    assert isinstance(device, TunnelDevice)
    items: list[HostObject] = [*joined(ground), charon(ground).first, device]
    items.append(Namespace(namespace=ground.name("c"), owner=ground.owner))
    assert any(isinstance(item, VethEnd) for item in items)
    return device, host_state(items)


class Service:
    """The loop over these drivers, from nothing."""

    def __init__(self, ground: ThisMachine, state: HostState) -> None:
        spaces = [ground.name(letter) for letter in "abc"]
        self.loop = Reconciler(lambda: (1, state), ground.drivers(), lambda: spaces, workers=2)

    def __enter__(self) -> Reconciler:
        self.loop.start()
        return self.loop

    def __exit__(self, *_: object) -> None:
        assert self.loop.stop(WAIT)


def test_a_device_that_is_wanted_elsewhere_after_a_restart_is_no_obstacle(ground: ThisMachine) -> None:
    """Its if_id is taken by ourselves, in another router: the wish changed while the service was down."""
    before, state = tunnel(ground, "b")
    with Service(ground, state) as loop:
        assert loop.wait_for(1, WAIT), loop.errors()
    after, state = tunnel(ground, "c")
    with Service(ground, state) as loop:
        assert loop.wait_for(1, WAIT), loop.errors()
    found = state_of(ground.drivers(), frozenset({before.namespace, after.namespace, before.endpoint}))
    assert found[after.key] == after
    assert before.key not in found
    assert [link.name for link in links.devices(after.namespace)] == [after.name]
    assert links.devices(before.namespace) == []


def told(loop: Reconciler, words: str) -> bool:
    """Whether one of the loop's errors says so."""
    return any(words in failure.message for failure in loop.errors())


def test_a_taken_name_is_told_and_once_it_is_free_the_tunnel_is_there(ground: ThisMachine) -> None:
    device, state = tunnel(ground, "b")
    for space in (device.namespace, device.endpoint):
        ground.drivers()[0].put(
            Namespace(namespace=space, owner=ground.owner, forwarding=space == device.endpoint), None
        )
    ip(f"-n {device.namespace} link add {device.name} type bridge")
    with Service(ground, state) as loop:
        until(lambda: told(loop, "somebody else's"), "the taken name is told", 20)
        assert told(loop, f"'{device.name}'")
        assert told(loop, "rename or delete")
        ip(f"-n {device.namespace} link delete {device.name}")
        loop.wake()
        assert loop.wait_for(1, WAIT), loop.errors()
    assert state_of(ground.drivers(), frozenset({device.namespace}))[device.key] == device


@pytest.mark.skipif(not KERNEL, reason="libipsec's devices have no if_id")
def test_an_if_id_that_somebody_took_is_told_and_once_it_is_free_the_tunnel_is_there(ground: ThisMachine) -> None:
    device, state = tunnel(ground, "b")
    with Service(ground, state) as loop:
        assert loop.wait_for(1, WAIT), loop.errors()
    ip(f"-n {device.namespace} link delete {device.name}")
    ip(f"-n {device.endpoint} link add theirs0 type xfrm if_id {IF_ID}")
    ip(f"-n {device.endpoint} link set theirs0 alias somebody")
    with Service(ground, state) as loop:
        until(lambda: told(loop, f"if_id {IF_ID}"), "the taken if_id is told", 20)
        ip(f"-n {device.endpoint} link delete theirs0")
        loop.wake()
        assert loop.wait_for(1, WAIT), loop.errors()
    assert state_of(ground.drivers(), frozenset({device.namespace}))[device.key] == device
