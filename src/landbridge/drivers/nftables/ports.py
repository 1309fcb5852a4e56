"""What a bridge's ports may send and get, as sets and chains of nft's language. Pure.

Stateless, and a few lookups per frame: a bridge of this kernel need not track connections. What comes from a port that
is not listed is dropped. Packets are sent to the router if the port has one. ARP passes if it says the port's own
addresses (a sender without one asks whether somebody has it: RFC 5227); besides IPv4 and ARP nothing does, neither
tagged frames nor IPv6. Both directions and both protocols look into the same two sets: listing a table takes as long as
it has elements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from landbridge.desired.tables import Port
from landbridge.drivers.nftables.words import link, pairs

_MAC: Final = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


def chains(ports: Iterable[Port]) -> str:
    """The sets, and both chains: what comes from a port, and what is delivered to one."""
    ports = sorted(ports, key=lambda port: port.link)
    hardware = [(link(port.link), _mac(port.mac)) for port in ports]
    own = [(link(port.link), str(address)) for port in ports for address in port.addresses]
    unchecked = {link(port.link): f"0x{int(port.addresses[0]):08x}" for port in ports if not port.checked}
    return "".join(
        (
            _set("hardware", "ifname . ether_addr", hardware),
            _set("own", "ifname . ipv4_addr", own),
            _chain("from_ports", "prerouting", -300, _from_ports(ports, unchecked)),
            _chain("to_ports", "postrouting", 300, _to_ports(unchecked)),
        )
    )


def _from_ports(ports: list[Port], unchecked: dict[str, str]) -> Iterator[str]:
    yield "iifname . ether saddr != @hardware drop"
    yield "ether type arp iifname . arp saddr ether != @hardware drop"
    yield "ether type arp arp saddr ip 0.0.0.0 accept"
    yield "ether type arp iifname . arp saddr ip @own accept"
    yield from _to_routers(ports)
    yield "ether type ip iifname . ip saddr @own accept"
    if unchecked:
        marks = pairs((f"{name} : {mark}",) for name, mark in unchecked.items())
        yield f"ether type ip meta mark set iifname map {marks} accept"


def _to_routers(ports: list[Port]) -> Iterator[str]:
    routers = sorted({port.router for port in ports})
    for router in filter(None, routers):
        these = pairs((link(port.link),) for port in ports if port.router == router)
        # As if it had been sent there: only what is for the bridge itself is handed to its namespace.
        yield (
            f"ether type ip {f'iifname {these} ' if len(routers) > 1 else ''}"
            f"ether daddr set {_mac(router)} meta pkttype set host"
        )


def _to_ports(unchecked: Iterable[str]) -> Iterator[str]:
    yield "ether type arp accept"
    yield "ether type ip oifname . ip daddr @own accept"
    if unchecked:
        yield f"ether type ip oifname {pairs((name,) for name in unchecked)} accept"


def _set(name: str, kind: str, elements: list[tuple[str, str]]) -> str:
    listed = f"\t\telements = {pairs(elements)}\n" if elements else ""
    return f"\tset {name} {{\n\t\ttype {kind}\n{listed}\t}}\n"


def _chain(name: str, hook: str, priority: int, rules: Iterable[str]) -> str:
    body = "".join(f"\t\t{rule}\n" for rule in rules)
    return f"\tchain {name} {{\n\t\ttype filter hook {hook} priority {priority}; policy drop;\n{body}\t}}\n"


def _mac(text: str) -> str:
    if not _MAC.fullmatch(text):
        raise ValueError(f"'{text}' is not a hardware address")
    return text
