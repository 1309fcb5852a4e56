"""Ways in which a tunnel dies, done from outside by the names in its part of `landbridge status --json`.

Each takes that part (read before the fault, so the service may be down), and ends when its `with` ends.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from shell import ok, within

Status = dict[str, Any]
Fault = Callable[[Status], AbstractContextManager[None]]


@contextmanager
def charon_killed(tunnel: Status) -> Iterator[None]:
    """The endpoint's IKE daemon is killed."""
    os.kill(tunnel["charon_pid"], signal.SIGKILL)
    yield


@contextmanager
def link_down(tunnel: Status) -> Iterator[None]:
    """The endpoint's link to the Internet is down."""
    there = ("ip", "-n", tunnel["endpoint_namespace"], "link", "set", tunnel["outside_link"])
    ok(*there, "down")
    try:
        yield
    finally:
        ok(*there, "up")


def dropped_both_ways(tunnel: Status) -> AbstractContextManager[None]:
    """Packets from and to the Internet vanish at the endpoint, silently."""
    return _dropped(tunnel, "input", "output")


def dropped_to_the_cloud(tunnel: Status) -> AbstractContextManager[None]:
    """Packets from the Internet vanish at the endpoint, silently."""
    return _dropped(tunnel, "input")


def dropped_to_the_site(tunnel: Status) -> AbstractContextManager[None]:
    """Packets to the Internet vanish at the endpoint, silently."""
    return _dropped(tunnel, "output")


def _dropped(tunnel: Status, *hooks: str) -> AbstractContextManager[None]:
    chains = (f"chain {hook} {{ type filter hook {hook} priority -300; policy drop; }}\n" for hook in hooks)
    return nft(tunnel["endpoint_namespace"], "".join(chains))


def bgp_torn(tunnel: Status) -> AbstractContextManager[None]:
    """The TCP connection under the BGP session is reset, and none comes up again."""
    device = tunnel["device"]
    chains = (
        f"chain {hook} {{\n"
        f"type filter hook {hook} priority -300;\n"
        f'{way} "{device}" tcp dport 179 reject with tcp reset\n'
        f'{way} "{device}" tcp sport 179 reject with tcp reset\n'
        "}\n"
        for hook, way in (("input", "iifname"), ("output", "oifname"))
    )
    return nft(tunnel["device_namespace"], "".join(chains))


@contextmanager
def nft(namespace: str, chains: str) -> Iterator[None]:
    """An nftables table of the test's own in a namespace."""
    ok("ip", "netns", "exec", namespace, "nft", "-f", "-", stdin=f"table ip fault {{\n{chains}}}\n")
    try:
        yield
    finally:
        within(namespace, "nft", "delete", "table", "ip", "fault")


def charon_in(namespace: str) -> int:
    """The IKE daemon that runs in a namespace."""
    for pid in ok("ip", "netns", "pids", namespace).split():
        with open(f"/proc/{pid}/comm") as comm:
            if comm.read().startswith("charon"):
                return int(pid)
    raise AssertionError(f"no charon in {namespace}")
