"""Requests that change something at the same time share a transaction: the disk is waited for once, and by no reader.

A request is decided in the event loop, at once. Its answer waits until what it decided is durable; whatever else is
decided until the disk is free again becomes durable with the next turn. A thread waits for the disk, so that the loop
can answer others meanwhile. Only where there are no others the loop waits itself: to the thread and back is a way that
takes as long as a quick disk, and longer on a machine that is busy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from landbridge.control.base import Command
from landbridge.control.service import Batch, Control, Decision
from landbridge.model.snapshot import Snapshot


class Request:
    """The control as one request sees it: what it has changed is there for itself, if for nobody else yet."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self.decision: Decision | None = None
        """The last one; those before it are settled with it."""

    @property
    def snapshot(self) -> Snapshot:
        """The last committed snapshot, or what this request has made of it."""
        return self._control.snapshot if self.decision is None else self.decision.snapshot

    def execute(self, command: Command, *, account: str, region: str, dry_run: bool = False) -> Any:
        """The reply to a command, to be told once it is durable (`SharedCommits.durable`).

        Raises:
            LandbridgeError: it was refused; nothing has changed.
        """
        self.decision = self._control.decide(command, account=account, region=region, dry_run=dry_run)
        return self.decision.reply


class SharedCommits:
    """Makes the decisions of requests durable, as many in one go as there are. Belongs to one event loop.

    `alone` says whether there is nobody else who could ask something while this one's change is written.
    """

    def __init__(self, control: Control, alone: Callable[[], bool] = lambda: False) -> None:
        self._control = control
        self._alone = alone
        self._disk = ThreadPoolExecutor(1, "commit")
        self._taken = False
        """Whether the thread is at work, or will be once the loop comes to it."""
        self._waiting: list[asyncio.Future[None]] = []

    async def durable(self, request: Request) -> None:
        """Wait until whatever the request has decided is on the disk.

        Raises:
            Unavailable: it could not be written; nothing has changed.
        """
        decision = request.decision
        if decision is None:
            return
        if not (self._taken or decision.settled) and self._alone():
            self._control.settle()
        loop = asyncio.get_running_loop()
        while not decision.settled:
            if not self._taken:
                self._taken = True
                loop.call_soon(self._begin, loop)  # once all that has arrived with this one is decided
            told: asyncio.Future[None] = loop.create_future()
            self._waiting.append(told)
            await told
        decision.check()

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        batch = self._control.prepare()
        if batch is None:
            self._tell()
        else:
            self._disk.submit(self._finish, batch, loop)

    def _finish(self, batch: Batch, loop: asyncio.AbstractEventLoop) -> None:
        """In the disk's thread."""
        try:
            self._control.finish(batch)
        finally:
            loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._taken = False
        waiting, self._waiting = self._waiting, []
        for told in waiting:
            if not told.done():  # by a client that has gone
                told.set_result(None)

    def close(self) -> None:
        """Once nobody waits any more."""
        self._disk.shutdown()
