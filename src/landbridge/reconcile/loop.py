"""The one loop: a thread around `engine`. Wake-ups go in, results come out; stopping it leaves everything as it is."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog

from landbridge.desired.objects import Key
from landbridge.reconcile.diff import Plan
from landbridge.reconcile.driver import Driver
from landbridge.reconcile.engine import Desired, Engine, Pass, Roots
from landbridge.reconcile.retries import Failure

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Counts:
    """What a reconciler has done since it was made. `crashes` are passes that ended in an error of our own."""

    passes: int
    crashes: int
    steps_done: int
    steps_failed: int


OnConverged = Callable[[int, frozenset[Key]], None]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Reconciler:
    """Keeps one host as it is wanted.

    `desired`: the revision and state that are wanted now; called in every pass, so it should be cheap, give the same
    objects again where nothing changed, and never change a state that it gave away.
    `roots`: all namespaces that bear our mark, to find what is no longer wanted.
    `on_converged`: called from the loop's thread, after reading back, whenever what is in place has changed: with the
    revision looked at and the keys of all objects that are there as that revision wants them (all of them, or all that
    can be had: one that fails does not keep the others from being told). `unsettled` then tells what is not yet gone.
    `workers`: how many steps run at a time; 1 runs them in the loop's thread.
    """

    def __init__(
        self,
        desired: Desired,
        drivers: Sequence[Driver],
        roots: Roots,
        *,
        on_converged: OnConverged | None = None,
        workers: int = 8,
        resync_every: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc_now,
        jitter: random.Random | None = None,
    ) -> None:
        self._on_converged = on_converged
        self._workers = workers
        self._clock = clock
        self._turning = threading.Lock()
        """Guards the engine."""
        self._engine = Engine(
            desired,
            drivers,
            roots,
            resync_every=resync_every,
            clock=clock,
            now=now,
            jitter=jitter if jitter is not None else random.Random(),
        )
        self._pool: ThreadPoolExecutor | None = None
        self._passes = self._crashes = 0

        self._signal = threading.Condition()
        """Guards all below."""
        self._woken: set[str] = set()
        self._poked = False
        self._stopping = False
        self._converged = -1
        self._unsettled: frozenset[Key] = frozenset()
        self._thread: threading.Thread | None = None

    def wake(self, namespace: str | None = None) -> None:
        """Look now: at the desired state, and at this namespace, which may have changed. From any thread."""
        with self._signal:
            if namespace is not None:
                self._woken.add(namespace)
            self._poked = True
            self._signal.notify_all()

    def start(self) -> None:
        """Run the loop in a thread of its own.

        Raises:
            RuntimeError: it runs already.
        """
        with self._signal:
            if self._thread is not None:
                raise RuntimeError("The loop runs already.")
            self._stopping = False
            self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)
            self._thread.start()

    def stop(self, timeout: float | None = None) -> bool:
        """End the loop after the steps under way; what is there stays. Answers whether it ended within the timeout."""
        with self._signal:
            thread = self._thread
            self._stopping = True
            self._signal.notify_all()
        if thread is None:
            return True
        thread.join(timeout)
        if thread.is_alive():
            return False
        with self._signal:
            self._thread = None
        return True

    def converged(self, revision: int) -> bool:
        """Whether everything is, by the last look, as this revision or a later one wants it."""
        with self._signal:
            return self._converged >= revision

    def wait_for(self, revision: int, timeout: float) -> bool:
        """Wait until `converged(revision)`; answers False when the time (seconds) is up."""
        with self._signal:
            return self._signal.wait_for(lambda: self._converged >= revision, timeout)

    def unsettled(self) -> frozenset[Key]:
        """The keys at which what is there differs from what is wanted, by the last look: missing, different, or not yet
        gone; and (`read`, NAMESPACE) where nobody could look. A key that is neither here nor wanted is gone."""
        with self._signal:
            return self._unsettled

    def errors(self) -> tuple[Failure, ...]:
        """What does not work at present, the oldest first."""
        standing = self._engine.retries.standing
        return tuple(sorted(standing.values(), key=lambda failure: (failure.since, failure.key)))

    def counts(self) -> Counts:
        """What was done so far."""
        return Counts(self._passes, self._crashes, self._engine.carried_out, self._engine.failed)

    def plan(self) -> Plan:
        """What the loop would do now, from a fresh look at everything. Changes nothing.

        Raises:
            DriverError: something could not be read.
            PlanError: the desired state contradicts itself.
        """
        with self._turning:
            return self._engine.plan()

    def turn(self) -> float:
        """One pass, with its result told. Answers in how many seconds the next one is due if nothing wakes the loop."""
        with self._signal:
            woken, self._woken = self._woken, set()
        with self._turning:
            retries = self._engine.retries
            self._passes += 1
            try:
                result = self._engine.turn(woken, self._pool, lambda: self._stopping)
            except Exception as error:  # noqa: BLE001 - the loop has to outlive its own bugs; it says so and goes on
                retries.fail(("loop",), f"A pass failed in a way it does not foresee ({type(error).__name__}).")
                _log.exception("pass_failed")
                self._crashes += 1
                with self._signal:
                    self._converged = -1
                return max(0.0, retries.standing["loop",].again_at - self._clock())
            retries.forget(("loop",))
            told = self._tell(result)
        with self._signal:
            self._converged = result.revision if result.settled and told else -1
            self._unsettled = result.pending
            self._signal.notify_all()
        return result.pause if told else min(result.pause, retries.standing["report",].again_at - self._clock())

    def _tell(self, result: Pass) -> bool:
        with self._signal:
            self._unsettled = result.pending
        if result.built is not None and self._on_converged is not None:
            try:
                self._on_converged(result.revision, result.built)
            except Exception as error:  # noqa: BLE001 - the caller's trouble; it is told again in the next pass
                reason = f"The result could not be written down ({type(error).__name__})."
                if self._engine.retries.fail(("report",), reason):
                    _log.error("report_failed", type=type(error).__name__)
                return False
        self._engine.retries.forget(("report",))
        self._engine.told()
        return True

    def _run(self) -> None:
        try:
            if self._workers > 1:
                self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="reconciler")
            while not self._stopping:
                pause = self.turn()
                with self._signal:
                    self._signal.wait_for(lambda: self._poked or self._stopping, pause)
                    self._poked = False
        finally:
            if self._pool is not None:
                self._pool.shutdown()
                self._pool = None
