"""Commands in, committed snapshots out: the one place where state changes, one command at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from landbridge.control.base import Command, Context, Pools, Scope
from landbridge.control.handlers import handler_of
from landbridge.control.limits import AWS, Limits
from landbridge.model.ids import Entropy
from landbridge.model.snapshot import Change, Snapshot


class Store(Protocol):
    """Where snapshots outlive the process."""

    def load(self) -> Snapshot:
        """The last committed snapshot."""
        ...

    def commit(self, revision: int, changes: tuple[Change, ...]) -> None:
        """Write the changes as that revision, durably and entirely, or raise and write nothing."""
        ...


class Control:
    """Holds the current snapshot; `execute` decides, commits, and only then shows the next one.

    Callable from any thread. Listeners are told of each new revision outside of the lock.
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
    ) -> None:
        self._store = store
        self._now = now
        self._entropy = entropy
        self._pools = pools
        self._builds = builds
        self._limits = limits
        self._lock = threading.Lock()
        self._snapshot = store.load()
        self._listeners: list[Callable[[Snapshot], None]] = []

    @property
    def snapshot(self) -> Snapshot:
        """The last committed snapshot."""
        return self._snapshot

    def on_change(self, listener: Callable[[Snapshot], None]) -> None:
        """Be told of every new snapshot."""
        self._listeners.append(listener)

    def execute(self, command: Command, *, account: str, region: str, dry_run: bool = False) -> Any:
        """Carry out a command and give its reply. With `dry_run` everything is checked and nothing is written.

        Raises:
            LandbridgeError: the command was refused; nothing has changed.
        """
        with self._lock:
            context = Context(account, region, self._now(), self._entropy, self._pools, self._builds, self._limits)
            outcome = handler_of(command)(Scope(self._snapshot, account, region), command, context)
            if dry_run or not outcome.changes:
                return outcome.reply
            after = self._snapshot.apply(outcome.changes)
            self._store.commit(after.revision, outcome.changes)
            self._snapshot = after
        for listener in self._listeners:
            listener(after)
        return outcome.reply
