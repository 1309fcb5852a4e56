"""The admin API in this process: what it answers, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address

import httpx
import pytest
from admin_world import World, in_process
from support import ACCOUNT, REGION, Cloud

from landbridge.api.admin.app import admin_app, credentials_app
from landbridge.api.admin.body import MAX_BODY_BYTES
from landbridge.control.base import PLAIN_POOLS
from landbridge.control.dhcp_options import AssociateDhcpOptions, CreateDhcpOptions
from landbridge.control.vpn_connections import DeleteVpnConnection
from landbridge.model.errors import OperatorError
from landbridge.model.instances import Instance
from landbridge.model.keys import AccessKey
from landbridge.model.lab import LabSite
from landbridge.model.resources import State
from landbridge.model.vpn import VpnConnection

OFFICE = {"name": "office", "public_address": "203.0.113.77", "lan": "192.168.60.0/24"}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def http(world: World) -> Iterator[httpx.Client]:
    with in_process(admin_app(world.parts())) as client:
        yield client


def test_a_site_is_added_seen_built_and_removed(world: World, http: httpx.Client) -> None:
    added = http.post("/v1/lab/sites", json=OFFICE)
    assert added.status_code == 201
    assert added.json()["state"] == "pending"
    assert (added.json()["namespace"], added.json()["host_namespace"]) == ("office", "office-host")
    world.build()
    assert http.get("/v1/lab/sites/office").json()["state"] == "available"
    assert [site["name"] for site in http.get("/v1/lab/sites").json()] == ["office"]
    assert http.delete("/v1/lab/sites/office").json() == {"revision": world.cloud.snapshot.revision}
    assert http.get("/v1/lab/sites").json() == []
    gone = http.get("/v1/lab/sites/office")
    assert (gone.status_code, gone.json()["code"]) == (404, "NotFound")


def test_a_host_is_added_and_removed(world: World, http: httpx.Client) -> None:
    added = http.post("/v1/lab/hosts", json={"name": "web", "address": "198.51.100.10"})
    assert (added.status_code, added.json()["namespace"]) == (201, "web")
    assert http.get("/v1/lab/hosts/web").json()["address"] == "198.51.100.10"
    assert http.delete("/v1/lab/hosts/web").status_code == 200
    assert http.get("/v1/lab/hosts").json() == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "Missing"),
        (b"nonsense", 400, "Invalid"),
        (b"[1]", 400, "Invalid"),
        (b"[" * 10_000, 400, "Invalid"),
        (b" " * (MAX_BODY_BYTES + 1), 413, "BodyTooLarge"),
        (json.dumps({**OFFICE, "lan": "192.168.60.5/24"}).encode(), 400, "Invalid"),
        (json.dumps({**OFFICE, "lan": "192.168.60.0"}).encode(), 400, "Invalid"),
        (json.dumps({**OFFICE, "public_address": "::1"}).encode(), 400, "Invalid"),
        (json.dumps({**OFFICE, "name": "x" * 256}).encode(), 400, "Invalid"),
        (json.dumps({**OFFICE, "name": 'o"; drop'}).encode(), 400, "Invalid"),
        (json.dumps({**OFFICE, "name": 7}).encode(), 400, "Invalid"),
        (json.dumps({**OFFICE, "extra": 1}).encode(), 400, "Invalid"),
    ],
)
def test_a_bad_body_is_refused_with_a_sentence_and_changes_nothing(
    world: World, http: httpx.Client, body: bytes, status: int, code: str
) -> None:
    answer = http.post("/v1/lab/sites", content=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert len(answer.json()["error"].split()) > 3
    assert world.cloud.snapshot.revision == 0


def test_a_taken_name_is_a_conflict(http: httpx.Client) -> None:
    http.post("/v1/lab/sites", json=OFFICE)
    answer = http.post("/v1/lab/sites", json={**OFFICE, "public_address": "203.0.113.78"})
    assert (answer.status_code, answer.json()["code"]) == (409, "Conflict")


def test_without_a_lab_there_are_no_sites() -> None:
    world = World(cloud=Cloud(pools=PLAIN_POOLS))
    answer = in_process(admin_app(world.parts())).post("/v1/lab/sites", json=OFFICE)
    assert (answer.status_code, answer.json()["code"]) == (400, "Unsupported")
    assert "--lab" in answer.json()["error"]


def test_a_key_shows_its_secret_once(world: World, http: httpx.Client) -> None:
    made = http.post("/v1/credentials")
    assert made.status_code == 201
    secret = made.json()["secret_access_key"]
    (kept,) = world.cloud.snapshot.all(AccessKey)
    assert kept.secret.reveal() == secret
    assert made.headers["cache-control"] == "no-store"
    listed = http.get("/v1/credentials")
    assert [key["access_key_id"] for key in listed.json()] == [made.json()["access_key_id"]]
    assert secret not in listed.text
    assert secret not in http.get("/v1/status").text
    assert http.delete(f"/v1/credentials/{kept.id}").status_code == 200
    assert http.delete(f"/v1/credentials/{kept.id}").status_code == 404


def test_a_key_of_ones_own(world: World, http: httpx.Client) -> None:
    own = {"access_key_id": "CI_KEY", "secret_access_key": "s" * 40}
    assert http.post("/v1/credentials", json=own).json()["secret_access_key"] == "s" * 40
    assert http.post("/v1/credentials", json=own).status_code == 409
    half = http.post("/v1/credentials", json={"access_key_id": "OTHER"})
    assert (half.status_code, half.json()["code"]) == (400, "Combination")


def test_keys_of_any_account_in_any_role(world: World, http: httpx.Client) -> None:
    made = http.post("/v1/credentials", json={"account": "999999999999", "role": "read-only"}).json()
    assert (made["account"], made["role"]) == ("999999999999", "read-only")
    first = http.post("/v1/credentials").json()
    assert (first["account"], first["role"]) == (ACCOUNT, "admin")
    assert {key["account"] for key in http.get("/v1/credentials").json()} == {ACCOUNT, "999999999999"}
    assert http.delete(f"/v1/credentials/{made['access_key_id']}").status_code == 200
    assert [key.account for key in world.cloud.snapshot.all(AccessKey)] == [ACCOUNT]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"account": "42"}, "twelve digits"),
        ({"account": 999999999999}, "text"),
        ({"role": "root"}, "admin, operator, read-only"),
        ({"role": ""}, "text"),
        ({"role": ["admin"]}, "text"),
    ],
)
def test_no_such_account_or_role(world: World, http: httpx.Client, body: dict[str, object], said: str) -> None:
    answer = http.post("/v1/credentials", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "Invalid")
    assert said in answer.json()["error"]
    assert not list(world.cloud.snapshot.all(AccessKey))


def test_a_refused_secret_is_not_repeated(http: httpx.Client) -> None:
    answer = http.post("/v1/credentials", json={"access_key_id": "CI_KEY", "secret_access_key": "hush hush hush hush"})
    assert answer.status_code == 400
    assert "hush" not in answer.text


def test_only_credentials_while_the_service_is_stopped(world: World) -> None:
    http = in_process(credentials_app(world.cloud.control, account=ACCOUNT, region=REGION))
    assert http.post("/v1/credentials").status_code == 201
    assert http.get("/v1/status").status_code == 404


def test_where(world: World, http: httpx.Client) -> None:
    world.furnish()
    (instance,) = world.cloud.snapshot.all(Instance)
    expected = {
        "name": instance.id,
        "kind": "instance",
        "namespace": f"lb-a1b2c3-{instance.id}",
        "resolver": None,
    }
    assert http.get(f"/v1/where/{instance.id}").json() == expected
    assert http.get("/v1/where/web").json() == expected
    chosen = world.cloud.run(CreateDhcpOptions(("corp.example",), (IPv4Address("10.0.0.53"),)))
    world.cloud.run(AssociateDhcpOptions(chosen.id, instance.vpc_id))
    told = {"search": ["corp.example"], "servers": ["10.0.0.53"]}
    assert http.get("/v1/where/web").json() == {**expected, "resolver": told}
    assert http.get(f"/v1/where/{instance.vpc_id}").json()["resolver"] is None, "only instances are told"
    unknown = http.get("/v1/where/nobody")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "NotFound")
    assert http.get("/v1/where/a%2Fb").json()["code"] == "NotFound"


def test_nothing_to_enter_without_a_data_plane(world: World, http: httpx.Client) -> None:
    world.data_plane = "none"
    answer = http.get("/v1/where/x")
    assert (answer.status_code, answer.json()["code"]) == (400, "Unsupported")


def test_plan(world: World, http: httpx.Client) -> None:
    world.steps = ("create namespace a", "create bridge a/br0")
    assert http.get("/v1/plan").json() == {"revision": 0, "steps": list(world.steps)}


def test_wait(world: World, http: httpx.Client) -> None:
    http.post("/v1/lab/sites", json=OFFICE)
    assert http.post("/v1/wait").json() == {"revision": 1, "converged": True, "faults": []}
    world.furnish()
    world.converged = False
    answer = http.post("/v1/wait", json={"revision": "now", "timeout": 0}).json()
    assert answer["converged"] is False
    assert answer["faults"][0]["message"].startswith("BIRD could not")


@pytest.mark.parametrize(
    "body",
    [{"revision": 99}, {"revision": -1}, {"revision": True}, {"timeout": -1}, {"timeout": 1e9}, {"timeout": "long"}],
)
def test_a_wait_for_nonsense_is_refused(http: httpx.Client, body: dict[str, object]) -> None:
    answer = http.post("/v1/wait", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "Invalid")


def test_wait_ends_when_it_converges(world: World, http: httpx.Client) -> None:
    asked: list[tuple[int, float]] = []

    def wait(revision: int, timeout: float) -> bool:
        asked.append((revision, timeout))
        return len(asked) == 3

    patient = in_process(admin_app(replace(world.parts(), wait=wait)))
    assert patient.post("/v1/wait", json={"timeout": 60}).json()["converged"] is True
    assert asked == [(0, 1.0)] * 3


def test_a_driver_that_cannot_read_is_a_sentence(world: World) -> None:
    def plan() -> tuple[str, ...]:
        raise OperatorError("The namespaces could not be listed.")

    answer = in_process(admin_app(replace(world.parts(), plan=plan))).get("/v1/plan")
    assert (answer.status_code, answer.json()) == (
        503,
        {"error": "The namespaces could not be listed.", "code": "OperatorError"},
    )


def test_how_a_connection_carries_packets(world: World, http: httpx.Client) -> None:
    world.furnish()
    connection = next(world.cloud.snapshot.all(VpnConnection))
    answer = http.patch(f"/v1/vpn-connections/{connection.id}", json={"clear_df": True, "force_udp": None}).json()
    revision = world.cloud.snapshot.revision
    assert answer == {"id": connection.id, "clear_df": True, "force_udp": False, "revision": revision}
    seen = next(c for c in http.get("/v1/status").json()["vpn_connections"] if c["id"] == connection.id)
    assert (seen["clear_df"], seen["force_udp"]) == (True, False)
    for body in ({"clear_df": "yes"}, {"clear_df": 1}, {"colour": "red"}):
        assert http.patch(f"/v1/vpn-connections/{connection.id}", json=body).json()["code"] == "Invalid"
    assert http.patch("/v1/vpn-connections/vpn-1", json={}).status_code == 404
    world.cloud.run(DeleteVpnConnection(connection.id))
    gone = http.patch(f"/v1/vpn-connections/{connection.id}", json={"clear_df": False})
    assert (gone.status_code, gone.json()["code"]) == (409, "WrongState")
    assert world.cloud.snapshot.revision == revision + 1


def test_a_crash_is_json_without_its_message(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    def plan() -> tuple[str, ...]:
        raise KeyError("psk-hush")

    answer = in_process(admin_app(replace(world.parts(), plan=plan))).get("/v1/plan")
    assert (answer.status_code, answer.json()["code"]) == (500, "InternalError")
    assert "KeyError" in answer.json()["error"]
    output = capsys.readouterr()
    assert "hush" not in answer.text + output.out + output.err


def test_wrong_paths_and_methods_are_json(http: httpx.Client) -> None:
    nowhere = http.get("/v2/status")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "NoSuchPath")
    wrong = http.put("/v1/status")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "MethodNotAllowed")


def test_the_same_transactions_as_ec2(world: World, http: httpx.Client) -> None:
    http.post("/v1/lab/sites", json=OFFICE)
    (site,) = world.cloud.snapshot.all(LabSite)
    assert (site.account, site.region, site.state) == (ACCOUNT, REGION, State.PENDING)
    assert len(world.cloud.store.commits) == 1


@pytest.mark.parametrize("path", ["why", "logs"])
def test_tunnels_are_1_and_2_of_connections_that_there_are(world: World, http: httpx.Client, path: str) -> None:
    world.furnish()
    identity = next(world.cloud.snapshot.all(VpnConnection)).id
    assert http.get(f"/v1/{path}/{identity}", params={"tunnel": "2"}).status_code == 200
    for wrong in ("3", "0", "x", ""):
        assert http.get(f"/v1/{path}/{identity}", params={"tunnel": wrong}).status_code == 400
    assert http.get(f"/v1/{path}/vpn-0123456789abcdef0").status_code == 404
