"""BIRD's answers as values: pure, for the replies to four `show` commands with the time formats that we configure.

A reply is a sequence of (code, text) lines. What is unknown is passed over, so that another BIRD 2 may say more; what
is not as it has always been raises `ValueError` or `KeyError`, and nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from landbridge.drivers.bird.render import session_of
from landbridge.observe.bgp import BfdPeer, BgpPeering, SpeakerProtocol, SpeakerRoute, SpeakerStatus

Line = tuple[int, str]

_TIME: Final = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?"
_PROTOCOL: Final = re.compile(rf"(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+({_TIME})\s*(.*)")
_BFD: Final = re.compile(rf"(\d+\.\d+\.\d+\.\d+)\s+(\S+)\s+(\S+)\s+({_TIME})\s+([\d.]+)\s+([\d.]+)")
_ROUTE: Final = re.compile(
    rf"(?P<net>\S+)?\s+(?P<kind>\S+) \[(?P<protocol>\S+) (?P<since>{_TIME})(?: from \S+)?\](?P<marks>[ *!]*)"
    r"\((?P<preference>\d+)(?P<rest>[^)]*)\)"
)
_VIA: Final = re.compile(r"\tvia (\S+) on (\S+)")
_ROUTES: Final = re.compile(r"(\d+) (imported|filtered|exported|preferred)")
_REACHED: Final = re.compile(r"    Export limit:\s+(\d+) \[HIT\]")
_HOLD: Final = re.compile(r"([\d.]+)/(\d+)")
_PATH: Final = re.compile(r"\{[^}]*\}|\([^)]*\)|\d+")
_PAIR: Final = re.compile(r"\((\d+),(\d+)\)")
_TRIPLE: Final = re.compile(r"\((\d+), (\d+), (\d+)\)")


def status(lines: Iterable[Line]) -> SpeakerStatus:
    """The reply to `show status`."""
    lines = list(lines)
    words = [text.strip() for _, text in lines]

    def after(start: str) -> str:
        return next((text.removeprefix(start) for text in words if text.startswith(start)), "")

    return SpeakerStatus(
        version=after("BIRD "),
        router_id=IPv4Address(after("Router ID is ")),
        hostname=after("Hostname is "),
        started=_time(after("Last reboot on ")),
        configured=_time(after("Last reconfiguration on ")),
        recovering=any(text.startswith("Graceful restart recovery in progress") for text in words),
        reconfiguring=any(text.startswith("Reconfiguration in progress") for text in words),
    )


def protocols(lines: Iterable[Line]) -> tuple[SpeakerProtocol, ...]:
    """The reply to `show protocols all` (or to `show protocols`, then without the BGP side)."""
    found: list[tuple[re.Match[str], list[str]]] = []
    for code, text in lines:
        if code == 1002:
            match = _PROTOCOL.fullmatch(text)
            if match is None:
                raise ValueError(f"BIRD's line about a protocol is not understood: {text!r}")
            found.append((match, []))
        elif code == 1006 and found:
            found[-1][1].append(text)
    return tuple(_protocol(match, details) for match, details in found)


def held_back(lines: Iterable[Line]) -> dict[str, int]:
    """Out of the reply to `show protocols all`: who keeps routes back because a limit was reached, and how many more
    could be let out now."""
    found: dict[str, int] = {}
    name, limit = "", 0
    for code, text in lines:
        if code == 1002:
            name, limit = text.split(None, 1)[0], 0
        elif (reached := _REACHED.fullmatch(text)) is not None:
            limit = int(reached[1])
        elif limit and text.startswith("    Routes:"):
            counts = {word: int(number) for number, word in _ROUTES.findall(text)}
            found[name] = max(0, limit - counts["exported"])
    return found


def bfd_sessions(lines: Iterable[Line]) -> tuple[BfdPeer, ...]:
    """The reply to `show bfd sessions`."""
    return tuple(
        BfdPeer(
            address=IPv4Address(match[1]),
            link=match[2],
            state=match[3],
            since=_time(match[4]),
            interval=float(match[5]),
            timeout=float(match[6]),
        )
        for _, text in lines
        if (match := _BFD.fullmatch(text.strip())) is not None
    )


def routes(lines: Iterable[Line]) -> tuple[SpeakerRoute, ...]:
    """The reply to `show route all`."""
    return tuple(_route(destination, match, details) for destination, match, details in _route_groups(lines))


def _protocol(match: re.Match[str], details: list[str]) -> SpeakerProtocol:
    name, kind, table, state, since, info = match.groups()
    return SpeakerProtocol(
        name=name,
        kind=kind,
        table="" if table == "---" else table,
        state=state,
        since=_time(since),
        info=info.strip(),
        session=session_of(name) if kind == "BGP" else "",
        bgp=_peering(details) if kind == "BGP" and details else None,
    )


def _peering(details: list[str]) -> BgpPeering:
    facts: dict[str, str] = {}
    for text in details:
        key, separator, value = text.strip().partition(":")
        if separator:
            facts.setdefault(key, value.strip())
    address, _, link = facts["Neighbor address"].partition("%")
    hold = _HOLD.fullmatch(facts.get("Hold timer", ""))
    counts = {word: int(number) for number, word in _ROUTES.findall(facts.get("Routes", ""))}
    active = {"Neighbor graceful restart active", "LL stale timer", "Restart timer"}
    return BgpPeering(
        state=facts["BGP state"],
        neighbour=IPv4Address(address),
        link=link,
        peer_asn=int(facts["Neighbor AS"]),
        local_asn=int(facts["Local AS"]),
        hold_time=int(hold[2]) if hold else None,
        hold_remaining=float(hold[1]) if hold else None,
        imported=counts.get("imported", 0),
        filtered=counts.get("filtered", 0),
        exported=counts.get("exported", 0),
        preferred=counts.get("preferred", 0),
        last_error=facts.get("Last error", ""),
        receive_limit=int(limit[0]) if (limit := facts.get("Receive limit", "").split()) else None,
        stale=any(text.strip().split(":")[0] in active for text in details),
    )


def _route_groups(lines: Iterable[Line]) -> Iterator[tuple[str, re.Match[str], list[str]]]:
    """(destination, first line, further lines) of every route; a prefix is printed before its first route only."""
    destination = ""
    current: tuple[str, re.Match[str], list[str]] | None = None
    for code, text in lines:
        match = _ROUTE.match(text) if code == 1007 else None
        if match is not None:
            if current is not None:
                yield current
            destination = match["net"] or destination
            current = (destination, match, [])
        elif current is not None and text.startswith("\t"):
            current[2].append(text)
    if current is not None:
        yield current


def _route(destination: str, match: re.Match[str], details: list[str]) -> SpeakerRoute:
    facts: dict[str, str] = {}
    via: IPv4Address | None = None
    link = ""
    for text in details:
        hop = _VIA.match(text)
        if hop is not None:
            via, link = IPv4Address(hop[1]), hop[2]
            continue
        key, _, value = text.strip().partition(":")
        facts[key] = value.strip()
    med, preference = facts.get("BGP.med"), facts.get("BGP.local_pref")
    return SpeakerRoute(
        destination=IPv4Network(destination),
        kind=match["kind"],
        protocol=match["protocol"],
        session=session_of(match["protocol"]),
        since=_time(match["since"]),
        preferred="*" in match["marks"],
        preference=int(match["preference"]),
        stale="s" in match["rest"],
        source=facts.get("Type", "").split(" ")[0],
        via=via,
        link=link,
        connection=int(facts.get("lb_connection", "0")),
        origin=facts.get("BGP.origin", ""),
        as_path=tuple(_PATH.findall(facts.get("BGP.as_path", ""))),
        med=int(med) if med else None,
        local_preference=int(preference) if preference else None,
        communities=tuple((int(a), int(b)) for a, b in _PAIR.findall(facts.get("BGP.community", ""))),
        large_communities=tuple(
            (int(a), int(b), int(c)) for a, b, c in _TRIPLE.findall(facts.get("BGP.large_community", ""))
        ),
    )


def _time(text: str) -> datetime:
    """BIRD is started with TZ=UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
