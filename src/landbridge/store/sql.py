"""Snapshots in a SQLite file. A commit is one transaction, written entirely and durably or not at all.

The statements are plain text that PostgreSQL understands as well; see docs/decisions/0005-dependencies.md for why they
are not made by a library. What is SQLite's alone is in `_connect`.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from landbridge.model.errors import OperatorError, Unavailable
from landbridge.model.resources import Resource
from landbridge.model.snapshot import Change, Put, Snapshot
from landbridge.store.codec import KINDS, NAMES, Codec, CodecError
from landbridge.store.migrations import HEAD

_PUT: Final = (
    "INSERT INTO resource (kind, id, account, region, position, revision, body) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (kind, id) DO UPDATE SET account = excluded.account, region = excluded.region, "
    "revision = excluded.revision, body = excluded.body"
)
_REMOVE: Final = "DELETE FROM resource WHERE kind = ? AND id = ?"
_PROGRESS: Final = (
    "INSERT INTO progress (name, value) VALUES ('revision', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_REVISION: Final = "SELECT value FROM progress WHERE name = 'revision'"
_ALL: Final = "SELECT kind, id, body FROM resource ORDER BY position, kind, id"


class StoreError(OperatorError):
    """The state cannot be opened or read. The message says what to do."""


class SqlStore:
    """Loads and commits snapshots. One process at a time (the state folder's lock sees to that), one call at a time."""

    def __init__(self, connection: sqlite3.Connection, codec: Codec) -> None:
        self._connection = connection
        self._codec = codec

    @classmethod
    def open(cls, path: Path, codec: Codec) -> SqlStore:
        """Open or make the database file, and bring its schema up to date.

        Raises:
            StoreError: not a database, damaged, from a newer version, or the disk does not let us.
        """
        try:
            path.touch(mode=0o600)
            connection = _connect(path)
            if _is_old(connection):
                connection.close()
                from landbridge.store.migrate import migrate  # only when there is something to do: it takes 0.3 s

                migrate(path)
                connection = _connect(path)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"The state in {path} cannot be opened ({_cause(error)}). {_ADVICE}") from None
        return cls(connection, codec)

    def load(self) -> Snapshot:
        """The last committed snapshot.

        Raises:
            StoreError: a row cannot be read.
        """
        kinds: dict[type[Resource], dict[str, Resource]] = defaultdict(dict)
        try:
            for kind, identity, body in self._connection.execute(_ALL):
                kinds[KINDS[kind]][identity] = self._codec.decode(kind, body)
            row = self._connection.execute(_REVISION).fetchone()
        except (sqlite3.Error, CodecError, KeyError) as error:
            raise StoreError(f"The state cannot be read ({_cause(error)}). {_ADVICE}") from None
        return Snapshot(row[0] if row else 0, dict(kinds))

    def commit(self, revision: int, changes: tuple[Change, ...]) -> None:
        """Write the changes as that revision.

        Raises:
            Unavailable: they could not be written; the state is as before.
        """
        self.prepare([(revision, changes)])
        self.finish()

    def prepare(self, commits: Sequence[tuple[int, tuple[Change, ...]]]) -> None:
        """Begin a transaction that writes several revisions. It stays open until `finish`.

        Raises:
            Unavailable: they could not be written; the state is as before.
        """
        with self._or_nothing():
            self._connection.execute("BEGIN")
            for revision, changes in commits:
                for change in changes:
                    self._write(revision, change)
            self._connection.execute(_PROGRESS, (commits[-1][0],))

    def finish(self) -> None:
        """End the transaction: once this returns, power may fail.

        Raises:
            Unavailable: it could not be written; the state is as before.
        """
        with self._or_nothing():
            self._connection.execute("COMMIT")

    @contextmanager
    def _or_nothing(self) -> Iterator[None]:
        """Whatever goes wrong inside leaves no transaction behind."""
        try:
            try:
                yield
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise Unavailable(
                f"The state could not be written ({_cause(error)}); nothing was changed. "
                "Free disk space or mend the state folder's file system, then try again."
            ) from None

    def _write(self, revision: int, change: Change) -> None:
        item = change.resource
        kind = NAMES[type(item)]
        if isinstance(change, Put):
            body = self._codec.encode(item)
            self._connection.execute(_PUT, (kind, item.id, item.account, item.region, revision, revision, body))
        else:
            self._connection.execute(_REMOVE, (kind, item.id))

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


_ADVICE = (
    "Restore the folder from a backup, or remove what it built with `landbridge purge --state DIR` "
    "and start with an empty folder."
)


def _cause(error: Exception) -> str:
    """The database's own words, which never quote a statement or a value."""
    return str(error).strip().splitlines()[0][:200]


def _connect(path: Path) -> sqlite3.Connection:
    """A connection whose COMMIT returns when the disk has everything."""
    connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def _is_old(connection: sqlite3.Connection) -> bool:
    """Whether there is something for Alembic to do, which knows how to ask a database whether it has a table."""
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:  # there is no such table; anything else Alembic meets again, and says
        return True
    if row is None:
        return True
    version: str = row[0]
    if version > HEAD:
        raise StoreError(
            f"The state was written by a newer landbridge (schema {version}, this one knows {HEAD}). "
            "Install the newer version."
        )
    return version < HEAD
