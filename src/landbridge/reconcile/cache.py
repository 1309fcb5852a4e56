"""What the drivers last read, by namespace, so that a pass reads and compares only what may have changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from landbridge.desired.objects import HostObject, Key
from landbridge.reconcile.driver import Driver
from landbridge.reconcile.steps import Step


class Cache:
    """The actual state as last read. Belongs to one thread."""

    def __init__(self) -> None:
        self.objects: dict[Key, HostObject] = {}
        self.dependants: dict[Key, set[Key]] = defaultdict(set)
        """Who needs a key, over all objects."""
        self._spaces: dict[str, dict[Key, HostObject]] = {}

    @property
    def namespaces(self) -> Iterable[str]:
        """The namespaces that were read and not forgotten."""
        return self._spaces.keys()

    def replace(self, namespace: str, items: Iterable[HostObject]) -> set[Key]:
        """Take in what was read of one namespace; answers with the keys at which something changed."""
        old = self._spaces.get(namespace, {})
        new: dict[Key, HostObject] = {}
        changed: set[Key] = set()
        for item in items:
            key = item.key
            before = old.get(key)
            if before is not None and type(before) is type(item) and before == item:
                new[key] = before
            else:
                new[key] = item
                changed.add(key)
        changed.update(old.keys() - new.keys())
        for key in changed:
            self._exchange(key, old.get(key), new.get(key))
        if new:
            self._spaces[namespace] = new
        else:
            self._spaces.pop(namespace, None)
        return changed

    def touched_by(self, step: Step) -> set[str]:
        """The namespaces that may look different after the step: its own, and those of all that hangs on its object."""
        result = set(step.spaces)
        seen = {step.key}
        todo = [step.key]
        while todo:
            for key in self.dependants.get(todo.pop(), ()):
                if key not in seen:
                    seen.add(key)
                    todo.append(key)
                    result.add(key[1])
        return result

    def _exchange(self, key: Key, old: HostObject | None, new: HostObject | None) -> None:
        for need in old.needs if old is not None else ():
            self.dependants[need].discard(key)
            if not self.dependants[need]:
                del self.dependants[need]
        if new is None:
            self.objects.pop(key, None)
            return
        self.objects[key] = new
        for need in new.needs:
            self.dependants[need].add(key)


def read_all(drivers: Sequence[Driver], namespaces: Iterable[str]) -> dict[str, list[HostObject]]:
    """What all drivers find in these namespaces, by namespace (also those in which there is nothing).

    Raises:
        DriverError: one of them could not be read.
    """
    found: dict[str, list[HostObject]] = {namespace: [] for namespace in namespaces}
    for driver in drivers if found else ():
        for item in driver.read(found.keys()):
            # A driver may come across more than it was asked for; that would be half of a namespace.
            if item.namespace in found:
                found[item.namespace].append(item)
    return found


def flatten(found: Mapping[str, list[HostObject]]) -> dict[Key, HostObject]:
    """The same as one state."""
    return {item.key: item for items in found.values() for item in items}
