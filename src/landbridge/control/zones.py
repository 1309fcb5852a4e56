"""Availability zones: three names per region. All of them are this one host."""

from __future__ import annotations

from typing import Final

from landbridge.model.errors import Invalid

LETTERS: Final = ("a", "b", "c")
_DIRECTIONS: Final = ("north", "south", "central", "east", "west")


def zones(region: str) -> tuple[str, ...]:
    """The names of a region's zones."""
    return tuple(region + letter for letter in LETTERS)


def zone_id(zone: str) -> str:
    """The zone's id in AWS's form: `euc1-az2` for `eu-central-1b`."""
    region, letter = zone[:-1], zone[-1]
    first, *middle, number = region.split("-") if region.count("-") >= 2 else (region, "")
    short = "".join(_initials(word) for word in middle)
    return f"{first}{short}{number}-az{LETTERS.index(letter) + 1}"


def _initials(word: str) -> str:
    return "".join(part[0] for part in _DIRECTIONS if part in word) or word[:1]


def checked_zone(region: str, name: str | None, identity: str | None) -> str:
    """The zone of that name or id; the first one if neither is given.

    Raises:
        Invalid: the region has no such zone.
    """
    known = zones(region)
    if name is None and identity is None:
        return known[0]
    for zone in known:
        if name in (None, zone) and identity in (None, zone_id(zone)):
            return zone
    raise Invalid(
        "AvailabilityZone",
        f"Value ({(name or identity or '')[:100]}) for parameter availabilityZone is invalid. "
        f"Subnets can currently only be created in the following availability zones: {', '.join(known)}.",
    )
