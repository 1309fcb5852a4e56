"""`landbridge doctor`: what this machine has, which data plane that gives, and what is missing: for the better one, for

a customer gateway.
"""

from __future__ import annotations

import os
from typing import Any

from landbridge.drivers.forwarding import forwarding
from landbridge.drivers.probe import NEEDS_ROOT, CannotRun, decide, diagnose


def doctor() -> dict[str, Any]:
    """The findings as a document: `data_plane` (None: none can be had), `why`, and what is missing for each, and for

    forwarding, which a customer gateway takes.
    """
    found = diagnose()
    data_plane: str | None = None
    if not found.root:
        why = NEEDS_ROOT
    elif found.programs:
        why = found.programs[0]
    else:
        try:
            choice = decide("auto", found)
            data_plane, why = choice.data_plane.value, choice.why.removeprefix(f"{choice.data_plane.value}: ")
        except CannotRun as error:
            why = str(error)
    return {
        "data_plane": data_plane,
        "why": why,
        "kernel_release": os.uname().release,
        "root": found.root,
        "missing": {
            "programs": list(found.programs),
            "kernel": list(found.kernel),
            "libipsec": list(found.libipsec),
            "forwarding": list(forwarding().troubles),
        },
    }
