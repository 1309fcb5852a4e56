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
    threads: list[int] = field(default_factory=list)
    """Who waited for each batch."""
    full: bool = False
    _prepared: int = 0

    def load(self) -> Snapshot:
        return Snapshot()

    def prepare(self, commits: Sequence[tuple[int, tuple[Change, ...]]]) -> None:
        self._prepared = len(commits)

    def finish(self) -> None:
        assert self.turn.acquire(timeout=20)
        self.threads.append(threading.get_ident())
        if self.full:
            raise Unavailable("The disk is full.")
        self.batches.append(self._prepared)


@dataclass
class Door:
    disk: Disk = field(default_factory=Disk)
    alone: bool = False

    def __post_init__(self) -> None:
        self.control = Control(
            self.disk, now=lambda: START, entropy=SeededEntropy(), pools=LAB_POOLS, builds=False, limits=RELAXED
        )
        self.commits = SharedCommits(self.control, lambda: self.alone)

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
        while not door.commits._taken:
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
        while not door.commits._taken:
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


def test_who_is_alone_waits_for_the_disk_itself() -> None:
    async def requests(door: Door) -> None:
        door.disk.turn.release()
        await door.create()
        door.alone = False
        door.disk.turn.release()
        await door.create()

    door = Door(alone=True)
    asyncio.run(requests(door))
    loop, thread = door.disk.threads
    assert loop == threading.get_ident() != thread
    door.commits.close()


def test_who_is_alone_is_told_of_a_full_disk() -> None:
    async def requests(door: Door) -> None:
        door.disk.full = True
        door.disk.turn.release()
        with pytest.raises(Unavailable):
            await door.create()
        door.disk.full = False
        door.disk.turn.release()
        await door.create()

    door = Door(alone=True)
    asyncio.run(requests(door))
    assert len(list(door.control.snapshot.all(Vpc))) == 1
    door.commits.close()


def test_who_comes_while_the_thread_is_at_work_waits_for_its_next_turn() -> None:
    async def requests(door: Door) -> None:
        first = asyncio.create_task(door.create())
        while not door.commits._taken:
            await asyncio.sleep(0)
        door.alone = True
        second = asyncio.create_task(door.create())
        await asyncio.sleep(0)
        door.disk.turn.release(2)
        await first
        await second

    door = Door()
    asyncio.run(requests(door))
    assert door.disk.batches == [1, 1]
    door.commits.close()
