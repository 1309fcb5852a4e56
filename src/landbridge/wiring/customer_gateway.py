"""`landbridge customer-gateway`: starts, asks and ends the agent that keeps a connection's tunnels up on this machine.

libipsec needs somebody who brings its tunnel devices back (traps 3), so `up` leaves an agent behind. The agent's folder
below the state folder holds all that it needs to start again; `down` takes everything away, the folder included.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from landbridge.customer import device_file, offers
from landbridge.desired.objects import HERE
from landbridge.drivers.detach import detach
from landbridge.drivers.forwarding import NO_FORWARDING, forwarding
from landbridge.drivers.netlink.mounts import original
from landbridge.drivers.probe import CannotRun, choose
from landbridge.model.errors import Combination, Invalid, OperatorError
from landbridge.model.options import CustomerGatewayOptions
from landbridge.store.folder import Folder, FolderError
from landbridge.wiring import customer_agent
from landbridge.wiring.host import CUSTOMER, host
from landbridge.wiring.purge import take_down
from landbridge.wiring.world import log_to

FIRST_WORD_WITHIN: Final = 15.0
END_WITHIN: Final = 40.0
"""Seconds; the agent gives what it is about to do up to 30."""
COUNTED_WITHIN: Final = 2.0
_POLL: Final = 0.05


class CustomerGatewayError(OperatorError):
    """The customer gateway cannot be started, asked or ended. The message says what to do."""


def up(options: CustomerGatewayOptions) -> int:
    """Start the agent of the file's connection, or hand a running one the new file. 0: at least one tunnel is up.

    Raises:
        Invalid: the file or an option makes no sense; nothing was changed.
        CustomerGatewayError, CannotRun: this machine does not let us.
    """
    file = device_file.read(options.device_file.reveal())
    if file.static and not options.routes:
        raise Combination(
            "This connection has static routes, and its file does not say what is behind the tunnels. "
            "Name it: --route 10.0.0.0/16 (the VPC's CIDR)."
        )
    customer_agent.proof_of(file, options.certificate, options.key)
    offers.check(file, options.crypto_policy)
    choose(options.data_plane.value)
    machine = forwarding()
    if not machine.on:
        raise CannotRun(NO_FORWARDING)
    folder = Folder(folder_of(options.state, file.vpn_connection_id))
    asked = customer_agent.remember(folder, options)
    agent = customer_agent.running(folder)
    if agent is not None:
        os.kill(agent, signal.SIGHUP)
    else:
        # Under `ip netns exec`, names made here are seen by nobody else; the mounts of our ancestors are the way out.
        original()
        detach(partial(customer_agent.run, folder.path), folder.logs / "agent.log")

    def settled(status: dict[str, Any]) -> bool:
        up = all(tunnel["status"] == "UP" for tunnel in status["tunnels"])
        return bool(status["refused"]) or (bool(status["in_force"]) and up)

    document = _until(folder, asked, settled, options.wait)
    if document is None:
        raise CustomerGatewayError(f"The agent did not start. Its log: {folder.logs / 'agent.log'}")
    if document["refused"]:
        raise CustomerGatewayError(f"The tunnels stay as they were: {document['refused']}")
    for tunnel in document["tunnels"]:
        print(f"tunnel {tunnel['number']} to {tunnel['cloud_outside']}: {tunnel['status']} {tunnel['why']}".rstrip())
    for trouble in machine.troubles:
        print(f"landbridge: {trouble}", file=sys.stderr)
    return 0 if any(tunnel["status"] == "UP" for tunnel in document["tunnels"]) else 1


def down(vpn_id: str, state: Path, progress: Callable[[str], None]) -> None:
    """End the agent and take away everything that it made."""
    log_to(least=logging.ERROR)
    folder = _existing(vpn_id, state)
    agent = customer_agent.running(folder)
    if agent is not None:
        os.kill(agent, signal.SIGTERM)
        _wait_for(lambda: customer_agent.running(folder) is None, END_WITHIN, f"The agent {agent} does not end.")
    folder.lock()
    take_down(host(folder, protocol=CUSTOMER), progress, extra=(HERE,))
    shutil.rmtree(folder.run, ignore_errors=True)
    shutil.rmtree(folder.path)


def status(vpn_id: str, state: Path) -> dict[str, Any]:
    """What the agent said last, and whether it runs."""
    folder = _existing(vpn_id, state)
    document = _read(folder) or {"vpn_connection_id": vpn_id, "tunnels": []}
    agent = customer_agent.running(folder)
    if agent is not None:
        before, asked = document.get("counted", 0), document.get("asked", 0)
        os.kill(agent, signal.SIGUSR1)
        document = _until(folder, asked, lambda anew: bool(anew["counted"] > before), COUNTED_WITHIN) or document
    return {**document, "agent": agent}


def folder_of(state: Path, vpn_id: str) -> Path:
    """Where a connection's agent keeps its own."""
    return state / "customer-gateway" / vpn_id


def only_one(state: Path) -> str:
    """The connection that this machine is the customer gateway of.

    Raises:
        FolderError: of none, or of several.
    """
    above = folder_of(state, "")
    ids = sorted(path.parent.name for path in above.glob("*/instance"))
    if len(ids) == 1:
        return ids[0]
    if ids:
        raise FolderError(f"This machine is the customer gateway of several connections: {', '.join(ids)}. Name one.")
    raise FolderError(f"There is no customer gateway on this machine (looked in {above}).")


def _existing(vpn_id: str, state: Path) -> Folder:
    if not all(c.isalnum() or c == "-" for c in vpn_id):
        raise Invalid("VPN-ID", f"'{vpn_id}' is not the id of a VPN connection.")
    path = folder_of(state, vpn_id)
    if not (path / "instance").exists():
        raise FolderError(f"There is no customer gateway for {vpn_id} on this machine (looked in {path}).")
    return Folder(path)


def _read(folder: Folder) -> dict[str, Any] | None:
    try:
        document = json.loads((folder.path / customer_agent.STATUS).read_text())
    except FileNotFoundError:
        return None
    assert isinstance(document, dict)
    return document


def _until(folder: Folder, asked: int, good: Callable[[dict[str, Any]], bool], seconds: float) -> dict[str, Any] | None:
    """The agent's word once it is good; its last word when the time is up; None if it never said any of this task."""
    end = time.monotonic() + seconds
    while True:
        document = _read(folder)
        if document is not None and document["asked"] != asked:
            document = None
        if document is not None and (good(document) or time.monotonic() > end):
            return document
        if document is None and time.monotonic() > end - seconds + max(seconds, FIRST_WORD_WITHIN):
            return None
        time.sleep(_POLL)


def _wait_for(done: Callable[[], bool], seconds: float, otherwise: str) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise CustomerGatewayError(f"{otherwise} Try again, or end it by its process id.")
        time.sleep(_POLL)
