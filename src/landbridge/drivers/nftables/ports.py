"""What a bridge's ports may send and get, as chains of nft's language. Pure.

Stateless, and a few lookups per frame: a bridge of this kernel need not track connections, and what is not listed is
dropped. Packets are sent to the router if the port has one. ARP passes if it says the port's own addresses (a sender
without one asks whether somebody has it: RFC 5227); besides IPv4 and ARP nothing does, neither tagged frames nor IPv6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address
from typing import Final

from landbridge.desired.tables import Port
from landbridge.drivers.nftables.words import link, pairs

_MAC: Final = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_NOBODY: Final = IPv4Address(0)


def chains(ports: Iterable[Port]) -> str:
    """Both chains: what comes from a port, and what is delivered to one."""
    ports = sorted(ports, key=lambda port: port.link)
    own = [(link(port.link), str(address)) for port in ports for address in port.addresses]
    checked = [(link(port.link), str(address)) for port in ports if port.checked for address in port.addresses]
    unchecked = {link(port.link): f"0x{int(port.addresses[0]):08x}" for port in ports if not port.checked}
    return (
        "\tchain from_ports {\n\t\ttype filter hook prerouting priority -300; policy drop;\n"
        f"{_lines(_from_ports(ports, own, unchecked))}\t}}\n"
        "\tchain to_ports {\n\t\ttype filter hook postrouting priority 300; policy drop;\n"
        f"{_lines(_to_ports(ports, checked, unchecked))}\t}}\n"
    )


def _from_ports(ports: list[Port], own: list[tuple[str, str]], unchecked: dict[str, str]) -> Iterator[str]:
    macs = [(link(port.link), _mac(port.mac)) for port in ports]
    said = [
        (name, mac, str(address))
        for port, (name, mac) in zip(ports, macs, strict=True)
        for address in (*port.addresses, _NOBODY)
    ]
    if not ports:
        return
    yield f"iifname . ether saddr != {pairs(macs)} drop"
    yield f"ether type arp iifname . arp saddr ether . arp saddr ip {pairs(said)} accept"
    for router in sorted({port.router for port in ports if port.router}):
        # As if it had been sent there: only what is for the bridge itself is handed to its namespace.
        sent = pairs((link(port.link),) for port in ports if port.router == router)
        yield f"ether type ip iifname {sent} ether daddr set {_mac(router)} meta pkttype set host"
    yield f"ether type ip iifname . ip saddr {pairs(own)} accept"
    if unchecked:
        marks = pairs((f"{name} : {mark}",) for name, mark in unchecked.items())
        yield f"ether type ip meta mark set iifname map {marks} accept"


def _to_ports(ports: list[Port], checked: list[tuple[str, str]], unchecked: Iterable[str]) -> Iterator[str]:
    if not ports:
        return
    yield f"ether type arp oifname {pairs((link(port.link),) for port in ports)} accept"
    if checked:
        yield f"ether type ip oifname . ip daddr {pairs(checked)} accept"
    if unchecked:
        yield f"ether type ip oifname {pairs((name,) for name in unchecked)} accept"


def _mac(text: str) -> str:
    if not _MAC.fullmatch(text):
        raise ValueError(f"'{text}' is not a hardware address")
    return text


def _lines(rules: Iterable[str]) -> str:
    return "".join(f"\t\t{rule}\n" for rule in rules)
