"""`landbridge purge`: takes away everything that one state folder's instance built on this machine, then the folder."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from landbridge.model.errors import OperatorError
from landbridge.reconcile.loop import Reconciler
from landbridge.store.folder import Folder, FolderError
from landbridge.wiring.host import Host, host
from landbridge.wiring.world import log_to

PASSES = 60
ENDING = 10.0
"""Seconds for a service that was just told to stop."""


class PurgeError(OperatorError):
    """Something of the instance is still there. The message says what."""


def purge(state: Path, progress: Callable[[str], None]) -> None:
    """Remove it all: daemons, namespaces, run files, and the state folder itself.

    Raises:
        FolderError: there is no such folder, or a service still runs on it.
        PurgeError: something could not be taken away; the folder is kept, so that it can be tried again.
    """
    if not (state / "instance").exists():
        raise FolderError(f"{state} is not a state folder of landbridge (it has no file `instance`): nothing to purge.")
    log_to(least=logging.ERROR)
    folder = Folder(state)
    folder.lock(patience=ENDING)
    take_down(host(folder), progress)
    shutil.rmtree(folder.run, ignore_errors=True)
    progress(f"Removing the state folder {folder.path}.")
    shutil.rmtree(folder.path)


def take_down(machine: Host, progress: Callable[[str], None], extra: Sequence[str] = ()) -> None:
    """Make the machine as if the instance had never been, by wanting nothing. `extra`: namespaces to look into, too.

    Raises:
        PurgeError: something could not be taken away.
    """
    nothing = Reconciler(lambda: (0, {}), machine.drivers, lambda: [*machine.roots(), *extra])
    progress(f"Taking down what landbridge {machine.names.instance} built.")
    nothing.start()
    try:
        if not nothing.wait_for(0, timeout=PASSES):
            left = [f"{failure.message}" for failure in nothing.errors()] or ["It takes longer than a minute."]
            raise PurgeError(f"Not everything could be taken down: {' '.join(left)} Try again.")
    finally:
        nothing.stop()
