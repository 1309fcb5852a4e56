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
from recorder import Recorder
from shell import SLOW

MIRROR = "LANDBRIDGE_TERRAFORM_MIRROR"
"""Names a folder laid out as a provider mirror (HOST/hashicorp/aws/...), if it is none of the usual ones."""

_USUAL = (
    "/usr/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
    "/opt/*",
    "/var/lib/terraform*",
    "~/.terraform.d/plugins",
)


_PROVIDER = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = "~> 5.0" }
  }
}

provider "aws" {
  region                   = "REGION"
  shared_credentials_files = ["CREDENTIALS"]
  max_retries              = 2
  endpoints {
    ec2 = "URL"
    sts = "URL"
  }
}
"""


def provider(region: str) -> str:
    """How a configuration begins; `pointed` fills in the rest."""
    return _PROVIDER.replace("REGION", region)


def pointed(configuration: str, url: str, state: Path) -> str:
    """The configuration with the endpoint of a service, and with its first access key."""
    return configuration.replace("URL", url).replace("CREDENTIALS", str(state / "credentials"))


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
    return {
        "TF_CLI_CONFIG_FILE": str(settings),
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        # Every command starts the provider anew, and a third of its time went into collecting what it keeps anyway.
        "GOGC": "400",
    }


_ASK = {"plan", "apply", "import", "destroy"}
"""The commands that ask the provider, and it the service."""


class Terraform:
    """One configuration in a folder of its own. `recorder`: what the commands ask for is written down."""

    def __init__(self, folder: Path, configuration: str, recorder: Recorder | None = None) -> None:
        self._program, mirror = required()
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._recorder = recorder if recorder and recorder.records else None
        (folder / "main.tf").write_text(configuration)
        self._environment = {**os.environ, **environment(folder, mirror)}
        self.run("init")

    def run(self, *words: str, codes: tuple[int, ...] = (0,), phase: str = "") -> subprocess.CompletedProcess[str]:
        """A command that has to end with one of these exit codes. `phase`: what recordings call it, if not as it is."""
        options = [] if words[0] in ("output", "state") else ["-no-color"]
        if self._recorder is not None and words[0] in _ASK:
            options.append("-parallelism=1")  # so that a resource's requests stand together
            self._recorder.phase(phase or words[0], self._version())
        done = subprocess.run(
            (self._program, words[0], *options, *words[1:]),
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=240 * SLOW,
            check=False,
        )
        assert done.returncode in codes, f"terraform {' '.join(words)}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done

    def _version(self) -> str:
        """Which Terraform with which provider this is."""
        done = subprocess.run(
            (self._program, "version", "-json"),
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            check=True,
        )
        said = json.loads(done.stdout)
        (provider,) = said["provider_selections"].values()
        return f"Terraform {said['terraform_version']}, provider aws {provider}"

    def rewrite(self, configuration: str) -> None:
        """From now on another configuration."""
        (self._folder / "main.tf").write_text(configuration)

    def apply(self, phase: str = "") -> str:
        """Make everything as the configuration says; Terraform's own sentence about what it did."""
        said = self.run("apply", "-auto-approve", phase=phase).stdout
        return next(line for line in said.splitlines() if line.startswith("Apply complete!"))

    def plan_is_empty(self) -> None:
        """Terraform finds nothing to change."""
        done = self.run("plan", "-detailed-exitcode", codes=(0, 2))
        assert done.returncode == 0, f"the second plan is not empty: {done.stdout}"

    def set(self, **variables: int | str) -> None:
        """Give variables of the configuration their values."""
        (self._folder / "terraform.tfvars.json").write_text(json.dumps(variables))

    def resources(self) -> dict[str, dict[str, Any]]:
        """What is managed: the attributes of each resource by its address."""
        state = json.loads(self.run("show", "-json").stdout)["values"]["root_module"]
        return {each["address"]: each["values"] for each in state["resources"] if each["mode"] == "managed"}

    def imports(self, ids: dict[str, str]) -> str:
        """Forget everything and take what is there back, by address and id: what would then be done, as a sentence."""
        folder = self._folder
        for state in ("terraform.tfstate", "terraform.tfstate.backup"):
            (folder / state).rename(folder / f"{state}.kept")
        blocks = (f'import {{\n  to = {address}\n  id = "{identity}"\n}}\n' for address, identity in ids.items())
        (folder / "imports.tf").write_text("".join(blocks))
        try:
            said = self.run("plan", "-detailed-exitcode", codes=(2,), phase="import").stdout
        finally:
            (folder / "imports.tf").unlink()
            for state in ("terraform.tfstate", "terraform.tfstate.backup"):
                (folder / f"{state}.kept").rename(folder / state)
        return next(line for line in said.splitlines() if line.startswith("Plan: "))

    def outputs(self) -> dict[str, Any]:
        """The outputs, the sensitive ones, too."""
        return {name: each["value"] for name, each in json.loads(self.run("output", "-json").stdout).items()}

    def destroy(self) -> None:
        """Take everything away."""
        self.run("destroy", "-auto-approve")
