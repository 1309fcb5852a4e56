"""An instance's interface and addresses become a resource of their own; routes to instances lead to the interface."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_resource = sa.table(
    "resource",
    *(sa.column(name) for name in ("kind", "id", "account", "region", "host", "position", "revision", "body")),
)
_ATTACHMENTS = {"pending": "attaching", "running": "attached", "shutting-down": "attached"}
"""An attachment's state by its instance's."""


def upgrade() -> None:
    """Give every living instance an interface, as it was shown before."""
    connection = op.get_bind()
    groups = {g["vpc_id"]: g["id"] for _, g in _all(connection, "security-group") if g["group_name"] == "default"}
    interface_of: dict[str, str] = {}
    for row, instance in _all(connection, "instance"):
        interface_of[instance["id"]] = instance["interface_id"]
        if instance["state"] in _ATTACHMENTS:
            interface = _interface(instance, groups.get(instance["vpc_id"]))
            row = {**row, "kind": "network-interface", "id": interface["id"], "body": _text(interface)}
            connection.execute(sa.insert(_resource).values(**row))
        for gone in ("interface_id", "private_address", "public_address"):
            del instance[gone]
        _write(connection, "instance", instance)
    for _, table in _all(connection, "route-table"):
        for route in table["routes"]:
            route["target"] = interface_of.get(route["target"], route["target"])
        _write(connection, "route-table", table)


def _interface(instance: dict[str, Any], group: str | None) -> dict[str, Any]:
    public = instance["public_address"]
    return {
        **{name: instance[name] for name in ("account", "region", "created", "vpc_id", "subnet_id")},
        "id": instance["interface_id"],
        "tags": [],
        "addresses": [
            {
                "address": instance["private_address"],
                "public": public and {"address": public, "allocation_id": "", "association_id": ""},
            }
        ],
        "group_ids": [group] if group else [],
        "description": "",
        "source_dest_check": True,
        "assigns_public": public is not None,
        "attachment": {
            "id": instance["interface_id"].replace("eni-", "eni-attach-", 1),
            "instance_id": instance["id"],
            "device_index": 0,
            "delete_on_termination": True,
            "since": instance["created"],
            "state": _ATTACHMENTS[instance["state"]],
        },
        "client_token": "",
    }


def _all(connection: sa.Connection, kind: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    rows = connection.execute(sa.select(_resource).where(_resource.c.kind == kind))
    return [(dict(row._mapping), json.loads(row.body)) for row in rows]


def _write(connection: sa.Connection, kind: str, body: dict[str, Any]) -> None:
    this = (_resource.c.kind == kind) & (_resource.c.id == body["id"])
    connection.execute(sa.update(_resource).where(this).values(body=_text(body)))


def _text(body: dict[str, Any]) -> str:
    return json.dumps(body, separators=(",", ":"), sort_keys=True)
