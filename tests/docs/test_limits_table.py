"""docs/limits.md is the table in `control/limits.py`, row by row."""

from __future__ import annotations

import re

from documents import ROOT

from landbridge.api.aws.errors import from_domain
from landbridge.control import limits
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
