"""From any state to any other: a few rounds, whatever fails on the way, and then there is nothing left to do."""

from __future__ import annotations

import random

from host_states import Run, rendered, site, states
from hypothesis import given
from hypothesis import strategies as st

from landbridge.desired.links import VethEnd, link_key
from landbridge.desired.objects import HostObject, Key
from landbridge.drivers.fake import FakeDriver, FakeHost
from landbridge.reconcile.diff import diff

State = dict[Key, HostObject]
MANY = 80
"""Turns in which it is over even if every single call fails the first time it is made."""


def arrived(run: Run, state: State) -> None:
    driver = FakeDriver(run.host)
    spaces = {item.namespace for item in [*run.host.objects.values(), *state.values()]}
    assert run.host.render() == rendered(state)
    assert not diff(state, {item.key: item for item in driver.read(spaces)}, driver.fingerprint)
    assert not run.reconciler.errors()
    assert not run.reconciler.unsettled()
    assert run.host.accidents == []


@given(states())
def test_from_nothing_within_three_turns(state: State) -> None:
    run = Run(state)
    run.settle(3)
    arrived(run, state)


@given(states(), states(), st.booleans())
def test_from_any_state_to_any_other(first: State, second: State, restart: bool) -> None:
    run = Run(first)
    run.settle(3)
    if restart:
        run = Run(second, run.host)
    else:
        run.wanted.set(second)
    run.settle(5)
    arrived(run, second)


@given(states(), states(), st.booleans())
def test_when_every_call_fails_once(first: State, second: State, late: bool) -> None:
    run = Run(first)
    run.host.failures.once = True
    run.host.failures.late = late
    run.settle(MANY)
    arrived(run, first)
    run.wanted.set(second)
    run.settle(MANY)
    arrived(run, second)


@given(states(), states(), st.sets(st.integers(1, 60)), st.booleans())
def test_when_some_calls_fail(first: State, second: State, nth: set[int], restart: bool) -> None:
    run = Run(first)
    run.host.failures.nth = nth
    for _ in range(2):
        run.time.seconds += run.reconciler.turn()
    if restart:
        run = Run(second, run.host)
    else:
        run.wanted.set(second)
    run.settle(MANY)
    arrived(run, second)


@given(states(), st.data())
def test_drift_is_repaired(state: State, data: st.DataObject) -> None:
    run = Run(state)
    run.settle(3)
    links = sorted(key for key in run.host.objects if key[0] in ("link", "charon"))
    for key in data.draw(st.lists(st.sampled_from(links), max_size=3)) if links else ():
        if key[0] == "link":
            run.host.remove_link(key)
        else:
            run.host.kill_charon(key[1])
    for space in {key[1] for key in state}:
        run.reconciler.wake(space)
    run.time.seconds += 1
    run.settle(5)
    arrived(run, state)


@given(states(), st.data())
def test_drift_that_nobody_reports_is_found_by_the_sweep(state: State, data: st.DataObject) -> None:
    run = Run(state)
    run.settle(3)
    keys = sorted(run.host.objects)
    if keys:
        FakeDriver(run.host).drop(run.host.objects[data.draw(st.sampled_from(keys))])
    run.host.accidents.clear()
    began = run.time.seconds
    while run.time.seconds < began + 125:
        run.time.seconds += run.reconciler.turn()
    arrived(run, state)


@given(st.lists(states(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_way_does_not_matter(history: list[State], dice: random.Random) -> None:
    """Calico's expanders: the same history with states repeated, emptied in between, left out, cut short, restarted."""
    ways = (
        history,
        [state for state in history for _ in range(2)],
        [part for state in history for part in ({}, state)],
        [history[-1]],
        [*reversed(history), history[-1]],
        [part for state in history for part in (split(state, dice), state)],
    )
    for way in ways:
        run = Run(way[0])
        for state in way:
            if dice.random() < 0.3:
                run = Run(state, run.host)
            else:
                run.wanted.set(state)
            for _ in range(dice.choice([0, 1, 5])):
                run.time.seconds += run.reconciler.turn()
        run.settle(6)
        arrived(run, history[-1])


def split(state: State, dice: random.Random) -> State:
    """A part of the state that holds all that it needs."""
    part: State = {}
    for key in dice.sample(sorted(state), len(state) // 2):
        todo = [key]
        while todo:
            item = state[todo.pop()]
            if item.key not in part:
                part[item.key] = item
                todo.extend(item.needs)
                if isinstance(item, VethEnd):
                    todo.append(link_key(item.peer_namespace, item.peer_name))
    return part


def test_a_site_comes_up_and_goes_as_a_whole() -> None:
    run = Run(site())
    assert run.settle(3) == 1
    arrived(run, site())
    run.wanted.set({})
    assert run.settle(3) == 1
    assert run.host.render() == ""
    puts = [call for call in run.host.calls if call.startswith("put")]
    assert len(puts) == len(site()), "every object was made once"


def test_what_is_somebody_elses_stays() -> None:
    host = FakeHost()
    host.objects.update(site())
    host.foreign.update(site())
    run = Run(site(2), host)
    run.settle(3)
    assert all(key in host.objects for key in site())
    run.wanted.set({})
    run.settle(3)
    assert set(host.objects) == set(site())
