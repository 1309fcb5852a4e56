"""The schema brought up to date, by Alembic. Nobody imports this who finds the schema as it should be."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.exc import DatabaseError


def migrate(path: Path) -> None:
    """Make or change the tables of the file.

    Raises:
        sqlite3.Error: it does not let us.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DatabaseError as error:
        cause = error.orig
        raise cause if isinstance(cause, sqlite3.Error) else sqlite3.OperationalError(str(cause)) from None
    finally:
        engine.dispose()
