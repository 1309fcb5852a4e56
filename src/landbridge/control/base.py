"""The shape of every handler: (scope, command, context) -> outcome. Pure: no clock, no randomness, no I/O of its own.

A handler reads the snapshot through a `Scope` (one account, one region), raises a `LandbridgeError` or returns the
changes and the reply. What it raises has changed nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Network
from typing import Any, Final, Generic, TypeVar

from landbridge.control.limits import AWS, Limits
from landbridge.model.crypto import CryptoPolicy
from landbridge.model.errors import NotFound
from landbridge.model.ids import Entropy
from landbridge.model.options import DEFAULT_PSK_GRACE
from landbridge.model.resources import Resource
from landbridge.model.snapshot import Change, Index, Put, Remove, Snapshot

PSK_GRACE: Final = timedelta(seconds=DEFAULT_PSK_GRACE)

R = TypeVar("R", bound=Resource)
Reply = TypeVar("Reply", covariant=True)


@dataclass(frozen=True, slots=True)
class Command:
    """Base of all commands: what somebody asks for, already parsed and typed."""


@dataclass(frozen=True, slots=True)
class Pools:
    """Where addresses come from. `outside`: tunnel endpoints, from `outside_first` on; `public`: instances."""

    outside: IPv4Network
    outside_first: int
    outside_last: int
    public: IPv4Network
    sites: IPv4Network | None
    """The lab's part for sites; None outside of the lab, where sites and hosts are refused."""


LAB_POOLS = Pools(
    outside=IPv4Network("203.0.113.0/24"),
    outside_first=128,
    outside_last=254,
    public=IPv4Network("198.51.100.0/24"),
    sites=IPv4Network("203.0.113.0/25"),
)
PLAIN_POOLS = Pools(
    outside=IPv4Network("198.18.0.0/16"),
    outside_first=256,
    outside_last=65_000,
    public=IPv4Network("198.19.0.0/16"),
    sites=None,
)


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks, and the facts that are not in the snapshot.

    `builds`: whether a loop builds what is wanted (then new resources start as `pending` and the loop marks them);
    with the data plane `none` they are `available` at once.
    """

    account: str
    region: str
    now: datetime
    entropy: Entropy
    pools: Pools
    builds: bool
    limits: Limits = AWS
    crypto_policy: CryptoPolicy = CryptoPolicy.AWS
    psk_grace: timedelta = PSK_GRACE
    """How long the key before the last one lets a customer gateway in, too."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Reply]):
    """What a handler decided."""

    reply: Reply
    changes: tuple[Change, ...] = ()


_BY_OWNER: Final[dict[type[Resource], Index[Any]]] = {}


def _by_owner(kind: type[R]) -> Index[R]:
    known = _BY_OWNER.get(kind)
    if known is None:
        known = _BY_OWNER.setdefault(kind, Index(kind, lambda resource: ((resource.account, resource.region),)))
    return known


class Scope:
    """The part of a snapshot that one account sees in one region."""

    def __init__(self, snapshot: Snapshot, account: str, region: str) -> None:
        self.snapshot = snapshot
        self.account = account
        self.region = region

    def _mine(self, resource: Resource) -> bool:
        return resource.account == self.account and resource.region == self.region

    def all(self, kind: type[R]) -> Iterator[R]:
        """Every resource of the kind, deleted ones that are still shown included."""
        return iter(self.snapshot.having(_by_owner(kind), (self.account, self.region)))

    def count(self, kind: type[R]) -> int:
        """How many there are, deleted ones that are still shown included."""
        return len(self.snapshot.having(_by_owner(kind), (self.account, self.region)))

    def find(self, kind: type[R], resource_id: str) -> R | None:
        """The resource, or None."""
        resource = self.snapshot.get(kind, resource_id)
        return resource if resource is not None and self._mine(resource) else None

    def get(self, kind: type[R], resource_id: str, noun: str) -> R:
        """The resource.

        Raises:
            NotFound: with the noun, e.g. `vpc`.
        """
        resource = self.find(kind, resource_id)
        if resource is None:
            raise NotFound(noun, resource_id)
        return resource

    def apply(self, changes: Iterable[Change]) -> Scope:
        """The scope after these changes, for handlers made of several steps."""
        return Scope(self.snapshot.apply(changes), self.account, self.region)


def put(*resources: Resource) -> tuple[Change, ...]:
    """Changes that write these."""
    return tuple(Put(resource) for resource in resources)


def remove(*resources: Resource) -> tuple[Change, ...]:
    """Changes that forget these."""
    return tuple(Remove(resource) for resource in resources)
