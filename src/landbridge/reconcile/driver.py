"""What the loop asks of a driver: read, put, drop. A driver knows nothing of other objects, order or retries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from landbridge.desired.objects import HostObject
from landbridge.model.errors import OperatorError

Wake = Callable[[str], None]
"""Called by a driver, from any thread, with the name of a namespace that changed outside of the plan."""


class DriverError(OperatorError):
    """An operation that did not work. The message is a sentence; the loop tries again with a growing pause."""


class Driver(Protocol):
    """Three verbs over kinds of host objects. Calls come from several threads, one namespace at a time."""

    kinds: frozenset[type[HostObject]]
    """The kinds that this driver makes."""

    def read(self, namespaces: Collection[str]) -> Iterable[HostObject]:
        """What there is of these kinds in these namespaces, as the values that would ask for it.

        Only what is recognised as ours. Something half right reads as a value with the same key that differs. A
        namespace that does not exist has nothing in it.
        """
        ...

    def fingerprint(self, wanted: HostObject) -> str:
        """For kinds that are read back as `Seen`: what `Seen.fingerprint` is when the object is as wanted."""
        ...

    def put(self, wanted: HostObject, actual: HostObject | None) -> None:
        """Make it, or change `actual` (same key) into it. Idempotent. Returns when it is in force.

        Raises:
            DriverError: it could not be done; nothing is promised of how far it came.
        """
        ...

    def drop(self, actual: HostObject) -> None:
        """Take it away. That it is gone already is no error.

        Raises:
            DriverError: it is still there.
        """
        ...
