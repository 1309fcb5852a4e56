"""What a BIRD says of its own accord, over its control socket: that a protocol or a BFD session is in another state,
and why a BGP session was closed, which it forgets sooner than anybody asks.

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
_ERROR: Final = re.compile(rb"(\w+): (?:(Error|Received): (.{1,200})|(Hold timer expired))")
_SAID: Final = {b"Error": "BGP Error", b"Received": "Received"}
"""What stands before a reason there, and in BIRD's `Last error`. (With graceful restart the hold timer is an event.)"""


class Echo(Control):
    """A connection that listens. Once it is there, only `receive` may be called."""

    def __init__(self, path: Path, *, within: float) -> None:
        """Raises ControlError: nobody listens there, or nobody answers within these seconds."""
        super().__init__(path, within=within)
        self.errors: dict[str, str] = {}
        """By protocol: why its session was closed last, as `Last error` would have it."""
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
        for line in whole:
            error = _ERROR.search(line)
            if error is not None:
                said, reason = _SAID.get(error[2], "BGP Error"), error[3] or error[4]
                self.errors[error[1].decode()] = f"{said}: {reason.decode('ascii', 'replace')}"
        return any(_STATE.search(line) for line in whole)
