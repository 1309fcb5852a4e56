"""The tables. Every row carries account, region and host; the migrations below `migrations/` make exactly this."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, MetaData, String, Table, Text

HEAD: Final = "0003"
"""The newest migration."""

metadata = MetaData()

resource = Table(
    "resource",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("account", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("host", String(64), nullable=False, server_default=""),
    Column("position", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("resource_position", "position"),
)
"""`position` is the revision of creation: resources are loaded in that order."""

progress = Table(
    "progress",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""One row `revision`: the number of the last commit."""
