"""A tunnel's BGP log: what changed between two looks at a session and its routes, in AWS's words. Pure.

Texts and fields: Site-to-Site VPN user guide, "Contents of Site-to-Site VPN logs", BGP and route status messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any, Final

from landbridge.observe.bgp import BgpCause, BgpPeering, SpeakerRoute
from landbridge.observe.why import NEAR_THE_LIMIT

UP: Final = "UP"
DOWN: Final = "DOWN"
_WEIGHT: Final = 32_768
"""AWS's for what a peer announced; here nothing weighs."""


@dataclass(frozen=True, slots=True)
class BgpNews:
    """One line: `kind` is `BGPStatus` or `RouteStatus`, `message` its members in AWS's names."""

    kind: str
    status: str
    message: dict[str, Any]


def session_news(before: BgpPeering | None, after: BgpPeering) -> Iterator[BgpNews]:
    """What became of a session. A state that came and went between the two looks is not told."""
    was, status = before.state if before is not None else "Idle", UP if after.state == "Established" else DOWN
    if before is not None and after.last_error and after.last_error != before.last_error and status == DOWN:
        yield from (_status(DOWN, words) for words in _reasons(after, before))
    if was != after.state:
        moved = f"AWS-side peer BGP session state has changed from {was} to {after.state}"
        yield _status(status, f"{moved} with neighbor {after.neighbour}")
    limit, received = after.receive_limit, after.imported + after.filtered
    nearly = limit is not None and received >= limit * NEAR_THE_LIMIT
    if nearly and (before is None or before.imported + before.filtered != received):
        warning = "AWS-side peer is reporting a maximum prefix limit warning - received"
        yield _status(status, f"{warning} {received} prefixes from neighbor {after.neighbour}, limit is {limit}")


def _reasons(after: BgpPeering, before: BgpPeering) -> Iterator[str]:
    peer, limit = after.neighbour, after.receive_limit
    match after.cause:
        case BgpCause.WRONG_PEER_ASN:
            told = after.told_asn if after.told_asn is not None else "another"
            yield (
                f"AWS-side peer detected a bad OPEN message from neighbor {peer} - remote AS is {told}, "
                f"expected {after.peer_asn}"
            )
        case BgpCause.HOLD_TIMER:
            yield f"AWS-side peer sent a Hold Timer Expired notification to neighbor {peer}"
        case BgpCause.PREFIX_LIMIT:
            yield (
                f"AWS-side peer detected the maximum prefix limit was exceeded - received more than {limit} prefixes "
                f"from neighbor {peer}, limit is {limit}"
            )
            yield f"AWS-side peer sent a notification 6/1 (Cease/Maximum Number of Prefixes Reached) to neighbor {peer}"
        case _:
            yield f"AWS-side peer closed the session with neighbor {peer}: {after.last_error}"


def route_news(before: Iterable[SpeakerRoute], after: Iterable[SpeakerRoute]) -> Iterator[BgpNews]:
    """What a session's routes became: both are of one session."""
    old, new = _by_prefix(before), _by_prefix(after)
    for prefix, route in sorted(new.items()):
        if prefix not in old:
            yield _route("ADVERTISED", route)
        elif _told(old[prefix]) != _told(route):
            yield _route("UPDATED", route)
    for prefix in sorted(old.keys() - new.keys()):
        yield _route("WITHDRAWN", old[prefix])


def _by_prefix(routes: Iterable[SpeakerRoute]) -> dict[IPv4Network, SpeakerRoute]:
    return {route.destination: route for route in routes}


def _told(route: SpeakerRoute) -> tuple[object, ...]:
    return route.as_path, route.med, route.local_preference, route.via


def _route(status: str, route: SpeakerRoute) -> BgpNews:
    return BgpNews(
        "RouteStatus",
        status,
        {
            "prefix": str(route.destination),
            "asPath": " ".join(route.as_path),
            "localPref": route.local_preference if route.local_preference is not None else 100,
            "med": route.med if route.med is not None else 0,
            "nextHopIp": str(route.via) if route.via is not None else "",
            "weight": _WEIGHT,
        },
    )


def _status(status: str, words: str) -> BgpNews:
    return BgpNews("BGPStatus", status, {"details": words})
