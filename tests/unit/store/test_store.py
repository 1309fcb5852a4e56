"""What is committed is loaded again, equal; what cannot be written or read says so and loses nothing."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network, ip_network
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, inspect

from landbridge.control.rollout import begun
from landbridge.model.crypto import Encryption, Group, IkeVersion, Integrity, PhaseOptions
from landbridge.model.errors import Unavailable
from landbridge.model.firewall import EVERYTHING, AclEntry, NetworkAcl, SecurityGroupRule
from landbridge.model.keys import AccessKey, Role
from landbridge.model.network import Association, Route, RouteTable, SecondaryCidr, Vpc
from landbridge.model.resources import Resource, State
from landbridge.model.secret import Secret
from landbridge.model.snapshot import Put, Remove, Snapshot
from landbridge.model.vpn import StaticRoute, Tunnel, TunnelOptions, VpnConnection
from landbridge.store import sql
from landbridge.store.codec import KINDS, Codec
from landbridge.store.folder import Folder, FolderError
from landbridge.store.schema import metadata
from landbridge.store.sql import SqlStore, StoreError

KEY = Fernet.generate_key()
NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)
COMMON = {"account": "000000000000", "region": "eu-central-1", "created": NOW}


def vpc(identity: str, tags: tuple[tuple[str, str], ...] = ()) -> Vpc:
    later = SecondaryCidr(id="vpc-cidr-assoc-1", cidr=IPv4Network("10.2.0.0/16"))
    return Vpc(
        id=identity, cidr=IPv4Network("10.0.0.0/16"), secondary=(later,), state=State.PENDING, tags=tags, **COMMON
    )


def connection() -> VpnConnection:
    return VpnConnection(
        id="vpn-1",
        vpn_gateway_id="vgw-1",
        customer_gateway_id="cgw-1",
        number=1,
        static_only=True,
        tunnels=(
            Tunnel(
                number=1,
                outside=IPv4Address("203.0.113.128"),
                inside=IPv4Network("169.254.10.0/30"),
                psk=Secret("first.secret"),
                options=TunnelOptions(
                    dpd_timeout_seconds=40,
                    ike_versions=(IkeVersion.IKEV1, IkeVersion.IKEV2),
                    phase1=PhaseOptions((Encryption.AES_GCM_16_256,), (Integrity.SHA2_384,), (Group.ECP_384,), 7_200),
                    rekey_fuzz_percentage=0,
                ),
            ),
            Tunnel(
                number=2,
                outside=IPv4Address("203.0.113.129"),
                inside=IPv4Network("169.254.11.0/30"),
                psk=Secret("second.secret"),
            ),
        ),
        routes=(StaticRoute(destination=IPv4Network("192.168.0.0/24"), state=State.AVAILABLE),),
        state=State.AVAILABLE,
        **COMMON,
    )


def table() -> RouteTable:
    return RouteTable(
        id="rtb-1",
        vpc_id="vpc-1",
        number=100,
        routes=(Route(destination=IPv4Network("0.0.0.0/0"), target="igw-1"),),
        associations=(Association(id="rtbassoc-1", subnet_id=None), Association(id="rtbassoc-2", subnet_id="subnet-1")),
        propagating=("vgw-1",),
        **COMMON,
    )


def open_store(folder: Path) -> SqlStore:
    return SqlStore.open(folder / "landbridge.db", Codec(KEY))


def test_what_is_committed_is_loaded_again_in_order_of_creation(tmp_path: Path) -> None:
    written: list[Resource] = [vpc("vpc-2"), vpc("vpc-1"), connection(), table()]
    snapshot = Snapshot()
    store = open_store(tmp_path)
    for item in written:
        store.commit(snapshot.revision + 1, (Put(item),))
        snapshot = snapshot.apply((Put(item),))
    store.commit(snapshot.revision + 1, (Put(vpc("vpc-2", (("Name", "changed"),))),))
    snapshot = snapshot.apply((Put(vpc("vpc-2", (("Name", "changed"),))),))
    store.close()

    loaded = open_store(tmp_path).load()
    assert loaded == snapshot
    assert [v.id for v in loaded.all(Vpc)] == ["vpc-2", "vpc-1"]


def test_a_change_under_way_is_stored_with_what_was_before_and_no_key_is_readable() -> None:
    codec, old = Codec(KEY), connection()
    first = replace(old.tunnels[0], psk=Secret("third.secret"), old_psk=old.tunnels[0].psk, old_psk_until=old.created)
    first = replace(first, maintained=old.created, outdated_since=old.created)
    wanted = begun(old, replace(old, tunnels=(first, old.tunnels[1])), (1, 2), old.created, anew=True)
    text = codec.encode(wanted)
    assert ".secret" not in text
    assert codec.decode("vpn-connection", text) == wanted


def test_what_was_stored_before_a_property_existed_is_read_with_its_default() -> None:
    codec = Codec(KEY)
    stored = json.loads(codec.encode(vpc("vpc-1")))
    for later in ("secondary", "is_default", "dhcp_options_id"):
        del stored[later]
    read = codec.decode("vpc", json.dumps(stored))
    assert read == replace(vpc("vpc-1"), secondary=())


def test_removed_is_gone(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.commit(1, (Put(vpc("vpc-1")), Put(vpc("vpc-2"))))
    store.commit(2, (Remove(vpc("vpc-1")),))
    assert [v.id for v in store.load().all(Vpc)] == ["vpc-2"]


@given(text=st.text(max_size=256))
def test_any_tag_survives(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    codec = Codec(KEY)
    item = vpc("vpc-1", (("Name", text),))
    assert codec.decode("vpc", codec.encode(item)) == item


def test_a_connection_of_an_older_version_is_read_with_what_it_could_not_choose() -> None:
    codec = Codec(KEY)
    old = json.loads(codec.encode(connection()))
    for name in ("clear_df", "force_udp", "customer_network", "cloud_network"):
        del old[name]
    later = ("ike_versions", "phase1", "phase2", "rekey_margin_seconds", "rekey_fuzz_percentage", "replay_window_size")
    for tunnel in old["tunnels"]:
        for name in later:
            del tunnel["options"][name]
    one, two = (
        replace(tunnel, options=TunnelOptions(dpd_timeout_seconds=tunnel.options.dpd_timeout_seconds))
        for tunnel in connection().tunnels
    )
    assert codec.decode("vpn-connection", json.dumps(old)) == replace(connection(), tunnels=(one, two))


def test_secrets_are_not_in_the_file(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.commit(1, (Put(connection()),))
    store.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"vpn-1" in stored
    assert b"first.secret" not in stored


def test_a_commit_that_fails_changes_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.commit(1, (Put(vpc("vpc-1")),))
    with sqlite3.connect(tmp_path / "landbridge.db") as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON resource WHEN NEW.id='vpc-3' "
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
    with pytest.raises(Unavailable, match="disk is full"):
        store.commit(2, (Put(vpc("vpc-2")), Put(vpc("vpc-3"))))
    loaded = store.load()
    assert (loaded.revision, [v.id for v in loaded.all(Vpc)]) == (1, ["vpc-1"])


def test_several_revisions_are_one_transaction(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    first, others = (Put(vpc("vpc-9")),), (Put(vpc("vpc-1")), Put(vpc("vpc-5")))
    store.prepare([(1, first), (2, others), (3, first)])
    assert open_store(tmp_path).load() == Snapshot()
    store.finish()
    loaded = store.load()
    assert (loaded.revision, [v.id for v in loaded.all(Vpc)]) == (3, ["vpc-9", "vpc-1", "vpc-5"])
    with sqlite3.connect(tmp_path / "landbridge.db") as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON resource WHEN NEW.id='vpc-3' "
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
    with pytest.raises(Unavailable):
        store.prepare([(4, (Put(vpc("vpc-2")), Remove(vpc("vpc-1")))), (5, (Put(vpc("vpc-3")),))])
    assert store.load() == loaded


def test_a_file_that_is_no_database_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "landbridge.db").write_bytes(b"this is not a database, certainly not one of ours" * 100)
    with pytest.raises(StoreError, match="backup"):
        open_store(tmp_path)


def test_a_damaged_row_says_what_to_do(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.commit(1, (Put(vpc("vpc-1")),))
    with sqlite3.connect(tmp_path / "landbridge.db") as database:
        database.execute("UPDATE resource SET body='{}'")
    with pytest.raises(StoreError, match="cannot be read"):
        store.load()


def test_another_key_is_refused_without_showing_anything(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.commit(1, (Put(connection()),))
    with pytest.raises(StoreError) as refused:
        SqlStore.open(tmp_path / "landbridge.db", Codec(Fernet.generate_key())).load()
    assert "secret" not in str(refused.value).replace("a stored secret", "")


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    with sqlite3.connect(tmp_path / "landbridge.db") as database:
        database.execute("UPDATE alembic_version SET version_num='9999'")
    with pytest.raises(StoreError, match="newer"):
        open_store(tmp_path)


def test_a_first_start_that_broke_off_is_made_good(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "landbridge.db") as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    store = open_store(tmp_path)
    store.commit(1, (Put(vpc("vpc-1")),))
    assert [v.id for v in store.load().all(Vpc)] == ["vpc-1"]


ONLY_SQLITES = re.compile(r"(?i)\b(sqlite_\w+|pragma|immediate|exclusive|rowid|glob|autoincrement|replace)\b")


def test_only_the_connection_is_sqlites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another database has to take the store's statements one day; what SQLite alone knows is in one place."""
    said: list[str] = []
    connect = sql._connect

    def overheard(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.set_trace_callback(said.append)
        return connection

    open_store(tmp_path).close()
    monkeypatch.setattr(sql, "_connect", overheard)
    store = open_store(tmp_path)
    store.commit(1, (Put(vpc("vpc-1")), Put(connection())))
    store.commit(2, (Remove(vpc("vpc-1")),))
    store.load()
    store.close()
    verbs = {statement.split()[0] for statement in said}
    assert verbs == {"SELECT", "BEGIN", "INSERT", "DELETE", "COMMIT"}
    assert not [statement for statement in said if ONLY_SQLITES.search(statement.partition("VALUES")[0])]


def test_the_migrations_make_the_schema(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    found = inspect(create_engine(f"sqlite:///{tmp_path / 'landbridge.db'}"))
    for name, wanted in metadata.tables.items():
        assert {c["name"] for c in found.get_columns(name)} == set(wanted.columns.keys())


def test_every_kind_of_resource_can_be_stored() -> None:
    assert {kind.__name__ for kind in KINDS.values()} == {kind.__name__ for kind in Resource.__subclasses__()}


def test_one_process_per_folder(tmp_path: Path) -> None:
    Folder(tmp_path / "state").lock()
    with pytest.raises(FolderError, match="Another landbridge"):
        Folder(tmp_path / "state").lock()


def test_patience_waits_for_the_other_process_to_end(tmp_path: Path) -> None:
    Folder(tmp_path / "state")
    held = subprocess.Popen(["flock", str(tmp_path / "state" / "lock"), "sleep", "0.3"])
    while subprocess.run(["flock", "-n", str(tmp_path / "state" / "lock"), "true"], check=False).returncode == 0:
        pass
    with pytest.raises(FolderError):
        Folder(tmp_path / "state").lock()
    Folder(tmp_path / "state").lock(patience=10)
    assert held.wait() == 0


def test_the_folder_keeps_its_instance_and_key_to_itself(tmp_path: Path) -> None:
    first, second = Folder(tmp_path / "state"), Folder(tmp_path / "state")
    assert (first.instance, first.key) == (second.instance, second.key)
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0
    assert (tmp_path / "state" / "key").stat().st_mode & 0o077 == 0


def test_a_key_of_before_there_were_roles_is_an_admins() -> None:
    codec = Codec(KEY)
    made = AccessKey(id="LKIA1", secret=Secret("s" * 40), role=Role.OPERATOR, **COMMON)
    text = json.loads(codec.encode(made))
    assert text.pop("role") == "operator"
    loaded = codec.decode("access-key", json.dumps(text))
    assert isinstance(loaded, AccessKey)
    assert loaded.role is Role.ADMIN


@pytest.mark.parametrize("cidr", ["10.0.0.0/8", "2001:db8::/32", None])
def test_rules_are_about_either_version_of_ip(cidr: str | None) -> None:
    codec = Codec(KEY)
    prefix = ip_network(cidr) if cidr else None
    rule = SecurityGroupRule(
        id="sgr-1", group_id="sg-1", egress=False, traffic=EVERYTHING, cidr=prefix, peer_group_id="sg-2", **COMMON
    )
    assert codec.decode("security-group-rule", codec.encode(rule)) == rule
    if prefix is not None:
        entry = AclEntry(number=1, egress=False, allow=True, traffic=EVERYTHING, cidr=prefix)
        acl = NetworkAcl(id="acl-1", vpc_id="vpc-1", entries=(entry,), **COMMON)
        assert codec.decode("network-acl", codec.encode(acl)) == acl
