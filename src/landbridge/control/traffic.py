"""What a rule is about, as callers write it: a protocol's name or number, ports, an ICMP type and code.

Security groups and network ACLs write the same things differently; both end in a `Traffic`.
"""

from __future__ import annotations

from typing import Final

from landbridge.model.errors import Invalid
from landbridge.model.firewall import EVERYTHING, ICMP, ICMPV6, TCP, UDP, Prefix, Traffic

ANY: Final = -1
"""What callers write for every protocol, every ICMP type, every ICMP code."""
_NAMES: Final = {"tcp": TCP, "udp": UDP, "icmp": ICMP, "icmpv6": ICMPV6}
_BY_NUMBER: Final = {number: name for name, number in _NAMES.items()}
HAVE_TYPES: Final = (ICMP, ICMPV6)
"""The protocols that have types and codes; the others that rules look into have ports."""
HAVE_PORTS: Final = (TCP, UDP)
_PORTS: Final = range(1 << 16)
_BYTE: Final = range(1 << 8)


def protocol_number(text: str) -> int | None:
    """IP's number of a protocol given by name or number; None for every protocol.

    Raises:
        Invalid: it is neither.
    """
    name = text.strip().lower()
    if name in ("-1", "all"):
        return None
    if name in _NAMES:
        return _NAMES[name]
    if not (name.isascii() and name.isdigit() and len(name) <= 3 and int(name) in _BYTE):
        raise Invalid("IpProtocol", f"Invalid value '{text[:40]}' for IP protocol. Unknown protocol.")
    return int(name)


def protocol_name(protocol: int | None) -> str:
    """How security groups show a protocol: by name if it is one of the four, -1 for all, else by number."""
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
    if number == ICMPV6 and (first is None or last is None):
        return icmp_traffic(ANY, ANY, ICMPV6)  # EC2: of ICMPv6 alone the types may be left out
    if first is None or last is None:
        kind = "ICMP" if number == ICMP else "TCP/UDP"
        raise Invalid("portRange", f"Invalid value 'Must specify both from and to ports with {kind}.' for portRange.")
    return icmp_traffic(first, last, number) if number in HAVE_TYPES else ports_traffic(name, first, last)


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
    return Traffic(_NAMES[protocol], first, last)


def icmp_traffic(kind: int, code: int, protocol: int = ICMP) -> Traffic:
    """ICMP (or ICMPv6) of one type or all, and of one code or all.

    Raises:
        Invalid: there is no such type or code, or a code without its type.
    """
    for what, value in (("type", kind), ("code", code)):
        if value != ANY and value not in _BYTE:
            raise Invalid("icmpTypeCode", f"ICMP {what} ({value}) out of range")
    if kind == ANY and code != ANY:
        raise Invalid("icmpTypeCode", f"ICMP code ({code}) needs a type: give -1 for all codes of all types.")
    return Traffic(protocol, None if kind == ANY else kind, None if code == ANY else code)


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


def check_family(traffic: Traffic, cidr: Prefix) -> None:
    """ICMPv6 is IPv6's.

    Raises:
        Invalid: it is with IPv4 addresses.
    """
    if traffic.protocol == ICMPV6 and cidr.version == 4:
        raise Invalid("IpProtocol", f"ICMPv6 goes with IPv6 ranges: {cidr} is none. Use icmp there.")
