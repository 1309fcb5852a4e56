"""Commands in, committed snapshots out: the one place where state changes, one command at a time.

Deciding is quick, making a decision durable is not: a disk takes its time. So the two are apart. Commands are decided
one after the other, each upon what those before it decided; what has been decided meanwhile is then made durable in one
transaction. Nobody is told of a decision, and no reader sees it, before it is durable; if it cannot be made so, all who
wait for it are told that nothing has changed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from landbridge.control.base import PSK_GRACE, Command, Context, Pools, Scope
from landbridge.control.handlers import handler_of
from landbridge.control.limits import AWS, Limits
from landbridge.model.crypto import CryptoPolicy
from landbridge.model.ids import Entropy
from landbridge.model.snapshot import Change, Snapshot


class Store(Protocol):
    """Where snapshots outlive the process."""

    def load(self) -> Snapshot:
        """The last committed snapshot."""
        ...

    def prepare(self, commits: Sequence[tuple[int, tuple[Change, ...]]]) -> None:
        """Write these revisions down, in order, without making them last yet; or raise and write nothing."""
        ...

    def finish(self) -> None:
        """Make what was prepared durable, entirely; or raise and forget it. Takes as long as the disk does."""
        ...

    def close(self) -> None:
        """Let go of the files, and leave them in order."""
        ...


@dataclass(slots=True, eq=False)
class Decision:
    """What a command came to: its reply, and the snapshot after it. To be told once `Control.settle` has returned."""

    reply: Any
    snapshot: Snapshot
    changes: tuple[Change, ...]
    builds_on: Decision | None
    """The last one before that was not durable then."""
    durable: bool = False
    error: BaseException | None = None
    """Why it never came about."""

    @property
    def settled(self) -> bool:
        """Whether it is known what became of it."""
        last = self if self.changes else self.builds_on
        return last is None or last.durable or last.error is not None

    def check(self) -> None:
        """Raise why it never came about, if it did not."""
        last = self if self.changes else self.builds_on
        if last is not None and last.error is not None:
            raise last.error


@dataclass(slots=True)
class Batch:
    """Decisions that are being made durable together."""

    decisions: list[Decision] = field(default_factory=list)


class Control:
    """Holds the current snapshot; `execute` decides, commits, and only then shows the next one.

    Callable from any thread. Listeners are told of new revisions outside of the locks.
    """

    def __init__(
        self,
        store: Store,
        *,
        now: Callable[[], datetime],
        entropy: Entropy,
        pools: Pools,
        builds: bool,
        limits: Limits = AWS,
        crypto_policy: CryptoPolicy = CryptoPolicy.AWS,
        psk_grace: timedelta = PSK_GRACE,
    ) -> None:
        self._store = store
        self._now = now
        self._entropy = entropy
        self._pools = pools
        self._builds = builds
        self._limits = limits
        self._crypto_policy = crypto_policy
        self._psk_grace = psk_grace
        self._deciding = threading.Lock()
        """Guards what is decided and not durable yet."""
        self._writing = threading.Lock()
        """Held from taking a batch until it is known what became of it. Taken before `_deciding`, never after."""
        self._snapshot = self._decided = store.load()
        self._last: Decision | None = None
        self._waiting: list[Decision] = []
        self._listeners: list[Callable[[Snapshot], None]] = []

    @property
    def snapshot(self) -> Snapshot:
        """The last committed snapshot."""
        return self._snapshot

    def close(self) -> None:
        """Let go of the store. Nothing can be carried out any more."""
        with self._writing:
            self._store.close()

    def on_change(self, listener: Callable[[Snapshot], None]) -> None:
        """Be told of every new snapshot; of several that became durable together, of the last."""
        self._listeners.append(listener)

    def execute(self, command: Command, *, account: str, region: str, dry_run: bool = False) -> Any:
        """Carry out a command and give its reply. With `dry_run` everything is checked and nothing is written.

        Raises:
            LandbridgeError: the command was refused, or could not be written; nothing has changed.
        """
        decision = self.decide(command, account=account, region=region, dry_run=dry_run)
        if not decision.settled:
            self.settle()
        decision.check()
        return decision.reply

    def decide(self, command: Command, *, account: str, region: str, dry_run: bool = False) -> Decision:
        """Decide a command upon everything that was decided before it. Its reply may be told once it is settled.

        Raises:
            LandbridgeError: the command was refused; nothing has changed.
        """
        with self._deciding:
            context = Context(
                account,
                region,
                self._now(),
                self._entropy,
                self._pools,
                self._builds,
                self._limits,
                self._crypto_policy,
                self._psk_grace,
            )
            outcome = handler_of(command)(Scope(self._decided, account, region), command, context)
            if dry_run or not outcome.changes:
                return Decision(outcome.reply, self._decided, (), self._last)
            after = self._decided.apply(outcome.changes)
            decision = Decision(outcome.reply, after, outcome.changes, None)
            self._decided, self._last = after, decision
            self._waiting.append(decision)
            return decision

    def settle(self) -> None:
        """Make everything durable that was decided until now, or have each decision say why it could not be."""
        batch = self.prepare()
        if batch is not None:
            self.finish(batch)

    def prepare(self) -> Batch | None:
        """The first half of `settle`: quick, waits only for a batch that is under way. None: there is nothing to do.

        A batch has to be finished, in any thread.
        """
        self._writing.acquire()
        with self._deciding:
            batch, self._waiting = Batch(self._waiting), []
        if not batch.decisions:
            self._writing.release()
            return None
        try:
            self._store.prepare([(each.snapshot.revision, each.changes) for each in batch.decisions])
        except BaseException as error:  # noqa: BLE001  (those who wait for the decisions raise it)
            self._void(batch, error)
            self._writing.release()
            return None
        return batch

    def finish(self, batch: Batch) -> None:
        """The second half of `settle`: takes as long as the disk does."""
        try:
            self._store.finish()
        except BaseException as error:  # noqa: BLE001  (as above)
            self._void(batch, error)
            self._writing.release()
            return
        after = batch.decisions[-1].snapshot
        self._snapshot = after
        for decision in batch.decisions:
            decision.durable = True
        self._writing.release()
        for listener in self._listeners:
            listener(after)

    def _void(self, batch: Batch, error: BaseException) -> None:
        """Neither these decisions came about nor those that were made upon them in the meantime."""
        with self._deciding:
            for decision in (*batch.decisions, *self._waiting):
                decision.error = error
            self._waiting = []
            self._decided, self._last = self._snapshot, None
