"""Alembic's migrations, in order. `HEAD` is the newest, by the names of the files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

HEAD: Final = max(path.name[1:5] for path in (Path(__file__).parent / "versions").glob("v[0-9]*.py"))
