"""What a BIRD says of its own accord, over its control socket: that a protocol or a BFD session is in another state.

The messages are those of `debug`, which BIRD makes for whoever asked for an echo, and does not write into its log.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from landbridge.drivers.bird.control import Control

_BUFFER: Final = 1 << 14
"""Bytes that BIRD keeps for us while we do not read; what is more it drops."""
_STATE: Final = re.compile(rb": State changed to | changed state from ")


class Echo(Control):
    """A connection that listens. Once it is there, only `receive` may be called."""

    def __init__(self, path: Path, *, within: float) -> None:
        """Raises ControlError: nobody listens there, or nobody answers within these seconds."""
        super().__init__(path, within=within)
        try:
            self.command(f"echo all {_BUFFER}")
        except BaseException:
            self.close()
            raise
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """For a selector."""
        return self._socket.fileno()

    def receive(self) -> bool:
        """Whether what BIRD has said since the last time tells of another state. Call it when there is something.

        Raises:
            OSError: the connection is gone.
        """
        received = self._socket.recv(_BUFFER)
        if not received:
            raise ConnectionResetError("BIRD closed the connection")
        *whole, rest = (self._rest + received).split(b"\n")
        self._rest = rest[-_BUFFER:]
        return any(_STATE.search(line) for line in whole)
