"""Alembic's migrations, in order. `HEAD` is the newest."""

from __future__ import annotations

from typing import Final

HEAD: Final = "0001"
