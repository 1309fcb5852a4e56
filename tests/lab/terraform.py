"""The real Terraform with the real AWS provider, where both are on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MIRROR = "LANDBRIDGE_TERRAFORM_MIRROR"
"""Names a folder laid out as a provider mirror (HOST/hashicorp/aws/...), if it is none of the usual ones."""

_USUAL = (
    "/usr/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
    "/opt/*",
    "/var/lib/terraform*",
    "~/.terraform.d/plugins",
)


def found() -> tuple[str, Path] | None:
    """The program and the provider mirror; None if one of them is not here."""
    program = shutil.which("terraform")
    mirror = next((folder for folder in _candidates() if any(folder.glob("registry.*/hashicorp/aws"))), None)
    return (program, mirror) if program and mirror else None


def _candidates() -> Iterator[Path]:
    if named := os.environ.get(MIRROR):
        yield Path(named)
    for pattern in _USUAL:
        path = Path(pattern).expanduser()
        yield from sorted(path.parent.glob(path.name))


def required() -> tuple[str, Path]:
    """The program and the mirror; skips the test, and says so, where they are not."""
    both = found()
    if both is None:
        pytest.skip(
            "NOTHING WAS TESTED WITH TERRAFORM: terraform or a mirror of the provider hashicorp/aws is not on this "
            f"machine. Install terraform, run `terraform providers mirror FOLDER`, and set {MIRROR}=FOLDER."
        )
    return both


def environment(folder: Path, mirror: Path) -> dict[str, str]:
    """What Terraform needs around it to take the provider from the mirror and nothing from anywhere else."""
    settings = folder / "terraform.rc"
    settings.write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{mirror}" }}\n}}\n')
    return {"TF_CLI_CONFIG_FILE": str(settings), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}


class Terraform:
    """One configuration in a folder of its own."""

    def __init__(self, folder: Path, configuration: str) -> None:
        self._program, mirror = required()
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        (folder / "main.tf").write_text(configuration)
        self._environment = {**os.environ, **environment(folder, mirror)}
        self.run("init")

    def run(self, *words: str, codes: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        """A command that has to end with one of these exit codes."""
        done = subprocess.run(
            (self._program, words[0], *([] if words[0] in ("output", "state") else ["-no-color"]), *words[1:]),
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode in codes, f"terraform {' '.join(words)}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done

    def rewrite(self, configuration: str) -> None:
        """From now on another configuration."""
        (self._folder / "main.tf").write_text(configuration)

    def apply(self) -> None:
        """Make everything as the configuration says."""
        self.run("apply", "-auto-approve")

    def plan_is_empty(self) -> None:
        """Terraform finds nothing to change."""
        done = self.run("plan", "-detailed-exitcode", codes=(0, 2))
        assert done.returncode == 0, f"the second plan is not empty: {done.stdout}"

    def outputs(self) -> dict[str, Any]:
        """The outputs, the sensitive ones, too."""
        return {name: each["value"] for name, each in json.loads(self.run("output", "-json").stdout).items()}

    def destroy(self) -> None:
        """Take everything away."""
        self.run("destroy", "-auto-approve")
