"""What the benchmarks share. Importing it re-executes the script with the repository's own Python when it is not it.

`handwired` is the reference: the same network wired by hand. `product` is landbridge. Both are measured in one run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
BENCH: Final = ROOT / "bench"
VENV: Final = ROOT / ".venv"
LANDBRIDGE: Final = VENV / "bin" / "landbridge"

# As on a machine that people use: modules are compiled once. Where that is forbidden (build machines), every start of
# Python takes twice as long, and that would be measured.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["PYTHONPYCACHEPREFIX"] = str(ROOT / ".bench" / "bytecode")

if Path(sys.prefix) != VENV:
    if not LANDBRIDGE.exists():
        sys.exit(f"{LANDBRIDGE} is missing: run scripts/bootstrap first.")
    os.execv(VENV / "bin" / "python", [str(VENV / "bin" / "python"), *sys.argv])
