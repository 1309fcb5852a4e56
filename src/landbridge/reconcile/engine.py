"""One pass after the other, without threads of its own: look at what should be and what is, act, look again.

Level-triggered: every pass starts from the current desired state and the last read-back; an event only says where to
look. Work follows the change: only objects that are not the same as in the last pass are compared, and only namespaces
that were touched, reported a change or have their turn in the sweep are read.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from itertools import compress
from operator import is_not
from typing import Final

import structlog

from landbridge.desired.objects import HostObject, HostState, Key
from landbridge.desired.speakers import Speaker
from landbridge.reconcile.cache import Cache, flatten, read_all
from landbridge.reconcile.diff import Plan, PlanError, check, diff, same
from landbridge.reconcile.driver import Driver, DriverError
from landbridge.reconcile.execute import execute
from landbridge.reconcile.resync import Sweep
from landbridge.reconcile.retries import Retries
from landbridge.reconcile.steps import Step, kind_of, wanted_by

_log: Final = structlog.get_logger(__name__)

_WAKE_PAUSE: Final = 0.2
"""Seconds between two reads of a namespace that keeps reporting changes."""

_IDLE: Final = 1.0
"""Seconds until the next pass when there is no desired state yet and no retry is due."""

Desired = Callable[[], tuple[int, HostState]]
Roots = Callable[[], Collection[str]]


@dataclass(frozen=True, slots=True)
class Pass:
    """How a pass ended."""

    pause: float
    """Seconds until the next one is due if nothing happens; 0: at once."""
    revision: int
    settled: bool
    """Everything is as this revision wants it, and this revision is the current one."""
    pending: frozenset[Key]
    """Where what is there differs from what is wanted; and (`read`, namespace) for what could not be looked at."""
    built: frozenset[Key] | None
    """What is there as it is wanted; None if nothing of that has changed since it was last told."""


class Engine:
    """The state between passes. Belongs to one thread; others may read `retries.standing` and the counts of steps."""

    def __init__(
        self,
        desired: Desired,
        drivers: Sequence[Driver],
        roots: Roots,
        *,
        resync_every: float,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        jitter: random.Random,
    ) -> None:
        self._desired = desired
        self._drivers = tuple(drivers)
        self._by_kind: dict[type[HostObject], Driver] = {}
        for driver in drivers:
            for kind in driver.kinds:
                if self._by_kind.setdefault(kind, driver) is not driver:
                    raise ValueError(f"Two drivers make objects of the kind {kind.__name__}.")
        self._roots = roots
        self._clock = clock
        self._cache = Cache()
        self._sweep = Sweep(resync_every)
        self.retries = Retries(clock, now, jitter)
        self._revision = -1
        self._state: HostState | None = None
        self._pending: set[Key] = set()
        self._dirty: dict[str, float] = {}
        """Namespaces to be read, and when."""
        self._read_at: dict[str, float] = {}
        """Namespaces that were read, and when last."""
        self._woken_at: dict[str, float] = {}
        """Namespaces that reported a change, and when they were, or will be, read for it."""
        self._fingerprints: dict[Key, tuple[HostObject, str]] = {}
        self._rooted = False
        """Whether it is known what is ours; before, nobody may be told that something is gone."""
        self._news = True
        """Whether anything changed since the result was last told (`told`)."""
        self.carried_out = 0
        self.failed = 0
        """Steps since the beginning."""

    def plan(self) -> Plan:
        """What is to be done, by a fresh look at everything. Changes nothing.

        Raises:
            DriverError: something could not be read.
            PlanError: the desired state contradicts itself.
        """
        _, state = self._desired()
        namespaces = {key[1] for key in state} | set(self._roots())
        return diff(state, flatten(read_all(self._drivers, namespaces)), self._fingerprint)

    def turn(self, woken: AbstractSet[str], pool: Executor | None, stopping: Callable[[], bool]) -> Pass:
        """One pass. `woken`: namespaces that reported a change. Steps run in the pool, one by one if there is none."""
        now = self._clock()
        for namespace in woken - self._dirty.keys():
            # At once the first time (a daemon may have died), then with pauses.
            at = max(now, self._woken_at.get(namespace, now - _WAKE_PAUSE) + _WAKE_PAUSE)
            self._woken_at[namespace] = at
            self._mark(namespace, at)
        self._look_at_desired()
        if self._state is None:
            return Pass(self._pause(now, progress=False), self._revision, False, frozenset(), None)
        self._resync(now)
        self._read_dirty()
        current = self._look_at_desired()  # reading takes time, in which more became known
        self._carry_out(self._make_plan(self._running_speakers()), pool, stopping)
        progress = self._carry_out(self._make_plan(self._pending), pool, stopping)
        self._read_dirty()
        self.retries.settle(self._pending)
        pending = frozenset(self._pending) | {key for key in self.retries.standing if key[0] == "read"}
        return Pass(
            self._pause(now, progress),
            self._revision,
            current and self._rooted and not pending and self._dirty.keys() <= self._read_at.keys(),
            pending,
            frozenset(self._state.keys() - self._pending) if self._news and self._rooted else None,
        )

    def told(self) -> None:
        """The last pass's `built` has reached whoever wanted to know."""
        self._news = False

    def _look_at_desired(self) -> bool:
        """Take in a desired state. One that cannot be had or contradicts itself is refused, the last good one stays."""
        try:
            revision, state = self._desired()
            if state is not self._state:
                self._take_in(state)
        except Exception as error:  # noqa: BLE001 - whatever it is, what runs has to go on as it was last wanted
            reason = str(error) if isinstance(error, PlanError) else f"It cannot be had ({type(error).__name__})."
            if self.retries.fail(("desired",), f"The desired state was refused. {reason}"):
                _log.error("desired_state_refused", reason=reason)
            return False
        self.retries.forget(("desired",))
        if revision != self._revision:
            self._revision = revision
            self._news = True
        return True

    def _take_in(self, state: HostState) -> None:
        old = self._state if self._state is not None else {}
        # Done without a line of Python per object: this runs over all objects whenever one of them changes.
        changed = set(compress(state, map(is_not, state.values(), map(old.get, state))))
        check(state, (state[key] for key in changed))
        if len(old) + sum(key not in old for key in changed) != len(state):
            changed |= old.keys() - state.keys()
        self._state = state
        for namespace in {key[1] for key in changed} - self._read_at.keys():
            self._mark(namespace)
        self._examine(changed)

    def _resync(self, now: float) -> None:
        first = self._sweep.next_at == float("-inf")
        for namespace in self._sweep.take(now):
            self._mark(namespace)
        if self._sweep.ended and now >= self._sweep.next_at:
            namespaces = self._all_namespaces()
            self._sweep.start(now, namespaces)
            for namespace in namespaces if first else ():
                self._mark(namespace)
        elif ("roots",) in self.retries.standing and not self.retries.holds(("roots",)):
            self._all_namespaces()

    def _all_namespaces(self) -> set[str]:
        """Every namespace that holds or should hold something of ours; those never read are marked."""
        known = {key[1] for key in self._state or ()} | set(self._cache.namespaces)
        try:
            known |= set(self._roots())
            self._rooted = True
            self.retries.forget(("roots",))
        except Exception as error:  # noqa: BLE001 - what is known is enough to go on with
            if self.retries.fail(("roots",), f"Our namespaces could not be listed ({type(error).__name__})."):
                _log.error("roots_unknown", type=type(error).__name__)
        self._read_at = {name: at for name, at in self._read_at.items() if name in known}
        self._woken_at = {name: at for name, at in self._woken_at.items() if name in known}
        for namespace in known - self._read_at.keys():
            self._mark(namespace)
        return known

    def _mark(self, namespace: str, at: float = float("-inf")) -> None:
        self._dirty[namespace] = min(at, self._dirty.get(namespace, at))

    def _read_dirty(self) -> None:
        now = self._clock()
        due = [name for name, at in self._dirty.items() if at <= now and not self.retries.holds(("read", name))]
        try:
            found = read_all(self._drivers, due)
        except Exception:  # noqa: BLE001 - found out below whose fault it is
            found = {}
            for namespace in due:
                found.update(self._read_alone(namespace))
        for namespace, items in found.items():
            if namespace not in self._read_at or ("read", namespace) in self.retries.standing:
                # That there is nothing may be news, too.
                self._news = True
            self.retries.forget(("read", namespace))
            self._examine(self._cache.replace(namespace, items))
            self._read_at[namespace] = now
            del self._dirty[namespace]

    def _read_alone(self, namespace: str) -> dict[str, list[HostObject]]:
        try:
            return read_all(self._drivers, (namespace,))
        except Exception as error:  # noqa: BLE001 - one namespace that cannot be read must not hide the others
            message = str(error) if isinstance(error, DriverError) else f"It cannot be read ({type(error).__name__})."
            if self.retries.fail(("read", namespace), message):
                _log.error("namespace_unreadable", namespace=namespace, reason=message)
            return {}

    def _examine(self, keys: Collection[Key]) -> None:
        """Note for each of these keys whether it is in place."""
        if keys:
            self._news = True
        # Pending until shown to be right, so that nothing is lost should a comparison raise.
        self._pending.update(keys)
        for key in keys:
            if not self._differs(key):
                self._pending.discard(key)
            if self._state is not None and key not in self._state:
                self._fingerprints.pop(key, None)

    def _differs(self, key: Key) -> bool:
        wanted = self._state.get(key) if self._state is not None else None
        there = self._cache.objects.get(key)
        if wanted is None or there is None:
            return wanted is not there
        return kind_of(there) is not type(wanted) or not same(wanted, there, self._fingerprint)

    def _running_speakers(self) -> set[Key]:
        """Speakers that run and should say something else.

        They are told before anything is made again: where a tunnel died, the sites hear a tenth of a second earlier
        that its sibling takes over. A speaker does not mind links that come later.
        """
        return {
            key
            for key in self._pending
            if self._state is not None and isinstance(self._state.get(key), Speaker) and key in self._cache.objects
        }

    def _make_plan(self, keys: set[Key]) -> Plan:
        if not keys:
            self.retries.forget(("plan",))
            return Plan()
        try:
            plan = diff(
                self._state or {},
                self._cache.objects,
                self._fingerprint,
                only=keys,
                dependants=self._cache.dependants,
            )
        except PlanError as error:
            if self.retries.fail(("plan",), str(error)):
                _log.error("no_plan", reason=str(error))
            return Plan()
        self.retries.forget(("plan",))
        return plan

    def _carry_out(self, plan: Plan, pool: Executor | None, stopping: Callable[[], bool]) -> bool:
        outcome = execute(plan, self._by_kind, pool=pool, postponed=self._is_postponed, stopping=stopping)
        self.carried_out += len(outcome.done)
        self.failed += len(outcome.failed)
        new_failure = False
        for step in outcome.done:
            self.retries.carried_out(step.key, wanted_by(step))
        for step, message in outcome.failed:
            new_failure |= self.retries.fail(step.key, message, wanted_by(step))
        for step in (*outcome.done, *(step for step, _ in outcome.failed)):
            for namespace in self._cache.touched_by(step):
                self._mark(namespace)
        if new_failure:
            self._sweep.hasten(self._clock(), self._all_namespaces())
        return bool(outcome.done)

    def _is_postponed(self, step: Step) -> bool:
        # Nothing is done blindly: where the last read failed or none was made yet, steps wait.
        return self.retries.holds(step.key, wanted_by(step)) or any(
            space not in self._read_at or ("read", space) in self.retries.standing for space in step.spaces
        )

    def _fingerprint(self, wanted: HostObject) -> str:
        key = wanted.key
        known = self._fingerprints.get(key)
        if known is None or known[0] is not wanted:
            known = self._fingerprints[key] = (wanted, self._by_kind[type(wanted)].fingerprint(wanted))
        return known[1]

    def _pause(self, began: float, progress: bool) -> float:
        if progress and self._pending:
            return 0.0
        due = [self._sweep.next_at] if self._state is not None else []
        due.extend(at for space, at in self._dirty.items() if ("read", space) not in self.retries.standing)
        retry = self.retries.next_due(began)
        if retry is not None:
            due.append(retry)
        return max(0.0, min(due) - self._clock()) if due else _IDLE
