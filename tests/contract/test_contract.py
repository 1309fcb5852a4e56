"""One suite for all drivers: the fake one and the real ones keep the same promises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from networks import SLOW
from suite import CASES, Case, Ground, InMemory, ThisMachine, state_of

from landbridge.desired.links import Bridge, Namespace, VethEnd
from landbridge.desired.objects import HostObject, HostState, Key, host_state
from landbridge.reconcile.diff import diff, same
from landbridge.reconcile.driver import Driver, DriverError
from landbridge.reconcile.loop import Reconciler
from landbridge.reconcile.steps import kind_of

GROUNDS: dict[str, type[InMemory] | type[ThisMachine]] = {"fake": InMemory, "real": ThisMachine}
WAIT = 60 * SLOW


@pytest.fixture(params=[pytest.param("fake"), pytest.param("real", marks=pytest.mark.lab)])
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    made: Ground = GROUNDS[request.param]()
    try:
        yield made
    finally:
        made.down()


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest, ground: Ground) -> Case:
    return CASES[request.param](ground)


class Bench:
    """The verbs, each time by drivers without memory."""

    def __init__(self, ground: Ground, case: Case) -> None:
        self.ground = ground
        self.case = case
        for item in case.before:
            self.put(item)

    def driver(self, kind: type[HostObject]) -> Driver:
        return next(driver for driver in self.ground.drivers() if kind in driver.kinds)

    def state(self) -> dict[Key, HostObject]:
        return state_of(self.ground.drivers(), self.case.namespaces)

    def put(self, item: HostObject, actual: HostObject | None = None) -> None:
        self.driver(type(item)).put(item, actual)

    def drop(self, item: HostObject) -> None:
        self.driver(kind_of(item)).drop(item)

    def is_there(self, item: HostObject) -> bool:
        actual = self.state().get(item.key)
        return (
            actual is not None
            and kind_of(actual) is type(item)
            and same(item, actual, self.driver(type(item)).fingerprint)
        )

    def look(self) -> dict[str, str]:
        return {space: self.ground.look(space) for space in self.case.namespaces}


@pytest.fixture
def bench(ground: Ground, case: Case) -> Bench:
    return Bench(ground, case)


def test_what_is_put_is_read(bench: Bench) -> None:
    assert bench.case.first.key not in bench.state()
    bench.put(bench.case.first)
    assert bench.is_there(bench.case.first)
    assert bench.is_there(bench.case.second) == (bench.case.first == bench.case.second)
    assert bench.state()[bench.case.first.key].needs == bench.case.first.needs
    for item in bench.case.before:
        assert bench.is_there(item)


def test_putting_again_changes_nothing(bench: Bench) -> None:
    bench.put(bench.case.first)
    before, read = bench.look(), bench.state()
    bench.put(bench.case.first, read[bench.case.first.key])
    bench.put(bench.case.first)
    assert bench.look() == before
    assert bench.state() == read


def test_a_change_is_read(bench: Bench) -> None:
    bench.put(bench.case.first)
    bench.put(bench.case.second, bench.state()[bench.case.first.key])
    assert bench.is_there(bench.case.second)
    bench.put(bench.case.first, bench.state()[bench.case.first.key])
    assert bench.is_there(bench.case.first)
    for item in bench.case.before:
        assert bench.is_there(item)


def test_a_change_of_what_has_vanished_makes_it(bench: Bench) -> None:
    bench.put(bench.case.first)
    actual = bench.state()[bench.case.first.key]
    bench.drop(actual)
    for item in bench.case.before:
        if item.key in bench.case.takes:
            bench.put(item)
    bench.put(bench.case.second, actual)
    assert bench.is_there(bench.case.second)


def test_what_is_dropped_is_gone_and_dropping_it_again_is_no_error(bench: Bench) -> None:
    bench.put(bench.case.first)
    actual = bench.state()[bench.case.first.key]
    bench.drop(actual)
    assert actual.key not in bench.state()
    bench.drop(actual)
    assert actual.key not in bench.state()
    for item in bench.case.before:
        assert bench.is_there(item) or item.key in bench.case.takes


def test_what_went_with_its_namespace_is_gone(bench: Bench) -> None:
    bench.put(bench.case.first)
    state = bench.state()
    for wave in diff({}, state, repr).waves:
        for step in wave:
            bench.drop(state[step.key])
    assert bench.state() == {}
    for item in state.values():
        if kind_of(item) is not Namespace:
            bench.drop(item)


def test_the_loop_makes_changes_and_removes_it(ground: Ground, case: Case) -> None:
    def everything(*items: HostObject) -> HostState:
        ends = [item for item in (*case.before, *items) if isinstance(item, VethEnd)]
        peers = [
            VethEnd(namespace=end.peer_namespace, name=end.peer_name, peer_namespace=end.namespace, peer_name=end.name)
            for end in ends
        ]
        missing = [peer for peer in peers if peer.key not in {end.key for end in ends}]
        return host_state((*case.before, *items, *missing))

    wanted: tuple[int, HostState] = (1, everything(case.first))
    loop = Reconciler(lambda: wanted, ground.drivers(), lambda: case.namespaces, workers=2)
    loop.start()
    try:
        for revision, state in ((1, wanted[1]), (2, everything(case.second)), (3, {})):
            wanted = (revision, state)
            loop.wake()
            assert loop.wait_for(revision, WAIT), loop.errors()
            assert not loop.plan()
            assert state_of(ground.drivers(), case.namespaces).keys() == state.keys()
    finally:
        assert loop.stop(WAIT)


def test_where_nothing_is_nothing_is_read(ground: Ground) -> None:
    assert state_of(ground.drivers(), frozenset({ground.name("nowhere")})) == {}


def test_what_is_somebody_elses_is_not_touched(ground: Ground) -> None:
    space = ground.name("theirs")
    ground.stranger(space)
    before = ground.look(space)
    assert "br0" in before
    assert state_of(ground.drivers(), frozenset({space})) == {}
    namespace = Namespace(namespace=space, owner=ground.owner)
    driver = next(driver for driver in ground.drivers() if Namespace in driver.kinds)
    with pytest.raises(DriverError):
        driver.put(namespace, None)
    with suppress(DriverError):
        driver.drop(namespace)
    # What is inside is protected by the loop: it needs the namespace, which cannot be had.
    state = host_state((namespace, Bridge(namespace=space, name="br0"), Bridge(namespace=space, name="br1")))
    loop = Reconciler(lambda: (1, state), ground.drivers(), lambda: (), workers=1)
    for _ in range(3):
        assert loop.turn() > 0
    assert [failure.key for failure in loop.errors()] == [namespace.key]
    assert ground.look(space) == before
