"""Carries out a plan: steps of a wave in parallel, one at a time in a namespace; failures stop what hangs on them."""

from __future__ import annotations

import traceback
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Final

import structlog

from landbridge.desired.objects import HostObject, Key
from landbridge.reconcile.diff import Plan
from landbridge.reconcile.driver import Driver, DriverError
from landbridge.reconcile.steps import Change, Create, Delete, Step, kind_of

_log: Final = structlog.get_logger(__name__)


@dataclass(slots=True)
class Outcome:
    """What became of a plan. What is in neither list was skipped."""

    done: list[Step] = field(default_factory=list)
    failed: list[tuple[Step, str]] = field(default_factory=list)


class Holds:
    """What may not be touched in this round because something before it failed."""

    def __init__(self) -> None:
        self._missing: set[Key] = set()
        self._kept: set[Key] = set()

    def holds(self, step: Step) -> bool:
        """Whether the step depends on one that failed or was skipped."""
        if isinstance(step, Delete):
            return step.key in self._kept
        return step.key in self._missing or not self._missing.isdisjoint(step.wanted.needs)

    def add(self, step: Step) -> None:
        """The step failed or is skipped."""
        self._missing.add(step.key)
        if isinstance(step, Delete):
            self._kept.update(step.actual.needs)


def execute(
    plan: Plan,
    drivers: Mapping[type[HostObject], Driver],
    *,
    pool: Executor | None,
    postponed: Callable[[Step], bool],
    stopping: Callable[[], bool],
) -> Outcome:
    """Carry out the waves. `postponed` steps are skipped, with what hangs on them. No pool: one after the other."""
    outcome = Outcome()
    holds = Holds()
    for wave in plan.waves:
        if stopping():
            break
        runnable = []
        for step in wave:
            if holds.holds(step) or postponed(step):
                holds.add(step)
            else:
                runnable.append(step)
        for step, error in _run(runnable, drivers, pool):
            if error is None:
                outcome.done.append(step)
            else:
                holds.add(step)
                outcome.failed.append((step, error))
    return outcome


def _run(
    steps: Iterable[Step], drivers: Mapping[type[HostObject], Driver], pool: Executor | None
) -> Iterator[tuple[Step, str | None]]:
    if pool is None:
        for step in steps:
            yield step, _perform(step, drivers)
        return
    # A step runs when it is at the head of the queues of all its namespaces. Queues keep the plan's order, so the
    # first step that is not finished is always at the head of all of its own: there is no deadlock.
    queues: dict[str, deque[Step]] = defaultdict(deque)
    for step in steps:
        for space in step.spaces:
            queues[space].append(step)
    results: SimpleQueue[tuple[Step, str | None]] = SimpleQueue()
    started: set[Key] = set()

    def work(step: Step) -> None:
        results.put((step, _perform(step, drivers)))

    candidates = [queue[0] for queue in queues.values()]
    while candidates or started:
        for step in candidates:
            if step.key not in started and all(queues[space][0] is step for space in step.spaces):
                started.add(step.key)
                pool.submit(work, step)
        step, error = results.get()
        started.discard(step.key)
        for space in step.spaces:
            queues[space].popleft()
        candidates = [queues[space][0] for space in step.spaces if queues[space]]
        yield step, error


def _perform(step: Step, drivers: Mapping[type[HostObject], Driver]) -> str | None:
    item = step.actual if isinstance(step, Delete) else step.wanted
    driver = drivers.get(kind_of(item))
    if driver is None:
        return f"No driver here makes objects of the kind {kind_of(item).__name__}."
    try:
        match step:
            case Delete(actual):
                driver.drop(actual)
            case Create(wanted):
                driver.put(wanted, None)
            case Change(wanted, actual):
                driver.put(wanted, actual)
    except DriverError as error:
        _log.warning("step_failed", step=str(step), error=str(error))
        return str(error) or "The driver gave no reason."
    except Exception as error:  # noqa: BLE001 - a driver's bug must not end the loop that repairs everything else
        # Place and type only: the message of an unforeseen error may quote what must not be printed.
        where = "".join(traceback.format_tb(error.__traceback__))
        _log.error("step_failed_unexpectedly", step=str(step), type=type(error).__name__, where=where)
        return f"The driver failed in a way it does not foresee ({type(error).__name__}); the log has the details."
    _log.info("step_done", step=str(step))
    return None
