"""Requests in one event loop: they share the disk's turns, and an answer waits for its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network

import pytest
from support import ACCOUNT, REGION, START, SeededEntropy

from landbridge.control.base import LAB_POOLS
from landbridge.control.limits import RELAXED
from landbridge.control.service import Control
from landbridge.control.vpcs import CreateVpc
from landbridge.model.errors import Unavailable
from landbridge.model.network import Vpc
from landbridge.model.snapshot import Change, Snapshot
from landbridge.wiring.commits import Request, SharedCommits


@dataclass
class Disk:
    """A store that waits for the test with every turn."""

    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    batches: list[int] = field(default_factory=list)
    full: bool = False
    _prepared: int = 0

    def load(self) -> Snapshot:
        return Snapshot()

    def prepare(self, commits: Sequence[tuple[int, tuple[Change, ...]]]) -> None:
        self._prepared = len(commits)

    def finish(self) -> None:
        assert self.turn.acquire(timeout=20)
        if self.full:
            raise Unavailable("The disk is full.")
        self.batches.append(self._prepared)


@dataclass
class Door:
    disk: Disk = field(default_factory=Disk)

    def __post_init__(self) -> None:
        self.control = Control(
            self.disk, now=lambda: START, entropy=SeededEntropy(), pools=LAB_POOLS, builds=False, limits=RELAXED
        )
        self.commits = SharedCommits(self.control)

    async def create(self) -> str:
        """One request; the id that it is answered."""
        request = Request(self.control)
        made = request.execute(CreateVpc(IPv4Network("10.0.0.0/16")), account=ACCOUNT, region=REGION)
        assert request.snapshot.get(Vpc, made.id) is made
        await self.commits.durable(request)
        assert self.control.snapshot.get(Vpc, made.id) is made
        return str(made.id)


def test_many_at_once_take_two_turns() -> None:
    async def requests(door: Door) -> list[str]:
        first = asyncio.create_task(door.create())
        while not door.commits._turn:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        others = [asyncio.create_task(door.create()) for _ in range(20)]
        await asyncio.sleep(0)
        reading = Request(door.control)
        await door.commits.durable(reading)
        assert list(reading.snapshot.all(Vpc)) == []
        assert not any(task.done() for task in (first, *others))
        door.disk.turn.release()
        await first
        assert not any(task.done() for task in others)
        door.disk.turn.release()
        return [await task for task in (first, *others)]

    door = Door()
    made = asyncio.run(requests(door))
    assert [vpc.id for vpc in door.control.snapshot.all(Vpc)] == made
    assert door.disk.batches == [1, 20]
    door.commits.close()


def test_all_who_wait_for_a_full_disk_are_told_and_the_next_is_served() -> None:
    async def requests(door: Door) -> None:
        door.disk.full = True
        waiting = [asyncio.create_task(door.create()) for _ in range(5)]
        for _ in range(5):
            door.disk.turn.release()
        for task in waiting:
            with pytest.raises(Unavailable):
                await task
        door.disk.full = False
        await door.create()

    door = Door()
    asyncio.run(requests(door))
    assert len(list(door.control.snapshot.all(Vpc))) == 1
    door.commits.close()


def test_who_stops_waiting_stops_nobody_else() -> None:
    async def requests(door: Door) -> None:
        impatient, patient = asyncio.create_task(door.create()), asyncio.create_task(door.create())
        while not door.commits._turn:
            await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        door.disk.turn.release()
        await patient

    door = Door()
    asyncio.run(requests(door))
    assert len(list(door.control.snapshot.all(Vpc))) == 2
    door.commits.close()
