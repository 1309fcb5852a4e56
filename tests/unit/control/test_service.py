"""Decisions and what becomes of them: shown when they are durable, not before, and none of those built on one that is
not."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

import pytest
from support import ACCOUNT, REGION, START, SeededEntropy

from landbridge.control.base import LAB_POOLS, Command
from landbridge.control.customer_gateways import CreateCustomerGateway
from landbridge.control.limits import RELAXED
from landbridge.control.service import Control, Decision
from landbridge.control.vpcs import CreateVpc, DeleteVpc
from landbridge.model.errors import NotFound, Unavailable
from landbridge.model.network import Vpc
from landbridge.model.snapshot import Change, Snapshot

NET = IPv4Network("10.0.0.0/16")


@dataclass
class Disk:
    """A store whose disk is as slow and as good as a test wants it."""

    durable: list[int] = field(default_factory=list)
    """The revisions."""
    batches: list[int] = field(default_factory=list)
    """How many revisions became durable together."""
    full: bool = False
    turning: threading.Event = field(default_factory=threading.Event)
    """Whether the disk turns; else who waits for it waits."""
    reached: threading.Event = field(default_factory=threading.Event)
    """Set when somebody waits."""
    _prepared: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.turning.set()

    def load(self) -> Snapshot:
        return Snapshot()

    def prepare(self, commits: Sequence[tuple[int, tuple[Change, ...]]]) -> None:
        assert not self._prepared, "one at a time"
        self._prepared = [revision for revision, _ in commits]

    def finish(self) -> None:
        prepared, self._prepared = self._prepared, []
        self.reached.set()
        assert self.turning.wait(20)
        if self.full:
            raise Unavailable("The disk is full.")
        self.durable += prepared
        self.batches.append(len(prepared))


@dataclass
class World:
    disk: Disk = field(default_factory=Disk)
    told: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.control = Control(
            self.disk, now=lambda: START, entropy=SeededEntropy(), pools=LAB_POOLS, builds=False, limits=RELAXED
        )
        self.control.on_change(lambda snapshot: self.told.append(snapshot.revision))

    def decide(self, command: Command) -> Decision:
        return self.control.decide(command, account=ACCOUNT, region=REGION)

    def run(self, command: Command) -> Vpc:
        made = self.control.execute(command, account=ACCOUNT, region=REGION)
        assert isinstance(made, Vpc)
        return made

    @property
    def shown(self) -> list[str]:
        return [vpc.id for vpc in self.control.snapshot.all(Vpc)]


@pytest.fixture
def world() -> World:
    return World()


def test_a_decision_is_seen_by_the_next_one_at_once_and_by_readers_when_it_is_durable(world: World) -> None:
    first = world.decide(CreateVpc(NET))
    gone = world.decide(DeleteVpc(first.reply.id))
    second = world.decide(CreateVpc(NET))
    with pytest.raises(NotFound):
        world.decide(DeleteVpc(first.reply.id))
    assert (world.shown, world.disk.durable, world.told) == ([], [], [])
    assert not any(decision.settled for decision in (first, gone, second))
    world.control.settle()
    assert all(decision.settled for decision in (first, gone, second))
    assert (world.shown, world.disk.durable, world.disk.batches) == ([second.reply.id], [1, 2, 3], [3])
    assert world.told == [3]
    world.control.settle()
    assert world.disk.batches == [3]


def test_what_changes_nothing_waits_for_what_it_was_decided_upon(world: World) -> None:
    device = CreateCustomerGateway(IPv4Address("203.0.113.9"))
    made, again = world.decide(device), world.decide(device)
    assert made.reply == again.reply
    assert not again.settled
    world.control.settle()
    assert again.settled
    assert world.decide(device).settled
    assert world.disk.durable == [1]


def test_a_full_disk_undoes_what_was_decided_and_all_that_was_built_on_it(world: World) -> None:
    kept = world.run(CreateVpc(NET))
    world.disk.full = True
    world.disk.turning.clear()
    lost = world.decide(CreateVpc(NET))
    with ThreadPoolExecutor(1) as other:
        settling = other.submit(world.control.settle)
        assert world.disk.reached.wait(20)
        later = [world.decide(CreateVpc(NET)), world.decide(DeleteVpc(lost.reply.id))]
        device = CreateCustomerGateway(IPv4Address("203.0.113.9"))
        later += [world.decide(device), world.decide(device)]
        world.disk.turning.set()
        settling.result(20)
    for decision in (lost, *later):
        assert decision.settled
        with pytest.raises(Unavailable):
            decision.check()
    assert world.shown == [kept.id]
    assert world.told == [1]

    world.disk.full = False
    second = world.run(CreateVpc(NET))
    assert world.shown == [kept.id, second.id]
    assert world.disk.durable == [1, 2]


def test_a_mistake_in_the_store_is_everybodys_and_stops_nobody_after(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(commits: object) -> None:
        raise TypeError("no such column")

    with monkeypatch.context() as patch:
        patch.setattr(world.disk, "prepare", broken)
        for _ in range(2):
            with pytest.raises(TypeError):
                world.run(CreateVpc(NET))
    made = world.run(CreateVpc(NET))
    assert world.shown == [made.id]


def test_those_who_come_while_the_disk_is_busy_share_its_next_turn(world: World) -> None:
    world.disk.turning.clear()
    with ThreadPoolExecutor(17) as callers:
        first = callers.submit(world.run, CreateVpc(NET))
        assert world.disk.reached.wait(20)
        others = [callers.submit(world.run, CreateVpc(NET)) for _ in range(16)]
        while len(world.control._waiting) < 16:
            pass
        world.disk.turning.set()
        made = {future.result(20).id for future in (first, *others)}
    assert set(world.shown) == made
    assert len(made) == 17
    assert world.disk.batches == [1, 16]
    assert world.disk.durable == list(range(1, 18))
