"""Faults, injected from outside: signals, ip, nft and ss on the names that `landbridge status --json` reports."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from landbridge.demo.machine import attempt, run

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens to one tunnel (its part of the status document), and how it ends; None: by itself."""

    title: str
    inject: Callable[[Document], None]
    heal: Callable[[Document], None] | None = None


def _kill(tunnel: Document) -> None:
    os.kill(tunnel["charon_pid"], signal.SIGKILL)


def _link_down(tunnel: Document) -> None:
    run("ip", "link", "set", tunnel["outside_link"], "down", namespace=tunnel["endpoint_namespace"])


def _dropping(*directions: str) -> Callable[[Document], None]:
    def inject(tunnel: Document) -> None:
        name, rules = _table(tunnel), " ".join(f"ip {way} {tunnel['outside_address']} drop;" for way in directions)
        text = f"table bridge {name} {{ chain forward {{ type filter hook forward priority 0; {rules} }}; }}"
        run("nft", text, namespace=tunnel["internet_namespace"])

    return inject


def _drop_no_more(tunnel: Document) -> None:
    run("nft", "delete", "table", "bridge", _table(tunnel), namespace=tunnel["internet_namespace"])


def _table(tunnel: Document) -> str:
    return f"demo_{tunnel['internet_port']}"


def _tear_bgp(tunnel: Document) -> None:
    router, peer = tunnel["device_namespace"], tunnel["customer_inside_address"]
    before = _sockets(router, peer)
    attempt("ss", "-K", "-t", "dst", peer, namespace=router)
    if _sockets(router, peer) & before:  # this kernel cannot do that: have the next message answered with a reset
        text = (
            f"table inet {_table(tunnel)} {{ chain input {{ type filter hook input priority -10; "
            f"ip saddr {peer} meta l4proto tcp reject with tcp reset; }}; }}"
        )
        run("nft", text, namespace=router)


def _bgp_again(tunnel: Document) -> None:
    attempt("nft", "delete", "table", "inet", _table(tunnel), namespace=tunnel["device_namespace"])


def _sockets(router: str, peer: str) -> set[str]:
    return set(run("ss", "-Htn", "state", "established", "dst", peer, namespace=router).splitlines())


CHARON_KILLED: Final = Fault("IKE daemon killed (-9)", _kill)
LINK_DOWN: Final = Fault("endpoint's link down", _link_down)
SILENT: Final = Fault("packets dropped, both ways", _dropping("saddr", "daddr"), _drop_no_more)
SILENT_TO_SITE: Final = Fault("packets dropped, cloud to site", _dropping("saddr"), _drop_no_more)
SILENT_TO_CLOUD: Final = Fault("packets dropped, site to cloud", _dropping("daddr"), _drop_no_more)
BGP_TORN: Final = Fault("BGP session torn", _tear_bgp, _bgp_again)
