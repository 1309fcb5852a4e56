"""All resources at one revision: an immutable value that handlers read and change lists turn into the next one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

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


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Resources by kind and id, in order of creation. Never changed: `apply` gives the next one.

    Ids are unique per kind over all accounts and regions (lab names are unique on the machine).
    """

    revision: int = 0
    kinds: Mapping[type[Resource], Mapping[str, Resource]] = field(default_factory=dict)

    def get(self, kind: type[R], resource_id: str) -> R | None:
        """The resource of that kind and id, whatever its account, region or state."""
        found = self.kinds.get(kind, _NONE).get(resource_id)
        return found if isinstance(found, kind) else None

    def all(self, kind: type[R]) -> Iterator[R]:
        """All resources of a kind, in order of creation."""
        for resource in self.kinds.get(kind, _NONE).values():
            assert isinstance(resource, kind)
            yield resource

    def apply(self, changes: Iterable[Change]) -> Snapshot:
        """The next snapshot; only the kinds that change are copied."""
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
        return Snapshot(self.revision + 1, kinds)
