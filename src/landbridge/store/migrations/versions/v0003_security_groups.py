"""Groups get rules and ACLs get entries, so that what passed before passes still: everything, as it was shown."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_resource = sa.table(
    "resource",
    *(sa.column(name) for name in ("kind", "id", "account", "region", "host", "position", "revision", "body")),
)
_ANYWHERE = "0.0.0.0/0"
_EVERYTHING = {"protocol": None, "first": None, "last": None}


def upgrade() -> None:
    """There were default groups and default ACLs only."""
    connection = op.get_bind()
    for row, group in _all(connection, "security-group"):
        for egress in (False, True):
            rule = _rule(group, egress)
            row = {**row, "kind": "security-group-rule", "id": rule["id"], "body": _text(rule)}
            connection.execute(sa.insert(_resource).values(**row))
    subnets = [subnet for _, subnet in _all(connection, "subnet")]
    for _, acl in _all(connection, "network-acl"):
        acl["default"] = True
        acl["entries"] = [
            {"number": 100, "egress": egress, "allow": True, "traffic": _EVERYTHING, "cidr": _ANYWHERE}
            for egress in (False, True)
        ]
        acl["associations"] = [
            {"id": subnet["id"].replace("subnet-", "aclassoc-", 1), "subnet_id": subnet["id"]}
            for subnet in subnets
            if subnet["vpc_id"] == acl["vpc_id"]
        ]
        this = (_resource.c.kind == "network-acl") & (_resource.c.id == acl["id"])
        connection.execute(sa.update(_resource).where(this).values(body=_text(acl)))


def _rule(group: dict[str, Any], egress: bool) -> dict[str, Any]:
    digits = hashlib.sha256(f"{group['id']} {egress}".encode()).hexdigest()[:17]
    return {
        **{name: group[name] for name in ("account", "region", "created")},
        "id": f"sgr-{digits}",
        "tags": [],
        "group_id": group["id"],
        "egress": egress,
        "traffic": _EVERYTHING,
        "cidr": _ANYWHERE,
        "peer_group_id": None,
        "description": "",
    }


def _all(connection: sa.Connection, kind: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    rows = connection.execute(sa.select(_resource).where(_resource.c.kind == kind))
    return [(dict(row._mapping), json.loads(row.body)) for row in rows]


def _text(body: dict[str, Any]) -> str:
    return json.dumps(body, separators=(",", ":"), sort_keys=True)
