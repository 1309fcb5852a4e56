"""All resources at one revision: an immutable value that handlers read and change lists turn into the next one.

Questions that are asked often (whose are these? what hangs on that gateway?) are answered from an `Index`. It follows
from the resources and is brought along from one revision to the next, so no answer takes longer for what others have.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from landbridge.model.resources import Resource

R = TypeVar("R", bound=Resource)

_NONE: Mapping[str, Resource] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Put:
    """Write this resource, new or changed."""

    resource: Resource


@dataclass(frozen=True, slots=True)
class Remove:
    """Forget this resource."""

    resource: Resource


Change = Put | Remove


@dataclass(frozen=True, slots=True, eq=False)
class Index(Generic[R]):
    """A question about resources of one kind: which have this key? Made once, and then asked by that very object.

    A group is in order of creation as long as its resources keep their keys; else in the order in which they got them.
    """

    kind: type[R]
    keys: Callable[[R], Iterable[Hashable]]


Groups = Mapping[Hashable, Mapping[str, Resource]]
"""By key: the resources that have it, by id, in the order in which they got it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Resources by kind and id, in order of creation. Never changed: `apply` gives the next one.

    Ids are unique per kind over all accounts and regions (lab names are unique on the machine).
    """

    revision: int = 0
    kinds: Mapping[type[Resource], Mapping[str, Resource]] = field(default_factory=dict)
    _groups: dict[Index[Any], Groups] = field(default_factory=dict, compare=False, repr=False)
    """The indexes that somebody has asked for: only a cache, what is in it follows from `kinds`."""

    def get(self, kind: type[R], resource_id: str) -> R | None:
        """The resource of that kind and id, whatever its account, region or state."""
        found = self.kinds.get(kind, _NONE).get(resource_id)
        return found if isinstance(found, kind) else None

    def all(self, kind: type[R]) -> Iterator[R]:
        """All resources of a kind, in order of creation."""
        for resource in self.kinds.get(kind, _NONE).values():
            assert isinstance(resource, kind)
            yield resource

    def grouped(self, index: Index[R]) -> Groups:
        """All groups of an index."""
        known = self._groups.get(index)
        if known is None:
            made: dict[Hashable, dict[str, Resource]] = {}
            for resource in self.all(index.kind):
                for key in index.keys(resource):
                    made.setdefault(key, {})[resource.id] = resource
            known = self._groups[index] = made
        return known

    def having(self, index: Index[R], key: Hashable) -> Collection[R]:
        """The resources with this key, in the order in which they got it."""
        return self.grouped(index).get(key, _NONE).values()  # type: ignore[return-value]  # of the index's kind

    def apply(self, changes: Iterable[Change]) -> Snapshot:
        """The next snapshot; only the kinds that change are copied."""
        changes = tuple(changes)
        kinds = dict(self.kinds)
        copied: dict[type[Resource], dict[str, Resource]] = {}
        for change in changes:
            kind = type(change.resource)
            if kind not in copied:
                copied[kind] = dict(kinds.get(kind, _NONE))
                kinds[kind] = copied[kind]
            match change:
                case Put(resource):
                    copied[kind][resource.id] = resource
                case Remove(resource):
                    copied[kind].pop(resource.id, None)
        groups = {index: self._regrouped(index, known, changes) for index, known in self._groups.copy().items()}
        return Snapshot(self.revision + 1, kinds, groups)

    def _regrouped(self, index: Index[Any], known: Groups, changes: tuple[Change, ...]) -> Groups:
        """The index after the changes; only the groups that change are copied, once."""
        concerned = [change for change in changes if type(change.resource) is index.kind]
        if not concerned:
            return known
        groups = dict(known)
        copied: dict[Hashable, dict[str, Resource]] = {}
        now: dict[str, Resource | None] = {}
        for change in concerned:
            resource = change.resource
            old = now[resource.id] if resource.id in now else self.get(index.kind, resource.id)
            now[resource.id] = new = resource if isinstance(change, Put) else None
            before = frozenset() if old is None else frozenset(index.keys(old))
            after = frozenset() if new is None else frozenset(index.keys(new))
            for key in before | after:
                if key not in copied:
                    groups[key] = copied[key] = dict(groups.get(key, _NONE))
                if new is not None and key in after:
                    copied[key][new.id] = new
                else:
                    del copied[key][resource.id]
        for key, group in copied.items():
            if not group:
                del groups[key]
        return groups
