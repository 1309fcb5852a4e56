"""`landbridge ca` as typed: where keys and certificates go, and that nothing is overwritten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from admin_world import World, served
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from landbridge.cli.program import run
from landbridge.control.certificates import MAX_REQUEST, IssueDeviceCertificate
from pki import REQUEST


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def state(world: World, tmp_path: Path) -> Iterator[str]:
    with served(world, tmp_path) as folder:
        yield str(folder)


def ca(state: str, *arguments: str) -> int:
    return run(["ca", *arguments, "--state", state])


def test_a_key_is_made_here_and_is_its_owners_alone(
    state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate, key = tmp_path / "office.pem", tmp_path / "office.key"
    assert ca(state, "issue", "office.example.net", "--certificate", str(certificate), "--key", str(key)) == 0
    said = capsys.readouterr()
    assert said.out.startswith("arn:aws:acm:")
    assert said.out.count("\n") == 1
    assert key.stat().st_mode & 0o777 == 0o600
    made = x509.load_pem_x509_certificate(certificate.read_bytes())
    assert load_pem_private_key(key.read_bytes(), None).public_key() == made.public_key()
    assert ca(state, "show") == 0
    authority = x509.load_pem_x509_certificate(capsys.readouterr().out.encode())
    made.verify_directly_issued_by(authority)


def test_a_request_is_answered_listed_and_revoked(
    state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request, certificate = tmp_path / "router.csr", tmp_path / "router.pem"
    request.write_text(REQUEST)
    assert ca(state, "issue", "--csr", str(request), "--certificate", str(certificate), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert "certificate" not in told
    assert told["name"] == "asked.example.net"
    assert ca(state, "revoke", told["arn"], "--no-wait") == 0
    assert ca(state, "list", "--json") == 0
    [listed] = json.loads(capsys.readouterr().out)
    assert (listed["arn"], listed["revoked"] is None) == (told["arn"], False)
    assert ca(state, "list") == 0
    assert "revoked" in capsys.readouterr().out


def test_the_list_says_which_are_good(state: str, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.cloud.later(timedelta(days=-1_000))  # when the first one is issued
    world.cloud.run(IssueDeviceCertificate(REQUEST, "expired.example.net", 30))
    world.cloud.now = datetime.now(UTC)
    world.cloud.run(IssueDeviceCertificate(REQUEST, "good.example.net"))
    assert ca(state, "list") == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [(row[1], row[3]) for row in rows] == [("expired.example.net", "expired"), ("good.example.net", "good")]


@pytest.mark.parametrize("which", ["certificate", "key"])
def test_nothing_is_overwritten(state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], which: str) -> None:
    files = {name: tmp_path / f"office.{name}" for name in ("certificate", "key")}
    files[which].write_text("mine")
    options = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    assert ca(state, "issue", "office.example.net", *options) == 2
    assert "exists already" in capsys.readouterr().err
    assert files[which].read_text() == "mine"
    assert ca(state, "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["office.example.net"], "Give one of both"),
        (["office.example.net", "--key", "KEY", "--csr", "CSR"], "Give one of both"),
        (["--key", "KEY"], "whom the certificate is for"),
        (["--csr", "HUGE"], "too large"),
        (["--csr", "KEY"], "No such file"),
        (["a b", "--key", "KEY"], "letters, digits"),
        (["office.example.net", "--key", "KEY", "--days", "0"], "1 to"),
        (["office.example.net", "--key", "KEY", "--region", "mars-1"], "regions"),
    ],
)
def test_what_makes_no_sense_is_a_sentence_and_leaves_no_file(
    state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "CSR").write_text(REQUEST)
    (folder / "HUGE").write_text(REQUEST + "x" * MAX_REQUEST)
    before = {path.name for path in folder.iterdir()}
    typed = [str(folder / word) if word.isupper() else word for word in arguments]
    assert ca(state, "issue", *typed, "--certificate", str(folder / "office.pem")) != 0
    told = capsys.readouterr().err
    assert told.startswith("landbridge: ")
    assert told.count("\n") == 1
    assert said in told
    assert {path.name for path in folder.iterdir()} == before
