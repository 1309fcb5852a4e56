"""The loop's own promises: errors stay with what hangs on them and are told, nothing spins, threads wake and wait."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from host_states import Run, Wanted, site

from landbridge.desired.ike import Charon
from landbridge.desired.links import Bridge, Namespace, TunnelDevice
from landbridge.desired.objects import HERE, HostObject, HostState, Key, host_state
from landbridge.drivers.fake import FakeDriver, FakeHost
from landbridge.reconcile.driver import Driver, DriverError
from landbridge.reconcile.loop import Counts, Reconciler
from landbridge.reconcile.steps import Create

CHARON: Key = ("charon", "ep1")
WAIT = 20


class Forwarding:
    """A driver that hands all on to another; tests change one verb."""

    def __init__(self, inner: Driver) -> None:
        self.inner = inner
        self.kinds = inner.kinds

    def read(self, namespaces: Collection[str]) -> Iterable[HostObject]:
        return self.inner.read(namespaces)

    def fingerprint(self, wanted: HostObject) -> str:
        return self.inner.fingerprint(wanted)

    def put(self, wanted: HostObject, actual: HostObject | None) -> None:
        self.inner.put(wanted, actual)

    def drop(self, actual: HostObject) -> None:
        self.inner.drop(actual)


def sites(*numbers: int) -> dict[Key, HostObject]:
    return host_state(*(tuple(site(number).values()) for number in numbers))


# Failures


def test_a_failure_stops_its_dependants_and_nobody_else() -> None:
    run = Run(sites(1, 2))
    run.host.failures.always = {CHARON}
    run.reconciler.turn()
    hang_on_it = {
        ("link", "gw1", "tun1"),
        ("address", "gw1", "tun1", "169.254.1.1/30"),
        ("route", "gw1", "254", "10.9.0.0/16", "0"),
        ("ike", "ep1", "c1"),
    }
    assert run.host.objects.keys() == sites(1, 2).keys() - hang_on_it - {CHARON}
    assert run.reconciler.unsettled() == hang_on_it | {CHARON}
    (failure,) = run.reconciler.errors()
    assert failure.key == CHARON
    assert failure.message == "The call was told to fail: put charon/ep1."
    assert not run.reconciler.converged(1)


def test_a_failure_is_forgotten_when_it_works_again() -> None:
    run = Run(site())
    run.host.failures.always = {CHARON}
    for _ in range(5):
        run.time.seconds += run.reconciler.turn()
    (failure,) = run.reconciler.errors()
    assert failure.tries > 1
    assert failure.since < run.time.date()
    run.host.failures.always = set()
    run.settle(5)
    assert run.reconciler.errors() == ()


def test_what_it_does_is_counted() -> None:
    run = Run(site())
    assert run.reconciler.counts() == Counts(0, 0, 0, 0)
    run.host.failures.always = {CHARON}
    for _ in range(3):
        run.time.seconds += run.reconciler.turn()
    (failure,) = run.reconciler.errors()
    made = len(run.host.objects)
    assert run.reconciler.counts() == Counts(3, 0, made, failure.tries)
    run.host.failures.always = set()
    run.settle(5)
    counts = run.reconciler.counts()
    assert (counts.steps_done, counts.steps_failed) == (len(site()), failure.tries)


def test_another_wish_is_tried_at_once() -> None:
    run = Run(site())
    run.host.failures.always = {CHARON}
    for _ in range(20):
        run.time.seconds += run.reconciler.turn()
    run.host.failures.always = set()
    charon = site()[CHARON]
    assert isinstance(charon, Charon)
    run.wanted.set({**site(), CHARON: replace(charon, dpd_timeout=20)})
    run.reconciler.turn()
    assert CHARON in run.host.objects


def test_nothing_spins_when_a_step_fails_for_ever() -> None:
    run = Run(sites(1, 2))
    run.host.failures.always = {CHARON, ("link", "gw2", "tun1")}
    began = run.time.seconds
    turns = 0
    while run.time.seconds < began + 600:
        pause = run.reconciler.turn()
        assert pause > 0 or turns == 0
        run.time.seconds += pause
        turns += 1
    tries = run.host.calls.count("put charon/ep1")
    assert 15 < tries < 60, "pauses grow to half a minute"
    assert turns < 600, "mostly the sweep's slices"


def test_nothing_spins_when_a_put_has_no_effect() -> None:
    class Forgetful(Forwarding):
        def put(self, wanted: HostObject, actual: HostObject | None) -> None:
            tries.append(wanted.key)
            if wanted.key != CHARON:
                super().put(wanted, actual)

    tries: list[Key] = []
    run = Run(site(), wrap=Forgetful)
    began = run.time.seconds
    while run.time.seconds < began + 60.5:
        run.time.seconds += run.reconciler.turn()
    assert tries.count(CHARON) < 20
    (failure,) = (failure for failure in run.reconciler.errors() if failure.key == CHARON)
    assert "still different" in failure.message


def test_a_device_that_will_not_go_keeps_its_charon_and_both_namespaces() -> None:
    run = Run(site())
    run.settle(3)
    device = ("link", "gw1", "tun1")
    run.host.failures.always = {device}
    run.wanted.set({})
    for _ in range(30):
        run.time.seconds += run.reconciler.turn()
    on_it = {key for key in run.host.objects if key[0] in ("address", "route")}
    assert set(run.host.objects) - on_it == {device, CHARON, ("namespace", "ep1"), ("namespace", "gw1")}
    run.host.failures.always = set()
    run.settle(10)
    assert run.host.render() == ""
    assert run.host.accidents == []


def test_a_namespace_that_cannot_be_read_is_left_alone_and_told() -> None:
    run = Run(sites(1, 2))
    run.host.failures.unreadable = {"gw1"}
    for _ in range(6):
        run.time.seconds += run.reconciler.turn()
    assert not any("/gw1" in call for call in run.host.calls)
    assert ("speaker", "gw2") in run.host.objects
    assert [failure.key for failure in run.reconciler.errors()] == [("read", "gw1")]
    assert not run.reconciler.converged(1)
    assert ("read", "gw1") in run.reconciler.unsettled(), "what cannot be seen is not gone"
    run.host.failures.unreadable = set()
    run.settle(10)
    assert run.reconciler.errors() == ()


def test_a_bug_in_a_driver_is_an_error_like_any_other() -> None:
    class Buggy(Forwarding):
        def put(self, wanted: HostObject, actual: HostObject | None) -> None:
            if wanted.key == CHARON:
                raise ZeroDivisionError("secret")
            super().put(wanted, actual)

    run = Run(site(), wrap=Buggy)
    run.reconciler.turn()
    (failure,) = run.reconciler.errors()
    assert "ZeroDivisionError" in failure.message
    assert "secret" not in failure.message
    assert ("speaker", "gw1") in run.host.objects


def test_a_desired_state_that_contradicts_itself_is_refused_and_the_last_one_is_kept() -> None:
    run = Run(site())
    run.settle(3)
    broken: HostState = {key: item for key, item in sites(1, 2).items() if key != ("charon", "ep2")}
    run.wanted.set(broken)
    run.host.kill_charon("ep1")
    run.reconciler.wake("ep1")
    run.reconciler.wake("gw1")
    for _ in range(8):
        run.time.seconds += run.reconciler.turn()
    assert set(run.host.objects) == set(site())
    (failure,) = run.reconciler.errors()
    assert "needs charon/ep2" in failure.message
    assert not run.reconciler.converged(run.wanted.revision)
    run.wanted.set(sites(1, 2))
    run.settle(3)
    assert run.reconciler.errors() == ()


def test_nothing_is_deleted_while_the_desired_state_is_unknown() -> None:
    class Broken(Wanted):
        def __call__(self) -> tuple[int, HostState]:
            raise OSError("the database is away")

    host = FakeHost()
    host.objects.update(site())
    reconciler = Reconciler(Broken(), [FakeDriver(host)], lambda: ["ep1", "gw1", HERE], workers=1)
    assert reconciler.turn() > 0
    assert host.calls == []
    (failure,) = reconciler.errors()
    assert failure.key == ("desired",)


def test_roots_that_cannot_be_listed_are_asked_for_again() -> None:
    answers: list[list[str]] = []
    run = Run()
    run.host.objects.update(site())

    def roots() -> list[str]:
        if not answers:
            answers.append(["ep1", "gw1", HERE])
            raise OSError
        return answers[0]

    told: list[int] = []
    reconciler = Reconciler(
        run.wanted,
        [FakeDriver(run.host)],
        roots,
        on_converged=lambda revision, _: told.append(revision),
        workers=1,
        clock=run.time,
        now=run.time.date,
    )
    run.time.seconds += reconciler.turn()
    assert told == [], "nobody hears that something is gone before it is known what is there"
    for _ in range(4):
        run.time.seconds += reconciler.turn()
    assert run.host.render() == ""
    assert reconciler.errors() == ()


# Work follows the change


def test_a_change_reads_only_what_it_touches() -> None:
    run = Run(sites(*range(1, 10)))
    run.settle(3)
    device = site(3)["link", "gw3", "tun1"]
    assert isinstance(device, TunnelDevice)
    run.host.reads.clear()
    run.host.calls.clear()
    run.wanted.set({**run.wanted.state, device.key: replace(device, mtu=1300)})
    run.settle(1)
    assert run.host.calls == ["put link/gw3/tun1"]
    assert {space for read in run.host.reads for space in read} == {"gw3", "ep3"}


def test_a_namespace_that_reports_without_end_is_read_five_times_a_second() -> None:
    run = Run(site())
    run.settle(3)
    run.host.reads.clear()
    for _ in range(100):
        run.reconciler.wake("gw1")
        run.reconciler.turn()
        run.time.seconds += 0.01
    assert len(run.host.reads) in (5, 6)


def test_a_charon_that_dies_right_after_a_read_comes_back_at_once() -> None:
    run = Run(site())
    run.settle(3)
    run.host.kill_charon("ep1")
    run.reconciler.wake("ep1")
    run.reconciler.wake("gw1")
    assert run.settle(2) <= 2
    assert set(run.host.objects) == set(site())


def test_the_sweep_reads_everything_once_a_period_in_parts() -> None:
    run = Run(sites(1, 2, 3))
    run.settle(3)
    run.host.reads.clear()
    began = run.time.seconds
    while run.time.seconds < began + 60.5:
        run.time.seconds += run.reconciler.turn()
    seen = [space for read in run.host.reads for space in read]
    assert len(run.host.reads) >= 6
    assert sorted(set(seen)) == sorted({key[1] for key in sites(1, 2, 3)})
    assert len(seen) <= len(set(seen)) + 1


# Results


def test_results_are_told_after_reading_back() -> None:
    told: list[tuple[int, frozenset[Key]]] = []
    run = Run(on_converged=lambda revision, built: told.append((revision, built)))
    run.reconciler.turn()
    run.wanted.set(sites(1, 2))
    run.host.failures.always = {CHARON}
    run.reconciler.turn()
    revision, built = told[-1]
    assert revision == 2
    assert set(site(2)) <= built, "one that fails does not keep the others from being told"
    assert CHARON not in built
    count = len(told)
    run.reconciler.turn()
    assert len(told) == count, "nothing new, nothing told"
    run.host.failures.always = set()
    run.settle(9)
    assert told[-1] == (2, frozenset(sites(1, 2)))
    run.wanted.revision += 1
    run.settle(1)
    assert told[-1] == (3, frozenset(sites(1, 2))), "a revision that changes nothing is told, too"


def test_a_result_that_cannot_be_told_is_told_again() -> None:
    told: list[int] = []

    def tell(revision: int, built: frozenset[Key]) -> None:
        told.append(revision)
        if len(told) == 1:
            raise OSError

    run = Run(site(), on_converged=tell)
    pause = run.reconciler.turn()
    assert 0 < pause < 1
    assert not run.reconciler.converged(1)
    assert [failure.key for failure in run.reconciler.errors()] == [("report",)]
    run.time.seconds += pause
    run.settle(1)
    assert told == [1, 1]
    assert run.reconciler.errors() == ()


def test_a_dry_run_changes_nothing() -> None:
    run = Run(site())
    plan = run.reconciler.plan()
    assert len(plan) == len(site())
    assert all(isinstance(step, Create) for step in plan.steps)
    assert run.host.calls == []


def test_two_drivers_of_one_kind_are_refused() -> None:
    host = FakeHost()
    with pytest.raises(ValueError, match="Two drivers"):
        Reconciler(Wanted(), [FakeDriver(host), FakeDriver(host)], list)


# Threads


def test_wake_and_wait_from_other_threads() -> None:
    host, wanted = FakeHost(), Wanted()
    reconciler = Reconciler(wanted, [FakeDriver(host)], lambda: [key[1] for key in list(host.objects)])
    reconciler.start()
    try:
        stop = threading.Event()

        def pester(number: int) -> None:
            while not stop.wait(0.001):
                reconciler.wake(f"gw{number}" if number else None)

        threads = [threading.Thread(target=pester, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for count in range(1, 10):
            wanted.set(sites(*range(1, count)))
            reconciler.wake()
            assert reconciler.wait_for(wanted.revision, WAIT)
            assert set(host.objects) == set(wanted.state)
        stop.set()
        for thread in threads:
            thread.join(WAIT)
            assert not thread.is_alive()
        with pytest.raises(RuntimeError, match="runs already"):
            reconciler.start()
        assert not reconciler.wait_for(wanted.revision + 1, 0.01)
    finally:
        assert reconciler.stop(WAIT)
    assert set(host.objects) == set(wanted.state), "stopping leaves everything"
    reconciler.start()
    wanted.set({})
    reconciler.wake()
    assert reconciler.wait_for(wanted.revision, WAIT)
    assert reconciler.stop(WAIT)
    assert host.render() == ""
    assert host.accidents == []


def test_one_step_at_a_time_in_a_namespace_and_several_in_all() -> None:
    class Watching(Forwarding):
        def put(self, wanted: HostObject, actual: HostObject | None) -> None:
            spaces = Create(wanted).spaces
            with lock:
                clashes.extend(spaces & inside)
                inside.update(spaces)
                most.append(len(running))
                running.add(wanted.key)
            if isinstance(wanted, Namespace):
                # All namespaces are made side by side, or this ends in a timeout that the driver reports.
                try:
                    together.wait(WAIT)
                except threading.BrokenBarrierError:
                    raise DriverError("The others never came.") from None
            super().put(wanted, actual)
            with lock:
                inside.difference_update(spaces)
                running.discard(wanted.key)

    lock = threading.Lock()
    inside: set[str] = set()
    running: set[Key] = set()
    clashes: list[str] = []
    most: list[int] = []
    together = threading.Barrier(4)
    host, wanted = FakeHost(), Wanted(sites(1, 2))
    reconciler = Reconciler(wanted, [Watching(FakeDriver(host))], list, workers=4)
    reconciler.start()
    try:
        assert reconciler.wait_for(1, WAIT)
    finally:
        assert reconciler.stop(WAIT)
    assert clashes == []
    assert max(most) <= 3
    assert reconciler.errors() == ()
    assert set(host.objects) == set(sites(1, 2))


def test_many_steps_of_one_namespace_run_in_order() -> None:
    state = host_state(
        (Namespace(namespace="a", owner="test"), *(Bridge(namespace="a", name=f"b{n:03}") for n in range(200)))
    )
    host = FakeHost()
    reconciler = Reconciler(Wanted(state), [FakeDriver(host)], list, workers=4)
    reconciler.start()
    try:
        assert reconciler.wait_for(1, WAIT)
    finally:
        assert reconciler.stop(WAIT)
    assert all(before < after for before, after in pairwise(host.calls[1:]))
