"""What the README tells people to type is typed here, as it stands."""

from __future__ import annotations

import configparser
import os
import re
import secrets
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import remains
import terraform
import typer
from documents import README, ROOT, blocks, documents
from shell import eventually, run

from landbridge.cli.program import app

STATE, URL = "/var/lib/landbridge", "http://127.0.0.1:8780"
BIN = Path(sys.executable).parent


def commands() -> Iterator[tuple[str, str]]:
    for document in documents():
        text = document.read_text()
        for block in [*blocks(text, "sh"), *re.findall(r"`(landbridge [a-z][^`]*)`", text)]:
            for line in block.replace("\\\n", " ").splitlines():
                if found := re.search(r"(?:^|exec \S+ )(landbridge .*)", line):
                    yield document.name, found[1]


def test_there_are_commands_to_look_at() -> None:
    assert sum(name == "README.md" for name, _ in commands()) >= 10


@pytest.mark.parametrize(("document", "command"), sorted(set(commands())))
def test_every_command_that_a_document_names_is_there_with_its_options(document: str, command: str) -> None:
    words = shlex.split(re.sub(r'"\$\(.*?\)"', "x", command).replace("&", ""), comments=True)[1:]
    group = typer.main.get_command(app)
    while hasattr(group, "commands") and words and words[0] in group.commands:
        group = group.commands[words.pop(0)]
    assert not hasattr(group, "commands") or not words or "|" in words or "..." in words, f"no `{command}`"
    known = {option for parameter in group.params for option in [*parameter.opts, *parameter.secondary_opts]}
    used = {word.partition("=")[0] for word in words[: words.index("--") if "--" in words else None]}
    assert {word for word in used if word.startswith("--")} <= known, f"`{command}` has an unknown option"


@pytest.mark.lab
@pytest.mark.timeout(600)
def test_the_terraform_example_as_it_stands(tmp_path: Path) -> None:
    _, mirror = terraform.required()
    text = README.read_text()
    suffix = secrets.token_hex(2)
    state = Path(f"/tmp/lb-readme-{suffix}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

    def here(words: str) -> str:
        words = words.replace(STATE, str(state)).replace(URL, url).replace("$PWD/.venv/bin", str(BIN))
        words = re.sub(r"\boffice(-host)?\b", rf"office-{suffix}\1", words)
        return words.replace("serve --lab", f"serve --lab --listen {url.removeprefix('http://')}")

    (example,) = blocks(text, "hcl")
    (tmp_path / "main.tf").write_text(example.replace(STATE, str(state)).replace(URL, url))
    steps = [here(block) for block in blocks(text, "sh")]
    serve, *others = steps
    until_ready = f"until [ -S {state}/admin.sock ]; do sleep 0.1; done\nlandbridge plan > /dev/null\n"
    script = tmp_path / "readme.sh"
    script.write_text("\n".join(["set -euxo pipefail", serve, until_ready, *others]))
    settings = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        **terraform.environment(tmp_path, mirror),
        "LANDBRIDGE_STATE": str(state),
    }
    log = tmp_path / "log"
    try:
        with log.open("w") as out:
            done = subprocess.run(
                ("bash", str(script)), cwd=tmp_path, env=settings, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                timeout=500, check=False,
            )  # fmt: skip
        said = "\n".join(line for line in log.read_text().splitlines() if "step_done" not in line)
        assert done.returncode == 0, said[-6000:]
        assert "No changes" in said
        assert said.count("3 packets transmitted, 3 received") == 2
        assert said.count(": UP ") == 2
        assert not state.exists()
    finally:
        _away_with(state, f"office-{suffix}")


def _away_with(state: Path, site: str) -> None:
    """Whatever a failed run left: then the test has failed already, and the next one shall not."""
    instances = [path.read_text().strip() for path in state.glob("**/instance")]
    if (state / "instance").exists():
        pid = (state / "lock").read_text().strip()
        if pid and Path(f"/proc/{pid}/cmdline").exists() and str(state).encode() in _environ(pid):
            run("kill", pid)
        for folder in state.glob("customer-gateway/*"):
            run("ip", "netns", "exec", site, str(BIN / "landbridge"), "customer-gateway", "down", folder.name,
                "--state", str(state), timeout=90)  # fmt: skip
        eventually(
            lambda: run(str(BIN / "landbridge"), "purge", "--yes", "--state", str(state), timeout=90).returncode == 0,
            "purged", 60,
        )  # fmt: skip
    assert not remains.of(instances, [site, f"{site}-host"], state)


def _environ(pid: str) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()


def test_the_credentials_are_where_the_provider_block_says() -> None:
    (example,) = blocks(README.read_text(), "hcl")
    assert f'["{STATE}/credentials"]' in example
    parser = configparser.ConfigParser()
    parser.read_string("[default]\naws_access_key_id = x\n")  # the form that `serve` writes and AWS's tools read
    assert parser["default"]["aws_access_key_id"] == "x"


def test_the_set_up_section_is_two_commands() -> None:
    section = README.read_text().partition("## Set up")[2].partition("\n## ")[0]
    assert re.findall(r"^    (\S+)", section, re.MULTILINE) == ["scripts/demo", "scripts/test"]
    for name in ("scripts/demo", "scripts/test"):
        assert os.access(ROOT / name, os.X_OK)
