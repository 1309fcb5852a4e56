"""Requests that change something at the same time share a transaction: the disk is waited for once, and by no reader.

A request is decided in the event loop, at once. Its answer waits until what it decided is durable; whatever else is
decided until the disk is free again becomes durable with the next turn.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from landbridge.control.base import Command
from landbridge.control.service import Control, Decision
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
    """Makes the decisions of requests durable, as many in one go as there are. Belongs to one event loop."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._disk = ThreadPoolExecutor(1, "commit")
        self._turn: asyncio.Task[None] | None = None

    async def durable(self, request: Request) -> None:
        """Wait until whatever the request has decided is on the disk.

        Raises:
            Unavailable: it could not be written; nothing has changed.
        """
        decision = request.decision
        if decision is None:
            return
        while not decision.settled:
            if self._turn is None:
                self._turn = asyncio.create_task(self._take_turn())
            await asyncio.shield(self._turn)
        decision.check()

    async def _take_turn(self) -> None:
        try:
            batch = self._control.prepare()
            if batch is not None:
                await asyncio.get_running_loop().run_in_executor(self._disk, self._control.finish, batch)
        finally:
            self._turn = None

    def close(self) -> None:
        """Once nobody waits any more."""
        self._disk.shutdown()
