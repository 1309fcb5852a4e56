"""The driver of Charon: one IKE daemon per endpoint, found by its process, restarted when its settings change."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from landbridge.desired.ike import Charon
from landbridge.desired.objects import HERE, HostObject, Key, Seen, namespace_key
from landbridge.drivers.strongswan.endpoints import Endpoints, Running
from landbridge.drivers.strongswan.watch import IkeWatcher
from landbridge.reconcile.driver import DriverError

UNSOUND: Final = "unsound"
"""The fingerprint of a charon that has lost its TUN or its namespace, or of several where one should be."""


def _seen(namespace: str, candidates: list[Running]) -> Seen:
    one = candidates[0] if len(candidates) == 1 and candidates[0].sound else None
    needs: tuple[Key, ...] = (namespace_key(namespace),) if namespace != HERE else ()
    return Seen(
        namespace=namespace,
        kind=Charon,
        what=("charon", namespace),
        requires=needs,
        fingerprint=one.digest if one is not None else UNSOUND,
    )


class CharonDriver:
    """Starts, finds and ends charon. A process is a charon of ours by its environment and its network namespace."""

    kinds: frozenset[type[HostObject]] = frozenset({Charon})

    def __init__(self, endpoints: Endpoints, watcher: IkeWatcher) -> None:
        self._endpoints = endpoints
        self._watcher = watcher

    def read(self, namespaces: Collection[str]) -> Iterable[HostObject]:
        """The charons that run for these namespaces; each is watched from then on.

        One whose namespace was deleted under it is still read: it runs, and it has to be ended.
        """
        running = self._endpoints.running(namespaces)
        seen = []
        for namespace in namespaces:
            candidates = running.get(namespace)
            if not candidates:
                continue
            for candidate in candidates:
                self._endpoints.adopt(namespace, candidate.daemon)
            self._watcher.follow(namespace)
            seen.append(_seen(namespace, candidates))
        return seen

    def fingerprint(self, wanted: HostObject) -> str:
        """A digest of the settings."""
        assert isinstance(wanted, Charon)
        return self._endpoints.digest(wanted)

    def put(self, wanted: HostObject, actual: HostObject | None) -> None:
        """Let a charon with these settings run; returns when it serves commands (about 50 ms).

        A charon that runs with other settings, or that can no longer carry traffic, is replaced: its connections are
        gone then and have to be put again.
        """
        assert isinstance(wanted, Charon)
        namespace = wanted.namespace
        with self._endpoints.lock(namespace):
            running = self._endpoints.running((namespace,)).get(namespace, [])
            right = len(running) == 1 and running[0].sound and running[0].digest == self._endpoints.digest(wanted)
            if not right or not self._endpoints.vici(namespace).answers():
                self._endpoints.start(wanted)
            else:
                self._endpoints.adopt(namespace, running[0].daemon)
        self._watcher.follow(namespace)

    def drop(self, actual: HostObject) -> None:
        """End charon (its peers are told) and remove its files."""
        if actual.key[0] != "charon":
            raise DriverError(f"{actual.key} is no charon.")
        namespace = actual.namespace
        self._watcher.forget(namespace)
        with self._endpoints.lock(namespace):
            self._endpoints.stop(namespace)
            self._endpoints.forget(namespace)
