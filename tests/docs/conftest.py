"""The documents' tests use the helpers of the lab and of the clients."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path += [str(TESTS / "lab"), str(TESTS / "clients")]
