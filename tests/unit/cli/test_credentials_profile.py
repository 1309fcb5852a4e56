"""`landbridge credentials create --profile` as typed: what it says, and that a key without a profile is not left."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from admin_world import World, served

from landbridge.cli.program import run
from landbridge.model.keys import AccessKey

CREATE = ["credentials", "create", "--profile", "landbridge"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    monkeypatch.setenv("HOME", str(made))
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    return made


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def state(world: World, tmp_path: Path) -> Iterator[str]:
    (tmp_path / "state").mkdir()
    with served(world, tmp_path / "state") as folder:
        yield str(folder)


def keys(world: World) -> list[AccessKey]:
    return list(world.cloud.snapshot.all(AccessKey))


def test_what_it_writes_and_says(world: World, state: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*CREATE, "--region", "eu-central-1", "--state", state]) == 0
    (key,) = keys(world)
    output = capsys.readouterr()
    assert output.out == (
        f"Profile landbridge is in {home}/.aws/credentials and {home}/.aws/config.\n"
        "Try: aws --profile landbridge ec2 describe-vpcs\n"
    )
    assert key.secret.reveal() not in output.out + output.err
    assert f"aws_secret_access_key = {key.secret.reveal()}\n" in (home / ".aws/credentials").read_text()
    config = (home / ".aws/config").read_text()
    assert "endpoint_url = http://127.0.0.1:8780\n" in config
    assert "ca_bundle" not in config
    assert run([*CREATE, "--json", "--state", state]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["access_key_id"] == keys(world)[1].id
    assert said["profile"] == "landbridge"
    assert "secret_access_key" not in said


def test_the_former_key_is_named(world: World, state: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*CREATE, "--state", state]) == 0
    assert run([*CREATE, "--state", state]) == 0
    assert f"landbridge credentials delete {keys(world)[0].id}\n" in capsys.readouterr().out


def test_a_key_that_no_profile_holds_is_not_left(
    world: World, state: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value, said in (
        ("AWS_CONFIG_FILE", os.devnull, "no regular file"),
        ("AWS_CONFIG_FILE", "/proc/1/aws/config", "/proc/1/aws/config cannot be written"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/proc/1/aws/credentials", "/proc/1/aws/credentials cannot be written"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert run([*CREATE, "--state", state]) == 1
        output = capsys.readouterr()
        assert said in output.err
        assert output.err.count("\n") == 1
        assert output.out == ""
        assert keys(world) == []
    assert not (home / ".aws" / "config").exists()


def test_somebody_elses_profile(world: World, state: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / ".aws").mkdir()
    (home / ".aws/config").write_text("[profile landbridge]\nregion = us-east-1\nrole_arn = x\n")
    assert run([*CREATE, "--state", state]) == 1
    assert "There is a profile 'landbridge'" in capsys.readouterr().err
    assert keys(world) == []
    assert run([*CREATE, "--force", "--state", state]) == 0
    assert "role_arn" not in (home / ".aws/config").read_text()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["credentials", "create", "--region", "eu-central-1"], 2, "give --profile, too"),
        (["credentials", "create", "--force"], 2, "give --profile, too"),
        ([*CREATE, "--region", "eu-central-7"], 2, "none of AWS's regions"),
        (["credentials", "create", "--profile", "a b"], 1, "no name for a profile"),
    ],
)
def test_misuse(
    home: Path, tmp_path: Path, words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "--state", str(tmp_path / "s")]) == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_before_the_service_ever_ran(home: Path, tmp_path: Path) -> None:
    assert run([*CREATE, "--state", str(tmp_path / "s")]) == 0
    assert "endpoint_url = http://127.0.0.1:8780\n" in (home / ".aws/config").read_text()
