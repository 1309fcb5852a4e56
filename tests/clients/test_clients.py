"""Unmodified clients that are too large for every run: Ansible's modules, and the AWS SDK for JavaScript."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]

HERE = Path(__file__).parent
CLIENTS = HERE.parents[1] / ".clients"
"""Made by `scripts/bootstrap --clients`, which `scripts/test --nightly` runs."""
REGION = "eu-central-1"


@pytest.fixture
def client_environment(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """A service without a data plane, and what tells a client of it."""
    state = tmp_path / "state"
    said = tmp_path / "said"
    with said.open("wb") as log:
        service = subprocess.Popen(
            (
                str(Path(sys.executable).with_name("landbridge")),
                *("serve", "--data-plane", "none", "--listen", "127.0.0.1:0", "--state", str(state)),
            ),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert service.stdout is not None
        ready = service.stdout.readline().split()
        assert ready[:1] == ["ready"], said.read_text()
        key = configparser.ConfigParser()
        key.read(state / "credentials")
        yield {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "LANG": "C.UTF-8",
            "AWS_ENDPOINT_URL": ready[1],
            "AWS_REGION": REGION,
            "AWS_SHARED_CREDENTIALS_FILE": str(state / "credentials"),
            "AWS_CONFIG_FILE": os.devnull,
        }
    finally:
        service.terminate()
        service.wait(30)
    assert "Traceback" not in said.read_text()
    assert "crashed" not in said.read_text()


def run(environment: Mapping[str, str], *command: str, folder: Path = HERE) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return done.stdout


def test_ansible_makes_changes_nothing_the_second_time_and_takes_away(client_environment: Mapping[str, str]) -> None:
    ansible = CLIENTS / "ansible" / "bin"
    playbook = (
        str(ansible / "ansible-playbook"),
        *("--inventory", "localhost,", "--extra-vars", f"ansible_python_interpreter={ansible / 'python'}"),
    )

    def changed(name: str) -> int:
        said = run(client_environment, *playbook, name)
        [count] = re.findall(r"^localhost .* changed=(\d+) ", said, re.MULTILINE)
        return int(count)

    assert changed("site.yml") == 8
    assert changed("site.yml") == 0
    assert changed("away.yml") > 0
    assert changed("away.yml") == 0


def test_the_sdk_for_javascript(client_environment: Mapping[str, str]) -> None:
    folder = CLIENTS / "node"
    shutil.copy(HERE / "node" / "two-sites.mjs", folder)
    said = json.loads(run(client_environment, "node", "two-sites.mjs", folder=folder))
    assert len(said["connections"]) == 2
    assert said["types"] == [False, True]
