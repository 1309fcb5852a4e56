"""Leaves out of two libraries what nobody here uses, before anybody imports them: half of a start is imports.

pyroute2's own `__init__` imports all of its clients and databases (0.25 s, 20 MB), and of it the drivers use message
classes only. structlog imports rich for tracebacks, which shows the values of variables and is therefore never used
here (0.2 s). See docs/decisions/0002-netlink.md for what was measured.
"""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec


def without_clients(package: str = "pyroute2") -> None:
    """Make the package known without running its `__init__`: its submodules can be imported, and nothing else is."""
    if package in sys.modules:
        return
    spec = PathFinder.find_spec(package)
    if spec is not None:
        sys.modules[package] = module_from_spec(spec)


def without_rich(module: str = "structlog") -> None:
    """Import the module as if rich were not installed. Who imports rich later gets it."""
    if module in sys.modules or "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # how the import system is told that there is none
    try:
        importlib.import_module(module)
    finally:
        del sys.modules["rich"]
