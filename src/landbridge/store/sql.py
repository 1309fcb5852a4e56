"""Snapshots in a SQL database: SQLite by default. A commit is one transaction, written entirely or not at all."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, delete, event, insert, inspect, select, text, update
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from landbridge.model.errors import OperatorError, Unavailable
from landbridge.model.resources import Resource
from landbridge.model.snapshot import Change, Put, Snapshot
from landbridge.store.codec import KINDS, NAMES, Codec, CodecError
from landbridge.store.schema import HEAD, progress, resource


class StoreError(OperatorError):
    """The state cannot be opened or read. The message says what to do."""


class SqlStore:
    """Loads and commits snapshots. One process at a time (the state folder's lock sees to that)."""

    def __init__(self, engine: Engine, codec: Codec) -> None:
        self._engine = engine
        self._codec = codec

    @classmethod
    def open(cls, path: Path, codec: Codec) -> SqlStore:
        """Open or make the database file, and bring its schema up to date.

        Raises:
            StoreError: not a database, damaged, from a newer version, or the disk does not let us.
        """
        engine = create_engine(f"sqlite:///{path}")
        event.listen(engine, "connect", _on_connect)
        try:
            path.touch(mode=0o600)
            _migrate(engine)
        except (DatabaseError, OSError) as error:
            raise StoreError(f"The state in {path} cannot be opened ({_cause(error)}). {_ADVICE}") from None
        return cls(engine, codec)

    def load(self) -> Snapshot:
        """The last committed snapshot.

        Raises:
            StoreError: a row cannot be read.
        """
        kinds: dict[type[Resource], dict[str, Resource]] = defaultdict(dict)
        try:
            with self._engine.connect() as connection:
                revision = connection.scalar(select(progress.c.value).where(progress.c.name == "revision")) or 0
                rows = connection.execute(
                    select(resource.c.kind, resource.c.id, resource.c.body).order_by(
                        resource.c.position, resource.c.kind, resource.c.id
                    )
                )
                for kind, identity, body in rows:
                    kinds[KINDS[kind]][identity] = self._codec.decode(kind, body)
        except (SQLAlchemyError, CodecError, KeyError) as error:
            raise StoreError(f"The state cannot be read ({_cause(error)}). {_ADVICE}") from None
        return Snapshot(revision, dict(kinds))

    def commit(self, revision: int, changes: tuple[Change, ...]) -> None:
        """Write the changes as that revision.

        Raises:
            Unavailable: they could not be written; the state is as before.
        """
        try:
            with self._engine.begin() as connection:
                for change in changes:
                    this = (resource.c.kind == NAMES[type(change.resource)]) & (resource.c.id == change.resource.id)
                    if not isinstance(change, Put):
                        connection.execute(delete(resource).where(this))
                        continue
                    row = self._row(change.resource, revision)
                    if connection.execute(update(resource).where(this).values(**row)).rowcount == 0:
                        connection.execute(insert(resource).values(**row, position=revision))
                counter = {"name": "revision", "value": revision}
                moved = connection.execute(update(progress).where(progress.c.name == "revision").values(counter))
                if moved.rowcount == 0:
                    connection.execute(insert(progress).values(counter))
        except SQLAlchemyError as error:
            raise Unavailable(
                f"The state could not be written ({_cause(error)}); nothing was changed. "
                "Free disk space or mend the state folder's file system, then try again."
            ) from None

    def _row(self, item: Resource, revision: int) -> dict[str, Any]:
        return {
            "kind": NAMES[type(item)],
            "id": item.id,
            "account": item.account,
            "region": item.region,
            "revision": revision,
            "body": self._codec.encode(item),
        }

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()


_ADVICE = (
    "Restore the folder from a backup, or remove what it built with `landbridge purge --state DIR` "
    "and start with an empty folder."
)


def _cause(error: Exception) -> str:
    """The database's own words without the statement, which may hold sealed secrets."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0][:200]


def _on_connect(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()


def _migrate(engine: Engine) -> None:
    with engine.connect() as connection:
        if inspect(connection).has_table("alembic_version"):
            version = connection.scalar(text("SELECT version_num FROM alembic_version"))
            if version == HEAD:
                return
            if version is None or version > HEAD:
                raise StoreError(
                    f"The state was written by a newer landbridge (schema {version}, this one knows {HEAD}). "
                    "Install the newer version."
                )
    from alembic import command  # only when there is something to do: it takes a tenth of a second
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
