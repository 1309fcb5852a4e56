"""Whether a running charon still is what is installed: a package upgrade replaces files, and never the process."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_GONE: Final = " (deleted)"
_CODE: Final = "x"


def outdated(pid: int) -> bool:
    """Whether the process runs code (its program's or a library's) whose file has been replaced or removed since.

    A process that has ended runs nothing.
    """
    try:
        lines = Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return False
    # address, permissions, offset, device, inode, path (proc_pid_maps(5))
    mapped = (line.split(maxsplit=5) for line in lines)
    return any(
        len(fields) == 6 and _CODE in fields[1] and fields[5].startswith("/") and fields[5].endswith(_GONE)
        for fields in mapped
    )
