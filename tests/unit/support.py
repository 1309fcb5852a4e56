"""What the tests of the pure core share: entropy from a seed, a clock that stands, and a service without I/O."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from landbridge.control.base import LAB_POOLS, Command, Pools
from landbridge.control.limits import AWS, Limits
from landbridge.control.service import Control
from landbridge.model.crypto import CryptoPolicy
from landbridge.model.ids import Entropy
from landbridge.model.snapshot import Change, Snapshot

ACCOUNT, REGION = "123456789012", "eu-central-1"
START = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


class SeededEntropy:
    """The same "randomness" every time."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def token_hex(self, digits: int) -> str:
        return "".join(self._random.choice("0123456789abcdef") for _ in range(digits))

    def below(self, bound: int) -> int:
        return self._random.randrange(bound)

    def text(self, alphabet: str, length: int) -> str:
        return "".join(self._random.choice(alphabet) for _ in range(length))


@dataclass
class MemoryStore:
    """A store that forgets; `commits` are the changes of each revision."""

    commits: list[tuple[Change, ...]] = field(default_factory=list)
    found: Snapshot = field(default_factory=Snapshot)

    def load(self) -> Snapshot:
        return self.found

    def prepare(self, commits: Sequence[tuple[int, tuple[Change, ...]]]) -> None:
        self.commits.extend(changes for _, changes in commits)

    def finish(self) -> None:
        pass


class Cloud:
    """A Control in memory, for one caller, with a clock that tests move."""

    def __init__(
        self,
        *,
        builds: bool = False,
        pools: Pools = LAB_POOLS,
        entropy: Entropy | None = None,
        limits: Limits = AWS,
        crypto_policy: CryptoPolicy = CryptoPolicy.AWS,
        found: Snapshot | None = None,
    ) -> None:
        self.now = START
        self.store = MemoryStore(found=found or Snapshot())
        self.control = Control(
            self.store,
            now=lambda: self.now,
            entropy=entropy or SeededEntropy(),
            pools=pools,
            builds=builds,
            limits=limits,
            crypto_policy=crypto_policy,
        )

    def run(self, command: Command, *, account: str = ACCOUNT, dry_run: bool = False) -> Any:
        """The reply to a command."""
        return self.control.execute(command, account=account, region=REGION, dry_run=dry_run)

    def becomes(self, snapshot: Snapshot) -> None:
        """From now on the state is this one."""
        self.control._snapshot = self.control._decided = snapshot

    def later(self, delta: timedelta) -> None:
        """Let time pass."""
        self.now += delta

    @property
    def snapshot(self) -> Snapshot:
        """The state now."""
        return self.control.snapshot
