"""What an action of the EC2 door gets to work with, and what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from landbridge.control.base import Command, Scope
from landbridge.model.crypto import CryptoPolicy
from landbridge.model.snapshot import Snapshot
from landbridge.observe.state import Observation

Params = Mapping[str, Any]
"""A request's parameters, parsed by the botocore model: botocore's member names as keys."""

Shape = dict[str, Any]
"""A reply in the form of the operation's output shape: botocore's member names as keys."""


class Commands(Protocol):
    """The way to what there is, and to change it: the `Control`, or what stands before it for one request."""

    @property
    def snapshot(self) -> Snapshot:
        """What there is now."""
        ...

    def execute(self, command: Command, *, account: str, region: str, dry_run: bool = False) -> Any:
        """Carry out a command and give its reply."""
        ...


@dataclass(frozen=True, slots=True)
class Desk:
    """One request's view: who asks, what there is, and the way to change it.

    `observe` gives what is observed at this moment; only those who show it ask.
    """

    control: Commands
    observe: Callable[[], Observation]
    account: str
    region: str
    dry_run: bool
    sees_secrets: bool = True
    """Whether the caller may see pre-shared keys."""
    crypto_policy: CryptoPolicy = CryptoPolicy.AWS
    """What device files may name."""

    @property
    def scope(self) -> Scope:
        """What this caller sees now."""
        return Scope(self.control.snapshot, self.account, self.region)

    @property
    def observation(self) -> Observation:
        """What is observed at this moment."""
        return self.observe()

    def run(self, command: Command) -> Any:
        """Carry out a command for this caller; a dry run checks it and raises DryRunSucceeded instead of an answer."""
        reply = self.control.execute(command, account=self.account, region=self.region, dry_run=self.dry_run)
        if self.dry_run:
            raise DryRunSucceeded
        return reply

    def reads(self) -> None:
        """To be called by actions that only read, once their parameters are known to be good."""
        if self.dry_run:
            raise DryRunSucceeded


class DryRunSucceeded(Exception):
    """The request would have succeeded; EC2 says so with an error code of its own."""


Action = Callable[[Desk, Params], Shape]
