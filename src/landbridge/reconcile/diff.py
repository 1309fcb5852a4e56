"""Desired and actual state in, plan out: a pure function, and the one place that owns the order of effects.

The order, with its reasons:
1. Deletions come first: an address that moves to another link, or a name that changes its kind, has to be free again.
   Dependants go before what they need. Among objects of one namespace speakers and IKE connections go before routes,
   routes before addresses, addresses before links (`_RANK`): a session that ends says so while it still has a way to.
   For the same reason speakers go before the IKE connections of all namespaces: BGP's last word goes through a tunnel.
   Namespaces go last of all: a charon whose TUN vanishes with a namespace spins, so it has to be stopped by then.
   What merely vanishes with its namespace has no step of its own.
2. Then creations and changes: what is needed before what needs it. In one namespace `_RANK` ascending: the kernel
   takes a gateway only if an address reaches it, and a daemon that finds its addresses need not try twice.
3. What needs an object that is being replaced waits for the next round: replacing takes it along, and only reading
   back tells what is left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Final

from landbridge.desired.ike import IkeConnection
from landbridge.desired.links import Address, Bridge, KernelRoute, KernelRule, Namespace, VethEnd
from landbridge.desired.objects import HostObject, HostState, Key, Seen, namespace_key
from landbridge.desired.rulesets import Ruleset
from landbridge.desired.speakers import Speaker
from landbridge.reconcile.steps import Change, Create, Delete, Step, kind_of

Fingerprint = Callable[[HostObject], str]

_RANK: Final[Mapping[type[HostObject], int]] = {
    Namespace: 0,
    Ruleset: 1,
    Address: 3,
    KernelRoute: 4,
    IkeConnection: 5,
    Speaker: 5,
}
_OTHER_RANK: Final = 2
"""Links, charon and rules. They come behind the filters: no link is up that nothing guards."""


_VANISHING: Final = frozenset({Bridge, VethEnd, Address, KernelRoute, KernelRule, Ruleset})
"""What a namespace that is deleted takes along by itself, and faster: the kernel makes us wait for each link."""


class PlanError(ValueError):
    """The desired state contradicts itself: something needs what is not there, or itself."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Waves of steps. The steps of one wave do not depend on each other; a wave starts when the one before it ended."""

    waves: tuple[tuple[Step, ...], ...] = ()

    @property
    def steps(self) -> Iterator[Step]:
        """All steps, in order."""
        return (step for wave in self.waves for step in wave)

    def __bool__(self) -> bool:
        return bool(self.waves)

    def __len__(self) -> int:
        return sum(map(len, self.waves))

    def __str__(self) -> str:
        return "\n".join(map(str, self.steps))


def diff(
    desired: HostState,
    actual: HostState,
    fingerprint: Fingerprint,
    *,
    only: Collection[Key] | None = None,
    dependants: Mapping[Key, Collection[Key]] | None = None,
) -> Plan:
    """What has to be done so that `actual` becomes `desired`.

    If the caller knows them: `only` are the keys that may differ, `dependants` tells who in `actual` needs a key.

    Raises:
        PlanError: an object of the desired state needs one that it does not have, or needs run in a circle.
    """
    keys = desired.keys() | actual.keys() if only is None else only
    deletes: dict[Key, HostObject] = {}
    puts: dict[Key, Create | Change] = {}
    for key in keys:
        wanted, there = desired.get(key), actual.get(key)
        if wanted is None:
            if there is not None:
                deletes[key] = there
        elif there is None:
            puts[key] = Create(wanted)
        elif kind_of(there) is not kind_of(wanted):
            deletes[key] = there
            puts[key] = Create(wanted)
        elif not same(wanted, there, fingerprint):
            puts[key] = Change(wanted, there)
    check(desired, desired.values() if only is None else (step.wanted for step in puts.values()))
    _check_deletions(desired, deletes, needed_by(actual.values()) if dependants is None else dependants)
    waves = [
        *_deletion_waves(deletes),
        *_put_waves(puts, replaced=deletes.keys() & puts.keys()),
    ]
    return Plan(tuple(waves))


def same(wanted: HostObject, actual: HostObject, fingerprint: Fingerprint) -> bool:
    """Whether what was read back is what is wanted."""
    if isinstance(actual, Seen):
        return actual.kind is type(wanted) and actual.fingerprint == fingerprint(wanted)
    return wanted is actual or wanted == actual


