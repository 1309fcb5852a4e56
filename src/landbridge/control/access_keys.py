"""Access keys: who may sign requests, for which account, in which role.

The ids of drawn keys begin with LKIA, so that nobody takes them for AWS's. An account exists as soon as it has a key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from landbridge.control.base import Command, Context, Outcome, Scope, put, remove
from landbridge.model.errors import Combination, Conflict, Invalid, LimitExceeded, NotFound
from landbridge.model.ids import Entropy
from landbridge.model.keys import AccessKey, Role
from landbridge.model.secret import Secret

PREFIX: Final = "LKIA"
MAX_KEYS: Final = 100
"""Per account."""
_BASE32: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_SECRET_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"  # noqa: S105
_ID: Final = re.compile(r"[A-Za-z0-9_]{4,128}")
_SECRET: Final = re.compile(r"[!-~]{16,128}")
_ACCOUNT: Final = re.compile(r"[0-9]{12}")


@dataclass(frozen=True, slots=True)
class CreateAccessKey(Command):
    """A key of the caller's account, with this id and secret or with generated ones.

    Reply: the AccessKey, the only place to see the secret.
    """

    access_key_id: str | None = None
    secret: Secret | None = None
    role: Role = Role.ADMIN


@dataclass(frozen=True, slots=True)
class DeleteAccessKey(Command):
    """Requests signed with it are refused from now on. Reply: None."""

    access_key_id: str


@dataclass(frozen=True, slots=True)
class ListAccessKeys(Command):
    """Reply: tuple of AccessKey."""


def check_account(account: str, parameter: str) -> None:
    """Whether AWS could have an account of that number.

    Raises:
        Invalid: and names the parameter that it came by.
    """
    if _ACCOUNT.fullmatch(account) is None:
        raise Invalid(parameter, f"'{account[:40]}' is no account: it takes twelve digits.")


def create(scope: Scope, command: CreateAccessKey, context: Context) -> Outcome[AccessKey]:
    """Refuses an id that exists, whoever has it: its owner would lose access."""
    check_account(context.account, "AccountId")
    if (command.access_key_id is None) != (command.secret is None):
        raise Combination("Give both the access key id and the secret access key, or neither to have them generated.")
    key_id = command.access_key_id or _new_id(scope, context.entropy)
    secret = command.secret or Secret(context.entropy.text(_SECRET_ALPHABET, 40))
    if _ID.fullmatch(key_id) is None:
        raise Invalid("AccessKeyId", "An access key id has 4 to 128 letters, digits and underscores.")
    if _SECRET.fullmatch(secret.reveal()) is None:
        raise Invalid("SecretAccessKey", "A secret access key has 16 to 128 printable ASCII characters, no blanks.")
    if scope.snapshot.get(AccessKey, key_id) is not None:
        raise Conflict(f"The access key {key_id} exists already. Delete it first, or choose another id.")
    if len(_keys_of(scope)) >= MAX_KEYS:
        raise LimitExceeded(
            "access-key",
            f"The account {context.account} has {MAX_KEYS} access keys already. Delete one that nobody uses.",
        )
    key = AccessKey(
        id=key_id,
        account=context.account,
        region=context.region,
        created=context.now,
        secret=secret,
        role=command.role,
    )
    return Outcome(key, put(key))


def _keys_of(scope: Scope) -> tuple[AccessKey, ...]:
    return tuple(key for key in scope.snapshot.all(AccessKey) if key.account == scope.account)


def _new_id(scope: Scope, entropy: Entropy) -> str:
    while True:
        key_id = PREFIX + entropy.text(_BASE32, 16)
        if scope.snapshot.get(AccessKey, key_id) is None:
            return key_id


def delete(scope: Scope, command: DeleteAccessKey, context: Context) -> Outcome[None]:
    """Whatever region the key was made in: keys are not regional."""
    key = scope.snapshot.get(AccessKey, command.access_key_id)
    if key is None or key.account != scope.account:
        raise NotFound("access-key", command.access_key_id[:128])
    return Outcome(None, remove(key))


def list_keys(scope: Scope, command: ListAccessKeys, context: Context) -> Outcome[tuple[AccessKey, ...]]:
    """The account's keys in order of creation."""
    return Outcome(_keys_of(scope))
