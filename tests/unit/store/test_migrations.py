"""State written by older versions loads as if it had been written today."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from cryptography.fernet import Fernet
from sqlalchemy import create_engine

import landbridge.store.sql
from landbridge.model.attached import interfaces_of
from landbridge.model.firewall import EVERYTHING, NetworkAcl, SecurityGroupRule
from landbridge.model.instances import Instance, InstanceState, NetworkInterface
from landbridge.model.network import RouteTable
from landbridge.model.resources import Attachment
from landbridge.store.codec import Codec
from landbridge.store.sql import SqlStore

COMMON = {"account": "000000000000", "region": "eu-central-1", "tags": [], "created": "2026-11-23T05:00:00+00:00"}


@contextmanager
def written_at(path: Path, revision: str) -> Iterator[sqlite3.Connection]:
    """A database of an older schema, to put rows into."""
    config = Config()
    config.set_main_option("script_location", str(Path(landbridge.store.sql.__file__).parent / "migrations"))
    with create_engine(f"sqlite:///{path}").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    database = sqlite3.connect(path)
    yield database
    database.execute("INSERT INTO progress (name, value) VALUES ('revision', 7)")
    database.commit()
    database.close()


def insert(database: sqlite3.Connection, kind: str, position: int, **body: Any) -> None:
    database.execute(
        "INSERT INTO resource (kind, id, account, region, host, position, revision, body) VALUES (?,?,?,?,'',?,?,?)",
        (kind, body["id"], COMMON["account"], COMMON["region"], position, position, json.dumps({**COMMON, **body})),
    )


def instance(digit: str, state: str, public: str | None) -> dict[str, Any]:
    """An instance as 0.1 wrote it."""
    return {
        "id": f"i-{digit * 17}",
        "vpc_id": "vpc-1",
        "subnet_id": "subnet-1",
        "interface_id": f"eni-{digit * 17}",
        "private_address": f"10.0.1.{digit}",
        "public_address": public,
        "image_id": "ami-1",
        "instance_type": "t3.micro",
        "reservation_id": "r-1",
        "key_name": "",
        "launch_index": 0,
        "client_token": "",
        "state": state,
        "terminated": "2026-11-23T05:01:00+00:00" if state == "terminated" else None,
    }


def test_an_instances_interface_becomes_a_resource_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "landbridge.db"
    with written_at(path, "0001") as database:
        group = {"id": "sg-1", "vpc_id": "vpc-1", "group_name": "default", "description": ""}
        insert(database, "security-group", 1, **group)
        for number, (state, public) in enumerate(
            (("running", "198.51.100.2"), ("pending", None), ("shutting-down", None), ("terminated", None)), 4
        ):
            insert(database, "instance", number, **instance(str(number), state, public))
        targets = {"0.0.0.0/0": "igw-1", "172.16.0.0/16": f"i-{'4' * 17}", "172.17.0.0/16": "i-forgotten"}
        insert(
            database,
            "route-table",
            9,
            id="rtb-1",
            vpc_id="vpc-1",
            number=100,
            routes=[{"destination": to, "target": target} for to, target in targets.items()],
            associations=[],
            propagating=[],
            client_token="",
        )

    snapshot = SqlStore.open(path, Codec(Fernet.generate_key())).load()
    assert snapshot.revision == 7
    states = {each.state: interfaces_of(snapshot, each.id) for each in snapshot.all(Instance)}
    assert {state: len(interfaces) for state, interfaces in states.items()} == {
        InstanceState.RUNNING: 1,
        InstanceState.PENDING: 1,
        InstanceState.SHUTTING_DOWN: 1,
        InstanceState.TERMINATED: 0,
    }
    (running,) = states[InstanceState.RUNNING]
    assert (running.id, running.private, running.public) == (
        f"eni-{'4' * 17}",
        IPv4Address("10.0.1.4"),
        IPv4Address("198.51.100.2"),
    )
    assert running.addresses[0].public is not None
    assert not running.addresses[0].public.elastic
    assert (running.group_ids, running.assigns_public, running.source_dest_check) == (("sg-1",), True, True)
    assert running.attachment is not None
    assert (running.attachment.device_index, running.attachment.delete_on_termination) == (0, True)
    found = {i.id: i.attachment.state for i in snapshot.all(NetworkInterface) if i.attachment}
    assert [found[f"eni-{digit * 17}"] for digit in "456"] == [
        Attachment.ATTACHED,
        Attachment.ATTACHING,
        Attachment.ATTACHED,
    ]
    (table,) = snapshot.all(RouteTable)
    assert [route.target for route in table.routes] == ["igw-1", running.id, "i-forgotten"]


def test_what_passed_before_there_were_rules_passes_still(tmp_path: Path) -> None:
    path = tmp_path / "landbridge.db"
    with written_at(path, "0002") as database:
        insert(database, "security-group", 1, id="sg-1", vpc_id="vpc-1", group_name="default", description="d")
        insert(database, "network-acl", 1, id="acl-1", vpc_id="vpc-1")
        insert(database, "network-acl", 2, id="acl-2", vpc_id="vpc-2")
        subnet = {"cidr": "10.0.1.0/24", "zone": "eu-central-1a", "state": "available", "map_public_address": False}
        insert(database, "subnet", 3, id="subnet-1", vpc_id="vpc-1", **subnet)

    snapshot = SqlStore.open(path, Codec(Fernet.generate_key())).load()
    rules = list(snapshot.all(SecurityGroupRule))
    assert {(r.group_id, r.egress, r.traffic, str(r.cidr)) for r in rules} == {
        ("sg-1", egress, EVERYTHING, "0.0.0.0/0") for egress in (False, True)
    }
    assert len({r.id for r in rules}) == 2
    for acl in snapshot.all(NetworkAcl):
        assert acl.default
        assert [(e.egress, e.number, e.allow) for e in acl.entries] == [(False, 100, True), (True, 100, True)]
    followers = {acl.id: [a.subnet_id for a in acl.associations] for acl in snapshot.all(NetworkAcl)}
    assert followers == {"acl-1": ["subnet-1"], "acl-2": []}


def test_a_state_without_instances_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "landbridge.db"
    with written_at(path, "0001"):
        pass
    snapshot = SqlStore.open(path, Codec(Fernet.generate_key())).load()
    assert snapshot.revision == 7
    assert not list(snapshot.all(NetworkInterface))