def check(desired: HostState, items: Iterable[HostObject]) -> None:
    """Look whether everything that these objects need is in the desired state.

    Raises:
        PlanError: something is missing.
    """
    for item in items:
        for need in item.needs:
            if need not in desired:
                raise PlanError(f"{'/'.join(item.key)} needs {'/'.join(need)}, which is not in the desired state.")


def needed_by(items: Iterable[HostObject]) -> dict[Key, set[Key]]:
    """Who needs a key: the needs of these objects, turned around."""
    result: dict[Key, set[Key]] = defaultdict(set)
    for item in items:
        for need in item.needs:
            result[need].add(item.key)
    return dict(result)


def _check_deletions(desired: HostState, deletes: Collection[Key], dependants: Mapping[Key, Collection[Key]]) -> None:
    # Without this, an object that is right and thus has no step would lose its namespace before anyone noticed.
    gone = [key for key in deletes if key not in desired]
    check(desired, (desired[key] for gone_key in gone for key in dependants.get(gone_key, ()) if key in desired))


def _deletion_waves(deletes: Mapping[Key, HostObject]) -> Iterator[tuple[Step, ...]]:
    spaces = {key: item for key, item in deletes.items() if kind_of(item) is Namespace}
    before: dict[Key, list[Key]] = defaultdict(list)
    speakers = [key for key, item in deletes.items() if kind_of(item) is Speaker]
    for key, item in deletes.items():
        if kind_of(item) is IkeConnection:
            before[key].extend(speakers)
        if key not in spaces and not (kind_of(item) in _VANISHING and namespace_key(item.namespace) in spaces):
            before[key].extend(())
            for need in item.needs:
                if need in deletes and need not in spaces:
                    before[need].append(key)
    for wave in _waves(before, {key: -_rank(deletes[key]) for key in before}):
        yield tuple(Delete(deletes[key]) for key in wave)
    if spaces:
        yield tuple(Delete(spaces[key]) for key in sorted(spaces))


def _put_waves(puts: Mapping[Key, Create | Change], replaced: Collection[Key]) -> Iterator[tuple[Step, ...]]:
    before = {key: [need for need in step.wanted.needs if need in puts] for key, step in puts.items()}
    waiting: set[Key] = set()
    for wave in _waves(before, {key: _rank(step.wanted) for key, step in puts.items()}):
        waiting.update(key for key in wave if any(need in replaced or need in waiting for need in before[key]))
        ready = tuple(puts[key] for key in wave if key not in waiting)
        if ready:
            yield ready


def _waves(before: Mapping[Key, Collection[Key]], rank: Mapping[Key, int]) -> Iterator[list[Key]]:
    """Sort by `before` and, within a namespace, by rank: between two ranks stands a mark, a node without work."""
    sorter: TopologicalSorter[Key] = TopologicalSorter()
    ranks: dict[str, set[int]] = defaultdict(set)
    for key, value in rank.items():
        ranks[key[1]].add(value)
    next_rank: dict[tuple[str, int], int] = {}
    for space, values in ranks.items():
        for lower, higher in pairwise(sorted(values)):
            next_rank[space, lower] = higher
            sorter.add(_mark(space, higher), _mark(space, lower))
    for key, others in before.items():
        sorter.add(key, _mark(key[1], rank[key]), *others)
        if (higher_rank := next_rank.get((key[1], rank[key]))) is not None:
            sorter.add(_mark(key[1], higher_rank), key)
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " -> ".join("/".join(node) for node in error.args[1])
        raise PlanError(f"These objects need each other in a circle: {circle}.") from None
    while sorter.is_active():
        wave: list[Key] = []
        # Marks carry no work, so whatever they free joins the same wave.
        while ready := sorter.get_ready():
            wave.extend(node for node in ready if node in rank)
            sorter.done(*(node for node in ready if node not in rank))
        sorter.done(*wave)
        if wave:
            yield sorted(wave)


def _mark(space: str, rank: int) -> Key:
    # No kind of object is called "".
    return ("", space, str(rank))


def _rank(item: HostObject) -> int:
    return _RANK.get(kind_of(item), _OTHER_RANK)
