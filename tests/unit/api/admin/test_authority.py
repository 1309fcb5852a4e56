"""The authority at the admin API: what it answers, what it refuses, and that it tells no key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from admin_world import World, in_process

from landbridge.api.admin.app import admin_app
from landbridge.control.certificates import MAX_REQUEST
from pki import REQUEST


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with in_process(admin_app(World().parts())) as client:
        yield client


def test_a_certificate_is_issued_listed_and_revoked(http: httpx.Client) -> None:
    authority = http.post("/v1/authority").json()
    assert authority.keys() == {"certificate"}
    assert "PRIVATE" not in authority["certificate"]
    assert http.post("/v1/authority").json() == authority
    issued = http.post("/v1/certificates", json={"csr": REQUEST, "name": "office.example.net", "days": 30})
    assert issued.status_code == 201
    made = issued.json()
    assert made["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    listed = http.get("/v1/certificates").json()
    assert listed == [{name: value for name, value in made.items() if name != "certificate"}]
    assert listed[0]["revoked"] is None
    revoked = http.post("/v1/certificates/revoke", json={"arn": made["arn"]}).json()
    assert revoked["revoked"] is not None
    assert http.get("/v1/certificates").json()[0]["revoked"] == revoked["revoked"]


def test_account_and_region_are_in_the_arn(http: httpx.Client) -> None:
    body = {"csr": REQUEST, "account": "123456789012", "region": "eu-central-1"}
    made = http.post("/v1/certificates", json=body).json()
    assert made["arn"].startswith("arn:aws:acm:eu-central-1:123456789012:certificate/")
    assert made["name"] == "asked.example.net"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {}),
        (400, {"csr": "x" * (MAX_REQUEST + 1)}),
        (413, {"csr": "x" * 20_000}),
        (400, {"csr": 7}),
        (400, {"csr": REQUEST, "days": "many"}),
        (400, {"csr": REQUEST, "days": True}),
        (400, {"csr": REQUEST, "account": "me"}),
        (400, {"csr": REQUEST, "region": "mars-1"}),
        (400, {"csr": REQUEST, "surprise": 1}),
        (400, {"csr": REQUEST, "name": "a b"}),
    ],
)
def test_bad_requests_are_refused(http: httpx.Client, status: int, body: dict[str, Any]) -> None:
    answer = http.post("/v1/certificates", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert http.get("/v1/certificates").json() == []
    assert http.post("/v1/certificates/revoke", json={"arn": "arn:of:nothing"}).status_code == 404
