"""What a rule is about, as callers write it: a protocol's name or number, ports, an ICMP type and code.

Security groups and network ACLs write the same things differently; both end in a `Traffic`.
"""

from __future__ import annotations

from typing import Final

from landbridge.model.errors import Invalid, Unsupported
from landbridge.model.firewall import EVERYTHING, ICMP, TCP, UDP, Traffic

ANY: Final = -1
"""What callers write for every protocol, every ICMP type, every ICMP code."""
NAMES: Final = {"tcp": TCP, "udp": UDP, "icmp": ICMP}
_BY_NUMBER: Final = {number: name for name, number in NAMES.items()}
_ICMPV6: Final = 58
_PORTS: Final = range(1 << 16)
_BYTE: Final = range(1 << 8)


def protocol_number(text: str) -> int | None:
    """IP's number of a protocol given by name or number; None for every protocol.

    Raises:
        Invalid: it is neither.
        Unsupported: ICMP of IPv6.
    """
    name = text.strip().lower()
    if name in ("-1", "all"):
        return None
    if name in NAMES:
        return NAMES[name]
    if name in ("icmpv6", str(_ICMPV6)):
        raise Unsupported("landbridge has no IPv6 in a VPC, and so no ICMPv6. Nothing was changed.")
    if not (name.isascii() and name.isdigit() and len(name) <= 3 and int(name) in _BYTE):
        raise Invalid("IpProtocol", f"Invalid value '{text[:40]}' for IP protocol. Unknown protocol.")
    return int(name)


def protocol_name(protocol: int | None) -> str:
    """How security groups show a protocol: by name if it is one of the three, -1 for all, else by number."""
    return "-1" if protocol is None else _BY_NUMBER.get(protocol, str(protocol))


def group_traffic(protocol: str, first: int | None, last: int | None) -> Traffic:
    """A security group rule's traffic from IpProtocol, FromPort and ToPort. ICMP's type and code stand for the ports.

    Raises:
        Invalid: a protocol, ports, a type or a code that cannot be.
    """
    number = protocol_number(protocol)
    if number not in _BY_NUMBER:
        # AWS: of any other protocol all passes, whatever the ports say.
        return Traffic(number)
    name = _BY_NUMBER[number]
    if first is None or last is None:
        kind = "ICMP" if number == ICMP else "TCP/UDP"
        raise Invalid("portRange", f"Invalid value 'Must specify both from and to ports with {kind}.' for portRange.")
    return icmp_traffic(first, last) if number == ICMP else ports_traffic(name, first, last)


def ports_traffic(protocol: str, first: int, last: int) -> Traffic:
    """TCP or UDP to the ports from first to last.

    Raises:
        Invalid: there are no such ports.
    """
    for port in (first, last):
        if port not in _PORTS:
            raise Invalid("portRange", f"TCP/UDP port ({port}) out of range")
    if first > last:
        raise Invalid("portRange", f"Invalid {protocol.upper()} port range: {first} is after {last}.")
    return Traffic(NAMES[protocol], first, last)


def icmp_traffic(kind: int, code: int) -> Traffic:
    """ICMP of one type or all, and of one code or all.

    Raises:
        Invalid: there is no such type or code, or a code without its type.
    """
    for what, value in (("type", kind), ("code", code)):
        if value != ANY and value not in _BYTE:
            raise Invalid("icmpTypeCode", f"ICMP {what} ({value}) out of range")
    if kind == ANY and code != ANY:
        raise Invalid("icmpTypeCode", f"ICMP code ({code}) needs a type: give -1 for all codes of all types.")
    return Traffic(ICMP, None if kind == ANY else kind, None if code == ANY else code)


def shown_range(traffic: Traffic) -> tuple[int, int] | None:
    """FromPort and ToPort as they were given; None where the protocol has neither ports nor types."""
    if traffic.protocol not in _BY_NUMBER:
        return None
    return (ANY if traffic.first is None else traffic.first, ANY if traffic.last is None else traffic.last)


def described(traffic: Traffic) -> str:
    """As EC2's messages put it: `TCP, from port: 22, to port: 22`."""
    name = "ALL" if traffic == EVERYTHING else protocol_name(traffic.protocol).upper()
    found = shown_range(traffic)
    return name if found is None else f"{name}, from port: {found[0]}, to port: {found[1]}"
