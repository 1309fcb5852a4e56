"""docs/limits.md is the table in `control/limits.py`, row by row."""

from __future__ import annotations

import re

from documents import ROOT

from landbridge.api.aws.errors import from_domain
from landbridge.control import limits
from landbridge.control.tunnel_options import RANGES
from landbridge.model.errors import LimitExceeded

KEPT_BY_BIRD = {
    limits.PROPAGATED_ROUTES: "stays out of the table",
    limits.ANNOUNCED_ROUTES: "ends the session",
    limits.ADVERTISED_ROUTES: "is not advertised",
}
_ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| (\d+) \| ([^|]+) \| (lifted|kept) \|$", re.MULTILINE)


def _row(quota: limits.Quota) -> tuple[str, ...]:
    one_more = from_domain(LimitExceeded(quota.noun, "")).code if quota.noun else KEPT_BY_BIRD[quota]
    relaxed = "lifted" if limits.RELAXED.most(quota) is None else "kept"
    return (str(quota.per), quota.things, str(quota.most), one_more, relaxed)


def test_the_table_is_the_one_in_force() -> None:
    said = _ROW.findall((ROOT / "docs" / "limits.md").read_text())
    assert sorted(said) == sorted(map(_row, limits.QUOTAS))


def test_the_ranges_of_tunnel_options_are_those_in_force() -> None:
    text = (ROOT / "docs" / "limits.md").read_text()
    said = {
        name: (least, most) for name, least, most in re.findall(r"^\| (\w+)[^|]* \| (\d+) \| ([^|]+) \|", text, re.M)
    }
    numbers = {name: (str(least), str(most)) for name, (least, most, _) in RANGES.items()}
    numbers["RekeyMarginTimeSeconds"] = ("60", "half of phase 2's lifetime")
    assert said == numbers
